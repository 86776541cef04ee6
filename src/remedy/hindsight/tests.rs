//! A week of made-up records, and what is said of it.

use super::super::state::State;
use super::super::tell;
use super::super::testing::{at, dry_run, firing, plan, received, remedies};
use super::counted::peak;
use super::*;
use crate::journal::Head;
use crate::remedy::decide::Why;
use crate::remedy::guards::{DAY, HOUR};
use crate::remedy::step::Outcome;

fn looked_back(from: u64, steps: &[(u64, Step)], until: u64, remedies: &Remedies) -> Hindsight {
    let mut state = State::default();
    let mut looking = Looking::from(at(from));
    for (sequence, (second, step)) in (1..).zip(steps) {
        tell::take(
            &mut state,
            Head {
                sequence,
                ..Head::EMPTY
            },
            at(*second),
            step,
            |told| looking.take(told),
        );
    }
    looking.end(at(until), remedies)
}

const fn id(record: u64) -> IncidentId {
    IncidentId { record, nth: 0 }
}

fn held(record: u64, guard: Guard) -> Step {
    Step::Decided {
        incident: id(record),
        guard,
        until: None,
        words: String::new(),
        plan: None,
    }
}

fn rehearsed(record: u64, entity: &str, rung: usize) -> Step {
    Step::Rehearsed {
        incident: id(record),
        plan: plan(entity, rung),
        words: String::new(),
    }
}

fn closed(record: u64, why: Why) -> Step {
    Step::Closed {
        incident: id(record),
        why,
        words: String::new(),
    }
}

#[test]
fn a_dry_run_says_what_it_would_have_done_and_that_it_may_act() {
    let steps = [
        (0, received(firing("w1", at(0)))),
        (10, held(1, Guard::WarmUp)),
        (70, rehearsed(1, "w1", 0)),
        (500, rehearsed(1, "w1", 1)),
        (900, closed(1, Why::Forgotten)),
        (5000, received(firing("w2", at(5000)))),
        (5000, rehearsed(6, "w2", 0)),
    ];
    let seen = looked_back(0, &steps, 6000, &dry_run());
    let [policy] = seen.policies.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!((policy.incidents, policy.open, policy.forgotten), (2, 1, 1));
    let tried: Vec<(&str, u64)> = policy
        .rehearsed
        .iter()
        .map(|tried| (tried.action.as_str(), tried.count))
        .collect();
    assert_eq!(tried, [("hard", 1), ("soft", 2)]);
    assert_eq!(policy.begun, []);
    let warm_up = HeldBack {
        guard: Guard::WarmUp,
        times: 1,
        seconds: 60,
    };
    assert_eq!(policy.held, [warm_up]);
    let used = policy.used.unwrap();
    assert_eq!((used.target.hour, used.farm.day), (2, 3));
    assert_eq!(
        policy.next,
        [
            "it would have acted 3 times on 1 target, never more than its budget; set `mode: act` if that is what you want"
        ]
    );
}

#[test]
fn what_is_older_is_not_counted_and_what_it_held_is_from_the_beginning_on() {
    let steps = [
        (0, received(firing("w1", at(0)))),
        (10, held(1, Guard::Budget)),
        (20, held(1, Guard::Budget)),
        (200, held(1, Guard::Pause)),
    ];
    let seen = looked_back(100, &steps, 300, &remedies());
    let policy = &seen.policies[0];
    assert_eq!((seen.records, policy.incidents, policy.open), (1, 0, 1));
    let seconds: Vec<(Guard, u64, u64)> = policy
        .held
        .iter()
        .map(|held| (held.guard, held.times, held.seconds))
        .collect();
    assert_eq!(seconds, [(Guard::Pause, 1, 100), (Guard::Budget, 1, 100)]);
}

#[test]
fn a_policy_that_acts_is_told_what_went_wrong() {
    let steps = [
        (0, received(firing("w1", at(0)))),
        (
            1,
            Step::Started {
                incident: id(1),
                plan: plan("w1", 0),
                words: String::new(),
            },
        ),
        (
            2,
            Step::Finished {
                incident: id(1),
                rung: 0,
                outcome: Outcome::Failed,
                words: String::new(),
            },
        ),
        (
            3,
            Step::Escalated {
                incident: id(1),
                words: String::new(),
            },
        ),
        (
            4,
            Step::Stormed {
                policy: "restart".parse().unwrap(),
                group: "farm".parse().unwrap(),
                begins: true,
                words: String::new(),
            },
        ),
    ];
    let seen = looked_back(0, &steps, 10, &remedies());
    let next = seen.policies[0].next.join("\n");
    for words in ["1 action failed", "once a person was called", "1 storm: so much"] {
        assert!(next.contains(words), "{words}: {next}");
    }
}

#[test]
fn policies_that_were_never_asked_for_and_those_that_do_not_exist_are_told_apart() {
    let mut alert = firing("w1", at(0));
    alert.labels.insert("remedy".to_owned(), "resstart".to_owned());
    let steps = [(0, received(alert)), (1, held(1, Guard::TwoKeys))];
    let seen = looked_back(0, &steps, 10, &remedies());
    let said: Vec<(&str, &str)> = seen
        .policies
        .iter()
        .map(|policy| (policy.name.as_str(), policy.next[0].as_str()))
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[1].0 == "restart" && said[1].1.starts_with("nothing asked for it"),
        "{said:?}"
    );
    assert!(
        said[0].0 == "resstart" && said[0].1.contains("alerts ask for it in vain"),
        "{said:?}"
    );
}

#[test]
fn a_span_counts_what_lies_within_it_and_no_more() {
    let times = [0, 10, 3600, 3609, 3610].map(at);
    assert_eq!(peak(&times, HOUR.get()), 3);
    assert_eq!(peak(&times, DAY.get()), 5);
    assert_eq!(peak(&[], HOUR.get()), 0);
}
