//! Single questions for those who act: what a sender, a message or a miner is like at this moment.
//!
//! It reads with the calls and tokens that the collector has, asks anew each time, and remembers nothing. Whether
//! something is done is decided elsewhere; with this nothing can be.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::address::Address;
use super::auth::{Auths, Standing};
use super::era::About;
use super::gateway::{GatewaySeen, Gateways};
use super::known::Known;
use super::messager::{self, Message, Waiting, Whole};
use super::miner::{MinerSeen, MinerServices};
use super::node::{Actor, Deadline, HeadSeen, Nodes};
use super::readers::Making;
use super::server::{Asking, Server};
use super::target::Target;
use super::wire::{List, Text, nullable};
use crate::clock::UnixTime;
use crate::upstream::{Fault, Upstream, VenusCall, VenusService, Why};

/// Messages of one sender that are read at most: beyond that nobody can say which comes first.
const MOST_ROWS: usize = 10_000;

/// What is asked about one chain service.
pub struct Desk {
    target: Target,
    nodes: Nodes,
    messagers: Vec<Server>,
    miners: MinerServices,
    miner_lists: Vec<Server>,
    gateways: Gateways,
    auths: Auths,
}

/// What waits of one sender, as one messager tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waits {
    /// The number of the messager among those of the target; what is done about a message is done there.
    pub messager: usize,
    /// What the messager says of itself; `None` where it does not tell now.
    pub about: Option<About>,
    /// The filled one with the lowest nonce: the others wait for it.
    pub lowest: Option<Message>,
    /// Unfilled ones with an error, the oldest first.
    pub failing: Vec<Message>,
}

/// A miner as its miner service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinerNow {
    /// `None` where it does not tell now.
    pub about: Option<About>,
    pub mining: Option<bool>,
    pub open: Option<bool>,
    /// The user that it belongs to; `None` where it is not in the list.
    pub user: Option<String>,
}

impl Desk {
    /// Reads the tokens; nothing is asked yet.
    pub fn new(target: &Target, upstream: &Upstream) -> Result<Self, Fault> {
        let (mut making, auths) = Making::new(target, upstream)?;
        Ok(Self {
            nodes: Nodes::new(making.servers(VenusService::Node)?, Known::default()),
            messagers: making.servers(VenusService::Messager)?,
            miners: MinerServices::new(making.servers(VenusService::Miner)?, target.most_miners()),
            miner_lists: making.servers(VenusService::Miner)?,
            gateways: Gateways::new(making.servers(VenusService::Gateway)?, target.most_miners()),
            // Our own tokens are the collector's business.
            auths: Auths::new(auths, Vec::new()),
            target: target.clone(),
        })
    }

    /// The best head of all nodes, if that is near enough to the clock to be believed about the chain; else why not.
    pub async fn head(&self, now: UnixTime) -> Result<HeadSeen, String> {
        let said = self.nodes.heads().await;
        let mut best: Option<HeadSeen> = None;
        let mut lost = None;
        for one in said {
            match one.outcome {
                Ok(seen) if best.as_ref().is_none_or(|best| best.head.epoch < seen.head.epoch) => best = Some(seen),
                Ok(_) => {}
                Err(fault) => lost = Some(fault),
            }
        }
        let Some(best) = best else {
            let why = lost.map_or_else(|| "none is configured".to_owned(), |fault| fault.to_string());
            return Err(format!("no node says what is on chain ({why})"));
        };
        let limit = self.target.thresholds.behind_epochs;
        match best.behind(now) {
            Some(behind) if behind <= limit => Ok(best),
            Some(behind) => Err(format!(
                "the best node is {behind} epochs behind the clock (limit {limit}): what it has of the chain is old"
            )),
            None => Err("no node says how far behind it is".to_owned()),
        }
    }

    /// Balance and nonce of a sender by the chain.
    pub async fn actor(&self, address: &Address) -> Result<Actor, Fault> {
        self.nodes.actor(address).await
    }

    /// The proving window that is open for a miner.
    pub async fn window(&self, miner: &Address) -> Result<Deadline, Fault> {
        self.nodes.window(miner).await
    }

    /// The key that signs for a miner's blocks.
    pub async fn worker(&self, miner: &Address) -> Result<Address, Fault> {
        self.nodes.worker(miner).await
    }

    /// What waits of a sender, as the first messager that tells it has it.
    pub async fn waits(&self, sender: &Address) -> Result<Waits, Fault> {
        let mut lost = None;
        for (number, server) in self.messagers.iter().enumerate() {
            let said = server.ask(async |asking| waits(asking, sender).await).await;
            match said.outcome {
                Ok(waits) => {
                    return Ok(Waits {
                        messager: number,
                        about: said.about,
                        ..waits
                    });
                }
                Err(fault) => lost = lost.or(Some(fault)),
            }
        }
        Err(lost.unwrap_or_else(|| nobody("messager")))
    }

    /// One message, from the messager of that number.
    pub async fn message(&self, messager: usize, id: &str) -> Result<Whole, Fault> {
        let Some(server) = self.messagers.get(messager) else {
            return Err(nobody("messager"));
        };
        let params = json!([id]);
        let asked = server.client.call(VenusCall::GET_MESSAGE, &params, messager::whole);
        let whole = asked.await?;
        if whole.id == id {
            return Ok(whole);
        }
        let why = Why::malformed("another message than the one that was asked for");
        Err(Fault::new(server.client.who(), VenusCall::GET_MESSAGE.method(), why))
    }

    /// Whether a wallet that is connected to a gateway signs for it; `None` where one that might know does not tell.
    pub async fn signs_for(&self, address: &Address) -> Option<bool> {
        self.of_gateways(&[], |seen| seen.signs_for(address)).await
    }

    /// Whether somebody who proves for a miner is connected to a gateway.
    pub async fn proves_for(&self, miner: &Address) -> Option<bool> {
        let miners = std::slice::from_ref(miner);
        self.of_gateways(miners, |seen| seen.proves_for(miner)).await
    }

    async fn of_gateways(&self, miners: &[Address], what: impl Fn(&GatewaySeen) -> Option<bool>) -> Option<bool> {
        let said = self.gateways.read(miners).await;
        let told: Vec<Option<bool>> = said
            .iter()
            .map(|one| one.outcome.as_ref().ok().and_then(&what))
            .collect();
        if told.contains(&Some(true)) {
            return Some(true);
        }
        (!told.is_empty() && told.iter().all(Option::is_some)).then_some(false)
    }

    /// Whether a user is enabled in auth; `None` where nobody may be asked, or nobody knows.
    pub async fn is_enabled(&self, user: &str) -> Option<bool> {
        let said = self.auths.read().await;
        let mut users = said
            .iter()
            .filter_map(|one| one.outcome.as_ref().ok()?.users.as_ref())
            .flatten();
        match users.find(|known| known.name == user)?.standing {
            Standing::Enabled => Some(true),
            Standing::Disabled => Some(false),
            Standing::Unknown => None,
        }
    }

    /// A miner, as the only miner service has it now.
    pub async fn miner(&self, miner: &Address) -> Result<MinerNow, Fault> {
        let said = self.miners.read().await.into_iter().next();
        let said = said.ok_or_else(|| nobody("miner"))?;
        let seen: MinerSeen = said.outcome?;
        let users = match self.miner_lists.first() {
            Some(server) => {
                let nothing = json!([]);
                server.client.call(VenusCall::LIST_MINERS, &nothing, users).await?
            }
            None => BTreeMap::new(),
        };
        let now = seen.miners.get(miner);
        Ok(MinerNow {
            about: said.about,
            mining: now.and_then(|now| now.mining),
            open: now.and_then(|now| now.open),
            user: users.get(miner).cloned(),
        })
    }
}

async fn waits(asking: &mut Asking<'_>, sender: &Address) -> Result<Waits, Fault> {
    let mut waits = Waits::default();
    let mut odd = false;
    let mut rows = 0;
    let blocked = json!([sender.as_str(), 0]);
    let cut = asking.try_list(VenusCall::LIST_BLOCKED, &blocked, |element| {
        rows += 1;
        match messager::message(element) {
            Ok(message) if message.from != *sender || message.state != Waiting::Filled => {}
            Ok(message) if message.nonce.is_none() => odd = true,
            Ok(message) => {
                let lower = |known: &Message| message.nonce < known.nonce;
                if waits.lowest.as_ref().is_none_or(lower) {
                    waits.lowest = Some(message);
                }
            }
            Err(_) => odd = true,
        }
        rows < MOST_ROWS
    });
    if cut.await? || odd {
        let why = Why::malformed("a list of messages that is cut, or with rows that cannot be read");
        return Err(Fault::new(
            asking.server.client.who(),
            VenusCall::LIST_BLOCKED.method(),
            why,
        ));
    }
    let mut rows = 0;
    let nothing = json!([]);
    let failed = asking.try_list(VenusCall::LIST_FAILED, &nothing, |element| {
        rows += 1;
        let message = messager::message(element).ok();
        let own = message.filter(|message| message.from == *sender && message.state == Waiting::Unfilled);
        waits.failing.extend(own.filter(|message| message.error.is_some()));
        rows < MOST_ROWS
    });
    // What was read of it is enough: each is looked at by itself.
    failed.await?;
    waits
        .failing
        .sort_by_key(|message| (message.created.is_none(), message.created));
    Ok(waits)
}

/// The user of every miner that is listed.
fn users(json: Option<&[u8]>) -> Result<BTreeMap<Address, String>, Why> {
    #[derive(Deserialize)]
    struct Miner {
        #[serde(rename = "Addr", default)]
        address: Text,
        #[serde(rename = "Name", default)]
        user: Text,
    }
    let miners: List<Miner> = nullable(json)?;
    let read = miners
        .0
        .into_iter()
        .filter_map(|miner| Some((miner.address.address()?, miner.user.cut())));
    Ok(read.collect())
}

fn nobody(what: &str) -> Fault {
    Fault::new("venus", what, Why::Internal(format!("no {what} to be asked")))
}
