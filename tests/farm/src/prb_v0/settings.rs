//! Everything that can be set about a monitor of PRB v0.

use serde::{Deserialize, Serialize};

use crate::{
    phala::fleet::Fleet,
    wire::{Dials, Incident},
};

/// Incidents only PRB v0 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// No lifecycle manager answers: 500 after `query_timeout_ms`.
    NoManager,
    /// No fetcher answers.
    NoFetcher,
    /// The fetcher lost its node: every height stands, and it still says that it is synched.
    FetcherStuck,
}

/// Settings of a [`super::Monitor`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    pub query_timeout_ms: u64,
    pub hostname: String,
    pub para_id: u32,
    pub para_height: i64,
    pub relay_height: i64,
    /// The parachain's; 0: the chains stand.
    pub block_time_ms: u64,
    /// By how many blocks of the parachain the blobs are behind what is known.
    pub behind: i64,
    /// Whether the heights are still -1.
    pub just_started: bool,
    /// Whether a pool shows the words of its owner as well.
    pub mnemonics: bool,
    #[serde(flatten)]
    pub fleet: Fleet,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            query_timeout_ms: 5000,
            hostname: "lifecycle".to_owned(),
            para_id: 2004,
            para_height: 2_905_270,
            relay_height: 15_748_050,
            block_time_ms: 12_000,
            behind: 0,
            just_started: false,
            mnemonics: false,
            fleet: Fleet {
                network: "10.1".to_owned(),
                ..Fleet::default()
            },
        }
    }
}
