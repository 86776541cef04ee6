//! The processes of a PRB, as its monitor lists them.

use std::fmt;

/// A libp2p peer id. Only letters and digits, so it may stand in the path of a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(String);

impl PeerId {
    /// Real ones have 46 to 62 characters; the error does not repeat the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let sound = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err("a peer id that is not of letters and digits".to_owned())
        }
    }

    /// Of a process that has no such id: its place in its PRB.
    pub(super) fn fixed(place: &'static str) -> Self {
        Self(place.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough to tell two peers of a farm apart.
    pub fn tail(&self) -> String {
        let end = self.0.chars().rev().take(6).collect::<Vec<_>>();
        end.into_iter().rev().collect()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    DataProvider,
    Lifecycle,
    /// None at all: workers without a PRB.
    Solo,
    /// `prb-wm` of PRB v3: it does what lifecycles do, without a data provider.
    WorkerManager,
}

impl Role {
    /// The value of the label `role`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DataProvider => "data_provider",
            Self::Lifecycle => "lifecycle",
            Self::Solo => "solo",
            Self::WorkerManager => "worker_manager",
        }
    }

    /// Whether its workers get their blocks from data providers, which are peers of their own.
    pub const fn has_providers(self) -> bool {
        matches!(self, Self::Lifecycle)
    }

    /// Whether it runs workers.
    pub const fn runs_workers(self) -> bool {
        matches!(self, Self::Lifecycle | Self::WorkerManager | Self::Solo)
    }
}

/// A process of a PRB that the monitor has met. Being listed does not mean that it is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub id: PeerId,
    pub role: Role,
    pub hostname: String,
    /// IP address under which the monitor first met it; empty if it did not say.
    pub address: String,
    /// `PHALA_BRIDGE_IDENTITY`: lifecycles take blocks from a provider of the same one.
    pub bridge: String,
    /// Hash of the parachain's first block.
    pub chain: String,
}

impl Peer {
    /// A process that is known by its place in its PRB alone, which has one of them.
    pub(super) fn alone(place: &'static str, role: Role) -> Self {
        Self {
            id: PeerId::fixed(place),
            role,
            hostname: place.to_owned(),
            address: String::new(),
            bridge: String::new(),
            chain: String::new(),
        }
    }
}
