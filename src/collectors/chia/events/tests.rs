use super::super::testing::recorded;
use super::*;

fn hear(tally: &mut Tally, text: &str, now: Instant) {
    let push: Push<'_> = serde_json::from_str(text).unwrap();
    tally.hear(&Heard::Pushed(push), now);
}

fn event(origin: &str, command: &str) -> String {
    let name = format!("ws.push.{origin}.{command}.to-metrics");
    String::from_utf8(recorded(&name)).unwrap()
}

/// A farmer's word on a lookup: the number of the signage point, and microseconds.
fn lookup(point: u64, micros: u64, eligible: u64) -> String {
    let id = "ab".repeat(32);
    format!(
        r#"{{"origin": "chia_farmer", "command": "new_farming_info", "data": {{"farming_info": {{"node_id": "{id}",
            "signage_point": "0x{point}", "passed_filter": {eligible}, "proofs": 1, "total_plots": 7,
            "lookup_time": {micros}}}}}}}"#
    )
}

fn point(number: u64, missing: &str) -> String {
    format!(
        r#"{{"origin": "chia_farmer", "command": "new_signage_point", "data": {{"missing_signage_points": {missing},
            "signage_point": {{"challenge_chain_sp": "0x{number}", "signage_point_index": 3}}}}}}"#
    )
}

#[test]
fn microseconds_of_a_farmer_become_seconds() {
    let mut tally = Tally::new(Teller::Farmer);
    let now = Instant::now();
    hear(&mut tally, &event("chia_farmer", "new_farming_info"), now);
    let (id, lookups) = tally.lookups.first_key_value().unwrap();
    assert_eq!(id.short(), "21ebeeab");
    assert!((lookups.seconds.sum() - 0.090_328).abs() < 1e-9 && lookups.seconds.count() == 1);
    assert_eq!((lookups.eligible, lookups.proofs, lookups.last.plots), (2, 4, Some(3)));
}

#[test]
fn of_farmer_and_harvester_only_one_is_counted() {
    let now = Instant::now();
    for (teller, farmers, own) in [(Teller::Farmer, 1, false), (Teller::Harvester, 0, true)] {
        let mut tally = Tally::new(teller);
        hear(&mut tally, &event("chia_farmer", "new_farming_info"), now);
        hear(&mut tally, &event("chia_harvester", "farming_info"), now);
        assert_eq!((tally.lookups.len(), tally.own.is_some()), (farmers, own));
        if let Some(own) = tally.own {
            assert!((own.seconds.sum() - 0.033_607_932).abs() < 1e-9);
            assert_eq!((own.eligible, own.proofs, own.last.plots), (3, 4, Some(15)));
        }
    }
}

#[test]
fn what_is_told_twice_is_counted_once() {
    let mut tally = Tally::new(Teller::Farmer);
    let now = Instant::now();
    for _ in 0..2 {
        hear(&mut tally, &point(1, "[1795193200, 2]"), now);
        hear(&mut tally, &lookup(1, 1_000, 1), now);
    }
    hear(&mut tally, &lookup(2, 1_000, 1), now);
    assert_eq!((tally.points.seen, tally.points.missed), (1, Some(2)));
    let lookups = tally.lookups.first_key_value().unwrap().1;
    assert_eq!((lookups.seconds.count(), lookups.eligible), (2, 2));
}

#[test]
fn only_a_farmer_that_counts_missed_points_has_missed_none() {
    let now = Instant::now();
    let old = point(1, "null").replace(r#""missing_signage_points": null,"#, "");
    for (text, missed) in [(old, None), (point(1, "null"), Some(0))] {
        let mut tally = Tally::new(Teller::Farmer);
        hear(&mut tally, &text, now);
        assert_eq!((tally.points.seen, tally.points.missed), (1, missed));
    }
}

#[test]
fn a_harvester_that_is_silent_falls_behind_the_signage_points() {
    let mut tally = Tally::new(Teller::Farmer);
    let now = Instant::now();
    for number in 0..12 {
        hear(&mut tally, &point(number, "null"), now);
        if number == 0 {
            hear(&mut tally, &lookup(number, 5, 0), now);
        }
    }
    let lookups = tally.lookups.first_key_value().unwrap().1;
    assert_eq!(tally.points.seen - lookups.answered_at, 11);
}

#[test]
fn only_what_happened_lately_is_looked_back_at() {
    let mut tally = Tally::new(Teller::Farmer);
    let start = Instant::now();
    hear(&mut tally, &point(1, "[1, 3]"), start);
    hear(&mut tally, &lookup(1, 9_000_000, 1), start);
    hear(&mut tally, &lookup(2, 1_000, 0), start + WINDOW / 2);
    hear(&mut tally, &lookup(3, 2_000_000, 1), start + WINDOW / 2);
    let lately = |at| tally.lookups.first_key_value().unwrap().1.lately(at);
    assert_eq!(lately(start + WINDOW / 2), [2.0, 9.0]);
    assert_eq!(lately(start + WINDOW), [2.0]);
    assert_eq!(tally.points.lately(start + WINDOW / 2), (1, 3));
    assert_eq!(tally.points.lately(start + WINDOW), (0, 0));
}

#[test]
fn every_recorded_event_has_its_counter() {
    let mut tally = Tally::new(Teller::Farmer);
    for (origin, command) in EVENTS {
        hear(&mut tally, &event(origin, command), Instant::now());
    }
    hear(
        &mut tally,
        r#"{"origin": "chia_timelord", "command": "finished_pot", "data": {}}"#,
        Instant::now(),
    );
    assert!(tally.received().all(|(_, count)| count == 1), "{:?}", tally.received);
    assert_eq!((tally.unreadable, tally.proofs, tally.node_points), (0, 1, 1));
}

#[test]
fn strangers_without_end_do_not_fill_the_memory() {
    let mut tally = Tally::new(Teller::Farmer);
    let now = Instant::now();
    for number in 0..u64::try_from(MOST_HARVESTERS).unwrap() + 5 {
        let id = format!("{number:064x}");
        hear(&mut tally, &lookup(number, 1, 1).replace(&"ab".repeat(32), &id), now);
        hear(&mut tally, &point(number, "null"), now);
    }
    assert_eq!(tally.lookups.len(), MOST_HARVESTERS);
    assert_eq!(tally.points.recent.len(), MOST_RECENT);
}

#[test]
fn an_event_of_an_unknown_form_is_counted_as_that() {
    let mut tally = Tally::new(Teller::Farmer);
    for data in ["null", "{}", r#"{"signage_point": 7}"#] {
        let text = format!(r#"{{"origin": "chia_farmer", "command": "new_signage_point", "data": {data}}}"#);
        hear(&mut tally, &text, Instant::now());
    }
    assert_eq!((tally.unreadable, tally.points.seen), (3, 0));
}

proptest::proptest! {
    #[test]
    fn any_data_is_counted_or_unreadable(data in "null|[0-9]{1,40}|\\[\\]|\\{\"farming_info\":\\{\"node_id\":\"[0-9a-f]{64}\",\"lookup_time\":-?[0-9e.]{1,9}\\}\\}") {
        for (origin, command) in EVENTS {
            let text = format!(r#"{{"origin": "{origin}", "command": "{command}", "data": {data}}}"#);
            if let Ok(push) = serde_json::from_str::<Push<'_>>(&text) {
                Tally::new(Teller::Farmer).hear(&Heard::Pushed(push), Instant::now());
            }
        }
    }
}
