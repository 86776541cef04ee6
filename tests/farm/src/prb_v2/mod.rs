//! The monitor of PRB v2 with the data providers and lifecycles behind it, as one sees them over HTTP.
//!
//! Faithful to the recorded answers of the real monitor, its oddities included. Not there: the pages for people, and
//! the calls that create and update workers and pools (answered as if the peer had no handler).

mod calls;
pub(crate) mod http;
mod peers;
mod settings;
mod state;
pub(crate) mod workers;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{self, BoxFuture, FutureExt as _};
use hyper::{Request, Response};
use serde_json::{Map, Value, json};
use tokio::{
    net::ToSocketAddrs,
    time::{sleep, sleep_until},
};

use crate::{
    standin::{Kind, StandIn, listening, locked, served},
    wire::{Calls, Incident, Server, Tally, Upstream, View},
};

use http::Route;
use peers::Outcome;
pub use settings::{Lifecycle, Own, Peer, Provider, Settings, Trouble};
use state::State;

/// Idle connections die after this, as Node.js has it.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// What [`Monitor::calls`] counts beside the methods: calls that began while another one to the same peer was being
/// connected.
pub const OVERLAP: &str = "overlap";

pub(crate) const KIND: Kind = Kind {
    name: "prb-v2",
    spec: "ADDRESS",
    about: "the monitor of PRB v2 with data providers, lifecycles and workers behind it",
    start: |address| listening(address, Monitor::start),
};

/// A monitor in this process. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Monitor {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    tally: Tally,
}

impl Monitor {
    /// Listens on `address` (port 0 for any) with one data provider, and one lifecycle of three workers.
    pub async fn start(address: impl ToSocketAddrs) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new()),
            tally: Tally::default(),
        });
        let server = Server::start(address, Arc::clone(&shared)).await?;
        Ok(Self { server, shared })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.address()
    }

    /// Changes the named settings (see [`Settings`]); when it returns, they hold.
    pub async fn set(&self, patch: Value) -> Result<(), String> {
        let fault = {
            let mut state = locked(&self.shared.state);
            state.patch(&patch)?;
            state.settings.incident.fault()
        };
        self.server.apply(fault).await
    }

    /// Changes the named settings of one peer (see [`Provider`] and [`Lifecycle`]).
    pub fn peer(&self, name: &str, patch: &Value) -> Result<(), String> {
        locked(&self.shared.state).patch_peer(name, patch)
    }

    /// Adds blocks to the parachain, and twice as many to the relay chain, whatever the block time.
    pub fn block(&self, count: u32) {
        locked(&self.shared.state).now().grow(i64::from(count));
    }

    /// The settings now, with the heights the chains have reached.
    pub fn settings(&self) -> Settings {
        locked(&self.shared.state).now().settings.clone()
    }

    pub fn calls(&self) -> Calls {
        self.shared.tally.calls()
    }
}

impl Upstream for Shared {
    fn view(&self) -> View {
        let state = locked(&self.state);
        View {
            fault: state.settings.incident.fault(),
            dials: state.settings.dials.clone(),
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn idle(&self) -> Option<Duration> {
        Some(KEEP_ALIVE)
    }

    fn answer_in_time<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Bytes>> {
        async move {
            let body = match http::body(request) {
                Ok(body) => body,
                Err(status) => return http::page(status),
            };
            match http::route(request.uri().path()) {
                Ok(Route::Discover) => {
                    self.tally.call("discover");
                    let list = peers::discover(&locked(&self.state).now().settings);
                    http::json(request, 200, &list)
                }
                Ok(Route::Proxy { peer, method }) => self.proxied(request, &peer, &method, &body).await,
                Ok(Route::Nothing) => http::page(404),
                Err(status) => http::page(status),
            }
        }
        .boxed()
    }
}

impl Shared {
    async fn proxied(
        &self,
        request: &Request<Bytes>,
        id: &str,
        method: &str,
        body: &Map<String, Value>,
    ) -> Response<Bytes> {
        self.tally.call(method);
        let Some(peer) = self.met(id) else {
            return http::json(request, 500, &json!({}));
        };
        let outcome = match calls::refused(method, body) {
            Some(outcome) => outcome,
            None => self.called(&peer, method, body).await,
        };
        let envelope = outcome.in_envelope(&mut locked(&self.state));
        http::json(request, 200, &envelope)
    }

    /// The peer of this id, if the monitor knows it.
    fn met(&self, id: &str) -> Option<Peer> {
        let state = locked(&self.state);
        if state.settings.incident == Incident::Own(Own::Restarted) {
            return None;
        }
        let mut peers = state.settings.peers().filter(|peer| peer.listed);
        peers.find(|peer| peer.id() == id).cloned()
    }

    /// Connects, lets the peer work, and looks whether the connection lasted so long.
    async fn called(&self, peer: &Peer, method: &str, body: &Map<String, Value>) -> Outcome {
        match peer.trouble {
            Trouble::Dead => return Outcome::aggregate_error(None),
            Trouble::Frozen => {
                let wait = locked(&self.state).settings.frozen_ms;
                sleep(Duration::from_millis(wait)).await;
                return Outcome::aggregate_error(Some("ERR_TIMEOUT"));
            }
            _ => (),
        }
        let hangs = peer.trouble == Trouble::Hang || peer.hangs.iter().any(|name| name == method);
        let work = Duration::from_millis(peer.work_ms.get(method).copied().unwrap_or(0));
        let work = (!hangs).then_some(work);
        let connection = locked(&self.state).connect(&peer.name, work);
        if connection.shared {
            self.tally.call(OVERLAP);
        }
        sleep_until(connection.ready).await;
        let connection = locked(&self.state).connection(&peer.name, connection);
        match (connection.shortest, work) {
            (Some(shortest), work) if work.is_none_or(|work| work > shortest) => {
                sleep(shortest).await;
                return Outcome::Lost;
            }
            (_, Some(work)) => sleep(work).await,
            (_, None) => return future::pending().await,
        }
        let mut state = locked(&self.state);
        if peer.trouble == Trouble::Dies {
            // The settings were good with one trouble, so they are with the other.
            drop::<Result<(), String>>(state.patch_peer(&peer.name, &json!({"trouble": "dead"})));
            return Outcome::Lost;
        }
        calls::answer(state.now(), &peer.name, method, body)
    }
}

impl StandIn for Monitor {
    served!();

    fn act(&self, verb: &str, body: &Value) -> Option<Result<(), String>> {
        match verb {
            "block" => Some(match body.get("count").map_or(Some(1), Value::as_u64) {
                Some(count) => {
                    self.block(u32::try_from(count).unwrap_or(u32::MAX));
                    Ok(())
                }
                None => Err("block takes {\"count\": how many}".to_owned()),
            }),
            "peer" => Some(match body.get("name").and_then(Value::as_str) {
                Some(name) => self.peer(name, body),
                None => Err("peer takes {\"name\": which, ...} and what to change of it".to_owned()),
            }),
            _ => None,
        }
    }
}
