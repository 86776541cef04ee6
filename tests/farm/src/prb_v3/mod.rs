//! PRB v3 (`prb-wm`) as one sees it on port 3001, in its builds of 2023 and 2024.
//!
//! Not there: commands that change the inventory, and its monitor, which only passes requests on.

mod routes;
mod settings;
mod state;
mod workers;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use hyper::{Request, Response};
use serde_json::Value;
use tokio::net::ToSocketAddrs;

use crate::{
    standin::{Kind, StandIn, listening, locked, served},
    wire::{Calls, Server, Tally, Upstream, View},
};

pub use settings::{Build, Own, Settings};
use state::State;

pub(crate) const KIND: Kind = Kind {
    name: "prb-v3",
    spec: "ADDRESS",
    about: "PRB v3 (prb-wm) with its workers and transactions",
    start: |address| listening(address, Manager::start),
};

/// A `prb-wm` in this process. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Manager {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    tally: Tally,
}

impl Manager {
    /// Listens on `address` (port 0 for any) with three workers.
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

    /// Adds blocks to the parachain, with what follows from them, whatever the block time.
    pub fn block(&self, count: u32) {
        locked(&self.shared.state).now().grow(u64::from(count));
    }

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

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        self.tally.call(request.uri().path().trim_start_matches('/'));
        routes::answer(locked(&self.state).now(), request)
    }
}

impl StandIn for Manager {
    served!();
}
