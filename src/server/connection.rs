//! One connection: handshake, deadlines, requests.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Routes, STOP_WITHIN, control_socket};
use crate::access::{self, Access, Tcp, Via};

/// Request line and headers together; hyper refuses longer ones with 431.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// For the first request of a connection. Whoever only connects, or sends a header a minute, goes after that.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// For a request's headers to arrive, and for an idle connection to ask again (two usual scrape intervals).
const HEADER_WITHIN: Duration = Duration::from_secs(30);
/// For a TLS handshake; a client that says nothing during it holds one of the connections for no longer.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// After which a connection is closed, at the latest in the middle of an answer to a client that does not read.
const CONNECTION_WITHIN: Duration = Duration::from_mins(5);

/// What every connection needs.
pub(super) struct Served {
    pub(super) routes: Arc<Routes>,
    pub(super) access: Arc<Access>,
    pub(super) stop: watch::Receiver<bool>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) via: Via,
    /// The user at the other end of the control socket, as the kernel says.
    pub(super) uid: Option<u32>,
    /// Told when it is to go because it does not read and others wait.
    pub(super) cut: Arc<Notify>,
}

impl Client {
    /// Whose name a record gets: the user that the credentials name, or who is at the other end.
    pub(super) fn name(&self, headers: &HeaderMap) -> String {
        if let Some(peer) = self.via.peer() {
            return access::user(headers).unwrap_or_else(|| format!("whoever has the token, from {peer}"));
        }
        match self.uid {
            Some(0) => "root".to_owned(),
            Some(uid) => format!("the user with uid {uid}"),
            None => "the control socket".to_owned(),
        }
    }
}

/// A connection as it was accepted.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Control(UnixStream),
    Remote(UnixStream),
}

impl Accepted {
    /// Nothing on the control socket.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, peer) => Some(peer.ip().to_canonical()),
            Self::Control(_) | Self::Remote(_) => None,
        }
    }
}

impl Served {
    /// Serves one connection to its end.
    pub(super) async fn connection(self: Arc<Self>, accepted: Accepted) {
        match accepted {
            Accepted::Control(stream) => {
                let trusted = control_socket::is_trusted(&stream);
                let uid = control_socket::uid(&stream);
                self.requests(stream, Via::Socket { trusted }, uid).await;
            }
            Accepted::Remote(stream) => self.requests(stream, Via::Remote, None).await,
            Accepted::Tcp(stream, peer) => {
                let tls = self.access.tls();
                let via = Via::Tcp(Tcp {
                    peer: peer.ip().to_canonical(),
                    to_loopback: stream
                        .local_addr()
                        .is_ok_and(|address| address.ip().to_canonical().is_loopback()),
                    tls: tls.is_some(),
                });
                match tls {
                    None => self.requests(stream, via, None).await,
                    Some(config) => {
                        if let Some(stream) = self.handshake(stream, config).await {
                            self.requests(stream, via, None).await;
                        }
                    }
                }
            }
        }
    }

    /// Nothing when it does not come about in time; the client has then been told as far as TLS can tell.
    async fn handshake(&self, mut stream: TcpStream, config: Arc<ServerConfig>) -> Option<TlsStream<TcpStream>> {
        let mut stop = self.stop.clone();
        let agreed = async {
            if speaks_http(&stream).await {
                drop(stream.write_all(NOT_HTTP).await);
                return None;
            }
            match TlsAcceptor::from(config).accept(stream).await {
                Ok(stream) => Some(stream),
                Err(e) => {
                    tracing::debug!("a client's TLS handshake failed: {e}");
                    None
                }
            }
        };
        tokio::select! {
            agreed = tokio::time::timeout(HANDSHAKE_WITHIN, agreed) => agreed.unwrap_or(None),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    }

    async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send>(&self, stream: S, via: Via, uid: Option<u32>) {
        let asked = Notify::new();
        let client = Client {
            via,
            uid,
            cut: Arc::default(),
        };
        let service = service_fn(|request| {
            asked.notify_one();
            let (routes, access) = (Arc::clone(&self.routes), Arc::clone(&self.access));
            let client = client.clone();
            async move { Ok::<_, Infallible>(routes.answer(request, &client, &access).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_WITHIN)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let never_asked = async {
            if tokio::time::timeout(FIRST_REQUEST_WITHIN, asked.notified())
                .await
                .is_ok()
            {
                std::future::pending::<()>().await;
            }
        };
        let mut stop = self.stop.clone();
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _ = stop.wait_for(|stop| *stop) => None,
            () = never_asked => None,
            // It does not read, so it cannot be told.
            () = client.cut.notified() => return,
            () = tokio::time::sleep(CONNECTION_WITHIN) => None,
        };
        let ended = if ended.is_none() {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(STOP_WITHIN, connection).await.ok()
        } else {
            ended
        };
        if let Some(Err(e)) = ended {
            tracing::debug!("a client's connection ended badly: {e}");
        }
    }
}

/// Said to whoever sends plain HTTP where TLS is spoken.
const NOT_HTTP: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    this port speaks HTTPS; write https:// in front of the address\n";

/// Every method of HTTP begins with a capital letter; a TLS handshake begins with 22.
async fn speaks_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first.first().is_some_and(u8::is_ascii_uppercase)
}
