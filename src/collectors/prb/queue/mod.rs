//! The trade queues of a PRB: transactions that its lifecycles want on the chain and its traders have still to send.
//!
//! One Redis serves one lifecycle and trader, so each queue is named in the configuration.

mod picture;

use std::time::Duration;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use picture::{FAMILIES, diagnose, gist, samples};
pub use picture::{Picture, QueueView};

use crate::collectors::Tools;
use crate::upstream::{BeeQueue, Fault, QueueDepth};
use crate::values::{HostPort, Name};

/// The queue of a trader, as PRB names it.
const QUEUE: &str = "prbmq__main";

/// A trader's Redis.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What metrics call this queue.
    #[schemars(example = &"lifecycle-1")]
    pub name: Name,
    /// Where it listens (`redis-q`): usual port 6379, published as 63792 by the guides. Without a password, as PRB has it.
    #[schemars(example = &"127.0.0.1:63792")]
    pub redis: HostPort,
}

/// What each queue said; `None` when no job was ever put in.
pub type Said = Vec<(Name, Result<Option<QueueDepth>, Fault>)>;

/// Asks every queue at once.
pub struct Reader(Vec<(Name, BeeQueue)>);

impl Reader {
    pub fn new(entries: &[Entry], tools: &Tools, deadline: Duration) -> Self {
        let queue = |entry: &Entry| {
            let queue = BeeQueue::new(&tools.upstream, &entry.redis, QUEUE, deadline);
            (entry.name.clone(), queue)
        };
        Self(entries.iter().map(queue).collect())
    }

    /// A queue that does not answer costs its own outcome; only when none answers is the round lost.
    pub async fn read(&self) -> Result<Said, Fault> {
        let asked = self
            .0
            .iter()
            .map(|(name, queue)| async { (name.clone(), queue.depth().await) });
        let mut said: Said = join_all(asked).await;
        if said.iter().all(|(_, outcome)| outcome.is_err())
            && let Some((_, Err(fault))) = said.pop()
        {
            return Err(fault);
        }
        Ok(said)
    }
}
