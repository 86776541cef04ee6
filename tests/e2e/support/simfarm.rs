//! The simulated farm, for upstreams that must misbehave to order.

use std::process::Command;

use serde_json::Value;

use super::{LONG, Process, handed_over, http, wait_for};

pub(crate) struct Simfarm {
    ready: Value,
    process: Process,
}

impl Simfarm {
    /// Starts it with its own options, such as `--substrate node=127.0.0.1:0`, and waits until all of it is up.
    #[track_caller]
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut command = Command::new(handed_over("E2E_SIMFARM"));
        command.args(["serve", "--exit-with-parent"]).args(options);
        let mut process = Process::start("simfarm", &mut command);
        let ready = wait_for("the simulated farm is up", LONG, || {
            process.running()?;
            let log = process.log();
            serde_json::from_str(log.lines().next().unwrap_or_default()).map_err(|_| format!("it says {log:?}"))
        });
        Self { ready, process }
    }

    /// Where a stand-in is: `("substrate", "node")`.
    #[track_caller]
    pub(crate) fn place(&self, kind: &str, name: &str) -> &str {
        let place = self
            .ready
            .get(kind)
            .and_then(|all| all.get(name))
            .and_then(Value::as_str);
        place.unwrap_or_else(|| panic!("no {kind} {name} in {}", self.ready))
    }

    /// Changes settings of a stand-in, or gives it an order: `set("fuse/nas", ...)`.
    #[track_caller]
    pub(crate) fn set(&self, path: &str, settings: &Value) -> Value {
        http::post_json(self.control(), &format!("/{path}"), settings).unwrap()
    }

    /// What a stand-in says of itself: `get("fuse/nas/calls")`.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        http::get_json(self.control(), &format!("/{path}")).unwrap()
    }

    fn control(&self) -> &str {
        self.ready.get("control").and_then(Value::as_str).unwrap()
    }
}

impl Drop for Simfarm {
    fn drop(&mut self) {
        // Not SIGKILL at first: that leaves its mounts behind.
        if self.process.running().is_ok() {
            self.process.stop();
        }
    }
}
