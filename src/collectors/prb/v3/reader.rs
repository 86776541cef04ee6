//! Asks a worker manager. It is the monitor and the one peer of its PRB at once: whether it is there at all is the part
//! `peers`, and its fault costs that round; what becomes of the other calls is the peer's outcome.

use futures_util::FutureExt as _;

use super::answers;
use super::transactions::Transactions;
use crate::collectors::prb::peer::{Peer, PeerId, Role};
use crate::collectors::prb::reading::{Heard, Said};
use crate::upstream::{Fault, TRANSACTIONS, TRANSACTIONS_CAP, Why, WorkerManager, WorkerManagerCall};

/// The name of the one peer.
pub const PEER: &str = "worker-manager";

/// One worker manager.
pub struct Reader {
    manager: WorkerManager,
}

impl Reader {
    pub fn new(manager: WorkerManager) -> Self {
        Self { manager }
    }

    /// Which build it is.
    pub async fn revision(&self) -> Result<String, Fault> {
        self.ask(WorkerManagerCall::Status, answers::revision).await
    }

    /// Whether it is there, and which build.
    pub async fn status(&self) -> Result<Heard, Fault> {
        let revision = self.revision().await?;
        Ok(self.heard(Said::Revision(revision)))
    }

    /// The workers that it runs.
    pub async fn workers(&self) -> Heard {
        let said = self.ask(WorkerManagerCall::Workers, answers::workers);
        self.heard(said.map(|said| Said::Workers(vec![(id(), said)])).await)
    }

    /// What is configured.
    pub async fn inventories(&self) -> Heard {
        let said = self.ask(WorkerManagerCall::PoolsWithWorkers, answers::inventory);
        self.heard(said.map(|said| Said::Inventories(vec![(id(), said)])).await)
    }

    /// How many transactions there are.
    pub async fn transactions(&self) -> Result<Transactions, Fault> {
        let answer = self.manager.transactions().await?;
        let cut = u64::try_from(answer.len()).is_ok_and(|length| length >= TRANSACTIONS_CAP.bytes());
        Transactions::read(&answer, cut).map_err(|why| Fault::new(self.manager.who(), TRANSACTIONS, why))
    }

    async fn ask<T>(&self, call: WorkerManagerCall, parse: fn(&[u8]) -> Result<T, Why>) -> Result<T, Fault> {
        let answer = self.manager.ask(call).await?;
        parse(&answer).map_err(|why| Fault::new(self.manager.who(), call.name(), why))
    }

    fn heard(&self, said: Said) -> Heard {
        let words = "it is no longer asked".to_owned();
        Heard {
            peers: vec![Peer::alone(PEER, Role::WorkerManager)],
            gone: Fault::new(
                self.manager.who(),
                WorkerManagerCall::Status.name(),
                Why::NotFound(words),
            ),
            said,
        }
    }
}

fn id() -> PeerId {
    PeerId::fixed(PEER)
}
