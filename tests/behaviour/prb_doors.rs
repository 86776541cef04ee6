//! PRB v3 and v0 through their own doors: the same families as v2, the right one to blame, no keystore anywhere.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use simfarm::prb_v0::{self, SECRET_MARKER};
use simfarm::prb_v2;
use simfarm::prb_v3::Manager;
use simfarm::substrate::Node;

use crate::harness::Warden;

/// Eleven workers of two pools, of which the last is disabled.
fn fleet() -> Value {
    json!({"workers": 11, "pools": 2, "disabled": 1})
}

async fn manager(patch: Value) -> Manager {
    let manager = Manager::start("127.0.0.1:0").await.unwrap();
    manager.set(fleet()).await.unwrap();
    manager.set(patch).await.unwrap();
    manager
}

async fn legacy(patch: Value) -> prb_v0::Monitor {
    let monitor = prb_v0::Monitor::start("127.0.0.1:0").await.unwrap();
    monitor.set(fleet()).await.unwrap();
    monitor.set(json!({"query_timeout_ms": 50})).await.unwrap();
    monitor.set(patch).await.unwrap();
    monitor
}

/// An entry that asks everything often.
fn config(key: &str, address: SocketAddr) -> String {
    format!(
        "collectors:\n  prb:\n    - name: prb-1\n      {key}: http://{address}\n      interval: 1s\n      \
         workers_interval: 1s\n      inventory_interval: 1s\n      timeout: 500ms\n"
    )
}

fn up(part: &str, up: u8) -> String {
    format!("farmwarden_target_up{{collector=\"prb\",target=\"prb-1\",part=\"{part}\"}} {up}\n")
}

fn peer_up(peer: &str, role: &str, up: u8) -> String {
    format!("phala_prb_peer_up{{target=\"prb-1\",peer=\"{peer}\",role=\"{role}\"}} {up}\n")
}

fn symptom(name: &str, entity: &str) -> String {
    format!("farmwarden_symptom{{target=\"prb-1\",symptom=\"{name}\",entity=\"{entity}\"}} 1\n")
}

fn ill(page: &str) -> Vec<&str> {
    let symptoms = page.lines().filter(|line| line.starts_with("farmwarden_symptom{"));
    symptoms.filter(|line| line.ends_with(" 1")).collect()
}

/// The page when every part has brought something, and everything was judged.
async fn complete(warden: &Warden, parts: &[&str]) -> String {
    let all = |page: &str| {
        parts.iter().all(|part| page.contains(&up(part, 1)))
            && page.contains("phala_prb_workers_enabled{")
            && page.contains("phala_worker_para_lag_blocks{")
            && page.contains("symptom=\"worker_missing_from_runner\"")
    };
    warden.page_where("every part", all).await
}

/// Families about workers, pools and peers, with the names of their labels.
fn families(page: &str) -> BTreeSet<String> {
    let about_prb = |line: &&str| line.starts_with("phala_worker_") || line.starts_with("phala_prb_");
    let shape = |line: &str| {
        let labels = line
            .split(['{', ','])
            .filter_map(|part| part.split_once("=\"").map(|(name, _)| name));
        let name = line.split('{').next().unwrap();
        format!("{name} {}", labels.collect::<Vec<_>>().join(" "))
    };
    page.lines().filter(about_prb).map(shape).collect()
}

#[tokio::test]
async fn every_prb_shows_the_same_families_for_the_same_fleet() {
    let v2 = prb_v2::Monitor::start("127.0.0.1:0").await.unwrap();
    let farm = json!({"dial_ms": 20, "lifecycles": [fleet()]});
    v2.set(farm).await.unwrap();
    let v3 = manager(json!({})).await;
    let v0 = legacy(json!({})).await;
    let usual = ["peers", "workers", "inventory"];
    let mut pages = Vec::new();
    for (key, address, parts) in [
        ("monitor", v2.addr(), &usual[..]),
        (
            "worker_manager",
            v3.addr(),
            &["peers", "workers", "inventory", "transactions"],
        ),
        ("legacy_monitor", v0.addr(), &usual),
    ] {
        let warden = Warden::start(&config(key, address)).await;
        let page = complete(&warden, parts).await;
        assert_eq!(ill(&page), Vec::<&str>::new());
        pages.push(page);
    }
    let (v2, v3, v0) = (&pages[0], &pages[1], &pages[2]);
    let only = |here: &str, there: &str| -> Vec<String> {
        let (here, there) = (families(here), families(there));
        here.difference(&there)
            .map(|family| family.split(' ').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(only(v2, v0), Vec::<String>::new());
    assert_eq!(only(v0, v2), Vec::<String>::new());
    assert_eq!(
        only(v2, v3),
        ["phala_prb_data_provider_block_height", "phala_prb_data_provider_state"]
    );
    assert_eq!(
        only(v3, v2),
        [
            "phala_prb_transactions_by_state",
            "phala_prb_transactions_cut",
            "phala_prb_transactions_total",
        ]
    );
    for (page, lifecycle) in [(v2, "lifecycle"), (v3, "worker-manager"), (v0, "lifecycle")] {
        for expected in [
            format!("phala_prb_workers{{target=\"prb-1\",lifecycle=\"{lifecycle}\",pool=\"89\",state=\"active\"}} 5\n"),
            format!("phala_prb_workers_configured{{target=\"prb-1\",lifecycle=\"{lifecycle}\"}} 11\n"),
            format!("phala_prb_workers_enabled{{target=\"prb-1\",lifecycle=\"{lifecycle}\"}} 10\n"),
            "worker=\"10.1.0.10\",uuid=\"".to_owned(),
        ] {
            assert!(page.contains(&expected), "{expected}\n{page}");
        }
        assert!(!page.contains("worker=\"10.1.0.11\""), "{page}");
    }
}

#[tokio::test]
async fn a_worker_manager_is_read_by_reading_calls_alone() {
    let manager = manager(json!({"failed_txs": 2, "pending_txs": 1, "running_txs": 1, "block_time_ms": 0})).await;
    let warden = Warden::start(&config("worker_manager", manager.addr())).await;
    let page = complete(&warden, &["peers", "workers", "inventory", "transactions"]).await;
    let state = |state: &str| {
        format!("phala_prb_transactions_by_state{{target=\"prb-1\",lifecycle=\"worker-manager\",state=\"{state}\"}}")
    };
    for expected in [
        "phala_prb_info{target=\"prb-1\",prb=\"v3\",git_revision=\"654b1b6\"} 1\n".to_owned(),
        peer_up("worker-manager", "worker_manager", 1),
        format!("{} 3\n", state("success")),
        format!("{} 2\n", state("error")),
        format!("{} 1\n", state("pending")),
        format!("{} 1\n", state("running")),
        "phala_prb_transactions_total{target=\"prb-1\",lifecycle=\"worker-manager\"} 7\n".to_owned(),
    ] {
        assert!(page.contains(&expected), "{expected}\n{page}");
    }
    let asked: Vec<String> = manager.calls().methods.into_keys().collect();
    assert_eq!(asked, ["tx/status", "wm/config", "wm/status", "workers/status"]);
}

#[tokio::test]
async fn builds_of_both_years_have_heights_and_times_of_messages() {
    for build in ["2023", "2024"] {
        let manager = manager(json!({"build": build, "block_time_ms": 0})).await;
        let height = manager.settings().para_height;
        let warden = Warden::start(&config("worker_manager", manager.addr())).await;
        let page = complete(&warden, &["workers"]).await;
        let labels = "{target=\"prb-1\",lifecycle=\"worker-manager\",pool=\"88\",worker=\"10.1.0.1\"}";
        assert!(
            page.contains(&format!("phala_worker_para_block_height{labels} {height}\n")),
            "{page}"
        );
        assert!(
            page.contains(&format!("phala_worker_para_lag_blocks{labels} 0\n")),
            "{page}"
        );
        let name = format!("phala_worker_last_message_timestamp_seconds{labels} ");
        let time = page.lines().find_map(|line| line.strip_prefix(name.as_str()));
        let written: f64 = time.unwrap().parse().unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        assert!((written - now).abs() < 600.0, "{build}: {written}, now {now}");
    }
}

#[tokio::test]
async fn workers_that_need_a_restart_are_told_apart_and_many_are_one_symptom() {
    let manager = manager(json!({"workers": 50, "disabled": 0, "error_percent": 4})).await;
    let warden = Warden::start(&config("worker_manager", manager.addr())).await;
    let page = warden
        .page_with(&symptom("worker_error", "worker-manager/10.1.0.1"))
        .await;
    let restart = "phala_prb_worker_messages{target=\"prb-1\",lifecycle=\"worker-manager\",kind=\"needs_restart\"} ";
    assert!(page.contains(&format!("{restart}2\n")), "{page}");
    assert_eq!(ill(&page).len(), 2, "{page}");

    manager
        .set(json!({"error_percent": 56, "error_pool": 89}))
        .await
        .unwrap();
    let page = warden.page_with(&symptom("workers_correlated", "worker-manager")).await;
    assert!(page.contains(&format!("{restart}14\n")), "{page}");
    assert_eq!(ill(&page).len(), 1, "{page}");
    let status = warden.get("/").await.text().to_owned();
    assert!(status.contains("worker_error (needs_restart)"), "{status}");
    assert!(status.contains("Need Restart Manually!"), "{status}");
}

#[tokio::test]
async fn a_worker_that_stands_behind_the_others_is_lagging() {
    let manager = manager(json!({"block_time_ms": 0})).await;
    let warden = Warden::start(&config("worker_manager", manager.addr())).await;
    complete(&warden, &["workers"]).await;
    manager.set(json!({"stalled": ["10.1.0.2"]})).await.unwrap();
    manager.block(20);
    let page = warden
        .page_with(&symptom("worker_lagging", "worker-manager/10.1.0.2"))
        .await;
    assert_eq!(ill(&page).len(), 1, "{page}");
}

#[tokio::test]
async fn a_worker_manager_that_is_down_is_the_one_to_blame() {
    let manager = manager(json!({})).await;
    let warden = Warden::start(&config("worker_manager", manager.addr())).await;
    complete(&warden, &["workers"]).await;
    manager.set(json!({"incident": "down"})).await.unwrap();
    warden.page_with(&up("peers", 0)).await;
    let page = warden.page_with(&symptom("prb_peer_down", "worker-manager")).await;
    assert!(page.contains(&peer_up("worker-manager", "worker_manager", 0)), "{page}");
    assert_eq!(ill(&page).len(), 1, "{page}");
    manager.set(json!({"incident": "healthy"})).await.unwrap();
    warden.page_with(&peer_up("worker-manager", "worker_manager", 1)).await;
}

#[tokio::test]
async fn a_worker_manager_that_fails_is_down_with_its_reason() {
    let manager = manager(json!({"incident": "server_error"})).await;
    let warden = Warden::start(&config("worker_manager", manager.addr())).await;
    warden.page_with(&symptom("prb_peer_down", "worker-manager")).await;
    warden.page_with(&up("transactions", 0)).await;
    let failures =
        "farmwarden_target_failures_total{collector=\"prb\",target=\"prb-1\",part=\"peers\",reason=\"status\"} ";
    let page = warden
        .page_where("a fault", |page| {
            page.contains(failures) && !page.contains(&format!("{failures}0\n"))
        })
        .await;
    assert!(!page.contains("phala_prb_transactions_"), "{page}");
    let api = warden.get("/api/v1/targets").await.text().to_owned();
    assert!(api.contains("answered HTTP 500"), "{api}");
}

#[tokio::test]
async fn a_list_of_transactions_without_end_is_read_at_its_beginning() {
    let manager = manager(json!({"succeeded_txs": 60_000, "pending_txs": 5, "block_time_ms": 0})).await;
    let slow = config("worker_manager", manager.addr())
        .replace("500ms", "4s")
        .replace(": 1s", ": 5s");
    let warden = Warden::start(&slow).await;
    let cut = "phala_prb_transactions_cut{target=\"prb-1\",lifecycle=\"worker-manager\"} 1\n";
    let page = warden.page_with(cut).await;
    let state = |state: &str| {
        format!("phala_prb_transactions_by_state{{target=\"prb-1\",lifecycle=\"worker-manager\",state=\"{state}\"}} ")
    };
    let read = page
        .lines()
        .find_map(|line| line.strip_prefix(state("success").as_str()));
    let read: u64 = read.unwrap().parse().unwrap();
    assert!((1_000..60_000).contains(&read), "{read}");
    assert!(page.contains(&up("transactions", 1)), "{page}");
}

#[tokio::test]
async fn an_old_monitor_is_asked_for_all_workers_in_one_call() {
    let monitor = legacy(json!({})).await;
    let warden = Warden::start(&config("legacy_monitor", monitor.addr())).await;
    complete(&warden, &["peers", "workers", "inventory"]).await;
    let asked = || monitor.calls().of("queryWorkerState");
    warden.page_where("some rounds", |_| asked() > 2).await;
    let calls = monitor.calls();
    assert!(
        calls.of("queryWorkerState") <= calls.of("callOnlineLifecycleManager"),
        "{calls:?}"
    );
    let names: Vec<String> = calls.methods.into_keys().collect();
    assert_eq!(
        names,
        ["callOnlineFetcher", "callOnlineLifecycleManager", "queryWorkerState"]
    );
}

#[tokio::test]
async fn an_old_lifecycle_that_does_not_answer_is_down_and_the_fetcher_is_not() {
    let monitor = legacy(json!({"incident": "no_manager"})).await;
    let warden = Warden::start(&config("legacy_monitor", monitor.addr())).await;
    let page = warden.page_with(&symptom("prb_peer_down", "lifecycle")).await;
    assert!(page.contains(&peer_up("lifecycle", "lifecycle", 0)), "{page}");
    let page = warden.page_with(&peer_up("fetch", "data_provider", 1)).await;
    assert_eq!(ill(&page).len(), 1, "{page}");
    monitor.set(json!({"incident": "no_fetcher"})).await.unwrap();
    warden.page_with(&symptom("prb_peer_down", "fetch")).await;
    warden.page_with(&peer_up("lifecycle", "lifecycle", 1)).await;
    monitor.set(json!({"incident": "down"})).await.unwrap();
    warden.page_with(&up("workers", 0)).await;
}

#[tokio::test]
async fn a_fetcher_that_lost_its_node_is_found_although_it_says_that_it_is_synched() {
    let monitor = legacy(json!({"block_time_ms": 0, "incident": "fetcher_stuck"})).await;
    let height = monitor.settings().para_height;
    let para = Node::start("127.0.0.1:0").await.unwrap();
    let far = json!({"best": height + 30, "block_time_ms": 0, "finality_lag": 0});
    para.set(far).await.unwrap();
    let config = format!(
        "{}      thresholds: {{provider_target_stale_after: 2s}}\n  phala:\n    - name: node-1\n      para: http://{}\n      \
         interval: 1s\n      timeout: 500ms\n      thresholds: {{stuck_after: 1h, head_age: 1h}}\n",
        config("legacy_monitor", monitor.addr()),
        para.addr()
    );
    let warden = Warden::start(&config).await;
    warden.page_with(&symptom("data_provider_target_stale", "fetch")).await;
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_keystores_of_an_old_prb_are_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // Everything here runs on the thread of the test.
    let _logged = tracing::subscriber::set_default(subscriber);
    let monitor = legacy(json!({"mnemonics": true})).await;
    let warden = Warden::start(&config("legacy_monitor", monitor.addr())).await;
    let mut seen = complete(&warden, &["peers", "workers", "inventory"]).await;
    let asked = monitor.calls().of("callOnlineLifecycleManager");
    // Also where an answer cannot be read to its end.
    for broken in ["truncated", "half_open", "drip"] {
        monitor.set(json!({"incident": broken})).await.unwrap();
        seen += &warden.page_with(&up("inventory", 0)).await;
        for path in ["/", "/?all", "/?target=prb-1", "/api/v1/targets", "/api/v1/sd"] {
            seen += warden.get(path).await.text();
        }
        monitor.set(json!({"incident": "healthy"})).await.unwrap();
        seen += &warden.page_with(&up("inventory", 1)).await;
    }
    assert!(monitor.calls().of("callOnlineLifecycleManager") > asked);
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("prb-1"), "{log}");
    assert!(!seen.contains(SECRET_MARKER) && !log.contains(SECRET_MARKER));
}
