//! Chia: the form of recorded answers, lists of any length, the daemon's events, and who is let in.

use std::{net::SocketAddr, path::Path, sync::Arc};

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use simfarm::chia::Chia;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{LONG, shape, split, status, unchunked};

/// A farm in a directory that goes with it.
struct Farm {
    chia: Chia,
    directory: std::path::PathBuf,
}

impl Drop for Farm {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

async fn farm(name: &str) -> Farm {
    let directory = std::env::temp_dir().join(format!("simfarm-chia-{name}-{}", std::process::id()));
    let chia = Chia::start("127.0.0.1", &directory).await.unwrap();
    chia.set(&json!({"point_ms": 0, "block_ms": 0})).unwrap();
    Farm { chia, directory }
}

/// Trusts the authority in one directory and shows the certificate in another.
async fn dialled(address: SocketAddr, authority: &Path, own: &Path) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let pem = CertificateDer::from_pem_file(authority.join("private_ca.crt")).unwrap();
    roots.add(pem).unwrap();
    let chain = vec![CertificateDer::from_pem_file(own.join("private_daemon.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(own.join("private_daemon.key")).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("chia.net").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

impl Farm {
    async fn dialled(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        let ssl = self.directory.join("config/ssl");
        dialled(address, &ssl.join("ca"), &ssl.join("daemon")).await.unwrap()
    }

    async fn asked(&self, address: SocketAddr, start: &str, body: &str) -> (u16, String) {
        let mut stream = self.dialled(address).await;
        let length = body.len();
        let request =
            format!("{start} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        timeout(LONG, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
        let (head, body) = split(&String::from_utf8_lossy(&bytes));
        (status(&head), unchunked(&head, &body))
    }

    async fn rpc(&self, address: SocketAddr, route: &str, body: &Value) -> Value {
        let (status, body) = self.asked(address, &format!("POST /{route}"), &body.to_string()).await;
        assert_eq!(status, 200, "{route}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// What a real farm of 2.7.5 answered; the collector's tests read the same.
fn recorded(file: &str) -> Value {
    let room = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/collectors/chia/fixtures/2.7.5");
    serde_json::from_str(&std::fs::read_to_string(format!("{room}/{file}.json")).unwrap()).unwrap()
}

/// Where something said has not the form of what was recorded; the recording may have more members.
fn unlike(said: &Value, recorded: &Value, path: &str, found: &mut Vec<String>) {
    match (said, recorded) {
        (Value::Object(said), Value::Object(recorded)) => {
            for (name, value) in said {
                match recorded.get(name) {
                    Some(other) => unlike(value, other, &format!("{path}.{name}"), found),
                    None => found.push(format!("{path}.{name} is not recorded")),
                }
            }
        }
        (Value::Array(said), Value::Array(recorded)) => {
            if let (Some(said), Some(recorded)) = (said.first(), recorded.first()) {
                unlike(said, recorded, &format!("{path}[0]"), found);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (said, recorded) if shape(said) != shape(recorded) => found.push(format!("{path}: {said} for {recorded}")),
        _ => {}
    }
}

#[tokio::test]
async fn answers_have_the_form_of_recorded_ones() {
    let farm = farm("form").await;
    let chia = &farm.chia;
    for (service, name, routes) in [
        (
            &chia.full_node,
            "full_node",
            &["get_blockchain_state", "get_connections", "get_version"][..],
        ),
        (
            &chia.farmer,
            "farmer",
            &[
                "get_harvesters_summary",
                "get_connections",
                "get_pool_state",
                "get_network_info",
            ],
        ),
        (
            &chia.harvester,
            "harvester",
            &["get_plot_directories", "get_harvester_config", "get_connections"],
        ),
        (
            &chia.wallet,
            "wallet",
            &[
                "get_sync_status",
                "get_height_info",
                "get_wallet_balance",
                "get_farmed_amount",
            ],
        ),
    ] {
        for route in routes {
            let said = farm.rpc(service.addr(), route, &json!({})).await;
            let mut found = Vec::new();
            unlike(&said, &recorded(&format!("{name}.{route}")), route, &mut found);
            assert!(found.is_empty(), "{name}: {found:#?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_plots_is_as_long_as_a_real_one() {
    let farm = farm("page").await;
    farm.chia.set(&json!({"harvesters": [{"plots": 2500}]})).unwrap();
    let id = farm.chia.settings().harvesters[0].node_id.clone();
    let (farmer, route) = (farm.chia.farmer.addr(), "POST /get_harvester_plots_valid");
    let ask = |page, size| json!({"node_id": format!("0x{id}"), "page": page, "page_size": size}).to_string();
    let (_, text) = farm.asked(farmer, route, &ask(0, 2500)).await;
    let sent = farm.chia.farmer.calls().bytes_sent;
    assert!(
        sent > u64::try_from(text.len()).unwrap(),
        "{sent} bytes with all that is around them"
    );
    let each = text.len() / 2500;
    assert!((560..=620).contains(&each), "{each} bytes for a plot");
    let said: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    unlike(&said, &recorded("farmer.get_harvester_plots_valid"), "page", &mut found);
    // The keys of pool plots are null where those of the recorded ones are not, and the other way round.
    assert!(found.is_empty(), "{found:#?}");
    let (_, last) = farm.asked(farmer, route, &ask(2, 1000)).await;
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(
        (last["plots"].as_array().unwrap().len(), &last["page_count"]),
        (500, &json!(3))
    );
    let (_, beyond) = farm.asked(farmer, route, &ask(3, 1000)).await;
    assert!(
        beyond.contains("Page 3 out of bounds. Available pages: 0-2"),
        "{beyond}"
    );
}

#[tokio::test]
async fn what_is_no_call_is_refused_as_the_real_ones_do() {
    let farm = farm("calls").await;
    let farmer = farm.chia.farmer.addr();
    assert_eq!(farm.asked(farmer, "GET /get_version", "").await.0, 405);
    assert_eq!(farm.asked(farmer, "POST /get_blockchain_state", "{}").await.0, 404);
    assert_eq!(farm.asked(farmer, "POST /get_version", "").await.0, 500);
    let patch = json!({"missing": ["get_version"], "errors": {"get_pool_state": "no"}, "results": {"get_connections": {"new": 1}}});
    farm.chia.farmer.set(patch).await.unwrap();
    assert_eq!(farm.asked(farmer, "POST /get_version", "{}").await.0, 404);
    assert_eq!(farm.rpc(farmer, "get_pool_state", &json!({})).await["success"], false);
    assert_eq!(farm.rpc(farmer, "get_connections", &json!({})).await["new"], 1);
}

#[tokio::test]
async fn a_subscriber_hears_what_comes_after_it_and_each_thing_once() {
    let farm = farm("events").await;
    farm.chia.point(3);
    let stream = farm.dialled(farm.chia.daemon.addr()).await;
    let (mut socket, _) = tokio_tungstenite::client_async("ws://chia.net/", stream).await.unwrap();
    let register = json!({"command": "register_service", "ack": false, "data": {"service": "metrics"},
        "request_id": "7", "destination": "daemon", "origin": "test"});
    socket.send(Message::text(register.to_string())).await.unwrap();
    let mut next = async || {
        let message = timeout(LONG, socket.next()).await.unwrap().unwrap().unwrap();
        serde_json::from_str::<Value>(message.to_text().unwrap()).unwrap()
    };
    let ack = next().await;
    assert_eq!((&ack["ack"], &ack["request_id"]), (&json!(true), &json!("7")));
    farm.chia.one_harvester(&json!({"at": 1, "silent": true})).unwrap();
    farm.chia.point(1);
    let mut heard = Vec::new();
    for _ in 0..5 {
        let event = next().await;
        let (origin, command) = (event["origin"].as_str().unwrap(), event["command"].as_str().unwrap());
        heard.push(format!("{origin} {command}"));
        let file = format!("ws.push.{origin}.{command}.to-metrics");
        let mut found = Vec::new();
        if command == "signage_point" {
            continue;
        }
        unlike(&event, &recorded(&file), &file, &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
    let expected = [
        "chia_farmer harvester_update",
        "chia_full_node signage_point",
        "chia_farmer new_signage_point",
        "chia_farmer new_farming_info",
        "chia_harvester farming_info",
    ];
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn strangers_are_not_let_in_and_a_wrong_certificate_is_shown_on_order() {
    let farm = farm("strangers").await;
    let (ca, own) = (
        farm.directory.join("config/ssl/ca"),
        farm.directory.join("config/ssl/daemon"),
    );
    let (strange, expired) = (farm.directory.join("strange"), farm.directory.join("expired"));
    let node = farm.chia.full_node.addr();
    for refused in [&strange, &expired] {
        // With TLS 1.3 a client learns of it only when it reads.
        let mut stream = dialled(node, &ca, refused).await.unwrap();
        drop(
            stream
                .write_all(b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
                .await,
        );
        let mut bytes = Vec::new();
        drop(timeout(LONG, stream.read_to_end(&mut bytes)).await.unwrap());
        assert!(bytes.is_empty());
    }
    for shown in ["strange", "expired"] {
        farm.chia.set(&json!({"certificate": shown})).unwrap();
        assert!(dialled(node, &ca, &own).await.is_err(), "{shown}");
    }
}
