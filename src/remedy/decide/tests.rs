//! Every guard holds and lets through; the order; what no input may bring about.

use super::*;
use crate::alerts::Alert;
use crate::remedy::incident::{Approval, Order};
use crate::remedy::most::Most;
use crate::remedy::settings::Remedies;
use crate::remedy::step::{Pause, Scope};
use crate::remedy::testing::*;
use crate::remedy::view::{Fleet, Seen};

mod endings;
mod limits;
mod properties;

fn now() -> UnixTime {
    at(120)
}

fn decided(remedies: &Remedies, history: &History, view: &View) -> Decision {
    decide(&incident(), remedies, history, view, now())
}

fn hold(decision: Decision) -> Hold {
    match decision {
        Decision::Hold(hold) => hold,
        other => panic!("it is not held: {other:?}"),
    }
}

#[track_caller]
fn holds(decision: Decision, guard: Guard, words: &str) -> Option<UnixTime> {
    let hold = hold(decision);
    assert_eq!(hold.guard, guard, "{}", hold.words);
    assert!(hold.words.contains(words), "{}", hold.words);
    hold.until
}

#[track_caller]
fn acts(decision: &Decision) {
    assert!(matches!(decision, Decision::Act(_)), "{decision:?}");
}

fn at_view(change: impl FnOnce(&mut View)) -> View {
    let mut view = view(now());
    change(&mut view);
    view
}

fn acted(times: &[(UnixTime, &str)]) -> History {
    let mut history = History::default();
    for (time, entity) in times {
        history.acted(*time, &plan(entity, 0), false);
    }
    history
}

fn with_view(change: impl FnOnce(&mut View)) -> Decision {
    decided(&remedies(), &History::default(), &at_view(change))
}

#[test]
fn what_nothing_holds_is_done_as_the_rung_says() {
    let decision = decided(&remedies(), &History::default(), &view(now()));
    assert_eq!(decision, Decision::Act(plan("w1", 0)));
}

#[test]
fn what_is_switched_off_holds() {
    let mut off = remedies();
    off.enabled = false;
    let none = History::default();
    holds(decided(&off, &none, &view(now())), Guard::Enabled, "remedies.enabled");
    let off = with(|policy| policy.enabled = false);
    holds(decided(&off, &none, &view(now())), Guard::Enabled, "policy restart");
}

#[test]
fn an_unknown_target_holds() {
    holds(
        with_view(|view| view.is_known = false),
        Guard::KnownTarget,
        "no target is called prb-1",
    );
}

#[test]
fn both_keys_are_needed() {
    let none = History::default();
    let other = with(|policy| policy.targets = vec!["prb-2".parse().unwrap()]);
    holds(
        decided(&other, &none, &view(now())),
        Guard::TwoKeys,
        "not allowed for prb-1",
    );
    let nobody = Remedies::default();
    holds(
        decided(&nobody, &none, &view(now())),
        Guard::KnownPolicy,
        "no policy is called restart",
    );
    let mut ended = incident();
    ended.attach(&firing("w1", at(0)), false, at(60));
    let decision = decide(&ended, &remedies(), &none, &view(now()), now());
    holds(decision, Guard::TwoKeys, "its alerts have ended");
}

#[test]
fn a_stale_view_holds_every_action() {
    for looked in [None, Some(now().minus(OLDEST_VIEW.get() + minutes(1)))] {
        holds(with_view(|view| view.looked = looked), Guard::FreshView, "prb-1");
    }
    acts(&with_view(|view| view.looked = Some(now().minus(OLDEST_VIEW.get()))));
}

#[test]
fn a_look_from_before_the_incident_does_not_count() {
    let looked = |looked| {
        let view = View {
            looked: Some(looked),
            ..view(at(5))
        };
        decide(&incident(), &remedies(), &History::default(), &view, at(5))
    };
    acts(&looked(at(0)));
    let before = at(0).minus(std::time::Duration::from_millis(1));
    holds(looked(before), Guard::FreshView, "too long ago");
}

#[test]
fn a_look_from_before_the_last_rung_was_given_up_does_not_count() {
    let mut next = incident();
    next.next_rung(at(100));
    let looked = |at| {
        let view = at_view(|view| view.looked = Some(at));
        decide(&next, &remedies(), &History::default(), &view, now())
    };
    acts(&looked(at(100)));
    holds(looked(at(99)), Guard::FreshView, "too long ago");
}

#[test]
fn what_cannot_be_told_holds() {
    let decision = with_view(|view| view.seen = seen(Sight::CannotTell, at(0)));
    holds(decision, Guard::FreshView, "nothing is done blindly");
}

#[test]
fn what_is_no_longer_ill_holds() {
    let decision = with_view(|view| view.seen = seen(Sight::Well, at(100)));
    holds(decision, Guard::StillIll, "worker_silent_stall is not seen since");
}

#[test]
fn what_is_ill_only_since_now_holds_until_it_has_lasted() {
    let until = holds(
        with_view(|view| view.seen.since = at(100)),
        Guard::StillIll,
        "it must last 1m",
    );
    assert_eq!(until, Some(at(160)));
    acts(&with_view(|view| view.seen.since = at(60)));
}

#[test]
fn whoever_is_well_after_people_were_told_was_not_cured_by_it() {
    let after = |after| {
        let incident = in_phase(Phase::Proving { since: at(0), after });
        let view = View {
            seen: seen(Sight::Well, at(10)),
            ..view(now())
        };
        match decide(&incident, &remedies(), &History::default(), &view, now()) {
            Decision::Done(why, words) => (why, words),
            other => panic!("{other:?}"),
        }
    };
    let (why, words) = after(After::Notice);
    assert_eq!(why, Why::Well);
    assert!(
        words.ends_with("gone for 1m after people were told; nothing else was done"),
        "{words}"
    );
    assert_eq!(after(After::Action).0, Why::Cured);
}

#[test]
fn what_was_done_is_named_as_it_was_recorded_and_not_as_the_policy_says_by_now() {
    let mut incident = in_phase(Phase::Proving {
        since: at(0),
        after: After::Action,
    });
    let mut done = plan("w1", 0);
    done.action = "stop-container".parse().unwrap();
    incident.tried = Some(done);
    let Proof::Waits(_, words) = proof(&incident, &remedies(), &view(now()), now()) else {
        panic!()
    };
    assert!(words.contains("for stop-container to help"), "{words}");
}

#[test]
fn what_only_a_person_asks_for_is_over_when_it_is_well_or_its_time_is() {
    let ordered = Incident {
        alerts: asked_by(&[]),
        order: Some(Order {
            by: "li".to_owned(),
            until: at(900),
            is_over: false,
        }),
        ..incident()
    };
    let at_time = |state, second| {
        let view = View {
            seen: seen(state, at(0)),
            ..view(at(second))
        };
        decide(&ordered, &remedies(), &History::default(), &view, at(second))
    };
    acts(&at_time(Sight::Ill, 899));
    assert!(matches!(at_time(Sight::Ill, 900), Decision::Done(Why::OrderEnded, _)));
    assert!(matches!(at_time(Sight::Well, 5), Decision::Done(Why::Well, _)));
}

#[test]
fn a_ladder_says_whether_anything_was_tried() {
    let words = |change: fn(&mut Incident)| {
        let mut incident = Incident { rung: 2, ..incident() };
        change(&mut incident);
        let remedies = if incident.rehearsed { dry_run() } else { remedies() };
        match decide(&incident, &remedies, &History::default(), &view(now()), now()) {
            Decision::Done(Why::LadderEnded, words) => words,
            other => panic!("{other:?}"),
        }
    };
    assert!(
        words(|incident| incident.acted = true).contains("the last of its 2 rungs is behind it, and it is still ill")
    );
    assert!(words(|incident| incident.rehearsed = true).contains("dry run: all 2 rungs were only shown"));
    assert!(words(|_| ()).contains("nothing was changed by any of the 2 rungs"));
}

#[test]
fn another_symptom_than_the_one_of_the_policy_holds() {
    let mut wrong = firing("w1", at(0));
    wrong.labels.insert("symptom".to_owned(), "head_old".to_owned());
    let mut other = Incident {
        alerts: asked_by(&[wrong]),
        ..incident()
    };
    let decision = decide(&other, &remedies(), &History::default(), &view(now()), now());
    holds(
        decision,
        Guard::TwoKeys,
        "the alert is about `head_old`, and the policy cures worker_silent_stall",
    );
    // Another rule that is right is not blocked by it.
    let right = Alert {
        fingerprint: "00000000000000aa".parse().unwrap(),
        ..firing("w1", at(0))
    };
    other.attach(&right, true, at(0));
    acts(&decide(&other, &remedies(), &History::default(), &view(now()), now()));
}

#[test]
fn a_cause_upstream_holds() {
    let decision = with_view(|view| view.cause = Some("node-1/relay".to_owned()));
    holds(decision, Guard::CauseUpstream, "prb-1 waits for node-1/relay");
}

#[test]
fn a_storm_holds_and_its_cool_down_after_it() {
    let fleet = |ill, all, stormed| with_view(|view| view.fleet = Fleet { ill, all, stormed });
    holds(fleet(21, Some(100), None), Guard::Fleet, "21 of 100");
    holds(fleet(400, None, None), Guard::Fleet, "a storm: 400 in group default");
    acts(&fleet(20, Some(100), None));
    // Three of five are no storm: so few are looked at one by one.
    acts(&fleet(3, Some(5), None));
    let until = holds(fleet(1, Some(100), Some(at(60))), Guard::Fleet, "had a storm");
    assert_eq!(until, Some(at(60 + 1800)));
    let mut history = History::default();
    history.stormed(now().minus(minutes(29)), &key("").policy, &"default".parse().unwrap());
    holds(
        decided(&remedies(), &history, &view(now())),
        Guard::Fleet,
        "had a storm",
    );
    let mut history = History::default();
    history.stormed(now().minus(minutes(30)), &key("").policy, &"default".parse().unwrap());
    acts(&decided(&remedies(), &history, &view(now())));
}

#[test]
fn nothing_is_done_right_after_the_start() {
    let until = holds(with_view(|view| view.started = at(0)), Guard::WarmUp, "only watches");
    assert_eq!(until, Some(at(300)));
    acts(&with_view(|view| view.started = now().minus(minutes(5))));
}

#[test]
fn outside_of_its_windows_a_policy_holds_until_the_next_one() {
    let none = History::default();
    // It is Saturday noon.
    let weekdays = with(|policy| policy.windows = vec!["Mon-Fri 08:00-18:00".parse().unwrap()]);
    let until = holds(
        decided(&weekdays, &none, &view(now())),
        Guard::Window,
        "the next one opens",
    );
    assert_eq!(until, UnixTime::from_rfc3339("2026-11-23T08:00:00Z"));
    let one_of_two = with(|policy| {
        policy.windows = ["Mon 08:00-18:00", "Sat 12:00-13:00"]
            .map(|text| text.parse().unwrap())
            .into();
    });
    acts(&decided(&one_of_two, &none, &view(now())));
}

#[test]
fn a_freeze_file_holds() {
    holds(
        with_view(|view| view.frozen = Some("moving racks".to_owned())),
        Guard::Freeze,
        "moving racks",
    );
}

#[test]
fn a_notice_passes_what_holds_back_changes_only() {
    let notify = with(|policy| {
        policy.rungs[0].action = "notify".parse().unwrap();
        policy.rungs[0].approval = true;
        policy.windows = vec!["Mon 08:00-09:00".parse().unwrap()];
    });
    let busy = at_view(|view| {
        view.running = vec![runs("prb-1", "default")];
        view.frozen = Some(String::new());
    });
    let decision = decided(&notify, &acted(&[(at(100), "w1")]), &busy);
    assert!(
        matches!(decision, Decision::Act(Plan { notice: true, .. })),
        "{decision:?}"
    );
    let ill_upstream = at_view(|view| view.cause = Some("node-1".to_owned()));
    holds(
        decided(&notify, &History::default(), &ill_upstream),
        Guard::CauseUpstream,
        "node-1",
    );
}

#[test]
fn the_first_guard_in_the_order_gives_its_name() {
    // All hold at once; one after the other is taken away.
    let mut remedies = with(|policy| {
        policy.mode = Mode::DryRun;
        policy.rungs[0].approval = true;
        policy.windows = vec!["Mon 08:00-09:00".parse().unwrap()];
        policy.targets.clear();
    });
    remedies.enabled = false;
    let mut view = at_view(|view| {
        view.is_known = false;
        view.looked = None;
        view.seen = seen(Sight::Well, at(110));
        view.cause = Some("node-1".to_owned());
        view.fleet.ill = 400;
        view.started = now();
        view.frozen = Some(String::new());
        view.running = vec![runs("prb-1", "default")];
    });
    let times = [60, 90, 115].map(|second| (at(second), "w1"));
    let mut history = acted(&times);
    for time in [50, 51, 52] {
        history.cured(at(time), &key("w1"));
    }
    let pause = Pause {
        scope: Scope::All,
        by: String::new(),
        reason: String::new(),
        until: at(900),
    };
    history.paused(at(0), &pause);
    let mut incident = in_phase(Phase::Running { since: at(1) });
    let name = std::mem::replace(&mut remedies.policies[0].name, "another".parse().unwrap());
    for guard in Guard::ALL {
        holds(decide(&incident, &remedies, &history, &view, now()), guard, "");
        let policy = &mut remedies.policies[0];
        match guard {
            Guard::UnderWay => incident.phase = Phase::Open,
            Guard::Enabled => remedies.enabled = true,
            Guard::KnownTarget => view.is_known = true,
            Guard::KnownPolicy => policy.name = name.clone(),
            Guard::TwoKeys => policy.targets = vec!["prb-1".parse().unwrap()],
            Guard::FreshView => view.looked = Some(now()),
            Guard::StillIll => view.seen = seen(Sight::Ill, at(0)),
            Guard::CauseUpstream => view.cause = None,
            Guard::Fleet => view.fleet.ill = 1,
            Guard::WarmUp => view.started = at(0).minus(minutes(60)),
            Guard::Window => policy.windows.clear(),
            Guard::Freeze => view.frozen = None,
            Guard::Pause => history.resumed(&Scope::All),
            Guard::CoolDown => policy.cool_down = Duration::from_secs(1),
            Guard::Attempts => policy.attempts.most = 9.try_into().unwrap(),
            Guard::Budget => {
                policy.budgets.target = Most {
                    hour: 9.try_into().unwrap(),
                    day: 9.try_into().unwrap(),
                }
            }
            Guard::Flapping => policy.flapping.cures = 9.try_into().unwrap(),
            Guard::Concurrency => view.running = Vec::new(),
            Guard::Approval => policy.rungs[0].approval = false,
            Guard::DryRun => policy.mode = Mode::Act,
        }
    }
    acts(&decide(&incident, &remedies, &history, &view, now()));
}
