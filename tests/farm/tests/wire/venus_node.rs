//! The node of Venus: head and lag, what the releases differ in, and Lotus in its place.

use serde_json::{Value, json};
use simfarm::venus::{Perm, Venus};

use crate::venus::{call, called, failure, result, sent, venus};

async fn node(venus: &Venus, method: &str, params: Value) -> Value {
    result(venus, &venus.node, &format!("Filecoin.{method}"), &params).await
}

#[tokio::test]
async fn the_head_is_as_old_as_its_epoch() {
    let venus = venus(json!({"base_fee": "1500000000", "blocks": 3})).await;
    let head = node(&venus, "ChainHead", json!([])).await;
    let genesis = node(&venus, "ChainGetGenesis", json!([])).await;
    let start = genesis["Blocks"][0]["Timestamp"].as_u64().unwrap();
    assert_eq!(head["Height"], 4_000_000);
    let blocks = head["Blocks"].as_array().unwrap();
    assert_eq!((blocks.len(), &blocks[2]["ParentBaseFee"]), (3, &json!("1500000000")));
    assert_eq!(blocks[0]["Timestamp"], start + 4_000_000 * 30);
    assert_eq!(node(&venus, "BlockTime", json!([])).await, json!(30_000_000_000_u64));
    venus.epoch(2);
    let head = node(&venus, "ChainHead", json!([])).await;
    assert_eq!(head["Height"], 4_000_002);
    let same = node(&venus, "ChainGetGenesis", json!([])).await;
    assert_eq!(same["Blocks"][0]["Timestamp"], start);
}

#[tokio::test]
async fn a_node_lags_or_stands_while_the_network_goes_on() {
    let venus = venus(json!({})).await;
    venus.node.set(json!({"incident": "lagging", "lag": 40})).await.unwrap();
    let backup = venus.another("node-2").await.unwrap();
    let height = async |service| {
        let head: Value = result(&venus, service, "Filecoin.ChainHead", &json!([])).await;
        head["Height"].as_u64().unwrap()
    };
    assert_eq!(
        (height(&venus.node).await, height(&backup).await),
        (3_999_960, 4_000_000)
    );
    let sync = node(&venus, "SyncState", json!([])).await;
    let stages: Vec<&Value> = sync["ActiveSyncs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sync| &sync["Stage"])
        .collect();
    assert_eq!(stages, [3, 4]);
    assert_eq!(sync["ActiveSyncs"][0]["Target"]["Height"], 4_000_000);
    let status = node(&venus, "NodeStatus", json!([false])).await;
    assert_eq!(status["SyncStatus"], json!({"Epoch": 3_999_960, "Behind": 40}));
    venus.node.set(json!({"incident": "no_peers"})).await.unwrap();
    assert_eq!(node(&venus, "NetPeers", json!([])).await, json!([]));
    venus.node.set(json!({"incident": "healthy"})).await.unwrap();
    venus.node.set(json!({"incident": "stuck"})).await.unwrap();
    venus.epoch(10);
    assert_eq!(
        (height(&venus.node).await, height(&backup).await),
        (4_000_000, 4_000_010)
    );
    venus.node.set(json!({"incident": "healthy"})).await.unwrap();
    venus.set(&json!({"null_rounds": 2})).unwrap();
    assert_eq!(
        (height(&venus.node).await, height(&backup).await),
        (4_000_008, 4_000_008)
    );
}

#[tokio::test]
async fn old_nodes_have_other_keys_and_fewer_methods() {
    let venus = venus(json!({"era": "a"})).await;
    let head = node(&venus, "ChainHead", json!([])).await;
    assert_eq!((head.get("Height"), head.get("Cids")), (None, None));
    let block = &head["Blocks"][0];
    assert_eq!(
        (&block["height"], &block["parentBaseFee"]),
        (&json!(4_000_000), &json!("100"))
    );
    let peers = node(&venus, "NetworkPeers", json!([false, false, false])).await;
    assert_eq!(peers["Peers"].as_array().map(Vec::len), Some(42));
    for method in [
        "Filecoin.NetPeers",
        "Filecoin.NodeStatus",
        "Filecoin.StateGetNetworkParams",
    ] {
        let (_, code, _) = failure(&venus, &venus.node, method, &json!([])).await;
        assert_eq!(code, -32601, "{method}");
    }
    venus.node.set(json!({"version": "1.9"})).await.unwrap();
    assert_eq!(
        node(&venus, "NodeStatus", json!([false])).await["PeerStatus"]["PeersToPublishMsgs"],
        42
    );
    let body = call("Filecoin.NodeStatus", &json!([false]));
    let (code, _) = sent(&venus.node, "POST /rpc/v0", &venus.token(Perm::Read), &body).await;
    assert_eq!(code, 500);
    let version = node(&venus, "Version", json!([])).await;
    assert_eq!(version, json!({"Version": "1.9.0+git.1a2b3c4", "APIVersion": 131_840}));
}

#[tokio::test]
async fn state_calls_answer_for_what_there_is() {
    let venus = venus(json!({"miners": [{"faulty": 3, "proving_offset": 100}]})).await;
    let sender = venus.settings().senders[0].address.clone();
    let actor = node(&venus, "StateGetActor", json!([sender, []])).await;
    assert_eq!(
        (&actor["Nonce"], &actor["Balance"]),
        (&json!(1000), &json!("50000000000000000000"))
    );
    let actor = node(&venus, "StateGetActor", json!([sender.replacen('f', "t", 1), null])).await;
    assert_eq!(actor["Nonce"], 1000);
    let sectors = node(&venus, "StateMinerSectorCount", json!(["f01000", []])).await;
    assert_eq!(sectors, json!({"Live": 102_400, "Active": 102_400, "Faulty": 3}));
    let power = node(&venus, "StateMinerPower", json!(["f01000", []])).await;
    assert_eq!(power["HasMinPower"], true);
    let deadline = node(&venus, "StateMinerProvingDeadline", json!(["f01000", []])).await;
    let number = |key: &str| deadline[key].as_u64().unwrap();
    assert_eq!(number("PeriodStart") % 2880, 100);
    assert_eq!(number("Open"), number("PeriodStart") + 60 * number("Index"));
    assert!((number("Open")..number("Close")).contains(&4_000_000), "{deadline}");
    venus.sender(&json!({"balance": null})).unwrap();
    for (method, address) in [("StateGetActor", &*sender), ("StateMinerPower", "f09")] {
        let method = format!("Filecoin.{method}");
        let (code, inner, text) = failure(&venus, &venus.node, &method, &json!([address, []])).await;
        assert!((code, inner) == (200, 1) && text.contains("actor not found"), "{text}");
    }
}

#[tokio::test]
async fn lotus_behind_the_same_url_takes_batches_and_says_400() {
    let venus = venus(json!({})).await;
    venus.node.set(json!({"lotus": true, "version": "1.28"})).await.unwrap();
    let token = venus.token(Perm::Read);
    for body in ["", "x", "[]"] {
        let (code, _) = sent(&venus.node, "POST /rpc/v1", &token, body).await;
        assert_eq!(code, 400, "{body}");
    }
    let head = call("Filecoin.ChainHead", &json!([]));
    let (code, body) = sent(&venus.node, "POST /rpc/v1", &token, &format!("[{head},{head}]")).await;
    let answers: Vec<Value> = serde_json::from_str(&body).unwrap();
    assert!(code == 200 && answers.len() == 2 && answers[1]["result"]["Height"] == 4_000_000);
    let (_, answer) = called(&venus.node, &token, "Filecoin.BlockTime", &json!([])).await;
    assert_eq!(
        answer["error"],
        json!({"code": -32601, "message": "method 'Filecoin.BlockTime' not found"})
    );
    let params = node(&venus, "StateGetNetworkParams", json!([])).await;
    assert_eq!(params["BlockDelaySecs"], 30);
}
