//! Asks a monitor of v0, and through it the fetcher and the lifecycle manager.
//!
//! The monitor is one process, those two are others: when it says that nobody answers, that costs the peer's outcome;
//! everything else is the monitor's fault and costs the round.

use super::answers;
use crate::collectors::prb::peer::{Peer, PeerId, Role};
use crate::collectors::prb::reading::{Each, Heard, Listed, Said};
use crate::collectors::prb::snapshot::Inventory;
use crate::collectors::prb::worker::{Identity, Provider, Worker};
use crate::upstream::{Fault, LegacyCall, LegacyId, LegacyMonitor, Reason, Why};

const FETCHER: &str = "fetch";
const LIFECYCLE: &str = "lifecycle";

/// Workers that are asked about in one call, so that it stays below 100 kB; a PRB has a hundred or two.
const MOST_IDS: usize = 2000;

/// One monitor.
pub struct Reader {
    monitor: LegacyMonitor,
}

impl Reader {
    pub fn new(monitor: LegacyMonitor) -> Self {
        Self { monitor }
    }

    /// The fetcher.
    pub async fn providers(&self) -> Result<Heard, Fault> {
        let said = self.provider().await;
        let said = of_peer(FETCHER, said)?;
        Ok(self.heard(Said::Providers(said)))
    }

    /// The workers that are loaded.
    pub async fn workers(&self) -> Result<Heard, Fault> {
        let said = of_peer(LIFECYCLE, self.loaded().await)?;
        Ok(self.heard(Said::Workers(said)))
    }

    /// What is configured.
    pub async fn inventories(&self) -> Result<Heard, Fault> {
        let said = of_peer(LIFECYCLE, self.inventory().await)?;
        Ok(self.heard(Said::Inventories(said)))
    }

    /// What the fetcher says of itself.
    pub async fn provider(&self) -> Result<Provider, Fault> {
        self.ask(LegacyCall::CallOnlineFetcher {}, FETCHER, answers::provider)
            .await
    }

    async fn inventory(&self) -> Result<Inventory, Fault> {
        let call = LegacyCall::CallOnlineLifecycleManager {};
        self.ask(call, LIFECYCLE, answers::inventory).await
    }

    /// States are given for named workers only, so the list comes first.
    async fn loaded(&self) -> Result<Listed<Box<Worker>>, Fault> {
        let stored = self.inventory().await?.workers.rows;
        let enabled: Vec<&Identity> = stored.iter().filter(|row| row.enabled).collect();
        let ids: Vec<LegacyId<'_>> = enabled.iter().map(|row| LegacyId { uuid: &row.uuid }).collect();
        let mut states = Vec::new();
        for ids in ids.chunks(MOST_IDS) {
            let call = LegacyCall::QueryWorkerState { ids };
            states.extend(self.ask(call, LIFECYCLE, answers::worker_states).await?);
        }
        Ok(answers::joined(states, &stored))
    }

    async fn ask<T>(&self, call: LegacyCall<'_>, peer: &str, parse: fn(&[u8]) -> Result<T, Why>) -> Result<T, Fault> {
        let answer = self.monitor.ask(call).await.map_err(|fault| Fault {
            who: match fault.reason() {
                Reason::Upstream => self.place(peer),
                _ => fault.who,
            },
            ..fault
        })?;
        parse(&answer).map_err(|why| Fault::new(self.place(peer), call.name(), why))
    }

    fn place(&self, peer: &str) -> String {
        format!("{} ({peer})", self.monitor.who())
    }

    fn heard(&self, said: Said) -> Heard {
        let words = "it is no longer asked".to_owned();
        Heard {
            peers: vec![
                Peer::alone(FETCHER, Role::DataProvider),
                Peer::alone(LIFECYCLE, Role::Lifecycle),
            ],
            gone: Fault::new(self.monitor.who(), "query", Why::NotFound(words)),
            said,
        }
    }
}

/// The outcome of the peer, unless the monitor itself failed.
fn of_peer<T>(peer: &'static str, outcome: Result<T, Fault>) -> Result<Each<T>, Fault> {
    match outcome {
        Err(fault) if fault.reason() != Reason::Upstream => Err(fault),
        outcome => Ok(vec![(PeerId::fixed(peer), outcome)]),
    }
}
