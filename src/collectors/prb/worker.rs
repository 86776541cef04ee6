//! A worker, its lifecycle and the data provider, whichever PRB runs them: what all versions say in common.

use super::amount::Plancks;
use super::message::Message;
use super::session::Info;

/// Where PRB stands with a worker. The names are those of v2; v0 and v3 have fewer or other words for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Not reported yet, or a state that this version of farmwarden does not know.
    Unknown,
    Idle,
    /// Contacting pRuntime.
    Starting,
    /// Sending blocks up to the data provider's height.
    Syncing,
    /// Follows the chain; stays here when it only synchronises or cools down.
    Synced,
    /// Registering, adding to the pool, benchmark.
    PreActive,
    /// The normal state.
    Active,
    /// After a kick; leaves only by a restart.
    Kicked,
    /// Failed; in v2 it leaves only by a restart.
    Error,
}

impl Status {
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Idle,
        Self::Starting,
        Self::Syncing,
        Self::Synced,
        Self::PreActive,
        Self::Active,
        Self::Kicked,
        Self::Error,
    ];

    /// The value of the label `state`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Syncing => "syncing",
            Self::Synced => "synced",
            Self::PreActive => "pre_active",
            Self::Active => "active",
            Self::Kicked => "kicked",
            Self::Error => "error",
        }
    }

    /// Whether it once reached the tip and is meant to stay there.
    pub const fn follows(self) -> bool {
        matches!(self, Self::Synced | Self::PreActive | Self::Active)
    }
}

/// A worker as its lifecycle reports it now. Heights are those already reached; `None` is unknown or not begun.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    pub identity: Identity,
    pub status: Status,
    pub heights: Heights,
    /// 64 hexadecimal digits, without `0x`.
    pub public_key: Option<String>,
    /// The session account that is bound on the chain.
    pub account: Option<String>,
    pub message: Message,
    pub info: Info,
}

/// How far a worker's pRuntime has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heights {
    pub relay_header: Option<u64>,
    pub para_header: Option<u64>,
    pub para_block: Option<u64>,
}

/// A worker as it is configured in PRB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub uuid: String,
    pub name: String,
    /// The pool's number.
    pub pool: Option<u64>,
    /// pRuntime's address.
    pub endpoint: String,
    pub stake: Option<Plancks>,
    pub enabled: bool,
    /// Meant to follow the chain only.
    pub sync_only: bool,
}

/// A pool as it is configured in PRB. Who owns it, with which keys, is never taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub number: Option<u64>,
    pub name: String,
    pub enabled: bool,
    pub sync_only: bool,
}

/// A data provider's view of both chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provider {
    pub state: ProviderState,
    pub para: Stages,
    pub relay: Stages,
}

/// What a data provider says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderState {
    Unknown,
    Syncing,
    /// Fewer than 3 blocks behind. One that has just started and knows nothing yet says so too.
    Idle,
}

impl ProviderState {
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Syncing, Self::Idle];

    /// The value of the label `state`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Syncing => "syncing",
            Self::Idle => "idle",
        }
    }
}

/// How far a data provider is with one chain; `None` until it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// What its node has finalized.
    pub target: Option<u64>,
    pub fetched: Option<u64>,
    /// What workers can be given.
    pub processed: Option<u64>,
    /// Ends with the last whole set of relay authorities; up to hours behind, which is normal.
    pub committed: Option<u64>,
}

impl Stages {
    /// Each with the value of the label `stage`.
    pub const fn named(self) -> [(&'static str, Option<u64>); 4] {
        [
            ("target", self.target),
            ("fetched", self.fetched),
            ("processed", self.processed),
            ("committed", self.committed),
        ]
    }

    /// Blocks that are still to be processed.
    pub fn behind(self) -> Option<u64> {
        Some(self.target?.saturating_sub(self.processed?))
    }
}

/// The all-zero account stands for a worker that is not bound on the chain.
pub const UNBOUND: &str = "3zcnkmF6XjEogm8vAyPiL2ykPZHpeVtcfDcwTWJ2teqdSvjq";
