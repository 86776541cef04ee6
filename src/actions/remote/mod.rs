//! Another farmwarden: asked for one of its own repairs, over TLS or over a unix socket of this machine.
//!
//! What is sent is signed; whether anything is done is decided over there. Nothing here waits for an outcome or asks twice.

mod message;
mod signed;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;
use std::time::Duration;

use hyper::{Method, StatusCode};

pub use message::{Answer, Course, Nonce, Request, RequestId, Wants};
pub use signed::{Key, Unsealed, WINDOW, open};

use super::Failed;
use super::wire::{Asked, Reply, Way, Wire};
use crate::upstream::{Trust, TrustFiles, Upstream, Why};
use crate::values::{Endpoint, Name, SecretSource};

/// Where a farmwarden takes requests of others.
pub const ROUTE: &str = "/-/remote";
/// An envelope around a request with the longest texts that it may have, each of their characters escaped.
pub const LARGEST_BODY: u64 = 32 << 10;
/// It answers from memory, and the first time from the disk, which it gives 5 seconds.
const ANSWERS_WITHIN: Duration = Duration::from_secs(8);

/// Another farmwarden, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSettings {
    pub name: Name,
    pub place: Place,
    /// What it calls us.
    pub caller: Name,
    pub key: SecretSource,
}

/// Over the network there is no way without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Socket(PathBuf),
    Tls { address: Endpoint, believes: Believes },
}

/// How its certificate is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Believes {
    /// It is in this file.
    Certificate(PathBuf),
    /// An authority in this file signed it.
    Authority(PathBuf),
}

impl Believes {
    /// Reads the file; the error says what is wrong with it.
    pub fn trust(&self) -> Result<Trust, String> {
        match self {
            Self::Certificate(file) => Trust::pinned(file),
            Self::Authority(file) => Trust::read(&TrustFiles {
                ca_file: file.clone(),
                client: None,
            }),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Remote {
    wire: Wire,
    caller: Name,
    key: Key,
}

/// What the other side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Told(Answer),
    /// Of this message nothing was taken. What became of one before is not said.
    Refused {
        words: String,
        passes: bool,
    },
    /// It may have been taken: a proxy on the way, or a disk over there, has lost patience with it.
    Unclear(String),
}

impl Remote {
    /// Reads key and certificates; nothing is asked yet.
    pub fn new(upstream: &Upstream, settings: &RemoteSettings) -> Result<Self, Failed> {
        let RemoteSettings {
            name,
            place,
            caller,
            key,
        } = settings;
        let who = match place {
            Place::Socket(path) => format!("farmwarden {name} {}", path.display()),
            Place::Tls { address, .. } => format!("farmwarden {name} {address}"),
        };
        let wrong = |what: &str, words| Failed::before(&who, what, Why::Configuration(words));
        let way = match place {
            Place::Socket(path) => Way::Socket(path.clone()),
            Place::Tls { address, believes } => Way::Net {
                upstream: upstream.clone(),
                host: address.host().to_owned(),
                port: address.port(),
                trust: Some(believes.trust().map_err(|words| wrong("its certificate", words))?),
            },
        };
        let key = Key::read(key).map_err(|words| wrong("the key", words))?;
        Ok(Self {
            wire: Wire { who, way },
            caller: caller.clone(),
            key,
        })
    }

    /// How failures name it.
    pub fn who(&self) -> &str {
        &self.wire.who
    }

    /// What it calls us.
    pub fn caller(&self) -> &Name {
        &self.caller
    }

    /// Sends it once. A failure says whether it may have arrived.
    pub async fn ask(&self, request: &Request) -> Result<Said, Failed> {
        let operation = format!("ask for {}", request.policy);
        let body = signed::seal(request, &self.key);
        let body = body.map_err(|words| Failed::before(self.who(), &operation, Why::Internal(words)))?;
        let asked = Asked {
            operation: &operation,
            method: Method::POST,
            path: ROUTE,
            headers: Vec::new(),
            body: Some(body),
        };
        let reply = self.wire.exchange(asked, ANSWERS_WITHIN).await?;
        // Only a farmwarden says that; a proxy's or a firewall's refusal is none of its words.
        if let Ok(answer) = serde_json::from_slice::<Answer>(&reply.body) {
            return Ok(Said::Told(answer.in_short()));
        }
        match reply.status {
            StatusCode::OK => {
                let strange = Why::malformed("its answer is not that of a farmwarden");
                Err(Failed::after(self.who(), &operation, strange))
            }
            StatusCode::NOT_FOUND => Ok(Said::Refused {
                words: "it takes no requests: does it have a section `callers`, or is it an older farmwarden?"
                    .to_owned(),
                passes: false,
            }),
            StatusCode::UNAUTHORIZED => Ok(Said::Refused {
                words: format!(
                    "{}: has it a caller {} in its `callers`, and is the secret in both `key_file`s the same?",
                    words(&reply),
                    self.caller
                ),
                passes: false,
            }),
            status if status.is_server_error() => Ok(Said::Unclear(words(&reply))),
            status => Ok(Said::Refused {
                words: words(&reply),
                passes: status == StatusCode::TOO_MANY_REQUESTS,
            }),
        }
    }
}

fn words(reply: &Reply) -> String {
    let text = message::in_short(&String::from_utf8_lossy(&reply.body));
    let status = reply.status.as_u16();
    if text.is_empty() {
        return format!("HTTP {status} without a word, which no farmwarden says: is there a proxy in between?");
    }
    format!("HTTP {status}: {text}")
}

#[cfg(test)]
mod tests;
