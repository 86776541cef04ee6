//! Venus: the envelope with its mistakes, and who is let in.

use std::fmt::Write as _;

use serde_json::{Value, json};
use simfarm::venus::{Perm, Service, Venus};

use crate::common::{answered, status, unchunked};

/// All five services on a chain that stands at epoch 4000000.
pub(crate) async fn venus(patch: Value) -> Venus {
    let venus = Venus::start("127.0.0.1").await.expect("free ports");
    let still = json!({"by_hand": true, "epoch": 4_000_000});
    venus.set(&still).expect("good settings");
    venus.set(&patch).expect("good settings");
    venus
}

/// Code and body of one request with any body.
pub(crate) async fn sent(service: &Service, line: &str, token: &str, body: &str) -> (u16, String) {
    let mut start = format!("{line}\r\naccept: */*");
    if !token.is_empty() {
        write!(start, "\r\nauthorization: Bearer {token}").expect("a text");
    }
    let (head, body) = answered(service.addr(), &start, body).await;
    (status(&head), unchunked(&head, &body))
}

pub(crate) fn call(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Code and answer of a call on `/rpc/v1` where there is one.
pub(crate) async fn called(service: &Service, token: &str, method: &str, params: &Value) -> (u16, Value) {
    let path = match service.name().split('-').next() {
        Some("node" | "gateway") => "POST /rpc/v1",
        _ => "POST /rpc/v0",
    };
    let (code, body) = sent(service, path, token, &call(method, params)).await;
    (code, serde_json::from_str(&body).unwrap_or_default())
}

/// The result of a call by an admin.
pub(crate) async fn result(venus: &Venus, service: &Service, method: &str, params: &Value) -> Value {
    let (code, answer) = called(service, &venus.token(Perm::Admin), method, params).await;
    assert!(code == 200 && answer["error"].is_null(), "{method}: {code} {answer}");
    answer["result"].clone()
}

/// Code in the envelope and text of a call by an admin that fails.
pub(crate) async fn failure(venus: &Venus, service: &Service, method: &str, params: &Value) -> (u16, i64, String) {
    let (code, answer) = called(service, &venus.token(Perm::Admin), method, params).await;
    let error = &answer["error"];
    let text = error["message"].as_str().expect("an error with words");
    (code, error["code"].as_i64().unwrap(), text.to_owned())
}

#[tokio::test]
async fn mistakes_of_the_caller_are_500_with_the_texts_of_the_library() {
    let venus = venus(json!({})).await;
    let messager = &venus.messager;
    let cases = [
        ("Message.Foo", json!([]), -32601, "method 'Message.Foo' not found"),
        ("Filecoin.ListAddress", json!([]), -32601, "not found"),
        (
            "Message.ListMessageByFromState",
            json!(["", 1, true, 1]),
            -32602,
            "4 != 6",
        ),
        ("Message.ListMessageByFromState", json!([]), -32602, "0 != 6"),
        (
            "Message.GetMessageByUid",
            json!([7]),
            -32700,
            "unmarshaling params for 'Message.GetMessageByUid' (param: ",
        ),
        ("Message.ActiveAddress", json!(["x1"]), -32700, "unmarshaling params"),
        ("Message.ListAddress", json!({}), -32700, "unmarshaling param array: "),
        (
            "Message.ListMessage",
            json!([null]),
            0,
            "panic in rpc method 'Message.ListMessage'",
        ),
    ];
    for (method, params, code, text) in &cases {
        let (status, seen, said) = failure(&venus, messager, method, params).await;
        assert_eq!((status, seen), (500, *code), "{method}");
        assert!(said.contains(text), "{said}");
        assert!(said.starts_with(&format!("(error code {code}) ")), "{said}");
    }
    venus.set(&json!({"era": "a"})).unwrap();
    let (_, _, said) = failure(&venus, messager, "Message.Foo", &json!([])).await;
    assert_eq!(said, "method 'Message.Foo' not found");
}

#[tokio::test]
async fn bodies_that_are_no_call_are_500_without_words() {
    let venus = venus(json!({"era": "a"})).await;
    let token = venus.token(Perm::Admin);
    let text_id = r#"{"jsonrpc":"2.0","id":"1","method":"Filecoin.ChainHead"}"#;
    for body in ["", "x", "[]", "[{\"id\":1,\"method\":\"Filecoin.ChainHead\"}]", text_id] {
        let answer = sent(&venus.node, "POST /rpc/v1", &token, body).await;
        assert_eq!(answer, (500, String::new()), "{body}");
    }
    let answer = sent(&venus.node, "GET /rpc/v1", &token, "").await;
    assert_eq!(answer, (500, String::new()));
    let notification = r#"{"jsonrpc":"2.0","method":"Filecoin.ChainHead"}"#;
    let answer = sent(&venus.node, "POST /rpc/v1", &token, notification).await;
    assert_eq!(answer, (200, String::new()));
    assert_eq!(venus.node.calls().of("Filecoin.ChainHead"), 1);
    venus.set(&json!({"era": "c"})).unwrap();
    let (code, body) = sent(&venus.node, "POST /rpc/v1", &token, text_id).await;
    assert!(code == 200 && body.contains("\"id\":\"1\""), "{body}");
}

#[tokio::test]
async fn a_good_answer_is_plain_text_and_its_result_may_be_absent() {
    let venus = venus(json!({})).await;
    let token = venus.token(Perm::Admin);
    let line = format!("POST /rpc/v0\r\nauthorization: Bearer {token}");
    let body = call("Message.SetLogLevel", &json!(["a", "b"]));
    let (head, body) = answered(venus.messager.addr(), &line, &body).await;
    assert!(head.contains("content-type: text/plain; charset=utf-8"), "{head}");
    assert_eq!(body, "{\"jsonrpc\":\"2.0\",\"id\":1}\n");
    venus.set(&json!({"era": "a"})).unwrap();
    let empty = result(&venus, &venus.messager, "Message.SetLogLevel", &json!(["a"])).await;
    assert_eq!(empty, json!({}));
}

#[tokio::test]
async fn without_a_good_token_there_is_401_and_no_word() {
    let venus = venus(json!({})).await;
    let good = venus.token(Perm::Read);
    for service in [&venus.node, &venus.messager, &venus.miner, &venus.gateway] {
        for token in ["", "wrong", &good.replace('.', "_")] {
            let answer = sent(service, "POST /rpc/v1", token, "{}").await;
            assert_eq!(answer, (401, String::new()), "{}", service.name());
        }
    }
    let (code, _) = sent(&venus.node, "POST /nowhere", &good, "{}").await;
    assert_eq!(code, 404);
    let head = call("Filecoin.ChainHead", &json!([]));
    let lower = format!("POST /rpc/v1\r\nauthorization: bearer {good}");
    assert_eq!(status(&answered(venus.node.addr(), &lower, &head).await.0), 401);
    let (code, _) = sent(&venus.node, &format!("POST /rpc/v1?token={good}"), "", &head).await;
    assert_eq!(code, 200);
}

#[tokio::test]
async fn a_dead_auth_service_looks_like_a_bad_token_everywhere() {
    let venus = venus(json!({})).await;
    let head = call("Filecoin.ChainHead", &json!([]));
    let token = venus.token(Perm::Admin);
    venus.auth.set(json!({"incident": "down"})).await.unwrap();
    let answer = sent(&venus.node, "POST /rpc/v1", &token, &head).await;
    assert_eq!(answer, (401, String::new()));
    // The service's own token needs nobody.
    let (code, _) = sent(&venus.node, "POST /rpc/v1", &venus.node.token(), &head).await;
    assert_eq!(code, 200);
    venus.auth.set(json!({"incident": "healthy"})).await.unwrap();
    let (code, _) = sent(&venus.node, "POST /rpc/v1", &token, &head).await;
    assert_eq!(code, 200);
}

#[tokio::test]
async fn tokens_are_regenerated_by_order_and_by_restart() {
    let venus = venus(json!({})).await;
    let head = call("Filecoin.ChainHead", &json!([]));
    let (issued, own) = (venus.token(Perm::Read), venus.node.token());
    venus.regenerate(Perm::Read).unwrap();
    assert_ne!(issued, venus.token(Perm::Read));
    assert_eq!(sent(&venus.node, "POST /rpc/v1", &issued, &head).await.0, 401);
    assert_eq!(
        sent(&venus.node, "POST /rpc/v1", &venus.token(Perm::Read), &head)
            .await
            .0,
        200
    );
    let file = std::env::temp_dir().join(format!("simfarm-token-{}", venus.node.addr().port()));
    venus
        .node
        .set(json!({"token_file": file, "incident": "down"}))
        .await
        .unwrap();
    venus.node.set(json!({"incident": "healthy"})).await.unwrap();
    assert_eq!(sent(&venus.node, "POST /rpc/v1", &own, &head).await.0, 401);
    let fresh = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(sent(&venus.node, "POST /rpc/v1", &fresh, &head).await.0, 200);
}

#[tokio::test]
async fn too_little_permission_is_an_answer() {
    let venus = venus(json!({})).await;
    let token = venus.token(Perm::Read);
    let (code, answer) = called(&venus.gateway, &token, "Gateway.ListWalletInfo", &json!([])).await;
    let text = "missing permission to invoke 'ListWalletInfo'  (need 'admin')";
    assert_eq!((code, &answer["error"]), (200, &json!({"code": 1, "message": text})));
    venus.set(&json!({"era": "a"})).unwrap();
    let (_, answer) = called(&venus.messager, &token, "Message.ListMessage", &json!([])).await;
    let text = "missing permission to invoke 'ListMessage', need 'admin'";
    assert_eq!(answer["error"]["message"], text);
    // The miner of era A knows no auth, and lets everybody read.
    let states = json!([[]]);
    let (code, _) = called(&venus.miner, &token, "Filecoin.StatesForMining", &states).await;
    assert_eq!(code, 401);
    let (code, answer) = called(&venus.miner, "", "Filecoin.StatesForMining", &states).await;
    assert!(code == 200 && answer["result"].is_array(), "{answer}");
}

#[tokio::test]
async fn any_method_can_be_made_to_say_anything() {
    let venus = venus(json!({})).await;
    let odd = json!({"results": {"Filecoin.ChainHead": "<nil>"}, "errors": {"Filecoin.NetPeers": "boom"}});
    venus.node.set(odd).await.unwrap();
    let head = result(&venus, &venus.node, "Filecoin.ChainHead", &json!([])).await;
    assert_eq!(head, "<nil>");
    let (code, _, text) = failure(&venus, &venus.node, "Filecoin.NetPeers", &json!([])).await;
    assert_eq!((code, &*text), (200, "boom"));
    let refused = venus.miner.set(json!({"incident": "lagging"})).await.unwrap_err();
    assert!(refused.contains("role miner"), "{refused}");
}
