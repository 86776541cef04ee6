//! Against a stand-in of a node.

use std::time::Duration;

use serde_json::{Value as Json, json};
use simfarm::phala::identity;
use simfarm::phala::session::SessionState as Stored;
use simfarm::phala::storage::{Network as Figures, OnChain as Worker, Pallets as Names, Storage as Filled, map_key};
use simfarm::substrate::Node;

use super::*;
use crate::collectors::prb::session::SessionState;
use crate::upstream::Upstream;
use crate::values::Size;

fn client(node: &Node) -> Substrate {
    let endpoint = format!("http://{}", node.addr()).parse().unwrap();
    let upstream = Upstream::from_system().unwrap();
    Substrate::new(
        &upstream,
        &endpoint,
        None,
        Duration::from_secs(10),
        Size::from_bytes(16 << 20),
    )
}

async fn node(storage: &Json, spec: (&str, u64)) -> Node {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    let runtime = json!({"specName": spec.0, "specVersion": spec.1});
    let patch = json!({"storage": storage, "runtime": runtime, "block_time_ms": 0});
    node.set(patch).await.unwrap();
    node
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("w{number}")).collect()
}

fn fleet(names: &[String]) -> Vec<Worker> {
    names.iter().map(|name| Worker::of(name, 88)).collect()
}

fn key(name: &str) -> PublicKey {
    PublicKey(identity::public_key(name))
}

/// As PRB has them.
fn roster(names: &[String]) -> Vec<Known> {
    let known = |name: &String| Known {
        public_key: Some(identity::hex(&identity::public_key(name))),
        endpoint: String::new(),
        pool: Some(88),
    };
    names.iter().map(known).collect()
}

/// A chain with workers, their pool and its owner.
fn chain(pallets: Names, workers: &[Worker]) -> Filled {
    let mut storage = Filled::of(pallets, workers);
    let owner = identity::operator_account(88);
    storage.network(pallets, Figures::default());
    storage.pool(pallets, 88, &owner);
    storage.operator(&owner, 1_500_000_000_000);
    storage
}

async fn state(storage: &Json, spec: (&str, u64), names: &[String]) -> State {
    let node = node(storage, spec).await;
    read(&client(&node), &roster(names)).await.unwrap()
}

const KHALA: (&str, u64) = ("khala", 1251);

#[tokio::test]
async fn everything_about_a_worker_is_read_with_the_names_of_its_runtime() {
    for (pallets, spec) in [
        (Names::New, KHALA),
        (Names::New, ("phala", 1230)),
        (Names::New, ("rhala", 1241)),
        (Names::Old, ("khala", 1180)),
        (Names::Old, ("khala", 1198)),
    ] {
        let names = names(2);
        let mut workers = fleet(&names);
        workers[1].session = workers[1]
            .session
            .take()
            .map(|session| session.in_state(Stored::WorkerUnresponsive));
        let state = state(&chain(pallets, &workers).json(), spec, &names).await;
        assert_eq!(state.network.online_workers, Some(24_000), "{spec:?}");
        assert_eq!(state.network.heartbeat_paused, Some(false));
        assert_eq!(state.network.cool_down_seconds, Some(604_800));
        assert_eq!(state.network.heartbeat_window, Some(10));
        assert_eq!(state.height, Some(997));
        assert!(state.time.is_some());
        let [first, second] = [&names[0], &names[1]].map(|name| state.workers[&key(name)]);
        assert_eq!((first.stake, first.pool), (Some(Plancks(10_000_000_000_000)), Some(88)));
        assert_eq!(first.session.unwrap().state, Some(SessionState::Idle));
        assert_eq!(second.session.unwrap().state, Some(SessionState::Unresponsive));
        let operator = state.operators[&88];
        assert_eq!(operator.account, Account(identity::operator_account(88)));
        assert_eq!(operator.free, Some(Plancks(1_500_000_000_000)));
        assert_eq!((state.unreadable, state.left_out), (0, 0));
    }
}

#[tokio::test]
async fn five_hundred_workers_take_a_dozen_calls() {
    let names = names(500);
    let node = node(&chain(Names::New, &fleet(&names)).json(), KHALA).await;
    let state = read(&client(&node), &roster(&names)).await.unwrap();
    assert_eq!(state.workers.len(), 500);
    let calls = node.calls();
    // The network; twice two keys of each worker, and its pool; the operator.
    assert_eq!(calls.of("state_queryStorageAt"), 1 + 4 + 5 + 1);
    assert_eq!(calls.total(), 11 + 3, "{calls:?}");
}

#[tokio::test]
async fn a_node_without_calls_for_many_keys_is_asked_for_one_at_a_time_up_to_a_bound() {
    let names = names(3);
    let node = node(&chain(Names::New, &fleet(&names)).json(), KHALA).await;
    node.set(json!({"incident": "no_method", "missing": ["state_queryStorageAt"]}))
        .await
        .unwrap();
    let state = read(&client(&node), &roster(&names)).await.unwrap();
    assert_eq!((state.workers.len(), state.left_out), (3, 0));
    assert_eq!(state.operators.len(), 1);
    let calls = node.calls();
    assert_eq!(
        (calls.of("state_queryStorageAt"), calls.of("state_getStorage")),
        (1, 9 + 12 + 2)
    );

    // None of them is stored, so each costs two calls.
    let many: Vec<String> = (0..MOST_ONE_BY_ONE + 7).map(|number| format!("x{number}")).collect();
    let state = read(&client(&node), &roster(&many)).await.unwrap();
    assert_eq!((state.workers.len(), state.left_out), (MOST_ONE_BY_ONE, 7));

    let missing = json!({"missing": ["state_queryStorageAt", "state_getStorage"]});
    node.set(missing).await.unwrap();
    let fault = read(&client(&node), &roster(&names)).await.unwrap_err();
    assert!(fault.to_string().contains("it lets nobody read storage"), "{fault}");
}

#[tokio::test]
async fn what_is_not_stored_is_not_bound_and_what_the_network_lacks_has_the_runtimes_default() {
    let names = names(3);
    let mut workers = fleet(&names);
    workers[0].session = None;
    workers[0].stake = None;
    let storage = Filled::of(Names::New, &workers[..2]);
    let state = state(&storage.json(), KHALA, &names).await;
    let [unbound, bound, unknown] = [0, 1, 2].map(|number| state.workers[&key(&names[number])]);
    assert_eq!((unbound.session, unbound.stake, unbound.pool), (None, None, Some(88)));
    assert!(bound.session.is_some());
    assert_eq!(unknown, OnChain::default());
    let expected = Network {
        online_workers: Some(0),
        heartbeat_paused: Some(true),
        cool_down_seconds: Some(0),
        heartbeat_window: None,
    };
    assert_eq!(state.network, expected);
    assert_eq!((state.operators.len(), state.unreadable), (0, 0));
}

#[tokio::test]
async fn the_old_pallet_knows_no_pause() {
    let figures = Figures {
        heartbeat_paused: None,
        ..Figures::default()
    };
    let mut storage = Filled::default();
    storage.network(Names::Old, figures);
    let state = state(&storage.json(), ("khala", 1180), &[]).await;
    assert_eq!(state.network.heartbeat_paused, None);
}

#[tokio::test]
async fn a_value_of_a_wrong_length_costs_only_its_own_worker() {
    let names = names(4);
    let mut storage = chain(Names::New, &fleet(&names)).json();
    let mut spoil = |pallet: &str, item: &str, entry: &[u8]| {
        let key = format!("0x{}", identity::hex(&map_key(pallet, item, entry)));
        storage[key] = json!("0x0102");
    };
    spoil("PhalaComputation", "Sessions", &identity::session_account(&names[0]));
    spoil("PhalaComputation", "WorkerBindings", &identity::public_key(&names[1]));
    spoil(
        "PhalaStakePoolv2",
        "WorkerAssignments",
        &identity::public_key(&names[2]),
    );
    spoil("PhalaBasePool", "Pools", &88_u64.to_le_bytes());
    let state = state(&storage, KHALA, &names).await;
    assert_eq!(state.workers.keys().collect::<Vec<_>>(), [&key(&names[3])]);
    assert_eq!((state.unreadable, state.operators.len()), (4, 0));
}

#[tokio::test]
async fn the_operator_of_the_pool_that_prb_has_is_looked_at_and_without_an_account_has_nothing() {
    let names = names(1);
    let mut workers = fleet(&names);
    workers[0].pid = Some(99);
    let mut storage = Filled::of(Names::New, &workers);
    storage.pool(Names::New, 88, &identity::operator_account(88));
    storage.pool(Names::New, 99, &identity::operator_account(99));
    let state = state(&storage.json(), KHALA, &names).await;
    assert_eq!(state.workers[&key(&names[0])].pool, Some(99));
    assert_eq!(state.operators.keys().collect::<Vec<_>>(), [&88]);
    assert_eq!(state.operators[&88].free, Some(Plancks(0)));
}

#[tokio::test]
async fn workers_are_asked_about_once_and_those_without_a_key_not_at_all() {
    let names = names(1);
    let node = node(&chain(Names::New, &fleet(&names)).json(), KHALA).await;
    let mut all = roster(&names);
    all.extend(roster(&names));
    all.push(Known {
        public_key: None,
        ..all[0].clone()
    });
    all.push(Known {
        public_key: Some("0xno key".to_owned()),
        ..all[0].clone()
    });
    let state = read(&client(&node), &all).await.unwrap();
    assert_eq!(state.workers.len(), 1);
}

#[tokio::test]
async fn another_chain_is_told_as_such() {
    let fault = |spec| async move {
        let node = node(&json!({}), spec).await;
        read(&client(&node), &[]).await.unwrap_err().to_string()
    };
    let relay = fault(("kusama", 1_003_000)).await;
    assert!(
        relay.contains("this is the relay chain (kusama); workers are on the parachain"),
        "{relay}"
    );
    for (spec, shown) in [(("statemine", 900), "statemine 900"), (("phala", 1221), "phala 1221")] {
        let other = fault(spec).await;
        assert!(
            other.contains(&format!("this chain ({shown}) has no workers")),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_node_that_fails_in_the_middle_costs_the_round() {
    let names = names(2);
    let node = node(&chain(Names::New, &fleet(&names)).json(), KHALA).await;
    for incident in ["rpc_error", "garbage", "wrong_types", "html", "refuse"] {
        node.set(json!({"incident": incident})).await.unwrap();
        assert!(read(&client(&node), &roster(&names)).await.is_err(), "{incident}");
    }
}
