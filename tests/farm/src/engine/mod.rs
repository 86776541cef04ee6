//! A container engine on a unix socket: the few paths of the Docker Engine API that ask for containers, restart, stop and
//! start them. There are no processes behind it; what was done is remembered, so that whoever holds it can act on that.

mod container;
mod query;
mod settings;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{self, BoxFuture, FutureExt as _};
use hyper::{Method, Request, Response, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    standin::{Kind, StandIn, Starting, locked, patched},
    wire::{Calls, Incident, SocketServer, Tally, Upstream, View, reply},
};

use container::find;
pub use settings::{Container, Own, Settings};

const JSON: &str = "application/json";

pub(crate) const KIND: Kind = Kind {
    name: "engine",
    spec: "SOCKET[,CONTAINER]...",
    about: "a container engine (Docker's API) on a unix socket, with containers by name",
    start,
};

/// What is done to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Restart,
    Stop,
    Start,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub verb: Verb,
    pub container: String,
}

/// An engine in this process. Dropping it closes and removes its socket.
#[derive(Debug)]
pub struct Engine {
    server: SocketServer,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    tally: Tally,
}

#[derive(Debug)]
struct State {
    settings: Settings,
    acts: Vec<Act>,
}

impl Engine {
    /// Listens on the socket `path`, which must not be there yet, with these containers, which run.
    pub fn start(path: &Path, containers: &[&str]) -> Result<Self, String> {
        let state = State {
            settings: Settings::new(containers),
            acts: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            tally: Tally::default(),
        });
        let server = SocketServer::start(path, Arc::clone(&shared));
        let server = server.map_err(|error| format!("listening on {}: {error}", path.display()))?;
        Ok(Self { server, shared })
    }

    pub fn path(&self) -> &Path {
        self.server.path()
    }

    /// Changes the named settings (see [`Settings`]).
    pub fn set(&self, patch: &Value) -> Result<(), String> {
        let mut state = locked(&self.shared.state);
        let next: Settings = patched(&state.settings, patch)?;
        next.check()?;
        state.settings = next;
        Ok(())
    }

    pub fn settings(&self) -> Settings {
        locked(&self.shared.state).settings.clone()
    }

    /// What was done, oldest first.
    pub fn acts(&self) -> Vec<Act> {
        locked(&self.shared.state).acts.clone()
    }

    pub fn calls(&self) -> Calls {
        self.shared.tally.calls()
    }
}

/// An error as engines put it.
fn error(status: u16, words: impl Into<String>) -> Response<Bytes> {
    reply(
        status,
        JSON,
        format!("{}\n", json!({"message": Into::<String>::into(words)})),
    )
}

fn minor(version: &str) -> Option<u16> {
    version.strip_prefix("1.")?.parse().ok()
}

impl Upstream for Shared {
    fn view(&self) -> View {
        let settings = &locked(&self.state).settings;
        View {
            fault: settings.incident.fault(),
            dials: settings.dials.clone(),
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn answer_in_time<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Bytes>> {
        let path = request.uri().path();
        if path == "/_ping" {
            return future::ready(self.ping()).boxed();
        }
        let own = locked(&self.state).settings.api_version.clone();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let parts = match *parts.as_slice() {
            [version, ref rest @ ..] if version.strip_prefix('v').and_then(minor).is_some() => {
                if version.strip_prefix('v').and_then(minor) > minor(&own) {
                    let asked = version.trim_start_matches('v');
                    let words = format!("client version {asked} is too new. Maximum supported API version is {own}");
                    return future::ready(error(400, words)).boxed();
                }
                rest.to_vec()
            }
            ref all => all.to_vec(),
        };
        match (request.method(), parts.as_slice()) {
            (&Method::GET, ["containers", "json"]) => {
                self.tally.call("list");
                future::ready(self.list(request.uri().query().unwrap_or_default())).boxed()
            }
            (&Method::GET, ["containers", key, "json"]) => {
                self.tally.call("inspect");
                let found = find(&mut locked(&self.state).settings, key).map(|found| found.inspected());
                let answer = found.map_or_else(|| missing(key), |found| reply(200, JSON, format!("{found}\n")));
                future::ready(answer).boxed()
            }
            (&Method::POST, [_, key, verb @ ("restart" | "stop" | "start")]) => {
                self.tally.call(verb);
                let verb = match *verb {
                    "restart" => Verb::Restart,
                    "stop" => Verb::Stop,
                    _ => Verb::Start,
                };
                let patience_s = query::patience_s(request.uri().query().unwrap_or_default());
                self.act((*key).to_owned(), verb, patience_s.saturating_mul(1000))
                    .boxed()
            }
            _ => future::ready(error(404, "page not found")).boxed(),
        }
    }
}

fn missing(key: &str) -> Response<Bytes> {
    error(404, format!("No such container: {key}"))
}

impl Shared {
    fn ping(&self) -> Response<Bytes> {
        self.tally.call("ping");
        let mut response = reply(200, "text/plain; charset=utf-8", "OK");
        if let Ok(version) = locked(&self.state).settings.api_version.parse::<header::HeaderValue>() {
            response.headers_mut().insert("api-version", version);
        }
        response
    }

    fn list(&self, query: &str) -> Response<Bytes> {
        let wanted = query::labels(query);
        let state = locked(&self.state);
        let all = query::all(query);
        let listed = state
            .settings
            .containers
            .iter()
            .filter(|container| (all || container.running) && container.has(&wanted));
        let listed: Value = listed.map(Container::listed).collect();
        reply(200, JSON, format!("{listed}\n"))
    }

    /// 304 where nothing had to be done; the answer comes when it is done.
    async fn act(&self, key: String, verb: Verb, patience_ms: u64) -> Response<Bytes> {
        let wait_ms = {
            let mut state = locked(&self.state);
            let failing = state.settings.incident == Incident::Own(Own::Failing);
            let words = state.settings.error_message.clone();
            let Some(container) = find(&mut state.settings, &key) else {
                return missing(&key);
            };
            if (verb, container.running) == (Verb::Stop, false) || (verb, container.running) == (Verb::Start, true) {
                return reply(304, JSON, "");
            }
            if failing {
                return error(500, words);
            }
            if verb != Verb::Start && container.running {
                container.stop_ms.min(patience_ms)
            } else {
                0
            }
        };
        sleep(Duration::from_millis(wait_ms)).await;
        let mut state = locked(&self.state);
        let Some(container) = find(&mut state.settings, &key) else {
            return missing(&key);
        };
        if verb != Verb::Start {
            container.stop(patience_ms);
        }
        if verb != Verb::Stop {
            container.run();
        }
        let act = Act {
            verb,
            container: container.name.clone(),
        };
        state.acts.push(act);
        reply(204, JSON, "")
    }
}

fn start(spec: String) -> Starting {
    async move {
        let mut words = spec.split(',');
        let path = words.next().unwrap_or_default();
        let names: Vec<&str> = words.collect();
        let engine: Box<dyn StandIn> = Box::new(Engine::start(Path::new(path), &names)?);
        Ok(engine)
    }
    .boxed()
}

impl StandIn for Engine {
    fn place(&self) -> String {
        self.path().display().to_string()
    }

    fn settings(&self) -> Value {
        serde_json::to_value(self.settings()).unwrap_or_default()
    }

    fn set(&self, patch: Value) -> BoxFuture<'_, Result<(), String>> {
        future::ready(self.set(&patch)).boxed()
    }

    fn calls(&self) -> Option<Value> {
        serde_json::to_value(self.calls()).ok()
    }

    fn ask(&self, noun: &str) -> Option<Value> {
        (noun == "acts").then(|| serde_json::to_value(self.acts()).unwrap_or_default())
    }
}
