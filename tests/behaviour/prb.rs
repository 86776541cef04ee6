//! A PRB v2 monitor: read by reading calls alone, hanging, cutting off calls, restarted, no monitor at all.

use serde_json::{Value, json};
use simfarm::prb_v2::{Monitor, OVERLAP};

use crate::harness::Warden;

/// Eleven workers of two pools in the first lifecycle, none in the second.
async fn monitor() -> Monitor {
    let monitor = Monitor::start("127.0.0.1:0").await.unwrap();
    let farm = json!({"dial_ms": 20, "lifecycles": [{"workers": 11, "pools": 2, "disabled": 1}, {"workers": 0}]});
    monitor.set(farm).await.unwrap();
    monitor
}

/// An entry that asks everything often.
fn config(monitor: &Monitor) -> String {
    format!(
        "collectors:\n  prb:\n    - name: prb-1\n      monitor: http://{}\n      interval: 1s\n      \
         workers_interval: 1s\n      inventory_interval: 1s\n      timeout: 900ms\n",
        monitor.addr()
    )
}

fn up(part: &str) -> String {
    format!("farmwarden_target_up{{collector=\"prb\",target=\"prb-1\",part=\"{part}\"}} 1\n")
}

fn peer_up(peer: &str, role: &str, up: u8) -> String {
    format!("phala_prb_peer_up{{target=\"prb-1\",peer=\"{peer}\",role=\"{role}\"}} {up}\n")
}

fn symptom(name: &str, entity: &str) -> String {
    format!("farmwarden_symptom{{target=\"prb-1\",symptom=\"{name}\",entity=\"{entity}\"}} 1\n")
}

#[tokio::test]
async fn a_prb_is_read_through_its_monitor_by_reading_calls_alone() {
    let monitor = monitor().await;
    let row = json!({"enabled": true});
    let first = json!({"rows": {"10.1.0.11": row}, "states": {"10.1.0.3": {"status": "S_ERROR"}}});
    monitor.peer("lifecycle", &first).unwrap();
    let warden = Warden::start(&config(&monitor)).await;
    let page = warden
        .page_where("all three parts", |page| {
            ["peers", "workers", "inventory"]
                .iter()
                .all(|part| page.contains(&up(part)))
                && page.contains("phala_prb_workers_configured")
                && page.contains("phala_worker_para_lag_blocks")
        })
        .await;
    for expected in [
        "phala_prb_data_provider_block_height{target=\"prb-1\",peer=\"data_provider\",chain=\"para\",stage=\"processed\"} 2905",
        "phala_worker_state{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"10.1.0.3\",state=\"error\"} 1\n",
        "phala_worker_stake_pha{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"10.1.0.1\"} ",
        "phala_prb_workers_enabled{target=\"prb-1\",lifecycle=\"lifecycle\"} 11\n",
        &peer_up("lifecycle_2", "lifecycle", 1),
        &peer_up("data_provider", "data_provider", 1),
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    warden.page_with(&symptom("worker_error", "lifecycle/10.1.0.3")).await;
    warden
        .page_with(&symptom("worker_missing_from_runner", "lifecycle/10.1.0.11"))
        .await;
    // Of pools there are owners' keystores in the answers, which nobody may see.
    let status = warden.get("/api/v1/targets").await;
    assert!(!page.contains("0a1044") && !status.text().contains("0a1044"));
    let asked: Vec<String> = monitor.calls().methods.into_keys().collect();
    let reading = [
        "GetDataProviderInfo",
        "GetWorkerStatus",
        "ListPool",
        "ListWorker",
        "discover",
    ];
    assert_eq!(asked, reading);
}

#[tokio::test]
async fn one_peer_is_never_called_twice_at_once() {
    let monitor = monitor().await;
    // Connecting takes as long as with the real one, so calls that begin together do meet.
    monitor.set(json!({"dial_ms": 300})).await.unwrap();
    // On a busy machine too a call ends in time: one that does not leaves its peer alone for half a minute.
    let patient = config(&monitor).replace("1s", "2s").replace("900ms", "1900ms");
    let warden = Warden::start(&patient).await;
    warden
        .page_where("many calls", |_| monitor.calls().of("GetWorkerStatus") > 6)
        .await;
    assert!(monitor.calls().of("ListWorker") > 0);
    assert_eq!(monitor.calls().of(OVERLAP), 0);
}

#[tokio::test]
async fn a_lifecycle_that_never_answers_costs_only_its_own_samples() {
    let monitor = monitor().await;
    monitor.peer("lifecycle_2", &json!({"trouble": "hang"})).unwrap();
    let warden = Warden::start(&config(&monitor)).await;
    let page = warden.page_with(&peer_up("lifecycle_2", "lifecycle", 0)).await;
    assert!(page.contains(&up("workers")), "{page}");
    assert!(page.contains(&peer_up("lifecycle", "lifecycle", 1)), "{page}");
    assert!(page.contains("worker=\"10.1.0.1\""), "{page}");
    warden.page_with(&symptom("prb_peer_down", "lifecycle_2")).await;
}

#[tokio::test]
async fn a_lost_call_is_a_peer_that_is_down_and_not_a_lifecycle_without_workers() {
    let monitor = monitor().await;
    let failed = json!({"states": {"10.1.0.3": {"status": "S_ERROR"}}});
    monitor.peer("lifecycle", &failed).unwrap();
    let warden = Warden::start(&config(&monitor)).await;
    warden.page_with(&symptom("worker_error", "lifecycle/10.1.0.3")).await;
    // The next call looks like success without data, those after it fail.
    monitor.peer("lifecycle", &json!({"trouble": "dies"})).unwrap();
    warden.page_with(&peer_up("lifecycle", "lifecycle", 0)).await;
    // Its workers are not judged by what they were, and vanish when that is too old.
    let page = warden.page_with(&symptom("prb_peer_down", "lifecycle")).await;
    assert!(!page.contains(&symptom("worker_error", "lifecycle/10.1.0.3")), "{page}");
    warden
        .page_where("no workers", |page| !page.contains("worker=\"10.1.0.1\""))
        .await;
}

#[tokio::test]
async fn what_is_no_monitor_is_a_fault_of_every_part() {
    let monitor = monitor().await;
    monitor.set(json!({"incident": "html"})).await.unwrap();
    let warden = Warden::start(&config(&monitor)).await;
    for part in ["peers", "workers", "inventory"] {
        let failures = format!(
            "farmwarden_target_failures_total{{collector=\"prb\",target=\"prb-1\",part=\"{part}\",reason=\"malformed\"}} "
        );
        warden
            .page_where("a fault", |page| {
                page.contains(&failures) && !page.contains(&format!("{failures}0\n"))
            })
            .await;
    }
    assert_eq!(monitor.calls().of("GetWorkerStatus"), 0);
}

#[tokio::test]
async fn what_nobody_expects_in_an_answer_costs_only_itself() {
    let monitor = monitor().await;
    let odd: Value = json!({
        "workers": 6,
        "states": {
            "10.1.0.1": {"status": "S_DREAMING", "brandNew": {"a": [1]}},
            "10.1.0.2": {"sessionInfoJson": "no JSON", "paraBlockDispatchedTo": "soon"},
            "10.1.0.3": {"worker": {"name": "10.1.0.4"}},
            "10.1.0.5": {"worker": {"pid": 88}},
            "10.1.0.6": {"worker": null}
        }
    });
    monitor.peer("lifecycle", &odd).unwrap();
    let warden = Warden::start(&config(&monitor)).await;
    let page = warden.page_with("worker=\"10.1.0.5\"").await;
    for expected in [
        "phala_worker_state{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"10.1.0.1\",state=\"unknown\"} 1\n",
        "phala_worker_state{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"89\",worker=\"10.1.0.2\",state=\"active\"} 1\n",
        // The same name twice: told apart by the beginning of their uuids.
        "worker=\"10.1.0.4#",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    assert!(!page.contains(
        "phala_worker_para_block_height{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"89\",worker=\"10.1.0.2\"}"
    ));
    assert!(!page.contains("worker=\"10.1.0.6\""), "{page}");
}

#[tokio::test]
async fn an_answer_of_fifty_megabytes_is_read_or_given_up_and_costs_no_other_peer() {
    let monitor = monitor().await;
    monitor
        .set(json!({"incident": "huge", "huge_bytes": 100 << 20}))
        .await
        .unwrap();
    let warden = Warden::start(&config(&monitor)).await;
    let failures = "farmwarden_target_failures_total{collector=\"prb\",target=\"prb-1\",part=\"peers\",reason=\"";
    warden
        .page_where("a fault", |page| {
            ["too_large", "timeout"].iter().any(|reason| {
                let counted = format!("{failures}{reason}\"}} ");
                page.contains(&counted) && !page.contains(&format!("{counted}0\n"))
            })
        })
        .await;
    monitor.set(json!({"incident": "healthy"})).await.unwrap();
    warden.page_with(&peer_up("lifecycle", "lifecycle", 1)).await;
}
