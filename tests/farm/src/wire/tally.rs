//! What a stand-in was asked, so that a test can say "no more than" and "never".

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
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
    /// Calls by name, over either transport, whatever the incident made of the answer.
    pub methods: BTreeMap<String, u64>,
    /// Bytes sent on all connections, with all that is around an answer.
    #[serde(default)]
    pub bytes_sent: u64,
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
#[derive(Debug, Default)]
pub struct Tally {
    calls: Mutex<Calls>,
    sent: Arc<AtomicU64>,
}

impl Tally {
    pub fn connection(&self) {
        locked(&self.calls).connections += 1;
    }

    pub fn http_request(&self) {
        locked(&self.calls).http_requests += 1;
    }

    pub fn websocket(&self) {
        locked(&self.calls).websockets += 1;
    }

    pub fn call(&self, method: &str) {
        *locked(&self.calls).methods.entry(method.to_owned()).or_default() += 1;
    }

    /// Where a connection adds what it sends.
    pub(super) fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent)
    }

    pub fn calls(&self) -> Calls {
        let calls = locked(&self.calls).clone();
        Calls {
            bytes_sent: self.sent.load(Ordering::Relaxed),
            ..calls
        }
    }
}
