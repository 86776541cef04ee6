//! A real Substrate runtime (Rococo's asset hub, run by chopsticks) that grows, hangs, dies and comes back.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::support::{Farmwarden, LONG, Process, Samples, directory, free_port, handed_over, http, own, wait_for};

/// Blocks are made only when asked for.
pub(super) struct Chopsticks {
    pub(super) address: String,
    process: Process,
    _directory: tempfile::TempDir,
}

impl Chopsticks {
    pub(super) fn start(port: u16) -> Self {
        let modules = handed_over("E2E_CHOPSTICKS").join("node_modules");
        let directory = directory();
        let genesis = genesis(&modules, directory.path());
        let mut command = Command::new(handed_over("E2E_NODE"));
        command.arg(modules.join("@acala-network/chopsticks/chopsticks.cjs"));
        command.arg("--genesis").arg(genesis);
        command.args([
            "--host",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--build-block-mode",
            "Manual",
        ]);
        command.arg("--unsafe-rpc-methods").arg(own("chopsticks/methods.js"));
        let mut process = Process::start("chopsticks", command.current_dir(directory.path()));
        let address = format!("127.0.0.1:{port}");
        wait_for("chopsticks answers", LONG, || {
            process.running()?;
            http::rpc(&address, "system_chain", &json!([]))
        });
        Self {
            address,
            process,
            _directory: directory,
        }
    }

    pub(super) fn call(&self, method: &str, params: &Value) -> Value {
        http::rpc(&self.address, method, params).unwrap()
    }

    fn height(&self) -> f64 {
        let header = self.call("chain_getHeader", &json!([]));
        let number = header.get("number").and_then(Value::as_str).unwrap();
        f64::from(u32::from_str_radix(number.trim_start_matches("0x"), 16).unwrap())
    }
}

/// The chain's first block with its runtime, out of an npm package.
fn genesis(modules: &Path, directory: &Path) -> std::path::PathBuf {
    let file = directory.join("genesis.json");
    let script = "import('@substrate/connect-known-chains')\
                  .then(chains => fs.writeFileSync(process.argv[1], chains.rococo_v2_2_asset_hub))";
    let mut command = Command::new(handed_over("E2E_NODE"));
    let done = command
        .args(["-e", script])
        .arg(&file)
        .current_dir(modules)
        .status()
        .unwrap();
    assert!(
        done.success() && file.is_file(),
        "the genesis cannot be taken out of its npm package"
    );
    file
}

/// The same node by either transport.
const TARGETS: [&str; 2] = ["by-http", "by-ws"];

const FAMILIES: [&str; 6] = [
    "phala_node_info",
    "phala_node_runtime_spec_version",
    "phala_node_best_block_height",
    "phala_node_finalized_block_height",
    "phala_node_best_block_timestamp_seconds",
    "phala_node_peers",
];

fn watched(node: &Chopsticks) -> Farmwarden {
    let address = &node.address;
    let target = |name: &str, scheme: &str| {
        format!("{{name: {name}, para: '{scheme}://{address}', interval: 1s, timeout: 900ms}}")
    };
    let [http, ws] = TARGETS;
    Farmwarden::start(&format!(
        "collectors: {{phala: [{}, {}]}}",
        target(http, "http"),
        target(ws, "ws")
    ))
}

fn all_are_up_at(page: &Samples, height: f64) -> Result<(), String> {
    for target in TARGETS {
        page.is("farmwarden_target_up", &[("target", target), ("part", "para")], 1.0)?;
        for family in [
            "phala_node_best_block_height",
            "phala_node_highest_block_height",
            "phala_node_finalized_block_height",
        ] {
            page.is(family, &[("target", target), ("chain", "para")], height)?;
        }
    }
    Ok(())
}

fn all_are_gone(page: &Samples) -> Result<(), String> {
    for target in TARGETS {
        page.is("farmwarden_target_up", &[("target", target)], 0.0)?;
        for family in FAMILIES {
            page.is(family, &[("target", target)], None)?;
        }
    }
    Ok(())
}

fn failures(page: &Samples, reason: &str) -> Vec<Option<f64>> {
    let count = |target| {
        page.get(
            "farmwarden_target_failures_total",
            &[("target", target), ("reason", reason)],
        )
    };
    TARGETS.map(count).into()
}

#[test]
fn a_real_runtime_grows_hangs_dies_and_comes_back() {
    let port = free_port();
    let node = Chopsticks::start(port);
    let warden = watched(&node);

    let first = node.height();
    let page = warden.wait_for("both transports read the node", |page| all_are_up_at(page, first));
    for target in TARGETS {
        let info = [
            ("target", target),
            ("chain_name", "asset-hub-rococo"),
            ("spec_name", "statemine"),
        ];
        page.is("phala_node_info", &info, 1.0).unwrap();
        page.is("phala_node_peers", &[("target", target)], 0.0).unwrap();
        page.is("phala_node_syncing", &[("target", target)], 0.0).unwrap();
        let head_time = page
            .get("phala_node_best_block_timestamp_seconds", &[("target", target)])
            .unwrap();
        assert!(head_time > 1_600_000_000.0, "{head_time}");
    }

    node.call("dev_newBlock", &json!([{"count": 3}]));
    assert!(
        (node.height() - first - 3.0).abs() < f64::EPSILON,
        "{} after {first}",
        node.height()
    );
    warden.wait_for("the height grows with new blocks", |page| {
        all_are_up_at(page, first + 3.0)
    });

    // It keeps its port and its connections and says nothing.
    let before = failures(&warden.samples(), "timeout");
    node.process.signal(Signal::SIGSTOP);
    let page = warden.wait_for("a node that hangs is down and its samples disappear", all_are_gone);
    assert!(
        failures(&page, "timeout")
            .iter()
            .zip(&before)
            .all(|(after, before)| after > before),
        "{:?} after {before:?}",
        failures(&page, "timeout")
    );
    node.process.signal(Signal::SIGCONT);
    warden.wait_for("it is back when it answers again", |page| {
        all_are_up_at(page, first + 3.0)
    });

    drop(node);
    warden.wait_for("a node that ended is down and its samples disappear", all_are_gone);
    let page = warden.samples();
    assert!(
        failures(&page, "unreachable").iter().all(|count| *count > Some(0.0)),
        "{:?}",
        failures(&page, "unreachable")
    );
    for target in TARGETS {
        let known = page.get(
            "farmwarden_target_last_success_timestamp_seconds",
            &[("target", target)],
        );
        assert!(known.is_some(), "when {target} last answered stays known");
    }

    let node = Chopsticks::start(port);
    let first = node.height();
    warden.wait_for("it is back when it was started again", |page| {
        all_are_up_at(page, first)
    });
    node.process.signal(Signal::SIGSTOP);
    warden.stops_at_once();
}
