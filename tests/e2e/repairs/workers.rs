//! Hundreds of workers at once: nothing is restarted, and people hear of it once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::support::{LONG, Simfarm, same, wait_for};
use super::of_kind;
use super::stage::{CHAT, Stage, told};

const WORKERS: usize = 400;

/// What a person would write who knows nothing of symptoms: an alert for every worker that is in error.
const IN_ERROR: &str =
    "label_join(phala_worker_state{state=\"error\"} == 1, \"entity\", \"/\", \"lifecycle\", \"worker\")";

/// A PRB whose workers are all in error from one moment to the next.
fn hundreds_in_error(thresholds: &Value, asked: &[(&str, &str)]) -> (Simfarm, Stage) {
    let farm = Simfarm::start(&[&["--prb-v2", "m=127.0.0.1:0"][..], &CHAT].concat());
    farm.set(
        "prb-v2/m",
        &json!({"dial_ms": 10, "lifecycles": [{"workers": WORKERS}]}),
    );
    let policy = |name: &str, symptom: &str, action: &str| {
        json!({
            "name": name, "symptom": symptom, "targets": ["prb-1"], "mode": "act", "ill_for": "1s",
            "rungs": [{"action": action}],
        })
    };
    let config = json!({
        "collectors": {"prb": [{
            "name": "prb-1", "monitor": format!("http://{}", farm.place("prb-v2", "m")),
            "interval": "2s", "workers_interval": "2s", "timeout": "1900ms", "thresholds": thresholds,
        }]},
        "remedies": {
            "warm_up": "1s",
            "policies": [
                policy("restart_worker", "worker_error", "restart-worker"),
                policy("look_at_workers", "workers_correlated", "notify"),
            ],
        },
    });
    let stage = Stage::start(&farm, config, asked);
    let loaded = [("state", "error"), ("pool", "88")];
    stage
        .farmwarden
        .wait_for("all are well", |samples| samples.is("phala_prb_workers", &loaded, 0.0));
    farm.set("prb-v2/m/peer", &json!({"name": "lifecycle", "error_percent": 100}));
    (farm, stage)
}

/// Calls that change something.
fn restarts(farm: &Simfarm) -> u64 {
    let calls = farm.get("prb-v2/m/calls");
    let methods = calls["methods"].as_object().unwrap().iter();
    let changing = methods.filter(|(method, _)| method.contains("Restart") || method.contains("Kick"));
    changing.map(|(_, count)| count.as_u64().unwrap()).sum()
}

/// Incidents that this guard held and of which nothing was begun.
fn held(journal: &[Value], guard: &str) -> usize {
    let incidents = |records: Vec<&Value>| -> BTreeSet<String> {
        let incidents = records.into_iter().map(|record| record["data"]["incident"].to_string());
        incidents.collect()
    };
    let mut decided = of_kind(journal, "decided");
    decided.retain(|record| record["data"]["guard"] == guard);
    let begun = incidents(of_kind(journal, "started"));
    incidents(decided).difference(&begun).count()
}

/// Waits until the repair of every worker is held by this guard, and what people were told then, which is one message.
fn held_by(stage: &Stage, farm: &Simfarm, guard: &str) -> (String, String) {
    wait_for("every worker's repair is held", LONG, || {
        same(&held(&stage.journal(), guard), &WORKERS)
    });
    let samples = stage.farmwarden.samples();
    let decisions = samples.get("farmwarden_remediation_decisions_total", &[("guard", guard)]);
    assert!(decisions >= Some(400.0), "{decisions:?}");
    let begun = "farmwarden_remediation_actions_begun_total";
    samples.is(begun, &[("action", "restart-worker")], 0.0).unwrap();
    stage.farmwarden.wait_for("all messages are out", |samples| {
        let way = [("way", "ops")];
        samples.is("farmwarden_notifications_waiting", &way, 0.0)?;
        samples.is("farmwarden_notifications_sent_total", &way, 1.0)
    });
    assert_eq!(restarts(farm), 0);
    let mut told = told(farm);
    assert_eq!(told.len(), 1, "{told:#?}");
    told.remove(0)
}

#[test]
fn four_hundred_workers_that_fail_alike_are_one_message_and_no_restart() {
    let alike = "farmwarden_symptom{symptom=\"workers_correlated\"} == 1";
    let asked = [(IN_ERROR, "restart_worker"), (alike, "look_at_workers")];
    let (farm, stage) = hundreds_in_error(&json!({}), &asked);
    // It is not worker_error of each, but one thing that all have in common, behind which nobody can tell how each one is.
    let (title, text) = held_by(&stage, &farm, "fresh_view");
    assert_eq!(title, "prb-1 lifecycle: look at it");
    assert!(text.contains("400 of 400 workers: worker\\_error"), "{text}");
    let journal = stage.journal();
    assert_eq!(of_kind(&journal, "started").len(), 1);
    assert_eq!(of_kind(&journal, "escalated").len(), 0);
}

#[test]
fn four_hundred_workers_that_each_are_ill_are_one_message_and_no_restart() {
    let alone = json!({"correlated_workers": 1000});
    let (farm, stage) = hundreds_in_error(
        &alone,
        &[("farmwarden_symptom{symptom=\"worker_error\"} == 1", "restart_worker")],
    );
    let (title, text) = held_by(&stage, &farm, "fleet");
    assert!(title.contains("too much is ill at once"), "{title}");
    assert!(text.contains("400 of 400"), "{text}");
    let samples = stage.farmwarden.samples();
    samples.is("farmwarden_remediation_storms_total", &[], 1.0).unwrap();
    let open = [("phase", "open")];
    samples.is("farmwarden_remediation_incidents", &open, 400.0).unwrap();
    let journal = stage.journal();
    assert_eq!(of_kind(&journal, "stormed").len(), 1);
    assert_eq!(of_kind(&journal, "started").len(), 0);
}
