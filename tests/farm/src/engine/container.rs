//! One container as engines tell of it, and what becomes of it when it is told something.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::settings::{Container, Settings};
use crate::{
    clock::unix_ms,
    phala::{identity::hash32, text},
};

/// What was killed has this exit code.
const KILLED: i64 = 137;

/// The id of a container, which follows from its name.
fn id(name: &str) -> String {
    let mut id = String::new();
    for byte in hash32(name.as_bytes()) {
        write!(id, "{byte:02x}").ok();
    }
    id
}

/// Looks for a container as engines do: by name, or by the beginning of its id.
pub(super) fn find<'a>(settings: &'a mut Settings, key: &str) -> Option<&'a mut Container> {
    let by_name = settings
        .containers
        .iter()
        .position(|container| container.name == key.trim_start_matches('/'));
    let by_id = || {
        let mut containers = settings.containers.iter();
        containers.position(|container| !key.is_empty() && id(&container.name).starts_with(key))
    };
    let at = by_name.or_else(by_id)?;
    settings.containers.get_mut(at)
}

impl Container {
    fn labels(&self) -> Value {
        if self.service.is_empty() {
            return json!({});
        }
        json!({"com.docker.compose.project": self.project, "com.docker.compose.service": self.service, "com.docker.compose.oneoff": "False"})
    }

    fn status(&self) -> &'static str {
        match (self.running, self.started_ms) {
            (true, _) => "running",
            (false, 0) => "created",
            (false, _) => "exited",
        }
    }

    pub(super) fn inspected(&self) -> Value {
        // Go's zero time is what engines write for a container that never ran.
        let started = if self.started_ms == 0 {
            "0001-01-01T00:00:00Z".to_owned()
        } else {
            let seconds = text::iso8601(self.started_ms, 0);
            format!(
                "{}.{:03}000000Z",
                seconds.trim_end_matches("+00:00"),
                self.started_ms % 1000
            )
        };
        json!({
            "Id": id(&self.name),
            "Name": format!("/{}", self.name),
            "RestartCount": 0,
            "State": {
                "Status": self.status(), "Running": self.running, "StartedAt": started, "ExitCode": self.exit_code,
            },
            "HostConfig": {
                "AutoRemove": self.auto_remove,
                "RestartPolicy": {"Name": self.restart_policy, "MaximumRetryCount": 0},
            },
            "Config": {"Labels": self.labels()},
        })
    }

    pub(super) fn listed(&self) -> Value {
        json!({"Id": id(&self.name), "Names": [format!("/{}", self.name)], "State": self.status(), "Labels": self.labels()})
    }

    /// Whether it has all of these `key=value`.
    pub(super) fn has(&self, labels: &[String]) -> bool {
        let own = self.labels();
        labels.iter().all(|label| {
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            own.get(key).and_then(Value::as_str) == Some(value)
        })
    }

    pub(super) fn stop(&mut self, patience_ms: u64) {
        self.running = false;
        self.exit_code = if self.stop_ms > patience_ms { KILLED } else { 0 };
    }

    pub(super) fn run(&mut self) {
        // A restart within the same millisecond is a later one all the same.
        self.started_ms = unix_ms().max(self.started_ms + 1);
        (self.running, self.exit_code) = (true, 0);
    }
}
