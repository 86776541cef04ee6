use super::super::farmer::Harvester;
use super::super::testing::{Farm, harvester, id};

fn labels(farm: &Farm) -> Vec<(String, Option<bool>)> {
    let known = farm.snapshot.harvesters.values();
    known.map(|known| (known.label.clone(), known.connected)).collect()
}

fn on(host: &str, number: u8, farm: &Farm) -> Harvester {
    Harvester {
        host: host.to_owned(),
        ..harvester(number, 10, farm.now())
    }
}

#[test]
fn a_harvester_is_forgotten_after_a_week_unless_it_is_named() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas", "host": "10.0.0.1"}]"#);
    let both = vec![on("10.0.0.1", 1, &farm), on("10.0.0.2", 2, &farm)];
    farm.farmer(both);
    farm.after(7 * 86_400).farmer(Vec::new());
    assert_eq!(labels(&farm).len(), 2);
    farm.after(1).farmer(Vec::new());
    assert_eq!(labels(&farm), [("nas".to_owned(), Some(false))]);
}

#[test]
fn a_name_that_comes_back_with_another_certificate_is_one_harvester() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas", "host": "10.0.0.1"}]"#);
    let before = vec![on("10.0.0.1", 1, &farm)];
    farm.farmer(before).after(60).farmer(Vec::new());
    let anew = vec![on("10.0.0.1", 9, &farm)];
    farm.after(60).farmer(anew);
    assert_eq!(labels(&farm), [("nas".to_owned(), Some(true))]);
    assert!(farm.snapshot.unseen.is_empty());
}

#[test]
fn two_harvesters_of_one_host_are_told_apart() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas", "host": "10.0.0.1"}]"#);
    for _ in 0..2 {
        let both = vec![on("10.0.0.1", 1, &farm), on("10.0.0.1", 2, &farm)];
        farm.farmer(both);
        let expected = ["nas#01010101", "nas#02020202"].map(|label| (label.to_owned(), Some(true)));
        assert_eq!(labels(&farm), expected);
        assert!(farm.snapshot.unseen.is_empty());
    }
}

#[test]
fn harvesters_that_were_told_apart_once_keep_their_labels() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas", "host": "10.0.0.1"}]"#);
    let (first, second) = ([1, 2], [2]);
    for there in [&first[..], &second, &first, &second] {
        let all = there.iter().map(|number| on("10.0.0.1", *number, &farm)).collect();
        farm.after(60).farmer(all);
        let gone = there.len() == 1;
        let expected = [("nas#01010101", !gone), ("nas#02020202", true)];
        assert_eq!(
            labels(&farm),
            expected.map(|(label, here)| (label.to_owned(), Some(here)))
        );
    }
}

/// Has not yet looked for its plots.
fn starting(host: &str, number: u8, farm: &Farm) -> Harvester {
    Harvester {
        plots: Some(0),
        last_scan: None,
        ..on(host, number, farm)
    }
}

fn of_plots(plots: u64, harvester: Harvester) -> Harvester {
    Harvester {
        plots: Some(plots),
        bytes: Some(u128::from(plots) * 108_900_000_000),
        ..harvester
    }
}

#[test]
fn a_second_harvester_of_a_host_does_not_hide_that_the_first_is_gone() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas", "host": "10.0.0.1"}]"#);
    let first = of_plots(100, on("10.0.0.1", 1, &farm));
    farm.farmer(vec![first]).after(60).farmer(Vec::new());
    // Until it has looked for plots it may be the first with another certificate.
    let second = starting("10.0.0.1", 2, &farm);
    farm.after(60).farmer(vec![second]);
    assert_eq!(labels(&farm), [("nas".to_owned(), Some(true))]);
    let second = of_plots(40, on("10.0.0.1", 2, &farm));
    farm.after(600).farmer(vec![second]);
    let expected = [("nas#01010101", false), ("nas#02020202", true)];
    assert_eq!(
        labels(&farm),
        expected.map(|(label, here)| (label.to_owned(), Some(here)))
    );
    let found = farm.found();
    assert!(
        found
            .iter()
            .any(|words| words.starts_with("harvester_down [nas#01010101] disconnected for 11m")),
        "{found:?}"
    );
    // It is known by its host alone, so it is forgotten in the end.
    let second = of_plots(40, on("10.0.0.1", 2, &farm));
    farm.after(7 * 86_400).farmer(vec![second]);
    assert_eq!(labels(&farm), [("nas#02020202".to_owned(), Some(true))]);
}

#[test]
fn a_renewed_certificate_hides_no_lost_plots() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas", "host": "10.0.0.1"}]"#);
    let before = of_plots(100, on("10.0.0.1", 1, &farm));
    farm.farmer(vec![before]).after(60).farmer(Vec::new());
    for (seconds, scanned) in [(60, false), (60, true), (60, true), (600, true)] {
        farm.after(seconds);
        let anew = on("10.0.0.1", 9, &farm);
        let anew = if scanned {
            of_plots(92, anew)
        } else {
            starting("10.0.0.1", 9, &farm)
        };
        farm.farmer(vec![anew]);
        assert_eq!(labels(&farm), [("nas".to_owned(), Some(true))]);
    }
    let words = "plots_lost [nas] 92 plots, 8 fewer than before";
    assert!(
        farm.found().iter().any(|found| found.starts_with(words)),
        "{:?}",
        farm.found()
    );
}

#[test]
fn a_harvester_that_comes_back_itself_is_no_other() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas", "host": "10.0.0.1"}]"#);
    let first = of_plots(100, on("10.0.0.1", 1, &farm));
    farm.farmer(vec![first.clone()]).after(60).farmer(Vec::new());
    let second = starting("10.0.0.1", 2, &farm);
    farm.after(60).farmer(vec![second.clone()]);
    farm.after(60).farmer(vec![first, second]);
    let expected = ["nas#01010101", "nas#02020202"].map(|label| (label.to_owned(), Some(true)));
    assert_eq!(labels(&farm), expected);
}

#[test]
fn an_unnamed_harvester_is_known_again_by_its_very_plots() {
    for (plots, host, known) in [(100, "10.0.0.1", 1), (101, "10.0.0.1", 2), (100, "10.0.0.2", 2)] {
        let mut farm = Farm::unheard();
        let before = of_plots(100, on("10.0.0.1", 1, &farm));
        farm.farmer(vec![before]).after(60).farmer(Vec::new());
        let anew = of_plots(plots, on(host, 9, &farm));
        farm.after(60).farmer(vec![anew]);
        assert_eq!(labels(&farm).len(), known, "{plots} {host}");
    }
}

#[test]
fn while_the_farmer_is_silent_nobody_is_connected_or_gone() {
    let mut farm = Farm::unheard();
    let one = vec![on("10.0.0.1", 1, &farm)];
    farm.farmer(one);
    farm.snapshot.expire_farmer();
    assert_eq!(labels(&farm), [("01010101".to_owned(), None)]);
    assert!(farm.after(3_600).found().is_empty());
}

#[test]
fn signage_points_count_from_when_a_harvester_connected() {
    let mut farm = Farm::whole();
    for _ in 0..20 {
        farm.after(9).point();
    }
    let one = vec![on("10.0.0.1", 1, &farm)];
    farm.events().farmer(one);
    assert_eq!(farm.snapshot.unanswered(&id(1)), Some(0));
    farm.after(9).point().events();
    assert_eq!(farm.snapshot.unanswered(&id(1)), Some(1));
    farm.answers(id(1), 100).events();
    assert_eq!(farm.snapshot.unanswered(&id(1)), Some(0));
}

#[test]
fn harvesters_without_end_are_bounded() {
    let mut farm = Farm::unheard();
    for round in 0..4_u64 {
        let all = (0..400_u64).map(|number| {
            let id = format!("{:064x}", round * 400 + number).parse().unwrap();
            Harvester::bare(id, "10.0.0.1".to_owned())
        });
        let all = all.collect();
        farm.after(60).farmer(all);
    }
    assert_eq!(farm.snapshot.harvesters.len(), super::super::farmer::MOST_HARVESTERS);
}

#[test]
fn the_expected_time_follows_from_space_and_plots() {
    let mut farm = Farm::whole();
    assert_eq!(farm.snapshot.expected_seconds(), None);
    let half = vec![harvester(1, 183_693_000, farm.now())];
    farm.node_at(7, 8).farmer(half);
    // 183.693 million k32 are worth half of the network's 4e19 bytes.
    let seconds = farm.snapshot.expected_seconds().unwrap();
    assert!((seconds - 37.5).abs() < 0.1, "{seconds}");
}
