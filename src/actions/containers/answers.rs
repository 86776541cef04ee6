//! What an engine says of containers, from bytes: pure.
//!
//! A container's environment and most of its labels hold other people's secrets; no type here has a place for them.

use serde::Deserialize;

use crate::clock::UnixTime;
use crate::upstream::Why;

/// A container now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub status: Status,
    /// `None` for one that never ran.
    pub started_at: Option<UnixTime>,
    /// How often its policy restarted it; restarts through the API are not counted, in podman nothing is.
    pub restart_count: Option<u64>,
    pub exit_code: Option<i64>,
    pub policy: Policy,
    /// It is removed when it stops.
    pub auto_remove: bool,
    pub service: Option<String>,
    pub project: Option<String>,
}

/// Its state, as engines name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Created,
    Running,
    Paused,
    /// Between two attempts of its restart policy.
    Restarting,
    Removing,
    Exited,
    Dead,
    Unknown,
}

/// Whether the engine starts it again when its process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Never,
    /// Not after an exit with code 0, which is how pRuntime ends when it is kicked.
    OnFailure,
    /// `always` or `unless-stopped`.
    Always,
    Unknown,
}

/// One line of a list.
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
}

impl Container {
    /// `exited (code 137)`.
    pub fn in_words(&self) -> String {
        let word = match self.status {
            Status::Created => "created and not started",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Restarting => "between two restarts of its policy",
            Status::Removing => "being removed",
            Status::Exited => "stopped",
            Status::Dead => "dead",
            Status::Unknown => "in an unknown state",
        };
        match (self.status, self.exit_code) {
            (Status::Exited | Status::Dead | Status::Restarting, Some(code)) => format!("{word} (exit code {code})"),
            _ => word.to_owned(),
        }
    }
}

/// `/containers/{id}/json`
pub(super) fn container(json: &[u8]) -> Result<Container, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wire {
        id: String,
        name: String,
        state: State,
        #[serde(default)]
        restart_count: Option<u64>,
        #[serde(default)]
        host_config: HostConfig,
        #[serde(default)]
        config: Config,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct State {
        status: String,
        #[serde(default)]
        started_at: Option<String>,
        #[serde(default)]
        exit_code: Option<i64>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct HostConfig {
        auto_remove: bool,
        restart_policy: RestartPolicy,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct RestartPolicy {
        name: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Config {
        labels: Option<Labels>,
    }
    let wire: Wire = read(json)?;
    let labels = wire.config.labels.unwrap_or_default();
    // The zero time of Go, in the year 1, is before 1970 and so none.
    let started_at = wire.state.started_at.as_deref().and_then(UnixTime::from_rfc3339);
    Ok(Container {
        id: id(wire.id)?,
        name: bare(&wire.name),
        status: status(&wire.state.status),
        started_at: started_at.filter(|at| *at > UnixTime::from_millis(0)),
        restart_count: wire.restart_count,
        exit_code: wire.state.exit_code,
        policy: policy(wire.host_config.restart_policy.name.as_deref()),
        auto_remove: wire.host_config.auto_remove,
        service: labels.service,
        project: labels.project,
    })
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(rename = "com.docker.compose.service", default)]
    service: Option<String>,
    #[serde(rename = "com.docker.compose.project", default)]
    project: Option<String>,
    /// `True` on what `docker compose run` made, which has its service's label too.
    #[serde(rename = "com.docker.compose.oneoff", default)]
    one_off: Option<String>,
}

/// `/containers/json`, without what was made for one command.
pub(super) fn listed(json: &[u8]) -> Result<Vec<Listed>, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Wire {
        id: String,
        #[serde(default)]
        names: Option<Vec<String>>,
        #[serde(default)]
        labels: Option<Labels>,
    }
    let wires: Vec<Wire> = read(json)?;
    let wires = wires.into_iter().filter(|wire| {
        let labels = wire.labels.as_ref();
        // An engine that does not know the filter would list everything.
        labels.is_some_and(|labels| labels.service.is_some() && labels.one_off.as_deref() != Some("True"))
    });
    let listed = wires.map(|wire| {
        let names = wire.names.unwrap_or_default();
        Ok(Listed {
            id: id(wire.id)?,
            name: names.first().map(|name| bare(name)).unwrap_or_default(),
        })
    });
    listed.collect()
}

/// The sentence in a refusal.
pub(super) fn message(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Wire {
        message: String,
    }
    serde_json::from_slice(json).ok().map(|wire: Wire| wire.message)
}

/// `1.41`, from 1.24 on. It stands in paths.
pub(super) fn is_version(text: &str) -> bool {
    let minor = text.strip_prefix("1.").map(str::parse::<u16>);
    matches!(minor, Some(Ok(24..=999))) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, Why> {
    serde_json::from_slice(json).map_err(|e| Why::malformed(format!("no answer of a container engine ({e})")))
}

/// It stands in paths.
fn id(text: String) -> Result<String, Why> {
    let sound = (12..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if sound {
        Ok(text)
    } else {
        Err(Why::malformed("an id that is not of 12 to 64 hexadecimal digits"))
    }
}

/// Docker writes names with a slash in front, podman does so in this API too.
fn bare(name: &str) -> String {
    name.trim_start_matches('/').to_owned()
}

fn status(word: &str) -> Status {
    match word {
        // podman has the first two of its own.
        "created" | "configured" | "initialized" => Status::Created,
        "running" => Status::Running,
        "paused" => Status::Paused,
        "restarting" => Status::Restarting,
        "removing" | "stopping" => Status::Removing,
        "exited" | "stopped" => Status::Exited,
        "dead" => Status::Dead,
        _ => Status::Unknown,
    }
}

fn policy(word: Option<&str>) -> Policy {
    match word {
        Some("" | "no") => Policy::Never,
        Some("on-failure") => Policy::OnFailure,
        Some("always" | "unless-stopped") => Policy::Always,
        _ => Policy::Unknown,
    }
}
