//! As little HTTP as the tests need: one request a connection, version 1.0, so that bodies end with the connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// A scrape that takes longer than that is a failed one, whatever the reason.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim()))
    }
}

/// `address` is host:port.
pub(crate) fn get(address: &str, path: &str, headers: &[&str]) -> Result<Answer, String> {
    exchange(address, &format!("GET {path} HTTP/1.0"), headers, "")
}

/// Posts nothing.
pub(crate) fn post(address: &str, path: &str, headers: &[&str]) -> Result<Answer, String> {
    exchange(address, &format!("POST {path} HTTP/1.0"), headers, "")
}

/// The body of a 200, as JSON.
pub(crate) fn get_json(address: &str, path: &str) -> Result<Value, String> {
    json_of(&get(address, path, &[])?)
}

/// Sends JSON, and reads the body of a 200 as JSON.
pub(crate) fn post_json(address: &str, path: &str, body: &Value) -> Result<Value, String> {
    let request = format!("POST {path} HTTP/1.0");
    json_of(&exchange(
        address,
        &request,
        &["Content-Type: application/json"],
        &body.to_string(),
    )?)
}

/// The result of a JSON-RPC call.
pub(crate) fn rpc(address: &str, method: &str, params: &Value) -> Result<Value, String> {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut answer = post_json(address, "/", &call)?;
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(format!("{method}: {answer}")),
    }
}

fn json_of(answer: &Answer) -> Result<Value, String> {
    match (answer.status, serde_json::from_slice(&answer.body)) {
        (200, Ok(value)) => Ok(value),
        (status, _) => Err(format!("status {status}: {}", String::from_utf8_lossy(&answer.body))),
    }
}

/// Anything: `request` is the first line.
pub(crate) fn exchange(address: &str, request: &str, headers: &[&str], body: &str) -> Result<Answer, String> {
    let words = |e: std::io::Error| format!("{request} to {address}: {e}");
    let mut stream = TcpStream::connect(address).map_err(words)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).map_err(words)?;
    let mut head = format!("{request}\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .map_err(words)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map_err(words)?;
    parse(&bytes).ok_or_else(|| {
        format!(
            "{request} to {address}: no HTTP answer: {}",
            String::from_utf8_lossy(&bytes)
        )
    })
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = bytes.split_at_checked(end)?;
    let head = std::str::from_utf8(head).ok()?;
    let (status_line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    Some(Answer {
        status: status_line.split(' ').nth(1)?.parse().ok()?,
        headers: headers.to_owned(),
        body: body.get(4..)?.to_vec(),
    })
}
