//! The chain node over WebSocket: calls, events, and each incident as it is on the wire.

use std::time::Duration;

use crate::common::{LONG, SHORT, call, ends, node, sent, silent, so_far};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use simfarm::substrate::Node;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";

type Socket = WebSocketStream<TcpStream>;

async fn opened(node: &Node) -> Socket {
    let stream = TcpStream::connect(node.addr()).await.unwrap();
    client_async(format!("ws://{}/", node.addr()), stream).await.unwrap().0
}

async fn said(socket: &mut Socket, method: &str) {
    socket.send(Message::text(call(method, &json!([])))).await.unwrap();
}

async fn heard(socket: &mut Socket) -> Value {
    let message = timeout(LONG, socket.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn silence(socket: &mut Socket) -> bool {
    timeout(SHORT, socket.next()).await.is_err()
}

#[tokio::test]
async fn the_handshake_is_that_of_the_rfc() {
    let node = node(json!({})).await;
    let (text, open) = so_far(&mut sent(node.addr(), HANDSHAKE, "").await).await;
    assert!(open && text.starts_with("HTTP/1.1 101 "), "{text}");
    assert!(
        text.to_lowercase()
            .contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{text}"
    );
}

#[tokio::test]
async fn calls_share_one_socket_and_pings_are_answered() {
    let node = node(json!({})).await;
    let mut socket = opened(&node).await;
    said(&mut socket, "system_chain").await;
    assert_eq!(heard(&mut socket).await["result"], "Khala");
    socket.send(Message::Ping("x".into())).await.unwrap();
    assert!(matches!(
        timeout(LONG, socket.next()).await,
        Ok(Some(Ok(Message::Pong(_))))
    ));
    said(&mut socket, "system_name").await;
    assert_eq!(heard(&mut socket).await["result"], "Khala Node");
    let calls = node.calls();
    assert_eq!((calls.connections, calls.websockets, calls.total()), (1, 1, 2));
}

#[tokio::test]
async fn new_heads_are_pushed_until_unsubscribed() {
    let node = node(json!({})).await;
    let mut socket = opened(&node).await;
    said(&mut socket, "chain_subscribeNewHeads").await;
    let id = heard(&mut socket).await["result"].clone();
    let first = heard(&mut socket).await;
    assert_eq!(
        (&first["method"], &first["params"]["subscription"]),
        (&json!("chain_newHead"), &id)
    );
    assert_eq!(first["params"]["result"]["number"], "0x64");
    node.block(1);
    assert_eq!(heard(&mut socket).await["params"]["result"]["number"], "0x65");
    let end = call("chain_unsubscribeNewHeads", &json!([id]));
    socket.send(Message::text(end)).await.unwrap();
    assert_eq!(heard(&mut socket).await["result"], true);
    node.block(1);
    assert!(silence(&mut socket).await);
}

#[tokio::test]
async fn slow_answers_do_not_wait_for_each_other() {
    let node = node(json!({"delay_ms": 1000})).await;
    let mut socket = opened(&node).await;
    node.set(json!({"incident": "slow"})).await.unwrap();
    let start = Instant::now();
    for _ in 0..5 {
        said(&mut socket, "system_chain").await;
    }
    for _ in 0..5 {
        heard(&mut socket).await;
    }
    let took = start.elapsed();
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(5)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_silent_socket_answers_neither_calls_nor_pings_until_it_is_over() {
    let node = node(json!({})).await;
    let mut socket = opened(&node).await;
    node.set(json!({"incident": "silent"})).await.unwrap();
    socket.send(Message::Ping("x".into())).await.unwrap();
    said(&mut socket, "system_chain").await;
    assert!(silence(&mut socket).await);
    assert!(silent(&mut sent(node.addr(), HANDSHAKE, "").await).await);
    node.set(json!({"incident": "healthy"})).await.unwrap();
    assert!(matches!(
        timeout(LONG, socket.next()).await,
        Ok(Some(Ok(Message::Pong(_))))
    ));
}

/// A socket as bytes, on which one call was made.
async fn asked(node: &Node) -> TcpStream {
    let mut stream = sent(node.addr(), HANDSHAKE, "").await;
    let (head, _) = so_far(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "));
    let text = call("system_chain", &json!([]));
    // FIN and text; masked, with the mask 0.
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(text.as_bytes());
    stream.write_all(&frame).await.unwrap();
    stream
}

#[tokio::test]
async fn half_open_sends_half_a_frame_and_truncated_closes_after_it() {
    let node = node(json!({})).await;
    for (incident, stays_open) in [("half_open", true), ("truncated", false)] {
        node.set(json!({"incident": incident})).await.unwrap();
        let (text, open) = so_far(&mut asked(&node).await).await;
        let payload = text.split_once('{').unwrap().1;
        let whole = r#"{"jsonrpc":"2.0","result":"Khala","id":1}"#;
        assert_eq!((1 + payload.len(), open), (whole.len() / 2, stays_open), "{text}");
    }
}

#[tokio::test]
async fn drip_sends_a_frame_byte_by_byte() {
    let node = node(json!({"incident": "drip", "drip_ms": 60})).await;
    let mut stream = asked(&node).await;
    let start = Instant::now();
    let mut bytes = [0; 5];
    timeout(LONG, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(&bytes[2..], b"{\"j");
    assert!(start.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn huge_comes_in_fragments_that_make_one_valid_message() {
    let node = node(json!({"incident": "huge", "huge_bytes": 5_000_000})).await;
    let mut socket = opened(&node).await;
    said(&mut socket, "system_chain").await;
    let answer = heard(&mut socket).await;
    assert_eq!(
        (answer["padding"].as_str().unwrap().len(), &answer["result"]),
        (5_000_000, &json!("Khala"))
    );
    node.set(json!({"incident": "healthy"})).await.unwrap();
    said(&mut socket, "system_chain").await;
    assert_eq!(heard(&mut socket).await["id"], 1);
}

#[tokio::test]
async fn huge_is_one_hundred_megabytes() {
    let node = node(json!({"incident": "huge"})).await;
    let mut socket = opened(&node).await;
    said(&mut socket, "system_chain").await;
    let refused = timeout(LONG, socket.next()).await.unwrap().unwrap();
    // The client's own limit is 64 MiB.
    assert!(refused.unwrap_err().to_string().contains("too long"));
}

#[tokio::test]
async fn a_handshake_can_be_answered_with_something_else() {
    let node = node(json!({})).await;
    for (patch, expected) in [
        (json!({"incident": "html"}), "HTTP/1.1 200 OK"),
        (json!({"incident": "status", "status": 503}), "HTTP/1.1 503 "),
        (
            json!({"incident": "redirect", "redirect_to": "127.0.0.1:1"}),
            "HTTP/1.1 307 ",
        ),
        (json!({"incident": "http_only"}), "HTTP/1.1 405 "),
        (json!({"incident": "ws_only"}), "HTTP/1.1 101 "),
    ] {
        node.set(patch).await.unwrap();
        let (text, _) = so_far(&mut sent(node.addr(), HANDSHAKE, "").await).await;
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test]
async fn open_sockets_end_when_the_node_goes_down_or_behind_a_login_page() {
    for incident in ["down", "refuse", "html"] {
        let node = node(json!({})).await;
        let mut stream = sent(node.addr(), HANDSHAKE, "").await;
        assert!(so_far(&mut stream).await.1);
        node.set(json!({"incident": incident})).await.unwrap();
        assert!(ends(&mut stream).await, "{incident}");
    }
}
