//! What farmwarden is given: its configuration, with everything a hundred times as fast as a real farm would want it.

use std::path::Path;

use serde_json::{Value, json};

use super::{alertmanager::Symptom, stage::Farm, teller::Language};

pub(super) const NODE: &str = "node-1";
pub(super) const PRB: &str = "prb-1";
pub(super) const VENUS: &str = "venus-1";
pub(super) const STORAGE: &str = "storage-1";

/// Where the share is mounted, below the directory of the demo, and what it is in the table of mounts.
pub(super) const SHARE: &str = "nas";
pub(super) const SHARE_SOURCE: &str = "//nas/plots";

/// The containers of the node's machine.
pub(super) const NODE_CONTAINER: &str = "phala-node";
pub(super) const PHERRY: &str = "pherry";

/// What is repaired, or told, and how: the policies and the symptom that each is for.
pub(super) const RESTART_NODE: &str = "restart_node";
pub(super) const RESTART_WORKER: &str = "restart_worker";
pub(super) const TELL_OF_WORKERS: &str = "tell_of_workers";
pub(super) const TELL_OF_SHARE: &str = "tell_of_share";
pub(super) const UNBLOCK_SENDER: &str = "unblock_sender";

const POLICIES: [(&str, &str, &str); 5] = [
    (RESTART_NODE, NODE, "node_stuck"),
    (RESTART_WORKER, PRB, "worker_error"),
    (TELL_OF_WORKERS, PRB, "workers_correlated"),
    (TELL_OF_SHARE, STORAGE, "mount_stuck"),
    (UNBLOCK_SENDER, VENUS, "venus_message_filled_stuck"),
];

/// Files beside the configuration.
pub(super) const ALERTS_TOKEN: &str = "alerts.token";
pub(super) const CHAT_TOKEN: &str = "chat.token";
pub(super) const VENUS_TOKEN: &str = "venus.token";
/// For what changes something.
pub(super) const VENUS_ACT_TOKEN: &str = "venus-act.token";
pub(super) const JOURNAL: &str = "journal";
pub(super) const ENGINE: &str = "docker.sock";

/// The policy that an alert of this symptom asks for.
pub(super) fn remedy(symptom: &Symptom) -> Option<&'static str> {
    let fits = |(_, target, name): &&(&str, &str, &str)| symptom.target == *target && symptom.name == *name;
    POLICIES.iter().find(fits).map(|(policy, ..)| *policy)
}

/// Who may hand in alerts.
pub(super) fn web() -> String {
    json!({"scopes": {"alerts": {"bearer_token_file": ALERTS_TOKEN}}}).to_string()
}

/// `farmwarden.yml`. JSON is YAML.
pub(super) fn farmwarden(farm: &Farm, directory: &Path, language: Language) -> String {
    let mounts: Vec<Value> = farm.share.iter().map(|share| storage(share.mountpoint())).collect();
    let collectors = json!({
        "phala": [node(farm)], "prb": [prb(farm)], "venus": [venus(farm, directory)], "mounts": mounts,
    });
    let language = match language {
        Language::English => "en",
        Language::Chinese => "zh",
    };
    let config = json!({
        "collectors": collectors,
        "journal": {"directory": directory.join(JOURNAL)},
        "engines": [{
            "name": "farm-1", "socket": directory.join(ENGINE), "containers": [NODE_CONTAINER, PHERRY],
        }],
        "stacks": [{
            "name": "farm-1",
            "node": {"target": NODE, "container": NODE_CONTAINER, "patience": "10s", "recovers_within": "2m"},
            "restarted_last": [{"container": PHERRY, "patience": "10s"}],
        }],
        "remedies": remedies(farm),
        "notify": [{
            "name": "operators", "kind": "dingtalk", "language": language,
            "url": format!("http://{}/robot/send", farm.robot.addr()), "token_file": directory.join(CHAT_TOKEN),
        }],
    });
    config.to_string()
}

fn node(farm: &Farm) -> Value {
    json!({
        "name": NODE, "interval": "1s", "timeout": "900ms",
        "para": format!("http://{}", farm.para.addr()), "relay": format!("http://{}", farm.relay.addr()),
        "thresholds": {"stuck_after": "5s"},
    })
}

fn prb(farm: &Farm) -> Value {
    json!({
        "name": PRB, "monitor": format!("http://{}", farm.monitor.addr()),
        "interval": "1s", "workers_interval": "1s", "inventory_interval": "5s", "timeout": "900ms",
    })
}

fn venus(farm: &Farm, directory: &Path) -> Value {
    let url = |address: std::net::SocketAddr| json!([{"name": "one", "url": format!("http://{address}")}]);
    let venus = &farm.venus;
    json!({
        "name": VENUS, "token_file": directory.join(VENUS_TOKEN), "act_token_file": directory.join(VENUS_ACT_TOKEN),
        "auth_services": url(venus.auth.addr()), "gateways": url(venus.gateway.addr()), "nodes": url(venus.node.addr()),
        "messagers": url(venus.messager.addr()), "miner_services": url(venus.miner.addr()),
        "interval": "1s", "slow_interval": "1s", "state_interval": "5s", "timeout": "900ms", "mining_timeout": "900ms",
    })
}

fn storage(share: &Path) -> Value {
    json!({
        "name": STORAGE, "interval": "2s", "probe_timeout": "500ms", "files_interval": "5s",
        "include": [share], "expected": [{"mount": share, "source": SHARE_SOURCE}], "plots": [share],
        "thresholds": {"stuck_after": "3s"},
    })
}

fn remedies(farm: &Farm) -> Value {
    let policies = POLICIES
        .iter()
        .filter(|(policy, ..)| *policy != TELL_OF_SHARE || farm.share.is_ok());
    let policies = policies.map(|(policy, target, symptom)| {
        let rungs = match *policy {
            RESTART_NODE => json!([{"action": "restart-stack", "within": "30m", "timeout": "2m", "gone_for": "6s"}]),
            RESTART_WORKER => json!([{"action": "restart-worker", "timeout": "1m", "gone_for": "4s"}]),
            // Two rungs: whether it is on chain already, and if that was not it, once more.
            UNBLOCK_SENDER => json!([
                {"action": "update-filled-message", "timeout": "8s", "gone_for": "4s"},
                {"action": "republish-message", "timeout": "2m", "gone_for": "4s"},
            ]),
            _ => json!([{"action": "notify", "timeout": "5m", "gone_for": "3s"}]),
        };
        json!({
            "name": policy, "symptom": symptom, "targets": [target], "mode": "act", "ill_for": "2s",
            // The next rung of a ladder need not wait long; a worker has only one.
            "cool_down": if *policy == UNBLOCK_SENDER { "1s" } else { "10m" },
            "budgets": {"target": if *policy == RESTART_NODE { "1/h 3/d" } else { "3/h 10/d" }},
            "rungs": rungs,
        })
    });
    json!({"warm_up": "1s", "policies": policies.collect::<Vec<_>>()})
}
