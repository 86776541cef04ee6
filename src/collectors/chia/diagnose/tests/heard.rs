use super::super::super::testing::{Farm, harvester, id};
use super::harvesters::minute;

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

/// A harvester that nobody else speaks of, a signage point after the other. `answers` tells which of them it answers.
fn alone(every: u64, points: u64, answers: impl Fn(u64) -> bool) -> Farm {
    let mut farm = Farm::new(r#", "daemon": "h:1", "harvesters": [{"name": "nas-1", "rpc": "127.0.0.1:8560"}]"#);
    alone_on(&mut farm, every, points, answers);
    farm
}

fn alone_on(farm: &mut Farm, every: u64, points: u64, answers: impl Fn(u64) -> bool) {
    for point in 0..points {
        farm.after(every);
        if answers(point) {
            farm.hear_recorded("chia_harvester", "farming_info");
        }
        farm.events();
    }
}

#[test]
fn a_harvester_alone_that_answers_only_what_its_frozen_mount_has_no_part_in_is_silent() {
    // One disk of 18 TB: of half of the points none of its plots is eligible, and those are answered.
    let mut farm = alone(9, 68, |point| point % 2 == 0);
    assert_eq!(
        farm.found(),
        ["harvester_silent [nas-1] 28 of about 61 signage points of ten minutes unanswered (limit 12)"]
    );
    // The mount is there again.
    alone_on(&mut farm, 9, 23, |_| true);
    assert!(farm.found().is_empty(), "{:?}", farm.found());
}

#[test]
fn a_harvester_alone_that_answers_all_is_not_silent_when_points_come_slowly_or_the_connection_is_young() {
    for points in 1..70 {
        for every in [9, 10, 11] {
            let farm = alone(every, points, |_| true);
            assert!(farm.found().is_empty(), "{points} {every}: {:?}", farm.found());
        }
    }
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
