//! Everything that can be set about a pRuntime.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    phala::phactory::Generation,
    wire::{Dials, Incident},
};

/// Incidents only a pRuntime has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// Answers, but its heights stand.
    Stuck,
    /// Every call fails with `error_message`.
    Error,
    /// `/get_info` fails below the application: its payload is plain text.
    PlainPayload,
    /// `/info` could not have its lock: a text that is no JSON, with 200.
    LockFailed,
}

/// Settings of a [`super::Runtime`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    /// For `error`.
    pub error_message: String,
    pub generation: Generation,
    /// The code for routes that its generation does not have: 404 or 405.
    pub missing_status: u16,
    /// The worker it is; its keys follow from that.
    pub name: String,
    pub initialized: bool,
    /// Synced heights; the numbers it gives are one higher.
    pub para_height: i64,
    pub relay_height: i64,
    /// 0: it stands.
    pub block_time_ms: u64,
    /// Whether `/kick` exists.
    pub kick_api: bool,
    /// How long after a kick it is back; `null` for never.
    pub restart_ms: Option<u64>,
    pub cores: u32,
    /// A JSON merge patch of what it says of itself.
    pub info: Value,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            error_message: "Runtime not initialized".to_owned(),
            generation: Generation::V2_2,
            missing_status: 404,
            name: "10.1.0.1".to_owned(),
            initialized: true,
            para_height: 2_905_270,
            relay_height: 15_748_050,
            block_time_ms: 12_000,
            kick_api: false,
            restart_ms: None,
            cores: 8,
            info: Value::Object(Map::new()),
        }
    }
}
