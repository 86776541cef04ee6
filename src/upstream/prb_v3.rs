//! The worker manager of PRB v3 (`prb-wm`): the calls that read, and no others.
//!
//! Anyone who reaches it can also restart workers and change the inventory; so what can be asked is a fixed list here.
//! Source: `phala-blockchain` `standalone/prb/src/api.rs`, and its history before 2024-03.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::prb::beneath;
use super::{Fault, Http, Upstream};
use crate::values::{Endpoint, Size};

/// A client for one worker manager.
#[derive(Clone, Debug)]
pub struct WorkerManager {
    http: Http,
    transactions: Http,
    base: Url,
    who: String,
}

/// A call that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerManagerCall {
    /// Which build it is.
    Status,
    /// The workers that it runs.
    Workers,
    /// Pools in its database, each with its workers.
    PoolsWithWorkers,
}

impl WorkerManagerCall {
    /// As the upstream spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "wm/status",
            Self::Workers => "workers/status",
            Self::PoolsWithWorkers => "GetAllPoolsWithWorkers",
        }
    }

    /// Path, and what is posted there; the other half of these commands changes the inventory.
    const fn request(self) -> ([&'static str; 2], Option<&'static [u8]>) {
        match self {
            Self::Status => (["wm", "status"], None),
            Self::Workers => (["workers", "status"], None),
            Self::PoolsWithWorkers => (["wm", "config"], Some(b"{\"GetAllPoolsWithWorkers\":null}")),
        }
    }
}

/// The call for transactions as the upstream spells it.
pub const TRANSACTIONS: &str = "tx/status";

/// As much as is read of the list of transactions: some 25,000. It is never trimmed there, and the newest come first.
pub const TRANSACTIONS_CAP: Size = Size::from_bytes(4 << 20);

impl WorkerManager {
    /// A call ends within `deadline`; an answer beyond `cap` is given up.
    pub fn new(upstream: &Upstream, endpoint: &Endpoint, deadline: Duration, cap: Size) -> Self {
        let who = endpoint.to_string();
        Self {
            http: Http::new(upstream, who.clone(), deadline, cap),
            transactions: Http::new(upstream, who.clone(), deadline, TRANSACTIONS_CAP).cutting(),
            base: endpoint.url().clone(),
            who,
        }
    }

    /// How faults name it.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// The answer to one call, as JSON.
    pub async fn ask(&self, call: WorkerManagerCall) -> Result<Bytes, Fault> {
        let (path, body) = call.request();
        let url = beneath(&self.base, &self.who, path)?;
        match body {
            Some(body) => self.http.post_json(&url, call.name(), body.to_vec()).await,
            None => self.http.get(&url, call.name()).await,
        }
    }

    /// The list of transactions, as JSON; of a longer one the first [`TRANSACTIONS_CAP`] bytes.
    pub async fn transactions(&self) -> Result<Bytes, Fault> {
        let url = beneath(&self.base, &self.who, ["tx", "status"])?;
        self.transactions.get(&url, TRANSACTIONS).await
    }
}
