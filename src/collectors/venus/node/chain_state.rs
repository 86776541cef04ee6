//! What the chain has of wallets and miners: the slow part, asked of the node with the best head.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tokio::time::Instant;

use super::answers::{self, Actor, Deadline, Power, Sectors};
use crate::collectors::venus::address::Address;
use crate::collectors::venus::amount::AttoFil;
use crate::collectors::venus::known::KnownSender;
use crate::collectors::venus::server::{Missed, Server, ends_round};
use crate::upstream::{Fault, Refusal, Refused, VenusCall, Why};

/// Every one is a read of the state tree: more at once would be a load on the node that mines.
const AT_ONCE: usize = 4;
/// How a node says that the chain does not have an address.
const NO_ACTOR: &str = "actor not found";
/// Without these neither a gap of nonces nor faulty sectors would be seen.
const ESSENTIAL: [VenusCall; 3] = [VenusCall::GET_ACTOR, VenusCall::MINER_POWER, VenusCall::MINER_SECTORS];

/// A wallet as the chain has it, beside what the messager said of it before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalletSaid {
    /// `None` when the node could not say; a wallet that is not on the chain has nothing.
    pub actor: Option<Actor>,
    /// The messager's next nonce before the chain was asked: the difference is never too large.
    pub next_nonce: Option<u64>,
    pub lowest_filled: Option<u64>,
    /// When the messager said so.
    pub heard: Option<Instant>,
}

/// What a round of either part brought.
#[derive(Clone, Debug)]
pub struct Claims<T> {
    /// By address.
    pub rows: BTreeMap<Address, T>,
    /// Questions that were not answered; the first of each kind.
    pub missed: Vec<Missed>,
    pub left_out: usize,
    /// Nodes that did not tell what matters, and why; another may have.
    pub unusable: Vec<Unusable>,
}

/// A node by its label, and what it did instead of answering.
pub type Unusable = (Arc<str>, Fault);

/// The same in the picture.
pub type ClaimsSeen<T> = Option<Arc<Claims<T>>>;

/// A miner as the chain has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MinerState {
    pub power: Option<Power>,
    pub sectors: Option<Sectors>,
    pub available: Option<AttoFil>,
    pub deadline: Option<Deadline>,
}

pub(super) async fn wallets(
    server: &Server,
    wallets: &[(Address, Option<KnownSender>)],
    left_out: usize,
) -> Result<Claims<WalletSaid>, Fault> {
    let asked = wallets.iter().map(|(address, sender)| async move {
        let (actor, missed) = soft(VenusCall::GET_ACTOR, actor(server, address).await)?;
        let said = WalletSaid {
            actor,
            next_nonce: sender.as_ref().and_then(|sender| sender.nonce),
            lowest_filled: sender.as_ref().and_then(|sender| sender.lowest_filled),
            heard: sender.as_ref().map(|sender| sender.at),
        };
        Ok((address.clone(), said, missed.into_iter().collect()))
    });
    gathered(asked.collect(), left_out).await
}

pub(super) async fn actor(server: &Server, address: &Address) -> Result<Actor, Refusal> {
    let params = json!([address.as_str(), []]);
    let asked = server.client.call(VenusCall::GET_ACTOR, &params, answers::actor).await;
    match asked {
        Err(Refusal {
            kind: Refused::Said(words),
            ..
        }) if words.contains(NO_ACTOR) => Ok(Actor {
            balance: Some(AttoFil::default()),
            nonce: None,
        }),
        asked => asked,
    }
}

pub(super) async fn miners(server: &Server, miners: &[Address], left_out: usize) -> Result<Claims<MinerState>, Fault> {
    let asked = miners.iter().map(|miner| async move {
        let mut missed = Vec::new();
        let params = json!([miner.as_str(), []]);
        macro_rules! ask {
            ($call:expr, $parse:expr) => {{
                let (value, refused) = soft($call, server.client.call($call, &params, $parse).await)?;
                missed.extend(refused);
                value
            }};
        }
        let state = MinerState {
            power: ask!(VenusCall::MINER_POWER, answers::power),
            sectors: ask!(VenusCall::MINER_SECTORS, answers::sectors),
            available: ask!(VenusCall::MINER_BALANCE, answers::balance),
            deadline: ask!(VenusCall::MINER_DEADLINE, answers::deadline),
        };
        Ok((miner.clone(), state, missed))
    });
    gathered(asked.collect(), left_out).await
}

impl<T> Claims<T> {
    /// The first question that matters and was not answered, unless it is the address that is wrong or the token too weak.
    pub(super) fn failed(&self) -> Option<&Fault> {
        let of_the_node = |missed: &&Missed| {
            ESSENTIAL.iter().any(|call| call.method() == missed.method)
                && !missed.is_forbidden()
                && !is_of_the_address(&missed.fault)
        };
        self.missed.iter().find(of_the_node).map(|missed| &missed.fault)
    }
}

fn is_of_the_address(fault: &Fault) -> bool {
    matches!(&fault.why, Why::Upstream(words) if words.contains(NO_ACTOR))
}

type Row<T> = Result<(Address, T, Vec<Missed>), Fault>;

/// Some at a time. A node that stops answering in the middle loses the round.
async fn gathered<T>(asked: Vec<impl Future<Output = Row<T>>>, left_out: usize) -> Result<Claims<T>, Fault> {
    let rows: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut claims = Claims {
        rows: BTreeMap::new(),
        missed: Vec::new(),
        left_out,
        unusable: Vec::new(),
    };
    for (address, row, missed) in rows {
        claims.rows.insert(address, row);
        for one in missed {
            let kind = |of: &Missed| (of.method, of.fault.reason(), is_of_the_address(&of.fault));
            let alike = |other: &Missed| kind(other) == kind(&one);
            if !claims.missed.iter().any(alike) {
                claims.missed.push(one);
            }
        }
    }
    Ok(claims)
}

/// What was refused for this one address costs nothing else.
fn soft<T>(call: VenusCall, outcome: Result<T, Refusal>) -> Result<(Option<T>, Option<Missed>), Fault> {
    match outcome {
        Ok(value) => Ok((Some(value), None)),
        Err(refusal) if ends_round(&refusal) || matches!(refusal.fault.why, Why::Timeout(_)) => Err(refusal.fault),
        Err(refusal) => {
            let missed = Missed {
                method: call.method(),
                fault: refusal.fault,
            };
            Ok((None, Some(missed)))
        }
    }
}
