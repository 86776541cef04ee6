use super::super::farmer::{Harvester, Pool, Scan};
use super::super::testing::{Farm, harvester, id};

/// A minute of a farm in which harvester 1 looks through its directories and harvester 2 hangs in there.
fn minute(farm: &mut Farm, hanging: &Harvester) {
    farm.after(60);
    let now = farm.now();
    farm.farmer(vec![harvester(1, 100, now), hanging.clone()]);
}

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
fn a_harvester_that_hangs_in_a_mount_is_silent_and_its_scan_is_stale() {
    let mut farm = Farm::whole();
    let hanging = harvester(2, 100, farm.now());
    farm.farmer(vec![harvester(1, 100, farm.now()), hanging.clone()])
        .events();
    for number in 1..=11 {
        farm.after(9).point().answers(id(1), 100).events();
        assert_eq!(farm.found().len(), usize::from(number > 10), "{number}");
    }
    assert_eq!(
        farm.found(),
        ["harvester_silent [02020202] 11 signage points unanswered (limit 10)"]
    );
    for _ in 0..9 {
        minute(&mut farm, &hanging);
        farm.point().answers(id(1), 100).events();
    }
    let found = farm.found();
    assert_eq!(
        found[0],
        "harvester_scan_stale [02020202] has not finished a look through its directories for 10m39s (limit 10m)"
    );
    // A point a minute is too few, and that is told as well.
    assert!(found[1].starts_with("signage_points_missed"), "{found:?}");
    assert!(found[2].starts_with("harvester_silent [02020202] 20"), "{found:?}");
}

#[test]
fn a_harvester_that_answers_only_what_its_frozen_mount_has_no_part_in_is_silent() {
    let mut farm = Farm::whole();
    farm.farmer(vec![harvester(1, 165, farm.now())]).events();
    for point in 0..60 {
        farm.after(9).point();
        if point % 3 != 0 {
            farm.answers(id(1), 0);
        }
        farm.events();
    }
    let found = farm.found();
    let words = "harvester_silent [01010101] 16 of 56 signage points of ten minutes unanswered (limit 10)";
    assert!(found.contains(&words.to_owned()), "{found:?}");
    // The mount is there again.
    for _ in 0..23 {
        farm.after(9).point().answers(id(1), 0).events();
    }
    let found = farm.found();
    assert!(
        found.iter().all(|found| !found.starts_with("harvester_silent")),
        "{found:?}"
    );
    // Answers that come late are answers.
    let mut late = Farm::whole();
    late.farmer(vec![harvester(1, 165, late.now())]).events();
    for _ in 0..60 {
        late.after(9).point().after(1).answers(id(1), 20_000).events();
    }
    assert!(late.found().iter().all(|found| !found.starts_with("harvester_silent")));
}

#[test]
fn a_long_look_that_goes_on_is_not_stale() {
    let mut farm = Farm::unheard();
    let at = farm.now();
    for processed in 0..30 {
        let scanning = Harvester {
            scan: Some(Scan {
                initial: false,
                processed,
                total: 1000,
            }),
            ..harvester(2, 100, at)
        };
        minute(&mut farm, &scanning);
        assert!(
            farm.found().iter().all(|found| !found.contains("scan_stale")),
            "{processed}"
        );
    }
}

#[test]
fn a_harvester_that_is_gone_is_a_symptom_after_three_minutes() {
    let mut farm = Farm::unheard();
    farm.farmer(vec![harvester(1, 100, farm.now())]);
    farm.after(30).farmer(Vec::new());
    farm.after(170).farmer(Vec::new());
    assert!(farm.found().is_empty());
    farm.after(10).farmer(Vec::new());
    let words = "harvester_down [01010101] disconnected for 3m (limit 3m); last at 10.0.0.1";
    assert_eq!(farm.found(), [words]);
    let now = farm.now();
    farm.farmer(vec![harvester(1, 100, now)]);
    assert!(farm.found().is_empty());
}

#[test]
fn a_configured_harvester_that_never_came_is_down() {
    let keys = r#", "farmer": "h:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.9"}]"#;
    let mut farm = Farm::new(keys);
    farm.farmer(Vec::new());
    farm.after(179).farmer(Vec::new());
    assert!(farm.found().is_empty());
    farm.after(1).farmer(Vec::new());
    assert_eq!(
        farm.found(),
        ["harvester_down [nas-1] configured, but not seen on the farmer for 3m"]
    );
}

#[test]
fn plots_that_vanish_are_lost_and_a_single_one_is_not() {
    let mut farm = Farm::unheard();
    for (plots, minutes) in [(100, 10), (99, 10), (97, 6)] {
        for _ in 0..minutes {
            farm.after(60);
            let now = farm.now();
            farm.farmer(vec![harvester(1, plots, now)]);
        }
        assert_eq!(
            farm.found().len(),
            usize::from(plots == 97),
            "{plots}: {:?}",
            farm.found()
        );
    }
    let words = "plots_lost [01010101] 97 plots, 3 fewer than within the last hour, for 5m (limit 5m)";
    assert_eq!(farm.found(), [words]);
}

#[test]
fn plots_are_not_lost_while_a_harvester_that_came_back_looks_for_them() {
    let mut farm = Farm::unheard();
    farm.farmer(vec![harvester(1, 100, farm.now())]);
    farm.after(30).farmer(Vec::new());
    for _ in 0..9 {
        farm.after(60);
        let initial = Harvester {
            last_scan: None,
            ..harvester(1, 0, farm.now())
        };
        farm.farmer(vec![initial]);
        assert!(farm.found().is_empty(), "{:?}", farm.found());
    }
}

#[test]
fn bad_plots_are_a_symptom_after_half_an_hour() {
    let mut farm = Farm::unheard();
    for _ in 0..=30 {
        let bad = Harvester {
            invalid: Some(2),
            duplicates: Some(1),
            ..harvester(1, 100, farm.now())
        };
        farm.farmer(vec![bad]).after(60);
    }
    let found = farm.found();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0],
        "plots_invalid [01010101] 2 plots could not be opened, for 31m (limit 30m)"
    );
    assert!(found[1].starts_with("plots_duplicate"), "{found:?}");
}

#[test]
fn lookups_are_slow_or_too_slow_and_few_tell_nothing() {
    for (millis, number, expected) in [
        (9_000, 9, None),
        (9_000, 12, Some("lookup_slow")),
        (21_000, 12, Some("lookup_too_slow")),
        (7_000, 12, None),
    ] {
        let mut farm = Farm::whole();
        farm.farmer(vec![harvester(1, 100, farm.now())]).events();
        for _ in 0..number {
            farm.after(9).point().answers(id(1), millis);
        }
        farm.events();
        let found: Vec<String> = farm
            .found()
            .into_iter()
            .filter(|found| found.starts_with("lookup"))
            .collect();
        assert_eq!(
            found.len(),
            usize::from(expected.is_some()),
            "{millis} {number}: {found:?}"
        );
        assert!(
            found.iter().all(|words| words.starts_with(expected.unwrap())),
            "{found:?}"
        );
    }
}

#[test]
fn signage_points_that_do_not_come_are_told_once() {
    let mut farm = Farm::whole();
    farm.recorded_details().events().after(89).events();
    assert!(farm.found().is_empty());
    farm.after(1).events();
    assert_eq!(
        farm.found(),
        ["signage_points_none [] no signage point for 1m30s (limit 1m30s)"]
    );
    for _ in 0..40 {
        farm.after(15).point();
    }
    farm.events();
    let found = farm.found();
    assert!(
        found[0].starts_with("signage_points_missed [] 40 signage points in ten minutes of 64 expected"),
        "{found:?}"
    );
}

#[test]
fn a_farmer_that_may_be_too_old_to_push_signage_points_is_not_judged_by_them() {
    let mut farm = Farm::whole();
    farm.events().after(1_000).events();
    assert!(farm.found().is_empty(), "{:?}", farm.found());
    // Whoever has pushed one pushes them.
    farm.point().after(90).events();
    assert!(farm.found()[0].starts_with("signage_points_none"), "{:?}", farm.found());
}

#[test]
fn missed_points_by_the_farmers_count_are_a_symptom() {
    let mut farm = Farm::whole();
    for number in 0..70 {
        let missing = if number % 20 == 0 { "[1, 2]" } else { "null" };
        farm.after(9).hear(&format!(
            r#"{{"origin": "chia_farmer", "command": "new_signage_point", "data": {{"missing_signage_points": {missing},
                "signage_point": {{"challenge_chain_sp": "{number}", "signage_point_index": 1}}}}}}"#
        ));
    }
    farm.events();
    assert!(
        farm.found()[0].contains("6 missed by the farmer's count (limit 5)"),
        "{:?}",
        farm.found()
    );
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
fn events_that_are_not_heard_are_a_symptom_and_judge_nobody() {
    let mut farm = Farm::whole();
    farm.farmer(vec![harvester(1, 100, farm.now())]).point().events();
    farm.snapshot.expire_events();
    farm.after(120);
    let now = farm.now();
    farm.farmer(vec![harvester(1, 100, now)]);
    assert_eq!(farm.found(), ["chia_events_lost [] no events heard for 2m (limit 2m)"]);
    let mut never = Farm::whole();
    never.begin();
    never.after(121);
    assert_eq!(
        never.found(),
        ["chia_events_lost [] no events heard for 2m1s (limit 2m)"]
    );
    let mut without = Farm::new(r#", "farmer": "h:1""#);
    without.begin();
    without.after(1_000);
    assert!(without.found().is_empty());
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
fn a_harvester_alone_is_silent_when_it_has_not_answered_for_as_long() {
    let keys = r#", "daemon": "h:1", "harvesters": [{"name": "nas-1", "rpc": "127.0.0.1:8560"}]"#;
    let mut farm = Farm::new(keys);
    farm.hear_recorded("chia_harvester", "farming_info").events();
    farm.after(103).events();
    assert!(farm.found().is_empty(), "{:?}", farm.found());
    farm.after(1).events();
    let words = "harvester_silent [nas-1] no answer to a signage point for 1m44s (limit 1m43s); its link to the farmer \
                 may be gone, too";
    assert_eq!(farm.found(), [words]);
    // The websocket was cut meanwhile: what it answered then, nobody heard.
    farm.tally.connected = Some(farm.now().monotonic);
    farm.events().after(103).events();
    assert!(farm.found().is_empty(), "{:?}", farm.found());
    farm.after(1).events();
    assert_eq!(farm.found().len(), 1);
}

#[test]
fn a_harvester_alone_that_has_been_silent_from_the_start_is_told() {
    let mut farm = Farm::new(r#", "daemon": "h:1", "harvesters": [{"name": "nas-1", "rpc": "127.0.0.1:8560"}]"#);
    farm.events().after(103).events();
    assert!(farm.found().is_empty(), "{:?}", farm.found());
    farm.after(1).events();
    assert!(
        farm.found()[0].starts_with("harvester_silent [nas-1] no answer"),
        "{:?}",
        farm.found()
    );
    // The daemon of a node alone has no harvester to wait for.
    let mut node = Farm::new(r#", "daemon": "h:1", "full_node": "h:2""#);
    node.events().after(1_000).events();
    assert!(node.found().is_empty(), "{:?}", node.found());
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
