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
