mod harvesters;
mod heard;

use super::super::pool::Pool;
use super::super::testing::{Farm, harvester, id};

#[test]
fn a_healthy_farm_has_no_symptom() {
    let mut farm = Farm::whole();
    farm.events();
    for height in 0..80 {
        let now = farm.now();
        farm.node_at(height, 8).farmer(vec![harvester(1, 100, now)]);
        for _ in 0..6 {
            farm.after(9).point().answers(id(1), 200).events();
        }
        assert!(farm.found().is_empty(), "{height}: {:?}", farm.found());
    }
    let looked: Vec<&str> = farm.diagnosis().looked_at.iter().map(|symptom| symptom.name).collect();
    for symptom in [
        "harvester_silent",
        "signage_points_missed",
        "plots_lost",
        "chia_node_stalled",
        "lookup_slow",
    ] {
        assert!(looked.contains(&symptom), "{symptom}: {looked:?}");
    }
}

#[test]
fn a_node_is_stalled_alone_or_not_synchronised() {
    let mut farm = Farm::unheard();
    for _ in 0..=11 {
        farm.node_at(7, 2).after(60);
    }
    let found = farm.found();
    assert_eq!(
        found[0],
        "chia_node_stalled [] no block for 12m (limit 10m), at height 7"
    );
    for _ in 0..4 {
        farm.node_at(8, 2).after(60);
    }
    assert_eq!(
        farm.found()[0],
        "chia_node_few_peers [] 2 full nodes for 16m (limit 3 for 15m)"
    );
    let behind = br#"{"blockchain_state": {"peak": {"height": 9}, "sync": {"synced": false, "sync_mode": true, "sync_tip_height": 99}}}"#;
    for _ in 0..=10 {
        farm.node(behind, br#"{"connections": []}"#).after(60);
    }
    assert_eq!(
        farm.found()[0],
        "chia_node_not_synced [] not synchronised for 11m (limit 10m), at height 9 of 99"
    );
}

fn pool(valid: u64, stale: u64, errors: u64) -> Pool {
    Pool {
        launcher: "5c8d18cf".to_owned(),
        host: "pool.test".to_owned(),
        plots: Some(100),
        difficulty: Some(10),
        // 300 partials a day.
        points_found_24h: Some(3_000),
        partials: [Some(valid), Some(stale), Some(0), Some(0), Some(0)],
        errors_24h: Some(errors),
        ..Pool::default()
    }
}

#[test]
fn a_pool_that_accepts_nothing_refuses_much_or_fails_all_the_time_is_told() {
    let mut farm = Farm::unheard();
    for minute in 0..=60 {
        farm.farmer_with(Vec::new(), vec![pool(5, 0, 0)]).after(60);
        assert_eq!(farm.found().is_empty(), minute < 59, "{minute}");
    }
    let words = "pool_no_partials [5c8d18cf] pool.test accepted no partial for 1h1m of 100 plots (limit 1h)";
    assert_eq!(farm.found(), [words]);
    let mut farm = Farm::unheard();
    for minute in 0..50 {
        let rising = pool(20 + minute, minute / 10, minute);
        farm.farmer_with(Vec::new(), vec![rising]).after(60);
    }
    let found = farm.found();
    assert_eq!(
        found[0],
        "pool_rejects [5c8d18cf] pool.test: 4 of 53 partials of the last hour were stale or invalid (limit 5 %)"
    );
    assert!(
        found[1].starts_with("pool_errors [5c8d18cf] pool.test: new errors for 49m"),
        "{found:?}"
    );
    // The farmer is started anew: counters begin at zero.
    farm.farmer_with(Vec::new(), vec![pool(1, 0, 50)]);
    assert!(
        farm.found().iter().all(|found| !found.starts_with("pool_rejects")),
        "{:?}",
        farm.found()
    );
}

#[test]
fn a_farm_that_finds_few_partials_is_not_judged_by_an_hour_without() {
    // Eight an hour are enough to tell, and what was found before the pool stopped tells how many there ought to be.
    for (points, ill) in [(Some(1_919), false), (Some(1_920), true), (None, false)] {
        let mut farm = Farm::unheard();
        for minute in 0..=61 {
            let points_found_24h = points.map(|points| points - minute / 50);
            let few = Pool {
                points_found_24h,
                ..pool(5, 0, 0)
            };
            farm.farmer_with(Vec::new(), vec![few]).after(60);
        }
        assert_eq!(farm.found().len(), usize::from(ill), "{points:?} {:?}", farm.found());
    }
}

#[test]
fn farming_alone_needs_no_pool() {
    let mut farm = Farm::unheard();
    for _ in 0..70 {
        let alone = Pool {
            host: String::new(),
            ..pool(0, 0, 0)
        };
        farm.farmer_with(Vec::new(), vec![alone]).after(60);
    }
    assert!(farm.found().is_empty());
}

#[test]
fn a_long_time_without_a_win_is_told_beyond_five_times_the_expected() {
    let mut farm = Farm::unheard();
    let plots = 4_000_000;
    let one = harvester(1, plots, farm.now());
    farm.recorded_details()
        .recorded_wallet()
        .node_at(7, 8)
        .farmer(vec![one]);
    // 4e19 of space, 4.4e17 of our own: 28 minutes. The recorded win was 23 minutes before.
    assert!(farm.found().is_empty(), "{:?}", farm.found());
    farm.after(2 * 3_600 + 1_800);
    let found = farm.found();
    let win = found.iter().find(|found| found.starts_with("no_win_for_long")).unwrap();
    assert!(win.contains("one every 28m") && win.contains("limit 5 times"), "{win}");
    // One that is behind does not know of the last win yet.
    farm.snapshot.wallet.as_mut().unwrap().synced = Some(false);
    let found = farm.found();
    assert!(found.iter().all(|found| !found.starts_with("no_win")), "{found:?}");
}

#[test]
fn an_authority_that_ends_soon_is_told() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "thresholds": {"certificate_ends_within": "3649d"}"#);
    farm.begin();
    assert_eq!(farm.found().len(), 1, "{:?}", farm.found());
    assert!(
        farm.found()[0].starts_with("chia_certificate_ends [ca] the farm's authority ends in 364"),
        "{:?}",
        farm.found()
    );
}

#[test]
fn a_certificate_that_has_ended_is_told_with_the_day() {
    let mut farm = Farm::new(r#", "farmer": "h:1""#);
    let now = farm.begin();
    let ended = crate::clock::UnixTime::from_millis(1_790_000_000_000);
    let ends = [("ca", None), ("client", Some(ended))];
    farm.snapshot.begin(&farm.target, ends, None, now);
    assert_eq!(
        farm.found(),
        ["chia_certificate_ends [client] our certificate ended on 2026-09-21: every service refuses it"]
    );
}

#[test]
fn a_wallet_that_is_not_synchronised_is_told_after_half_an_hour() {
    let mut farm = Farm::new(r#", "wallet": "h:1""#);
    for _ in 0..=30 {
        let now = farm.begin();
        let state = super::super::wallet::WalletState {
            synced: Some(false),
            ..Default::default()
        };
        farm.snapshot.absorb_wallet(state, now);
        farm.after(60);
    }
    assert_eq!(
        farm.found(),
        ["wallet_not_synced [] not synchronised for 31m (limit 30m)"]
    );
}

#[test]
fn every_threshold_that_a_symptom_names_has_a_value() {
    use super::super::symptoms::{DIRECTORY_UNMOUNTED, SYMPTOMS};
    use crate::collectors::TargetConfig as _;
    let farm = Farm::whole();
    for symptom in SYMPTOMS.iter().chain([&&DIRECTORY_UNMOUNTED]) {
        for key in symptom.thresholds {
            let key = key.strip_prefix("chia.").unwrap();
            assert!(farm.target.setting(key).is_some(), "{}: {key}", symptom.name);
        }
    }
}
