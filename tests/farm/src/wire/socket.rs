//! The same on a unix socket: what happens to requests, not to a port.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::UnixListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use super::{Fault, Upstream, counted::Counted, server};

/// Without a pause, running out of descriptors would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A socket served by an [`Upstream`]. Dropping it closes every connection and removes the socket.
#[derive(Debug)]
pub struct SocketServer {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        self.task.abort();
        // Somebody may have taken it away already.
        std::fs::remove_file(&self.path).ok();
    }
}

impl SocketServer {
    /// Listens. Fails if there is something at `path` already.
    pub fn start<U: Upstream>(path: &Path, upstream: Arc<U>) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let task = tokio::spawn(serve(listener, upstream));
        Ok(Self {
            path: path.to_owned(),
            task,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses incidents that need a port.
pub(crate) fn check(fault: Fault) -> Result<(), String> {
    match fault {
        Fault::Down | Fault::Refuse | Fault::Garbage => Err("incident: a unix socket has no such one".to_owned()),
        _ => Ok(()),
    }
}

async fn serve<U: Upstream>(listener: UnixListener, upstream: Arc<U>) {
    // Only WebSockets look at it, and nobody offers one here.
    let (_fault, unchanged) = watch::channel(Fault::Healthy);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    upstream.tally().connection();
                    let stream = Counted::new(stream, upstream.tally().sent());
                    connections.spawn(server::speak(stream, Arc::clone(&upstream), unchanged.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => (),
        }
    }
}
