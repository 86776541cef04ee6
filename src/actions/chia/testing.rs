//! For tests: a daemon at the other end of a connection.

use std::ops::ControlFlow;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::upstream::chia::testing::Door;

/// A daemon that answers each command as told; where it breaks, it hangs up. It gives back what it was sent.
pub(crate) fn daemon(
    door: Door,
    answer: impl FnMut(&str) -> ControlFlow<(), Value> + Send + 'static,
) -> JoinHandle<Vec<String>> {
    daemon_called(1, door, answer)
}

/// The same for so many connections, one after the other.
pub(crate) fn daemon_called(
    times: usize,
    door: Door,
    mut answer: impl FnMut(&str) -> ControlFlow<(), Value> + Send + 'static,
) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut asked = Vec::new();
        for _ in 0..times {
            let mut socket = tokio_tungstenite::accept_async(door.next().await).await.unwrap();
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                let frame: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(
                    (&frame["destination"], &frame["ack"]),
                    (&json!("daemon"), &json!(false))
                );
                let command = frame["command"].as_str().unwrap();
                asked.push(format!("{command} {}", frame["data"]["service"].as_str().unwrap()));
                let ControlFlow::Continue(data) = answer(command) else {
                    break;
                };
                // Something of no matter comes first.
                let noise = json!({"ack": true, "request_id": "other", "data": {"success": false}});
                let reply = json!({"ack": true, "request_id": frame["request_id"], "command": command, "data": data});
                for frame in [noise, reply] {
                    socket.send(Message::text(frame.to_string())).await.unwrap();
                }
            }
        }
        asked
    })
}
