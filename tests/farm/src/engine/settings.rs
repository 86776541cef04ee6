//! Everything that can be set about an engine and its containers.

use serde::{Deserialize, Serialize};

use crate::wire::{Dials, Incident, socket};

/// Incidents that only an engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// Whatever changes something fails with `error_message`, and changes nothing.
    Failing,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Container {
    pub name: String,
    /// By Compose; empty for one that was started by hand.
    pub project: String,
    pub service: String,
    pub running: bool,
    /// Unix time; 0 for never.
    pub started_ms: u64,
    pub exit_code: i64,
    pub restart_policy: String,
    /// It was started with `--rm`.
    pub auto_remove: bool,
    /// How long it takes to stop when it is told to.
    pub stop_ms: u64,
}

impl Default for Container {
    fn default() -> Self {
        Self {
            name: String::new(),
            project: String::new(),
            service: String::new(),
            running: true,
            started_ms: 1_669_000_000_000,
            exit_code: 0,
            restart_policy: "unless-stopped".to_owned(),
            auto_remove: false,
            stop_ms: 0,
        }
    }
}

/// Settings of an [`super::Engine`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    /// Of the API; paths of newer versions are refused.
    pub api_version: String,
    /// For `failing`.
    pub error_message: String,
    pub containers: Vec<Container>,
}

impl Settings {
    pub(super) fn new(names: &[&str]) -> Self {
        let running = |name: &&str| Container {
            name: (*name).to_owned(),
            ..Container::default()
        };
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            api_version: "1.41".to_owned(),
            error_message: "cannot restart container: the disk is full".to_owned(),
            containers: names.iter().map(running).collect(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.dials.check(self.incident.fault())?;
        socket::check(self.incident.fault())
    }
}
