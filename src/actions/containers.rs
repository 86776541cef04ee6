//! Containers, through the Docker Engine API as Docker and podman serve it: look, restart, stop, start.
//!
//! Six paths and no others; nothing is created, removed or run. Source: Docker Engine API 1.24 to 1.5x, in which these
//! calls are the same, and `containers/podman` `pkg/api/handlers/compat`.

mod answers;
mod selector;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use url::form_urlencoded;

pub use answers::{Container, Policy, Status};
pub use selector::{Selector, Word};

use super::wire::{Asked, Reply, Way, Wire};
use super::{Done, Failed};
use crate::upstream::{Trust, TrustFiles, Upstream, Why};
use crate::values::{self, HostPort, Name};

/// Where an engine is and what may be touched there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    pub name: Name,
    pub place: Place,
    /// Everything else on that machine is out of reach.
    pub containers: Vec<Selector>,
}

/// Without TLS whoever reaches the port owns the machine, so there is no such way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `/var/run/docker.sock`, `/run/podman/podman.sock`.
    Socket(PathBuf),
    Tls {
        address: HostPort,
        files: TrustFiles,
    },
}

/// One engine, Docker's or podman's.
#[derive(Clone, Debug)]
pub struct Engine {
    wire: Wire,
    listed: Vec<Selector>,
}

/// What the engine needs beside the time that the container itself is given.
const OWN_TIME: Duration = Duration::from_secs(60);
/// A container answers a stop within this; the largest that an engine is asked for.
const LONGEST_STOP: Duration = Duration::from_secs(3600);
/// For questions. An engine that restarts a large container still answers them at once.
const LOOK_WITHIN: Duration = Duration::from_secs(15);

impl Engine {
    /// Reads certificates; nothing is asked yet.
    pub fn new(upstream: &Upstream, settings: EngineSettings) -> Result<Self, Failed> {
        let EngineSettings {
            name,
            place,
            containers,
        } = settings;
        let (who, way) = match place {
            Place::Socket(path) => (format!("engine {name} {}", path.display()), Way::Socket(path)),
            Place::Tls { address, files } => {
                let who = format!("engine {name} {address}");
                let trust = Trust::read(&files);
                let trust =
                    trust.map_err(|words| Failed::before(&who, "its certificates", Why::Configuration(words)))?;
                let way = Way::Net {
                    upstream: upstream.clone(),
                    host: address.host().to_owned(),
                    port: address.port(),
                    trust: Some(trust),
                };
                (who, way)
            }
        };
        Ok(Self {
            wire: Wire { who, way },
            listed: containers,
        })
    }

    /// How failures name it.
    pub fn who(&self) -> &str {
        &self.wire.who
    }

    /// How the container is now.
    pub async fn inspect(&self, which: &Selector) -> Result<Container, Failed> {
        let call = self.call(format!("look at {which}"), which)?;
        let version = call.version().await?;
        call.find(&version).await
    }

    /// Stops it, with `patience` before the engine kills it, and starts it again. It has come to its end when the
    /// container runs since a later moment than before.
    pub async fn restart(&self, which: &Selector, patience: Duration) -> Result<Container, Failed> {
        let call = self.call(format!("restart {which}"), which)?;
        let version = call.version().await?;
        let before = call.find(&version).await?;
        call.survives(&before)?;
        call.act(&version, &before, "restart", Some(patience)).await?;
        let after = call.again(&version, &before).await?;
        if after.status != Status::Running || after.started_at == before.started_at {
            let words = format!("it reports success, but the container is {}", after.in_words());
            return Err(Failed::after(self.who(), &call.operation, Why::upstream(words)));
        }
        Ok(after)
    }

    /// Stops it, with `patience` before the engine kills it. A restart policy does not start it again.
    pub async fn stop(&self, which: &Selector, patience: Duration) -> Result<Done, Failed> {
        let call = self.call(format!("stop {which}"), which)?;
        let version = call.version().await?;
        let before = call.find(&version).await?;
        call.survives(&before)?;
        let done = call.act(&version, &before, "stop", Some(patience)).await?;
        let after = call.again(&version, &before).await?;
        if after.status == Status::Running {
            let words = "it reports success, but the container runs: is something else starting it?";
            return Err(Failed::after(self.who(), &call.operation, Why::upstream(words)));
        }
        Ok(done)
    }

    /// Starts it. That it runs a moment later is seen; that it works is for others to see.
    pub async fn start(&self, which: &Selector) -> Result<Done, Failed> {
        let call = self.call(format!("start {which}"), which)?;
        let version = call.version().await?;
        let before = call.find(&version).await?;
        let done = call.act(&version, &before, "start", None).await?;
        let after = call.again(&version, &before).await?;
        if after.status != Status::Running {
            let words = format!("it reports success, but the container is {}", after.in_words());
            return Err(Failed::after(self.who(), &call.operation, Why::upstream(words)));
        }
        Ok(done)
    }

    fn call<'a>(&'a self, operation: String, which: &'a Selector) -> Result<Call<'a>, Failed> {
        if self.listed.contains(which) {
            return Ok(Call {
                wire: &self.wire,
                operation,
                which,
            });
        }
        let words = "it is not among the containers that the configuration lists for this engine".to_owned();
        Err(Failed::before(self.who(), operation, Why::Forbidden(words)))
    }
}

/// One action on one container.
struct Call<'a> {
    wire: &'a Wire,
    /// As failures name it.
    operation: String,
    which: &'a Selector,
}

impl Call<'_> {
    /// The version that the engine speaks, in front of every path. One of ours would be refused by some engine: those of
    /// 2022 refuse 1.43, those of 2025 refuse 1.43 as too old.
    async fn version(&self) -> Result<String, Failed> {
        let reply = self.ask(Method::GET, "/_ping", LOOK_WITHIN).await?;
        let told = reply.headers.get("api-version").and_then(|value| value.to_str().ok());
        match told.filter(|told| answers::is_version(told)) {
            Some(version) if reply.status.is_success() => Ok(version.to_owned()),
            _ => Err(self.before(Why::malformed(
                "no container engine answers here; it should tell the version of its API, 1.24 or later",
            ))),
        }
    }

    /// The one container that is meant. It is named by its id from then on, so that another one which takes its name
    /// meanwhile is not touched.
    async fn find(&self, version: &str) -> Result<Container, Failed> {
        let key = match self.which {
            Selector::Name(name) => name.to_string(),
            Selector::Service { .. } => self.matching(version).await?,
        };
        let found = self.look(version, &key).await?;
        // Engines also take the beginning of an id for a name.
        match self.which {
            Selector::Name(name) if found.name != name.as_str() => Err(self.before(Why::NotFound(format!(
                "there is no container of this name, only one whose id begins like that: {}",
                found.name
            )))),
            _ => Ok(found),
        }
    }

    /// The id of the only container with these labels.
    async fn matching(&self, version: &str) -> Result<String, Failed> {
        let filters = serde_json::json!({ "label": self.which.labels() }).to_string();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("all", "1")
            .append_pair("filters", &filters)
            .finish();
        let path = format!("/v{version}/containers/json?{query}");
        let body = self.answered(Method::GET, &path, LOOK_WITHIN).await?;
        let listed = answers::listed(&body).map_err(|why| self.before(why))?;
        match &listed[..] {
            [one] => Ok(one.id.clone()),
            [] => Err(self.before(Why::NotFound("no container has these labels".to_owned()))),
            several => {
                let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
                let words = format!(
                    "{} containers have these labels ({}): name its project, or the container itself",
                    several.len(),
                    names.join(", ")
                );
                Err(self.before(Why::Configuration(values::clean(&words).into_owned())))
            }
        }
    }

    async fn look(&self, version: &str, key: &str) -> Result<Container, Failed> {
        let path = format!("/v{version}/containers/{key}/json");
        let body = self.answered(Method::GET, &path, LOOK_WITHIN).await?;
        answers::container(&body).map_err(|why| self.before(why))
    }

    /// After it was acted on: whatever goes wrong now, something has been done.
    async fn again(&self, version: &str, before: &Container) -> Result<Container, Failed> {
        let looked = self.look(version, &before.id).await;
        looked.map_err(|failed| Failed::after(failed.fault.who, failed.fault.operation, failed.fault.why))
    }

    async fn act(
        &self,
        version: &str,
        container: &Container,
        verb: &str,
        patience: Option<Duration>,
    ) -> Result<Done, Failed> {
        let patience = patience.map(|patience| patience.min(LONGEST_STOP));
        let query = patience.map(|patience| format!("?t={}", patience.as_secs()));
        let path = format!(
            "/v{version}/containers/{}/{verb}{}",
            container.id,
            query.unwrap_or_default()
        );
        let within = patience.unwrap_or_default() + OWN_TIME;
        let reply = self.ask(Method::POST, &path, within).await?;
        match reply.status {
            StatusCode::NOT_MODIFIED => Ok(Done::AlreadySo),
            status if status.is_success() => Ok(Done::Changed),
            // Refused as a whole; the others say that something went wrong on the way.
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => {
                Err(self.before(refusal(&reply)))
            }
            _ => Err(Failed::after(&self.wire.who, &self.operation, refusal(&reply))),
        }
    }

    /// A container that is removed when it stops would be gone, and could not be started again.
    fn survives(&self, container: &Container) -> Result<(), Failed> {
        if !container.auto_remove {
            return Ok(());
        }
        let words = "it was started with --rm, so stopping it would remove it".to_owned();
        Err(self.before(Why::Forbidden(words)))
    }

    async fn answered(&self, method: Method, path: &str, within: Duration) -> Result<Bytes, Failed> {
        let reply = self.ask(method, path, within).await?;
        if reply.status.is_success() {
            return Ok(reply.body);
        }
        Err(self.before(refusal(&reply)))
    }

    async fn ask(&self, method: Method, path: &str, within: Duration) -> Result<Reply, Failed> {
        let asked = Asked {
            operation: &self.operation,
            method,
            path,
            headers: Vec::new(),
            body: None,
        };
        self.wire.exchange(asked, within).await
    }

    fn before(&self, why: Why) -> Failed {
        Failed::before(&self.wire.who, &self.operation, why)
    }
}

/// In the engine's own words.
fn refusal(reply: &Reply) -> Why {
    let words = answers::message(&reply.body);
    match (reply.status, words) {
        (StatusCode::NOT_FOUND, _) => {
            Why::NotFound("there is no such container; is it created by another name?".to_owned())
        }
        (_, Some(words)) => Why::upstream(words),
        (status, None) => Why::Status(status.as_u16(), ""),
    }
}
