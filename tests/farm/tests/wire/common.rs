//! Plain TCP clients: a test of what is on the wire must not look through a library that repairs it.

use std::{io, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use simfarm::substrate::Node;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Nothing here takes longer unless it is broken.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// How long "nothing comes" is watched.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// A node that stands at block 100 and has only the blocks it is given.
pub(crate) async fn node(patch: Value) -> Node {
    let node = Node::start("127.0.0.1:0").await.expect("a free port");
    node.set(json!({"block_time_ms": 0, "best": 100, "peers": 3}))
        .await
        .expect("good settings");
    node.set(patch).await.expect("good settings");
    node
}

pub(crate) fn call(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// Sends a request and leaves the rest to the reader.
pub(crate) async fn sent(address: SocketAddr, head: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "{head}\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request that leaves");
    stream
}

pub(crate) async fn posted(address: SocketAddr, body: &str) -> TcpStream {
    sent(
        address,
        "POST / HTTP/1.1\r\nconnection: close\r\ncontent-type: application/json",
        body,
    )
    .await
}

/// Head and body of the answer to one request; `start` is its line, with more headers behind it where wanted.
pub(crate) async fn answered(address: SocketAddr, start: &str, body: &str) -> (String, String) {
    let (line, headers) = start.split_once("\r\n").unwrap_or((start, "accept: */*"));
    let head = format!("{line} HTTP/1.1\r\nconnection: close\r\n{headers}");
    let bytes = rest(&mut sent(address, &head, body).await).await.expect("a response");
    split(&String::from_utf8_lossy(&bytes))
}

/// A body without the marks of its pieces, if it came in pieces.
pub(crate) fn unchunked(head: &str, body: &str) -> String {
    if !head.contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("the size of a piece");
        let (piece, after) = after.split_at(size);
        whole.push_str(piece);
        rest = after.trim_start_matches("\r\n");
    }
    whole
}

/// The code in a status line.
pub(crate) fn status(head: &str) -> u16 {
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    code.expect("a status")
}

/// A recorded answer of a real system.
pub(crate) fn recorded(file: &str) -> String {
    let path = format!("{}/tests/wire/recorded/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a recording")
}

/// Names and types only; JSON inside of a text included. Of a list, its first entry.
pub(crate) fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        Value::Array(list) => list.iter().take(1).map(shape).collect(),
        Value::String(text) if text.starts_with('{') => {
            json!({ "text of": shape(&serde_json::from_str(text).expect("JSON in a text")) })
        }
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        Value::Null => Value::Null,
    }
}

/// All bytes until the other side closes.
pub(crate) async fn rest(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    timeout(LONG, stream.read_to_end(&mut bytes)).await??;
    Ok(bytes)
}

/// What comes before a pause of [`SHORT`], and whether the connection is still open then.
pub(crate) async fn so_far(stream: &mut TcpStream) -> (String, bool) {
    let mut bytes = vec![0; 64 * 1024];
    let mut text = String::new();
    let mut pause = LONG;
    while let Ok(count) = timeout(pause, stream.read(&mut bytes)).await {
        let seen = bytes.get(..count.expect("no reset")).unwrap_or_default();
        if seen.is_empty() {
            return (text, false);
        }
        text.push_str(&String::from_utf8_lossy(seen));
        pause = SHORT;
    }
    (text, true)
}

/// Whether the connection ends without a byte, in good order or (not yet accepted, or with unread bytes) by a reset.
pub(crate) async fn ends(stream: &mut TcpStream) -> bool {
    match rest(stream).await {
        Ok(bytes) => bytes.is_empty(),
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

/// Whether for [`SHORT`] nothing comes, not even the end.
pub(crate) async fn silent(stream: &mut TcpStream) -> bool {
    timeout(SHORT, stream.read(&mut [0; 1])).await.is_err()
}

/// Status line and headers, and body, of a whole response.
pub(crate) async fn exchanged(address: SocketAddr, body: &str) -> (String, String) {
    let bytes = rest(&mut posted(address, body).await).await.expect("a response");
    split(&String::from_utf8_lossy(&bytes))
}

pub(crate) fn split(response: &str) -> (String, String) {
    let (head, body) = response.split_once("\r\n\r\n").expect("a response with a head");
    (head.to_owned(), body.to_owned())
}

/// The `result` of a call over HTTP.
pub(crate) async fn result(address: SocketAddr, method: &str, params: &Value) -> Value {
    let (_, body) = exchanged(address, &call(method, params)).await;
    let mut answer: Value = serde_json::from_str(&body).expect("JSON");
    answer.get_mut("result").map(Value::take).expect("a result")
}

pub(crate) fn content_length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    line.and_then(|length| length.parse().ok()).expect("a length")
}
