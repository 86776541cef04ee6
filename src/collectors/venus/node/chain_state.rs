//! What the chain has of wallets and miners: the slow part, asked of the node with the best head.

use std::collections::BTreeMap;

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
}

/// The same in the picture.
pub type ClaimsSeen<T> = Option<std::sync::Arc<Claims<T>>>;

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

async fn actor(server: &Server, address: &Address) -> Result<Actor, Refusal> {
    let params = json!([address.as_str(), []]);
    let asked = server.client.call(VenusCall::GET_ACTOR, &params, answers::actor).await;
    match asked {
        Err(Refusal {
            kind: Refused::Said(words),
            ..
        }) if words.contains("actor not found") => Ok(Actor {
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

type Row<T> = Result<(Address, T, Vec<Missed>), Fault>;

/// Some at a time. A node that stops answering in the middle loses the round.
async fn gathered<T>(asked: Vec<impl Future<Output = Row<T>>>, left_out: usize) -> Result<Claims<T>, Fault> {
    let rows: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut claims = Claims {
        rows: BTreeMap::new(),
        missed: Vec::new(),
        left_out,
    };
    for (address, row, missed) in rows {
        claims.rows.insert(address, row);
        for one in missed {
            let alike = |other: &Missed| other.method == one.method && other.fault.reason() == one.fault.reason();
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
