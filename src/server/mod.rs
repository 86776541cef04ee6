//! The HTTP listener: accepts, bounds and stops. One connection is in `connection.rs`, what is answered in `routes.rs`.
//!
//! It only reads what the rooms have ready, so no upstream can delay an answer. `/probe` alone waits for one, which is what it
//! is for, and `/alerts` and orders for the journal's disk.

mod alerts;
mod answer;
mod api;
mod compression;
mod connection;
mod control_socket;
mod orders;
mod places;
pub mod probe;
mod refusals;
mod remote;
mod routes;
mod status_page;
mod table;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;

pub use control_socket::{ControlSocket, ControlSocketPath};
pub use routes::{Parts, Routes};
pub use table::is_taken;

use connection::{Accepted, Served};

use crate::access::Access;
use crate::exposition::Own;
use crate::values;

/// Connections over TCP open at once, over all addresses. Beyond it new ones are closed unread: without it, clients that
/// only connect would use up the file descriptors of the whole process.
const MAX_CONNECTIONS: usize = 512;
/// Those of the control socket, and of the socket for other farmwardens, which are not counted with the others: an operator gets in while the network is flooded.
const MAX_CONTROL_CONNECTIONS: usize = 16;
/// What open requests get to finish when the process stops.
const STOP_WITHIN: Duration = Duration::from_millis(400);
/// Pause after a failed accept (out of file descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request to read the configuration again; what became of it is sent back, in words.
pub type Reload = oneshot::Sender<Result<String, String>>;
/// Everything that is listened on.
#[derive(Debug, Default)]
pub struct Listeners {
    pub tcp: Vec<TcpListener>,
    pub control: Option<ControlSocket>,
    /// For requests of other farmwardens, and nothing else.
    pub remote: Option<ControlSocket>,
}

/// Binds an address. The port can be bound again as soon as the process has ended.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = match e.kind() {
            io::ErrorKind::AddrInUse => ": another program (or another farmwarden) listens there; stop it or choose another address with --web.listen-address",
            io::ErrorKind::PermissionDenied => ": ports below 1024 need a privilege; choose a higher one",
            io::ErrorKind::AddrNotAvailable => ": this machine does not have that address",
            _ => "",
        };
        format!("cannot listen on {address}: {}{hint}", values::io_words(&e))
    })
}

/// Serves until `stop` turns true, then gives open requests a moment and returns. Meanwhile `access` follows its file.
pub async fn serve(listeners: Listeners, routes: Arc<Routes>, access: Arc<Access>, stop: watch::Receiver<bool>) {
    let following = Arc::clone(&access).follow(routes.own().clone(), routes.clock().clone());
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let served = Arc::new(Served {
        routes: Arc::clone(&routes),
        access,
        stop,
    });
    let mut accepting = JoinSet::new();
    for listener in listeners.tcp {
        accepting.spawn(accept(Listener::Tcp(listener), Arc::clone(&served), Arc::clone(&free)));
    }
    if let Some(socket) = listeners.control {
        let free = Arc::new(Semaphore::new(MAX_CONTROL_CONNECTIONS));
        accepting.spawn(accept(Listener::Control(socket), Arc::clone(&served), free));
    }
    if let Some(socket) = listeners.remote {
        let free = Arc::new(Semaphore::new(MAX_CONTROL_CONNECTIONS));
        accepting.spawn(accept(Listener::Remote(socket), served, free));
    }
    tokio::select! {
        () = following => {}
        () = routes.refusals().keep_telling() => {}
        () = async { while accepting.join_next().await.is_some() {} } => {}
    }
}

enum Listener {
    Tcp(TcpListener),
    Control(ControlSocket),
    Remote(ControlSocket),
}

impl Listener {
    /// A file can be deleted under us; a port cannot.
    fn look_after(&mut self) {
        if let Self::Control(socket) | Self::Remote(socket) = self {
            socket.renew();
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => listener
                .accept()
                .await
                .map(|(stream, peer)| Accepted::Tcp(stream, peer)),
            Self::Control(socket) => socket.accept().await.map(Accepted::Control),
            Self::Remote(socket) => socket.accept().await.map(Accepted::Remote),
        }
    }
}

/// How often it is looked whether the file of the control socket is still there.
const LOOK_EVERY: Duration = Duration::from_secs(5);

async fn accept(mut listener: Listener, served: Arc<Served>, free: Arc<Semaphore>) {
    let mut stop = served.stop.clone();
    let mut connections = JoinSet::new();
    let mut failing = false;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = look.tick() => {
                listener.look_after();
                continue;
            }
            _ = connections.join_next(), if !connections.is_empty() => continue,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok(accepted) => {
                failing = false;
                match Arc::clone(&free).try_acquire_owned() {
                    Ok(permit) => {
                        let served = Arc::clone(&served);
                        connections.spawn(async move {
                            let _open = Open::new(served.routes.own(), permit);
                            served.connection(accepted).await;
                        });
                    }
                    Err(_) => {
                        served.routes.refusals().connection(accepted.peer());
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
