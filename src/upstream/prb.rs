//! The monitor of PRB v2: the calls that read, and no others.
//!
//! Anyone who reaches the monitor can also change everything through it; so what can be asked is a fixed list here.
//! Source: `runtime-bridge-monitor` `server/index.ts`, branch `next`.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::{Fault, Http, Upstream, Why};
use crate::values::{Endpoint, Size};

/// A client for one monitor.
#[derive(Clone, Debug)]
pub struct PrbMonitor {
    http: Http,
    base: Url,
    who: String,
}

/// A call that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrbCall {
    /// Of any peer: who it is.
    Hello,
    /// Of a data provider.
    GetDataProviderInfo,
    /// Of a lifecycle, without ids: all workers that it has loaded.
    GetWorkerStatus,
    /// Of a lifecycle: the workers in its database.
    ListWorker,
    /// Of a lifecycle: the pools in its database, with their owners' keys.
    ListPool,
}

impl PrbCall {
    /// As the upstream spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "Hello",
            Self::GetDataProviderInfo => "GetDataProviderInfo",
            Self::GetWorkerStatus => "GetWorkerStatus",
            Self::ListWorker => "ListWorker",
            Self::ListPool => "ListPool",
        }
    }
}

impl PrbMonitor {
    /// A call ends within `deadline`; an answer beyond `cap` is given up.
    pub fn new(upstream: &Upstream, endpoint: &Endpoint, deadline: Duration, cap: Size) -> Self {
        let who = endpoint.to_string();
        Self {
            http: Http::new(upstream, who.clone(), deadline, cap),
            base: endpoint.url().clone(),
            who,
        }
    }

    /// How faults name it.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// The peers that the monitor has met, as JSON.
    pub async fn discover(&self) -> Result<Bytes, Fault> {
        let url = beneath(&self.base, &self.who, ["ptp", "discover"])?;
        self.http.get(&url, "discover").await
    }

    /// The envelope of one call to a peer, as JSON. `peer` stands in the path, so whatever it holds is encoded.
    pub async fn ask(&self, peer: &str, call: PrbCall) -> Result<Bytes, Fault> {
        let url = beneath(&self.base, &self.who, ["ptp", "proxy", peer, call.name()])?;
        let answer = self.http.post_json(&url, call.name(), b"{}".to_vec()).await;
        answer.map_err(|fault| match fault.why {
            // With the body `{}`: the only way in which it says so.
            Why::Status(500, _) => Fault {
                why: Why::upstream("the monitor does not know this peer; it was restarted and finds it within 20s"),
                ..fault
            },
            _ => fault,
        })
    }
}

/// The address of `parts` beneath a base, which may have a path of its own.
pub(super) fn beneath<const PARTS: usize>(base: &Url, who: &str, parts: [&str; PARTS]) -> Result<Url, Fault> {
    let mut url = base.clone();
    url.set_query(None);
    let words = "an address that cannot have a path".to_owned();
    url.path_segments_mut()
        .map_err(|()| Fault::new(who, parts.concat(), Why::Configuration(words)))?
        .pop_if_empty()
        .extend(parts);
    Ok(url)
}
