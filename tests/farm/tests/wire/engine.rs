//! A container engine on its socket.

use std::path::Path;

use serde_json::{Value, json};
use simfarm::engine::{Act, Engine, Verb};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

use crate::common::{LONG, status};

/// Head and body of one answer; `line` is like `GET /_ping`.
async fn answered(socket: &Path, line: &str) -> (String, String) {
    let exchange = async {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: d\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = timeout(LONG, exchange).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn seen(socket: &Path, container: &str) -> Value {
    let (head, body) = answered(socket, &format!("GET /v1.41/containers/{container}/json")).await;
    assert_eq!(status(&head), 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn containers_are_restarted_stopped_and_started_as_an_engine_does_it() {
    let directory = std::env::temp_dir().join(format!("simfarm-engine-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let socket = directory.join("docker.sock");
    let engine = Engine::start(&socket, &["phala-node", "pherry"]).unwrap();
    let (head, body) = answered(&socket, "GET /_ping").await;
    assert!(head.contains("api-version: 1.41") && body == "OK", "{head}");
    let before = seen(&socket, "phala-node").await;
    assert_eq!(
        (&before["Name"], &before["State"]["Status"]),
        (&json!("/phala-node"), &json!("running"))
    );
    let id = before["Id"].as_str().unwrap();
    for (line, code) in [
        (format!("POST /v1.41/containers/{id}/restart?t=60"), 204),
        (format!("POST /v1.41/containers/{id}/start"), 304),
        (format!("POST /v1.41/containers/{id}/stop?t=1"), 204),
        (format!("POST /v1.41/containers/{id}/stop?t=1"), 304),
        ("POST /v1.41/containers/nobody/stop".to_owned(), 404),
        ("POST /v1.43/containers/pherry/stop".to_owned(), 400),
        ("GET /v1.41/images/json".to_owned(), 404),
    ] {
        let (head, body) = answered(&socket, &line).await;
        assert_eq!(status(&head), code, "{line}: {body}");
    }
    let beginning: String = id.chars().take(12).collect();
    let after = seen(&socket, &beginning).await;
    assert_eq!(after["State"]["Status"], "exited");
    assert!(after["State"]["StartedAt"].as_str() > before["State"]["StartedAt"].as_str());
    let act = |verb| Act {
        verb,
        container: "phala-node".to_owned(),
    };
    assert_eq!(engine.acts(), [act(Verb::Restart), act(Verb::Stop)]);
    drop(engine);
    assert!(!socket.exists());
    std::fs::remove_dir(&directory).unwrap();
}

#[tokio::test]
async fn services_are_found_by_their_labels_and_a_failing_engine_changes_nothing() {
    let socket = std::env::temp_dir().join(format!("simfarm-failing-{}.sock", std::process::id()));
    let engine = Engine::start(&socket, &["a", "b"]).unwrap();
    let b = json!({"name": "b", "project": "bridge", "service": "trade"});
    engine
        .set(&json!({"containers": [{"name": "a"}, b], "incident": "failing"}))
        .unwrap();
    let filters = "%7B%22label%22%3A%5B%22com.docker.compose.service%3Dtrade%22%5D%7D";
    let (_, body) = answered(&socket, &format!("GET /v1.41/containers/json?all=1&filters={filters}")).await;
    let listed: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["Names"]),
        (1, &json!(["/b"]))
    );
    let (head, body) = answered(&socket, "POST /v1.41/containers/b/restart").await;
    assert!(status(&head) == 500 && body.contains("the disk is full"), "{body}");
    assert!(engine.acts().is_empty());
    assert!(engine.set(&json!({"incident": "down"})).is_err());
}
