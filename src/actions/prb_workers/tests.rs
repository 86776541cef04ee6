//! Against the stand-ins of the three PRBs, which take commands as the real ones do.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use simfarm::{prb_v0, prb_v2, prb_v3};

use super::*;
use crate::actions::Effect;
use crate::collectors::prb::peer::PeerId;
use crate::collectors::prb::v2::Turns;
use crate::collectors::prb::worker::Status;
use crate::upstream::Upstream;
use crate::values::Endpoint;

const PACE: Pace = Pace {
    batch: 2,
    pause: Duration::from_millis(1),
};

fn upstream() -> Upstream {
    Upstream::from_system().unwrap()
}

fn endpoint(address: std::net::SocketAddr) -> Endpoint {
    format!("http://{address}").parse().unwrap()
}

async fn v2_with(fleet: serde_json::Value) -> (prb_v2::Monitor, PrbWorkers) {
    let monitor = prb_v2::Monitor::start("127.0.0.1:0").await.unwrap();
    monitor.set(json!({"dial_ms": 1, "block_time_ms": 0})).await.unwrap();
    let name = lifecycle(&monitor).name;
    monitor.peer(&name, &fleet).unwrap();
    let peer = PeerId::read(&lifecycle(&monitor).id()).unwrap();
    let door = Door::v2(&upstream(), &endpoint(monitor.addr()), peer, Turns::default());
    (monitor, PrbWorkers::new(door, PACE))
}

fn lifecycle(monitor: &prb_v2::Monitor) -> prb_v2::Peer {
    monitor.settings().lifecycles[0].peer.clone()
}

async fn uuids(workers: &PrbWorkers) -> Vec<String> {
    let mut seen = workers.door.workers().await.unwrap();
    seen.sort_by(|one, other| one.identity.name.cmp(&other.identity.name));
    seen.into_iter().map(|worker| worker.identity.uuid).collect()
}

async fn status(workers: &PrbWorkers, uuid: &str) -> Status {
    workers.seen().await.unwrap()[uuid].status
}

fn words(outcome: &Outcome) -> (String, Effect) {
    match outcome {
        Outcome::Failed(failed) => (failed.to_string(), failed.effect),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn v2_restarts_in_batches_what_was_named_and_nothing_else() {
    let (monitor, workers) = v2_with(json!({"workers": 6, "error_percent": 100})).await;
    let all = uuids(&workers).await;
    let outcomes = workers.restart(&all[..5]).await.unwrap();
    assert!(
        outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Taken),
        "{outcomes:?}"
    );
    assert_eq!(monitor.calls().methods["RestartWorker"], 3);
    assert_eq!(status(&workers, &all[0]).await, Status::Starting);
    assert_eq!(status(&workers, &all[5]).await, Status::Error);
    assert!(!monitor.calls().methods.contains_key("RefreshRaAndRestartWorker"));
}

#[tokio::test]
async fn workers_that_rest_by_design_are_left_alone() {
    let (monitor, workers) = v2_with(json!({"workers": 4, "disabled": 1})).await;
    let lifecycle = lifecycle(&monitor).name;
    let wrong_pool = json!({"status": "S_ERROR", "lastMessage": "\"Error: Worker is assigned to other pool!\""});
    let sync_only =
        json!({"status": "S_SYNCHED", "lastMessage": "Sync only mode enabled, skipping on-chain operations."});
    let seen = workers.door.workers().await.unwrap();
    let mut seen: Vec<_> = seen
        .into_iter()
        .map(|worker| (worker.identity.name, worker.identity.uuid))
        .collect();
    seen.sort();
    let patch = json!({
        "cooling": [seen[0].0],
        "states": {seen[1].0.clone(): wrong_pool, seen[2].0.clone(): sync_only},
    });
    monitor.peer(&lifecycle, &patch).unwrap();
    let mut all: Vec<String> = seen.into_iter().map(|(_, uuid)| uuid).collect();
    all.push("00000000-0000-0000-0000-000000000000".to_owned());
    let outcomes = workers.restart(&all).await.unwrap();
    let bars: Vec<&Outcome> = outcomes.iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(
        bars,
        [
            &Outcome::Barred(Bar::CoolingDown),
            &Outcome::Barred(Bar::WrongPool),
            &Outcome::Barred(Bar::SyncOnly),
            &Outcome::Barred(Bar::Absent)
        ]
    );
    assert!(!monitor.calls().methods.contains_key("RestartWorker"));
}

#[tokio::test]
async fn a_lifecycle_that_dies_under_a_call_leaves_open_what_happened_and_the_rest_is_not_asked() {
    let (monitor, workers) = v2_with(json!({"workers": 4, "error_percent": 100})).await;
    let all = uuids(&workers).await;
    let seen = workers.seen().await.unwrap();
    monitor
        .peer(&lifecycle(&monitor).name, &json!({"trouble": "dies"}))
        .unwrap();
    let outcomes = workers.restart_batch(&all[..2], &seen).await;
    let (text, effect) = words(&outcomes[0].1);
    assert!(text.contains("the call was lost"), "{text}");
    assert_eq!(effect, Effect::Unknown);
    // From now on nobody listens there, which is known to have changed nothing.
    let outcomes = workers.restart_batch(&all[2..], &seen).await;
    assert_eq!(words(&outcomes[0].1).1, Effect::Nothing);
    let failed = workers.restart(&all).await.unwrap_err();
    assert_eq!(failed.effect, Effect::Nothing);
}

#[tokio::test]
async fn v2_kicks_waits_for_pruntime_and_restarts() {
    let (monitor, workers) = v2_with(json!({"workers": 2, "error_percent": 100})).await;
    let all = uuids(&workers).await;
    let waited = AtomicUsize::new(0);
    let outcomes = workers
        .kick_then_restart(&all, Duration::from_secs(300), |_| async {
            waited.fetch_add(1, Ordering::Relaxed);
        })
        .await
        .unwrap();
    assert!(
        outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Taken),
        "{outcomes:?}"
    );
    let calls = monitor.calls();
    assert_eq!(
        (
            calls.methods["KickWorker"],
            calls.methods["RestartWorker"],
            waited.into_inner()
        ),
        (2, 2, 2)
    );
    assert_eq!(status(&workers, &all[0]).await, Status::Starting);
}

#[tokio::test]
async fn a_pruntime_that_stays_away_ends_it_before_the_next_worker() {
    let (monitor, workers) = v2_with(json!({"workers": 2})).await;
    let all = uuids(&workers).await;
    let away = |_| std::future::pending();
    let outcomes = workers
        .kick_then_restart(&all, Duration::from_millis(5), away)
        .await
        .unwrap();
    let (text, effect) = words(&outcomes[0].1);
    assert!(text.contains("is not back after 5ms"), "{text}");
    assert_eq!((effect, &outcomes[1].1), (Effect::Unknown, &Outcome::NotAsked));
    assert_eq!(monitor.calls().methods["KickWorker"], 1);
    assert!(!monitor.calls().methods.contains_key("RestartWorker"));
}

#[tokio::test]
async fn v3_restarts_and_never_registers_anew_and_has_no_kick() {
    let manager = prb_v3::Manager::start("127.0.0.1:0").await.unwrap();
    let workers = PrbWorkers::new(Door::v3(&upstream(), &endpoint(manager.addr())), PACE);
    let all = uuids(&workers).await;
    let outcomes = workers.restart(&all[..1]).await.unwrap();
    assert_eq!(outcomes[0].1, Outcome::Taken);
    let failed = workers
        .kick_then_restart(&all, Duration::from_secs(1), |_| async {})
        .await
        .unwrap_err();
    assert!(failed.to_string().contains("cannot kick"), "{failed}");
    let calls = manager.calls();
    assert_eq!(calls.methods["workers/restart"], 1);
    assert!(!calls.methods.contains_key("workers/force_register"));
    manager.set(json!({"incident": "server_error"})).await.unwrap();
    assert_eq!(workers.restart(&all).await.unwrap_err().effect, Effect::Nothing);
}

#[tokio::test]
async fn v0_restarts_and_kicks() {
    let monitor = prb_v0::Monitor::start("127.0.0.1:0").await.unwrap();
    let workers = PrbWorkers::new(Door::v0(&upstream(), &endpoint(monitor.addr())), PACE);
    let all = uuids(&workers).await;
    assert_eq!(workers.restart(&all[..1]).await.unwrap()[0].1, Outcome::Taken);
    assert_eq!(status(&workers, &all[0]).await, Status::Starting);
    let outcomes = workers
        .kick_then_restart(&all[1..2], Duration::from_secs(1), |_| async {})
        .await
        .unwrap();
    assert_eq!(outcomes[0].1, Outcome::Taken);
    let calls = monitor.calls();
    assert_eq!(
        (
            calls.methods["requestStartWorkerLifecycle"],
            calls.methods["requestKickWorker"]
        ),
        (2, 1)
    );
}

#[tokio::test]
async fn an_order_that_is_no_repair_or_names_no_worker_does_nothing() {
    let (monitor, workers) = v2_with(json!({"workers": 1})).await;
    let many = vec!["0".to_owned(); MOST_IN_AN_ORDER + 1];
    for order in [&[][..], &["../x".to_owned()], &many] {
        let failed = workers.restart(order).await.unwrap_err();
        assert_eq!(failed.effect, Effect::Nothing);
    }
    assert_eq!(monitor.calls().methods.len(), 0);
}
