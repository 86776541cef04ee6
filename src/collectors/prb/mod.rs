//! PRB: the processes that drive pRuntimes, with their data providers, lifecycles, pools and workers.
//!
//! Workers are described independently of the version of PRB (`worker.rs`); each version has a file that reads its
//! answers. What the chain itself knows of them is read beside that (`on_chain`). Nothing here changes anything in a PRB,
//! and owners' keys are never taken up. What needs another target, like the node's own health, is a relation.

mod advice;
pub mod amount;
mod diagnose;
mod discover;
mod door;
mod gist;
mod label;
pub mod message;
pub mod on_chain;
pub mod peer;
pub mod queue;
pub mod reading;
pub mod roster;
mod rows;
pub mod runtime;
mod samples;
pub mod session;
mod snapshot;
pub mod solo;
mod symptoms;
mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod v0;
pub mod v2;
pub mod v3;
mod watch;
mod wire;
pub mod worker;
mod worker_samples;

use std::time::Duration;

pub use diagnose::NO_PROVIDERS;
pub use runtime::{PENDING_MESSAGES, PRUNTIME_DOWN};
pub use snapshot::{Inventory, Listing, PeerView, Row, Seen, Snapshot, Workers};
pub use symptoms::{
    PEER_DOWN, PROVIDER_LAG, QUEUE_STUCK, TARGET_STALE, Thresholds, WITHOUT_BLOCKS, WORKER_LAGGING,
    WORKER_SETTLED_LONG_AGO, WORKER_STALLED, WORKER_STUCK_SYNCING, WORKER_UNRESPONSIVE, WORKERS_CORRELATED,
};
pub use target::{Detail, Pick, Target};
pub use watch::Watch;
pub use worker_samples::pool as pool_label;

use super::{Collector, Diagnosis, Discovery, Here, Part, Symptom, TargetConfig as _, Tools};
use crate::clock::Now;
use crate::exposition::{Family, Page};
use crate::upstream::{Fault, Fence, Pruntimes, Substrate, Why};
use crate::values::{Endpoint, Size};
use door::Door;
use reading::{Heard, Reading, Said};
use roster::{Known, Roster};
use tokio::time::Instant;

pub const PEERS: &str = "peers";
pub const WORKERS: &str = "workers";
const INVENTORY: &str = "inventory";
const QUEUES: &str = "queues";
const CHAIN: &str = "chain";
const PRUNTIMES: &str = "pruntimes";
const TRANSACTIONS: &str = "transactions";

/// A worker takes about 3 kB of an answer, so this is 20,000 of one lifecycle.
const ANSWER_CAP: Size = Size::from_bytes(64 << 20);

/// An answer of a node: 250 values, of which a pool's with all its workers may have some kilobytes.
const NODE_ANSWER_CAP: Size = Size::from_bytes(16 << 20);

/// The collector.
pub struct Prb {
    target: Target,
    door: Door,
    queues: queue::Reader,
    roster: Roster,
    chain: Option<on_chain::Reader>,
    runtimes: Option<runtime::Reader>,
}

impl Prb {
    /// Peers come first: without a monitor there is nothing to ask. The chain says something of the network without it.
    fn part(&self, name: &'static str) -> Part {
        let (every, hangs_on): (_, &'static [&'static str]) = match name {
            WORKERS | TRANSACTIONS => (self.target.workers_interval, &[PEERS]),
            INVENTORY => (self.target.inventory_interval, &[PEERS]),
            CHAIN => (self.target.chain_interval, &[]),
            PRUNTIMES if self.is_solo() => (self.target.pruntimes_interval(), &[]),
            PRUNTIMES => (self.target.pruntimes_interval(), &[WORKERS]),
            _ => (self.target.interval, &[]),
        };
        Part {
            name,
            every: every.get(),
            deadline: every.get().mul_f64(0.95),
            hangs_on,
        }
    }

    fn is_solo(&self) -> bool {
        !self.target.solo.is_empty()
    }

    fn stale(&self, name: &'static str) -> Duration {
        self.part(name).stale_after()
    }

    fn hear(&self, snapshot: &mut Snapshot, heard: Heard, now: Now) {
        snapshot.list(heard.peers, &self.target.lifecycles, &heard.gone, now);
        snapshot.version = Some(self.door.version());
        snapshot.turns = self.door.turns();
        match heard.said {
            Said::Revision(revision) => snapshot.revision = Some(revision),
            Said::Providers(said) => snapshot.hear_providers(said, self.stale(PEERS), now),
            Said::Workers(said) => {
                snapshot.hear_workers(said, self.stale(WORKERS), now);
                self.roster.publish(snapshot.known());
            }
            Said::Inventories(said) => snapshot.hear_inventories(said, self.stale(INVENTORY), now),
        }
    }

    /// Asks the pRuntimes of all workers.
    async fn read_pruntimes(&self, reader: &runtime::Reader, within: Duration) -> Result<runtime::Round, Fault> {
        if self.is_solo() {
            let round = reader.round(solo::endpoints(&self.target.solo), within).await;
            let workers = solo::answered(&self.target.solo, &round);
            self.roster.begin(workers.rows.iter().map(|worker| Known::of(worker)));
            return Ok(round);
        }
        let began = Instant::now();
        // The other half is for asking.
        let known = tokio::time::timeout(within / 2, self.roster.known()).await;
        let known = known.map_err(|_| {
            let words = "no worker is known yet: see the part `workers`".to_owned();
            Fault::new(self.target.name.as_str(), PRUNTIMES, Why::Unreachable(words))
        })?;
        let about = known.iter().map(|worker| worker.endpoint.clone()).collect();
        Ok(reader.round(about, within.saturating_sub(began.elapsed())).await)
    }

    fn hear_pruntimes(&self, snapshot: &mut Snapshot, round: runtime::Round, now: Now) {
        let stale = self.stale(PRUNTIMES);
        snapshot.runtimes.absorb(round, stale, now);
        let Some(peer) = solo::peer().filter(|_| self.is_solo()) else {
            return;
        };
        snapshot.solo = self.target.solo.as_slice().into();
        let workers = solo::workers(&self.target.solo, &snapshot.runtimes);
        let said = vec![(peer.id.clone(), Ok(workers))];
        snapshot.meet_alone(peer, now);
        snapshot.hear_workers(said, stale, now);
        self.roster.publish(snapshot.known());
    }
}

impl Collector for Prb {
    const NAME: &'static str = "prb";
    type Target = Target;
    const HANGS_ON: &'static [&'static str] = &["phala"];
    type Reading = Reading;
    type Snapshot = Snapshot;
    const FAMILIES: &'static [&'static Family] = samples::FAMILIES;
    const SYMPTOMS: &'static [&'static Symptom] = symptoms::SYMPTOMS;

    fn connect(target: &Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        Ok(Self {
            target: target.clone(),
            door: Door::of(target, tools, before.map(|before| &before.door))?,
            queues: queue::Reader::new(&target.queues, tools, target.timeout.get()),
            roster: before.map(|before| before.roster.clone()).unwrap_or_default(),
            chain: target.node.as_ref().map(|node| {
                let timeout = target.timeout.get();
                let node = Substrate::new(&tools.upstream, node, None, timeout, NODE_ANSWER_CAP);
                on_chain::Reader::new(node)
            }),
            runtimes: runtime_reader(target, tools)?,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let queues = (!self.target.queues.is_empty()).then_some(QUEUES);
        let chain = self.chain.as_ref().map(|_| CHAIN);
        let pruntimes = self.runtimes.as_ref().map(|_| PRUNTIMES);
        let doors: &[_] = match self.door {
            Door::Solo => &[],
            Door::V3(_) => &[PEERS, WORKERS, INVENTORY, TRANSACTIONS],
            Door::V2 { .. } | Door::V0(_) => &[PEERS, WORKERS, INVENTORY],
        };
        let parts = doors.iter().copied().chain(queues).chain(chain).chain(pruntimes);
        parts.map(|name| self.part(name)).collect()
    }

    async fn read(&self, part: &Part) -> Result<Reading, Fault> {
        // Who has not answered by then is late; those who have must not be lost with it.
        let within = part.deadline.mul_f64(0.95);
        match (part.name, &self.chain, &self.runtimes) {
            (PEERS, ..) => self.door.providers(within).await.map(Reading::Heard),
            (WORKERS, ..) => {
                let heard = self.door.workers(within).await?;
                self.roster.begin(heard.said.known());
                Ok(Reading::Heard(heard))
            }
            (INVENTORY, ..) => self.door.inventories(within).await.map(Reading::Heard),
            (TRANSACTIONS, ..) => self.door.transactions().await.map(Reading::Transactions),
            (QUEUES, ..) => self.queues.read().await.map(Reading::Queues),
            (CHAIN, Some(chain), _) => {
                let state = chain.read(&self.roster, within).await?;
                Ok(Reading::Chain(Box::new(state)))
            }
            (PRUNTIMES, _, Some(runtimes)) => {
                let round = self.read_pruntimes(runtimes, within).await?;
                Ok(Reading::Runtimes(round))
            }
            (other, ..) => {
                let words = "a round of a part that this target does not have".to_owned();
                Err(Fault::new(Self::NAME, other, Why::Internal(words)))
            }
        }
    }

    fn absorb(&self, snapshot: &mut Snapshot, reading: Reading, now: Now) {
        snapshot.detail = self.target.detail;
        snapshot.limits = self.target.thresholds.target();
        match reading {
            Reading::Heard(heard) => self.hear(snapshot, heard, now),
            Reading::Transactions(transactions) => snapshot.transactions = Some(transactions),
            Reading::Queues(said) => snapshot.queues.absorb(said, now),
            Reading::Chain(state) => snapshot.chain.absorb(*state, now),
            Reading::Runtimes(round) => self.hear_pruntimes(snapshot, round, now),
        }
    }

    fn expire(&self, snapshot: &mut Snapshot, part: &Part) {
        match part.name {
            PEERS => snapshot.expire_peers(),
            WORKERS => snapshot.expire_workers(),
            TRANSACTIONS => snapshot.transactions = None,
            QUEUES => snapshot.queues.expire(),
            CHAIN => snapshot.chain.expire(),
            PRUNTIMES => {
                snapshot.runtimes.expire();
                if self.is_solo() {
                    snapshot.expire_workers();
                }
            }
            _ => snapshot.expire_inventories(),
        }
    }

    fn samples(snapshot: &Snapshot, page: &mut Page) {
        samples::samples(snapshot, page);
    }

    fn diagnose(&self, snapshot: &Snapshot, now: Now) -> Diagnosis {
        diagnose::diagnose(snapshot, &self.target.thresholds, now)
    }

    fn endpoints(target: &Target) -> Vec<(&'static str, Endpoint)> {
        // Of several none is the way: one that is off would keep the others from being asked.
        let alone = match target.solo.as_slice() {
            [only] => Some((PRUNTIMES, only.pruntime.clone())),
            _ => None,
        };
        let doors = target.doors().map(|(_, endpoint)| (PEERS, endpoint.clone()));
        let node = target.node.iter().map(|node| (CHAIN, node.clone()));
        doors.chain(node).chain(alone).collect()
    }

    fn gist(snapshot: &Snapshot, _target: &Target, part: &Part, _now: Now) -> Result<String, String> {
        match part.name {
            PEERS => gist::peers(snapshot),
            WORKERS => gist::workers(snapshot),
            TRANSACTIONS => gist::transactions(snapshot),
            QUEUES => queue::gist(&snapshot.queues),
            CHAIN => gist::chain(snapshot),
            PRUNTIMES => runtime::gist(&snapshot.runtimes),
            _ => gist::inventory(snapshot),
        }
    }

    fn advice(fault: &Fault) -> Option<&'static str> {
        advice::advice(fault)
    }

    fn ad_hoc(text: &str, _here: &Here) -> Result<Target, String> {
        let endpoint: Endpoint = text.parse()?;
        let named = format!("prb-{}-{}", endpoint.host().replace(':', "-"), endpoint.port());
        let target = Target::by_door(named.parse()?, endpoint);
        match target.contradictions().pop() {
            Some((_, words)) => Err(words),
            None => Ok(target),
        }
    }

    async fn discover(_here: &Here, tools: &Tools) -> Discovery {
        discover::discover(discover::MONITOR_PORT, discover::MANAGER_PORT, tools).await
    }
}

/// Nothing where pRuntimes are not asked. Whom the operator named himself is asked wherever it is.
fn runtime_reader(target: &Target, tools: &Tools) -> Result<Option<runtime::Reader>, Fault> {
    let fence = match &target.pruntimes {
        _ if !target.solo.is_empty() => None,
        Some(settings) => Some(Fence::new(&settings.networks, runtime::NETWORKS)),
        None => return Ok(None),
    };
    let timeout = target.timeout.get();
    let client = Pruntimes::new(&tools.upstream, fence, timeout)
        .map_err(|words| Fault::new(target.name.as_str(), PRUNTIMES, Why::Internal(words)))?;
    Ok(Some(runtime::Reader::new(client, timeout)))
}
