//! Older releases, each as far as it tells.

use std::cmp::Ordering;

use futures_util::future;
use serde_json::json;

use super::{all_up, config, entry, failed, farm, value};
use crate::harness::Warden;

/// Each has something that the one before it has not.
const RELEASES: [&str; 8] = ["1.2.11", "1.6.2", "1.8.2", "2.0.1", "2.1.4", "2.4.4", "2.7.0", "2.7.5"];

/// What is shown, with the first release of which it can be.
const SHOWN: [(&str, &str, &str); 20] = [
    ("chia_harvester_connected", "harvester=\"here\"", "1.2.11"),
    ("chia_full_node_peak_height", "", "1.2.11"),
    ("chia_network_info", "network=\"mainnet\"", "1.2.11"),
    ("chia_pool_points_found_total", "launcher=\"5c8d18cf\"", "1.2.11"),
    ("chia_wallet_last_height_farmed", "", "1.2.11"),
    ("chia_harvester_plots", "harvester=\"here\"", "1.6.2"),
    ("chia_harvester_plot_bytes", "harvester=\"here\"", "1.6.2"),
    ("chia_harvester_plots_by_kind", "k=\"32\"", "1.6.2"),
    ("chia_farmer_signage_points_total", "", "1.8.2"),
    ("chia_harvester_eligible_plots_total", "harvester=\"here\"", "1.8.2"),
    (
        "chia_harvester_unanswered_signage_points",
        "harvester=\"here\"",
        "1.8.2",
    ),
    ("chia_harvester_lookup_seconds_count", "harvester=\"here\"", "2.0.1"),
    ("chia_farmer_missed_signage_points_total", "", "2.0.1"),
    ("chia_harvester_effective_plot_bytes", "harvester=\"here\"", "2.0.1"),
    ("chia_harvester_mode", "mode=\"cpu\"", "2.0.1"),
    ("chia_harvester_plots_by_kind", "compression=\"5\"", "2.0.1"),
    ("chia_full_node_average_block_seconds", "", "2.0.1"),
    ("chia_pool_partials_total", "result=\"stale\"", "2.0.1"),
    ("chia_pool_partials_total", "result=\"insufficient\"", "2.1.4"),
    ("chia_service_info", "service=\"farmer\"", "2.4.4"),
];

fn order(one: &str, other: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u32> { text.split('.').map(|number| number.parse().unwrap()).collect() };
    numbers(one).cmp(&numbers(other))
}

async fn is_read_as_far_as_it_tells(release: &str) {
    let (chia, _directory) = farm().await;
    chia.set(&json!({"version": release})).unwrap();
    let warden = Warden::start(&config(&[entry("chia-1", &chia, "")])).await;
    warden.page_where(release, |page| all_up(page, "chia-1")).await;
    chia.point(1);
    let tells = |since: &str| order(release, since) != Ordering::Less;
    let is_shown = |page: &str, (family, label, _): &(&str, &str, &str)| value(page, family, label).is_some();
    let all = |page: &str| SHOWN.iter().all(|shown| !tells(shown.2) || is_shown(page, shown));
    let page = warden.page_where(release, all).await;
    let invented: Vec<_> = SHOWN
        .iter()
        .filter(|shown| !tells(shown.2) && is_shown(&page, shown))
        .collect();
    assert!(invented.is_empty(), "{release}: {invented:?}\n{page}");
    // That a call is not there yet is no fault, and nothing is ill for it.
    assert!(
        !failed(&page, "farmer", "not_found") && !failed(&page, "details", "not_found"),
        "{page}"
    );
    let ill = page
        .lines()
        .find(|line| line.starts_with("farmwarden_symptom{") && line.ends_with(" 1"));
    assert_eq!(ill, None, "{release}");
}

#[tokio::test]
async fn each_release_is_read_as_far_as_it_tells() {
    future::join_all(RELEASES.map(is_read_as_far_as_it_tells)).await;
}
