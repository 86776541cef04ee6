//! `/probe?target=` and `POST /-/reload`.

use serde_json::json;
use simfarm::substrate::Node;

use crate::harness::{Setup, Warden, exchange};

async fn warden(node: &Node, interval: &str) -> Warden {
    let config = format!(
        "collectors:\n  phala:\n    - {{name: node, para: 'http://{}', interval: {interval}}}\n    - {{name: dead, para: 'http://127.0.0.1:1'}}\n",
        node.addr()
    );
    Warden::start(&config).await
}

fn has(page: &str, line: &str) -> bool {
    page.lines().any(|one| one == line)
}

#[tokio::test]
async fn a_probe_looks_now_and_gives_that_target_alone() {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    node.set(json!({"block_time_ms": 0, "best": 500})).await.unwrap();
    let warden = warden(&node, "1h").await;
    warden
        .page_with("phala_node_best_block_height{target=\"node\",chain=\"para\"} 500")
        .await;
    node.block(7);
    // A round of the last second would do, so ask until it is older.
    let started = tokio::time::Instant::now();
    let page = loop {
        let reply = warden.get("/probe?target=node").await;
        assert_eq!(reply.status, 200);
        let page = reply.text().to_owned();
        if has(
            &page,
            "phala_node_best_block_height{target=\"node\",chain=\"para\"} 507",
        ) {
            break page;
        }
        assert!(started.elapsed() < crate::harness::PATIENCE, "{page}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    assert!(
        has(&page, "probe_success 1") && page.contains("probe_duration_seconds 0."),
        "{page}"
    );
    assert!(has(
        &page,
        "farmwarden_target_up{collector=\"phala\",target=\"node\",part=\"para\"} 1"
    ));
    assert!(!page.contains("dead") && !page.contains("process_"), "{page}");
    // What it saw is on the page for everybody.
    assert!(
        warden
            .page()
            .await
            .contains("phala_node_best_block_height{target=\"node\",chain=\"para\"} 507")
    );
    let open_metrics = warden
        .ask("GET", "/probe?target=node", "Accept: application/openmetrics-text\r\n")
        .await;
    assert!(open_metrics.text().ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_probe_ends_with_the_scrapers_timeout_and_keeps_what_is_known() {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    let warden = warden(&node, "1h").await;
    warden.page_with("target=\"node\",part=\"para\"} 1").await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    node.set(json!({"incident": "silent"})).await.unwrap();
    let header = "X-Prometheus-Scrape-Timeout-Seconds: 0.7\r\n";
    let reply = warden.ask("GET", "/probe?target=node", header).await;
    let page = reply.text();
    assert_eq!(reply.status, 200);
    assert!(
        has(page, "probe_success 0") && page.contains("phala_node_best_block_height"),
        "{page}"
    );
    let dead = warden.get("/probe?target=dead").await;
    assert!(has(dead.text(), "probe_success 0"), "{}", dead.text());
}

#[tokio::test]
async fn only_configured_targets_are_probed() {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    let warden = warden(&node, "1h").await;
    for (path, status, words) in [
        ("/probe", 400, "which target?"),
        ("/probe?target=http://10.0.0.1", 404, "nothing else is ever probed"),
    ] {
        let reply = warden.get(path).await;
        assert_eq!(
            (reply.status, reply.text().contains(words)),
            (status, true),
            "{}",
            reply.text()
        );
    }
    let header = "X-Prometheus-Scrape-Timeout-Seconds: soon\r\n";
    assert_eq!(warden.ask("GET", "/probe?target=node", header).await.status, 400);
}

#[tokio::test]
async fn over_the_control_socket_a_reload_says_what_became_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/control.sock");
    let setup = Setup {
        control_socket: Some(path.clone()),
        from_file: true,
        ..Setup::default()
    };
    let warden = setup.start().await;
    let post = async |config: &str| {
        warden.write_file(config);
        let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        exchange(
            stream,
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )
        .await
        .unwrap()
    };
    let reply = post("collectors: {phala: [{name: a, para: 'http://127.0.0.1:1'}]}").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(
        reply
            .text()
            .ends_with("targets: 0 unchanged, 0 changed, 1 new, 0 gone\n"),
        "{}",
        reply.text()
    );
    let reply = post("collectors: {phala: [{name: b}]}").await;
    assert_eq!(reply.status, 500);
    assert!(
        reply.text().starts_with("the configuration was not changed:\n") && reply.text().contains("farm.yml:1:"),
        "{}",
        reply.text()
    );
    // Over TCP it does not exist unless it was asked for.
    assert!([403, 404].contains(&warden.ask("POST", "/-/reload", "").await.status));
}
