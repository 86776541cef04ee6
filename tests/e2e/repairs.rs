//! From an alert to a cure, all real but the farm: Prometheus and Alertmanager, farmwarden, containers, and what people
//! read of it.

mod stage;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::containers::Docker;
use super::support::{LONG, Simfarm, same, wait_for};
use stage::{CHAT, Stage, told};

const STACK: [&str; 3] = ["phala-node", "data_provider", "lifecycle"];

/// When it was last started. Docker leaves out zeros at the end.
fn started(docker: &Docker, container: &str) -> String {
    let text = docker.inspect(container, "{{.State.StartedAt}}");
    let text = text.trim_end_matches('Z');
    let (seconds, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{rest:0<9}")
}

fn is_up(docker: &Docker, container: &str) -> bool {
    docker.inspect(container, "{{.State.Running}}") == "true"
}

/// Waits until it runs and was started after that.
fn wait_for_start(docker: &Docker, container: &str, before: &str) {
    wait_for(&format!("{container} is started anew"), LONG, || {
        let at = started(docker, container);
        if is_up(docker, container) && at.as_str() > before {
            Ok(())
        } else {
            Err(format!("it runs since {at}"))
        }
    });
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

fn stack_config(farm: &Simfarm, docker: &Docker) -> Value {
    json!({
        "collectors": {
            "phala": [{
                "name": "node-1", "interval": "1s", "timeout": "900ms",
                "para": format!("http://{}", farm.place("substrate", "para")),
                "relay": format!("http://{}", farm.place("substrate", "relay")),
                "thresholds": {"stuck_after": "4s"},
            }],
            "prb": [{
                "name": "prb-1", "monitor": format!("http://{}", farm.place("prb-v2", "m")),
                "interval": "1s", "workers_interval": "1s", "timeout": "900ms",
            }],
        },
        "engines": [{"name": "farm-1", "socket": docker.socket(), "containers": STACK}],
        "stacks": [{
            "name": "farm-1", "prb": "prb-1",
            "node": {"target": "node-1", "container": "phala-node", "patience": "10s", "recovers_within": "5m"},
            "group": [
                {"container": "data_provider", "patience": "10s", "works_within": "5m"},
                {"container": "lifecycle", "patience": "10s"},
            ],
        }],
        "remedies": {
            "warm_up": "1s",
            "policies": [{
                "name": "restart_node", "symptom": "node_stuck", "targets": ["node-1"], "mode": "act", "ill_for": "1s",
                "budgets": {"target": "1/h 3/d"},
                "rungs": [{"action": "restart-stack", "within": "30m", "timeout": "5m", "gone_for": "2s"}],
            }],
        },
    })
}

/// A farm whose node stands still, without peers, and whose PRB therefore has nothing to give its workers.
fn break_the_node(farm: &Simfarm, stage: &Stage) {
    farm.set("prb-v2/m/peer", &json!({"name": "lifecycle", "error_percent": 100}));
    farm.set(
        "prb-v2/m/peer",
        &json!({"name": "data_provider", "trouble": "just_started"}),
    );
    // A stack whose workers get blocks is left alone, and the last picture of them counts.
    stage.farmwarden.wait_for("the workers are seen in error", |samples| {
        let ill = samples.get(
            "farmwarden_symptom",
            &[("target", "prb-1"), ("symptom", "workers_correlated")],
        );
        same(&ill, &Some(1.0))
    });
    farm.set("substrate/para", &json!({"incident": "stuck", "peers": 1}));
}

#[test]
fn a_stuck_node_is_restarted_with_its_stack_in_order_and_people_read_of_it() {
    let docker = Docker::start();
    for name in STACK {
        docker.run(name, &["--restart=unless-stopped"]);
    }
    let before = STACK.map(|name| started(&docker, name));
    let growing = ["--substrate", "para=127.0.0.1:0", "--substrate", "relay=127.0.0.1:0"];
    let farm = Simfarm::start(&[&growing[..], &["--prb-v2", "m=127.0.0.1:0"], &CHAT].concat());
    for chain in ["substrate/para", "substrate/relay"] {
        farm.set(chain, &json!({"block_time_ms": 300, "peers": 20}));
    }
    farm.set("prb-v2/m", &json!({"dial_ms": 10, "lifecycles": [{"workers": 10}]}));
    let stage = Stage::start(
        &farm,
        stack_config(&farm, &docker),
        &[("farmwarden_symptom{symptom=\"node_stuck\"} == 1", "restart_node")],
    );
    break_the_node(&farm, &stage);

    wait_for_start(&docker, "phala-node", &before[0]);
    assert!(
        !is_up(&docker, "data_provider") && !is_up(&docker, "lifecycle"),
        "nothing stands on a node that does not work"
    );
    assert_eq!(started(&docker, "lifecycle"), before[2]);
    farm.set("substrate/para", &json!({"incident": "healthy", "peers": 20}));

    wait_for_start(&docker, "data_provider", &before[1]);
    assert!(!is_up(&docker, "lifecycle"), "its data provider knows no block yet");
    farm.set("prb-v2/m/peer", &json!({"name": "data_provider", "trouble": "healthy"}));

    wait_for_start(&docker, "lifecycle", &before[2]);
    farm.set("prb-v2/m/peer", &json!({"name": "lifecycle", "error_percent": 0}));
    let after = STACK.map(|name| started(&docker, name));
    assert!(after.is_sorted(), "{after:?}");

    let samples = stage.farmwarden.wait_for("the cure is told", |samples| {
        samples.is(
            "farmwarden_remediation_incidents_closed_total",
            &[("why", "cured")],
            1.0,
        )
    });
    let by_now = |name: &str, labels: &[(&str, &str)], value: f64| samples.is(name, labels, value).unwrap();
    let action = ("action", "restart-stack");
    by_now("farmwarden_remediation_actions_begun_total", &[action], 1.0);
    by_now(
        "farmwarden_remediation_actions_total",
        &[action, ("outcome", "done")],
        1.0,
    );
    by_now(
        "farmwarden_remediation_actions_total",
        &[action, ("outcome", "failed")],
        0.0,
    );
    by_now("farmwarden_remediation_action_duration_seconds_count", &[action], 1.0);
    by_now("farmwarden_remediation_storms_total", &[], 0.0);
    by_now(
        "farmwarden_remediation_budget_left",
        &[("policy", "restart_node"), ("within", "1h")],
        9.0,
    );
    by_now("farmwarden_journal_up", &[], 1.0);
    by_now("farmwarden_journal_records_refused_total", &[], 0.0);

    let journal = stage.journal();
    let [begun] = of_kind(&journal, "started")[..] else {
        panic!("{journal:#?}")
    };
    let incident = begun["data"]["incident"].clone();
    check_story(&story(&journal, &incident));
    check_chat(&farm, &incident);
    a_second_alert_does_nothing(&stage, &docker, &farm, &after);
    stage.check_head();
}

/// Before anything is done it is written, then every step of it, then how it ended.
fn check_story(story: &[&Value]) {
    let kinds = kinds(story);
    let from = kinds.iter().position(|kind| *kind == "started").unwrap();
    let (held, done) = kinds.split_at(from);
    assert!(held.iter().all(|kind| *kind == "decided"), "{kinds:?}");
    assert!(done.ends_with(&["finished", "cured"]), "{kinds:?}");
    let steps: Vec<&str> = story
        .iter()
        .filter(|record| record["kind"] == "noted")
        .map(|record| record["data"]["words"].as_str().unwrap())
        .collect();
    let expected = [
        "stop lifecycle at farm-1",
        "stop data_provider at farm-1",
        "restart phala-node at farm-1",
        "wait for phala-node at farm-1",
        "start data_provider at farm-1",
        "wait for data_provider at farm-1",
        "start lifecycle at farm-1",
    ];
    let ended: Vec<&str> = expected
        .into_iter()
        .filter(|step| steps.iter().any(|words| words.contains(&format!("{step}: done"))))
        .collect();
    assert_eq!(ended, expected, "{steps:#?}");
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

fn a_second_alert_does_nothing(stage: &Stage, docker: &Docker, farm: &Simfarm, after: &[String; 3]) {
    stage.alert(&json!({
        "alertname": "Ill", "remedy": "restart_node", "target": "node-1", "entity": "para", "symptom": "node_stuck",
        "said_by": "somebody",
    }));
    let held = wait_for("the second alert is held", LONG, || {
        let journal = stage.journal();
        let asked = of_kind(&journal, "received").into_iter().find(|record| {
            let alerts = record["data"]["alerts"].as_array().unwrap();
            alerts.iter().any(|alert| alert["labels"]["said_by"] == "somebody")
        });
        let asked = asked.ok_or("it has not come")?["seq"].to_string();
        let held = of_kind(&journal, "decided").into_iter().find(|record| {
            let incident = record["data"]["incident"].as_str().unwrap();
            incident.split_once('.').is_some_and(|(record, _)| record == asked)
        });
        held.cloned().ok_or("nothing is decided")
    });
    assert_eq!(held["data"]["guard"], "still_ill", "{held}");
    assert_eq!(STACK.map(|name| started(docker, name)), *after);
    assert_eq!(of_kind(&stage.journal(), "started").len(), 1);
    assert_eq!(told(farm).len(), 2);
}

/// Only restarts would be a way to change anything here.
fn restarts(farm: &Simfarm) -> u64 {
    let calls = farm.get("prb-v2/m/calls");
    let methods = calls["methods"].as_object().unwrap().iter();
    let changing = methods.filter(|(method, _)| method.contains("Restart") || method.contains("Kick"));
    changing.map(|(_, count)| count.as_u64().unwrap()).sum()
}

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
    // It is not worker_error of each, but one thing that all have in common.
    let (title, text) = held_by(&stage, &farm, "still_ill");
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
