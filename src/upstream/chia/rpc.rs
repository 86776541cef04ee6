//! One service's RPC: `POST /<route>` with a JSON object, one request at a time.
//!
//! Not through the client of `http.rs`: the name that is verified differs from the host that is dialled, and what a
//! refusal looks like is chia's own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::super::body::Body;
use super::super::{Fault, Upstream, Why};
use super::way::{self, Way};
use super::{Call, Identity, Service};
use crate::values::{HostPort, Size};

/// A client for one service. Each service is one event loop that farms as well, so it is asked one thing at a time.
#[derive(Clone, Debug)]
pub struct ChiaRpc {
    way: Way,
    service: Service,
    deadline: Duration,
    cap: Size,
    open: Arc<Mutex<Option<Open>>>,
}

/// A connection that is kept from call to call.
#[derive(Debug)]
struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

/// Why an exchange brought nothing.
enum Missed {
    /// The connection ended before an answer began.
    Unheard(Why),
    /// There was an answer, and this is what is wrong with it.
    Answered(Why),
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl ChiaRpc {
    /// Every call ends within `deadline`; an answer beyond `cap` is given up.
    pub fn new(
        upstream: &Upstream,
        identity: &Arc<Identity>,
        service: Service,
        place: &HostPort,
        (deadline, cap): (Duration, Size),
    ) -> Self {
        Self {
            way: Way::new(upstream, identity, "https", place),
            service,
            deadline,
            cap,
            open: Arc::default(),
        }
    }

    /// The same service, over the same connection, with another patience and another bound.
    #[must_use]
    pub fn with(&self, (deadline, cap): (Duration, Size)) -> Self {
        Self {
            deadline,
            cap,
            ..self.clone()
        }
    }

    /// How faults name it.
    pub fn who(&self) -> &str {
        &self.way.who
    }

    /// The body of an answer that says success.
    pub async fn ask(&self, call: &Call) -> Result<Bytes, Fault> {
        let fault = |why| self.way.fault(call.route(), why);
        if !call.services().contains(&self.service) {
            return Err(fault(Why::Internal(format!("no call of a {}", self.service.name()))));
        }
        // The connection is out of its place meanwhile: whatever ends this early, also loses it.
        let asked = async {
            let mut open = self.open.lock().await;
            let (answer, connection) = self.exchange(open.take(), call).await?;
            *open = connection;
            Ok::<_, Fault>(answer)
        };
        let answer = match tokio::time::timeout(self.deadline, asked).await {
            Ok(answer) => answer?,
            Err(_) => return Err(fault(Why::Timeout(self.deadline))),
        };
        succeeded(&answer).map_err(fault)?;
        Ok(answer)
    }

    /// A kept connection may have been closed meanwhile; the calls only read, so they can be sent again. What was answered
    /// is not asked twice.
    async fn exchange(&self, kept: Option<Open>, call: &Call) -> Result<(Bytes, Option<Open>), Fault> {
        let fault = |why| self.way.fault(call.route(), why);
        if let Some(kept) = kept {
            match self.once(kept, call).await {
                Ok(done) => return Ok(done),
                Err(Missed::Answered(why)) => return Err(fault(why)),
                Err(Missed::Unheard(_)) => {}
            }
        }
        let fresh = self.connect().await?;
        let done = self.once(fresh, call).await;
        done.map_err(|(Missed::Answered(why) | Missed::Unheard(why))| fault(why))
    }

    async fn connect(&self) -> Result<Open, Fault> {
        let stream = self.way.dial(self.deadline).await?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|e| self.way.fault("connect", hyper_why(&e)))?;
        // What goes wrong on it is told to whoever waits for an answer.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Open { sender, driver })
    }

    async fn once(&self, mut open: Open, call: &Call) -> Result<(Bytes, Option<Open>), Missed> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/{}", call.route()))
            .header(HOST, self.way.place.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("farmwarden/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(call.body()))
            .map_err(|e| Missed::Answered(Why::Internal(e.to_string())))?;
        let unheard = |e: hyper::Error| Missed::Unheard(hyper_why(&e));
        // Of a kept connection the last answer may not have been put away yet.
        open.sender.ready().await.map_err(unheard)?;
        let response = open.sender.send_request(request).await.map_err(unheard)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(Missed::Answered(status_why(status)));
        }
        let body = self.read(response).await.map_err(Missed::Answered)?;
        Ok((body, (!open.sender.is_closed()).then_some(open)))
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, Why> {
        use hyper::body::Body as _;
        let announced = response.body().size_hint().exact();
        let mut incoming = response.into_body();
        let mut body = Body::new(self.cap, &self.way.upstream.large, announced, false)?;
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|_| Why::malformed("it closed the connection in the middle of the answer"))?;
            if let Some(chunk) = frame.data_ref() {
                body.push(chunk).await?;
            }
        }
        Ok(body.finish())
    }
}

fn hyper_why(error: &hyper::Error) -> Why {
    if error.is_parse() {
        return Why::malformed("it does not speak HTTP on this port");
    }
    match way::ended_unheard(error) {
        Some(why) => why,
        None if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => Why::ClientCertRefused,
        None => Why::malformed(error.to_string()),
    }
}

fn status_why(status: u16) -> Why {
    match status {
        404 => {
            Why::NotFound("answered HTTP 404: another service, or a release that does not have this call".to_owned())
        }
        413 => Why::Status(413, "it refuses the size of the question"),
        other => Why::Status(other, ""),
    }
}

/// What every answer begins with. `traceback` is never taken up: it holds paths.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    success: Option<bool>,
    #[serde(default)]
    error: Option<String>,
}

fn succeeded(body: &[u8]) -> Result<(), Why> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|e| Why::malformed(format!("no answer of a chia RPC ({e})")))?;
    match (envelope.success, envelope.error) {
        (Some(true), _) => Ok(()),
        (_, Some(error)) => Err(Why::upstream(told(&error))),
        (Some(false), None) => Err(Why::upstream("it says no success, and not why")),
        (None, None) => Err(Why::malformed("no answer of a chia RPC: it has no `success`")),
    }
}

/// An error as it may be shown: words with a path, and long ones, which may be an address or a key, are left out.
fn told(error: &str) -> String {
    let shown = error.split_whitespace().map(|word| {
        let hidden = word.contains('/') || word.chars().count() > LONGEST_WORD;
        if hidden { "…" } else { word }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Longer ones are digests, keys and addresses.
const LONGEST_WORD: usize = 32;

#[cfg(test)]
mod tests;
