use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn part(name: &'static str, hangs_on: &'static [&'static str]) -> Part {
    Part {
        name,
        every: Duration::from_secs(15),
        deadline: Duration::from_secs(10),
        hangs_on,
    }
}

fn simple(target: &str, depends_on: &[&str], health: Health) -> Member {
    Member {
        target: target.parse().unwrap(),
        depends_on: depends_on.iter().map(|name| name.parse().unwrap()).collect(),
        parts: vec![(part("only", &[]), health)],
        as_a_whole: Health::Well,
    }
}

/// A node whose parachain hangs on its relay chain.
fn node(target: &str, relay: Health, para: Health) -> Member {
    Member {
        parts: vec![(part("para", &["relay"]), para), (part("relay", &[]), relay)],
        ..simple(target, &[], Health::Well)
    }
}

/// `name`, `name FIRST` or `name behind other`, in order.
fn told(members: &[Member]) -> Vec<String> {
    let tell = |place: &Place| match (&place.waits_for, place.first_broken) {
        (Some(other), _) => format!("{} behind {other}", place.name()),
        (None, true) => format!("{} FIRST", place.name()),
        (None, false) => place.name(),
    };
    chain(members).iter().map(tell).collect()
}

#[test]
fn what_is_broken_behind_a_broken_link_is_not_the_cause() {
    let farm = [
        simple("lifecycle", &["provider"], Health::Down),
        simple("provider", &["node-1"], Health::Well),
        node("node-1", Health::Down, Health::Ill),
    ];
    assert_eq!(
        told(&farm),
        [
            "node-1/relay FIRST",
            "node-1/para behind node-1/relay",
            "provider",
            "lifecycle behind node-1/relay"
        ]
    );
}

#[test]
fn every_root_that_is_broken_is_marked_and_branches_find_their_own() {
    let farm = [
        simple("node-1", &[], Health::Down),
        simple("node-2", &[], Health::Well),
        simple("prb-1", &["node-1"], Health::Down),
        simple("prb-2", &["node-2"], Health::Ill),
    ];
    assert_eq!(
        told(&farm),
        ["node-1 FIRST", "node-2", "prb-1 behind node-1", "prb-2 FIRST"]
    );
}

#[test]
fn a_link_that_waits_for_its_first_round_is_no_cause() {
    let farm = [simple("a", &[], Health::Waiting), simple("b", &["a"], Health::Down)];
    assert_eq!(told(&farm), ["a", "b FIRST"]);
}

#[test]
fn what_is_said_of_a_split_target_as_a_whole_is_shown_where_it_ends() {
    let ill = Member {
        as_a_whole: Health::Ill,
        ..node("node-1", Health::Well, Health::Well)
    };
    assert_eq!(told(&[ill]), ["node-1/relay", "node-1/para FIRST"]);
}

#[test]
fn strands_and_stages_say_what_hangs_together_and_how_deep() {
    let farm = [
        simple("host-1", &[], Health::Well),
        node("node-1", Health::Well, Health::Well),
        simple("prb-1", &["node-1"], Health::Well),
        simple("prb-2", &["node-1", "nobody"], Health::Well),
    ];
    let places = chain(&farm);
    let seen: Vec<(String, usize, usize)> = places
        .iter()
        .map(|place| (place.name(), place.strand, place.stage))
        .collect();
    let expected = [
        ("host-1", 0, 0),
        ("node-1/relay", 1, 0),
        ("node-1/para", 1, 1),
        ("prb-1", 1, 2),
        ("prb-2", 1, 2),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, strand, stage)| (name.to_owned(), strand, stage))
    );
    assert_eq!(places[3].hangs_on, ["node-1/para", "node-1/relay"]);
}

#[test]
fn a_circle_does_not_hang_it() {
    let circle = [
        simple("a", &["c"], Health::Down),
        simple("b", &["a"], Health::Down),
        simple("c", &["b", "c"], Health::Down),
    ];
    assert_eq!(told(&circle), ["a FIRST", "b behind a", "c behind a"]);
}

fn health() -> impl Strategy<Value = Health> {
    use Health::{Down, Ill, Stale, Waiting, Well};
    prop::sample::select(vec![Well, Well, Well, Waiting, Ill, Stale, Down])
}

/// Up to twelve targets that hang on any of one another, circles and unknown names included.
fn any_farm() -> impl Strategy<Value = Vec<Member>> {
    let target = (health(), prop::collection::vec(0..14_usize, 0..4));
    prop::collection::vec(target, 0..12).prop_map(|targets| {
        let member = |(number, (health, depends_on)): (usize, &(Health, Vec<usize>))| {
            let names: Vec<String> = depends_on.iter().map(|other| format!("t{other}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            simple(&format!("t{number}"), &names, *health)
        };
        targets.iter().enumerate().map(member).collect()
    })
}

/// The same, where targets hang on earlier ones only.
fn farm_without_circles() -> impl Strategy<Value = Vec<Member>> {
    any_farm().prop_map(|mut members| {
        for number in 0..members.len() {
            let earlier: Vec<Name> = members[..number].iter().map(|member| member.target.clone()).collect();
            members[number].depends_on.retain(|name| earlier.contains(name));
        }
        // The order of the file says nothing of who hangs on whom.
        members.reverse();
        members
    })
}

/// Everything above a link, however far.
fn upstream(places: &[Place], of: &Place) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = of.hangs_on.clone();
    while let Some(name) = next.pop() {
        if !found.contains(&name) {
            let place = places.iter().find(|place| place.name() == name).unwrap();
            next.extend(place.hangs_on.clone());
            found.push(name);
        }
    }
    found
}

proptest! {
    #[test]
    fn every_broken_link_is_first_or_waits_for_one_that_is(farm in any_farm()) {
        let places = chain(&farm);
        prop_assert_eq!(places.len(), farm.len());
        for place in &places {
            prop_assert_eq!(place.health.is_broken(), place.first_broken || place.waits_for.is_some());
            if let Some(cause) = &place.waits_for {
                prop_assert!(!place.first_broken && upstream(&places, place).contains(cause));
                prop_assert!(places.iter().any(|other| other.name() == *cause && other.first_broken));
            }
        }
    }

    #[test]
    fn without_circles_first_is_exactly_what_has_nothing_broken_above(farm in farm_without_circles()) {
        let places = chain(&farm);
        for (position, place) in places.iter().enumerate() {
            let above = upstream(&places, place);
            let broken = |name: &String| places.iter().any(|other| other.name() == *name && other.health.is_broken());
            prop_assert_eq!(place.first_broken, place.health.is_broken() && !above.iter().any(broken));
            for name in &above {
                let other = places.iter().position(|other| other.name() == *name).unwrap();
                prop_assert!(other < position && places[other].stage < place.stage);
                prop_assert_eq!(places[other].strand, place.strand);
            }
        }
    }
}
