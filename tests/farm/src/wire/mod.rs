//! Serving HTTP and WebSocket with incidents, for every stand-in that speaks HTTP.
//!
//! A stand-in gives the right answer through [`Upstream`]; this room decides what becomes of it on the wire.

mod bodies;
mod counted;
mod http;
mod server;
pub(crate) mod socket;
mod tally;
mod websocket;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{self, BoxFuture, FutureExt as _};
use hyper::{Request, Response, header};
use serde::{Deserialize, Serialize, de};
use tokio_rustls::TlsAcceptor;

pub use server::Server;
pub use socket::SocketServer;
pub use tally::{Calls, Tally};

/// Incidents that need no knowledge of what is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    #[default]
    Healthy,
    /// The port is closed.
    Down,
    /// Accepts and closes at once.
    Refuse,
    /// Bytes that are not HTTP.
    Garbage,
    /// Reads, never answers.
    Silent,
    /// Answers after `delay_ms`.
    Slow,
    /// Half of the answer, then nothing.
    HalfOpen,
    /// One byte of the body every `drip_ms`.
    Drip,
    /// A `Content-Length` that the body does not reach.
    Truncated,
    /// The answer behind `huge_bytes` of padding.
    Huge,
    /// 200 and a page for people.
    Html,
    /// 307 to `redirect_to`.
    Redirect,
    /// The code `status`, without a body that could be taken for an answer.
    Status,
}

/// What the incidents can be tuned with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dials {
    pub delay_ms: u64,
    pub drip_ms: u64,
    pub huge_bytes: u64,
    /// `host:port` of another stand-in, or a whole URL.
    pub redirect_to: String,
    pub status: u16,
    /// Requests without this bearer token get 401; empty for none.
    pub token: String,
}

impl Default for Dials {
    fn default() -> Self {
        Self {
            delay_ms: 1000,
            drip_ms: 1000,
            huge_bytes: 100 * 1024 * 1024,
            redirect_to: String::new(),
            status: 503,
            token: String::new(),
        }
    }
}

impl Dials {
    /// Refuses what could not be put on the wire.
    pub fn check(&self, fault: Fault) -> Result<(), String> {
        if fault == Fault::Redirect && self.location().parse::<hyper::Uri>().is_err() {
            return Err(format!("redirect_to: `{}` is not host:port or a URL", self.redirect_to));
        }
        if !(200..1000).contains(&self.status) {
            return Err(format!("status: {} is not in 200..=999", self.status));
        }
        Ok(())
    }

    fn location(&self) -> String {
        if self.redirect_to.contains("://") {
            return self.redirect_to.clone();
        }
        format!("http://{}/", self.redirect_to)
    }
}

/// The one word in a stand-in's setting `incident`: a fault on the wire, or one of its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Incident<Own> {
    Wire(Fault),
    Own(Own),
}

impl<Own> Default for Incident<Own> {
    fn default() -> Self {
        Self::Wire(Fault::Healthy)
    }
}

impl<Own> Incident<Own> {
    /// What the wire makes of it: incidents of its own kind are sent like good answers.
    pub fn fault(self) -> Fault {
        match self {
            Self::Wire(fault) => fault,
            Self::Own(_) => Fault::Healthy,
        }
    }
}

impl<'de, Own: Deserialize<'de>> Deserialize<'de> for Incident<Own> {
    /// By hand, since the derived message for untagged enums names none of the words that would do.
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let own = |word: &str| {
            Own::deserialize(de::IntoDeserializer::<de::value::Error>::into_deserializer(
                word.to_owned(),
            ))
        };
        match Fault::deserialize(de::IntoDeserializer::<de::value::Error>::into_deserializer(
            word.as_str(),
        )) {
            Ok(fault) => Ok(Self::Wire(fault)),
            Err(not_fault) => own(&word)
                .map(Self::Own)
                .map_err(|not_own| de::Error::custom(format!("incident: {not_fault}; {not_own}"))),
        }
    }
}

/// The fault and the dials that hold for one request.
#[derive(Clone, Debug)]
pub struct View {
    pub fault: Fault,
    pub dials: Dials,
}

/// A body: whole, or made piece by piece while it is sent, for lists that nobody should have to hold.
pub enum Load {
    Whole(Bytes),
    Pieces(Box<dyn Iterator<Item = Bytes> + Send>),
}

/// A system as seen from the network, in good health. One of the three answers must be given.
pub trait Upstream: Send + Sync + 'static {
    fn view(&self) -> View;
    fn tally(&self) -> &Tally;
    /// The right answer. Also asked for when the incident then withholds it, so that the call is counted.
    fn answer(&self, _request: &Request<Bytes>) -> Response<Bytes> {
        reply(501, "text/plain", "")
    }
    /// The right answer of a system that itself waits for others, or for ever.
    fn answer_in_time<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Bytes>> {
        future::ready(self.answer(request)).boxed()
    }
    /// The right answer of a system that has endless lists. This is the one that is asked for; it falls back on the others.
    fn answer_in_pieces<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Load>> {
        async move { self.answer_in_time(request).await.map(Load::Whole) }.boxed()
    }
    /// How long a connection may rest before it is closed; without end if nothing.
    fn idle(&self) -> Option<Duration> {
        None
    }
    /// What makes TLS of the next connection; it stays plain without.
    fn tls(&self) -> Option<TlsAcceptor> {
        None
    }
    /// Whether a WebSocket is offered on the path of this request.
    fn upgrades(&self, _request: &Request<Bytes>) -> bool {
        false
    }
    /// The answer to a WebSocket message, if it gets one.
    fn message(&self, _text: &str) -> Option<String> {
        None
    }
    /// A new listener to events of one WebSocket.
    fn events(self: Arc<Self>) -> Box<dyn Events> {
        Box::new(NoEvents)
    }
}

/// What a WebSocket pushes without being asked each time; one per connection.
pub trait Events: Send + Sync {
    /// A chance to take a message (such as a subscription) before [`Upstream::message`] sees it.
    fn take(&mut self, text: &str) -> Option<String>;
    /// What has to be sent now. Asked every [`EVENTS_EVERY`].
    fn due(&mut self) -> Vec<String>;
}

/// How late an event may be.
pub const EVENTS_EVERY: Duration = Duration::from_millis(50);

struct NoEvents;

impl Events for NoEvents {
    fn take(&mut self, _text: &str) -> Option<String> {
        None
    }
    fn due(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// A response with one content type; the parts cannot be invalid, so there is no error to pass on.
pub fn reply(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Own {
        Stuck,
    }

    #[test]
    fn an_incident_is_one_word_of_either_list() {
        let read = |text: &str| serde_json::from_str::<Incident<Own>>(text);
        assert_eq!(read("\"half_open\"").unwrap(), Incident::Wire(Fault::HalfOpen));
        assert_eq!(read("\"stuck\"").unwrap(), Incident::Own(Own::Stuck));
        let message = read("\"stuckk\"").unwrap_err().to_string();
        assert!(
            message.contains("half_open") && message.contains("`stuck`"),
            "{message}"
        );
    }
}
