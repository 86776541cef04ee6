//! Everything that can be set about a robot.

use serde::{Deserialize, Serialize};

use crate::wire::{Dials, Incident};

/// Incidents only DingTalk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// It says that it is busy, with errcode -1.
    Busy,
}

/// Settings of a [`super::Robot`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    /// What stands in the address; not the bearer token `token`.
    pub access_token: String,
    /// Messages must be signed with it; empty for a robot that wants no signature.
    pub secret: String,
    /// A word that must be in every message; empty for none.
    pub keyword: String,
    /// Messages that it takes in a minute.
    pub most: usize,
    /// How long it is mute after more of them.
    pub mute_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            access_token: "SIMFARM-DINGTALK-TOKEN".to_owned(),
            secret: String::new(),
            keyword: String::new(),
            most: 20,
            mute_s: 600,
        }
    }
}
