//! The monitor of PRB v0: the requests that read, and no others.
//!
//! Anyone who reaches it can also start, kick and create workers; so what can be asked is a fixed list here.
//! Source: `runtime-bridge-monitor` `pages/api`, branch `master`; `runtime-bridge-proto`.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use url::Url;

use super::prb::beneath;
use super::{Fault, Http, Upstream, Why};
use crate::values::{Endpoint, Size};

/// A client for one monitor.
#[derive(Clone, Debug)]
pub struct LegacyMonitor {
    http: Http,
    base: Url,
    who: String,
}

/// A request that changes nothing. The monitor passes on objects with exactly one key, these.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LegacyCall<'a> {
    /// Of the fetcher: how far it is with both chains.
    CallOnlineFetcher {},
    /// Of the lifecycle manager: workers and pools in its database, with their owners' keys.
    CallOnlineLifecycleManager {},
    /// Of the lifecycle manager: how these workers are.
    QueryWorkerState { ids: &'a [Id<'a>] },
}

/// A worker to be asked about.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Id<'a> {
    pub uuid: &'a str,
}

impl LegacyCall<'_> {
    /// As the upstream spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallOnlineFetcher {} => "callOnlineFetcher",
            Self::CallOnlineLifecycleManager {} => "callOnlineLifecycleManager",
            Self::QueryWorkerState { .. } => "queryWorkerState",
        }
    }

    const fn path(self) -> [&'static str; 2] {
        match self {
            Self::CallOnlineFetcher {} => ["api", "query_fetcher"],
            Self::CallOnlineLifecycleManager {} | Self::QueryWorkerState { .. } => ["api", "query_manager"],
        }
    }
}

impl LegacyMonitor {
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

    /// The answer to one request, as JSON.
    pub async fn ask(&self, call: LegacyCall<'_>) -> Result<Bytes, Fault> {
        let url = beneath(&self.base, &self.who, call.path())?;
        let body = serde_json::to_vec(&call);
        let body = body.map_err(|e| Fault::new(&self.who, call.name(), Why::Internal(e.to_string())))?;
        let answer = self.http.post_json(&url, call.name(), body).await;
        answer.map_err(|fault| match fault.why {
            // The only way in which it says so.
            Why::Status(500, _) => Fault {
                why: Why::upstream("nobody answered the monitor within 5s: is that container running?"),
                ..fault
            },
            _ => fault,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_an_object_with_exactly_one_key_that_reads() {
        let ids = [Id { uuid: "a\"b" }, Id { uuid: "c" }];
        let written = |call: LegacyCall<'_>| serde_json::to_string(&call).unwrap();
        assert_eq!(written(LegacyCall::CallOnlineFetcher {}), "{\"callOnlineFetcher\":{}}");
        assert_eq!(
            written(LegacyCall::CallOnlineLifecycleManager {}),
            "{\"callOnlineLifecycleManager\":{}}"
        );
        assert_eq!(
            written(LegacyCall::QueryWorkerState { ids: &ids }),
            r#"{"queryWorkerState":{"ids":[{"uuid":"a\"b"},{"uuid":"c"}]}}"#
        );
    }
}
