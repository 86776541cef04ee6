use proptest::prelude::*;

use super::*;
use crate::actions::remote::Nonce;
use crate::remedy::decide::Guard;
use crate::remedy::history::Of;
use crate::remedy::incident::After;
use crate::remedy::settings::Mode;
use crate::remedy::step::{Outcome, Pause, Scope};
use crate::remedy::testing::*;

/// Steps one second apart, from record 1 on.
fn after(steps: &[Step]) -> State {
    let mut state = State::default();
    for (second, step) in (0..).zip(steps) {
        state.apply(second + 1, at(second), step);
    }
    state
}

fn started(rung: usize) -> Step {
    Step::Started {
        incident: ID,
        plan: plan("w1", rung),
        words: String::new(),
    }
}

fn finished() -> Step {
    Step::Finished {
        incident: ID,
        rung: 0,
        outcome: Outcome::Done,
        words: String::new(),
    }
}

fn failed() -> Step {
    Step::Failed {
        incident: ID,
        rung: 0,
        words: String::new(),
    }
}

#[test]
fn proofs_on_a_target_begin_anew_when_an_action_there_ends() {
    let second = IncidentId { nth: 1, ..ID };
    let of_second = |step: &Step| match step.clone() {
        Step::Started { words, .. } => Step::Started {
            incident: second,
            plan: plan("w2", 0),
            words,
        },
        Step::Finished {
            rung, outcome, words, ..
        } => Step::Finished {
            incident: second,
            rung,
            outcome,
            words,
        },
        other => other,
    };
    let both = Step::Received {
        from: "test".to_owned(),
        alerts: vec![firing("w1", at(0)), firing("w2", at(0))],
    };
    let refused = Step::Finished {
        incident: second,
        rung: 0,
        outcome: Outcome::Refused,
        words: String::new(),
    };
    let since = |last: Step| {
        let state = after(&[both.clone(), started(0), finished(), of_second(&started(0)), last]);
        state.incident(ID).unwrap().phase
    };
    let proving = |since| Phase::Proving {
        since,
        after: After::Action,
    };
    assert_eq!(since(of_second(&finished())), proving(at(4)));
    assert_eq!(since(refused), proving(at(2)), "nothing was touched");
}

fn relapsed() -> Step {
    Step::Relapsed {
        after: ID,
        words: String::new(),
    }
}

fn closed(why: Why) -> Step {
    Step::Closed {
        incident: ID,
        why,
        words: String::new(),
    }
}

#[test]
fn an_alert_opens_one_incident_however_often_it_is_told() {
    let alert = || received(firing("w1", at(0)));
    let state = after(&[alert(), alert(), alert()]);
    let incident = state.open_for(&key("w1")).unwrap();
    assert_eq!((incident.id, incident.opened, incident.heard), (ID, at(0), at(2)));
    assert_eq!(state.incidents().count(), 1);
}

#[test]
fn two_alerts_about_the_same_are_one_incident() {
    let other = Alert {
        fingerprint: "00000000000000aa".parse().unwrap(),
        ..firing("w1", at(0))
    };
    let state = after(&[
        received(firing("w1", at(0))),
        received(other),
        received(resolved("w1", at(0), at(2))),
    ]);
    let incident = state.open_for(&key("w1")).unwrap();
    assert!(incident.fires(), "the other one still does");
}

#[test]
fn what_asks_for_nothing_or_not_by_name_opens_nothing() {
    for (label, value) in [
        ("remedy", ""),
        ("remedy", "rm -rf /"),
        ("target", "../etc"),
        ("target", ""),
    ] {
        let mut alert = firing("w1", at(0));
        alert.labels.insert(label.to_owned(), value.to_owned());
        assert_eq!(after(&[received(alert)]).incidents().count(), 0, "{label}={value}");
    }
}

#[test]
fn a_rung_goes_from_started_over_finished_to_the_next() {
    let mut state = after(&[received(firing("w1", at(0))), started(0)]);
    let phase = |state: &State| state.incident(ID).unwrap().phase;
    assert_eq!(phase(&state), Phase::Running { since: at(1) });
    state.apply(3, at(2), &finished());
    let proving = Phase::Proving {
        since: at(2),
        after: After::Action,
    };
    assert_eq!(phase(&state), proving);
    state.apply(4, at(300), &failed());
    assert_eq!((phase(&state), state.incident(ID).unwrap().rung), (Phase::Open, 1));
    assert_eq!(state.history.count(Of::All, Mode::Act, minutes(10), at(300)), 1);
}

#[test]
fn an_interruption_is_looked_at_and_not_repeated() {
    let interrupted = Step::Interrupted { incident: ID, rung: 0 };
    let state = after(&[received(firing("w1", at(0))), started(0), interrupted]);
    let proving = Phase::Proving {
        since: at(2),
        after: After::Interruption,
    };
    assert_eq!(state.incident(ID).unwrap().phase, proving);
}

#[test]
fn what_goes_on_firing_after_its_incident_asks_again_only_when_it_is_seen_ill() {
    let alert = || received(firing("w1", at(0)));
    let mut state = after(&[alert(), closed(Why::Cured), alert()]);
    assert_eq!((state.incidents().count(), state.resting().count()), (0, 1));
    state.apply(4, at(9), &relapsed());
    let incident = state.open_for(&key("w1")).unwrap();
    assert_eq!(
        (incident.id.record, incident.opened, incident.fires()),
        (4, at(9), true)
    );
    assert_eq!(state.resting().count(), 0);
    let anew = after(&[
        alert(),
        closed(Why::Cured),
        received(resolved("w1", at(0), at(2))),
        received(firing("w1", at(3))),
    ]);
    assert_eq!(anew.incidents().count(), 1);
}

#[test]
fn what_ends_after_its_incident_does_not_relapse() {
    let (begin, end) = (received(firing("w1", at(0))), received(resolved("w1", at(0), at(2))));
    let state = after(&[begin, closed(Why::Cured), end, relapsed()]);
    assert_eq!((state.incidents().count(), state.resting().count()), (0, 0));
}

#[test]
fn an_incident_that_was_opened_anew_is_not_opened_twice() {
    let alert = |starts| received(firing("w1", at(starts)));
    let end = received(resolved("w1", at(0), at(2)));
    let state = after(&[alert(0), closed(Why::Cured), end, alert(3), relapsed()]);
    assert_eq!(
        state.incidents().map(|incident| incident.id.record).collect::<Vec<_>>(),
        [4]
    );
}

#[test]
fn what_is_silent_for_longer_than_alerts_repeat_rests_no_more() {
    let mut state = after(&[received(firing("w1", at(0))), closed(Why::Cured)]);
    let resting = |state: &State, now| state.resting().filter(|resting| !resting.is_old(now)).count();
    assert_eq!(resting(&state, at(4 * 3600)), 1);
    state.apply(3, at(4 * 3600), &received(firing("w1", at(0))));
    assert_eq!(resting(&state, at(8 * 3600)), 1);
    assert_eq!(resting(&state, at(9 * 3600)), 0);
}

#[test]
fn a_step_about_an_incident_that_is_over_changes_no_other() {
    let alert = || received(firing("w1", at(0)));
    let before = after(&[alert(), closed(Why::Well)]);
    let mut then = before.clone();
    then.apply(3, at(2), &finished());
    then.apply(4, at(3), &failed());
    assert_eq!(then, before);
}

#[test]
fn a_hold_that_lasts_keeps_its_beginning() {
    let held = |until| Step::Decided {
        incident: ID,
        guard: Guard::CoolDown,
        until: Some(at(until)),
        words: String::new(),
        plan: None,
    };
    let state = after(&[received(firing("w1", at(0))), held(10), held(20)]);
    let told = state.incident(ID).unwrap().held.clone().unwrap();
    assert_eq!((told.since, told.until), (at(1), Some(at(20))));
}

#[test]
fn invented_alerts_fill_no_memory() {
    let mut state = State::default();
    let alerts: Vec<Alert> = (0..MOST_INCIDENTS + 10)
        .map(|n| firing(&format!("w{n}"), at(0)))
        .collect();
    let step = Step::Received {
        from: String::new(),
        alerts,
    };
    state.apply(1, at(0), &step);
    assert_eq!(state.incidents().count(), MOST_INCIDENTS);
    assert_eq!(state.crowded_out, 10);
}

/// So many alerts, each of another worker.
fn many(count: usize, change: impl Fn(&mut Alert)) -> Vec<Alert> {
    let alerts = (0..count).map(|n| {
        let mut alert = firing("w1", at(0));
        alert.fingerprint = format!("{n:016x}").parse().unwrap();
        alert.labels.insert("entity".to_owned(), format!("w{n}"));
        change(&mut alert);
        alert
    });
    alerts.collect()
}

#[test]
fn alerts_that_ask_for_nothing_take_no_room_from_those_that_do() {
    let mut state = State::default();
    let nothing = |alert: &mut Alert| drop(alert.labels.remove("remedy"));
    let from = String::new;
    state.apply(
        1,
        at(0),
        &Step::Received {
            from: from(),
            alerts: many(25_000, nothing),
        },
    );
    state.apply(2, at(1), &received(firing("w1", at(0))));
    assert!(state.open_for(&key("w1")).is_some());
    assert_eq!(state.crowded_out, 0);
}

#[test]
fn what_no_configuration_allows_takes_no_room_from_what_can_be_repaired() {
    let mut state = State::default();
    let elsewhere = |alert: &mut Alert| drop(alert.labels.insert("target".to_owned(), "nowhere".to_owned()));
    let from = String::new;
    state.apply(
        1,
        at(0),
        &Step::Strange {
            from: from(),
            alerts: many(6000, elsewhere),
        },
    );
    assert_eq!(state.incidents().count(), MOST_STRANGE);
    assert_eq!(state.crowded_lately(at(0)), 0, "nobody is kept from a repair");
    let alerts = many(MOST_INCIDENTS, |_| ());
    state.apply(2, at(1), &Step::Received { from: from(), alerts });
    assert_eq!(state.incidents().count(), MOST_STRANGE + MOST_INCIDENTS);
    assert_eq!(state.crowded_lately(at(1)), 0);
}

#[test]
fn what_is_allowed_by_now_leaves_the_room_of_the_strange() {
    let alerts = || vec![firing("w1", at(0))];
    let strange = Step::Strange {
        from: String::new(),
        alerts: alerts(),
    };
    let mut state = after(&[strange]);
    assert!(state.incident(ID).unwrap().is_strange);
    state.apply(2, at(1), &received(firing("w1", at(0))));
    assert!(!state.incident(ID).unwrap().is_strange);
    assert_eq!(state.strange, 0);
}

#[test]
fn that_something_found_no_room_is_told_for_an_hour() {
    let mut state = State::default();
    let alerts = many(MOST_INCIDENTS + 10, |_| ());
    state.apply(
        1,
        at(0),
        &Step::Received {
            from: String::new(),
            alerts,
        },
    );
    assert_eq!(
        (state.crowded_lately(at(3599)), state.crowded_lately(at(3600))),
        (10, 0)
    );
}

fn ordered(until: u64) -> Step {
    let Key { target, entity, policy } = key("w1");
    Step::Ordered {
        target,
        entity,
        policy,
        by: "li".to_owned(),
        until: at(until),
    }
}

#[test]
fn an_order_asks_for_a_while_and_again_for_the_next_rung() {
    let state = after(&[ordered(900)]);
    let asks = |state: &State, now| state.incident(ID).unwrap().is_asked_for(at(now));
    assert!(asks(&state, 899) && !asks(&state, 900));
    let climbed = after(&[ordered(900), started(0), finished(), failed()]);
    assert!(asks(&climbed, 902) && !asks(&climbed, 903));
    let withdrawn = Step::TakenBack {
        incident: ID,
        by: "li".to_owned(),
    };
    assert!(!asks(&after(&[ordered(900), withdrawn]), 5));
}

#[test]
fn an_order_joins_the_incident_of_an_alert_and_leaves_nothing_behind() {
    let state = after(&[received(firing("w1", at(0))), ordered(900)]);
    assert_eq!(state.incidents().count(), 1);
    assert!(state.incident(ID).unwrap().is_ordered(at(5)));
    let over = after(&[ordered(900), closed(Why::Well)]);
    assert_eq!((over.incidents().count(), over.resting().count()), (0, 0));
}

#[test]
fn what_a_notice_was_followed_by_is_not_its_doing() {
    let told = Step::Started {
        incident: ID,
        plan: crate::remedy::Plan {
            notice: true,
            ..plan("w1", 0)
        },
        words: String::new(),
    };
    let state = after(&[received(firing("w1", at(0))), told, finished()]);
    let incident = state.incident(ID).unwrap();
    let proving = Phase::Proving {
        since: at(2),
        after: After::Notice,
    };
    assert_eq!((incident.phase, incident.acted), (proving, false));
}

#[test]
fn the_largest_delivery_fits_into_the_journal() {
    let mut alert = firing("w1", at(0));
    alert.labels = (0..64).map(|n| (format!("{n:0128}"), "\u{1}".repeat(512))).collect();
    alert.annotations = (0..16).map(|n| (format!("{n:0128}"), "\u{1}".repeat(2048))).collect();
    let alerts = vec![alert; 20];
    let steps = Step::received("http://a:9093", &alerts);
    let total: usize = steps
        .iter()
        .map(|step| {
            let text = serde_json::to_string(step).unwrap();
            assert!(text.len() < 1_000_000, "{}", text.len());
            let Step::Received { alerts, .. } = step else { panic!() };
            alerts.len()
        })
        .sum();
    assert_eq!(total, 20);
}

fn steps() -> impl Strategy<Value = Step> {
    let entity = prop_oneof![Just("w1"), Just("w2")];
    let incident = (1_u64..12).prop_map(|record| IncidentId { record, nth: 0 });
    let words = any::<String>();
    let second = 0_u64..400;
    prop_oneof![
        (entity.clone(), second.clone()).prop_map(|(entity, second)| received(firing(entity, at(second)))),
        (entity.clone(), second.clone(), second.clone()).prop_map(|(entity, from, to)| received(resolved(
            entity,
            at(from),
            at(from + to)
        ))),
        (incident.clone(), words, prop::sample::select(&Guard::ALL[..])).prop_map(|(incident, words, guard)| {
            Step::Decided {
                incident,
                guard,
                until: Some(at(9)),
                words,
                plan: None,
            }
        }),
        (incident.clone(), entity.clone(), words).prop_map(|(incident, entity, words)| Step::Started {
            incident,
            plan: plan(entity, 0),
            words
        }),
        (incident.clone(), entity.clone(), words).prop_map(|(incident, entity, words)| Step::Rehearsed {
            incident,
            plan: plan(entity, 1),
            words
        }),
        (incident.clone(), words).prop_map(|(incident, words)| Step::Finished {
            incident,
            rung: 0,
            outcome: Outcome::TimedOut,
            words
        }),
        incident
            .clone()
            .prop_map(|incident| Step::Interrupted { incident, rung: 0 }),
        (incident.clone(), words).prop_map(|(incident, words)| Step::Noted {
            incident,
            rung: 0,
            request: words.starts_with('a').then(|| Nonce::of([7; 16])),
            words,
        }),
        (incident.clone(), words).prop_map(|(incident, words)| Step::Failed {
            incident,
            rung: 0,
            words
        }),
        (incident.clone(), words).prop_map(|(incident, words)| Step::Cured {
            incident,
            rung: 0,
            words
        }),
        (incident.clone(), words).prop_map(|(after, words)| Step::Relapsed { after, words }),
        (incident.clone(), words).prop_map(|(incident, words)| Step::Escalated { incident, words }),
        (incident.clone(), words, prop::sample::select(&Why::ALL[..]))
            .prop_map(|(incident, words, why)| Step::Closed { incident, why, words }),
        (entity.clone(), second.clone()).prop_map(|(entity, second)| Step::Strange {
            from: String::new(),
            alerts: vec![firing(entity, at(second))],
        }),
        second.clone().prop_map(ordered),
        incident.clone().prop_map(|incident| Step::TakenBack {
            incident,
            by: String::new()
        }),
        words.prop_map(|words| Step::Stormed {
            policy: "restart".parse().unwrap(),
            group: "default".parse().unwrap(),
            begins: true,
            words
        }),
        (incident, words, second.clone()).prop_map(|(incident, by, until)| Step::Approved {
            link: None,
            incident,
            plan: plan("w1", 0),
            by,
            until: at(until)
        }),
        (words, second).prop_map(|(reason, until)| Step::Paused(Pause {
            scope: Scope::Target("prb-1".parse().unwrap()),
            by: "li".to_owned(),
            reason,
            until: at(until)
        })),
        words.prop_map(|by| Step::Resumed { scope: Scope::All, by }),
    ]
}

proptest! {
    #[test]
    fn a_replay_ends_where_the_running_process_was(
        steps in proptest::collection::vec((steps(), 0_u64..900), 0..60), cut: proptest::sample::Index,
    ) {
        let (mut live, mut replayed) = (State::default(), State::default());
        // A process that ended there: what it had is read back, and what follows is applied as it happens.
        let cut = cut.index(steps.len() + 1);
        for (number, (sequence, (step, time))) in (1..).zip(&steps).enumerate() {
            live.apply(sequence, at(*time), step);
            if number < cut {
                let written = serde_json::to_string(step).unwrap();
                replayed.apply(sequence, at(*time), &serde_json::from_str(&written).unwrap());
            } else {
                replayed.apply(sequence, at(*time), step);
            }
        }
        prop_assert_eq!(&live, &replayed);
        for incident in live.incidents() {
            prop_assert_eq!(live.open_for(&incident.key).map(|open| open.id), Some(incident.id));
        }
    }
}
