//! A Chia farm behind the whole program: read, and with services that fail.

mod certificates;
mod load;
mod releases;

use serde_json::json;
use simfarm::chia::Chia;

use crate::harness::Warden;

/// A farm in a directory of its own, in which time stands still.
async fn farm() -> (Chia, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let chia = Chia::start("127.0.0.1", directory.path()).await.unwrap();
    chia.set(&json!({"point_ms": 0, "block_ms": 0})).unwrap();
    (chia, directory)
}

/// An entry that asks everything often; `more` are further keys, each on a line of its own.
fn entry(name: &str, chia: &Chia, more: &str) -> String {
    let at = |service: &simfarm::chia::Service| service.addr();
    format!(
        "    - name: {name}\n      root: {}\n      farmer: {}\n      full_node: {}\n      wallet: {}\n      daemon: {}\n      \
         harvesters: [{{name: here, rpc: '{}'}}]\n      interval: 1s\n      timeout: 900ms\n      events_interval: 1s\n      \
         details_interval: 1s\n      plots_interval: 1s\n{more}",
        chia.root().display(),
        at(&chia.farmer),
        at(&chia.full_node),
        at(&chia.wallet),
        at(&chia.daemon),
        at(&chia.harvester)
    )
}

fn config(entries: &[String]) -> String {
    format!("collectors:\n  chia:\n{}", entries.concat())
}

fn up(target: &str, part: &str, up: u8) -> String {
    format!("farmwarden_target_up{{collector=\"chia\",target=\"{target}\",part=\"{part}\"}} {up}\n")
}

const PARTS: [&str; 6] = ["full_node", "farmer", "wallet", "events", "details", "plots"];

fn all_up(page: &str, target: &str) -> bool {
    PARTS.iter().all(|part| page.contains(&up(target, part, 1)))
}

/// The sample of a family that has this among its labels.
fn value(page: &str, family: &str, label: &str) -> Option<f64> {
    let mut lines = page
        .lines()
        .filter(|line| line.strip_prefix(family).is_some_and(|rest| rest.starts_with('{')));
    let line = lines.find(|line| line.contains(label))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

fn failed(page: &str, part: &str, reason: &str) -> bool {
    let labels = format!("part=\"{part}\",reason=\"{reason}\"");
    value(page, "farmwarden_target_failures_total", &labels).is_some_and(|count| count > 0.0)
}

/// So many lookups of both harvesters were counted. Answers are heard after their signage point, so this is waited for.
fn both_answered(page: &str, times: f64) -> bool {
    let count = |label| value(page, "chia_harvester_lookup_seconds_count", label);
    count("harvester=\"here\"") == Some(times) && count("harvester=\"c0de0001\"") == Some(times)
}

/// Every service was asked nothing that is not on the list in `docs/chia.md`.
fn asked_for_nothing_else(chia: &Chia) {
    let any = ["get_version", "get_network_info", "get_connections"];
    let lists: [(&simfarm::chia::Service, &[&str]); 5] = [
        (&chia.full_node, &["get_blockchain_state"]),
        (
            &chia.farmer,
            &["get_harvesters_summary", "get_pool_state", "get_harvester_plots_valid"],
        ),
        (&chia.harvester, &["get_plot_directories", "get_harvester_config"]),
        (
            &chia.wallet,
            &["get_sync_status", "get_height_info", "get_farmed_amount"],
        ),
        (&chia.daemon, &["register_service"]),
    ];
    for (service, own) in lists {
        let methods = service.calls().methods;
        let strange = methods
            .keys()
            .find(|method| !any.contains(&method.as_str()) && !own.contains(&method.as_str()));
        assert_eq!(strange, None, "{methods:?}");
    }
}

#[tokio::test]
async fn a_farm_is_read_and_each_answer_to_a_signage_point_is_counted_once() {
    let (chia, _directory) = farm().await;
    let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
    warden.page_where("all parts", |page| all_up(page, "chia-1")).await;
    chia.point(5);
    let page = warden
        .page_where("five answers of both", |page| both_answered(page, 5.0))
        .await;
    assert_eq!(
        value(&page, "chia_farmer_signage_points_total", ""),
        Some(5.0),
        "{page}"
    );
    for harvester in ["harvester=\"here\"", "harvester=\"c0de0001\""] {
        let of = |family: &str| value(&page, family, harvester);
        assert_eq!(of("chia_harvester_eligible_plots_total"), Some(20.0), "{page}");
        assert_eq!(of("chia_harvester_unanswered_signage_points"), Some(0.0), "{page}");
        assert_eq!(of("chia_harvester_plots"), Some(1000.0), "{page}");
        assert_eq!(of("chia_harvester_plots_by_kind"), Some(1000.0), "{page}");
    }
    // More than 64 bits have.
    assert_eq!(value(&page, "chia_network_space_bytes", ""), Some(2e19), "{page}");
    assert!(page.contains(
        "chia_pool_partials_total{target=\"chia-1\",launcher=\"5c8d18cf\",pool=\"pool.example\",result=\"valid\"}"
    ));
    let status = warden.get("/api/v1/targets").await;
    for marker in ["SIMFARM-", "BEGIN", "mnt/plots/d00/plot"] {
        assert!(!page.contains(marker) && !status.text().contains(marker), "{marker}");
    }
    asked_for_nothing_else(&chia);
}

#[tokio::test]
async fn a_websocket_that_is_cut_is_told_and_what_was_counted_stays() {
    let (chia, _directory) = farm().await;
    let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
    warden.page_with(&up("chia-1", "events", 1)).await;
    chia.point(3);
    warden
        .page_where("three answers", |page| both_answered(page, 3.0))
        .await;
    chia.daemon.set(json!({"incident": "down"})).await.unwrap();
    warden.page_with(&up("chia-1", "events", 0)).await;
    // Nobody hears of these, and they are no silence of a harvester.
    chia.point(40);
    chia.daemon.set(json!({"incident": "healthy"})).await.unwrap();
    warden.page_with(&up("chia-1", "events", 1)).await;
    chia.point(2);
    let page = warden.page_where("five answers", |page| both_answered(page, 5.0)).await;
    assert_eq!(
        value(&page, "chia_farmer_signage_points_total", ""),
        Some(5.0),
        "{page}"
    );
    let unanswered = value(&page, "chia_harvester_unanswered_signage_points", "harvester=\"here\"");
    assert_eq!(unanswered, Some(0.0), "{page}");
}

#[tokio::test]
async fn a_silent_harvester_is_ill_and_one_that_is_gone_is_not_forgotten() {
    let (chia, _directory) = farm().await;
    let limits = "      thresholds: {silent_points: 3, harvester_down_after: 1s}\n";
    let warden = Warden::start(&config(&[entry("chia-1", &chia, limits)])).await;
    warden.page_where("all parts", |page| all_up(page, "chia-1")).await;
    chia.one_harvester(&json!({"at": 1, "silent": true})).unwrap();
    chia.point(4);
    let ill = |name: &str, entity: &str| {
        format!("farmwarden_symptom{{target=\"chia-1\",symptom=\"{name}\",entity=\"{entity}\"}} 1\n")
    };
    let page = warden.page_with(&ill("harvester_silent", "c0de0001")).await;
    assert!(!page.contains(&ill("harvester_silent", "here")), "{page}");
    chia.one_harvester(&json!({"at": 1, "connected": false})).unwrap();
    let page = warden.page_with(&ill("harvester_down", "c0de0001")).await;
    let of = |family: &str| value(&page, family, "harvester=\"c0de0001\"");
    assert_eq!(of("chia_harvester_connected"), Some(0.0), "{page}");
    assert_eq!(of("chia_harvester_plots"), None, "{page}");
    chia.one_harvester(&json!({"at": 1, "connected": true, "silent": false}))
        .unwrap();
    let back = |page: &str| value(page, "chia_harvester_plots", "harvester=\"c0de0001\"") == Some(1000.0);
    warden.page_where("it is back", back).await;
}

#[tokio::test]
async fn a_farm_whose_clock_is_wrong_is_not_ill_for_it() {
    for skew in [-40_000_000_i64, 40_000_000] {
        let (chia, _directory) = farm().await;
        chia.set(&json!({"skew_s": skew})).unwrap();
        let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
        warden.page_where("all parts", |page| all_up(page, "chia-1")).await;
        chia.point(2);
        let page = warden
            .page_where("both signage points", |page| {
                value(page, "chia_farmer_signage_points_total", "") == Some(2.0)
            })
            .await;
        let ill = page
            .lines()
            .filter(|line| line.starts_with("farmwarden_symptom{") && line.ends_with(" 1"));
        // How long ago the last win was is told by the farm's clock alone.
        let ill: Vec<&str> = ill.filter(|line| !line.contains("no_win_for_long")).collect();
        assert!(ill.is_empty(), "{ill:?}");
    }
}

#[tokio::test]
async fn two_farms_have_their_own_certificates_and_their_own_figures() {
    let ((east, _one), (west, _other)) = (farm().await, farm().await);
    west.set(&json!({"harvesters": [{"plots": 77}], "height": 5})).unwrap();
    let both = [
        entry("east", &east, "      farm: east\n"),
        entry("west", &west, "      farm: west\n"),
    ];
    let warden = Warden::start(&config(&both)).await;
    let page = warden
        .page_where("both farms", |page| all_up(page, "east") && all_up(page, "west"))
        .await;
    let here = |target: &str| {
        value(
            &page,
            "chia_harvester_plots",
            &format!("target=\"{target}\",harvester=\"here\""),
        )
    };
    assert_eq!((here("east"), here("west")), (Some(1000.0), Some(77.0)), "{page}");
    assert_eq!(value(&page, "chia_full_node_peak_height", "target=\"west\""), Some(5.0));
}

#[tokio::test]
async fn a_frozen_farmer_costs_its_own_part_and_its_harvesters_are_unknown() {
    let (chia, _directory) = farm().await;
    let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
    warden.page_where("all parts", |page| all_up(page, "chia-1")).await;
    chia.farmer.set(json!({"incident": "silent"})).await.unwrap();
    warden
        .page_where("unknown, and all others go on", |page| {
            let others = ["full_node", "wallet", "events"];
            failed(page, "farmer", "timeout")
                && !page.contains("chia_harvester_connected{")
                && others.iter().all(|part| page.contains(&up("chia-1", part, 1)))
        })
        .await;
    chia.farmer.set(json!({"incident": "healthy"})).await.unwrap();
    warden.page_with("chia_harvester_connected{").await;
}
