//! DingTalk's group robot: `POST /robot/send`, with the limits that its documentation names.
//!
//! It answers 200 whatever it thinks of a message; `errcode` says it. Nothing is sent anywhere: what it took can be read.

mod group;
mod settings;

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
    clock,
    standin::{Kind, StandIn, listening, locked, served},
    wire::{Calls, Server, Tally, Upstream, View, reply},
};

use group::{Asked, Group};
pub use settings::{Own, Settings};

const PATH: &str = "/robot/send";

pub(crate) const KIND: Kind = Kind {
    name: "dingtalk",
    spec: "ADDRESS",
    about: "a robot of a DingTalk group, with its limits",
    start: |address| listening(address, Robot::start),
};

/// A robot in this process. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Robot {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    group: Mutex<Group>,
    tally: Tally,
}

impl Robot {
    /// Listens on `address` (port 0 for any), and wants neither signature nor keyword.
    pub async fn start(address: impl ToSocketAddrs) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let server = Server::start(address, Arc::clone(&shared)).await?;
        Ok(Self { server, shared })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.address()
    }

    /// Changes the named settings (see [`Settings`]); when it returns, they hold.
    pub async fn set(&self, patch: Value) -> Result<(), String> {
        let fault = {
            let mut group = locked(&self.shared.group);
            group.patch(&patch)?;
            group.settings.incident.fault()
        };
        self.server.apply(fault).await
    }

    pub fn settings(&self) -> Settings {
        locked(&self.shared.group).settings.clone()
    }

    /// The bodies that it took, oldest first.
    pub fn messages(&self) -> Value {
        locked(&self.shared.group).messages()
    }

    /// The answers to what it did not take.
    pub fn refused(&self) -> Value {
        locked(&self.shared.group).refused()
    }

    pub fn calls(&self) -> Calls {
        self.shared.tally.calls()
    }
}

impl Upstream for Shared {
    fn view(&self) -> View {
        let settings = &locked(&self.group).settings;
        View {
            fault: settings.incident.fault(),
            dials: settings.dials.clone(),
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let (method, uri) = (request.method(), request.uri());
        if method != Method::POST || uri.path() != PATH {
            return reply(404, "text/plain", "Not Found");
        }
        self.tally.call("robot/send");
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let asked = Asked {
            query: uri.query().unwrap_or_default(),
            content_type: content_type.and_then(|value| value.to_str().ok()).unwrap_or_default(),
            body: request.body(),
        };
        let answer = locked(&self.group).hear(&asked, clock::unix_ms());
        reply(200, "application/json", answer.to_string())
    }
}

impl StandIn for Robot {
    served!();

    fn ask(&self, noun: &str) -> Option<Value> {
        Some(match noun {
            "messages" => self.messages(),
            "refused" => self.refused(),
            _ => return None,
        })
    }
}
