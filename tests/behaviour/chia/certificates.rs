//! Certificates of another farm, that have ended, and that were renewed.

use std::path::Path;

use serde_json::json;

use super::{all_up, config, entry, failed, farm, up, value};
use crate::harness::Warden;

#[tokio::test]
async fn a_farm_behind_another_or_an_expired_certificate_is_a_fault_of_tls() {
    for shown in ["strange", "expired"] {
        let (chia, _directory) = farm().await;
        chia.set(&json!({"certificate": shown})).unwrap();
        let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
        let page = warden
            .page_where("the fault", |page| {
                ["farmer", "events"].iter().all(|part| failed(page, part, "tls"))
            })
            .await;
        assert!(!page.contains("chia_harvester_plots{"), "{page}");
        assert!(chia.farmer.calls().methods.is_empty(), "nothing was sent");
        chia.set(&json!({"certificate": "own"})).unwrap();
        warden.page_with(&up("chia-1", "farmer", 1)).await;
    }
}

/// Files of its own in place of the installation's.
fn presenting(root: &Path, authorities: &[&str], own: &str) -> String {
    let bundle = root.join("bundle.crt");
    let read = |path: &&str| std::fs::read_to_string(root.join(path)).unwrap();
    std::fs::write(&bundle, authorities.iter().map(read).collect::<String>()).unwrap();
    let file = |end: &str| root.join(format!("{own}/private_daemon.{end}")).display().to_string();
    format!(
        "      ca_file: {}\n      cert_file: {}\n      key_file: {}\n",
        bundle.display(),
        file("crt"),
        file("key")
    )
}

#[tokio::test]
async fn a_client_certificate_that_the_farm_refuses_is_told_as_that() {
    let own = "config/ssl/ca/private_ca.crt";
    for (authorities, shown) in [(&[own, "strange/private_ca.crt"][..], "strange"), (&[own], "expired")] {
        let (chia, directory) = farm().await;
        let files = presenting(directory.path(), authorities, shown);
        let warden = Warden::start(&config(&[entry("chia-1", &chia, &files)])).await;
        let refused = |page: &str| {
            ["farmer", "full_node", "events"]
                .iter()
                .all(|part| failed(page, part, "client_cert_refused"))
        };
        let page = warden.page_where("refused", refused).await;
        assert!(!page.contains("chia_harvester_plots{"), "{page}");
    }
}

/// The certificate of ours that farmwarden shows was renewed, as a farm's is by `chia init -c`.
#[tokio::test]
async fn a_renewed_certificate_is_taken_at_a_reload() {
    let (chia, directory) = farm().await;
    let root = directory.path();
    let renew = |from: &str| {
        std::fs::create_dir_all(root.join("ours")).unwrap();
        for end in ["crt", "key"] {
            let file = format!("private_daemon.{end}");
            std::fs::copy(root.join(from).join(&file), root.join("ours").join(&file)).unwrap();
        }
    };
    renew("expired");
    let files = presenting(root, &["config/ssl/ca/private_ca.crt"], "ours");
    let text = config(&[entry("chia-1", &chia, &files)]);
    let warden = Warden::start_from_file(&text).await;
    let ends = |page: &str| {
        value(
            page,
            "chia_tls_certificate_not_after_timestamp_seconds",
            "file=\"client\"",
        )
    };
    let refused = |page: &str| {
        let parts = ["farmer", "events"];
        parts.iter().all(|part| failed(page, part, "client_cert_refused"))
    };
    let before = warden.page_where("refused", refused).await;
    let words = warden.reload_as_it_is().await.unwrap();
    assert!(words.contains("1 unchanged, 0 changed"), "{words}");
    renew("config/ssl/daemon");
    let words = warden.reload_as_it_is().await.unwrap();
    assert!(words.contains("0 unchanged, 1 changed"), "{words}");
    let page = warden.page_where("all parts", |page| all_up(page, "chia-1")).await;
    assert!(ends(&before) < ends(&page) && ends(&before).is_some(), "{page}");
}
