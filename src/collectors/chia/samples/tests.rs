use super::super::events::EVENTS as KNOWN_EVENTS;
use super::super::families::FAMILIES;
use super::super::farmer::{Harvester, Scan};
use super::super::plots;
use super::super::testing::{Farm, harvester, id, recorded};
use super::*;
use crate::exposition::golden;

const ROOM: &str = "src/collectors/chia/golden";

fn page(snapshot: &Snapshot) -> String {
    let mut page = Page::new(&[("target", "chia-1")]);
    samples(snapshot, &mut page);
    golden::rendered(FAMILIES, page)
}

/// All that was recorded, with `keys` more in its entry.
fn recorded_farm(keys: &str) -> Farm {
    let all = format!(
        r#", "farmer": "127.0.0.1:8559", "daemon": "127.0.0.1:55400", "full_node": "127.0.0.1:8555", "wallet": "127.0.0.1:9256",
        "harvesters": [{{"name": "nas-2", "node_id": "0x21ebeeab", "rpc": "127.0.0.1:8570"}}, {{"name": "never", "host": "10.9.9.9"}}]{keys}"#
    );
    let mut farm = Farm::new(&all);
    farm.node(
        &recorded("full_node.get_blockchain_state"),
        &recorded("full_node.get_connections"),
    );
    farm.recorded_farmer()
        .recorded_wallet()
        .recorded_details()
        .here(&["/mnt/plots/disk4"])
        .events();
    for (origin, command) in KNOWN_EVENTS {
        farm.hear_recorded(origin, command);
    }
    farm.hear(r#"{"origin": "chia_timelord", "command": "new_peak"}"#)
        .events();
    let mut answer: serde_json::Value = serde_json::from_slice(&recorded("farmer.get_harvester_plots_valid")).unwrap();
    // Recordings are cut, and say so in a last entry.
    answer["plots"]
        .as_array_mut()
        .unwrap()
        .retain(serde_json::Value::is_object);
    let whole = plots::page(&serde_json::to_vec(&answer).unwrap()).unwrap();
    let first = farm.snapshot.harvesters.keys().find(|id| id.short() == "51a08231");
    farm.plots(*first.unwrap(), whole);
    farm
}

#[test]
fn a_recorded_farm() {
    golden::check(&format!("{ROOM}/recorded.prom"), &page(&recorded_farm("").snapshot));
    golden::covers(ROOM, FAMILIES);
}

/// What the linter has against these names stands beside the page: they are not ours to choose.
#[test]
fn the_names_of_the_official_exporter() {
    let mut farm = recorded_farm(r#", "compat": ["chia-exporter"]"#);
    farm.hear(
        r#"{"origin": "chia_full_node", "command": "block", "data": {"height": 30, "fork_height": 26, "rolled_back_records": 12,
            "k_size": null, "strength": 2, "transaction_block": false, "pre_validation_time": 0.25, "validation_time": 0.5}}"#,
    )
    .events();
    let own = farm.snapshot.own_id().unwrap();
    let plots = farm.snapshot.plots.values().next().cloned().unwrap();
    farm.snapshot.plots.insert(own, plots);
    let mut alone = Farm::new(r#", "daemon": "127.0.0.1:55400""#);
    alone.hear_recorded("chia_harvester", "farming_info").events();
    farm.snapshot.tally.as_mut().unwrap().own = alone.tally.own;
    let mut own = Page::new(&[("target", "chia-1")]);
    compat::samples(&farm.snapshot, &mut own);
    golden::check(&format!("{ROOM}/compat.prom"), &golden::rendered(FAMILIES, own));
    assert!(page(&farm.snapshot).contains("chia_farmer_connection_count"));
}

#[test]
fn harvesters_that_scan_hang_or_are_gone() {
    let mut farm = Farm::whole();
    farm.events();
    let now = farm.now();
    let scanning = Harvester {
        scan: Some(Scan {
            initial: true,
            processed: 300,
            total: 1200,
        }),
        last_scan: None,
        ..harvester(2, 0, now)
    };
    farm.farmer(vec![harvester(1, 15, now), scanning.clone(), harvester(3, 9, now)]);
    for _ in 0..3 {
        farm.after(9).point().answers(id(1), 250);
    }
    let synchronising = br#"{"blockchain_state": {"peak": {"height": 7, "timestamp": null},
        "sync": {"synced": false, "sync_mode": true, "sync_tip_height": 9}}}"#;
    farm.node(synchronising, br#"{"connections": []}"#);
    let now = farm.now();
    farm.farmer(vec![harvester(1, 15, now), scanning]).events();
    golden::check(&format!("{ROOM}/trouble.prom"), &page(&farm.snapshot));
}

#[test]
fn a_machine_with_a_harvester_alone() {
    let keys = r#", "daemon": "127.0.0.1:55400", "harvesters": [{"name": "nas-1", "rpc": "127.0.0.1:8560"}]"#;
    let mut farm = Farm::new(keys);
    farm.own = Some(id(7));
    farm.here(&["/mnt/a"])
        .hear_recorded("chia_harvester", "farming_info")
        .events();
    golden::check(&format!("{ROOM}/harvester-alone.prom"), &page(&farm.snapshot));
}

#[test]
fn a_machine_without_a_harvester_names_none() {
    let mut farm = Farm::new(r#", "full_node": "127.0.0.1:8555""#);
    farm.own = Some(id(7));
    farm.here(&[]).recorded_wallet();
    assert!(!page(&farm.snapshot).contains("chia_harvester_info{"));
}

#[test]
fn a_release_before_1_6_shows_who_is_connected() {
    let mut farm = Farm::whole();
    farm.farmer(vec![Harvester::bare(id(1), "10.0.0.1".to_owned())]);
    golden::check(&format!("{ROOM}/before-1.6.prom"), &page(&farm.snapshot));
}

#[test]
fn of_what_nobody_told_there_is_no_zero() {
    let mut farm = Farm::whole();
    let now = farm.now();
    farm.events().farmer(vec![harvester(1, 15, now)]).events();
    let silent = page(&farm.snapshot);
    let families = [
        "chia_farmer_signage_points",
        "chia_farmer_missed_signage_points",
        "chia_farmer_proofs",
        "chia_full_node_signage_points",
        "chia_harvester_unanswered_signage_points",
    ];
    for family in families {
        assert!(!silent.contains(family), "{family}\n{silent}");
    }
    farm.point().events();
    let told = page(&farm.snapshot);
    assert!(
        told.contains("chia_farmer_proofs") && !told.contains("missed"),
        "{told}"
    );
}

#[test]
fn what_is_too_old_is_not_shown() {
    let mut farm = Farm::whole();
    let now = farm.now();
    farm.node_at(7, 8)
        .farmer(vec![harvester(1, 15, now)])
        .recorded_wallet()
        .point()
        .events();
    farm.snapshot.expire_node();
    farm.snapshot.expire_farmer();
    farm.snapshot.expire_wallet();
    farm.snapshot.expire_events();
    let left = page(&farm.snapshot);
    let names: Vec<&str> = left.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(names, ["chia_tls_certificate_not_after_timestamp_seconds gauge"]);
}

#[test]
fn two_hundred_thousand_plots_cost_no_more_than_their_harvesters() {
    let mut farm = Farm::whole();
    let now = farm.now();
    let all = (0..20).map(|number| harvester(number, 10_000, now)).collect();
    farm.node_at(7, 8).farmer(all).events();
    for number in 0..20 {
        farm.point().answers(id(number), 250);
    }
    farm.events();
    let lines = page(&farm.snapshot)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();
    assert!(lines < 20 * 32 + 80, "{lines}");
}

#[test]
fn mojo_become_whole_tokens() {
    for (mojo, expected) in [
        (0, Some(0.0)),
        (1, Some(1e-12)),
        (48_000_000_000_000, Some(48.0)),
        (1_750_000_000_001, Some(1.750_000_000_001)),
        (21_000_042_000_000_000_000, Some(21_000_042.0)),
        (u128::MAX, None),
    ] {
        assert_eq!(xch(mojo), expected, "{mojo}");
    }
}
