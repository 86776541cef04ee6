//! A chain node, well and in every kind of trouble. Each fault names endpoint and operation, and costs only its own samples.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use farmwarden::clock::{Clock, Now, UnixTime};
use serde_json::{Value, json};
use simfarm::substrate::Node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::harness::Warden;

/// One target with one endpoint, asked every second.
fn config(endpoint: &str) -> String {
    target("node-1", endpoint)
}

fn target(name: &str, endpoint: &str) -> String {
    format!(
        "collectors:\n  phala:\n    - name: {name}\n      para: {endpoint}\n      interval: 1s\n      timeout: 500ms\n"
    )
}

async fn node(settings: Value) -> Node {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    node.set(settings).await.unwrap();
    node
}

fn sample(page: &str, series: &str) -> Option<f64> {
    page.lines()
        .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

const BEST: &str = "phala_node_best_block_height{target=\"node-1\",chain=\"para\"}";
const UP: &str = "farmwarden_target_up{collector=\"phala\",target=\"node-1\",part=\"para\"}";

#[tokio::test]
async fn a_healthy_node_is_read_over_http_and_over_websocket() {
    for scheme in ["http", "ws"] {
        let node =
            node(json!({"block_time_ms": 0, "best": 4242, "finalized": 4239, "highest": 4250, "peers": 7})).await;
        let warden = Warden::start(&config(&format!("{scheme}://{}", node.addr()))).await;
        let page = warden.page_with(&format!("{BEST} 4242\n")).await;
        assert_eq!(sample(&page, UP), Some(1.0));
        for (name, value) in [
            ("finalized_block_height", 4239.0),
            ("highest_block_height", 4250.0),
            ("peers", 7.0),
        ] {
            let series = format!("phala_node_{name}{{target=\"node-1\",chain=\"para\"}}");
            assert_eq!(sample(&page, &series), Some(value), "{series}");
        }
        assert!(page.contains("chain_name=\"Khala\"") && page.contains("spec_name=\"khala\""));
        node.block(3);
        warden.page_with(&format!("{BEST} 4245\n")).await;
        // It was seen to rise.
        warden
            .page_with("farmwarden_symptom{target=\"node-1\",symptom=\"node_stuck\",entity=\"\"} 0\n")
            .await;
    }
}

#[tokio::test]
async fn a_node_that_goes_away_loses_its_samples_and_gets_them_back() {
    for scheme in ["http", "ws"] {
        let node = node(json!({"block_time_ms": 0})).await;
        let warden = Warden::start(&config(&format!("{scheme}://{}", node.addr()))).await;
        warden.page_with(&format!("{BEST} 1000\n")).await;
        node.set(json!({"incident": "down"})).await.unwrap();
        let down = warden.page_with(&format!("{UP} 0\n")).await;
        assert!(
            down.contains("reason=\"unreachable\"} 1\n") || down.contains("reason=\"malformed\"} 1\n"),
            "{down}"
        );
        warden
            .page_where("no samples", |page| !page.contains("phala_node_"))
            .await;
        node.set(json!({"incident": "healthy"})).await.unwrap();
        warden.page_with(&format!("{BEST} 1000\n")).await;
        warden
            .page_with("phala_node_restarts_total{target=\"node-1\",chain=\"para\"} 1\n")
            .await;
    }
}

/// Waits for the fault and gives what the status page says of it.
async fn fault(endpoint: &str, reason: &str) -> String {
    let warden = Warden::start(&config(endpoint)).await;
    let counted = format!("part=\"para\",reason=\"{reason}\"}} ");
    let page = warden
        .page_where(&format!("{reason} of {endpoint}"), |page| {
            page.lines()
                .any(|line| line.contains(&counted) && !line.ends_with(" 0"))
        })
        .await;
    assert_eq!(sample(&page, UP), Some(0.0));
    assert!(!page.contains("phala_node_"), "{page}");
    warden.get("/").await.text().to_owned()
}

#[expect(clippy::too_many_lines, reason = "a table, one line a case")]
#[tokio::test]
async fn every_fault_has_its_reason_and_its_words() {
    let cases = [
        ("http", json!({"incident": "down"}), "unreachable", "connection refused"),
        ("ws", json!({"incident": "down"}), "unreachable", "connection refused"),
        (
            "http",
            json!({"incident": "silent"}),
            "timeout",
            "no answer within 500ms",
        ),
        ("ws", json!({"incident": "silent"}), "timeout", "no answer within 500ms"),
        (
            "http",
            json!({"incident": "half_open"}),
            "timeout",
            "no answer within 500ms",
        ),
        (
            "ws",
            json!({"incident": "half_open"}),
            "timeout",
            "no answer within 500ms",
        ),
        ("http", json!({"incident": "drip"}), "timeout", "no answer within 500ms"),
        (
            "http",
            json!({"incident": "slow", "delay_ms": 5000}),
            "timeout",
            "no answer within 500ms",
        ),
        (
            "http",
            json!({"incident": "html"}),
            "malformed",
            "a web page instead of JSON",
        ),
        ("ws", json!({"incident": "html"}), "status", "does it want http://?"),
        (
            "http",
            json!({"incident": "truncated"}),
            "malformed",
            "in the middle of the answer",
        ),
        (
            "http",
            json!({"incident": "huge"}),
            "too_large",
            "the answer is larger than 4.1 MB",
        ),
        (
            "ws",
            json!({"incident": "huge"}),
            "too_large",
            "the answer is larger than 4.1 MB",
        ),
        (
            "http",
            json!({"incident": "status", "status": 503}),
            "status",
            "answered HTTP 503",
        ),
        (
            "http",
            json!({"incident": "status", "status": 429}),
            "status",
            "too many clients",
        ),
        (
            "http",
            json!({"incident": "garbage"}),
            "malformed",
            "does not speak HTTP on this port",
        ),
        ("http", json!({"incident": "ws_only"}), "status", "does it want ws://?"),
        (
            "ws",
            json!({"incident": "http_only"}),
            "status",
            "does it want http://?",
        ),
        (
            "http",
            json!({"incident": "rpc_error"}),
            "upstream",
            "it reports an error",
        ),
        (
            "ws",
            json!({"incident": "rpc_error"}),
            "upstream",
            "it reports an error",
        ),
        (
            "http",
            json!({"incident": "wrong_types", "wrong": "strings"}),
            "malformed",
            "invalid type: string",
        ),
        (
            "http",
            json!({"incident": "wrong_types", "wrong": "no_prefix"}),
            "malformed",
            "not what was asked for",
        ),
        (
            "http",
            json!({"incident": "wrong_types", "wrong": "negative"}),
            "malformed",
            "not what was asked for",
        ),
        (
            "http",
            json!({"incident": "wrong_types", "wrong": "null"}),
            "malformed",
            "not what was asked for",
        ),
        (
            "http",
            json!({"incident": "wrong_types", "wrong": "absent"}),
            "malformed",
            "neither result nor error",
        ),
        ("https", json!({}), "tls", "does not speak TLS on this port"),
        ("wss", json!({}), "tls", "TLS"),
    ];
    let cases = cases.map(|(scheme, settings, reason, words)| async move {
        let node = node(settings.clone()).await;
        let endpoint = format!("{scheme}://{}", node.addr());
        let page = fault(&endpoint, reason).await;
        let told = page.split("<tr>").find(|row| row.contains(">node-1</a>/")).unwrap();
        assert!(told.contains(words), "{settings} over {scheme}: {told}");
        assert!(told.contains(&endpoint), "{settings} over {scheme}: {told}");
    });
    let mut all: tokio::task::JoinSet<()> = cases.into_iter().collect();
    let mut failed = 0;
    while let Some(case) = all.join_next().await {
        failed += usize::from(case.is_err());
    }
    assert_eq!(failed, 0, "see the panics above");
}

#[tokio::test]
async fn a_redirect_is_a_fault_and_its_target_is_never_asked() {
    for scheme in ["http", "ws"] {
        let elsewhere = node(json!({})).await;
        let location = format!("http://{}/", elsewhere.addr());
        let node = node(json!({"incident": "redirect", "redirect_to": location})).await;
        let page = fault(&format!("{scheme}://{}", node.addr()), "status").await;
        assert!(page.contains("points elsewhere, which is never followed"), "{page}");
        assert_eq!(serde_json::to_value(elsewhere.calls()).unwrap()["connections"], 0);
    }
}

#[tokio::test]
async fn a_tls_port_asked_for_plain_http_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 64];
            drop(stream.read(&mut request).await);
            // What a TLS server says to a client that does not begin with a handshake: fatal alert, protocol_version.
            drop(stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]).await);
        }
    });
    let page = fault(&format!("http://{address}"), "malformed").await;
    assert!(page.contains("does it expect TLS?"), "{page}");
    server.abort();
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_apart_from_a_dead_port() {
    let page = fault("http://no-such-host.invalid:9944", "unreachable").await;
    assert!(page.contains("no-such-host.invalid"), "{page}");
}

#[tokio::test]
async fn a_method_that_is_not_offered_costs_only_its_own_figure() {
    let node = node(json!({"incident": "no_method", "missing": ["system_syncState", "system_health"]})).await;
    let warden = Warden::start(&config(&format!("http://{}", node.addr()))).await;
    let page = warden.page_with(BEST).await;
    assert_eq!(sample(&page, UP), Some(1.0));
    assert!(
        !page.contains("phala_node_peers") && !page.contains("phala_node_highest_block_height"),
        "{page}"
    );
}

#[tokio::test]
async fn names_with_quotes_newlines_and_other_alphabets_leave_the_page_whole() {
    let node = node(json!({"chain": "a \"b\\c\nd é 链", "block_time_ms": 0})).await;
    let warden = Warden::start(&config(&format!("http://{}", node.addr()))).await;
    let page = warden.page_with("chain_name=\"a \\\"b\\\\c\\\\nd é 链\"").await;
    assert!(page.contains(&format!("{BEST} 1000\n")));
}

#[tokio::test]
async fn one_dead_target_costs_nothing_of_another() {
    let well = node(json!({"block_time_ms": 0})).await;
    let dead = node(json!({"incident": "silent"})).await;
    let both = target("node-1", &format!("http://{}", well.addr()))
        + target("node-2", &format!("http://{}", dead.addr()))
            .strip_prefix("collectors:\n  phala:\n")
            .unwrap();
    let warden = Warden::start(&both).await;
    warden.page_with("target=\"node-2\",part=\"para\"} 0\n").await;
    let page = warden.page_with(&format!("{BEST} 1000\n")).await;
    assert_eq!(sample(&page, UP), Some(1.0));
}

#[tokio::test]
async fn a_stuck_node_is_told_apart_from_a_halted_chain() {
    let first = node(json!({"block_time_ms": 200})).await;
    let second = node(json!({"block_time_ms": 200})).await;
    let mut text = String::from("collectors:\n  phala:\n");
    for (name, node) in [("node-1", &first), ("node-2", &second)] {
        let entry = format!(
            "    - name: {name}\n      para: http://{}\n      interval: 1s\n      timeout: 500ms\n      \
             thresholds: {{stuck_after: 3s, head_age: 1h}}\n",
            node.addr()
        );
        text += &entry;
    }
    let warden = Warden::start(&text).await;
    let ill = |target: &str, symptom: &str| {
        format!("farmwarden_symptom{{target=\"{target}\",symptom=\"{symptom}\",entity=\"para\"}} 1\n")
    };
    first.set(json!({"incident": "stuck"})).await.unwrap();
    let page = warden.page_with(&ill("node-1", "node_stuck")).await;
    assert!(
        !page.contains(&ill("node-2", "node_stuck")) && !page.contains(&ill("node-1", "chain_halted")),
        "{page}"
    );
    second.set(json!({"incident": "stuck"})).await.unwrap();
    let page = warden.page_with(&ill("node-2", "chain_halted")).await;
    assert!(page.contains(&ill("node-1", "chain_halted")), "{page}");
    assert!(
        !page.contains(&ill("node-1", "node_stuck")) && !page.contains(&ill("node-2", "node_stuck")),
        "{page}"
    );
}

#[tokio::test]
async fn a_wall_clock_that_goes_backwards_changes_timestamps_and_nothing_else() {
    let node = node(json!({"block_time_ms": 0})).await;
    let millis = Arc::new(AtomicU64::new(1_700_000_000_000));
    let falling = Clock::from_fn(move || Now {
        wall: UnixTime::from_millis(millis.fetch_sub(60_000, Ordering::Relaxed)),
        monotonic: Instant::now(),
    });
    let listen = "127.0.0.1:0".parse().unwrap();
    let warden = Warden::start_at(listen, &config(&format!("http://{}", node.addr())), falling).await;
    warden.page_with(&format!("{BEST} 1000\n")).await;
    node.block(1);
    let page = warden.page_with(&format!("{BEST} 1001\n")).await;
    assert_eq!(sample(&page, UP), Some(1.0));
    warden.page_with("symptom=\"node_stuck\",entity=\"\"} 0\n").await;
    assert_eq!(warden.get("/").await.status, 200);
}
