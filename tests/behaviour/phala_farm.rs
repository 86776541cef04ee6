//! A whole Phala farm with incidents: each is seen on the link that is broken, and on no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use simfarm::prb_v2::Monitor;
use simfarm::substrate::Node;
use tokio::task::JoinHandle;

use crate::harness::{PATIENCE, Warden};

/// Symptom and entity, with its target in front of it.
type Seen = BTreeSet<(String, String)>;

/// A node with both chains, a PRB with two lifecycles, and what watches them.
struct Farm {
    chains: Arc<Chains>,
    growing: JoinHandle<()>,
    warden: Warden,
}

/// What goes on together: the network's blocks reach the node, and from there the PRB.
struct Chains {
    para: Node,
    relay: Node,
    monitor: Monitor,
    /// The node is stuck, so its PRB gets nothing new.
    starved: std::sync::atomic::AtomicBool,
}

/// Blocks come 60 times as fast as on the real chain, and so do the limits.
const BLOCK: Duration = Duration::from_millis(200);

impl Drop for Farm {
    fn drop(&mut self) {
        self.growing.abort();
    }
}

impl Farm {
    async fn start() -> Self {
        let chains = Arc::new(Chains {
            para: Node::start("127.0.0.1:0").await.unwrap(),
            relay: Node::start("127.0.0.1:0").await.unwrap(),
            monitor: Monitor::start("127.0.0.1:0").await.unwrap(),
            starved: false.into(),
        });
        let fleets = json!([{"workers": 18, "pools": 2}, {"workers": 4}]);
        let farm = json!({"dial_ms": 20, "block_time_ms": 0, "lifecycles": fleets});
        chains.monitor.set(farm).await.unwrap();
        let settings = chains.monitor.settings();
        let at = |best: i64, seed: u8| json!({"best": best, "block_time_ms": 0, "finality_lag": 0, "seed": seed});
        chains.para.set(at(settings.para_height, 1)).await.unwrap();
        chains.relay.set(at(settings.relay_height, 2)).await.unwrap();
        let config = format!(
            "collectors:\n  phala:\n    - name: node-1\n      para: http://{}\n      relay: http://{}\n      interval: \
             1s\n      timeout: 900ms\n      thresholds: {{stuck_after: 5s}}\n  prb:\n    - name: prb-1\n      monitor: \
             http://{}\n      interval: 1s\n      workers_interval: 1s\n      inventory_interval: 2s\n      timeout: \
             900ms\n      thresholds: {{stalled_after: 2s, stuck_syncing_after: 3s, provider_target_stale_after: 3s, \
             provider_target_stale_blocks: 10}}\n",
            chains.para.addr(),
            chains.relay.addr(),
            chains.monitor.addr(),
        );
        let growing = tokio::spawn(grow(Arc::clone(&chains)));
        let farm = Self {
            chains,
            growing,
            warden: Warden::start(&config).await,
        };
        farm.only(&[]).await;
        farm
    }

    fn peer(&self, name: &str, patch: &Value) {
        self.chains.monitor.peer(name, patch).unwrap();
    }

    fn starve(&self, starved: bool) {
        self.chains.starved.store(starved, std::sync::atomic::Ordering::Relaxed);
    }

    /// Waits until these are seen, and stay for some rounds; no other is ever seen meanwhile.
    async fn only(&self, expected: &[(&str, &str)]) -> String {
        let expected: Seen = expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let started = tokio::time::Instant::now();
        let mut since: Option<tokio::time::Instant> = None;
        loop {
            let page = self.warden.page().await;
            let seen = seen(&page);
            let judged = page.contains("symptom=\"worker_error\"") || !expected.is_empty();
            if seen == expected && judged {
                let since = *since.get_or_insert_with(tokio::time::Instant::now);
                if since.elapsed() > Duration::from_millis(2500) {
                    return page;
                }
            } else {
                since = None;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "expected {expected:?}, seen {seen:?}\n{page}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// One block of the parachain and two of the relay chain, again and again.
async fn grow(chains: Arc<Chains>) {
    loop {
        tokio::time::sleep(BLOCK).await;
        chains.para.block(1);
        chains.relay.block(2);
        if !chains.starved.load(std::sync::atomic::Ordering::Relaxed) {
            chains.monitor.block(1);
        }
    }
}

/// What is ill, as `target/entity`.
fn seen(page: &str) -> Seen {
    let value = |line: &str, label: &str| {
        let (_, rest) = line.split_once(&format!("{label}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let ill = page
        .lines()
        .filter(|line| line.starts_with("farmwarden_symptom{") && line.ends_with(" 1"));
    ill.map(|line| {
        let place = format!("{}/{}", value(line, "target"), value(line, "entity"));
        (value(line, "symptom"), place)
    })
    .collect()
}

/// Workers by the first broken link before them, over both lifecycles.
fn behind(page: &str, link: &str) -> u64 {
    let marked = format!("link=\"{link}\"}} ");
    page.lines()
        .filter(|line| line.starts_with("phala_prb_workers_by_broken_link{"))
        .filter_map(|line| line.split_once(&marked)?.1.parse::<u64>().ok())
        .sum()
}

#[tokio::test]
async fn a_node_that_stands_still_is_the_first_broken_link_of_every_worker() {
    let farm = Farm::start().await;
    farm.starve(true);
    farm.chains.para.set(json!({"incident": "stuck"})).await.unwrap();
    let page = farm.only(&[("node_stuck", "node-1/para")]).await;
    assert_eq!((behind(&page, "para"), behind(&page, "none")), (22, 0));
    farm.chains.para.set(json!({"incident": "healthy"})).await.unwrap();
    farm.starve(false);
    let page = farm.only(&[]).await;
    assert_eq!(behind(&page, "none"), 22);
    farm.starve(true);
    farm.chains.relay.set(json!({"incident": "stuck"})).await.unwrap();
    let page = farm.only(&[("node_stuck", "node-1/relay")]).await;
    assert_eq!((behind(&page, "relay"), behind(&page, "none")), (22, 0));
    // The sentence on top and the chain of links say the same.
    let report: Value = serde_json::from_str(farm.warden.get("/api/v1/targets").await.text()).unwrap();
    let first = report.pointer("/farms/0/first_broken").unwrap().to_string();
    assert!(first.contains("node-1/relay"), "{first}");
}

#[tokio::test]
async fn a_provider_that_lost_its_node_is_told_as_that() {
    let farm = Farm::start().await;
    farm.peer("data_provider", &json!({"trouble": "lost_node"}));
    let page = farm
        .only(&[("data_provider_target_stale", "prb-1/data_provider")])
        .await;
    assert_eq!((behind(&page, "data_provider"), behind(&page, "none")), (22, 0));
    farm.peer("data_provider", &json!({"trouble": "healthy"}));
    farm.only(&[]).await;
    farm.peer("data_provider", &json!({"trouble": "stuck"}));
    let page = farm.only(&[("data_provider_lag", "prb-1/data_provider")]).await;
    assert_eq!(behind(&page, "data_provider"), 22);
}

#[tokio::test]
async fn a_lifecycle_that_is_dead_but_still_listed_is_told_and_its_neighbour_is_well() {
    let farm = Farm::start().await;
    farm.peer("lifecycle_2", &json!({"trouble": "dead"}));
    let page = farm.only(&[("prb_peer_down", "prb-1/lifecycle_2")]).await;
    assert_eq!(behind(&page, "none"), 18);
    farm.peer("lifecycle_2", &json!({"trouble": "healthy"}));
    let page = farm.only(&[]).await;
    assert_eq!(behind(&page, "none"), 22);
}

#[tokio::test]
async fn many_workers_that_fail_alike_are_one_failure_of_their_lifecycle() {
    let farm = Farm::start().await;
    // 56 % of one of two pools: 5 of 9.
    farm.peer("lifecycle", &json!({"error_percent": 56, "error_pool": 88}));
    let page = farm.only(&[("workers_correlated", "prb-1/lifecycle")]).await;
    assert_eq!((behind(&page, "lifecycle"), behind(&page, "none")), (18, 4));
    farm.peer("lifecycle", &json!({"error_percent": 0}));
    farm.only(&[]).await;
    // As on 2022-11-12: every worker at one height, whoever drives it.
    let height = farm.chains.monitor.settings().para_height;
    farm.peer("lifecycle", &json!({"stopped_at": height}));
    farm.peer("lifecycle_2", &json!({"stopped_at": height}));
    farm.only(&[
        ("workers_correlated", "prb-1/lifecycle"),
        ("workers_correlated", "prb-1/lifecycle_2"),
    ])
    .await;
}

#[tokio::test]
async fn one_worker_that_silently_stands_still_is_found() {
    let farm = Farm::start().await;
    farm.peer("lifecycle", &json!({"stalled": ["10.1.0.7"]}));
    // It lags first, and stands still for long enough a little later.
    let page = farm.only(&[("worker_silent_stall", "prb-1/lifecycle/10.1.0.7")]).await;
    assert!(page.contains("worker=\"10.1.0.7\",state=\"active\"} 1"), "{page}");
    assert_eq!((behind(&page, "worker"), behind(&page, "none")), (1, 21));
}

#[tokio::test]
async fn a_monitor_that_was_restarted_is_one_thing_and_not_a_dead_farm() {
    let farm = Farm::start().await;
    farm.chains.monitor.set(json!({"incident": "restarted"})).await.unwrap();
    farm.only(&[("prb_peer_down", "prb-1/lifecycles")]).await;
    farm.chains.monitor.set(json!({"incident": "healthy"})).await.unwrap();
    farm.only(&[]).await;
}
