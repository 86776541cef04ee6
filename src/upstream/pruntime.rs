//! pRuntimes, the programs in the enclaves of workers: the two calls that tell of them, and no others.
//!
//! There is no authentication, and the same port takes blocks and, where that is enabled, the order to end itself; so
//! what can be asked is fixed here, path and all. Source: `phala-blockchain` `standalone/pruntime/src/api_server.rs`,
//! branches `master` and `pruntime-v0.2.x`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use tokio::time::Instant;

use super::http::{Reply, status_why};
use super::{Fault, Fence, Http, Upstream, Why};
use crate::values::{Endpoint, Scheme, Size};

const PRPC_INFO: &str = "/prpc/PhactoryAPI.GetInfo";
const PRPC_STATISTICS: &str = "/prpc/PhactoryAPI.Statistics";
const OLD_INFO: &str = "/get_info";

/// An answer has about 2 kB.
const ANSWER_CAP: Size = Size::from_bytes(1 << 20);

/// How long a pRuntime without pRPC over GET is asked in the old way only. Then it may have been updated.
const OLDER_FOR: Duration = Duration::from_secs(600);

/// For so many it is remembered that they are old; twice as many workers are in no network.
const MOST_OLDER: usize = 50_000;

/// A client for any number of pRuntimes. Connections are closed after each answer: an old pRuntime serves one
/// connection at a time, and the next one is its PRB's.
#[derive(Clone, Debug)]
pub struct Pruntimes {
    upstream: Upstream,
    deadline: Duration,
    older: Arc<Mutex<HashMap<String, Instant>>>,
}

/// What came, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `PhactoryInfo` in JSON; such a pRuntime has statistics too.
    Info(Bytes),
    /// What `/get_info` answers: the same in a text in JSON, or an error.
    Wrapped(Bytes),
    /// An error of pRPC in JSON.
    Refusal(Bytes),
}

impl Pruntimes {
    /// Every exchange ends within `deadline`. With a fence no address outside of it is ever connected to.
    pub fn new(upstream: &Upstream, fence: Option<Fence>, deadline: Duration) -> Result<Self, String> {
        Ok(Self {
            upstream: upstream.apart(fence)?,
            deadline,
            older: Arc::default(),
        })
    }

    /// What a pRuntime says of itself: over pRPC, or where that is missing in the way that all releases have.
    pub async fn info(&self, endpoint: &Endpoint) -> Result<Answer, Fault> {
        let who = endpoint.to_string();
        if !self.is_old(&who) {
            let reply = self.get(endpoint, PRPC_INFO).await?;
            if !is_missing(&reply) {
                return answered(reply, Answer::Info).map_err(|why| Fault::new(who, PRPC_INFO, why));
            }
        }
        let reply = self.get(endpoint, OLD_INFO).await?;
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        if is_missing(&reply) {
            older.remove(&who);
            let words = format!("it has neither {PRPC_INFO} nor {OLD_INFO}: is that a pRuntime, and its port (8000)?");
            return Err(Fault::new(who, OLD_INFO, Why::NotFound(words)));
        }
        if older.len() >= MOST_OLDER {
            older.clear();
        }
        older.entry(who.clone()).or_insert_with(Instant::now);
        answered(reply, Answer::Wrapped).map_err(|why| Fault::new(who, OLD_INFO, why))
    }

    /// Since when it runs and on how many cores, as JSON; only where [`Answer::Info`] came.
    pub async fn statistics(&self, endpoint: &Endpoint) -> Result<Bytes, Fault> {
        let reply = self.get(endpoint, PRPC_STATISTICS).await?;
        match answered(reply, Answer::Info) {
            Ok(Answer::Info(body)) => Ok(body),
            Ok(_) => Err(Why::upstream("it has no statistics now")),
            Err(why) => Err(why),
        }
        .map_err(|why| Fault::new(endpoint.to_string(), PRPC_STATISTICS, why))
    }

    /// Of the endpoint only scheme, host and port are used: whoever chose it does not choose what is asked.
    async fn get(&self, endpoint: &Endpoint, path: &str) -> Result<Reply, Fault> {
        let who = endpoint.to_string();
        if !matches!(endpoint.scheme(), Scheme::Http | Scheme::Https) {
            let words = "a pRuntime speaks http or https, no websocket".to_owned();
            return Err(Fault::new(who, path, Why::Outside(words)));
        }
        let mut url = endpoint.url().clone();
        url.set_path(path);
        url.set_query(None);
        url.set_fragment(None);
        let http = Http::new(&self.upstream, who, self.deadline, ANSWER_CAP);
        http.get_any(&url, path).await
    }

    fn is_old(&self, who: &str) -> bool {
        let mut older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        let old = older.get(who).is_some_and(|since| since.elapsed() < OLDER_FOR);
        if !old {
            older.remove(who);
        }
        old
    }
}

/// Rocket says 404 to a path and in some releases 405 to a method that it does not have.
fn is_missing(reply: &Reply) -> bool {
    matches!(reply.status, 404 | 405)
}

/// Errors of pRPC are JSON objects; what else has such a status comes from somebody else on that port.
fn answered(reply: Reply, good: fn(Bytes) -> Answer) -> Result<Answer, Why> {
    match reply.status {
        200..=299 => Ok(good(reply.body)),
        400 | 500..=599 if reply.body.starts_with(b"{") => Ok(Answer::Refusal(reply.body)),
        400 => Err(Why::Status(400, "is that a pRuntime?")),
        code => Err(StatusCode::from_u16(code).map_or(Why::Status(code, ""), status_why)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use simfarm::pruntime::Runtime;

    use super::*;

    fn fence(networks: &[&str]) -> Fence {
        let networks: Vec<_> = networks.iter().map(|text| text.parse().unwrap()).collect();
        Fence::new(&networks, "pruntimes.networks")
    }

    fn pruntimes(networks: &[&str]) -> Pruntimes {
        let upstream = Upstream::from_system().unwrap();
        Pruntimes::new(&upstream, Some(fence(networks)), Duration::from_secs(10)).unwrap()
    }

    async fn runtime(settings: serde_json::Value) -> (Runtime, Endpoint) {
        let runtime = Runtime::start("127.0.0.1:0").await.unwrap();
        runtime.set(settings).await.unwrap();
        let endpoint = format!("http://{}", runtime.addr()).parse().unwrap();
        (runtime, endpoint)
    }

    /// What it was asked, and how often.
    fn asked(runtime: &Runtime) -> serde_json::Value {
        json!(runtime.calls().methods)
    }

    #[tokio::test]
    async fn a_new_pruntime_is_asked_over_prpc() {
        let (runtime, endpoint) = runtime(json!({})).await;
        let pruntimes = pruntimes(&["127.0.0.0/8"]);
        let Answer::Info(info) = pruntimes.info(&endpoint).await.unwrap() else {
            panic!("another form");
        };
        assert!(info.starts_with(b"{"));
        pruntimes.statistics(&endpoint).await.unwrap();
        let both = json!({"prpc/PhactoryAPI.GetInfo": 1, "prpc/PhactoryAPI.Statistics": 1});
        assert_eq!(asked(&runtime), both);
    }

    #[tokio::test]
    async fn an_old_one_is_remembered_as_such_for_a_while() {
        for (generation, missing) in [("0.2", 404), ("2.0", 404), ("2.0", 405)] {
            let (runtime, endpoint) = runtime(json!({"generation": generation, "missing_status": missing})).await;
            let pruntimes = pruntimes(&["127.0.0.0/8"]);
            for _ in 0..3 {
                let answer = pruntimes.info(&endpoint).await.unwrap();
                assert!(matches!(answer, Answer::Wrapped(_)), "{answer:?}");
            }
            let expected = json!({"prpc/PhactoryAPI.GetInfo": 1, "get_info": 3});
            assert_eq!(asked(&runtime), expected, "{generation}");
        }
    }

    #[tokio::test]
    async fn of_an_endpoint_with_a_path_only_the_origin_is_used() {
        let (runtime, endpoint) = runtime(json!({"kick_api": true})).await;
        let elsewhere: Endpoint = format!("{endpoint}/kick?x=/prpc#y").parse().unwrap();
        pruntimes(&["127.0.0.1"]).info(&elsewhere).await.unwrap();
        assert_eq!(asked(&runtime), json!({"prpc/PhactoryAPI.GetInfo": 1}));
    }

    #[tokio::test]
    async fn nothing_outside_of_the_fence_is_connected_to() {
        let (runtime, endpoint) = runtime(json!({})).await;
        let pruntimes = pruntimes(&["10.0.0.0/8", "0.0.0.0/0"]);
        let port = endpoint.port();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0.0.0.0"] {
            let endpoint: Endpoint = format!("http://{host}:{port}").parse().unwrap();
            let fault = pruntimes.info(&endpoint).await.unwrap_err();
            assert!(matches!(fault.why, Why::Outside(_)), "{host}: {fault}");
            assert!(fault.to_string().contains("`pruntimes.networks`"), "{host}: {fault}");
        }
        assert_eq!(runtime.calls().connections, 0);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_asked() {
        let (_runtime, endpoint) = runtime(json!({})).await;
        let endpoint: Endpoint = format!("http://localhost:{}", endpoint.port()).parse().unwrap();
        pruntimes(&["127.0.0.0/8"]).info(&endpoint).await.unwrap();
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_an_error_is_told_apart_from_a_page() {
        let (elsewhere, there) = runtime(json!({})).await;
        let (redirecting, endpoint) = runtime(json!({"incident": "redirect", "redirect_to": there.to_string()})).await;
        let pruntimes = pruntimes(&["127.0.0.0/8"]);
        let fault = pruntimes.info(&endpoint).await.unwrap_err();
        assert!(
            fault.to_string().contains("points elsewhere, which is never followed"),
            "{fault}"
        );
        assert_eq!(elsewhere.calls().connections, 0);
        redirecting.set(json!({"incident": "error"})).await.unwrap();
        let refusal = pruntimes.info(&endpoint).await.unwrap();
        assert!(matches!(refusal, Answer::Refusal(_)), "{refusal:?}");
        redirecting
            .set(json!({"incident": "status", "status": 503}))
            .await
            .unwrap();
        let fault = pruntimes.info(&endpoint).await.unwrap_err();
        assert_eq!(fault.why, Why::Status(503, ""));
    }

    #[tokio::test]
    async fn a_websocket_and_an_endless_answer_are_refused() {
        let (runtime, endpoint) = runtime(json!({"incident": "huge"})).await;
        let pruntimes = pruntimes(&["127.0.0.0/8"]);
        let fault = pruntimes.info(&endpoint).await.unwrap_err();
        assert!(matches!(fault.why, Why::TooLarge(_)), "{fault}");
        let before = runtime.calls().connections;
        let ws: Endpoint = format!("ws://{}", runtime.addr()).parse().unwrap();
        assert!(pruntimes.info(&ws).await.is_err());
        assert_eq!(runtime.calls().connections, before);
    }
}
