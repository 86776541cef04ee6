//! From an alert to a cure, all real but the farm: Prometheus and Alertmanager, farmwarden, containers and units, and what
//! people read of it.

mod approval;
mod chia;
mod command;
mod remote;
mod remount;
mod solo;
mod stack;
pub(crate) mod stage;
mod venus;
mod workers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{LONG, Samples, Simfarm, http, same, wait_for};
use stage::{TOKEN, told};

const NODE_STUCK: &str = "farmwarden_symptom{symptom=\"node_stuck\"} == 1";

/// A node that grows fast, for [`Simfarm::start`] and for farmwarden.
const NODE: [&str; 4] = ["--substrate", "para=127.0.0.1:0", "--substrate", "relay=127.0.0.1:0"];

fn watched_node(farm: &Simfarm) -> Value {
    for chain in ["substrate/para", "substrate/relay"] {
        farm.set(chain, &json!({"block_time_ms": 300, "peers": 20}));
    }
    let genesis_hash = format!("0x{}", "77".repeat(32));
    farm.set("substrate/relay", &json!({"genesis_hash": genesis_hash, "seed": 7}));
    json!([{
        "name": "node-1", "interval": "1s", "timeout": "900ms",
        "para": format!("http://{}", farm.place("substrate", "para")),
        "relay": format!("http://{}", farm.place("substrate", "relay")),
        "thresholds": {"stuck_after": "4s"},
    }])
}

/// The one repair of it, with its stack. A farmwarden that was just started sees a node stand still only after
/// `stuck_after`, so a cure must last longer.
fn restart_node() -> Value {
    json!({
        "warm_up": "1s",
        "policies": [{
            "name": "restart_node", "symptom": "node_stuck", "targets": ["node-1"], "mode": "act", "ill_for": "1s",
            "budgets": {"target": "1/h 3/d"},
            "rungs": [{"action": "restart-stack", "within": "30m", "timeout": "5m", "gone_for": "6s"}],
        }],
    })
}

/// It stands still and has lost its peers.
fn break_node(farm: &Simfarm) {
    farm.set("substrate/para", &json!({"incident": "stuck", "peers": 1}));
}

/// What a restart does to it.
fn mend_node(farm: &Simfarm) {
    farm.set("substrate/para", &json!({"incident": "healthy", "peers": 20}));
}

/// The records of one incident.
fn story<'a>(journal: &'a [Value], incident: &Value) -> Vec<&'a Value> {
    let of_it = |record: &&Value| record["data"]["incident"] == *incident;
    journal.iter().filter(of_it).collect()
}

fn kinds<'a>(records: &[&'a Value]) -> Vec<&'a str> {
    records.iter().map(|record| record["kind"].as_str().unwrap()).collect()
}

fn of_kind<'a>(journal: &'a [Value], kind: &str) -> Vec<&'a Value> {
    journal.iter().filter(|record| record["kind"] == kind).collect()
}

/// The number of the incident of the only action that was begun.
fn only_begun(journal: &[Value]) -> Value {
    let [begun] = of_kind(journal, "started")[..] else {
        panic!("{journal:#?}")
    };
    begun["data"]["incident"].clone()
}

/// Before anything is done it is written, then each of these steps, then how it ended.
fn check_story(story: &[&Value], expected: &[&str]) {
    let kinds = kinds(story);
    let from = kinds.iter().position(|kind| *kind == "started").unwrap();
    let (held, done) = kinds.split_at(from);
    assert!(held.iter().all(|kind| *kind == "decided"), "{kinds:?}");
    assert!(done.ends_with(&["finished", "cured"]), "{kinds:?}");
    let mut ended: Vec<&str> = Vec::new();
    for record in story.iter().filter(|record| record["kind"] == "noted") {
        let words = record["data"]["words"].as_str().unwrap();
        ended.extend(expected.iter().filter(|step| words.contains(&format!("{step}: done"))));
    }
    assert_eq!(ended, expected, "{story:#?}");
}

/// The beginning and the cure, of one incident, and nothing else.
fn check_chat(farm: &Simfarm, incident: &Value) {
    let told = wait_for("two messages", LONG, || {
        let told = told(farm);
        same(&told.len(), &2).map(|()| told)
    });
    let incident = format!("incident {}", incident.as_str().unwrap());
    for ((title, text), expected) in told.iter().zip(["node-1 para: a repair begins", "node-1 para: cured"]) {
        assert_eq!(title, expected);
        assert!(text.starts_with("矿场") && text.contains(&incident), "{text}");
    }
}

/// Services of Chia take half a minute to start on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(240);

fn symptom(
    page: &Samples,
    target: &str,
    symptom: &str,
    entity: &str,
    expected: impl Into<Option<f64>>,
) -> Result<(), String> {
    let labels = [("target", target), ("symptom", symptom), ("entity", entity)];
    page.is("farmwarden_symptom", &labels, expected)
}

/// A web.yml that lets in whoever hands in alerts, with the token beside it.
fn alerts_token(web: &Path) -> &str {
    std::fs::write(web.with_file_name("alerts.token"), TOKEN).unwrap();
    std::fs::write(web, "scopes: {alerts: {bearer_token_file: alerts.token}}").unwrap();
    web.to_str().unwrap()
}

/// A farmwarden that is asked by alerts alone, and what it writes down.
struct Asked {
    address: String,
    journal: PathBuf,
}

impl Asked {
    /// Hands in an alert, and waits until this comes of it.
    #[track_caller]
    fn comes_to(&self, remedy: &str, target: &str, entity: &str, kind: &str) -> Value {
        let labels = json!({"alertname": "Ill", "remedy": remedy, "target": target, "entity": entity});
        let delivery = json!({
            "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "farmwarden",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "",
            "alerts": [{
                "status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
                "fingerprint": format!("{:016x}", self.records().len()),
            }],
        });
        let headers = [
            &format!("Authorization: Bearer {TOKEN}"),
            "Content-Type: application/json",
        ];
        let answer = http::exchange(&self.address, "POST /alerts HTTP/1.0", &headers, &delivery.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        wait_for("what comes of the alert is in the journal", PATIENCE, || {
            let records = self.records();
            let received = records.iter().rev().find(|record| {
                let labels = &record["data"]["alerts"][0]["labels"];
                record["kind"] == "received" && labels["remedy"] == remedy && labels["entity"] == entity
            });
            let incident = received.map(|record| json!(format!("{}.0", record["seq"])));
            let about = incident.iter().flat_map(|incident| story(&records, incident));
            let found = about.filter(|record| record["kind"] == kind).last().cloned();
            found.ok_or_else(|| format!("{records:#?}"))
        })
    }

    /// Its action is refused in these words, and nothing was done before.
    #[track_caller]
    fn is_left_alone(&self, remedy: &str, target: &str, entity: &str, words: &str) {
        let finished = self.comes_to(remedy, target, entity, "finished");
        let told = finished.to_string();
        assert!(
            finished["data"]["outcome"] == "refused" && told.contains(words),
            "{told}"
        );
        let records = self.records();
        let kinds = kinds(&story(&records, &finished["data"]["incident"])).join(" ");
        assert!(!kinds.contains("noted"), "{kinds}");
    }

    /// The last record of this kind in the same incident.
    fn of(&self, record: &Value, kind: &str) -> Value {
        let records = self.records();
        let story = story(&records, &record["data"]["incident"]);
        let found = story.into_iter().rev().find(|record| record["kind"] == kind);
        found.unwrap_or_else(|| panic!("{records:#?}")).clone()
    }

    fn records(&self) -> Vec<Value> {
        remote::journal(&self.journal)
    }
}
