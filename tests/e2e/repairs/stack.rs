//! A node and what stands on it, in real containers.

use serde_json::{Value, json};

use super::super::containers::Docker;
use super::super::support::{LONG, Simfarm, same, wait_for};
use super::stage::{CHAT, Stage, told};
use super::{
    NODE, NODE_STUCK, break_node, check_chat, check_story, kinds, mend_node, of_kind, only_begun, restart_node, story,
    watched_node,
};

const STACK: [&str; 3] = ["phala-node", "data_provider", "lifecycle"];

/// When it was last started. Docker leaves out zeros at the end.
pub(super) fn started(docker: &Docker, container: &str) -> String {
    let text = docker.inspect(container, "{{.State.StartedAt}}");
    let text = text.trim_end_matches('Z');
    let (seconds, rest) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{rest:0<9}")
}

fn is_up(docker: &Docker, container: &str) -> bool {
    docker.inspect(container, "{{.State.Running}}") == "true"
}

/// Waits until it runs and was started after that.
pub(super) fn wait_for_start(docker: &Docker, container: &str, before: &str) {
    wait_for(&format!("{container} is started anew"), LONG, || {
        let at = started(docker, container);
        if is_up(docker, container) && at.as_str() > before {
            Ok(())
        } else {
            Err(format!("it runs since {at}"))
        }
    });
}

fn config(farm: &Simfarm, docker: &Docker) -> Value {
    json!({
        "collectors": {
            "phala": watched_node(farm),
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
        "remedies": restart_node(),
    })
}

/// A farm whose node stands still, without peers, and whose PRB therefore has nothing to give its workers.
fn break_all(farm: &Simfarm, stage: &Stage) {
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
    break_node(farm);
}

/// The containers, and since when each runs; what they serve; and who watches it.
fn well() -> (Docker, [String; 3], Simfarm, Stage) {
    let docker = Docker::start();
    for name in STACK {
        docker.run(name, &["--restart=unless-stopped"]);
    }
    let before = STACK.map(|name| started(&docker, name));
    let farm = Simfarm::start(&[&NODE[..], &["--prb-v2", "m=127.0.0.1:0"], &CHAT].concat());
    farm.set("prb-v2/m", &json!({"dial_ms": 10, "lifecycles": [{"workers": 10}]}));
    let stage = Stage::start(&farm, config(&farm, &docker), &[(NODE_STUCK, "restart_node")]);
    (docker, before, farm, stage)
}

#[test]
fn a_stuck_node_is_restarted_with_its_stack_in_order_and_people_read_of_it() {
    let (docker, before, farm, stage) = well();
    break_all(&farm, &stage);

    wait_for_start(&docker, "phala-node", &before[0]);
    assert!(
        !is_up(&docker, "data_provider") && !is_up(&docker, "lifecycle"),
        "nothing stands on a node that does not work"
    );
    assert_eq!(started(&docker, "lifecycle"), before[2]);
    mend_node(&farm);

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
    let [done, failed] = ["done", "failed"].map(|outcome| ("outcome", outcome));
    let (action, policy) = (("action", "restart-stack"), ("policy", "restart_node"));
    for (name, labels, value) in [
        ("remediation_actions_begun_total", &[action][..], 1.0),
        ("remediation_actions_total", &[action, done], 1.0),
        ("remediation_actions_total", &[action, failed], 0.0),
        ("remediation_action_duration_seconds_count", &[action], 1.0),
        ("remediation_storms_total", &[], 0.0),
        ("remediation_budget_left", &[policy, ("within", "1h")], 9.0),
        ("journal_up", &[], 1.0),
        ("journal_records_refused_total", &[], 0.0),
    ] {
        samples.is(&format!("farmwarden_{name}"), labels, value).unwrap();
    }

    let journal = stage.journal();
    let incident = only_begun(&journal);
    check_story(
        &story(&journal, &incident),
        &[
            "stop lifecycle at farm-1",
            "stop data_provider at farm-1",
            "restart phala-node at farm-1",
            "wait for phala-node at farm-1",
            "start data_provider at farm-1",
            "wait for data_provider at farm-1",
            "start lifecycle at farm-1",
        ],
    );
    check_chat(&farm, &incident);
    a_second_alert_does_nothing(&stage, &docker, &farm, &after);
    stage.verify_journal();
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

#[test]
fn a_repair_that_kill_cuts_off_is_not_repeated_and_people_read_what_is_left_stopped() {
    let (docker, before, farm, mut stage) = well();
    break_all(&farm, &stage);
    wait_for_start(&docker, "phala-node", &before[0]);
    wait_for("the node is waited for", LONG, || {
        let journal = stage.journal();
        let mut noted = of_kind(&journal, "noted").into_iter();
        let waits = |record: &Value| {
            record["data"]["words"]
                .to_string()
                .contains("wait for phala-node at farm-1 is under way")
        };
        noted.find(|record| waits(record)).map(drop).ok_or("it is not")
    });
    let node = started(&docker, "phala-node");
    stage.kill_farmwarden();
    // The message that it begins may have ended with it, and is told again with this one.
    let (_, text) = wait_for("the interruption is told", LONG, || {
        let told = told(&farm);
        let mut of_it = told
            .iter()
            .filter(|(title, _)| title.starts_with("node-1 para: a repair was interrupted"));
        of_it.next().cloned().ok_or_else(|| format!("{told:#?}"))
    });
    let stopped = "stopped: lifecycle at farm-1, data\\_provider at farm-1";
    assert!(text.contains(stopped), "{text}");

    mend_node(&farm);
    stage.farmwarden.wait_for("the cure is told", |samples| {
        samples.is(
            "farmwarden_remediation_incidents_closed_total",
            &[("why", "cured")],
            1.0,
        )
    });
    let samples = stage.farmwarden.samples();
    let action = ("action", "restart-stack");
    let interrupted = [action, ("outcome", "interrupted")];
    samples
        .is("farmwarden_remediation_actions_total", &interrupted, 1.0)
        .unwrap();
    samples
        .is("farmwarden_remediation_actions_begun_total", &[action], 0.0)
        .unwrap();
    assert_eq!(started(&docker, "phala-node"), node);
    assert!(!is_up(&docker, "lifecycle"), "nobody took the procedure up");
    let journal = stage.journal();
    let incident = only_begun(&journal);
    assert!(kinds(&story(&journal, &incident)).ends_with(&["interrupted", "cured"]));
    stage.verify_journal();
}
