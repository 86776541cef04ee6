//! What a parachain node says of the workers of a PRB: the chain's word stands before PRB's, and goes with the node.

use serde_json::json;
use simfarm::phala::fleet::Fleet;
use simfarm::phala::identity;
use simfarm::phala::session::SessionState;
use simfarm::phala::storage::{Network, OnChain, Pallets, Storage};
use simfarm::prb_v2::Monitor;
use simfarm::substrate::Node;

use crate::harness::Warden;

/// A PRB with one lifecycle, and the chain that its workers are on.
struct Farm {
    monitor: Monitor,
    node: Node,
    pallets: Pallets,
    workers: Vec<OnChain>,
    network: Network,
    /// Of the owner of pool 88, in plancks.
    free: u128,
}

impl Farm {
    async fn start(pallets: Pallets, workers: u32) -> Self {
        let monitor = Monitor::start("127.0.0.1:0").await.unwrap();
        let lifecycle = json!({"workers": workers});
        let farm = json!({"dial_ms": 20, "lifecycles": [lifecycle]});
        monitor.set(farm).await.unwrap();
        let fleet: Fleet = monitor.settings().lifecycles[0].fleet.clone();
        let spec = match pallets {
            Pallets::New => 1251,
            Pallets::Old => 1180,
        };
        let node = Node::start("127.0.0.1:0").await.unwrap();
        let runtime = json!({"specName": "khala", "specVersion": spec});
        node.set(json!({"runtime": runtime})).await.unwrap();
        Self {
            monitor,
            node,
            pallets,
            workers: fleet.on_chain(),
            network: Network::default(),
            free: 100_000_000_000_000,
        }
    }

    /// Puts on the chain what is known of it now.
    async fn store(&self) {
        let mut storage = Storage::of(self.pallets, &self.workers);
        let owner = identity::operator_account(88);
        storage.network(self.pallets, self.network);
        storage.pool(self.pallets, 88, &owner);
        storage.operator(&owner, self.free);
        self.node.set(json!({"storage": storage.json()})).await.unwrap();
    }

    async fn watched(&self) -> Warden {
        self.store().await;
        self.watched_every("http", "1s", "900ms").await
    }

    async fn watched_every(&self, scheme: &str, every: &str, within: &str) -> Warden {
        Warden::start(&format!(
            "collectors:\n  prb:\n    - name: prb-1\n      monitor: http://{}\n      node: {scheme}://{}\n      interval: \
             {every}\n      workers_interval: {every}\n      inventory_interval: {every}\n      chain_interval: {every}\n      \
             timeout: {within}\n",
            self.monitor.addr(),
            self.node.addr()
        ))
        .await
    }

    fn change(&mut self, number: usize, state: SessionState) {
        let worker = &mut self.workers[number];
        worker.session = worker.session.take().map(|session| session.in_state(state));
    }
}

/// A sample of a worker of pool 88, without its value.
fn of(family: &str, worker: &str, more: &str) -> String {
    format!("{family}{{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"{worker}\"{more}}} ")
}

fn state(worker: &str, state: &str, source: &str) -> String {
    let more = format!(",state=\"{state}\",source=\"{source}\"");
    format!("{}1\n", of("phala_worker_session_state", worker, &more))
}

fn symptom(name: &str, entity: &str) -> String {
    format!("farmwarden_symptom{{target=\"prb-1\",symptom=\"{name}\",entity=\"{entity}\"}} 1\n")
}

/// The value of the only sample that begins so.
fn value(page: &str, sample: &str) -> f64 {
    let mut found = page.lines().filter_map(|line| line.strip_prefix(sample));
    let value = found.next().unwrap_or_else(|| unreachable!("{sample}\n{page}"));
    value.trim().parse().unwrap()
}

#[tokio::test]
async fn the_chain_says_what_prb_says_and_what_prb_cannot_know() {
    for pallets in [Pallets::New, Pallets::Old] {
        let mut farm = Farm::start(pallets, 3).await;
        farm.free = 1_250_000_000_000;
        let warden = farm.watched().await;
        let page = warden.page_with(&state("10.1.0.3", "idle", "chain")).await;
        let account = identity::ss58(identity::SS58_PHALA, &identity::operator_account(88));
        let target = "{target=\"prb-1\"} ";
        for expected in [
            format!("phala_chain_online_workers{target}24000\n"),
            format!("phala_chain_heartbeat_paused{target}0\n"),
            format!("phala_chain_heartbeat_window_blocks{target}10\n"),
            format!("phala_chain_cool_down_seconds{target}604800\n"),
            format!("phala_chain_unreadable_values{target}0\n"),
            format!(
                "phala_pool_operator_free_balance_pha{{target=\"prb-1\",pool=\"88\",account=\"{account}\"}} 1.25\n"
            ),
            format!("{}10.0\n", of("phala_worker_chain_stake_pha", "10.1.0.1", "")),
        ] {
            assert!(page.contains(&expected), "{expected}\n{page}");
        }
        assert!(value(&page, &format!("phala_chain_block_height{target}")) >= 997.0);
        // To the last digit what the chain stores, which PRB writes for people.
        let session = farm.workers[0].session.clone().unwrap();
        let number = |family: &str| value(&page, &of(family, "10.1.0.1", ""));
        let expected = f64::from(u32::try_from(session.v >> 64).unwrap());
        assert!((number("phala_worker_v") - expected).abs() < 1.0);
        for (family, expected) in [
            ("phala_worker_p_init", u64::from(session.p_init)),
            ("phala_worker_p_instant", u64::from(session.p_instant)),
            ("phala_worker_v_updated_timestamp_seconds", session.v_updated_at),
            ("phala_worker_challenge_timestamp_seconds", session.challenge_time_last),
        ] {
            assert_eq!(number(family).to_string(), expected.to_string(), "{family}");
        }
        assert!(number("phala_worker_reward_pha") > 0.0);
        warden.page_with(&symptom("operator_gas_low", "pool/88")).await;
    }
}

#[tokio::test]
async fn a_worker_that_is_unresponsive_only_on_the_chain_is_told_and_no_other() {
    let mut farm = Farm::start(Pallets::New, 5).await;
    farm.change(2, SessionState::WorkerUnresponsive);
    let warden = farm.watched().await;
    let page = warden
        .page_with(&symptom("worker_unresponsive", "lifecycle/10.1.0.3"))
        .await;
    assert!(page.contains(&state("10.1.0.3", "unresponsive", "chain")), "{page}");
    assert_eq!(page.matches("symptom=\"worker_unresponsive\"").count(), 1, "{page}");

    // While the whole network rests it says nothing about the worker.
    farm.network.heartbeat_paused = Some(true);
    farm.store().await;
    let well = "farmwarden_symptom{target=\"prb-1\",symptom=\"worker_unresponsive\",entity=\"\"} 0\n";
    let page = warden
        .page_where("rest", |page| {
            page.contains("phala_chain_heartbeat_paused{target=\"prb-1\"} 1\n")
                && page.contains(well)
                && !page.contains(&symptom("worker_unresponsive", "lifecycle/10.1.0.3"))
        })
        .await;
    assert!(page.contains(&state("10.1.0.3", "unresponsive", "chain")), "{page}");
}

#[tokio::test]
async fn a_node_that_is_gone_leaves_prbs_own_word() {
    let mut farm = Farm::start(Pallets::New, 2).await;
    farm.change(1, SessionState::WorkerUnresponsive);
    let warden = farm.watched().await;
    warden.page_with(&state("10.1.0.2", "unresponsive", "chain")).await;
    farm.node.set(json!({"incident": "down"})).await.unwrap();
    let page = warden.page_with(&state("10.1.0.2", "idle", "prb")).await;
    for gone in [
        "phala_chain_",
        "phala_pool_operator_",
        "phala_worker_chain_stake_pha{",
        "source=\"chain\"",
    ] {
        assert!(!page.contains(gone), "{gone}\n{page}");
    }
    assert!(page.contains("part=\"chain\",reason=\"unreachable\"}"), "{page}");
    warden
        .page_where("well by PRB's word", |page| {
            !page.contains(&symptom("worker_unresponsive", "lifecycle/10.1.0.2"))
        })
        .await;
    farm.node.set(json!({"incident": "healthy"})).await.unwrap();
    warden.page_with(&state("10.1.0.2", "unresponsive", "chain")).await;
}

#[tokio::test]
async fn a_worker_that_is_not_bound_or_in_another_pool_is_seen_by_the_chain() {
    let mut farm = Farm::start(Pallets::New, 3).await;
    farm.workers[0].session = None;
    farm.workers[1].pid = Some(99);
    let warden = farm.watched().await;
    let page = warden
        .page_with(&symptom("worker_wrong_pool", "lifecycle/10.1.0.2"))
        .await;
    assert!(!page.contains("worker=\"10.1.0.1\",state=\"idle\",source="), "{page}");
    assert!(
        !page.contains("symptom=\"worker_wrong_pool\",entity=\"lifecycle/10.1.0.1\""),
        "{page}"
    );
}

#[tokio::test]
async fn five_hundred_workers_are_read_in_a_dozen_calls_over_a_websocket_too() {
    for scheme in ["http", "ws"] {
        let farm = Farm::start(Pallets::New, 500).await;
        farm.store().await;
        // Half a second of work here, and many times that on a busy machine.
        let warden = farm.watched_every(scheme, "10s", "9s").await;
        // The last name: 250 to a network.
        warden.page_with(&state("10.1.1.250", "idle", "chain")).await;
        let calls = farm.node.calls();
        let rounds = calls.of("chain_getFinalizedHead");
        assert!(calls.of("state_queryStorageAt") <= 11 * rounds, "{calls:?}");
        assert!(calls.total() <= 14 * rounds, "{calls:?}");
        let asked: Vec<&str> = calls.methods.keys().map(String::as_str).collect();
        let expected = [
            "chain_getFinalizedHead",
            "chain_getHeader",
            "state_getRuntimeVersion",
            "state_queryStorageAt",
        ];
        assert_eq!(asked, expected);
    }
}

#[tokio::test]
async fn a_relay_chain_is_told_as_such_and_costs_only_the_chains_word() {
    let farm = Farm::start(Pallets::New, 1).await;
    let runtime = json!({"specName": "kusama", "specVersion": 1_003_000});
    farm.node.set(json!({"runtime": runtime})).await.unwrap();
    let warden = farm.watched().await;
    let failed =
        "farmwarden_target_failures_total{collector=\"prb\",target=\"prb-1\",part=\"chain\",reason=\"malformed\"} ";
    let page = warden
        .page_where("a fault", |page| {
            page.contains(failed) && !page.contains(&format!("{failed}0\n"))
        })
        .await;
    assert!(
        page.contains("farmwarden_target_up{collector=\"prb\",target=\"prb-1\",part=\"chain\"} 0\n"),
        "{page}"
    );
    warden.page_with(&state("10.1.0.1", "idle", "prb")).await;
    let report = warden.get("/api/v1/targets").await;
    assert!(
        report.text().contains("this is the relay chain (kusama)"),
        "{}",
        report.text()
    );
}

#[tokio::test]
async fn a_node_that_catches_up_tells_of_another_day() {
    let mut farm = Farm::start(Pallets::New, 1).await;
    farm.change(0, SessionState::WorkerUnresponsive);
    let long_ago = json!({"head_timestamp_ms": 1_670_000_000_000_u64, "block_time_ms": 0});
    farm.node.set(long_ago).await.unwrap();
    let warden = farm.watched().await;
    let page = warden
        .page_where("the block", |page| {
            page.contains("phala_chain_block_timestamp_seconds{target=\"prb-1\"} 1669999")
                && page.contains("source=\"prb\"")
        })
        .await;
    assert!(page.contains(&state("10.1.0.1", "idle", "prb")), "{page}");
    assert!(!page.contains("phala_chain_online_workers{"), "{page}");
}
