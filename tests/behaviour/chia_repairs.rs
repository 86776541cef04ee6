//! A Chia farm that is repaired: from an alert over the action to the symptom that is gone.

use serde_json::{Value, json};
use simfarm::chia::Chia;

use crate::harness::Warden;
use crate::repairs::{Farm, hands_in};

const LIMITS: &str = "{lost_after: 1s, silent_points: 3, scan_stale_after: 1h}";

/// A farm that is watched, and one policy with one action.
fn config(farm: &Farm, chia: &Chia, symptom: &str, rung: &str) -> String {
    let at = |service: &simfarm::chia::Service| service.addr();
    format!(
        "collectors:\n  chia:\n    - name: chia-1\n      root: {}\n      farmer: {}\n      daemon: {}\n      harvesters: \
         [{{name: here, rpc: '{}'}}]\n      interval: 1s\n      timeout: 900ms\n      events_interval: 1s\n      \
         details_interval: 1s\n      plot_detail: 'off'\n      thresholds: {LIMITS}\n\
         journal: {{directory: '{}'}}\nremedies:\n  warm_up: 1ms\n  policies:\n    - name: repair\n      symptom: {symptom}\n      \
         targets: [chia-1]\n      mode: act\n      ill_for: 1ms\n      cool_down: 15m\n      attempts: {{most: 3, within: 1d}}\n      \
         rungs: [{rung}]\n",
        chia.root().display(),
        at(&chia.farmer),
        at(&chia.daemon),
        at(&chia.harvester),
        farm.path("journal").display(),
    )
}

fn alert(symptom: &str) -> Value {
    json!({
        "status": "firing",
        "labels": {"alertname": "Ill", "remedy": "repair", "target": "chia-1", "symptom": symptom, "entity": "here"},
        "annotations": {}, "startsAt": "2026-11-21T09:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
        "fingerprint": "0000000000000007",
    })
}

/// A healthy farm in which time stands still, and a farmwarden that has seen it.
async fn begun(farm: &Farm, symptom: &str, rung: &str) -> (Chia, tempfile::TempDir, Warden) {
    let directory = tempfile::tempdir().unwrap();
    let chia = Chia::start("127.0.0.1", directory.path()).await.unwrap();
    chia.set(&json!({"point_ms": 0, "block_ms": 0})).unwrap();
    let warden = farm.start(&config(farm, &chia, symptom, rung)).await;
    let well = |page: &str| {
        let plots = page
            .lines()
            .find(|line| line.starts_with("chia_harvester_plots{") && line.contains("\"here\""));
        plots.is_some_and(|line| line.ends_with(" 1000"))
    };
    warden.page_where("a healthy farm", well).await;
    (chia, directory, warden)
}

fn ill(symptom: &str) -> String {
    format!("farmwarden_symptom{{target=\"chia-1\",symptom=\"{symptom}\",entity=\"here\"}} 1\n")
}

const CURED: &str = "farmwarden_remediation_incidents_closed_total{why=\"cured\"} 1\n";

fn finished(farm: &Farm) -> String {
    let records = farm.journal();
    let finished = records.iter().find(|record| record["kind"] == "finished");
    finished.map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn lost_plots_are_looked_for_and_are_back() {
    let farm = Farm::new().await;
    let rung = "{action: refresh-plots, timeout: 10m, gone_for: 1s}";
    let (chia, _directory, warden) = begun(&farm, "plots_lost", rung).await;
    chia.one_harvester(&json!({"at": 0, "plots": 800, "on_disk": 1000}))
        .unwrap();
    warden.page_with(&ill("plots_lost")).await;
    hands_in(&warden, "http://am-1:9093", &alert("plots_lost")).await;
    warden.page_with(CURED).await;
    assert_eq!(chia.harvester.calls().of("refresh_plots"), 1);
    let told = finished(&farm);
    assert!(
        told.contains("here of chia-1 looks through its plot directories"),
        "{told}"
    );
}

/// Whether one of them hangs nobody could tell.
#[tokio::test]
async fn a_silent_harvester_whose_mounts_nobody_watches_is_left_alone() {
    let farm = Farm::new().await;
    let rung =
        "{action: restart-chia-service, with: {service: chia_harvester}, within: 15m, timeout: 15m, gone_for: 1s}";
    let (chia, _directory, warden) = begun(&farm, "harvester_silent", rung).await;
    chia.one_harvester(&json!({"at": 0, "silent": true})).unwrap();
    // Signage points that came before anybody listened do not count.
    warden
        .page_where("it is silent", |page| {
            chia.point(1);
            page.contains(&ill("harvester_silent"))
        })
        .await;
    hands_in(&warden, "http://am-1:9093", &alert("harvester_silent")).await;
    let ended = "farmwarden_remediation_actions_total{action=\"restart-chia-service\",outcome=\"refused\"} 1\n";
    warden.page_with(ended).await;
    assert_eq!(chia.daemon.calls().of("is_running"), 0);
    let told = finished(&farm);
    assert!(
        told.contains("chia_harvester was left alone: nobody watches the mounts"),
        "{told}"
    );
}
