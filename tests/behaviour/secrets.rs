//! Tokens for upstreams: sent, renewed, and never shown.

use std::path::Path;

use serde_json::json;
use simfarm::substrate::Node;

use crate::harness::{Setup, Warden};

const MARKER: &str = "marker-s3cret-4f1d";

async fn guarded_node(token: &str) -> Node {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    node.set(json!({"token": token})).await.unwrap();
    node
}

fn config(node: &Node, scheme: &str, token: &Path) -> String {
    format!(
        "collectors:\n  phala:\n    - {{name: guarded, para: '{scheme}://{}', bearer_token_file: '{}', interval: 1s, timeout: 500ms}}\n",
        node.addr(),
        token.display()
    )
}

#[tokio::test]
async fn a_token_opens_the_node_and_a_renewed_one_is_read_again() {
    for scheme in ["http", "ws"] {
        let directory = tempfile::tempdir().unwrap();
        let token = directory.path().join("token");
        std::fs::write(&token, format!("{MARKER}\n")).unwrap();
        let node = guarded_node(MARKER).await;
        let warden = Warden::start(&config(&node, scheme, &token)).await;
        warden.page_with("target=\"guarded\",part=\"para\"} 1").await;

        node.set(json!({"token": "another-one", "incident": "down"}))
            .await
            .unwrap();
        node.set(json!({"incident": "healthy"})).await.unwrap();
        let refused = warden.page_where("the refusal", |page| {
            page.contains("reason=\"unauthorized\"} ") && !page.contains("reason=\"unauthorized\"} 0")
        });
        let page = refused.await;
        let status = warden.get("/").await.text().to_owned();
        assert!(status.contains("it refused our credentials (HTTP 401)"), "{status}");
        let api = warden.get("/api/v1/targets").await.text().to_owned();
        assert!(api.contains("it refused our credentials (HTTP 401)"), "{api}");
        assert!(![page, status, api].concat().contains(MARKER));

        std::fs::write(&token, "another-one").unwrap();
        warden.page_with("target=\"guarded\",part=\"para\"} 1").await;
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_read_is_named_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let node = guarded_node(MARKER).await;
    let config = config(&node, "http", Path::new("/no/such/token"));
    let setup = Setup {
        config: &config,
        ..Setup::default()
    };
    let words = setup.app(directory.path()).await;
    assert_eq!(
        words.err().unwrap(),
        "guarded: its token: /no/such/token cannot be read: no such file or directory"
    );
}
