//! One HTTP request over a connection of its own, which knows whether it was sent.
//!
//! A pool of connections would send some requests twice, when an old connection turns out to be closed; here a request is
//! sent once or not at all, and a failure says which.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Effect, Failed};
use crate::upstream::{Fault, Stream, Trust, Upstream, Why, chia};
use crate::values::{Endpoint, Scheme, Size, io_words};

/// How the other side is reached.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Socket(PathBuf),
    Net {
        upstream: Upstream,
        host: String,
        port: u16,
        trust: Option<Trust>,
    },
    Chia(chia::Way),
}

/// One other side.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    /// As failures name it.
    pub(super) who: String,
    pub(super) way: Way,
}

/// One request.
pub(super) struct Asked<'a> {
    /// As failures name it.
    pub(super) operation: &'a str,
    pub(super) method: Method,
    /// With its query, encoded.
    pub(super) path: &'a str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON.
    pub(super) body: Option<Vec<u8>>,
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A list of all containers of a machine, or the states of a hundred workers, with room to spare.
const LARGEST: Size = Size::from_bytes(4 << 20);

/// Longer than a busy machine of a farm needs to accept.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

impl Way {
    /// `http` and `https` are what requests go over; a websocket's address is taken for the same without and with TLS.
    pub(super) fn to(upstream: &Upstream, endpoint: &Endpoint) -> Self {
        let secure = matches!(endpoint.scheme(), Scheme::Https | Scheme::Wss);
        Self::Net {
            upstream: upstream.clone(),
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            trust: secure.then(|| upstream.trust()),
        }
    }

    /// For the header `Host`.
    fn host(&self) -> String {
        match self {
            // The engines want one and do not look at it.
            Self::Socket(_) => "localhost".to_owned(),
            Self::Chia(way) => way.place().to_string(),
            Self::Net { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Net { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

impl Wire {
    /// The answer, whatever its status. Anything but a GET is taken to change something from the moment it is sent.
    pub(super) async fn exchange(&self, asked: Asked<'_>, within: Duration) -> Result<Reply, Failed> {
        let sent = AtomicBool::new(false);
        let (operation, changes) = (asked.operation, asked.method != Method::GET);
        let exchange = async {
            let stream = self.connect(operation).await?;
            self.over(stream, asked, &sent).await
        };
        let outcome = match tokio::time::timeout(within, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::new(&self.who, operation, Why::Timeout(within))),
        };
        outcome.map_err(|fault| Failed {
            fault,
            effect: if changes && sent.load(Ordering::Relaxed) {
                Effect::Unknown
            } else {
                Effect::Nothing
            },
        })
    }

    async fn connect(&self, operation: &str) -> Result<Box<dyn Stream>, Fault> {
        match &self.way {
            Way::Socket(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(e) => Err(Fault::new(&self.who, operation, socket_why(&e))),
            },
            Way::Chia(way) => Ok(Box::new(way.dial(CONNECT_WITHIN).await?)),
            Way::Net {
                upstream,
                host,
                port,
                trust,
            } => {
                let place = (host.as_str(), *port);
                upstream.dial(&self.who, place, trust.as_ref(), CONNECT_WITHIN).await
            }
        }
    }

    async fn over(&self, stream: Box<dyn Stream>, asked: Asked<'_>, sent: &AtomicBool) -> Result<Reply, Fault> {
        let fault = |why| Fault::new(&self.who, asked.operation, why);
        let request = Request::builder()
            .method(asked.method)
            .uri(asked.path)
            .header(HOST, self.way.host())
            .header(CONNECTION, "close");
        let request = asked
            .headers
            .into_iter()
            .fold(request, |request, (name, value)| request.header(name, value));
        let request = match &asked.body {
            Some(_) => request.header(CONTENT_TYPE, "application/json"),
            None => request,
        };
        let request = request.body(Full::new(Bytes::from(asked.body.unwrap_or_default())));
        let request = request.map_err(|e| fault(Why::Internal(format!("no request can be made: {e}"))))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|e| fault(why(&e)))?;
        // It ends with the exchange, and says nothing that the exchange does not say.
        let connection = Abandoned(tokio::spawn(async move { drop(connection.await) }));
        sent.store(true, Ordering::Relaxed);
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|e| fault(self.way.why(&e)))?;
        let reply = read(answer).await.map_err(fault);
        drop(connection);
        reply
    }
}

impl Way {
    /// A farm's service refuses a certificate only after the handshake, by hanging up.
    fn why(&self, error: &hyper::Error) -> Why {
        match self {
            Self::Chia(_) if !error.is_parse() => chia::ended_unheard(error).unwrap_or(Why::ClientCertRefused),
            _ => why(error),
        }
    }
}

/// A task that does not outlive the exchange: nobody else would close its connection.
struct Abandoned(tokio::task::JoinHandle<()>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read(answer: Response<hyper::body::Incoming>) -> Result<Reply, Why> {
    let (head, body) = answer.into_parts();
    let cap = usize::try_from(LARGEST.bytes()).unwrap_or(usize::MAX);
    let body = Limited::new(body, cap).collect().await.map_err(|e| {
        if e.is::<http_body_util::LengthLimitError>() {
            Why::TooLarge(LARGEST)
        } else {
            Why::malformed("it closed the connection in the middle of the answer")
        }
    })?;
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: body.to_bytes(),
    })
}

fn why(error: &hyper::Error) -> Why {
    if error.is_parse() {
        Why::malformed("it does not speak HTTP on this port (does it expect TLS?)")
    } else {
        Why::Unreachable("it closed the connection without an answer".to_owned())
    }
}

fn socket_why(error: &std::io::Error) -> Why {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Why::Forbidden(
            "farmwarden may not open the socket: its user must be in the group that the socket belongs to".to_owned(),
        ),
        std::io::ErrorKind::NotFound => Why::Unreachable("there is no such socket; does the service run?".to_owned()),
        _ => Why::Unreachable(io_words(error)),
    }
}
