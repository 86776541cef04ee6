//! The monitor of PRB v2: its answers beside recorded ones, and each incident as it is on the wire.

use serde_json::{Value, json};
use simfarm::prb_v2::{Monitor, OVERLAP};

use crate::common::{answered, ends, recorded, sent, shape, silent};

pub(crate) const JSON: &str = "content-type: application/json";

/// A monitor whose chains stand at 2905270 and which connects at once.
pub(crate) async fn monitor(patch: Value) -> Monitor {
    let monitor = Monitor::start("127.0.0.1:0").await.expect("a free port");
    let still = json!({"block_time_ms": 0, "dial_ms": 0, "frozen_ms": 0});
    monitor.set(still).await.expect("good settings");
    monitor.set(patch).await.expect("good settings");
    monitor
}

fn id(monitor: &Monitor, name: &str) -> String {
    let settings = monitor.settings();
    let providers = settings.data_providers.into_iter().map(|entry| entry.peer);
    let mut peers = providers.chain(settings.lifecycles.into_iter().map(|entry| entry.peer));
    peers.find(|peer| peer.name == name).expect("a peer").id()
}

pub(crate) fn parsed(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

pub(crate) async fn call(monitor: &Monitor, peer: &str, method: &str, body: &Value) -> Value {
    let line = format!("POST /ptp/proxy/{}/{method}\r\n{JSON}", id(monitor, peer));
    let (head, body) = answered(monitor.addr(), &line, &body.to_string()).await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    parsed(&body)
}

pub(crate) async fn states(monitor: &Monitor) -> Vec<Value> {
    let answer = call(monitor, "lifecycle", "GetWorkerStatus", &json!({})).await;
    answer["data"]["workerStates"].as_array().cloned().unwrap_or_default()
}

pub(crate) async fn uuid(monitor: &Monitor, at: usize) -> String {
    let rows = call(monitor, "lifecycle", "ListWorker", &json!({})).await;
    rows["data"]["workers"][at]["uuid"].as_str().expect("a uuid").to_owned()
}

/// Whether an answer has the names and types of a recorded one; failures also its words.
pub(crate) fn like(answer: &Value, file: &str) {
    let recorded = parsed(&recorded(&format!("prb-v2/{file}")));
    assert_eq!(shape(answer), shape(&recorded), "{file}");
}

#[tokio::test]
async fn healthy_answers_have_the_recorded_shapes() {
    let monitor = monitor(json!({"lifecycles": [{"workers": 2, "pools": 2}]})).await;
    let list = parsed(&answered(monitor.addr(), "GET /ptp/discover", "").await.1);
    like(&list, "discover-peers.json");
    assert_eq!(list["dataProviders"][0]["role"], 1);
    assert_eq!(list["lifecycleManagers"][0]["role"], 3);
    let uuid = uuid(&monitor, 1).await;
    let calls = [
        ("data_provider", "Hello", json!({}), "Hello-data_provider"),
        ("lifecycle", "Hello", json!({}), "Hello-lifecycle"),
        (
            "data_provider",
            "GetDataProviderInfo",
            json!({}),
            "GetDataProviderInfo-idle",
        ),
        (
            "data_provider",
            "GetBlobByKey",
            json!({"key": "genesis:2004:pb"}),
            "GetBlobByKey-found",
        ),
        (
            "data_provider",
            "GetBlobByKey",
            json!({"key": "nosuch"}),
            "GetBlobByKey-not_found",
        ),
        ("lifecycle", "ListWorker", json!({}), "ListWorker-several"),
        ("lifecycle", "ListPool", json!({}), "ListPool-two"),
        (
            "lifecycle",
            "GetWorkerStatus",
            json!({"ids": [uuid]}),
            "GetWorkerStatus-one_id",
        ),
    ];
    for (peer, method, body, file) in calls {
        like(&call(&monitor, peer, method, &body).await, &format!("{file}.json"));
    }
}

#[tokio::test]
async fn failures_are_the_recorded_ones_word_for_word() {
    let monitor = monitor(json!({"lifecycles": [{"workers": 3, "disabled": 1}]})).await;
    let off = uuid(&monitor, 2).await;
    let nobody = "00000000-0000-4000-8000-000000000000";
    let calls = [
        (
            "lifecycle",
            "GetDataProviderInfo",
            json!({}),
            "GetDataProviderInfo-wrong_peer_kind",
        ),
        (
            "lifecycle",
            "WantBlob",
            json!({"number": 1}),
            "proxy-declared_not_implemented",
        ),
        ("lifecycle", "StartLifecycle", json!({}), "proxy-unknown_method"),
        ("lifecycle", "GetWorkerStatus", json!({"ids": [1]}), "proxy-ids_numbers"),
        (
            "lifecycle",
            "GetWorkerStatus",
            json!({"ids": "abc"}),
            "proxy-ids_not_a_list",
        ),
        (
            "lifecycle",
            "GetWorkerStatus",
            json!({"ids": [nobody]}),
            "GetWorkerStatus-unknown_id",
        ),
        (
            "lifecycle",
            "GetWorkerStatus",
            json!({"ids": [off]}),
            "GetWorkerStatus-not_loaded_id",
        ),
        (
            "lifecycle",
            "RestartWorker",
            json!({"ids": [off]}),
            "RestartWorker-not_loaded",
        ),
        (
            "lifecycle",
            "RestartWorker",
            json!({"uuids": [off]}),
            "RestartWorker-wrong_key",
        ),
    ];
    for (peer, method, body, file) in calls {
        let mut answer = call(&monitor, peer, method, &body).await;
        let mut expected = parsed(&recorded(&format!("prb-v2/{file}.json")));
        for value in [&mut answer, &mut expected] {
            for name in ["createdAt", "requestNonce", "nonce"] {
                if let Some(place) = value.pointer_mut(&format!("/meta/{name}")) {
                    assert!(place.is_string());
                    *place = Value::Null;
                }
            }
        }
        assert_eq!(answer, expected, "{file}");
    }
}

#[tokio::test]
async fn refused_requests_get_the_pages_of_express() {
    let monitor = monitor(json!({})).await;
    let path = format!("POST /ptp/proxy/{}/ListPool", id(&monitor, "lifecycle"));
    let large = format!("[{}]", " ".repeat(102_399));
    let cases = [
        (JSON, "{\"ids\":[", 400, "proxy-malformed_json"),
        (JSON, &*large, 413, "proxy-body_102401_bytes"),
        (
            "content-type: application/json; charset=latin1",
            "{}",
            415,
            "proxy-latin1_charset",
        ),
    ];
    for (header, body, status, file) in cases {
        let (head, page) = answered(monitor.addr(), &format!("{path}\r\n{header}"), body).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(page, recorded(&format!("prb-v2/{file}.html")));
    }
    let (head, _) = answered(monitor.addr(), "POST /api/query_manager", "{}").await;
    assert!(
        head.starts_with("HTTP/1.1 404 ") && head.contains("text/html"),
        "{head}"
    );
}

#[tokio::test]
async fn a_body_of_another_type_counts_as_empty() {
    let monitor = monitor(json!({})).await;
    let uuid = uuid(&monitor, 0).await;
    let path = format!("POST /ptp/proxy/{}/GetWorkerStatus", id(&monitor, "lifecycle"));
    let line = format!("{path}\r\ncontent-type: application/x-www-form-urlencoded");
    let (_, body) = answered(monitor.addr(), &line, &json!({"ids": [uuid]}).to_string()).await;
    assert_eq!(parsed(&body)["data"]["workerStates"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_known_tag_gets_304_on_get() {
    let monitor = monitor(json!({})).await;
    let (head, _) = answered(monitor.addr(), "GET /ptp/discover", "").await;
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag");
    let line = format!("GET /ptp/discover\r\nif-none-match: {tag}");
    let (head, body) = answered(monitor.addr(), &line, "").await;
    assert!(head.starts_with("HTTP/1.1 304 ") && body.is_empty(), "{head}");
}

#[tokio::test]
async fn a_restarted_monitor_knows_nobody() {
    let monitor = monitor(json!({"incident": "restarted"})).await;
    let (_, list) = answered(monitor.addr(), "GET /ptp/discover", "").await;
    assert_eq!(parsed(&list), parsed(&recorded("prb-v2/discover-empty.json")));
    let line = format!("POST /ptp/proxy/{}/Hello\r\n{JSON}", id(&monitor, "lifecycle"));
    let (head, body) = answered(monitor.addr(), &line, "{}").await;
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    assert_eq!(body, recorded("prb-v2/proxy-unknown_peer.json"));
}

#[tokio::test]
async fn a_dead_peer_stays_listed_and_fails_at_once_and_a_frozen_one_in_its_time() {
    let monitor = monitor(json!({})).await;
    for (trouble, file) in [("dead", "proxy-dead_peer"), ("frozen", "proxy-frozen_peer")] {
        monitor.peer("lifecycle", &json!({"trouble": trouble})).unwrap();
        let answer = call(&monitor, "lifecycle", "ListWorker", &json!({})).await;
        assert_eq!(answer, parsed(&recorded(&format!("prb-v2/{file}.json"))));
        let list = parsed(&answered(monitor.addr(), "GET /ptp/discover", "").await.1);
        assert_eq!(list["lifecycleManagers"].as_array().map(Vec::len), Some(1));
    }
    let provider = call(&monitor, "data_provider", "Hello", &json!({})).await;
    assert_eq!(provider["hasError"], false);
}

#[tokio::test]
async fn a_peer_that_dies_during_a_call_looks_like_success_without_data() {
    let monitor = monitor(json!({"lifecycles": [{"trouble": "dies"}]})).await;
    let answer = call(&monitor, "lifecycle", "GetWorkerStatus", &json!({})).await;
    assert_eq!(
        answer,
        parsed(&recorded("prb-v2/GetWorkerStatus-peer_dies_during_call.json"))
    );
    let answer = call(&monitor, "lifecycle", "GetWorkerStatus", &json!({})).await;
    assert_eq!(answer, parsed(&recorded("prb-v2/proxy-dead_peer.json")));
}

#[tokio::test]
async fn a_slower_call_is_cut_off_by_a_faster_one_to_the_same_peer() {
    let peer = json!({"work_ms": {"ListWorker": 60_000}});
    let monitor = monitor(json!({"dial_ms": 500, "lifecycles": [peer], "data_providers": [{}]})).await;
    let empty = json!({});
    let (slow, fast, other) = tokio::join!(
        call(&monitor, "lifecycle", "ListWorker", &empty),
        call(&monitor, "lifecycle", "ListPool", &empty),
        call(&monitor, "data_provider", "Hello", &empty),
    );
    assert_eq!(slow, parsed(&recorded("prb-v2/ListWorker-false_empty_success.json")));
    assert_eq!(fast["meta"]["hasError"], false);
    assert_eq!(other["data"]["hostname"], "data_provider");
    assert_eq!(monitor.calls().of(OVERLAP), 1);
}

#[tokio::test]
async fn a_handler_that_hangs_never_answers_and_others_do() {
    let monitor = monitor(json!({"lifecycles": [{"hangs": ["GetWorkerStatus"]}]})).await;
    let head = format!(
        "POST /ptp/proxy/{}/GetWorkerStatus HTTP/1.1\r\nconnection: close\r\n{JSON}",
        id(&monitor, "lifecycle")
    );
    let mut stream = sent(monitor.addr(), &head, "{}").await;
    assert!(silent(&mut stream).await);
    let answer = call(&monitor, "lifecycle", "ListWorker", &json!({})).await;
    assert_eq!(answer["meta"]["hasError"], false);
    monitor.set(json!({"incident": "down"})).await.unwrap();
    assert!(ends(&mut stream).await);
}

#[tokio::test]
async fn no_workers_and_no_runners_are_success_without_data_and_a_starting_lifecycle_fails() {
    let monitor = monitor(json!({"lifecycles": [{"workers": 0}]})).await;
    let answer = call(&monitor, "lifecycle", "ListWorker", &json!({})).await;
    like(&answer, "GetWorkerStatus-empty.json");
    monitor
        .peer("lifecycle", &json!({"workers": 2, "trouble": "no_runners"}))
        .unwrap();
    let answer = call(&monitor, "lifecycle", "GetWorkerStatus", &json!({})).await;
    like(&answer, "GetWorkerStatus-empty.json");
    monitor.peer("lifecycle", &json!({"trouble": "starting"})).unwrap();
    let answer = call(&monitor, "lifecycle", "GetWorkerStatus", &json!({})).await;
    like(&answer, "GetWorkerStatus-config_mode.json");
    assert!(answer["error"]["message"].as_str().unwrap().contains("'workers'"));
}

#[tokio::test]
async fn a_mistake_in_a_peer_is_refused_with_words() {
    let monitor = monitor(json!({})).await;
    let cases = [
        (json!({"lifecycles": [{"wokers": 1}]}), "unknown setting `wokers`"),
        (
            json!({"lifecycles": [{"trouble": "lost_node"}]}),
            "only a data provider",
        ),
        (json!({"data_providers": [{"trouble": "starting"}]}), "only a lifecycle"),
        (json!({"lifecycles": [{"pools": 0}]}), "pools >= 1"),
    ];
    for (patch, words) in cases {
        let refused = monitor.set(patch).await.unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
    assert!(monitor.peer("nobody", &json!({})).unwrap_err().contains("no peer"));
    assert_eq!(monitor.settings().lifecycles[0].fleet.workers, 3);
}
