//! The rules and the Alertmanager that are shipped: one incident is one message.

mod hurry;
mod incidents;
mod room;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::repairs::stage::{Alertmanager, CHAT, Stage, alerts, told};
use super::support::{LONG, Simfarm, http, same, wait_for};

/// Rules look back a minute and wait another, messages a third.
const UNTIL_TOLD: Duration = Duration::from_secs(300);

/// `MountStuck target=nas-1 entity=/mnt/d01` as the labels of an alert of a farm.
fn labels(words: &str, farm: &str) -> BTreeMap<String, String> {
    let mut words = words.split_whitespace();
    let fixed = [
        ("alertname", words.next().unwrap()),
        ("job", farm),
        ("instance", "fw-1"),
    ];
    let named = words.map(|word| word.split_once('=').unwrap());
    let all = fixed.into_iter().chain(named);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn hand_in(alertmanager: &str, labels: &[&BTreeMap<String, String>]) {
    let alerts: Vec<Value> = labels.iter().map(|labels| json!({ "labels": labels })).collect();
    let headers = ["Content-Type: application/json"];
    let request = "POST /api/v2/alerts HTTP/1.0";
    let answer = http::exchange(alertmanager, request, &headers, &json!(alerts).to_string()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Whether the alert with these labels is inhibited, once Alertmanager has it.
fn is_hidden(alertmanager: &str, labels: &BTreeMap<String, String>) -> bool {
    wait_for("Alertmanager has looked at it", LONG, || {
        let alerts = http::get_json(alertmanager, "/api/v2/alerts")?;
        let mut alerts = alerts.as_array().into_iter().flatten();
        let it = alerts
            .find(|alert| alert["labels"] == json!(labels))
            .ok_or("it is not there")?;
        match it["status"]["state"].as_str() {
            Some("suppressed") => Ok(true),
            Some("active") => Ok(false),
            other => Err(format!("{other:?}")),
        }
    })
}

#[test]
fn a_cause_hides_its_effects_and_nothing_else() {
    let alertmanager = Alertmanager::shipped("127.0.0.1:9");
    let cases = std::fs::read_to_string(alerts("tests/inhibitions.txt")).unwrap();
    let cases = cases.lines().filter(|line| !line.starts_with('#'));
    let mut seen = [0, 0];
    for (number, case) in cases.enumerate() {
        let hides = case.split_once(" hides ");
        let (cause, effect) = hides.or_else(|| case.split_once(" leaves ")).unwrap();
        // Each case is a farm of its own.
        let farm = number.to_string();
        let (cause, effect) = (labels(cause, &farm), labels(effect, &farm));
        hand_in(&alertmanager.address, &[&cause]);
        assert!(!is_hidden(&alertmanager.address, &cause), "{case}: the cause is told");
        hand_in(&alertmanager.address, &[&effect]);
        assert_eq!(is_hidden(&alertmanager.address, &effect), hides.is_some(), "{case}");
        seen[usize::from(hides.is_some())] += 1;
    }
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
}

/// Alerts of Prometheus that have not lasted long enough to be told.
fn pending(prometheus: &str) -> Result<Vec<Value>, String> {
    let answer = http::get_json(prometheus, "/api/v1/alerts")?;
    let mut alerts = answer["data"]["alerts"].as_array().ok_or("no alerts")?.clone();
    alerts.retain(|alert| alert["state"] == "pending");
    Ok(alerts)
}

/// Groups of alerts of which the chat is told, or will be.
fn groups(alertmanager: &str) -> Result<Vec<Value>, String> {
    let groups = http::get_json(alertmanager, "/api/v2/alerts/groups?inhibited=false&receiver=chat")?;
    let mut groups = groups.as_array().ok_or("no groups")?.clone();
    groups.retain(|group| group["alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()));
    Ok(groups)
}

/// A node with a PRB of seven hundred workers behind it, and the configuration that watches them. In a summary, which makes no
/// other symptoms and is small.
fn seven_hundred_workers(farm: &Simfarm) -> Value {
    farm.set("substrate/para", &json!({"block_time_ms": 6000, "peers": 20}));
    let genesis_hash = format!("0x{}", "77".repeat(32));
    let relay = json!({"block_time_ms": 3000, "peers": 20, "genesis_hash": genesis_hash, "seed": 7});
    farm.set("substrate/relay", &relay);
    let lifecycles = json!([{"workers": 400}, {"workers": 300}]);
    let monitor = json!({"dial_ms": 10, "block_time_ms": 6000, "lifecycles": lifecycles});
    farm.set("prb-v2/m", &monitor);
    let address = |kind: &str, name: &str| format!("http://{}", farm.place(kind, name));
    let (para, relay) = (address("substrate", "para"), address("substrate", "relay"));
    json!({"collectors": {
        "phala": [{"name": "node-1", "para": para, "relay": relay}],
        "prb": [{"name": "prb-1", "monitor": address("prb-v2", "m"), "detail": "summary"}],
    }})
}

#[test]
fn a_dead_node_with_seven_hundred_workers_behind_it_is_one_message() {
    let [para, relay, monitor] = ["para", "relay", "m"].map(|name| format!("{name}=127.0.0.1:0"));
    let stand_ins = ["--substrate", &para, "--substrate", &relay, "--prb-v2", &monitor];
    let farm = Simfarm::start(&[&stand_ins[..], &CHAT].concat());
    let stage = Stage::shipped(&farm, seven_hundred_workers(&farm));
    let of_first = |label| [("lifecycle", "lifecycle"), label];
    stage.farmwarden.wait_for("all work", |samples| {
        samples.is("phala_prb_workers_by_broken_link", &of_first(("link", "none")), 400.0)
    });

    farm.set("substrate/para", &json!({"incident": "down"}));
    farm.set("substrate/relay", &json!({"incident": "down"}));
    let starved = json!({"name": "data_provider", "trouble": "lost_node"});
    farm.set("prb-v2/m/peer", &starved);
    stage.farmwarden.wait_for("all wait", |samples| {
        samples.is("phala_prb_workers_by_broken_link", &of_first(("link", "relay")), 400.0)
    });
    let first = wait_for("a message", UNTIL_TOLD, || match told(&farm) {
        none if none.is_empty() => Err("the chat is silent"),
        some => Ok(some),
    });
    let [(title, text)] = &first[..] else {
        panic!("{first:#?}")
    };
    assert_eq!(title, "critical: TargetDown on node-1 (2)");
    assert!(text.contains("700 workers wait behind it"), "{text}");
    wait_for("nothing more is on its way", UNTIL_TOLD, || {
        same(&pending(&stage.prometheus.address)?, &Vec::new())
    });
    let groups = groups(&stage.alertmanager.address).unwrap();
    same(&groups.len(), &1).unwrap_or_else(|words| panic!("{words}: {groups:#?}"));
    assert_eq!(told(&farm).len(), 1);
}
