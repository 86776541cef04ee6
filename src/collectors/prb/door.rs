//! Through what a PRB is read: each version of it has another door, and all bring the same.

use std::time::Duration;

use super::ANSWER_CAP;
use super::peer::{Peer, Role};
use super::reading::Heard;
use super::target::{Pick, Target};
use super::v2;
use crate::collectors::Tools;
use crate::upstream::{Fault, PrbMonitor, Why};

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
}

impl Door {
    /// The one that the target names. `before` read it until the configuration changed.
    pub(super) fn of(target: &Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        if !target.solo.is_empty() {
            return Ok(Self::Solo);
        }
        let Some(endpoint) = &target.monitor else {
            let words = "no monitor is configured".to_owned();
            return Err(Fault::new(target.name.as_str(), "connect", Why::Configuration(words)));
        };
        let monitor = PrbMonitor::new(&tools.upstream, endpoint, target.timeout.get(), ANSWER_CAP);
        let before = match before {
            Some(Self::V2 { reader, .. }) => Some(reader.as_ref()),
            Some(Self::Solo) | None => None,
        };
        Ok(Self::V2 {
            reader: Box::new(v2::Reader::new(monitor, before)),
            picks: target.lifecycles.clone(),
        })
    }

    /// Data providers. Who has not answered `within` that is given up; the others are not lost with it.
    pub(super) async fn providers(&self, within: Duration) -> Result<Heard, Fault> {
        match self {
            Self::V2 { reader, .. } => reader.providers(within).await,
            Self::Solo => Err(nobody()),
        }
    }

    /// The workers that are loaded.
    pub(super) async fn workers(&self, within: Duration) -> Result<Heard, Fault> {
        match self {
            Self::V2 { reader, picks } => reader.workers(within, wanted(picks)).await,
            Self::Solo => Err(nobody()),
        }
    }

    /// What is configured.
    pub(super) async fn inventories(&self, within: Duration) -> Result<Heard, Fault> {
        match self {
            Self::V2 { reader, picks } => reader.inventories(within, wanted(picks)).await,
            Self::Solo => Err(nobody()),
        }
    }
}

fn nobody() -> Fault {
    let words = "a target without a PRB was asked for one".to_owned();
    Fault::new("solo", "read", Why::Internal(words))
}

fn wanted(picks: &[Pick]) -> impl Fn(&Peer) -> bool {
    move |peer| peer.role == Role::Lifecycle && (picks.is_empty() || picks.iter().any(|pick| pick.means(peer)))
}
