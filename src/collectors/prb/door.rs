//! Through what a PRB is read: each version of it has another door, and all bring the same.

use std::time::Duration;

use super::ANSWER_CAP;
use super::peer::{Peer, Role};
use super::reading::Heard;
use super::target::{Pick, Target};
use super::v3::transactions::Transactions;
use super::{v0, v2, v3};
use crate::collectors::Tools;
use crate::upstream::{Fault, LegacyMonitor, PrbMonitor, Upstream, Why, WorkerManager};
use crate::values::Endpoint;

/// What reads one PRB.
pub(super) enum Door {
    /// PRB v2, through its monitor.
    V2 {
        reader: Box<v2::Reader>,
        /// The lifecycles to be asked; none given is all.
        picks: Vec<Pick>,
    },
    /// No PRB: pRuntimes are asked themselves, which is a part of its own.
    Solo,
    /// PRB v3: its worker manager.
    V3(v3::Reader),
    /// PRB v0, through its monitor.
    V0(v0::Reader),
}

impl Door {
    /// The one that the target names. `before` read it until the configuration changed.
    pub(super) fn of(target: &Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        if !target.solo.is_empty() {
            return Ok(Self::Solo);
        }
        let (upstream, timeout) = (&tools.upstream, target.timeout.get());
        match target.doors().next() {
            Some(("worker_manager", endpoint)) => Ok(Self::V3(v3_at(upstream, endpoint, timeout))),
            Some(("legacy_monitor", endpoint)) => Ok(Self::V0(v0_at(upstream, endpoint, timeout))),
            Some((_, endpoint)) => Ok(Self::V2 {
                reader: Box::new(v2_at(upstream, endpoint, timeout, before)),
                picks: target.lifecycles.clone(),
            }),
            None => {
                let words = "no monitor is configured".to_owned();
                Err(Fault::new(target.name.as_str(), "connect", Why::Configuration(words)))
            }
        }
    }

    /// The value of the label `prb`.
    pub(super) const fn version(&self) -> &'static str {
        match self {
            Self::V2 { .. } => "v2",
            Self::V3(_) => "v3",
            Self::V0(_) => "v0",
            Self::Solo => "none",
        }
    }

    /// Whose turn it is to call a peer, where that matters.
    pub(super) fn turns(&self) -> Option<v2::Turns> {
        match self {
            Self::V2 { reader, .. } => Some(reader.turns()),
            Self::V3(_) | Self::V0(_) | Self::Solo => None,
        }
    }

    /// Data providers, or whether the worker manager is there. Who has not answered `within` that is given up; the others
    /// are not lost with it.
    pub(super) async fn providers(&self, within: Duration) -> Result<Heard, Fault> {
        match self {
            Self::V2 { reader, .. } => reader.providers(within).await,
            Self::Solo => Err(nobody()),
            Self::V3(reader) => reader.status().await,
            Self::V0(reader) => reader.providers().await,
        }
    }

    /// The workers that are loaded.
    pub(super) async fn workers(&self, within: Duration) -> Result<Heard, Fault> {
        match self {
            Self::V2 { reader, picks } => reader.workers(within, wanted(picks)).await,
            Self::Solo => Err(nobody()),
            Self::V3(reader) => Ok(reader.workers().await),
            Self::V0(reader) => reader.workers().await,
        }
    }

    /// What is configured.
    pub(super) async fn inventories(&self, within: Duration) -> Result<Heard, Fault> {
        match self {
            Self::V2 { reader, picks } => reader.inventories(within, wanted(picks)).await,
            Self::Solo => Err(nobody()),
            Self::V3(reader) => Ok(reader.inventories().await),
            Self::V0(reader) => reader.inventories().await,
        }
    }

    /// How many transactions there are; only a worker manager knows.
    pub(super) async fn transactions(&self) -> Result<Transactions, Fault> {
        match self {
            Self::V3(reader) => reader.transactions().await,
            Self::V2 { .. } | Self::V0(_) | Self::Solo => {
                let words = "transactions of a PRB that does not tell them".to_owned();
                Err(Fault::new(self.version(), "transactions", Why::Internal(words)))
            }
        }
    }
}

/// The monitor of v2 at an address.
pub(super) fn v2_at(upstream: &Upstream, endpoint: &Endpoint, timeout: Duration, before: Option<&Door>) -> v2::Reader {
    let before = before.and_then(|before| match before {
        Door::V2 { reader, .. } => Some(reader.as_ref()),
        Door::V3(_) | Door::V0(_) | Door::Solo => None,
    });
    v2::Reader::new(PrbMonitor::new(upstream, endpoint, timeout, ANSWER_CAP), before)
}

/// The worker manager of v3 at an address.
pub(super) fn v3_at(upstream: &Upstream, endpoint: &Endpoint, timeout: Duration) -> v3::Reader {
    v3::Reader::new(WorkerManager::new(upstream, endpoint, timeout, ANSWER_CAP))
}

/// The monitor of v0 at an address.
pub(super) fn v0_at(upstream: &Upstream, endpoint: &Endpoint, timeout: Duration) -> v0::Reader {
    v0::Reader::new(LegacyMonitor::new(upstream, endpoint, timeout, ANSWER_CAP))
}

fn nobody() -> Fault {
    let words = "a target without a PRB was asked for one".to_owned();
    Fault::new("solo", "read", Why::Internal(words))
}

fn wanted(picks: &[Pick]) -> impl Fn(&Peer) -> bool {
    move |peer| peer.role == Role::Lifecycle && (picks.is_empty() || picks.iter().any(|pick| pick.means(peer)))
}
