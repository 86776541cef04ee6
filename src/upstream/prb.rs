//! The monitor of PRB v2: the calls that read, and no others.
//!
//! Anyone who reaches the monitor can also change everything through it; so what can be asked is a fixed list here.
//! Source: `runtime-bridge-monitor` `server/index.ts`, branch `next`.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use url::Url;

use super::http::{Ask, status_why};
use super::{Elements, Fault, Http, Upstream, Why};
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
            Why::Status(500, _) => Fault {
                why: unknown_peer(),
                ..fault
            },
            _ => fault,
        })
    }

    /// The same for a long list, which is handed over element by element while it comes; what is given back is the
    /// envelope without it. `each` says whether it wants more.
    pub async fn ask_each(
        &self,
        peer: &str,
        call: PrbCall,
        mut each: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<Vec<u8>, Fault> {
        let url = beneath(&self.base, &self.who, ["ptp", "proxy", peer, call.name()])?;
        let ask = Ask {
            url: &url,
            operation: call.name(),
            body: Some(b"{}".to_vec()),
            header: None,
        };
        let mut enough = false;
        let mut elements = Elements::new(PRB_LIST_WITHIN, |element: &[u8]| {
            enough = !each(element);
            !enough
        });
        let poured = self.http.pour(&ask, |piece| elements.push(piece)).await?;
        let envelope = elements.envelope();
        let why = match poured.status {
            200..=299 if poured.whole || enough => return Ok(envelope),
            200..=299 => Why::TooLarge(self.http.cap()),
            500 => unknown_peer(),
            code => StatusCode::from_u16(code).map_or(Why::Status(code, ""), status_why),
        };
        Err(Fault::new(&self.who, call.name(), why))
    }
}

/// A status of 500 with the body `{}`: the only way in which a monitor says so.
fn unknown_peer() -> Why {
    Why::upstream("the monitor does not know this peer; it was restarted and finds it within 20s")
}

/// `{"data":{"workerStates":[`
pub const PRB_LIST_WITHIN: usize = 3;

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
