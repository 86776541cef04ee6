//! pRuntimes, asked directly: what each worker's own program says, whatever its PRB believes.
//!
//! A PRB's monitor is open to anyone, and it is who names the addresses: so they are asked only within networks that
//! the operator named (`upstream::Fence`). What is told here is never mixed into what PRB says of a worker.

mod answers;
mod group;
mod picture;
mod reader;
mod samples;
mod symptoms;

use schemars::JsonSchema;
use serde::Deserialize;

pub use answers::{Gatekeeper, Info, Memory, Statistics};
pub(super) use picture::gist;
pub use picture::{Picture, State, View};
pub use reader::{Outcome, Reader, Round, Told};
pub(super) use samples::{FAMILIES, samples};
pub use symptoms::DOWN as PRUNTIME_DOWN;
pub use symptoms::PENDING_MESSAGES;
pub(super) use symptoms::{DEV_MODE, DOWN, NOT_ASKED, SAFE_MODE, UNREGISTERED, diagnose};

use crate::values::{Duration, Network};

/// The key that a refused address is explained with.
pub(super) const NETWORKS: &str = "pruntimes.networks";

/// That pRuntimes are asked, and which.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Networks in which the addresses must lie that PRB has for its workers; no other is connected to. Loopback, link-local and multicast addresses need a network of their own.
    #[serde(default)]
    #[schemars(example = ["10.0.0.0/8"])]
    pub networks: Vec<Network>,
    /// How often every pRuntime is asked; two calls each, one for old releases. At least 1s.
    #[serde(default = "default_interval")]
    #[schemars(example = &"30s")]
    pub interval: Duration,
}

fn default_interval() -> Duration {
    Duration::from_secs(30)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            interval: default_interval(),
        }
    }
}

#[cfg(test)]
mod tests;
