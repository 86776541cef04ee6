//! A pRuntime as one sees it on port 8000: what it says of itself, in three generations, and the kick.
//!
//! Not there: protobuf, the calls that push blocks, the public port.

mod answers;
mod settings;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{self, BoxFuture, FutureExt as _};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::{
    net::ToSocketAddrs,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    phala::beat::Beat,
    standin::{Kind, StandIn, listening, locked, patched, served},
    wire::{Calls, Fault, Incident, Server, Tally, Upstream, View},
};

pub use settings::{Own, Settings};

pub(crate) const KIND: Kind = Kind {
    name: "pruntime",
    spec: "ADDRESS",
    about: "a worker's pRuntime: GetInfo in three generations, Statistics, kick",
    start: |address| listening(address, Runtime::start),
};

/// A pRuntime in this process. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Runtime {
    server: Arc<Server>,
    shared: Arc<Shared>,
    undertaker: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    tally: Tally,
    kicked: Notify,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    beat: Beat,
    started: Instant,
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.undertaker.abort();
    }
}

impl State {
    fn now(&mut self) -> &mut Self {
        let due = self.beat.due(self.settings.block_time_ms);
        if self.settings.incident != Incident::Own(Own::Stuck) {
            self.settings.para_height += due;
            self.settings.relay_height += 2 * due;
        }
        self
    }

    fn patch(&mut self, patch: &Value) -> Result<Fault, String> {
        let was_down = self.now().settings.incident == Incident::Wire(Fault::Down);
        let next: Settings = patched(&self.settings, patch)?;
        next.dials.check(next.incident.fault())?;
        if patch.get("block_time_ms").is_some() {
            self.beat = Beat::default();
        }
        self.settings = next;
        let fault = self.settings.incident.fault();
        if was_down && fault != Fault::Down {
            self.started = Instant::now();
        }
        Ok(fault)
    }
}

impl Runtime {
    /// Listens on `address` (port 0 for any) as an initialized and registered worker named 10.1.0.1.
    pub async fn start(address: impl ToSocketAddrs) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                settings: Settings::default(),
                beat: Beat::default(),
                started: Instant::now(),
            }),
            tally: Tally::default(),
            kicked: Notify::new(),
        });
        let server = Arc::new(Server::start(address, Arc::clone(&shared)).await?);
        let undertaker = tokio::spawn(bury(Arc::clone(&server), Arc::clone(&shared)));
        Ok(Self {
            server,
            shared,
            undertaker,
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.address()
    }

    /// Changes the named settings (see [`Settings`]); when it returns, they hold.
    pub async fn set(&self, patch: Value) -> Result<(), String> {
        let fault = locked(&self.shared.state).patch(&patch)?;
        self.server.apply(fault).await
    }

    pub fn settings(&self) -> Settings {
        locked(&self.shared.state).now().settings.clone()
    }

    pub fn calls(&self) -> Calls {
        self.shared.tally.calls()
    }
}

/// After each kick: the process is gone, and comes back if whoever runs it wants so.
async fn bury(server: Arc<Server>, shared: Arc<Shared>) {
    loop {
        shared.kicked.notified().await;
        // The settings are good with any incident that needs no dial.
        drop::<Result<Fault, String>>(locked(&shared.state).patch(&json!({"incident": "down"})));
        drop::<Result<(), String>>(server.apply(Fault::Down).await);
        let restart = locked(&shared.state).settings.restart_ms;
        if let Some(restart) = restart {
            sleep(Duration::from_millis(restart)).await;
            drop::<Result<Fault, String>>(locked(&shared.state).patch(&json!({"incident": "healthy"})));
            drop::<Result<(), String>>(server.apply(Fault::Healthy).await);
        }
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

    fn answer_in_time<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Bytes>> {
        async move {
            self.tally.call(request.uri().path().trim_start_matches('/'));
            if request.uri().path() == "/help" {
                return answers::help();
            }
            let answer = {
                let mut state = locked(&self.state);
                let started = state.started;
                let settings = &state.now().settings;
                answers::Now { settings, started }.answer(request)
            };
            if let Some(answer) = answer {
                return answer;
            }
            self.kicked.notify_one();
            future::pending().await
        }
        .boxed()
    }
}

impl StandIn for Runtime {
    served!();
}
