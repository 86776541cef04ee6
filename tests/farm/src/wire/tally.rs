//! What a stand-in was asked, so that a test can say "no more than" and "never".

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde::{Deserialize, Serialize};

use crate::standin::locked;

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// TCP connections accepted.
    pub connections: u64,
    /// HTTP requests whose head arrived, upgrades included.
    pub http_requests: u64,
    /// WebSocket handshakes that succeeded.
    pub websockets: u64,
    /// Bytes of the bodies of answers that went on their way.
    pub sent_bytes: u64,
    /// Calls by name, over either transport, whatever the incident made of the answer.
    pub methods: BTreeMap<String, u64>,
}

impl Calls {
    /// How often `method` was called.
    pub fn of(&self, method: &str) -> u64 {
        self.methods.get(method).copied().unwrap_or(0)
    }

    /// Calls of every name.
    pub fn total(&self) -> u64 {
        self.methods.values().sum()
    }
}

/// The counting end of [`Calls`].
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Calls>>);

impl Tally {
    pub fn connection(&self) {
        locked(&self.0).connections += 1;
    }

    pub fn http_request(&self) {
        locked(&self.0).http_requests += 1;
    }

    pub fn websocket(&self) {
        locked(&self.0).websockets += 1;
    }

    pub fn sent(&self, bytes: usize) {
        locked(&self.0).sent_bytes += u64::try_from(bytes).unwrap_or_default();
    }

    pub fn call(&self, method: &str) {
        *locked(&self.0).methods.entry(method.to_owned()).or_default() += 1;
    }

    pub fn calls(&self) -> Calls {
        locked(&self.0).clone()
    }
}
