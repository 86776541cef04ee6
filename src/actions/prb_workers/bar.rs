//! Workers that are left alone whatever is wrong with them. Source: phala contract, 10.3.4.

use std::fmt;

use crate::collectors::prb::message::Kind;
use crate::collectors::prb::session::SessionState;
use crate::collectors::prb::worker::{Status, Worker};

/// Why a worker is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// PRB has not loaded it: disabled, added after the last start, or not there at all.
    Absent,
    Disabled,
    /// It follows the chain only, which is what it is meant to do.
    SyncOnly,
    /// Its stake is being freed on the chain.
    CoolingDown,
    /// The chain has it in another pool than PRB.
    WrongPool,
}

/// What keeps a worker from being touched; `worker` is how PRB reports it now.
pub(super) fn of(worker: Option<&Worker>) -> Option<Bar> {
    let Some(worker) = worker else {
        return Some(Bar::Absent);
    };
    let synced = worker.status == Status::Synced;
    let session = worker.info.session.and_then(|session| session.state);
    match worker.message.kind {
        _ if !worker.identity.enabled => Some(Bar::Disabled),
        Kind::WrongPool => Some(Bar::WrongPool),
        _ if session == Some(SessionState::CoolingDown) => Some(Bar::CoolingDown),
        Kind::CoolingDown if synced => Some(Bar::CoolingDown),
        Kind::SyncOnly if synced => Some(Bar::SyncOnly),
        _ if synced && worker.identity.sync_only => Some(Bar::SyncOnly),
        _ => None,
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "PRB has not loaded this worker: it is disabled, new since the last start, or not there",
            Self::Disabled => "the worker is disabled",
            Self::SyncOnly => "the worker follows the chain only, as it is configured",
            Self::CoolingDown => "the worker cools down on the chain",
            Self::WrongPool => "the chain has the worker in another pool: PRB's configuration has to be corrected",
        })
    }
}
