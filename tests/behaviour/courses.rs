//! How incidents go on through the whole service: after a relapse, where the hand leaves alone what it should act on, and by a
//! person's order that is taken back.

use farmwarden::clock::Clock;
use farmwarden::remedy::Overview;
use serde_json::{Value, json};

use crate::harness::Warden;
use crate::orders::{CONTROL, Listener, command, overview_where, post};
use crate::remote::Engine;
use crate::repairs::{Farm, NO_WARM_UP, STUCK, alert, hands_in};

/// The policy acts at once and again, and everybody is told.
fn config(farm: &Farm, rung: &str, people: &Listener, more: &str) -> String {
    let before =
        "ill_for: 1ms\n      rungs: [{action: start-unit, with: {unit: node.service}, timeout: 1h, gone_for: 1s}]";
    let after = format!(
        "ill_for: 1ms\n      mode: act\n      cool_down: 1s\n      attempts: {{most: 2, within: 1d}}\n      rungs: [{rung}]"
    );
    let config = farm.config(NO_WARM_UP);
    assert!(config.contains(before), "{config}");
    format!(
        "{}{more}\nnotify: [{{name: operators, kind: webhook, url: '{}'}}]\n",
        config.replace(before, &after),
        people.url
    )
}

fn kinds(farm: &Farm) -> Vec<Value> {
    let mut kinds: Vec<Value> = farm.journal().iter().map(|record| record["kind"].clone()).collect();
    // How often it was decided is a matter of when it was looked.
    kinds.retain(|kind| kind != "decided");
    kinds
}

async fn moves(farm: &Farm, warden: &Warden, cured: u32) {
    farm.node.set(json!({"block_time_ms": 200})).await.unwrap();
    let line = format!("farmwarden_remediation_incidents_closed_total{{why=\"cured\"}} {cured}\n");
    warden.page_with(&line).await;
}

#[tokio::test]
async fn who_is_ill_again_while_the_alert_fires_is_repaired_again_and_shown_in_between() {
    let (farm, people) = (Farm::new().await, Listener::start().await);
    let rung = "{action: start-container, with: {container: node}, timeout: 1h, gone_for: 1s}";
    let engine = Engine::serve(farm.path("docker.sock"));
    engine.may_end.add_permits(2);
    let engines = format!(
        "engines: [{{name: rack-1, socket: '{}', containers: [node]}}]",
        farm.path("docker.sock").display()
    );
    let warden = farm.start(&config(&farm, rung, &people, &engines)).await;
    warden.page_with(STUCK).await;
    hands_in(&warden, "http://am", &alert(7, "node-1", "firing")).await;
    let acted = |times| {
        format!("farmwarden_remediation_actions_total{{action=\"start-container\",outcome=\"done\"}} {times}\n")
    };
    warden.page_with(&acted(1)).await;
    moves(&farm, &warden, 1).await;
    let overview = overview_where(&warden, |overview: &Overview| !overview.resting.is_empty()).await;
    assert!(overview.incidents.is_empty(), "{overview:?}");
    let words = "restart_node for para of node-1: incident 1.0 is over, its alert still fires";
    let said = command(&farm, &["incidents"]).await;
    assert!(said.out.contains(words), "{}", said.out);
    let page = warden.get("/").await;
    assert!(page.text().contains(words), "{}", page.text());
    // Alertmanager has nothing new to say.
    farm.node.set(json!({"block_time_ms": 0})).await.unwrap();
    warden.page_with(&acted(2)).await;
    assert_eq!(
        kinds(&farm),
        [
            "received", "started", "finished", "cured", "relapsed", "started", "finished"
        ]
    );
    moves(&farm, &warden, 2).await;
    hands_in(&warden, "http://am", &alert(7, "node-1", "resolved")).await;
    overview_where(&warden, |overview: &Overview| overview.resting.is_empty()).await;
    people.hears("node-1 para: cured").await;
}

#[tokio::test]
async fn what_the_hand_leaves_alone_is_tried_again_told_once_and_given_to_people() {
    let (farm, people) = (Farm::new().await, Listener::start().await);
    // It stands still, and yet it has peers and a new head: a restart is not what it needs.
    let now = u64::try_from(Clock::system().now().wall.since_epoch().as_millis()).unwrap();
    farm.node.set(json!({"head_timestamp_ms": now})).await.unwrap();
    let rung = "{action: restart-stack, with: {stack: room}, within: 1h, timeout: 1h, gone_for: 1s}";
    let stacks = "stacks: [{name: room, node: {target: node-1, unit: node.service}}]";
    let config = config(&farm, rung, &people, stacks)
        .replace("cool_down: 1s", "cool_down: 1s\n      budgets: {target: 1/h 3/d}");
    let warden = farm.start(&config).await;
    warden.page_with(STUCK).await;
    hands_in(&warden, "http://am", &alert(7, "node-1", "firing")).await;
    people.hears("node-1 para: a person must act").await;
    let heard = people.heard.lock().unwrap().clone();
    let count = |words: &str| heard.matches(words).count();
    assert_eq!(
        count("node-1 para: the repair was refused, nothing was done"),
        1,
        "{heard}"
    );
    assert_eq!(
        count("node-1 para: the repair was refused again and again"),
        1,
        "{heard}"
    );
    assert!(heard.contains("a restart is not what it needs"), "{heard}");
    assert_eq!(
        kinds(&farm),
        [
            "received",
            "started",
            "finished",
            "started",
            "finished",
            "failed",
            "escalated"
        ]
    );
    let page = warden.page().await;
    for line in [
        "farmwarden_remediation_actions_total{action=\"restart-stack\",outcome=\"refused\"} 2\n",
        "farmwarden_remediation_actions_total{action=\"restart-stack\",outcome=\"failed\"} 0\n",
        // It counts in no budget.
        "farmwarden_remediation_budget_left{policy=\"restart_node\",within=\"1h\"} 10\n",
        "farmwarden_remediation_incidents{phase=\"escalated\"} 1\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

#[tokio::test]
async fn an_order_is_given_and_taken_back_by_command_and_over_http() {
    let farm = Farm::new().await;
    std::fs::write(farm.path("control"), CONTROL).unwrap();
    let web = "scopes: {alerts: {bearer_token_file: token}, control: {bearer_token_file: control}}\n";
    std::fs::write(farm.path("web.yml"), web).unwrap();
    let warden = farm.start(&farm.config("warm_up: 1h")).await;
    warden.page_with(STUCK).await;
    let run = ["run", "restart_node", "node-1", "para"];
    let take_back = ["run", "--take-back", "restart_node", "node-1", "para"];
    let nothing = command(&farm, &take_back).await;
    assert_eq!(nothing.code, Some(1), "{}", nothing.out);
    let words = "restart_node for para of node-1: nobody has ordered it, or that is over";
    assert!(nothing.err.contains(words), "{}", nothing.err);
    let said = command(&farm, &run).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.contains("held back by warm_up: farmwarden started at "),
        "{}",
        said.out
    );
    overview_where(&warden, |overview| overview.incidents[0].ordered_by.is_some()).await;
    let said = command(&farm, &take_back).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    let words = "incident 1.0: restart_node for para of node-1 is no longer asked for by ";
    assert!(said.out.starts_with(words), "{}", said.out);
    let over = |times| format!("farmwarden_remediation_incidents_closed_total{{why=\"order_ended\"}} {times}\n");
    warden.page_with(&over(1)).await;
    let mut order = json!({"policy": "restart_node", "target": "node-1", "entity": "para"});
    let answer = post(&warden, Some(CONTROL), "/-/repairs/run", &order.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    order["take_back"] = true.into();
    for status in [200, 404] {
        let answer = post(&warden, Some(CONTROL), "/-/repairs/run", &order.to_string()).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    warden.page_with(&over(2)).await;
    let by = |kind: &str| -> Vec<Value> {
        let records = farm.journal().into_iter().filter(|record| record["kind"] == kind);
        records.map(|record| record["data"]["by"].clone()).collect()
    };
    assert_eq!(by("ordered"), by("taken_back"));
    assert_eq!(by("taken_back")[1], "whoever has the token, from 127.0.0.1");
}
