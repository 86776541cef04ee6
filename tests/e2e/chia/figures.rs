//! What the page says, against what the services themselves say.

use serde_json::Value;

use super::farm::Farm;
use super::{HERE, NAS, is_above};
use crate::support::Samples;

pub(super) fn figures_are_what_the_rpcs_say(farm: &Farm, page: &Samples) -> Result<(), String> {
    let summary = farm.rpc(8559, "get_harvesters_summary")?;
    for one in summary["harvesters"].as_array().ok_or("no harvesters")? {
        let name = if one["plots"] == 2 { NAS } else { HERE };
        for (family, field) in [
            ("chia_harvester_plots", "plots"),
            ("chia_harvester_invalid_plots", "failed_to_open_filenames"),
            ("chia_harvester_keys_missing_plots", "no_key_filenames"),
            ("chia_harvester_duplicate_plots", "duplicates"),
            ("chia_harvester_plot_bytes", "total_plot_size"),
            ("chia_harvester_effective_plot_bytes", "total_effective_plot_size"),
        ] {
            page.is(family, &[name], one[field].as_f64())?;
        }
        page.is("chia_harvester_connected", &[name], 1.0)?;
        page.is("chia_harvester_mode", &[name, ("mode", "cpu")], 1.0)?;
    }
    let state = &farm.rpc(8555, "get_blockchain_state")?["blockchain_state"];
    for (family, value) in [
        ("chia_full_node_peak_height", &state["peak"]["height"]),
        ("chia_network_space_bytes", &state["space"]),
        ("chia_full_node_difficulty", &state["difficulty"]),
        ("chia_full_node_sub_slot_iters", &state["sub_slot_iters"]),
        ("chia_full_node_mempool_max_cost", &state["mempool_max_total_cost"]),
    ] {
        page.is(family, &[], value.as_f64())?;
    }
    for (service, port, kind) in [("farmer", 8559, 2), ("full_node", 8555, 3)] {
        let connections = &farm.rpc(port, "get_connections")?["connections"];
        let of_kind = connections.as_array().ok_or("no connections")?.iter();
        let count = u32::try_from(of_kind.filter(|one| one["type"] == kind).count()).unwrap();
        let name = if kind == 2 { "harvester" } else { "farmer" };
        page.is(
            "chia_connections",
            &[("service", service), ("type", name)],
            f64::from(count),
        )?;
    }
    page.is("chia_service_info", &[("service", "farmer"), ("version", "2.7.5")], 1.0)?;
    page.is("chia_network_info", &[("network", "simulator0")], 1.0)?;
    let by_kind = [NAS, ("k", "18"), ("type", "og"), ("compression", "0")];
    page.is("chia_harvester_plots_by_kind", &by_kind, 2.0)
}

/// In mojo.
const XCH: f64 = 1e12;

pub(super) fn winnings_are_what_the_wallet_says(farm: &Farm, page: &Samples) -> Result<(), String> {
    let of = |route| farm.rpc(9256, route);
    page.is("chia_wallet_synced", &[], truth(&of("get_sync_status")?["synced"]))?;
    page.is("chia_wallet_height", &[], of("get_height_info")?["height"].as_f64())?;
    let balance = farm.ask(9256, "get_wallet_balance", &serde_json::json!({"wallet_id": 1}))?;
    let confirmed = balance["wallet_balance"]["confirmed_wallet_balance"].as_f64();
    is_above("the balance", confirmed.unwrap_or_default(), 0.0)?;
    page.is("chia_wallet_confirmed_xch", &[], confirmed.map(|mojo| mojo / XCH))?;
    page.is("chia_wallet_confirmed_balance", &[("wallet_id", "1")], confirmed)?;
    let farmed = of("get_farmed_amount")?;
    page.is(
        "chia_wallet_farmed_xch",
        &[],
        farmed["farmed_amount"].as_f64().map(|mojo| mojo / XCH),
    )?;
    for (family, field) in [
        ("chia_wallet_blocks_won", "blocks_won"),
        ("chia_wallet_last_height_farmed", "last_height_farmed"),
        ("chia_wallet_last_farmed_timestamp_seconds", "last_time_farmed"),
    ] {
        page.is(family, &[], farmed[field].as_f64())?;
    }
    page.is("chia_connections", &[("service", "full_node"), ("type", "wallet")], 1.0)
}

fn truth(value: &Value) -> Option<f64> {
    value.as_bool().map(|is| f64::from(u8::from(is)))
}

/// Partials that a pool took and that came too late for it. They go on, so a look may be too late itself.
pub(super) fn partials_are_what_the_farmer_says(farm: &Farm, page: &Samples) -> Result<(), String> {
    let state = farm.rpc(8559, "get_pool_state")?;
    let pool = &state["pool_state"][0];
    let name = [("pool", "127.0.0.1")];
    for (result, field) in [
        ("valid", "valid_partials_since_start"),
        ("stale", "stale_partials_since_start"),
    ] {
        let count = pool[field].as_f64();
        is_above(field, count.unwrap_or_default(), 0.0)?;
        page.is("chia_pool_partials_total", &[name[0], ("result", result)], count)?;
    }
    for (family, field) in [
        ("chia_pool_plots", "plot_count"),
        ("chia_pool_difficulty", "current_difficulty"),
        ("chia_pool_points_found_total", "points_found_since_start"),
        ("chia_pool_points_acknowledged_total", "points_acknowledged_since_start"),
    ] {
        page.is(family, &name, pool[field].as_f64())?;
    }
    let errors = pool["pool_errors_24h"].as_array().ok_or("no errors")?;
    let errors = f64::from(u32::try_from(errors.len()).unwrap());
    page.is("chia_pool_errors_24h", &name, errors)?;
    let of_kind = |kind| [HERE, ("k", "18"), ("type", kind), ("compression", "0")];
    page.is("chia_harvester_plots_by_kind", &of_kind("pool"), 1.0)?;
    page.is("chia_harvester_plots_by_kind", &of_kind("og"), 2.0)
}

/// How many lookups of a harvester were counted.
pub(super) fn lookups(page: &Samples, harvester: (&str, &str)) -> f64 {
    page.get("chia_harvester_lookup_seconds_count", &[harvester])
        .unwrap_or_default()
}

pub(super) fn points(page: &Samples) -> f64 {
    page.get("chia_farmer_signage_points_total", &[]).unwrap_or_default()
}

/// As many signage points and lookups are counted as events of them were heard, and no more than there were.
pub(super) fn nothing_is_counted_twice(farm: &Farm, page: &Samples) {
    let heard = |command| page.get("chia_events_received_total", &[("command", command)]);
    assert_eq!(heard("new_signage_point"), Some(points(page)), "{}", page.0);
    let both = lookups(page, HERE) + lookups(page, NAS);
    assert_eq!(heard("new_farming_info"), Some(both), "{}", page.0);
    let handed_out = f64::from(u32::try_from(farm.handed_out()).unwrap());
    for count in [points(page), lookups(page, HERE), lookups(page, NAS)] {
        assert!(
            count <= handed_out,
            "{count} of {handed_out} signage points:\n{}",
            page.0
        );
    }
    for family in ["chia_events_dropped_total", "chia_events_unreadable_total"] {
        page.is(family, &[], 0.0).unwrap();
    }
}

/// Every counter and every bucket of a Chia farm.
pub(super) fn counters(page: &Samples) -> Vec<(&str, f64)> {
    let samples = page.0.lines().filter_map(|line| line.rsplit_once(' '));
    let counters = samples.filter(|(series, _)| {
        let family = series.split('{').next().unwrap_or_default();
        let counts = ["_total", "_bucket", "_count", "_sum"]
            .iter()
            .any(|end| family.ends_with(end));
        family.starts_with("chia_") && counts
    });
    counters
        .map(|(series, value)| (series, value.parse().unwrap()))
        .collect()
}
