//! The collector against services that are spoken to over mutual TLS.

mod service;

use std::collections::HashMap;
use std::fmt::Write as _;

use tokio::time::Instant;

use super::testing::{at, id, recorded};
use super::*;
use crate::exposition::Own;
use crate::upstream::Upstream;
use crate::upstream::chia::testing::fixture;
use service::Service;

fn chia(keys: &str) -> Chia {
    let path = |name: &str| fixture(name).display().to_string();
    let (ca, cert, key) = (path("farm-ca.crt"), path("farm-leaf.crt"), path("farm-leaf-pkcs8.key"));
    let text = format!(r#"{{"name": "chia-1", "ca_file": "{ca}", "cert_file": "{cert}", "key_file": "{key}"{keys}}}"#);
    let target: Target = serde_json::from_str(&text).unwrap();
    assert_eq!(target.contradictions(), []);
    let tools = Tools {
        upstream: Upstream::from_system().unwrap(),
        own: Own::default(),
    };
    Chia::connect(&target, &tools, None).unwrap()
}

/// One round of a part.
async fn round(chia: &Chia, name: &str, snapshot: &mut Snapshot) -> Result<(), Fault> {
    let parts = chia.parts();
    let part = parts.iter().find(|part| part.name == name).unwrap();
    let reading = chia.read(part).await?;
    chia.absorb(snapshot, reading, at(Instant::now(), 0));
    Ok(())
}

fn summary(plots: &[u64]) -> Vec<u8> {
    let entries = plots.iter().enumerate().map(|(number, plots)| {
        let id = id(u8::try_from(number).unwrap());
        format!(r#"{{"connection": {{"node_id": "{id}", "host": "10.0.0.{number}"}}, "plots": {plots}, "total_plot_size": {plots}}}"#)
    });
    let entries = entries.collect::<Vec<_>>().join(",");
    format!(r#"{{"success": true, "harvesters": [{entries}]}}"#).into_bytes()
}

/// A page of as many plots as there are, 584 bytes each, as of a real farmer.
fn page(plots: usize) -> Vec<u8> {
    let mut text = String::from(r#"{"success": true, "page": 0, "page_count": 1, "plots": ["#);
    for number in 0..plots {
        let comma = if number == 0 { "" } else { "," };
        let key = "ab".repeat(48);
        write!(
            text,
            r#"{comma}{{"compression_level": 5, "file_size": 87300000000, "filename": "/mnt/plots/disk{}/plot-k32-c05-2024-05-01-12-00-{number:064x}.plot", "plot_id": "0x{number:064x}", "plot_public_key": "0x{key}", "pool_contract_puzzle_hash": "0x{number:064x}", "pool_public_key": null, "size": 32, "time_modified": 1795191326}}"#,
            number % 100
        )
        .unwrap();
    }
    text.push_str("]}");
    text.into_bytes()
}

#[tokio::test]
async fn ten_thousand_plots_come_on_one_page_and_only_when_they_changed() {
    let answers = [
        ("get_harvesters_summary", summary(&[10_000])),
        ("get_harvester_plots_valid", page(10_000)),
    ];
    let farmer = Service::with(HashMap::from(answers)).await;
    let chia = chia(&format!(r#", "farmer": "{}", "plot_detail": "on""#, farmer.place));
    let mut snapshot = Snapshot::default();
    round(&chia, PLOTS, &mut snapshot).await.unwrap();
    let plots = snapshot.plots.get(&id(0)).unwrap();
    let amounts: Vec<u64> = plots.kinds.values().map(|amount| amount.plots).collect();
    assert_eq!((amounts, plots.directories.len()), (vec![10_000], 100));
    assert_eq!(farmer.asked(), ["get_harvesters_summary", "get_harvester_plots_valid"]);
    round(&chia, PLOTS, &mut snapshot).await.unwrap();
    assert_eq!(farmer.asked(), ["get_harvesters_summary"]);
    assert!(snapshot.plots.contains_key(&id(0)));
    // Plots may have moved from one disk to another.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(4 * 3_600)).await;
    tokio::time::resume();
    round(&chia, PLOTS, &mut snapshot).await.unwrap();
    assert_eq!(farmer.asked().len(), 2);
    // What is no longer shown is looked at anew.
    chia.expire(&mut snapshot, &chia.part(PLOTS));
    round(&chia, PLOTS, &mut snapshot).await.unwrap();
    assert_eq!(farmer.asked().len(), 2);
}

#[tokio::test]
async fn a_page_that_fails_makes_its_plots_unknown_and_no_fewer() {
    let farmer = Service::with(HashMap::from([
        ("get_harvesters_summary", summary(&[30, 40])),
        ("get_harvester_plots_valid", page(30)),
    ]))
    .await;
    let chia = chia(&format!(r#", "farmer": "{}""#, farmer.place));
    let mut snapshot = Snapshot::default();
    for part in [FARMER, PLOTS] {
        round(&chia, part, &mut snapshot).await.unwrap();
    }
    let shown = |snapshot: &Snapshot| {
        let mut page = Page::new(&[("target", "chia-1")]);
        Chia::samples(snapshot, &mut page);
        let page = crate::exposition::golden::rendered(Chia::FAMILIES, page);
        let lines = page.lines().filter(|line| line.starts_with("chia_harvester_plots"));
        lines.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let kinds = |id: &str, plots| {
        format!(
            r#"chia_harvester_plots_by_kind{{target="chia-1",harvester="{id}",k="32",type="pool",compression="5"}} {plots}"#
        )
    };
    let both = shown(&snapshot);
    assert!(
        both.contains(&kinds("00000000", 30)) && both.contains(&kinds("01010101", 30)),
        "{both:?}"
    );
    // Both have changed, and of one there is no page.
    farmer.answer("get_harvesters_summary", summary(&[31, 41]));
    farmer.fail(&id(1).to_string());
    for part in [FARMER, PLOTS] {
        round(&chia, part, &mut snapshot).await.unwrap();
    }
    let left = shown(&snapshot);
    let of_failed: Vec<_> = left.iter().filter(|line| line.contains("01010101")).collect();
    let counted = r#"chia_harvester_plots{target="chia-1",harvester="01010101",host="10.0.0.1"} 41"#;
    assert_eq!(of_failed, [counted]);
    assert!(left.contains(&kinds("00000000", 30)), "{left:?}");
    assert_eq!(chia.diagnose(&snapshot, at(Instant::now(), 0)).findings, []);
    let words = Chia::gist(&snapshot, &chia.target, &chia.part(PLOTS), at(Instant::now(), 0));
    assert!(
        words
            .as_ref()
            .is_err_and(|words| words.contains("get_harvester_plots_valid")),
        "{words:?}"
    );
    // It is tried again, though nothing changes any more.
    farmer.asked();
    round(&chia, PLOTS, &mut snapshot).await.unwrap();
    assert_eq!(farmer.asked(), ["get_harvesters_summary", "get_harvester_plots_valid"]);
}

#[tokio::test]
async fn a_large_farm_is_not_looked_at_plot_by_plot_by_itself() {
    let answers = [("get_harvesters_summary", summary(&[15_000, 5_001]))];
    let farmer = Service::with(HashMap::from(answers)).await;
    let chia = chia(&format!(r#", "farmer": "{}""#, farmer.place));
    round(&chia, PLOTS, &mut Snapshot::default()).await.unwrap();
    assert_eq!(farmer.asked(), ["get_harvesters_summary"]);
}

#[tokio::test]
async fn a_farmer_before_1_6_tells_who_is_connected() {
    let answers = [("get_connections", recorded("farmer.get_connections"))];
    let farmer = Service::with(HashMap::from(answers)).await;
    let chia = chia(&format!(r#", "farmer": "{}""#, farmer.place));
    let mut snapshot = Snapshot::default();
    round(&chia, FARMER, &mut snapshot).await.unwrap();
    let known: Vec<_> = snapshot.harvesters.values().map(|known| known.connected).collect();
    assert_eq!(known, [Some(true), Some(true)]);
    round(&chia, PLOTS, &mut snapshot).await.unwrap();
    assert!(snapshot.plots.is_empty());
    round(&chia, DETAILS, &mut snapshot).await.unwrap();
    assert!(snapshot.details.as_ref().unwrap().versions.is_empty());
    let words = Chia::gist(&snapshot, &chia.target, &chia.part(DETAILS), at(Instant::now(), 0));
    assert_eq!(words, Ok("a release before 2.4".to_owned()));
}

#[tokio::test]
async fn one_harvester_that_does_not_answer_costs_the_others_nothing() {
    let answers = [
        ("get_plot_directories", recorded("harvester.get_plot_directories")),
        ("get_harvester_config", recorded("harvester.get_harvester_config")),
        ("get_version", recorded("harvester.get_version")),
        ("get_connections", recorded("harvester.get_connections")),
    ];
    let harvester = Service::with(HashMap::from(answers)).await;
    let chia = chia(&format!(
        r#", "harvesters": [{{"name": "dead", "node_id": "abababab", "rpc": "127.0.0.1:1"}}, {{"name": "here", "rpc": "{}"}}]"#,
        harvester.place
    ));
    let mut snapshot = Snapshot::default();
    round(&chia, DETAILS, &mut snapshot).await.unwrap();
    let setups = &snapshot.details.as_ref().unwrap().setups;
    assert_eq!(
        setups.iter().map(|setup| setup.up).collect::<Vec<_>>(),
        [Some(false), Some(true)]
    );
    let words = Chia::gist(&snapshot, &chia.target, &chia.part(DETAILS), at(Instant::now(), 0));
    let words = words.unwrap_err();
    // It is asked for its release as well, and what was not asked is of no release.
    assert!(words.starts_with("release 2.7.5, "), "{words}");
    assert!(
        words.contains("could not be asked: dead; https://127.0.0.1:1: connect: "),
        "{words}"
    );
    let alone = super::tests::chia(r#", "harvesters": [{"name": "dead", "rpc": "127.0.0.1:1"}]"#);
    let fault = round(&alone, DETAILS, &mut snapshot).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::Unreachable);
}

#[tokio::test]
async fn directories_are_known_while_the_rpc_of_their_harvester_is_down() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("config")).unwrap();
    let text = "harvester: {plot_directories: [/mnt/a]}";
    std::fs::write(root.path().join("config/config.yaml"), text).unwrap();
    let dead = r#", "harvesters": [{"name": "nas-1", "rpc": "127.0.0.1:1"}]"#;
    let with_root = chia(&format!(r#"{dead}, "root": "{}""#, root.path().display()));
    let mut snapshot = Snapshot::default();
    round(&with_root, DETAILS, &mut snapshot).await.unwrap();
    let directories = |snapshot: &Snapshot| snapshot.here().first().map(|here| here.directories.to_vec());
    assert_eq!(directories(&snapshot), Some(vec![PathBuf::from("/mnt/a")]));
    let found = with_root.diagnose(&snapshot, at(Instant::now(), 0)).findings;
    let words: Vec<_> = found
        .iter()
        .map(|found| (found.symptom.name, found.entity.as_str()))
        .collect();
    assert_eq!(words, [("harvester_rpc_down", "nas-1")]);
    assert!(
        found[0].evidence.contains("https://127.0.0.1:1: connect: "),
        "{found:?}"
    );
    // What it told last is kept, too.
    std::fs::remove_file(root.path().join("config/config.yaml")).unwrap();
    let service = Service::with(HashMap::from([("get_version", recorded("farmer.get_version"))])).await;
    let node = format!(r#", "full_node": "{}"{dead}"#, service.place);
    round(&chia(&node), DETAILS, &mut snapshot).await.unwrap();
    assert!(directories(&snapshot).is_some());
    with_root.expire(&mut snapshot, &with_root.part(DETAILS));
    assert!(directories(&snapshot).is_some());
    assert!(with_root.diagnose(&snapshot, at(Instant::now(), 0)).findings.is_empty());
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_told_beside_what_can() {
    let service = Service::with(HashMap::from([("get_version", recorded("farmer.get_version"))])).await;
    let chia = chia(&format!(
        r#", "full_node": "{}", "root": "/nonexistent/chia""#,
        service.place
    ));
    let mut snapshot = Snapshot::default();
    round(&chia, DETAILS, &mut snapshot).await.unwrap();
    let gist = |snapshot: &Snapshot| Chia::gist(snapshot, &chia.target, &chia.part(DETAILS), at(Instant::now(), 0));
    let words = gist(&snapshot).unwrap_err();
    assert!(
        words.starts_with("release 2.7.5; /nonexistent/chia: its configuration: "),
        "{words}"
    );
}

#[tokio::test]
async fn a_call_that_fails_beside_the_main_one_costs_only_what_it_brings() {
    let broken = || br#"{"success": true}"#.to_vec();
    let state = recorded("full_node.get_blockchain_state");
    let node = Service::with(HashMap::from([
        ("get_blockchain_state", state),
        ("get_connections", broken()),
    ]))
    .await;
    let farmer = Service::with(HashMap::from([
        ("get_harvesters_summary", summary(&[3, 4])),
        ("get_connections", recorded("farmer.get_connections")),
        ("get_pool_state", broken()),
    ]))
    .await;
    let wallet = Service::with(HashMap::from([
        ("get_sync_status", recorded("wallet.get_sync_status")),
        ("get_height_info", recorded("wallet.get_height_info")),
        ("get_connections", recorded("wallet.get_connections")),
        ("get_wallet_balance", broken()),
    ]))
    .await;
    let chia = chia(&format!(
        r#", "full_node": "{}", "farmer": "{}", "wallet": "{}", "wallet_amounts": true, "plot_detail": "on""#,
        node.place, farmer.place, wallet.place
    ));
    let mut snapshot = Snapshot::default();
    for part in [NODE, FARMER, WALLET] {
        round(&chia, part, &mut snapshot).await.unwrap();
    }
    let (state, peers) = snapshot.node.as_ref().unwrap();
    assert_eq!((state.height, peers), (Some(25), &None));
    assert_eq!(snapshot.harvesters.len(), 2);
    assert_eq!(snapshot.wallet.as_ref().unwrap().synced, Some(true));
    for (part, call) in [
        (NODE, "get_connections"),
        (FARMER, "get_pool_state"),
        (WALLET, "get_wallet_balance"),
    ] {
        let words = Chia::gist(&snapshot, &chia.target, &chia.part(part), at(Instant::now(), 0));
        assert!(words.as_ref().is_err_and(|words| words.contains(call)), "{words:?}");
    }
    // Pages of plots are a fault where all fail.
    let fault = round(&chia, PLOTS, &mut snapshot).await.unwrap_err();
    assert_eq!(fault.operation, "get_harvester_plots_valid");
}

#[tokio::test]
async fn amounts_are_asked_for_only_where_they_are_wanted() {
    let routes = [
        "get_sync_status",
        "get_height_info",
        "get_connections",
        "get_wallet_balance",
        "get_farmed_amount",
    ];
    for (wanted, number) in [(false, 3), (true, 4)] {
        let answers = routes.map(|route| (route, recorded(&format!("wallet.{route}"))));
        let wallet = Service::with(HashMap::from(answers)).await;
        let chia = chia(&format!(
            r#", "wallet": "{}", "wallet_amounts": {wanted}"#,
            wallet.place
        ));
        let mut snapshot = Snapshot::default();
        round(&chia, WALLET, &mut snapshot).await.unwrap();
        assert_eq!(wallet.asked(), routes[..number]);
        round(&chia, DETAILS, &mut snapshot).await.unwrap();
        let farmed = snapshot.details.unwrap().farmed.unwrap();
        assert_eq!((farmed.amount.is_some(), farmed.blocks), (wanted, Some(24)));
    }
}

#[tokio::test]
async fn an_answer_of_another_service_is_a_fault_that_names_the_call() {
    let answers = [(
        "get_harvesters_summary",
        br#"{"success": true, "wallets": []}"#.to_vec(),
    )];
    let wrong = Service::with(HashMap::from(answers)).await;
    let chia = chia(&format!(r#", "farmer": "{}""#, wrong.place));
    let fault = round(&chia, FARMER, &mut Snapshot::default()).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::Malformed);
    assert!(fault.to_string().contains("get_harvesters_summary: "), "{fault}");
}

#[test]
fn a_certificate_that_was_renewed_makes_a_target_outdated() {
    let directory = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        std::fs::copy(fixture(from), directory.path().join(to)).unwrap();
    };
    for (from, to) in [
        ("farm-ca.crt", "ca"),
        ("farm-leaf.crt", "crt"),
        ("farm-leaf-pkcs8.key", "key"),
    ] {
        copy(from, to);
    }
    let path = |name: &str| directory.path().join(name).display().to_string();
    let text = format!(
        r#"{{"name": "c", "ca_file": "{}", "cert_file": "{}", "key_file": "{}", "daemon": "h:1"}}"#,
        path("ca"),
        path("crt"),
        path("key")
    );
    let target: Target = serde_json::from_str(&text).unwrap();
    let tools = Tools {
        upstream: Upstream::from_system().unwrap(),
        own: Own::default(),
    };
    let chia = Chia::connect(&target, &tools, None).unwrap();
    assert!(!chia.is_outdated());
    // The same key in the form of chia 1.
    copy("farm-leaf-pkcs1.key", "key");
    assert!(chia.is_outdated());
    let anew = Chia::connect(&target, &tools, Some(&chia)).unwrap();
    assert!(!anew.is_outdated());
}

#[test]
fn parts_are_those_of_the_services_that_are_named() {
    let names = |keys: &str| chia(keys).parts().iter().map(|part| part.name).collect::<Vec<_>>();
    assert_eq!(names(r#", "daemon": "h:1""#), [EVENTS]);
    assert_eq!(
        names(r#", "full_node": "h:1", "wallet": "h:2""#),
        [NODE, WALLET, DETAILS]
    );
    assert_eq!(names(r#", "farmer": "h:1", "plot_detail": "off""#), [FARMER, DETAILS]);
    let all = chia(r#", "farmer": "h:1", "full_node": "h:2", "wallet": "h:3", "daemon": "h:4""#).parts();
    let hangs: Vec<_> = all.iter().map(|part| (part.name, part.hangs_on)).collect();
    let on_node: &[&str] = &[NODE];
    let on_farmer: &[&str] = &[FARMER];
    assert_eq!(
        hangs,
        [
            (NODE, &[][..]),
            (FARMER, on_node),
            (WALLET, on_node),
            (EVENTS, &[]),
            (DETAILS, &[]),
            (PLOTS, on_farmer)
        ]
    );
}
