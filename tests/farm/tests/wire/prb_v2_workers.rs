//! Providers and workers behind the monitor of PRB v2: heights, states and what the control calls do.

use serde_json::{Value, json};
use simfarm::{
    phala::{
        identity::hex,
        session::SessionState,
        storage::{Pallets, Storage, map_key},
    },
    substrate::Node,
};

use crate::{
    common::{recorded, result},
    prb_v2::{call, like, monitor, parsed, states, uuid},
};

#[tokio::test]
async fn a_provider_without_its_node_stands_and_its_workers_with_it() {
    let monitor = monitor(json!({})).await;
    monitor.peer("data_provider", &json!({"trouble": "lost_node"})).unwrap();
    monitor.block(10);
    let info = call(&monitor, "data_provider", "GetDataProviderInfo", &json!({})).await;
    let heights = (&info["data"]["paraTarget"], &info["data"]["paraProcessedHeight"]);
    assert_eq!(heights, (&json!(2_905_270), &json!(2_905_270)));
    assert_eq!(states(&monitor).await[0]["paraBlockDispatchedTo"], 2_905_270);
    monitor.peer("data_provider", &json!({"trouble": "stuck"})).unwrap();
    let info = call(&monitor, "data_provider", "GetDataProviderInfo", &json!({})).await;
    let heights = (&info["data"]["paraTarget"], &info["data"]["paraProcessedHeight"]);
    assert_eq!(heights, (&json!(2_905_280), &json!(2_905_270)));
    assert_eq!(info["data"]["status"], "S_SYHCHING");
    monitor
        .peer("data_provider", &json!({"trouble": "healthy", "behind": 5}))
        .unwrap();
    assert_eq!(states(&monitor).await[0]["paraBlockDispatchedTo"], 2_905_275);
    monitor
        .peer("data_provider", &json!({"trouble": "just_started"}))
        .unwrap();
    let info = call(&monitor, "data_provider", "GetDataProviderInfo", &json!({})).await;
    let expected = parsed(&recorded("prb-v2/GetDataProviderInfo-just_started.json"));
    assert_eq!(info["data"], expected["data"]);
}

#[tokio::test]
async fn so_many_of_hundred_workers_are_in_error() {
    let monitor = monitor(json!({"lifecycles": [{"workers": 25, "error_percent": 56}]})).await;
    let states = states(&monitor).await;
    let errors = states.iter().filter(|state| state["status"] == "S_ERROR");
    assert_eq!((states.len(), errors.count()), (25, 14));
    let first = json!({"data": {"workerStates": [states[0]]}, "hasError": false, "meta": {
        "createdAt": "", "requestNonce": "", "nonce": "", "hasError": false}});
    like(&first, "GetWorkerStatus-error_connection_refused.json");
}

#[tokio::test]
async fn silent_stalls_minus_one_and_a_common_stop_show_in_heights_only() {
    let monitor = monitor(json!({"lifecycles": [{"workers": 4}]})).await;
    let patch = json!({"stalled": ["10.1.0.1"], "minus_one": ["10.1.0.2"], "unbound": ["10.1.0.3"]});
    monitor.peer("lifecycle", &patch).unwrap();
    monitor.block(10);
    let seen = states(&monitor).await;
    let seen: Vec<_> = seen
        .iter()
        .map(|state| (state["status"].as_str(), state["paraBlockDispatchedTo"].as_i64()))
        .collect();
    let expected = [
        (Some("S_ACTIVE"), Some(2_905_270)),
        (Some("S_SYNCHING"), Some(-1)),
        (Some("S_PRE_ACTIVE"), Some(2_905_280)),
        (Some("S_ACTIVE"), Some(2_905_280)),
    ];
    assert_eq!(seen, expected);
    let patch = json!({"stalled": [], "minus_one": [], "stopped_at": 2_905_275});
    monitor.peer("lifecycle", &patch).unwrap();
    for state in states(&monitor).await {
        assert_eq!(
            (&state["paraHeaderSynchedTo"], &state["parentHeaderSynchedTo"]),
            (&json!(2_905_275), &json!(15_748_060))
        );
    }
}

#[tokio::test]
async fn a_worker_can_be_anything_by_its_name() {
    let patch = json!({
        "states": {"10.1.0.1": {
            "status": "S_NEW", "extra": 1, "lastMessage": null, "sessionInfoJson": "no json",
            "worker": {"pid": 88, "name": "10.1.0.2"},
        }},
        "rows": {"10.1.0.2": {"uuid": "same"}, "10.1.0.3": {"uuid": "same"}},
        "sessions": {"10.1.0.2": {"v": "lots"}},
    });
    let monitor = monitor(json!({"lifecycles": [patch]})).await;
    let states = states(&monitor).await;
    assert_eq!(
        (&states[0]["status"], &states[0]["extra"]),
        (&json!("S_NEW"), &json!(1))
    );
    assert_eq!(states[0]["worker"]["name"], states[1]["worker"]["name"]);
    assert_eq!(states[0]["worker"]["pid"], 88);
    assert_eq!(
        (states[0].get("lastMessage"), &states[0]["sessionInfoJson"]),
        (None, &json!("no json"))
    );
    assert_eq!(parsed(states[1]["sessionInfoJson"].as_str().unwrap())["v"], "lots");
    assert_eq!(uuid(&monitor, 1).await, uuid(&monitor, 2).await);
}

#[tokio::test]
async fn a_restart_tells_of_before_and_leads_through_the_states() {
    let monitor = monitor(json!({"lifecycles": [{"starting_ms": 60_000, "syncing_ms": 60_000}]})).await;
    let uuid = uuid(&monitor, 0).await;
    let ids = json!({"ids": [uuid]});
    let before = call(&monitor, "lifecycle", "RestartWorker", &ids).await;
    assert_eq!(before["data"]["workerStates"][0]["status"], "S_ACTIVE");
    let after = call(&monitor, "lifecycle", "GetWorkerStatus", &ids).await;
    like(&after, "GetWorkerStatus-after_restart_stale_fields.json");
    monitor.peer("lifecycle", &json!({"starting_ms": 0})).unwrap();
    let after = call(&monitor, "lifecycle", "GetWorkerStatus", &ids).await;
    let state = &after["data"]["workerStates"][0];
    let seen = (&state["status"], &state["paraBlockDispatchedTo"]);
    assert_eq!(seen, (&json!("S_SYNCHING"), &json!(2_905_271)));
    monitor.peer("lifecycle", &json!({"syncing_ms": 0})).unwrap();
    assert_eq!(states(&monitor).await[0]["status"], "S_ACTIVE");
}

#[tokio::test]
async fn a_kicked_worker_stays_so_until_it_is_restarted() {
    let monitor = monitor(json!({"lifecycles": [{"starting_ms": 0, "syncing_ms": 0}]})).await;
    let ids = json!({"ids": [uuid(&monitor, 0).await]});
    call(&monitor, "lifecycle", "KickWorker", &ids).await;
    monitor.block(3);
    let after = call(&monitor, "lifecycle", "GetWorkerStatus", &ids).await;
    like(&after, "GetWorkerStatus-after_kick.json");
    let state = &after["data"]["workerStates"][0];
    let seen = (&state["status"], &state["paraBlockDispatchedTo"]);
    assert_eq!(seen, (&json!("S_KICKED"), &json!(2_905_270)));
    call(&monitor, "lifecycle", "RestartWorker", &ids).await;
    assert_eq!(states(&monitor).await[0]["status"], "S_ACTIVE");
}

#[tokio::test]
async fn a_worker_in_error_comes_back_by_a_restart_unless_it_is_incurable() {
    let fleet = json!({"workers": 1, "error_percent": 100, "starting_ms": 0, "syncing_ms": 0});
    let monitor = monitor(json!({"lifecycles": [fleet]})).await;
    let ids = json!({"ids": [uuid(&monitor, 0).await]});
    call(&monitor, "lifecycle", "RefreshRaAndRestartWorker", &ids).await;
    assert_eq!(states(&monitor).await[0]["status"], "S_ACTIVE");
    monitor.peer("lifecycle", &json!({"restart_cures": false})).unwrap();
    assert_eq!(states(&monitor).await[0]["status"], "S_ERROR");
}

#[tokio::test]
async fn an_older_release_has_its_own_words() {
    let monitor = monitor(json!({"spelling": "old"})).await;
    let state = states(&monitor).await.remove(0);
    assert_eq!(state["status"], "S_MINING");
    assert!(state["minerAccountId"].is_string() && state.get("workerAccountId").is_none());
    let info = parsed(state["minerInfoJson"].as_str().unwrap());
    assert_eq!(info["state"], "MiningIdle");
    assert!(info["benchmark"]["miningStartTime"].is_string() && info.get("runtimeInfo").is_none());
    let message = state["lastMessage"].as_str().unwrap();
    let (time, words) = message.split_once(" - ").unwrap();
    assert!(time.parse::<u64>().is_ok());
    assert_eq!(words, "Now the worker should be mining.");
}

#[tokio::test]
async fn a_worker_can_be_unresponsive_on_chain_only() {
    let monitor = monitor(json!({"lifecycles": [{"workers": 2}]})).await;
    let mut workers = monitor.settings().lifecycles[0].fleet.on_chain();
    let session = workers[1].session.take();
    workers[1].session = session.map(|session| session.in_state(SessionState::WorkerUnresponsive));
    let node = Node::start("127.0.0.1:0").await.unwrap();
    let storage = Storage::of(Pallets::New, &workers).json();
    node.set(json!({"storage": storage, "block_time_ms": 0})).await.unwrap();
    let keyed = |item: &str, entry: &[u8]| format!("0x{}", hex(&map_key("PhalaComputation", item, entry)));
    for (state, index) in states(&monitor).await.iter().zip(["01", "03"]) {
        assert_eq!(state["status"], "S_ACTIVE");
        let key = unhex(state["publicKey"].as_str().unwrap());
        let keys = json!([[keyed("WorkerBindings", &key)]]);
        let account = first(&result(node.addr(), "state_queryStorageAt", &keys).await);
        let keys = json!([[keyed("Sessions", &unhex(account.trim_start_matches("0x")))]]);
        let session = first(&result(node.addr(), "state_queryStorageAt", &keys).await);
        assert_eq!(session.get(2..4), Some(index));
    }
}

/// The first value of the first change.
fn first(sets: &Value) -> String {
    sets[0]["changes"][0][1].as_str().expect("a value").to_owned()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]))
        .collect()
}
