//! The chain node over HTTP: envelopes in good health, and each incident as it is on the wire.

use std::time::Duration;

use crate::common::{
    LONG, call, content_length, ends, exchanged, node, posted, rest, result, sent, silent, so_far, split,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

fn health() -> String {
    call("system_health", &json!([]))
}

#[tokio::test]
async fn a_call_is_answered_in_the_envelope_of_a_node() {
    let node = node(json!({})).await;
    let (head, body) = exchanged(node.addr(), &health()).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    // The order inside of the result is not the node's business, and depends on how serde_json was built.
    assert!(
        body.starts_with(r#"{"jsonrpc":"2.0","result":{"#) && body.ends_with(r#"},"id":1}"#),
        "{body}"
    );
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = json!({"isSyncing": false, "peers": 3, "shouldHavePeers": true});
    assert_eq!(answer.get("result"), Some(&expected));
}

#[tokio::test]
async fn errors_have_the_texts_of_a_node() {
    let node = node(json!({})).await;
    let error = |code: i32, words: &str, id: &str| {
        format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{words}"}},"id":{id}}}"#)
    };
    let unsafe_words = "RPC call is unsafe to be called externally";
    for (body, expected) in [
        ("{", error(-32700, "Parse error", "null")),
        (r#"{"id":7}"#, error(-32600, "Invalid request", "7")),
        ("[]", error(-32600, "Invalid request", "null")),
        (
            r#"{"jsonrpc":"2.0","id":"a","method":"no_such"}"#,
            error(-32601, "Method not found", "\"a\""),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"system_peers"}"#,
            error(-32601, unsafe_words, "1"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"chain_getHeader","params":[1]}"#,
            error(-32602, "Invalid params", "1"),
        ),
        (r#"{"jsonrpc":"2.0","method":"system_chain"}"#, String::new()),
    ] {
        assert_eq!(exchanged(node.addr(), body).await.1, expected, "{body}");
    }
}

#[tokio::test]
async fn a_batch_is_answered_call_by_call_and_counted_so() {
    let node = node(json!({})).await;
    let batch = format!(
        "[{},{},1]",
        call("system_chain", &json!([])),
        call("system_name", &json!([]))
    );
    let (_, body) = exchanged(node.addr(), &batch).await;
    let answers: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&answers[0]["result"], &answers[1]["result"]),
        (&json!("Khala"), &json!("Khala Node"))
    );
    assert_eq!(answers[2]["error"]["code"], -32600);
    let calls = node.calls();
    assert_eq!((calls.connections, calls.http_requests, calls.total()), (1, 1, 2));
    assert_eq!((calls.of("system_chain"), calls.of("system_health")), (1, 0));
}

#[tokio::test]
async fn only_posts_of_json_are_taken() {
    let node = node(json!({})).await;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nconnection: close", "HTTP/1.1 405 "),
        ("POST / HTTP/1.1\r\nconnection: close", "HTTP/1.1 415 "),
        (
            "POST / HTTP/1.1\r\nconnection: close\r\ncontent-type: text/plain",
            "HTTP/1.1 415 ",
        ),
        (
            "POST / HTTP/1.1\r\nconnection: close\r\ncontent-type: Application/JSON; charset=utf-8",
            "HTTP/1.1 200 ",
        ),
    ] {
        let bytes = rest(&mut sent(node.addr(), request, &health()).await).await.unwrap();
        assert!(bytes.starts_with(expected.as_bytes()), "{request}");
    }
}

#[tokio::test]
async fn blocks_on_demand_are_seen_by_every_method() {
    let node = node(json!({"head_timestamp_ms": 1})).await;
    node.block(5);
    let header = result(node.addr(), "chain_getHeader", &json!([])).await;
    assert_eq!(header["number"], "0x69");
    let state = result(node.addr(), "system_syncState", &json!([])).await;
    assert_eq!(
        state,
        json!({"startingBlock": 900, "currentBlock": 105, "highestBlock": 105})
    );
    let finalized = result(node.addr(), "chain_getFinalizedHead", &json!([])).await;
    let finalized = result(node.addr(), "chain_getHeader", &json!([finalized])).await;
    assert_eq!(finalized["number"], "0x66");
}

#[tokio::test]
async fn a_stuck_node_answers_without_new_blocks() {
    let node = node(json!({"incident": "stuck"})).await;
    node.block(5);
    let state = result(node.addr(), "system_syncState", &json!([])).await;
    assert_eq!(
        (&state["currentBlock"], &state["highestBlock"]),
        (&json!(100), &json!(105))
    );
}

#[tokio::test]
async fn slow_answers_late_and_whole() {
    let node = node(json!({"incident": "slow", "delay_ms": 150})).await;
    let start = Instant::now();
    let (_, body) = exchanged(node.addr(), &health()).await;
    assert!(start.elapsed() >= Duration::from_millis(150) && body.contains("peers"));
}

#[tokio::test]
async fn silent_reads_counts_and_never_answers() {
    let node = node(json!({"incident": "silent"})).await;
    let mut stream = posted(node.addr(), &health()).await;
    assert!(silent(&mut stream).await);
    assert_eq!(node.calls().of("system_health"), 1);
}

#[tokio::test]
async fn half_open_sends_half_and_keeps_the_connection() {
    let node = node(json!({"incident": "half_open"})).await;
    let (text, open) = so_far(&mut posted(node.addr(), &health()).await).await;
    let (head, body) = split(&text);
    assert!(open && !body.is_empty());
    assert_eq!(body.len(), content_length(&head) / 2);
}

#[tokio::test]
async fn drip_sends_byte_after_byte() {
    let node = node(json!({"incident": "drip", "drip_ms": 30})).await;
    let mut stream = posted(node.addr(), &health()).await;
    let mut bytes = [0; 1024];
    let mut seen = String::new();
    let start = Instant::now();
    while !seen.contains("\r\n\r\n{\"js") {
        let count = timeout(LONG, stream.read(&mut bytes)).await.unwrap().unwrap();
        assert!(seen.is_empty() || count == 1, "{count} bytes after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(start.elapsed() >= Duration::from_millis(90));
}

#[tokio::test]
async fn truncated_closes_before_the_announced_end() {
    let node = node(json!({"incident": "truncated"})).await;
    let bytes = rest(&mut posted(node.addr(), &health()).await).await.unwrap();
    let (head, body) = split(&String::from_utf8(bytes).unwrap());
    assert!(body.ends_with('}') && body.len() < content_length(&head));
}

#[tokio::test]
async fn huge_is_one_hundred_megabytes_of_json_without_an_announcement() {
    let node = node(json!({"incident": "huge"})).await;
    let mut stream = posted(node.addr(), &health()).await;
    let mut bytes = vec![0; 256 * 1024];
    let (mut total, mut head) = (0, String::new());
    loop {
        let count = timeout(LONG, stream.read(&mut bytes)).await.unwrap().unwrap();
        if head.is_empty() {
            head = String::from_utf8_lossy(&bytes[..count]).into_owned();
        }
        total += count;
        if count == 0 {
            break;
        }
    }
    assert!(total > 100 * 1024 * 1024, "{total}");
    assert!(
        head.contains("transfer-encoding: chunked") && !head.contains("content-length"),
        "{head}"
    );
}

#[tokio::test]
async fn huge_can_be_made_small_and_is_valid() {
    let node = node(json!({"incident": "huge", "huge_bytes": 5000})).await;
    let request = "POST / HTTP/1.0\r\ncontent-type: application/json";
    let bytes = rest(&mut sent(node.addr(), request, &health()).await).await.unwrap();
    let (_, body) = split(&String::from_utf8(bytes).unwrap());
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (answer["id"].as_u64(), answer["padding"].as_str().unwrap().len()),
        (Some(1), 5000)
    );
}

#[tokio::test]
async fn html_status_and_redirect_replace_the_answer() {
    let target = node(json!({})).await;
    let node = node(json!({"incident": "html"})).await;
    let (head, body) = exchanged(node.addr(), &health()).await;
    assert!(
        head.starts_with("HTTP/1.1 200 OK") && head.contains("content-type: text/html"),
        "{head}"
    );
    assert!(body.starts_with("<!DOCTYPE html>"));

    node.set(json!({"incident": "status", "status": 429})).await.unwrap();
    assert!(
        exchanged(node.addr(), &health())
            .await
            .0
            .starts_with("HTTP/1.1 429 Too Many Requests")
    );

    node.set(json!({"incident": "redirect", "redirect_to": target.addr().to_string()}))
        .await
        .unwrap();
    let (head, _) = exchanged(node.addr(), &health()).await;
    assert!(head.starts_with("HTTP/1.1 307 "), "{head}");
    assert!(head.contains(&format!("location: http://{}/", target.addr())), "{head}");
    assert_eq!(target.calls().connections, 0);
}

#[tokio::test]
async fn refuse_closes_what_it_accepts_and_what_was_open() {
    let node = node(json!({})).await;
    let mut kept = TcpStream::connect(node.addr()).await.unwrap();
    node.set(json!({"incident": "refuse"})).await.unwrap();
    assert!(ends(&mut kept).await);
    let mut stream = TcpStream::connect(node.addr()).await.unwrap();
    assert!(ends(&mut stream).await);
    assert_eq!(node.calls().http_requests, 0);
}

#[tokio::test]
async fn garbage_is_not_http() {
    let node = node(json!({"incident": "garbage"})).await;
    let bytes = rest(&mut posted(node.addr(), &health()).await).await.unwrap();
    assert_eq!(bytes.len(), 512);
    assert!(!bytes.starts_with(b"HTTP"));
}

#[tokio::test]
async fn down_closes_the_port_and_healthy_opens_the_same() {
    let node = node(json!({})).await;
    let mut kept = TcpStream::connect(node.addr()).await.unwrap();
    node.set(json!({"incident": "down"})).await.unwrap();
    assert!(ends(&mut kept).await);
    let refused = TcpStream::connect(node.addr()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    node.set(json!({"incident": "healthy"})).await.unwrap();
    let state = result(node.addr(), "system_syncState", &json!([])).await;
    assert_eq!(state["startingBlock"], 100);
}

#[tokio::test]
async fn an_incident_holds_on_connections_that_were_open_before() {
    let node = node(json!({})).await;
    let request = health();
    let head = "POST / HTTP/1.1\r\ncontent-type: application/json";
    let mut stream = sent(node.addr(), head, &request).await;
    assert!(so_far(&mut stream).await.0.ends_with("\"id\":1}"));
    node.set(json!({"incident": "html"})).await.unwrap();
    let again = format!(
        "{head}\r\nhost: x\r\ncontent-length: {}\r\n\r\n{request}",
        request.len()
    );
    stream.write_all(again.as_bytes()).await.unwrap();
    assert!(so_far(&mut stream).await.0.contains("text/html"));
    assert_eq!(node.calls().connections, 1);
}

#[tokio::test]
async fn wrong_types_spoil_results_only() {
    let node = node(json!({"incident": "wrong_types", "wrong": "strings"})).await;
    let health = |answer: Value| answer["peers"].clone();
    assert_eq!(health(result(node.addr(), "system_health", &json!([])).await), "3");
    node.set(json!({"wrong": "negative"})).await.unwrap();
    assert_eq!(health(result(node.addr(), "system_health", &json!([])).await), -4);
    node.set(json!({"wrong": "no_prefix"})).await.unwrap();
    assert_eq!(result(node.addr(), "chain_getHeader", &json!([])).await["number"], "64");
    node.set(json!({"wrong": "null"})).await.unwrap();
    let body = call("system_health", &json!([]));
    assert_eq!(
        exchanged(node.addr(), &body).await.1,
        r#"{"jsonrpc":"2.0","result":null,"id":1}"#
    );
    node.set(json!({"wrong": "absent"})).await.unwrap();
    assert_eq!(exchanged(node.addr(), &body).await.1, r#"{"jsonrpc":"2.0","id":1}"#);
}

#[tokio::test]
async fn a_missing_method_and_an_inner_error_are_told_in_the_envelope() {
    let node = node(json!({"incident": "no_method", "missing": ["system_health"]})).await;
    assert!(
        exchanged(node.addr(), &health())
            .await
            .1
            .contains(r#"{"code":-32601,"message":"Method not found"}"#)
    );
    assert_eq!(result(node.addr(), "system_chain", &json!([])).await, "Khala");
    node.set(json!({"incident": "rpc_error"})).await.unwrap();
    assert!(
        exchanged(node.addr(), &health())
            .await
            .1
            .contains(r#"{"code":-32603,"message":"Internal error"}"#)
    );
}

#[tokio::test]
async fn a_websocket_port_wants_an_upgrade() {
    let node = node(json!({"incident": "ws_only"})).await;
    let (head, _) = exchanged(node.addr(), &health()).await;
    assert!(
        head.starts_with("HTTP/1.1 426 ") && head.contains("upgrade: websocket"),
        "{head}"
    );
}

#[tokio::test]
async fn a_chain_can_fall_back() {
    let node = node(json!({"incident": "backwards", "fall": 30})).await;
    assert_eq!(
        result(node.addr(), "chain_getHeader", &json!([])).await["number"],
        "0x46"
    );
}
