//! At full size, in floods, and with what nobody expects.

use serde_json::json;
use simfarm::chia::Chia;

use super::{all_up, config, entry, failed, farm, up, value};
use crate::harness::{PATIENCE, Warden};

/// An entry that looks at plots one by one, and takes its time: large answers are slow on a busy machine.
fn patient_entry(chia: &Chia) -> String {
    let entry = entry("chia-1", chia, "      plot_detail: 'on'\n");
    entry
        .replace("interval: 1s", "interval: 60s")
        .replace("timeout: 900ms", "timeout: 55s")
}

#[tokio::test]
async fn a_hundred_thousand_plots_on_twenty_harvesters_are_counted() {
    let (chia, _directory) = farm().await;
    let twenty: Vec<_> = (0..20).map(|_| json!({"plots": 5000})).collect();
    chia.set(&json!({"harvesters": twenty})).unwrap();
    let warden = Warden::start(&config(&[patient_entry(&chia)])).await;
    let counted = |page: &str| {
        let lines = page
            .lines()
            .filter(|line| line.starts_with("chia_harvester_plots_by_kind{"));
        let plots: f64 = lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum();
        (plots - 100_000.0).abs() < 0.5
    };
    let page = warden.page_where("all plots", counted).await;
    assert!(page.lines().count() < 2_000, "nothing on the page grows with the plots");
    assert_eq!(chia.farmer.calls().of("get_harvester_plots_valid"), 20);
}

#[tokio::test]
async fn one_answer_of_58_mb_is_counted_while_it_is_read() {
    let (chia, _directory) = farm().await;
    chia.set(&json!({"harvesters": [{"plots": 100_000}]})).unwrap();
    let warden = Warden::start(&config(&[patient_entry(&chia)])).await;
    warden
        .page_where("all plots, and all other parts", |page| {
            let plots = value(page, "chia_harvester_plots_by_kind", "harvester=\"here\"");
            plots == Some(100_000.0) && all_up(page, "chia-1")
        })
        .await;
}

#[tokio::test]
async fn what_nobody_has_heard_of_is_counted_and_costs_nothing() {
    let (chia, _directory) = farm().await;
    let unknown = json!({"results": {
        "get_harvesters_summary": {"harvesters_of_the_future": [{"deep": [1, 2, {"x": null}]}]},
        "get_pool_state": {"pool_state_v2": {}}}});
    chia.farmer.set(unknown).await.unwrap();
    let state =
        json!({"results": {"get_blockchain_state": {"blockchain_state": {"difficulty": "many", "peak": {"new": 1}}}}});
    chia.full_node.set(state).await.unwrap();
    let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
    warden.page_where("all parts", |page| all_up(page, "chia-1")).await;
    chia.push(("chia_new_service", "unheard_of"), &json!({"anything": [1, 2, 3]}), 3);
    chia.push(
        ("chia_farmer", "new_farming_info"),
        &json!({"farming_info": "another form"}),
        2,
    );
    chia.push(("chia_farmer", "new_signage_point"), &json!(null), 1);
    chia.point(1);
    let page = warden
        .page_where("the signage point", |page| {
            value(page, "chia_farmer_signage_points_total", "") == Some(1.0)
        })
        .await;
    assert_eq!(
        value(&page, "chia_events_received_total", "origin=\"other\""),
        Some(3.0),
        "{page}"
    );
    assert_eq!(value(&page, "chia_events_unreadable_total", ""), Some(3.0), "{page}");
    assert_eq!(value(&page, "chia_full_node_difficulty", ""), None, "{page}");
}

#[tokio::test]
async fn a_flood_of_events_is_read_to_its_end_and_the_rest_of_the_program_goes_on() {
    let (chia, _directory) = farm().await;
    let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
    warden.page_where("all parts", |page| all_up(page, "chia-1")).await;
    chia.push(
        ("chia_new_service", "unheard_of"),
        &json!({"text": "x".repeat(200)}),
        30_000,
    );
    let page = warden
        .page_where("every event is counted", |page| {
            let looked = value(page, "chia_events_received_total", "origin=\"other\"");
            let dropped = value(page, "chia_events_dropped_total", "");
            looked
                .zip(dropped)
                .is_some_and(|(looked, dropped)| looked + dropped > 29_999.5)
        })
        .await;
    assert!(page.contains(&up("chia-1", "events", 1)), "{page}");
    warden
        .page_where("all parts go on", |page| all_up(page, "chia-1"))
        .await;
    // Another second, and everything is looked at again.
    let looked_at = async {
        let mut points = 0;
        loop {
            chia.point(1);
            points += 1;
            let seen = value(&warden.page().await, "chia_farmer_signage_points_total", "");
            if seen.is_some_and(|seen| seen > 0.0) || points > 1_000 {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looked_at).await.unwrap();
    assert!(seen.is_some_and(|seen| seen > 0.0));
}

#[tokio::test]
async fn an_answer_larger_than_all_plots_is_given_up() {
    let (chia, _directory) = farm().await;
    chia.farmer
        .set(json!({"incident": "huge", "huge_bytes": 20_000_000}))
        .await
        .unwrap();
    let warden = Warden::start(&config(&[patient_entry(&chia)])).await;
    warden
        .page_where("too large", |page| failed(page, "farmer", "too_large"))
        .await;
}
