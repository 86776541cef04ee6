use super::super::decide::Guard;
use super::super::testing::{ID, at, firing, plan, received, resolved};
use super::*;
use crate::journal::Head;

/// The records that belong to it, in words.
fn accounts(mut of: Of, steps: &[Step]) -> Vec<Account> {
    let mut state = State::default();
    let mut accounts = Vec::new();
    for (sequence, step) in (1..).zip(steps) {
        tell::take(
            &mut state,
            Head {
                sequence,
                ..Head::EMPTY
            },
            at(sequence),
            step,
            |told| {
                if of.has(told) {
                    accounts.push(of.account(told));
                }
            },
        );
    }
    accounts
}

fn steps() -> Vec<Step> {
    vec![
        received(firing("w1", at(0))),
        received(firing("w2", at(0))),
        Step::Decided {
            incident: ID,
            guard: Guard::WarmUp,
            until: Some(at(60)),
            words: "farmwarden started a moment ago".to_owned(),
            plan: None,
        },
        Step::Started {
            incident: ID,
            plan: plan("w1", 0),
            words: "no block for 4m".to_owned(),
        },
        Step::Cured {
            incident: ID,
            rung: 0,
            words: "restart for w1 of prb-1: the symptom is gone for 1m after soft".to_owned(),
        },
        received(resolved("w1", at(0), at(6))),
    ]
}

#[test]
fn each_record_says_what_whom_and_why() {
    let accounts = accounts(Of::default(), &steps());
    let [first, .., begins, cured, _] = accounts.as_slice() else {
        panic!("{accounts:?}")
    };
    assert_eq!(first.what, "1 alert from http://alertmanager:9093");
    assert_eq!(
        first.words,
        ["firing WorkerStalled: restart for w1 of prb-1; opens incident 1.0"]
    );
    assert_eq!(begins.what, "begins soft (rung 1)");
    assert_eq!(begins.whom.as_deref(), Some("restart for w1 of prb-1"));
    assert_eq!((cured.mark, cured.what.as_str()), (Mark::Good, "CURED by rung 1"));
    assert_eq!(cured.words, ["the symptom is gone for 1m after soft"]);
}

#[test]
fn of_one_incident_everything_is_told_from_its_alert_to_its_end() {
    let what: Vec<String> = accounts(Of::incident(ID), &steps())
        .into_iter()
        .map(|account| account.what)
        .collect();
    let expected = [
        "1 alert from http://alertmanager:9093",
        "held back by warm_up until 2026-11-21T12:01:00Z",
        "begins soft (rung 1)",
        "CURED by rung 1",
    ];
    assert_eq!(what, expected);
}

#[test]
fn a_storm_of_alerts_is_cut_and_counted_and_hostile_words_do_nothing() {
    let alerts = (0..30).map(|number| firing(&format!("w{number}\n\u{202e}"), at(0)));
    let step = Step::Received {
        from: "http://am\u{1b}[2J".to_owned(),
        alerts: alerts.collect(),
    };
    let accounts = accounts(Of::default(), &[step]);
    assert_eq!(accounts[0].what, "30 alerts from http://am\\u001b[2J");
    assert_eq!(accounts[0].words.len(), MOST_ALERTS + 1);
    assert_eq!(accounts[0].words.last().unwrap(), "and 10 more");
    assert!(accounts[0].words.iter().all(|words| !words.contains(values::is_unseen)));
}

#[test]
fn programs_get_the_step_as_it_was_written_and_whom_it_is_about() {
    let mut state = State::default();
    let mut lines = Vec::new();
    for (sequence, step) in (1..).zip(&steps()) {
        tell::take(
            &mut state,
            Head {
                sequence,
                ..Head::EMPTY
            },
            at(sequence),
            step,
            |told| {
                lines.push(serde_json::to_value(Recounted::new(told)).unwrap());
            },
        );
    }
    assert_eq!(lines[0]["data"]["alerts"][0]["labels"]["entity"], "w1");
    assert_eq!(
        (&lines[2]["kind"], &lines[2]["sequence"]),
        (&"decided".into(), &3.into())
    );
    assert_eq!(lines[2]["about"]["target"], "prb-1");
}
