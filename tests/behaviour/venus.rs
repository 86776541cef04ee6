//! A Venus chain service behind the whole program: read, blocked, behind a dead auth.

use serde_json::json;
use simfarm::venus::{Perm, Service, Venus};

use crate::harness::Warden;

/// An entry that asks everything often, with the admin token in a file beside it.
fn config(farm: &Venus, directory: &std::path::Path) -> String {
    let token = directory.join("venus.token");
    std::fs::write(&token, farm.token(Perm::Admin)).unwrap();
    let services = [
        ("auth_services", &farm.auth),
        ("gateways", &farm.gateway),
        ("nodes", &farm.node),
        ("messagers", &farm.messager),
        ("miner_services", &farm.miner),
    ];
    let entry =
        |(key, service): (&str, &Service)| format!("      {key}: [{{name: one, url: 'http://{}'}}]", service.addr());
    let lines = [
        "collectors:\n  venus:\n    - name: venus-1".to_owned(),
        services.map(entry).join("\n"),
        format!("      token_file: {}", token.display()),
        "      interval: 1s\n      slow_interval: 1s\n      state_interval: 1s".to_owned(),
        "      timeout: 900ms\n      mining_timeout: 900ms\n".to_owned(),
    ];
    lines.join("\n")
}

fn up(part: &str, up: u8) -> String {
    format!("farmwarden_target_up{{collector=\"venus\",target=\"venus-1\",part=\"{part}\"}} {up}\n")
}

fn symptom(name: &str, entity: &str) -> String {
    format!("farmwarden_symptom{{target=\"venus-1\",symptom=\"{name}\",entity=\"{entity}\"}} 1\n")
}

#[tokio::test]
async fn a_chain_service_is_read_by_reading_calls_alone() {
    let farm = Venus::start("127.0.0.1").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let warden = Warden::start(&config(&farm, directory.path())).await;
    let parts = [
        "auth", "gateway", "node", "network", "messager", "miner", "wins", "wallets", "state",
    ];
    let page = warden
        .page_where("all parts", |page| {
            parts.iter().all(|part| page.contains(&up(part, 1))) && page.contains("venus_messager_nonce_gap{")
        })
        .await;
    assert!(
        page.contains("venus_miner_mining{target=\"venus-1\",process=\"one\",miner=\"f01000\"} 1\n"),
        "{page}"
    );
    assert!(
        !page.contains("symptom=\"venus_instance_down\",entity=\"auth/one\"} 1"),
        "{page}"
    );
    let status = warden.get("/api/v1/targets").await;
    let token = farm.token(Perm::Admin);
    assert!(!page.contains(&token) && !status.text().contains(&token));
}

#[tokio::test]
async fn a_blocked_sender_shows_with_its_cause_on_the_status_page_and_without_it_in_labels() {
    let farm = Venus::start("127.0.0.1").await.unwrap();
    farm.sender(&json!({"at": 1, "trouble": "failed_estimation"})).unwrap();
    let sender = farm.settings().senders[1].address.clone();
    let directory = tempfile::tempdir().unwrap();
    let warden = Warden::start(&config(&farm, directory.path())).await;
    let page = warden
        .page_with(&symptom("venus_message_unfilled_stuck", &sender))
        .await;
    assert!(!page.contains("message execution failed"), "{page}");
    let status = warden.get("/").await;
    assert!(
        status.text().contains("message execution failed: exit 16"),
        "{}",
        status.text()
    );
}

#[tokio::test]
async fn behind_a_dead_auth_only_auth_is_ill() {
    let farm = Venus::start("127.0.0.1").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let warden = Warden::start(&config(&farm, directory.path())).await;
    warden.page_with(&up("messager", 1)).await;
    farm.auth.set(json!({"incident": "down"})).await.unwrap();
    let page = warden.page_with(&symptom("venus_instance_down", "auth/one")).await;
    warden.page_with(&up("messager", 0)).await;
    assert!(
        !page.contains("symptom=\"venus_token_refused\",entity=\"messager/one\"} 1"),
        "{page}"
    );
    let reason = "collector=\"venus\",target=\"venus-1\",part=\"messager\",reason=\"auth_down\"} ";
    warden.page_where("the reason", |page| page.contains(reason)).await;
}
