//! A repair that waits for a person, who allows it by the link in a chat.

use serde_json::{Value, json};

use super::super::containers::Docker;
use super::super::support::{LONG, Simfarm, http, same, wait_for};
use super::stack::{started, wait_for_start};
use super::stage::{CHAT, Stage, told};
use super::{NODE, break_node, check_story, mend_node, of_kind, only_begun, restart_node, story, watched_node};

const NODE_CONTAINER: &str = "phala-node";

/// Under which people reach farmwarden; a proxy would take the beginning of the path away.
const FOR_PEOPLE: &str = "https://farm.example/f_w";

/// Chats fetch what they preview.
const PREVIEW: &str = "User-Agent: DingTalkBot-LinkService/1.0 (+https://open.dingtalk.com)";

/// One that was just started sees a node stand still only after a while; until then the alert does not end.
const STUCK: &str = "max_over_time(farmwarden_symptom{symptom=\"node_stuck\"}[1m]) == 1";

const NOT_VALID: &str = "this link is not, or no longer, valid";

fn config(farm: &Simfarm, docker: &Docker) -> Value {
    let mut remedies = restart_node();
    remedies["approvals"] = json!({"external_url": FOR_PEOPLE, "link_for": "2s"});
    remedies["policies"][0]["rungs"][0]["approval"] = json!(true);
    json!({
        "collectors": {"phala": watched_node(farm)},
        "engines": [{"name": "farm-1", "socket": docker.socket(), "containers": [NODE_CONTAINER]}],
        "stacks": [{
            "name": "solo",
            "node": {"target": "node-1", "container": NODE_CONTAINER, "patience": "10s", "recovers_within": "5m"},
        }],
        "remedies": remedies,
    })
}

/// What the links in the chat lead to, oldest first.
fn paths(farm: &Simfarm) -> Vec<String> {
    let beginning = format!("]({FOR_PEOPLE}");
    let texts = told(farm).into_iter().map(|(_, text)| text);
    let paths = texts.flat_map(|text| {
        let links = text.split(&beginning).skip(1);
        let paths = links.map(|rest| rest.split_once(')').unwrap().0.to_owned());
        paths.collect::<Vec<_>>()
    });
    paths.collect()
}

fn looked_at(stage: &Stage, path: &str) -> Result<http::Answer, String> {
    http::get(&stage.farmwarden.address, path, &[PREVIEW])
}

/// Waits for a link that was told after this one, and that shows what it would do.
fn told_after(stage: &Stage, farm: &Simfarm, before: Option<&str>) -> String {
    wait_for("a link is told and shows what it would do", LONG, || {
        let newest = paths(farm).pop().ok_or("there is none")?;
        if before == Some(newest.as_str()) {
            return Err("there is no new one".to_owned());
        }
        let answer = looked_at(stage, &newest)?;
        same(&answer.status, &200).map_err(|words| format!("{words}: {}", answer.text()))?;
        Ok(newest)
    })
}

/// Waits until a link says this, whoever opens it.
fn wait_for_end(stage: &Stage, path: &str, status: u16, words: &str) {
    wait_for("the link ends", LONG, || {
        let answer = looked_at(stage, path)?;
        if answer.text().contains(words) {
            Ok(())
        } else {
            Err(answer.text())
        }
    });
    refused(stage, path, status, words);
}

/// Neither approves, and both say why.
#[track_caller]
fn refused(stage: &Stage, path: &str, status: u16, words: &str) {
    for answer in [
        http::get(&stage.farmwarden.address, path, &[PREVIEW]).unwrap(),
        http::post(&stage.farmwarden.address, path, &[]).unwrap(),
    ] {
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
    }
}

/// Another plan: what the rung is given is part of it.
fn give(stage: &Stage, within: &str) {
    stage.reload(|config| {
        config["remedies"]["approvals"]["link_for"] = json!("1h");
        config["remedies"]["policies"][0]["rungs"][0]["within"] = json!(within);
    });
}

#[test]
fn a_link_in_the_chat_approves_one_plan_once() {
    let docker = Docker::start();
    docker.run(NODE_CONTAINER, &["--restart=unless-stopped"]);
    let before = started(&docker, NODE_CONTAINER);
    let farm = Simfarm::start(&[&NODE[..], &CHAT].concat());
    let mut stage = Stage::start(&farm, config(&farm, &docker), &[(STUCK, "restart_node")]);
    stage.farmwarden.wait_for("the node is well", |samples| {
        let symptom = [("target", "node-1"), ("symptom", "node_stuck")];
        samples.is("farmwarden_symptom", &symptom, 0.0)
    });
    break_node(&farm);

    // Opened by nobody in time.
    let expired = wait_for("a link is told", LONG, || paths(&farm).pop().ok_or("there is none"));
    wait_for_end(&stage, &expired, 409, "this link ended at");

    give(&stage, "31m");
    let shown = told_after(&stage, &farm, Some(&expired));
    refused(&stage, &expired, 404, NOT_VALID);
    for _ in 0..3 {
        let page = looked_at(&stage, &shown).unwrap().text();
        for words in ["restart-stack", "para of node-1", "<form method=\"post\">"] {
            assert!(page.contains(words), "{words}: {page}");
        }
    }
    give(&stage, "32m");
    wait_for_end(&stage, &shown, 404, NOT_VALID);
    let of_before = told_after(&stage, &farm, Some(&shown));

    stage.kill_farmwarden();
    let link = told_after(&stage, &farm, Some(&of_before));
    refused(&stage, &of_before, 404, NOT_VALID);
    refused(&stage, &forged(&link), 404, NOT_VALID);
    let journal = stage.journal();
    for kind in ["approved", "started"] {
        assert_eq!(
            of_kind(&journal, kind).len(),
            0,
            "looking changes nothing: {journal:#?}"
        );
    }
    assert_eq!(started(&docker, NODE_CONTAINER), before);

    let approved = http::post(&stage.farmwarden.address, &link, &[]).unwrap();
    assert_eq!(approved.status, 200, "{}", approved.text());
    refused(&stage, &link, 409, "this link was used already");
    wait_for_start(&docker, NODE_CONTAINER, &before);
    let after = started(&docker, NODE_CONTAINER);
    mend_node(&farm);
    stage.farmwarden.wait_for("the cure is told", |samples| {
        let cured = [("why", "cured")];
        samples.is("farmwarden_remediation_incidents_closed_total", &cured, 1.0)
    });
    refused(&stage, &link, 404, NOT_VALID);
    assert_eq!(started(&docker, NODE_CONTAINER), after, "it was restarted once");
    check_record(&stage, &farm);
}

/// The same with another end: nobody can make a link that he was not given.
fn forged(link: &str) -> String {
    let [incident, until, mac] = link.splitn(3, '-').collect::<Vec<_>>()[..] else {
        panic!("{link}")
    };
    let later = until.parse::<u64>().unwrap() + 1;
    format!("{incident}-{later}-{mac}")
}

/// Who approved what and how, and what came of it; and nothing by which anybody could approve again.
fn check_record(stage: &Stage, farm: &Simfarm) {
    let journal = stage.journal();
    let incident = only_begun(&journal);
    let [approved] = of_kind(&journal, "approved")[..] else {
        panic!("{journal:#?}")
    };
    let data = &approved["data"];
    assert_eq!(data["incident"], incident);
    assert_eq!(data["by"], "the link in a message, opened by 127.0.0.1");
    let plan = &data["plan"];
    assert_eq!(
        (&plan["action"], &plan["within"]),
        (&json!("restart-stack"), &json!("32m"))
    );
    let node = format!("{NODE_CONTAINER} at farm-1");
    let steps = [format!("restart {node}"), format!("wait for {node}")];
    let mut story = story(&journal, &incident);
    story.retain(|record| record["kind"] != "approved");
    check_story(&story, &steps.each_ref().map(String::as_str));
    let text = journal.iter().map(Value::to_string).collect::<String>();
    for path in paths(farm) {
        let mac = path.splitn(3, '-').last().unwrap();
        assert!(mac.len() == 43 && !text.contains(mac), "{path}");
    }
    // Messages that come at once are told as one.
    for words in [
        "a repair was approved",
        "opened by 127.0.0.1",
        "a repair begins",
        "cured",
    ] {
        wait_for(words, LONG, || {
            let told = told(farm);
            let is_told = told.iter().any(|(_, text)| text.contains(words));
            if is_told { Ok(()) } else { Err(format!("{told:#?}")) }
        });
    }
    stage.verify_journal();
}
