//! The monitor of PRB v0: one route to the lifecycle manager, one to the fetcher, requests with one key.
//!
//! Its pools hold keystores that are not encrypted, as the real ones do; the made-up secret in them is
//! [`SECRET_MARKER`], so that a test can look for it where no secret may be. Not there: creating and updating.

mod answers;
mod settings;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use hyper::{Request, Response};
use serde_json::Value;
use tokio::{net::ToSocketAddrs, time::sleep};

use crate::{
    standin::{Kind, StandIn, listening, locked, served},
    wire::{Calls, Server, Tally, Upstream, View, reply},
};

use answers::State;
pub use settings::{Own, Settings};

/// Stands where a real answer has secrets.
pub const SECRET_MARKER: &str = "SIMFARM-SECRET-KEYSTORE";

pub(crate) const KIND: Kind = Kind {
    name: "prb-v0",
    spec: "ADDRESS",
    about: "the monitor of PRB v0 with its lifecycle manager and fetcher",
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

    /// Adds blocks to the parachain, and twice as many to the relay chain, whatever the block time.
    pub fn block(&self, count: u32) {
        locked(&self.shared.state).now().grow(i64::from(count));
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

    fn answer_in_time<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Bytes>> {
        async move {
            let asked = answers::asked(request);
            if let Some(asked) = &asked {
                self.tally.call(&asked.key);
            }
            let (answer, timeout) = {
                let mut state = locked(&self.state);
                let answer = asked.map(|asked| state.now().answer(&asked));
                (answer, Duration::from_millis(state.settings.query_timeout_ms))
            };
            match answer {
                Some(Some(answer)) => reply(200, "application/json; charset=utf-8", answer.to_string()),
                // Nobody answered on the channel: an unhandled rejection in a route of Next.js.
                Some(None) => {
                    sleep(timeout).await;
                    reply(500, "text/plain", "Internal Server Error")
                }
                None => reply(
                    404,
                    "text/html; charset=utf-8",
                    "<!DOCTYPE html><html><body>404</body></html>",
                ),
            }
        }
        .boxed()
    }
}

impl StandIn for Monitor {
    served!();
}
