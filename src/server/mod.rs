//! The HTTP listener: accepts, bounds and stops. What is answered is in `routes.rs`.
//!
//! It only reads what the rooms have ready, so no upstream can delay an answer.

mod api;
mod compression;
mod routes;
mod status_page;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;

pub use routes::Routes;

use crate::exposition::Own;
use crate::values;

/// Connections open at once, over all addresses. Beyond it new ones are closed unread: without it, clients that only
/// connect would use up the file descriptors of the whole process.
const MAX_CONNECTIONS: usize = 512;
/// Request line and headers together; hyper refuses longer ones with 431.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// For a request's headers to arrive, and for an idle connection to ask again (two usual scrape intervals).
const HEADER_WITHIN: Duration = Duration::from_secs(30);
/// After which a connection is closed, at the latest in the middle of an answer to a client that does not read.
const CONNECTION_WITHIN: Duration = Duration::from_mins(5);
/// What open requests get to finish when the process stops.
const STOP_WITHIN: Duration = Duration::from_millis(400);
/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request to read the configuration again; what became of it is sent back, in words.
pub type Reload = oneshot::Sender<Result<String, String>>;

/// Binds an address. The port can be bound again as soon as the process has ended.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = match e.kind() {
            std::io::ErrorKind::AddrInUse => ": another program (or another farmwarden) listens there; stop it or choose another address with --web.listen-address",
            std::io::ErrorKind::PermissionDenied => ": ports below 1024 need a privilege; choose a higher one",
            std::io::ErrorKind::AddrNotAvailable => ": this machine does not have that address",
            _ => "",
        };
        format!("cannot listen on {address}: {}{hint}", values::io_words(&e))
    })
}

/// Serves until `stop` turns true, then gives open requests a moment and returns.
pub async fn serve(listeners: Vec<TcpListener>, routes: Arc<Routes>, stop: watch::Receiver<bool>) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&routes), Arc::clone(&free), stop.clone()));
    }
    while accepting.join_next().await.is_some() {}
}

async fn accept(listener: TcpListener, routes: Arc<Routes>, free: Arc<Semaphore>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                failing = false;
                match Arc::clone(&free).try_acquire_owned() {
                    Ok(permit) => {
                        let routes = Arc::clone(&routes);
                        let stop = stop.clone();
                        connections.spawn(async move {
                            let _open = Open::new(routes.own(), permit);
                            connection(stream, &routes, stop).await;
                        });
                    }
                    Err(_) => {
                        routes.own().connections_refused.inc();
                    }
                }
            }
            Err(e) => {
                // Once, and not ten times a second for as long as it lasts.
                if !failing {
                    tracing::error!(
                        "cannot accept connections: {}; if that is the limit of open files, raise it (LimitNOFILE=, ulimit -n)",
                        values::io_words(&e)
                    );
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    // What is not done by then is cut off with the JoinSet.
    drop(tokio::time::timeout(STOP_WITHIN, all_done).await);
}

/// Counts a connection as long as it lives, however it ends.
struct Open {
    connections: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn new(own: &Own, permit: OwnedSemaphorePermit) -> Self {
        own.connections.inc();
        Self {
            connections: own.connections.clone(),
            _permit: permit,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.dec();
    }
}

async fn connection(stream: TcpStream, routes: &Arc<Routes>, mut stop: watch::Receiver<bool>) {
    let service = service_fn(|request| {
        let routes = Arc::clone(routes);
        async move { Ok::<_, std::convert::Infallible>(routes.answer(&request)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = stop.wait_for(|stop| *stop) => None,
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
