//! PRB v3: its shapes and oddities, and what the builds differ in.

use serde_json::{Value, json};
use simfarm::prb_v3;

use crate::{
    common::{answered, status},
    prb_v2::{JSON, parsed},
};

async fn manager(patch: Value) -> prb_v3::Manager {
    let manager = prb_v3::Manager::start("127.0.0.1:0").await.unwrap();
    manager.set(json!({"block_time_ms": 0})).await.unwrap();
    manager.set(patch).await.unwrap();
    manager
}

async fn workers(manager: &prb_v3::Manager) -> Vec<Value> {
    let (_, body) = answered(manager.addr(), "GET /workers/status", "").await;
    parsed(&body)["workers"].as_array().cloned().unwrap()
}

#[tokio::test]
async fn is_a_teapot_where_it_has_no_route() {
    let manager = manager(json!({"build": "2023"})).await;
    for line in ["GET /", "POST /metrics", "PUT /workers/take_checkpoint"] {
        let (head, body) = answered(manager.addr(), line, "").await;
        assert_eq!((status(&head), &*body), (418, ""), "{line}");
    }
    let (_, body) = answered(manager.addr(), "GET /wm/status", "").await;
    assert!(parsed(&body)["git_revision"].is_string());
}

#[tokio::test]
async fn writes_large_numbers_bare() {
    let manager =
        manager(json!({"sessions": {"10.1.0.1": {"v": "@u128:340282366920938463463374607431768211455"}}})).await;
    let (_, body) = answered(manager.addr(), "GET /workers/status", "").await;
    assert!(body.contains("\"v\":340282366920938463463374607431768211455"), "{body}");
    // More than 64 bits, as any V is.
    assert!(body.contains("\"ve\":217680803441809563844608"), "{body}");
}

#[tokio::test]
async fn errors_are_objects_and_other_states_words() {
    let manager = manager(json!({"workers": 3, "disabled": 1, "error_percent": 50})).await;
    let seen = workers(&manager).await;
    let words = "Need Restart Manually! Worker Info is not matching prb internal status.";
    assert_eq!(seen[0]["state"], json!({"HasError": words}));
    assert_eq!(
        (&seen[1]["state"], &seen[2]["state"]),
        (&json!("Working"), &json!("Disabled"))
    );
    assert_eq!(seen[1]["phactory_info"]["headernum"], 15_748_051);
    assert_eq!(seen[1]["worker"]["pid"], 88);
    manager.set(json!({"build": "2023"})).await.unwrap();
    assert_eq!(workers(&manager).await.len(), 2);
}

#[tokio::test]
async fn a_restarted_worker_leaves_the_list_and_comes_back() {
    let times = json!({"restarting_ms": 60_000, "absent_ms": 60_000, "starting_ms": 60_000});
    let manager = manager(times).await;
    let seen = workers(&manager).await;
    let restart = json!({"ids": [seen[0]["worker"]["id"], "nobody"]}).to_string();
    let line = format!("PUT /workers/restart\r\n{JSON}");
    let (_, body) = answered(manager.addr(), &line, &restart).await;
    assert_eq!(parsed(&body), json!({"ok": true}));
    assert_eq!(workers(&manager).await[0]["state"], "Restarting");
    manager.set(json!({"restarting_ms": 0})).await.unwrap();
    assert_eq!(workers(&manager).await.len(), 2);
    manager.set(json!({"absent_ms": 0})).await.unwrap();
    assert_eq!(workers(&manager).await[0]["state"], "Starting");
}

#[tokio::test]
async fn refuses_as_axum_does_and_the_builds_differ() {
    let manager = manager(json!({})).await;
    let restart = "PUT /workers/restart";
    let json = format!("{restart}\r\n{JSON}");
    for (line, body, code) in [
        (restart, "{}", 415),
        (&*json, "{", 400),
        (&*json, "{}", 422),
        ("GET /workers/restart", "", 405),
    ] {
        let (head, _) = answered(manager.addr(), line, body).await;
        assert_eq!(status(&head), code, "{line} {body}");
    }
    let (head, body) = answered(manager.addr(), "PUT /wm/restart", "").await;
    assert_eq!((status(&head), &*body), (405, "{\"ok\":true}"));
    manager.set(json!({"build": "2023"})).await.unwrap();
    let (head, _) = answered(manager.addr(), "PUT /wm/restart", "").await;
    assert_eq!(status(&head), 200);
    let (head, body) = answered(manager.addr(), &json, "{\"ids\":[\"x\"]}").await;
    assert_eq!(status(&head), 400);
    assert_eq!(parsed(&body)["code"], "WorkerNotFound(\"x\")");
    manager.set(json!({"incident": "server_error"})).await.unwrap();
    let (head, body) = answered(manager.addr(), "GET /workers/status", "").await;
    assert_eq!((status(&head), &parsed(&body)["error"]), (500, &json!(true)));
}

#[tokio::test]
async fn transactions_pile_up_and_are_newest_first() {
    let manager = manager(json!({"succeeded_txs": 2, "failed_txs": 1, "running_txs": 1, "pending_txs": 2})).await;
    manager.block(5);
    let (_, body) = answered(manager.addr(), "GET /tx/status", "").await;
    let txs = parsed(&body);
    let length = |name: &str| txs[name].as_array().map(Vec::len);
    assert_eq!(txs["tx_count"], 11);
    assert_eq!(
        [length("past_txs"), length("running_txs"), length("pending_txs")],
        [Some(8), Some(1), Some(2)]
    );
    assert_eq!(txs["past_txs"][0]["state"]["Error"]["message"], "Tx timed out!");
    assert!(txs["past_txs"][1]["state"]["Success"].is_object());
}

#[tokio::test]
async fn pools_are_text_that_holds_json() {
    let manager = manager(json!({"pools": 2})).await;
    let line = format!("POST /wm/config\r\n{JSON}");
    let (head, body) = answered(manager.addr(), &line, "{\"GetAllPools\":null}").await;
    assert!(head.contains("content-type: text/plain"), "{head}");
    assert_eq!(parsed(&body)[1]["pid"], 89);
    let (head, body) = answered(manager.addr(), &line, "{\"GetPool\":{\"pid\":5}}").await;
    assert_eq!(
        (status(&head), &parsed(&body)["message"]),
        (500, &json!("pool not found: 5"))
    );
}
