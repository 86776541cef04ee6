//! Small pasts, a moment each minute.

use super::super::decide::Guard;
use super::super::testing::{at, with};
use super::*;

const STEP: Duration = Duration::from_secs(60);

fn link(target: &str) -> Link {
    Link {
        target: target.parse().unwrap(),
        collector: "prb",
        farm: "default".parse().unwrap(),
        depends_on: Vec::new(),
    }
}

fn asks(entity: &str) -> BTreeMap<String, String> {
    let labels = [
        ("alertname", "WorkerStalled"),
        ("remedy", "restart"),
        ("target", "prb-1"),
        ("entity", entity),
    ];
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// These entities are ill, and an alert fires for each of the others.
fn moment(ill: &[&str], alerts: &[&str]) -> Moment {
    let glimpse = |entity: &str, is_ill| Glimpse {
        target: "prb-1".parse().unwrap(),
        symptom: "worker_silent_stall".to_owned(),
        entity: entity.to_owned(),
        is_ill,
    };
    let mut sights: Vec<Glimpse> = ill.iter().map(|entity| glimpse(entity, true)).collect();
    if ill.is_empty() {
        sights.push(glimpse("", false));
    }
    Moment {
        sights,
        alerts: alerts.iter().map(|entity| asks(entity)).collect(),
    }
}

/// The moments of `past`, by minute.
fn lived(change: impl FnOnce(&mut Policy), minutes: u64, past: impl Fn(u64) -> Moment) -> OfPolicy {
    let remedies = with(|policy| {
        policy.ill_for = values::Duration::from_secs(60);
        change(policy);
    });
    let mut rerun = Rerun::new(&remedies, &[link("prb-1")], at(0), STEP);
    for minute in 0..minutes {
        rerun.at(at(60 * minute), &past(minute));
    }
    rerun.end(at(60 * minutes)).policies.remove(0)
}

fn tried(of: &OfPolicy) -> Vec<(&str, u64)> {
    let tried = of.retrospect.rehearsed.iter();
    tried.map(|tried| (tried.action.as_str(), tried.count)).collect()
}

#[test]
fn an_illness_that_an_alert_asked_about_is_acted_on_and_what_it_lasted_longer_is_counted() {
    let of = lived(
        |_| (),
        30,
        |minute| match minute {
            5..8 => moment(&["w1"], &[]),
            8..12 => moment(&["w1"], &["w1"]),
            _ => moment(&[], &[]),
        },
    );
    assert_eq!(tried(&of), [("soft", 1)]);
    assert_eq!(
        (of.retrospect.incidents, of.retrospect.well, of.retrospect.open),
        (1, 1, 0)
    );
    let expected = Illness {
        seconds: 7 * 60,
        after_action_seconds: 4 * 60,
        acted_on: 1,
        longest_seconds: 4 * 60,
    };
    assert_eq!(of.illness, expected);
}

#[test]
fn what_stays_ill_takes_the_ladder_to_its_end() {
    let of = lived(|_| (), 60, |_| moment(&["w1"], &["w1"]));
    assert_eq!(tried(&of), [("hard", 1), ("soft", 1)]);
    // What was only shown cannot have failed, and calls nobody.
    assert_eq!(
        (of.retrospect.did_not_help, of.retrospect.escalated, of.retrospect.open),
        (0, 0, 1)
    );
    assert_eq!((of.illness.acted_on, of.illness.seconds), (1, 3600));
}

#[test]
fn without_a_sample_nothing_is_done_and_what_nobody_asked_for_is_not_either() {
    let blind = lived(
        |_| (),
        20,
        |minute| Moment {
            sights: Vec::new(),
            ..moment(&[], if minute > 2 { &["w1"] } else { &[] })
        },
    );
    assert_eq!(tried(&blind), []);
    assert_eq!(blind.retrospect.held[0].guard, Guard::FreshView);
    let quiet = lived(|_| (), 20, |_| moment(&["w1"], &[]));
    assert_eq!((tried(&quiet), quiet.retrospect.incidents), (vec![], 0));
    assert_eq!(quiet.illness.seconds, 20 * 60);
}

#[test]
fn a_storm_and_a_budget_hold_as_they_would_have() {
    let all = ["w1", "w2", "w3", "w4", "w5"];
    let storm = lived(|_| (), 20, |_| moment(&all, &all));
    assert_eq!(tried(&storm), []);
    assert_eq!(storm.retrospect.held[0].guard, Guard::Fleet);
    let few = ["w1", "w2", "w3"];
    let spent = lived(
        |policy| policy.budgets.target = "1/h 1/d".parse().unwrap(),
        20,
        |_| moment(&few, &few),
    );
    assert_eq!(tried(&spent), [("soft", 1)]);
    assert!(spent.retrospect.held.iter().any(|held| held.guard == Guard::Budget));
}

#[test]
fn an_alert_of_a_target_that_is_not_there_is_held() {
    let remedies = with(|_| ());
    let mut rerun = Rerun::new(&remedies, &[], at(0), STEP);
    rerun.at(at(0), &moment(&["w1"], &["w1"]));
    let replayed = rerun.end(at(60));
    assert_eq!(replayed.policies[0].retrospect.held[0].guard, Guard::KnownTarget);
    assert_eq!((replayed.seen, replayed.moments), (1, 1));
    assert!(replayed.not_known.len() > 3);
}
