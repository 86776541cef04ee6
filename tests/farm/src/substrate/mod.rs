//! A Substrate chain node as its RPC port shows it: JSON-RPC 2.0 over HTTP and WebSocket, a chain that grows.
//!
//! There is no chain behind it: blocks are a height and a hash computed from it, state is a map of raw keys.

mod chain;
mod methods;
mod rpc;
mod settings;
mod state;
mod subscriptions;
mod wrong;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use hyper::{Method, Request, Response, header};
use serde_json::Value;
use tokio::net::ToSocketAddrs;

use crate::{
    standin::{Kind, StandIn, listening, locked, served},
    wire::{Calls, Events, Incident, Server, Tally, Upstream, View, reply},
};

pub use settings::{Follow, Highest, Own, Settings, Wrong};
use state::State;

pub(crate) const KIND: Kind = Kind {
    name: "substrate",
    spec: "ADDRESS",
    about: "a chain node: JSON-RPC over HTTP and WebSocket on one port",
    start: |address| listening(address, Node::start),
};

/// A chain node in this process. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Node {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    tally: Tally,
}

impl Node {
    /// Listens on `address` (port 0 for any) as a healthy node that grows by a block every 12 s.
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

    /// Changes the named settings (see [`Settings`]); when it returns, port and connections are as the incident wants.
    pub async fn set(&self, patch: Value) -> Result<(), String> {
        let fault = {
            let mut state = locked(&self.shared.state);
            state.patch(&patch)?;
            state.settings.incident.fault()
        };
        self.server.apply(fault).await
    }

    /// Adds blocks now, whatever the block time; not while the incident is `stuck`.
    pub fn block(&self, count: u64) {
        locked(&self.shared.state).grow(count);
    }

    /// The settings now, with the heights the chain has reached.
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

    /// Texts and codes as jsonrpsee's server has them.
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        const TEXT: &str = "text/plain";
        let incident = locked(&self.state).settings.incident;
        if incident == Incident::Own(Own::WsOnly) {
            let mut response = reply(426, TEXT, "This port speaks WebSocket only.\n");
            response
                .headers_mut()
                .insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
            return response;
        }
        if request.method() != Method::POST {
            return reply(405, TEXT, "Used HTTP Method is not allowed. POST is required\n");
        }
        if !is_json(request) {
            let words = "Supplied content type is not allowed. Content-Type: application/json is required\n";
            return reply(415, TEXT, words);
        }
        let answer = rpc::answer(&mut locked(&self.state), &self.tally, request.body());
        reply(200, "application/json; charset=utf-8", answer.unwrap_or_default())
    }

    fn upgrades(&self, _request: &Request<Bytes>) -> bool {
        locked(&self.state).settings.incident != Incident::Own(Own::HttpOnly)
    }

    fn message(&self, text: &str) -> Option<String> {
        rpc::answer(&mut locked(&self.state), &self.tally, text.as_bytes())
    }

    fn events(self: Arc<Self>) -> Box<dyn Events> {
        Box::new(subscriptions::Subscriptions::new(self))
    }
}

fn is_json(request: &Request<Bytes>) -> bool {
    let value = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

impl StandIn for Node {
    served!();

    fn act(&self, verb: &str, body: &Value) -> Option<Result<(), String>> {
        let count = match (verb, body.as_object()) {
            ("block", Some(members)) if members.keys().all(|key| key == "count") => {
                members.get("count").map_or(Some(1), Value::as_u64)
            }
            ("block", _) => None,
            _ => return None,
        };
        Some(match count {
            Some(count) => {
                self.block(count);
                Ok(())
            }
            None => Err("block takes {\"count\": how many}".to_owned()),
        })
    }
}
