//! A sender of Venus whose message pays too little: looked for on the chain, replaced, and seen to land. One whose message the
//! chain refuses: given up. A miner that is closed: mined for again.

use serde_json::{Value, json};

use super::super::support::{LONG, Samples, Simfarm, directory, same, wait_for};
use super::stage::{CHAT, Stage};
use super::{kinds, of_kind, story};

const STUCK: &str = "farmwarden_symptom{symptom=\"venus_message_filled_stuck\"} == 1";

/// A token of this permission, in a file.
fn token(farm: &Simfarm, directory: &std::path::Path, perm: &str) -> std::path::PathBuf {
    let tokens = farm.get("venus/fil/tokens");
    let mut tokens = tokens.as_array().unwrap().iter();
    let token = tokens.find(|token| token["perm"] == perm).unwrap();
    let file = directory.join(perm);
    std::fs::write(&file, token["token"].as_str().unwrap()).unwrap();
    file
}

/// One that looks again, and one that waits a little and pays more.
fn policies() -> Value {
    let policy = |name: &str, ill_for: &str, rung: Value| {
        json!({
            "name": name, "symptom": "venus_message_filled_stuck", "targets": ["venus-1"], "mode": "act",
            "ill_for": ill_for, "attempts": {"most": 3, "within": "1d"}, "rungs": [rung],
        })
    };
    let proof = |action: &str| json!({"action": action, "timeout": "2m", "gone_for": "4s"});
    let mut replace = proof("replace-message");
    replace["with"] = json!({"max_fee": "0.01 FIL"});
    json!([
        policy("look_again", "1s", proof("update-filled-message")),
        policy("pay_more", "8s", replace),
    ])
}

fn config(farm: &Simfarm, directory: &std::path::Path, perm: &str, policies: &Value) -> Value {
    let at = |service: &str| json!([{"url": format!("http://{}", farm.place("venus", service))}]);
    let read = token(farm, directory, "read");
    // What is broken before the messager holds everything about messages, also a token that is too weak there.
    let (mut gateways, mut auth_services) = (at("fil-gateway"), at("fil-auth"));
    for service in [&mut gateways, &mut auth_services] {
        service[0]["token_file"] = json!(token(farm, directory, "admin"));
    }
    json!({
        "collectors": {"venus": [{
            "name": "venus-1", "token_file": read, "act_token_file": token(farm, directory, perm),
            "interval": "2s", "slow_interval": "2s", "state_interval": "2s", "timeout": "1900ms", "mining_timeout": "1900ms",
            "nodes": at("fil-node"), "messagers": at("fil-messager"), "gateways": gateways,
            "auth_services": auth_services, "miner_services": at("fil-miner"), "miners": ["f01000"],
        }]},
        "remedies": {"warm_up": "1s", "policies": policies},
    })
}

fn called(farm: &Simfarm, service: &str, method: &str) -> u64 {
    let calls = farm.get(&format!("venus/fil-{service}/calls"));
    calls["methods"][method].as_u64().unwrap_or_default()
}

#[test]
fn a_sender_whose_message_pays_too_little_is_unblocked_and_cured() {
    let farm = Simfarm::start(&[&["--venus", "fil=127.0.0.1"][..], &CHAT].concat());
    farm.set("venus/fil", &json!({"block_time_ms": 1000}));
    let directory = directory();
    let asked = [(STUCK, "look_again"), (STUCK, "pay_more")];
    let stage = Stage::start(&farm, config(&farm, directory.path(), "write", &policies()), &asked);
    let symptom = [("target", "venus-1"), ("symptom", "venus_message_filled_stuck")];
    stage.farmwarden.wait_for("the sender is well", |samples| {
        samples.is("farmwarden_symptom", &symptom, 0.0)
    });
    farm.set(
        "venus/fil/sender",
        &json!({"at": 0, "trouble": "under_priced", "trouble_age_s": 2400}),
    );
    let sender = farm.get("venus/fil")["settings"]["senders"][0]["address"]
        .as_str()
        .unwrap()
        .to_owned();

    let samples = stage.farmwarden.wait_for("both are cured", |samples| {
        let cured = [("why", "cured")];
        samples.is("farmwarden_remediation_incidents_closed_total", &cured, 2.0)
    });
    for action in ["update-filled-message", "replace-message"] {
        let done = [("action", action), ("outcome", "done")];
        samples.is("farmwarden_remediation_actions_total", &done, 1.0).unwrap();
    }
    let messages = farm.get("venus/fil/messages");
    let message = messages
        .as_array()
        .unwrap()
        .iter()
        .find(|message| message["nonce"] == 1000);
    let message = message.unwrap();
    assert_eq!(
        (&message["state"], &message["signed"]),
        (&json!(3), &json!(2)),
        "{message}"
    );
    assert_eq!(called(&farm, "messager", "Message.UpdateFilledMessageByID"), 1);
    assert_eq!(called(&farm, "messager", "Message.ReplaceMessage"), 1);

    let journal = stage.journal();
    let id = message["id"].as_str().unwrap();
    let begun = of_kind(&journal, "started");
    let actions: Vec<&Value> = begun.iter().map(|record| &record["data"]["plan"]["action"]).collect();
    assert_eq!(actions, ["update-filled-message", "replace-message"]);
    for record in begun {
        let story = story(&journal, &record["data"]["incident"]);
        let kinds = kinds(&story);
        let from = kinds.iter().position(|kind| *kind == "started").unwrap();
        assert_eq!(kinds[from..], ["started", "noted", "finished", "cured"], "{kinds:?}");
        assert_eq!(record["data"]["plan"]["entity"], sender);
        // Which message it was about, before anything was sent and after.
        for record in &story[from + 1..from + 3] {
            assert!(record.to_string().contains(id), "{record}");
        }
    }
    wait_for("the sender's nonce is on chain", LONG, || {
        let chain_nonce = farm.get("venus/fil")["settings"]["senders"][0]["chain_nonce"].clone();
        same(&chain_nonce, &json!(1001))
    });
    stage.verify_journal();
}

fn other_policies() -> Value {
    json!([
        {
            "name": "give_up", "symptom": "venus_message_unfilled_stuck", "targets": ["venus-1"], "mode": "act", "ill_for": "1s",
            "attempts": {"most": 3, "within": "1d"},
            "rungs": [{
                "action": "mark-bad-message", "with": {"exit_codes": "illegal_argument"}, "timeout": "2m", "gone_for": "4s",
            }],
        },
        {
            "name": "start_mining", "symptom": "venus_miner_not_mining", "targets": ["venus-1"], "mode": "act",
            "ill_for": "1s",
            "rungs": [{
                "action": "start-mining", "with": {"only_miner_service": "yes"}, "within": "3m", "timeout": "4m",
                "gone_for": "90s",
            }],
        },
    ])
}

#[test]
fn a_message_that_the_chain_refuses_is_given_up_and_a_closed_miner_is_mined_for_again() {
    let farm = Simfarm::start(&[&["--venus", "fil=127.0.0.1"][..], &CHAT].concat());
    farm.set("venus/fil", &json!({"block_time_ms": 1000}));
    let directory = directory();
    let ill = |symptom: &str| format!("farmwarden_symptom{{symptom=\"{symptom}\"}} == 1");
    let (errors, closed) = (ill("venus_message_unfilled_stuck"), ill("venus_miner_not_mining"));
    let asked = [(errors.as_str(), "give_up"), (closed.as_str(), "start_mining")];
    let stage = Stage::start(
        &farm,
        config(&farm, directory.path(), "admin", &other_policies()),
        &asked,
    );
    let shown = |samples: &Samples, symptom: &str, value: f64| {
        samples.is(
            "farmwarden_symptom",
            &[("target", "venus-1"), ("symptom", symptom)],
            value,
        )
    };
    stage.farmwarden.wait_for("all are well", |samples| {
        shown(samples, "venus_message_unfilled_stuck", 0.0)?;
        shown(samples, "venus_miner_not_mining", 0.0)
    });
    farm.set(
        "venus/fil/sender",
        &json!({"at": 0, "trouble": "failed_estimation", "trouble_count": 1, "trouble_age_s": 2400}),
    );
    farm.set("venus/fil/miner", &json!({"at": 0, "open": false}));

    stage.farmwarden.wait_for("both were done and help", |samples| {
        for action in ["mark-bad-message", "start-mining"] {
            let done = [("action", action), ("outcome", "done")];
            samples.is("farmwarden_remediation_actions_total", &done, 1.0)?;
        }
        shown(samples, "venus_message_unfilled_stuck", 0.0)?;
        shown(samples, "venus_miner_not_mining", 0.0)?;
        let cured = [("why", "cured")];
        samples.is("farmwarden_remediation_incidents_closed_total", &cured, 1.0)
    });
    assert_eq!(called(&farm, "messager", "Message.MarkBadMessage"), 1);
    assert_eq!(called(&farm, "miner", "Filecoin.Start"), 1);
    let settings = farm.get("venus/fil");
    assert_eq!(settings["settings"]["miners"][0]["open"], true);
    let journal = stage.journal();
    for (policy, entity, words) in [
        ("give_up", None, "gave up message"),
        ("start_mining", Some("f01000"), "started to mine for f01000"),
    ] {
        let begun = of_kind(&journal, "started");
        let begun = begun
            .iter()
            .find(|record| record["data"]["plan"]["policy"] == policy)
            .unwrap();
        if let Some(entity) = entity {
            assert_eq!(begun["data"]["plan"]["entity"], entity);
        }
        let story = story(&journal, &begun["data"]["incident"]);
        let finished = story.iter().find(|record| record["kind"] == "finished").unwrap();
        assert!(
            finished["data"]["words"].as_str().unwrap().contains(words),
            "{finished}"
        );
    }
    stage.verify_journal();
}
