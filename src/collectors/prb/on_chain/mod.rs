//! What the chain itself knows of the workers: their sessions, stakes and pools, the balance that pays for their
//! transactions, and a few figures of the whole network.
//!
//! A parachain node is asked for raw storage. Which word counts where PRB and the chain differ is said here
//! ([`Picture::word`]); who is asked about stands in the roster, and nothing here asks PRB.

mod batch;
mod decode;
mod keys;
mod reader;
pub(super) mod samples;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use keys::{Account, PublicKey};

use super::amount::Plancks;
use super::roster::Roster;
use super::session::{Session, SessionState};
use super::worker::Worker;
use crate::clock::{Now, UnixTime};
use crate::upstream::{Fault, Reason, Substrate, Why};

/// A block older than this is not the present: the node catches up, or lost finality, and the session states that it
/// tells are those of then. Finality is usually less than a minute behind, and three are worth an alert.
const MOST_AGE: Duration = Duration::from_secs(600);

/// How long a round waits for the first list of workers; without one it brings the figures of the network only.
const LIST_WITHIN: Duration = Duration::from_secs(15);

/// What one round brings. `None` is what the chain does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Of the finalized block at which everything was read.
    pub height: Option<u64>,
    pub time: Option<UnixTime>,
    /// Name and version.
    pub runtime: String,
    pub network: Network,
    pub workers: HashMap<PublicKey, OnChain>,
    /// By the number of the pool.
    pub operators: BTreeMap<u64, Operator>,
    /// Values of another form than is known; the workers that they belong to are not among `workers`.
    pub unreadable: usize,
    /// Workers that were not asked about, because the node answers for one key at a time.
    pub left_out: usize,
}

/// Figures of the whole network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Computing, or unresponsive.
    pub online_workers: Option<u32>,
    /// While they are, nobody is asked for a heartbeat. `None` where the runtime knows no pause.
    pub heartbeat_paused: Option<bool>,
    pub cool_down_seconds: Option<u64>,
    /// Blocks.
    pub heartbeat_window: Option<u32>,
}

/// A worker on the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OnChain {
    /// `None` for a worker that is not bound.
    pub session: Option<Session>,
    /// Locked while it computes or cools down.
    pub stake: Option<Plancks>,
    /// The number of the pool that it is assigned to.
    pub pool: Option<u64>,
}

/// Who owns a pool. PRB v2 can pay by a proxy account instead, of which the chain does not say that it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    pub account: Account,
    pub free: Option<Plancks>,
}

/// Asks one parachain node.
#[derive(Debug)]
pub(super) struct Reader {
    node: Substrate,
}

impl Reader {
    pub(super) const fn new(node: Substrate) -> Self {
        Self { node }
    }

    /// Of the time that is left (`within`) at most half is spent on waiting for the first list of workers.
    pub(super) async fn read(&self, roster: &Roster, within: Duration) -> Result<State, Fault> {
        let list = tokio::time::timeout(LIST_WITHIN.min(within / 2), roster.known()).await;
        reader::read(&self.node, &list.unwrap_or_default()).await
    }
}

/// What is known from the chain now, and what is remembered of it.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// `None` while the node has not answered for too long.
    state: Option<Arc<State>>,
    /// How old the block was when it was read; `None` also for a block that does not say when it was made.
    age: Option<Duration>,
    /// Since when each worker is seen as bound and not computing.
    ready: Arc<HashMap<PublicKey, Instant>>,
}

/// Who says what is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Prb,
    Chain,
}

impl Source {
    /// The value of the label `source`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Prb => "prb",
            Self::Chain => "chain",
        }
    }
}

/// What is known of a worker's session. `None` for a worker that is not bound.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    pub source: Source,
    pub session: Option<&'a Session>,
}

impl Word<'_> {
    pub fn state(&self) -> Option<SessionState> {
        self.session?.state
    }
}

impl Picture {
    pub(super) fn absorb(&mut self, state: State, now: Now) {
        self.age = state.time.map(|time| time.age_at(now.wall));
        let ready = state.workers.iter().filter(|(_, worker)| {
            let session = worker.session.as_ref();
            session.is_some_and(|session| session.state == Some(SessionState::Ready))
        });
        let since = |key: &PublicKey| self.ready.get(key).copied().unwrap_or(now.monotonic);
        self.ready = Arc::new(ready.map(|(key, _)| (*key, since(key))).collect());
        self.state = Some(Arc::new(state));
    }

    pub(super) fn expire(&mut self) {
        *self = Self::default();
    }

    /// The last answer, however old its block was.
    pub fn last(&self) -> Option<&State> {
        self.state.as_deref()
    }

    /// How old the block of the last answer was.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// The last answer, if its block was of the present.
    pub fn state(&self) -> Option<&State> {
        self.last().filter(|_| self.age.is_some_and(|age| age < MOST_AGE))
    }

    /// What the chain knows of this worker.
    pub fn worker(&self, worker: &Worker) -> Option<&OnChain> {
        self.state()?.workers.get(&key(worker)?)
    }

    /// The chain's word where it is known, else PRB's.
    pub fn word<'a>(&'a self, worker: &'a Worker) -> Word<'a> {
        match self.worker(worker) {
            Some(known) => Word {
                source: Source::Chain,
                session: known.session.as_ref(),
            },
            None => Word {
                source: Source::Prb,
                session: worker.info.session.as_ref(),
            },
        }
    }

    /// Since when the chain has it as bound and not computing.
    pub(super) fn ready_since(&self, worker: &Worker) -> Option<Instant> {
        self.worker(worker)?;
        self.ready.get(&key(worker)?).copied()
    }

    /// Whether it is known that nobody is asked for heartbeats.
    pub fn heartbeat_paused(&self) -> bool {
        self.state().and_then(|state| state.network.heartbeat_paused) == Some(true)
    }
}

/// Whether it was a node that was asked: PRB has no such calls, and no websocket.
pub(super) fn is_asked(fault: &Fault) -> bool {
    let calls = ["chain_", "state_"];
    calls.iter().any(|call| fault.operation.starts_with(call)) || fault.who.starts_with("ws")
}

pub(super) fn advice(fault: &Fault) -> Option<&'static str> {
    match (&fault.why, fault.reason()) {
        (Why::Unreachable(words), _) if words.contains("refused") => Some(
            "No node listens there. Is it running (docker ps)? Is this the parachain's --rpc-port (usually 9944)? Asked \
             from another machine it needs --rpc-external.",
        ),
        (_, Reason::Malformed) => Some(
            "`node` must be the parachain side of a Phala or Khala node, usually port 9944; 9945 is its relay chain. \
             Until it is, PRB's own word stands.",
        ),
        (_, Reason::Upstream) => Some(
            "The node could not say it; its log says why. A node that discards old states fast (--state-pruning) may \
             have lost the block while it was asked: take chain_interval longer, or another node.",
        ),
        _ => None,
    }
}

fn key(worker: &Worker) -> Option<PublicKey> {
    worker.public_key.as_ref()?.parse().ok()
}
