//! Everything that can be set about a `prb-wm`.

use serde::{Deserialize, Serialize};

use crate::{
    phala::{fleet::Fleet, phactory::Generation},
    wire::{Dials, Incident},
};

/// Incidents only a `prb-wm` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// Every known route fails with 500 and `error_message`.
    ServerError,
}

/// The releases differ without a version number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Build {
    #[serde(rename = "2023")]
    Y2023,
    /// After the rewrite of March 2024.
    #[serde(rename = "2024")]
    Y2024,
}

/// Settings of a [`super::Manager`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    /// For `server_error`.
    pub server_error: String,
    pub build: Build,
    pub git_revision: String,
    pub para_height: i64,
    pub relay_height: i64,
    /// The parachain's; 0: the chains stand.
    pub block_time_ms: u64,
    /// How many transactions end well with each block; the list of them is never trimmed.
    pub txs_per_block: u64,
    pub pending_txs: u64,
    pub running_txs: u64,
    pub succeeded_txs: u64,
    pub failed_txs: u64,
    pub tx_error: String,
    /// How long a restarted worker is `Restarting`, and then absent (2024), before it starts.
    pub restarting_ms: u64,
    pub absent_ms: u64,
    /// The generation of the workers' pRuntimes.
    pub pruntime: Generation,
    #[serde(flatten)]
    pub fleet: Fleet,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            server_error: "database is locked".to_owned(),
            build: Build::Y2024,
            git_revision: "654b1b6".to_owned(),
            para_height: 2_905_270,
            relay_height: 15_748_050,
            block_time_ms: 12_000,
            txs_per_block: 1,
            pending_txs: 0,
            running_txs: 0,
            succeeded_txs: 3,
            failed_txs: 0,
            tx_error: "Tx timed out!".to_owned(),
            restarting_ms: 1000,
            absent_ms: 15_000,
            pruntime: Generation::V2_2,
            fleet: Fleet {
                network: "10.1".to_owned(),
                error_message: "Need Restart Manually! Worker Info is not matching prb internal status.".to_owned(),
                ..Fleet::default()
            },
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), String> {
        self.dials.check(self.incident.fault())?;
        self.fleet.check()
    }
}
