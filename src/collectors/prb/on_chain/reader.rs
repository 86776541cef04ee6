//! Asks a node what the chain knows of the workers: few calls, one after another, all about one block.
//!
//! The block is the last finalized one: it cannot be taken back, every node still has its state, and PRB follows
//! finalized blocks too.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use subxt_rpcs::client::{RpcParams, rpc_params};

use super::batch::Storage;
use super::decode;
use super::keys::{Account, Item, Key, Pallets, PublicKey, TIMESTAMP};
use super::{Network, OnChain, Operator, State};
use crate::clock::UnixTime;
use crate::collectors::prb::amount::Plancks;
use crate::collectors::prb::roster::Known;
use crate::collectors::prb::session::Session;
use crate::collectors::prb::wire;
use crate::upstream::{Fault, Substrate, Why};

/// Workers that are asked about where a node answers for one key at a time: four calls each, of about a millisecond.
const MOST_ONE_BY_ONE: usize = 1000;

/// Names of runtimes that relay: workers are on a parachain.
const RELAY_CHAINS: [&str; 5] = ["kusama", "polkadot", "rococo", "westend", "paseo"];

type Value = Option<Vec<u8>>;

/// What the chain says of these workers. A value of another form than is known costs its own worker; a call that fails
/// costs the round.
pub(super) async fn read(node: &Substrate, roster: &[Known]) -> Result<State, Fault> {
    let block: String = ask(node, "chain_getFinalizedHead", RpcParams::new()).await?;
    let header: Header = ask(node, "chain_getHeader", rpc_params![&block]).await?;
    let runtime: Runtime = ask(node, "state_getRuntimeVersion", rpc_params![&block]).await?;
    let mut storage = Storage::at(node, &block);
    let whole = Whole::read(&mut storage).await?;
    let pallets = runtime.pallets(&whole).map_err(|words| {
        let why = Why::malformed(words);
        Fault::new(node.who(), "state_getRuntimeVersion", why)
    })?;
    let mut state = State {
        height: header.height(),
        time: whole.time(),
        runtime: runtime.shown(),
        ..State::default()
    };
    state.network = whole.network(pallets, &mut state.unreadable);
    let mut workers = wanted(roster);
    if storage.is_slow() {
        state.left_out = workers.len().saturating_sub(MOST_ONE_BY_ONE);
        workers.truncate(MOST_ONE_BY_ONE);
    }
    let mut round = Round {
        storage,
        pallets,
        state,
    };
    let bound = round.bindings(&workers).await?;
    let owners = round.sessions(bound).await?;
    round.balances(owners).await?;
    Ok(round.state)
}

/// The `result` of a call that every node offers.
async fn ask<T: DeserializeOwned>(node: &Substrate, method: &'static str, params: RpcParams) -> Result<T, Fault> {
    let fault = |why| Fault::new(node.who(), method, why);
    let Some(answer) = node.call(method, params).await? else {
        let words = "it does not offer this call; is it a Substrate node?";
        return Err(fault(Why::malformed(words)));
    };
    wire::from_json(answer.get().as_bytes()).map_err(fault)
}

/// A block's header, as far as it is shown.
#[derive(Deserialize)]
struct Header {
    number: String,
}

impl Header {
    fn height(&self) -> Option<u64> {
        let digits = self.number.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    }
}

/// Which runtime made the block.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Runtime {
    spec_name: String,
    spec_version: u64,
}

impl Runtime {
    /// By what is known of releases; where that says nothing, by what is stored. An error says what it is instead.
    fn pallets(&self, whole: &Whole) -> Result<Pallets, String> {
        let named = match (self.spec_name.as_str(), self.spec_version) {
            ("khala", 1199..) | ("phala", 1230..) => Some(Pallets::Computation),
            ("khala", 15..=1196) => Some(Pallets::Mining),
            (name, _) if RELAY_CHAINS.contains(&name) => {
                return Err(format!(
                    "this is the relay chain ({name}); workers are on the parachain, usually port 9944"
                ));
            }
            _ => None,
        };
        named.or_else(|| whole.stored()).ok_or_else(|| {
            let this = self.shown();
            format!("this chain ({this}) has no workers: neither PhalaComputation nor PhalaMining stores anything")
        })
    }

    fn shown(&self) -> String {
        wire::cut(Some(format!("{} {}", self.spec_name, self.spec_version)))
    }
}

/// What is no map: the time of the block, and the figures of the network under both names.
struct Whole {
    time: Value,
    networks: [(Pallets, [Value; 4]); 2],
}

impl Whole {
    async fn read(storage: &mut Storage<'_>) -> Result<Self, Fault> {
        let [new, old] = Pallets::ALL;
        let items = [TIMESTAMP].into_iter().chain(new.network()).chain(old.network());
        let keys: Vec<Key> = items.map(Item::key).collect();
        let mut values = storage.values(&keys).await?.into_iter();
        let mut next = || values.next().flatten();
        let time = next();
        let mut four = || [(); 4].map(|()| next());
        Ok(Self {
            time,
            networks: [(new, four()), (old, four())],
        })
    }

    fn time(&self) -> Option<UnixTime> {
        self.time.as_deref().and_then(|bytes| decode::timestamp(bytes).ok())
    }

    /// The pallets that store something; the new ones also where the old ones left something behind.
    fn stored(&self) -> Option<Pallets> {
        let holds = |(_, values): &&(Pallets, [Value; 4])| values.iter().any(Option::is_some);
        self.networks.iter().find(holds).map(|(pallets, _)| *pallets)
    }

    /// What is not stored has the runtime's own default.
    fn network(&self, pallets: Pallets, unreadable: &mut usize) -> Network {
        let Some((_, values)) = self.networks.iter().find(|(named, _)| *named == pallets) else {
            return Network::default();
        };
        let [online, paused, cool_down, tokenomic] = values.each_ref().map(Option::as_deref);
        // The old pallet has no pause; only in the new one heartbeats are paused until somebody starts them.
        let paused_by_default = (pallets == Pallets::Computation).then_some(true);
        Network {
            online_workers: counted(read_or(online, Some(0), decode::number32), unreadable),
            heartbeat_paused: counted(read_or(paused, paused_by_default, decode::flag), unreadable),
            cool_down_seconds: counted(read_or(cool_down, Some(0), decode::number64), unreadable),
            heartbeat_window: counted(read_or(tokenomic, None, decode::heartbeat_window), unreadable),
        }
    }
}

fn read_or<T>(
    stored: Option<&[u8]>,
    default: Option<T>,
    decode: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, String> {
    stored.map_or(Ok(default), |bytes| decode(bytes).map(Some))
}

fn counted<T>(value: Result<Option<T>, String>, unreadable: &mut usize) -> Option<T> {
    value.unwrap_or_else(|_| {
        *unreadable += 1;
        None
    })
}

/// A worker to ask about.
#[derive(Clone, Copy)]
struct Wanted {
    key: PublicKey,
    /// As PRB has it.
    pool: Option<u64>,
}

/// Each once; those without a public key have not met their pRuntime yet.
fn wanted(roster: &[Known]) -> Vec<Wanted> {
    let mut seen = HashSet::new();
    let workers = roster.iter().filter_map(|known| {
        let key = known.public_key.as_ref()?.parse().ok()?;
        let wanted = Wanted { key, pool: known.pool };
        seen.insert(key).then_some(wanted)
    });
    workers.collect()
}

/// What the first step brings of a worker.
struct Assigned {
    worker: Wanted,
    /// `None` when it is not bound.
    account: Option<Account>,
    pool: Option<u64>,
}

struct Round<'a> {
    storage: Storage<'a>,
    pallets: Pallets,
    state: State,
}

impl Round<'_> {
    /// Which account each worker is bound to, and which pool it is assigned to.
    async fn bindings(&mut self, workers: &[Wanted]) -> Result<Vec<Assigned>, Fault> {
        let (bindings, assignments) = (self.pallets.bindings(), self.pallets.assignments());
        let keys = workers
            .iter()
            .flat_map(|worker| [bindings, assignments].map(|item| item.of(&worker.key.0)));
        let values = self.storage.values(&keys.collect::<Vec<_>>()).await?;
        let (pairs, _) = values.as_chunks();
        let mut all = Vec::with_capacity(workers.len());
        for (worker, [account, pool]) in workers.iter().zip(pairs) {
            let account = read_or(account.as_deref(), None, decode::account);
            let pool = read_or(pool.as_deref(), None, decode::number64);
            match (account, pool) {
                (Ok(account), Ok(pool)) => all.push(Assigned {
                    worker: *worker,
                    account,
                    pool,
                }),
                _ => self.state.unreadable += 1,
            }
        }
        Ok(all)
    }

    /// The session and stake of each account, and who owns the pools.
    async fn sessions(&mut self, workers: Vec<Assigned>) -> Result<BTreeMap<u64, Account>, Fault> {
        let (sessions, stakes) = (self.pallets.sessions(), self.pallets.stakes());
        let of_pool = self.pallets.pools();
        let accounts = workers.iter().filter_map(|worker| worker.account);
        let pools: BTreeSet<u64> = workers.iter().filter_map(|one| one.worker.pool.or(one.pool)).collect();
        let keys = accounts.flat_map(|account| [sessions, stakes].map(|item| item.of(&account.0)));
        let keys = keys.chain(pools.iter().map(|pool| of_pool.of(&pool.to_le_bytes())));
        let mut values = self.storage.values(&keys.collect::<Vec<_>>()).await?.into_iter();
        for worker in workers {
            let stored = worker
                .account
                .map(|_| [values.next().flatten(), values.next().flatten()]);
            self.take(&worker, &stored.unwrap_or_default());
        }
        let mut owners = BTreeMap::new();
        for (pool, value) in pools.into_iter().zip(values) {
            let owner = read_or(value.as_deref(), None, |bytes| decode::owner(self.pallets, pool, bytes));
            if let Some(owner) = counted(owner, &mut self.state.unreadable) {
                owners.insert(pool, owner);
            }
        }
        Ok(owners)
    }

    fn take(&mut self, worker: &Assigned, [session, stake]: &[Value; 2]) {
        let session = read_or(session.as_deref(), None, Session::decode);
        let stake = read_or(stake.as_deref(), None, decode::plancks);
        match (session, stake) {
            (Ok(session), Ok(stake)) => {
                let known = OnChain {
                    session,
                    stake,
                    pool: worker.pool,
                };
                self.state.workers.insert(worker.worker.key, known);
            }
            _ => self.state.unreadable += 1,
        }
    }

    /// What the owners of the pools have for fees. An account that is not stored has nothing.
    async fn balances(&mut self, owners: BTreeMap<u64, Account>) -> Result<(), Fault> {
        let keys: Vec<Key> = owners.values().map(Account::balance).collect();
        let values = self.storage.values(&keys).await?;
        for ((pool, account), value) in owners.into_iter().zip(values) {
            let free = read_or(value.as_deref(), Some(Plancks(0)), decode::free);
            let free = counted(free, &mut self.state.unreadable);
            self.state.operators.insert(pool, Operator { account, free });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
