//! Everything that can be set about a Chia farm and about each of its services.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{
    standin::over_numbered,
    wire::{Dials, Fault},
};

/// Which certificate the services show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    #[default]
    Own,
    /// One of another farm, whose authority has the same name.
    Strange,
    Expired,
}

/// One harvester, as the farmer sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Harvester {
    pub node_id: String,
    pub host: String,
    pub connected: bool,
    pub plots: u64,
    /// So many lie on its disks: a look that is ordered, or a start, finds them. As many as `plots` if `null`.
    pub on_disk: Option<u64>,
    /// Bytes of one plot's file.
    pub plot_bytes: u64,
    /// Its plots lie on so many directories `/mnt/plots/dNN`.
    pub disks: u64,
    pub invalid: u64,
    pub keys_missing: u64,
    pub duplicates: u64,
    /// It answers to no signage point.
    pub silent: bool,
    pub lookup_ms: u64,
    /// When it last ended a scan, in Unix seconds; by the clock every two minutes if `null`.
    pub last_scan: Option<f64>,
}

impl Harvester {
    /// The harvester at a place of the list. The first is that of the installation and gets its node id at the start.
    pub fn numbered(at: u16) -> Self {
        let name = u32::from(at) + 0xc0de_0000;
        Self {
            node_id: format!("{name:08x}{at:056x}"),
            host: format!("10.7.{}.{}", at / 250, at % 250 + 1),
            connected: true,
            plots: 1_000,
            on_disk: None,
            plot_bytes: 108_800_000_000,
            disks: 10,
            invalid: 0,
            keys_missing: 0,
            duplicates: 0,
            silent: false,
            lookup_ms: 350,
            last_scan: None,
        }
    }
}

/// Settings of a [`super::Chia`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The release. What older ones do not have (from 1.2 on) is left out of what they answer and push.
    pub version: String,
    pub network: String,
    pub synced: bool,
    pub height: u64,
    /// How long a block takes; 0: the chain stands.
    pub block_ms: u64,
    /// Of the network, in bytes, in digits: more than 64 bits, as on mainnet.
    pub space: String,
    pub peers: u64,
    /// How long from one signage point to the next; 0: only by `/point`.
    pub point_ms: u64,
    /// The farm's clock goes wrong by so many seconds.
    pub skew_s: i64,
    pub certificate: Shown,
    /// A number is so many of them.
    #[serde(deserialize_with = "harvesters")]
    pub harvesters: Vec<Harvester>,
    /// The installation's harvester was started by its daemon, which alone can stop it then.
    pub started_by_daemon: bool,
    /// Partials that the pool has taken; each signage point brings another.
    pub partials: u64,
}

fn harvesters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Harvester>, D::Error> {
    over_numbered(deserializer, Harvester::numbered)
}

impl Settings {
    /// Whether the release is this one, or a later one.
    pub(super) fn since(&self, release: [u32; 3]) -> bool {
        let mut own = self.version.split('.').map(|number| number.parse().unwrap_or(0));
        [(); 3].map(|()| own.next().unwrap_or(0)) >= release
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "2.7.5".to_owned(),
            network: "mainnet".to_owned(),
            synced: true,
            height: 7_500_000,
            block_ms: 18_750,
            space: "20000000000000000000".to_owned(),
            peers: 8,
            point_ms: 9_375,
            skew_s: 0,
            certificate: Shown::Own,
            harvesters: (0..2).map(Harvester::numbered).collect(),
            started_by_daemon: true,
            partials: 12,
        }
    }
}

/// Settings of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Instance {
    pub incident: Fault,
    #[serde(flatten)]
    pub dials: Dials,
    /// Routes that this release does not have: 404.
    pub missing: Vec<String>,
    /// Routes that fail, with the text.
    pub errors: BTreeMap<String, String>,
    /// JSON merge patches of answers by route.
    pub results: BTreeMap<String, Value>,
}
