//! PRB v0: one request key, one answer key, and secrets that are nobody's business.

use serde_json::{Value, json};
use simfarm::{
    phala::identity,
    prb_v0::{self, SECRET_MARKER},
};

use crate::{
    common::{answered, status},
    prb_v2::{JSON, parsed},
};

async fn old(patch: Value) -> prb_v0::Monitor {
    let monitor = prb_v0::Monitor::start("127.0.0.1:0").await.unwrap();
    let still = json!({"block_time_ms": 0, "query_timeout_ms": 0});
    monitor.set(still).await.unwrap();
    monitor.set(patch).await.unwrap();
    monitor
}

async fn query(monitor: &prb_v0::Monitor, whom: &str, body: Value) -> (u16, Value) {
    let line = format!("POST /api/query_{whom}\r\n{JSON}");
    let (head, body) = answered(monitor.addr(), &line, &body.to_string()).await;
    let answer = serde_json::from_str::<Value>(&body).unwrap_or_default();
    (status(&head), answer)
}

#[tokio::test]
async fn shows_workers_and_a_keystore_that_nobody_should_see() {
    let monitor = old(json!({"mnemonics": true})).await;
    let (_, answer) = query(&monitor, "manager", json!({"callOnlineLifecycleManager": {}})).await;
    assert_eq!(
        (&answer["from"], &answer["type"]),
        (&json!("MTG_MANAGER"), &json!("MTP_REPLY"))
    );
    let update = &answer["content"]["lifecycleManagerStateUpdate"];
    let owner = &update["pools"][0]["owner"];
    let keystore = parsed(owner["polkadotJson"].as_str().unwrap());
    assert!(keystore["encoded"].as_str().unwrap().starts_with(SECRET_MARKER));
    assert!(owner["mnemonic"].as_str().unwrap().contains(SECRET_MARKER));
    let ids = json!({"queryWorkerState": {"ids": [{"uuid": update["workers"][0]["uuid"]}, {"uuid": "no"}]}});
    let (_, answer) = query(&monitor, "manager", ids).await;
    let states = &answer["content"]["workerStateUpdate"]["workerStates"];
    assert_eq!(
        (&states[0]["status"], &states[1]),
        (&json!("S_MINING"), &json!({"minerInfoJson": "{}"}))
    );
    assert_eq!(states[0]["worker"].as_object().map(serde_json::Map::len), Some(5));
    let (code, answer) = query(&monitor, "manager", json!({"queryWorkerState": {}})).await;
    assert_eq!(code, 200);
    assert!(answer["content"]["error"]["extra"].is_string());
}

#[tokio::test]
async fn the_fetcher_says_synched_also_when_it_is_stuck() {
    let monitor = old(json!({"incident": "fetcher_stuck"})).await;
    monitor.block(10);
    let ask = || query(&monitor, "fetcher", json!({"callOnlineFetcher": {}}));
    let update = ask().await.1["content"]["fetcherStateUpdate"].clone();
    assert_eq!(
        (&update["paraKnownHeight"], &update["synched"]),
        (&json!(2_905_270), &json!(true))
    );
    monitor.set(json!({"incident": "healthy", "behind": 4})).await.unwrap();
    let update = ask().await.1["content"]["fetcherStateUpdate"].clone();
    let heights = (&update["paraKnownHeight"], &update["paraBlobHeight"]);
    assert_eq!(heights, (&json!(2_905_280), &json!(2_905_276)));
    monitor.set(json!({"incident": "no_fetcher"})).await.unwrap();
    assert_eq!(ask().await.0, 500);
    let (code, _) = query(&monitor, "manager", json!({"callOnlineLifecycleManager": {}})).await;
    assert_eq!(code, 200);
    monitor.set(json!({"incident": "no_manager"})).await.unwrap();
    let (code, _) = query(&monitor, "manager", json!({"callOnlineLifecycleManager": {}})).await;
    assert_eq!((code, ask().await.0), (500, 200));
}

#[tokio::test]
async fn kicks_and_starts_with_an_empty_answer() {
    let monitor = old(json!({"starting_ms": 60_000})).await;
    let id = json!({"uuid": identity::uuid("10.1.0.1")});
    let state = || async {
        let (_, answer) = query(&monitor, "manager", json!({"queryWorkerState": {"ids": [id]}})).await;
        answer["content"]["workerStateUpdate"]["workerStates"][0]["status"].clone()
    };
    let kick = json!({"requestKickWorker": {"requests": [{"id": id}]}});
    assert_eq!(query(&monitor, "manager", kick).await.1["content"], json!({}));
    assert_eq!(state().await, "S_KICKED");
    let start = json!({"requestStartWorkerLifecycle": {"requests": [{"id": id}]}});
    assert_eq!(query(&monitor, "manager", start).await.1["content"], json!({}));
    assert_eq!(state().await, "S_STARTING");
}
