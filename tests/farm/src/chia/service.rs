//! One service of a farm on its own port, with its own incident.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::future::{self, BoxFuture, FutureExt as _};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use super::{
    Shared,
    answers::{self, Role},
    settings::Instance,
};
use crate::{
    standin::{StandIn, locked, patched, served},
    wire::{Calls, Events, Load, Server, Tally, Upstream, View},
};

/// A service in this process. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Service {
    server: Server,
    desk: Arc<Desk>,
}

/// What answers.
#[derive(Debug)]
struct Desk {
    role: Role,
    farm: Arc<Shared>,
    instance: Mutex<Instance>,
    tally: Tally,
}

impl Service {
    pub(super) async fn start(farm: &Arc<Shared>, role: Role, host: &str) -> Result<Self, String> {
        let desk = Arc::new(Desk {
            role,
            farm: Arc::clone(farm),
            instance: Mutex::default(),
            tally: Tally::default(),
        });
        let server = Server::start((host, 0), Arc::clone(&desk)).await;
        let server = server.map_err(|error| format!("{} on {host}: {error}", role.name()))?;
        Ok(Self { server, desk })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.address()
    }

    /// Changes the named settings (see [`Instance`]); when it returns, they hold.
    pub async fn set(&self, patch: Value) -> Result<(), String> {
        let fault = {
            let mut instance = locked(&self.desk.instance);
            let next: Instance = patched(&*instance, &patch)?;
            next.dials.check(next.incident)?;
            *instance = next;
            instance.incident
        };
        self.server.apply(fault).await
    }

    pub fn settings(&self) -> Instance {
        locked(&self.desk.instance).clone()
    }

    pub fn calls(&self) -> Calls {
        self.desk.tally.calls()
    }
}

impl Upstream for Desk {
    fn view(&self) -> View {
        let instance = locked(&self.instance);
        View {
            fault: instance.incident,
            dials: instance.dials.clone(),
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn tls(&self) -> Option<TlsAcceptor> {
        Some(self.farm.acceptor())
    }

    fn answer_in_pieces<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Load>> {
        self.tally.call(answers::route(request));
        let instance = locked(&self.instance).clone();
        if (self.role, answers::route(request)) == (Role::Harvester, "refresh_plots") {
            locked(&self.farm.world).refresh();
        }
        let answer = answers::answer(locked(&self.farm.world).now(), self.role, &instance, request);
        future::ready(answer).boxed()
    }

    fn upgrades(&self, request: &Request<Bytes>) -> bool {
        self.role == Role::Daemon && request.uri().path() == "/"
    }

    fn events(self: Arc<Self>) -> Box<dyn Events> {
        Box::new(Subscriber { desk: self, next: None })
    }
}

/// One socket at the daemon.
#[derive(Debug)]
struct Subscriber {
    desk: Arc<Desk>,
    /// The event that it gets next, once it is registered.
    next: Option<usize>,
}

impl Events for Subscriber {
    fn take(&mut self, text: &str) -> Option<String> {
        let frame: Value = serde_json::from_str(text).ok()?;
        let word = |key| frame.get(key).and_then(Value::as_str).unwrap_or_default();
        self.desk.tally.call(word("command"));
        let data = match (word("destination"), word("command")) {
            ("daemon", "register_service") => {
                if frame.pointer("/data/service").and_then(Value::as_str) == Some("metrics") {
                    self.next = Some(locked(&self.desk.farm.world).now().end());
                }
                json!({"success": true})
            }
            ("daemon", "ping") => json!({"success": true, "value": "pong"}),
            ("daemon", command @ ("is_running" | "stop_service" | "start_service"))
                if frame.pointer("/data/service").and_then(Value::as_str) == Some("chia_harvester") =>
            {
                locked(&self.desk.farm.world).order(command)?
            }
            ("daemon", other) => json!({"success": false, "error": format!("unknown_command {other}")}),
            // Whom nobody knows gets nothing, and nobody is told.
            _ => return None,
        };
        let answer = json!({"ack": true, "command": word("command"), "data": data, "destination": word("origin"),
            "origin": "daemon", "request_id": word("request_id")});
        Some(answer.to_string())
    }

    fn due(&mut self) -> Vec<String> {
        let mut world = locked(&self.desk.farm.world);
        let world = world.now();
        let Some(place) = self.next else { return Vec::new() };
        self.next = Some(world.end());
        world.since(place)
    }
}

impl StandIn for Service {
    served!();
}
