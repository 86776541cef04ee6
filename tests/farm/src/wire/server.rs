//! The listener: opens and closes the port, accepts, and hands each connection to HTTP or to an incident.
//!
//! All connections live in one set inside one task, so stopping the task or closing the port ends every one of them.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs},
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{Fault, Upstream, counted::Counted, http, websocket};

/// Without a pause, running out of descriptors would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long a connection that got garbage may stay open.
const LINGER: Duration = Duration::from_secs(5);

type Order = (Fault, oneshot::Sender<Result<(), String>>);

/// A port served by an [`Upstream`]. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Listens. Fails if the address cannot be had.
    pub async fn start<U: Upstream>(address: impl ToSocketAddrs, upstream: Arc<U>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (orders, inbox) = mpsc::channel(1);
        let task = tokio::spawn(serve(listener, address, upstream, inbox));
        Ok(Self { address, orders, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Brings port and open connections in line with `fault`; when it returns, they are.
    pub async fn apply(&self, fault: Fault) -> Result<(), String> {
        let (done, outcome) = oneshot::channel();
        let gone = || "the stand-in has stopped".to_owned();
        self.orders.send((fault, done)).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

async fn serve<U: Upstream>(
    listener: TcpListener,
    address: SocketAddr,
    upstream: Arc<U>,
    mut inbox: mpsc::Receiver<Order>,
) {
    let mut port = Port::Open(listener);
    let mut connections = JoinSet::new();
    let (fault, _) = watch::channel(upstream.view().fault);
    loop {
        tokio::select! {
            order = inbox.recv() => {
                let Some((ordered, done)) = order else { return };
                let outcome = change(ordered, address, &mut port, &mut connections).await;
                fault.send_replace(ordered);
                // Whoever ordered may have given up waiting; the order holds all the same.
                drop(done.send(outcome));
            }
            accepted = accept(&port) => match accepted {
                Ok(stream) => {
                    upstream.tally().connection();
                    connections.spawn(connection(stream, Arc::clone(&upstream), fault.subscribe()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => (),
        }
    }
}

enum Port {
    Open(TcpListener),
    /// Refuses connections, but stays ours: otherwise another program could be given it meanwhile.
    Held(TcpSocket),
    /// Between two states, or lost to another program in that moment.
    Gone,
}

async fn accept(port: &Port) -> io::Result<TcpStream> {
    match port {
        Port::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
        Port::Held(_) | Port::Gone => std::future::pending().await,
    }
}

fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // Over what is left of connections that were closed.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn change(
    fault: Fault,
    address: SocketAddr,
    port: &mut Port,
    connections: &mut JoinSet<()>,
) -> Result<(), String> {
    if matches!(fault, Fault::Down | Fault::Refuse | Fault::Garbage) {
        connections.shutdown().await;
    }
    let failed = |error: io::Error| format!("{address} again: {error}");
    *port = match (fault, std::mem::replace(port, Port::Gone)) {
        (Fault::Down, Port::Open(listener)) => {
            drop(listener);
            Port::Held(hold(address).map_err(failed)?)
        }
        (Fault::Down, held) => held,
        (_, Port::Open(listener)) => Port::Open(listener),
        (_, Port::Held(socket)) => Port::Open(socket.listen(BACKLOG).map_err(failed)?),
        (_, Port::Gone) => Port::Open(TcpListener::bind(address).await.map_err(failed)?),
    };
    Ok(())
}

async fn connection<U: Upstream>(mut stream: TcpStream, upstream: Arc<U>, fault: watch::Receiver<Fault>) {
    let now = *fault.borrow();
    match now {
        Fault::Refuse => drop(stream),
        // The peer's reset while we misbehave on purpose is no news.
        Fault::Garbage => drop(garbage(&mut stream).await),
        _ => {
            // Small answers must not wait for each other.
            drop(stream.set_nodelay(true));
            let stream = Counted::new(stream, upstream.tally().sent());
            match upstream.tls() {
                Some(tls) => speak_tls(stream, &tls, upstream, fault).await,
                None => speak(stream, upstream, fault).await,
            }
        }
    }
}

/// A process that hangs does not get as far as the handshake; a client that is refused has been told so by it.
async fn speak_tls<U: Upstream>(
    stream: Counted<TcpStream>,
    tls: &TlsAcceptor,
    upstream: Arc<U>,
    mut fault: watch::Receiver<Fault>,
) {
    if fault.wait_for(|fault| *fault != Fault::Silent).await.is_err() {
        return;
    }
    if let Ok(stream) = tls.accept(stream).await {
        speak(stream, upstream, fault).await;
    }
}

/// HTTP, and WebSocket on the same connection if a handshake succeeds.
pub(super) async fn speak<S, U>(stream: S, upstream: Arc<U>, fault: watch::Receiver<Fault>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    U: Upstream,
{
    let upgrade = http::Upgrade::default();
    let service = service_fn(|request| {
        let (upstream, upgrade) = (&upstream, &upgrade);
        async move { Ok::<_, std::convert::Infallible>(http::respond(&**upstream, request, upgrade).await) }
    });
    let mut builder = http1::Builder::new();
    if let Some(idle) = upstream.idle() {
        // hyper counts the rest between two requests as waiting for the head of the next.
        builder.timer(TokioTimer::new()).header_read_timeout(idle);
    }
    let served = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    let upgrade = upgrade.into_inner().ok().flatten();
    if let (Ok(()), Some(upgrade)) = (served, upgrade)
        && let Ok(upgraded) = upgrade.await
    {
        websocket::speak(TokioIo::new(upgraded), upstream, fault).await;
    }
}

/// Waits for the request first: closing with unread bytes would turn the garbage into a reset.
async fn garbage(stream: &mut TcpStream) -> io::Result<()> {
    let mut request = [0; 4096];
    let mut noise: u32 = 0x9e37_79b9;
    let bytes = std::iter::repeat_with(|| {
        // xorshift32: noise that is the same in every run.
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        noise.to_le_bytes()
    });
    let noise: Vec<u8> = bytes.take(128).flatten().collect();
    timeout(LINGER, async {
        if stream.read(&mut request).await? == 0 {
            return Ok(());
        }
        stream.write_all(&noise).await?;
        stream.shutdown().await?;
        while stream.read(&mut request).await? > 0 {}
        Ok(())
    })
    .await?
}
