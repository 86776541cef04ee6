//! Every guard holds and lets through; the order; what no input may bring about.

use super::*;
use crate::alerts::Alert;
use crate::remedy::incident::{Approval, Order};
use crate::remedy::most::Most;
use crate::remedy::settings::Remedies;
use crate::remedy::step::{Pause, Scope};
use crate::remedy::testing::*;
use crate::remedy::view::{Fleet, Running, Seen};

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
        Guard::TwoKeys,
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
    assert!(words(|incident| incident.acted = true).contains("all 2 rungs were tried and none helped"));
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
fn a_pause_holds_what_it_covers_until_it_expires() {
    let paused = |scope, until| {
        let mut history = History::default();
        let pause = Pause {
            scope,
            by: "li".to_owned(),
            reason: "new switch".to_owned(),
            until,
        };
        history.paused(at(0), &pause);
        decided(&remedies(), &history, &view(now()))
    };
    let name = |text: &str| text.parse().unwrap();
    for scope in [Scope::All, Scope::Group(name("default")), Scope::Target(name("prb-1"))] {
        let until = holds(paused(scope, at(500)), Guard::Pause, "by li");
        assert_eq!(until, Some(at(500)));
    }
    acts(&paused(Scope::Target(name("prb-2")), at(500)));
    acts(&paused(Scope::Group(name("east")), at(500)));
    acts(&paused(Scope::All, now()));
}

#[test]
fn what_was_resumed_is_no_longer_paused() {
    let mut history = History::default();
    let pause = Pause {
        scope: Scope::All,
        by: "li".to_owned(),
        reason: String::new(),
        until: at(500),
    };
    history.paused(at(0), &pause);
    history.resumed(&Scope::All);
    acts(&decided(&remedies(), &history, &view(now())));
}

#[test]
fn an_action_cools_down() {
    let last = now().minus(minutes(9));
    let until = holds(
        decided(&remedies(), &acted(&[(last, "w1")]), &view(now())),
        Guard::CoolDown,
        "cool-down of 10m",
    );
    assert_eq!(until, Some(last.plus(minutes(10))));
    acts(&decided(&remedies(), &acted(&[(last, "w2")]), &view(now())));
    acts(&decided(
        &remedies(),
        &acted(&[(now().minus(minutes(10)), "w1")]),
        &view(now()),
    ));
}

#[test]
fn an_action_in_the_future_of_a_clock_that_went_back_counts() {
    let decision = decided(&remedies(), &acted(&[(now().plus(minutes(60)), "w1")]), &view(now()));
    holds(decision, Guard::CoolDown, "cool-down");
}

#[test]
fn attempts_are_counted_for_each_entity() {
    let hour = |count: u64| now().minus(minutes(60 * count));
    let three = acted(&[(hour(5), "w1"), (hour(4), "w1"), (hour(3), "w1")]);
    let until = holds(
        decided(&remedies(), &three, &view(now())),
        Guard::Attempts,
        "all 3 attempts within 6h",
    );
    assert_eq!(until, Some(hour(5).plus(minutes(360))));
    acts(&decided(
        &remedies(),
        &acted(&[(hour(6), "w1"), (hour(4), "w1"), (hour(3), "w1")]),
        &view(now()),
    ));
}

#[test]
fn budgets_hold_by_target_group_farm_and_over_all_policies() {
    let recent: Vec<(UnixTime, &str)> = ["a", "b", "c"].map(|entity| (now().minus(minutes(30)), entity)).into();
    let most = |hour: u32, day: u32| Most {
        hour: hour.try_into().unwrap(),
        day: day.try_into().unwrap(),
    };
    let wide = || {
        with(|policy| {
            policy.budgets.target = most(99, 99);
            policy.budgets.group = most(99, 99);
            policy.budgets.farm = most(99, 99);
        })
    };
    acts(&decided(&wide(), &acted(&recent), &view(now())));
    let narrow = |change: &dyn Fn(&mut Remedies)| {
        let mut remedies = wide();
        change(&mut remedies);
        decided(&remedies, &acted(&recent), &view(now()))
    };
    let until = holds(
        narrow(&|r| r.policies[0].budgets.target = most(3, 99)),
        Guard::Budget,
        "restart on prb-1, 3 in an hour",
    );
    assert_eq!(until, Some(now().plus(minutes(30))));
    holds(
        narrow(&|r| r.policies[0].budgets.target = most(3, 3)),
        Guard::Budget,
        "3 in 24 hours",
    );
    holds(
        narrow(&|r| r.policies[0].budgets.group = most(3, 99)),
        Guard::Budget,
        "in group default",
    );
    holds(
        narrow(&|r| r.policies[0].budgets.farm = most(3, 99)),
        Guard::Budget,
        "on all targets",
    );
    holds(
        narrow(&|r| r.most = most(3, 99)),
        Guard::Budget,
        "all policies together",
    );
}

#[test]
fn what_is_cured_again_and_again_goes_into_quarantine() {
    let cured = |times: &[u64]| {
        let mut history = History::default();
        for hours in times {
            history.cured(now().minus(minutes(60 * hours)), &key("w1"));
        }
        decided(&remedies(), &history, &view(now()))
    };
    let until = holds(
        cured(&[9, 5, 2]),
        Guard::Flapping,
        "cured 3 times within 1d and ill again",
    );
    assert_eq!(until, Some(now().plus(minutes(22 * 60))));
    acts(&cured(&[5, 2]));
    acts(&cured(&[30, 5, 2]));
    acts(&cured(&[29, 26, 24]));
}

#[test]
fn what_runs_on_the_target_the_group_or_the_farm_holds() {
    let running = |target, group, farm| with_view(|view| view.running = Running { target, group, farm });
    holds(running(1, 1, 1), Guard::Concurrency, "target prb-1");
    holds(running(0, 1, 1), Guard::Concurrency, "group default");
    holds(running(0, 0, 2), Guard::Concurrency, "the farm");
    acts(&running(0, 0, 1));
}

#[test]
fn a_rung_waits_for_the_approval_of_its_very_plan() {
    let careful = with(|policy| policy.rungs[0].approval = true);
    let none = History::default();
    let held = hold(decided(&careful, &none, &view(now())));
    assert_eq!((held.guard, held.plan), (Guard::Approval, Some(plan("w1", 0))));
    assert!(held.words.contains("farmwarden approve 1.0"), "{}", held.words);
    let approved = |plan, until| {
        let mut incident = incident();
        incident.approval = Some(Approval {
            plan,
            by: "li".to_owned(),
            until,
        });
        decide(&incident, &careful, &none, &view(now()), now())
    };
    acts(&approved(plan("w1", 0), at(500)));
    holds(approved(plan("w1", 0), now()), Guard::Approval, "soft waits");
    holds(approved(plan("w1", 1), at(500)), Guard::Approval, "soft waits");
    holds(approved(plan("w2", 0), at(500)), Guard::Approval, "soft waits");
}

#[test]
fn a_dry_run_shows_what_would_have_been_done() {
    let held = hold(decided(&dry_run(), &History::default(), &view(now())));
    assert_eq!((held.guard, held.plan), (Guard::DryRun, Some(plan("w1", 0))));
    assert!(
        held.words.contains("soft would be done now") && held.words.contains("no block for 4m"),
        "{}",
        held.words
    );
}

#[test]
fn rehearsals_count_for_a_policy_that_rehearses_and_for_no_other() {
    let mut history = History::default();
    history.acted(now().minus(minutes(5)), &plan("w1", 0), true);
    holds(
        decided(&dry_run(), &history, &view(now())),
        Guard::CoolDown,
        "cool-down",
    );
    acts(&decided(&remedies(), &history, &view(now())));
}

#[test]
fn a_notice_passes_what_holds_back_changes_only() {
    let notify = with(|policy| {
        policy.rungs[0].action = "notify".parse().unwrap();
        policy.rungs[0].approval = true;
        policy.windows = vec!["Mon 08:00-09:00".parse().unwrap()];
    });
    let busy = at_view(|view| {
        view.running = Running {
            target: 1,
            group: 1,
            farm: 9,
        };
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
        view.running.target = 1;
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
    for guard in Guard::ALL {
        holds(decide(&incident, &remedies, &history, &view, now()), guard, "");
        let policy = &mut remedies.policies[0];
        match guard {
            Guard::UnderWay => incident.phase = Phase::Open,
            Guard::Enabled => remedies.enabled = true,
            Guard::KnownTarget => view.is_known = true,
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
            Guard::Concurrency => view.running = Running::default(),
            Guard::Approval => policy.rungs[0].approval = false,
            Guard::DryRun => policy.mode = Mode::Act,
        }
    }
    acts(&decide(&incident, &remedies, &history, &view, now()));
}

fn proving(since: UnixTime, after: After) -> Incident {
    in_phase(Phase::Proving { since, after })
}

#[test]
fn a_cure_is_the_symptom_gone_for_its_time_after_the_action() {
    let well_since = |since, now| {
        let view = View {
            seen: seen(Sight::Well, since),
            ..view(now)
        };
        decide(
            &proving(at(100), After::Action),
            &remedies(),
            &History::default(),
            &view,
            now,
        )
    };
    let until = holds(
        well_since(at(110), at(130)),
        Guard::UnderWay,
        "cured if it stays so until",
    );
    assert_eq!(until, Some(at(170)));
    assert!(matches!(well_since(at(110), at(170)), Decision::Done(Why::Cured, _)));
    // Well from before the action counts from the action on.
    holds(well_since(at(0), at(159)), Guard::UnderWay, "cured if it stays so");
    assert!(matches!(well_since(at(0), at(160)), Decision::Done(Why::Cured, _)));
}

#[test]
fn an_action_that_did_not_help_fails_when_its_time_is_over() {
    let judged = |now| proof(&proving(at(100), After::Action), &remedies(), &view(now), now);
    assert!(matches!(judged(at(399)), Proof::Waits(until, _) if until == at(400)));
    let Proof::Failed(words) = judged(at(400)) else {
        panic!()
    };
    assert!(words.contains("the symptom is still there 5m after soft"), "{words}");
}

#[test]
fn a_cure_is_not_believed_on_a_stale_view() {
    let view = View {
        seen: seen(Sight::Well, at(100)),
        looked: Some(at(99)),
        ..view(at(390))
    };
    let judged = |now| proof(&proving(at(100), After::Interruption), &remedies(), &view, now);
    assert!(matches!(judged(at(390)), Proof::Waits(..)));
    let Proof::Failed(words) = judged(at(400)) else {
        panic!()
    };
    assert!(
        words.contains("cannot be seen") && words.contains("interrupted"),
        "{words}"
    );
}

#[test]
fn what_looks_well_right_after_a_start_is_no_cure_yet() {
    let judged = |now| {
        let view = View {
            seen: seen(Sight::Well, at(210)),
            started: at(200),
            ..view(now)
        };
        proof(&proving(at(100), After::Interruption), &remedies(), &view, now)
    };
    // 5m of warm-up, and 1m for which it must be gone.
    assert!(matches!(judged(at(559)), Proof::Waits(until, _) if until == at(560)));
    assert!(matches!(judged(at(560)), Proof::Cured(_)));
}

#[test]
fn what_looks_well_right_after_it_was_out_of_sight_is_no_cure_yet() {
    let judged = |regained, now| {
        let well = Seen {
            regained: Some(regained),
            ..seen(Sight::Well, regained)
        };
        let view = View {
            seen: well,
            ..view(now)
        };
        proof(&proving(at(100), After::Action), &remedies(), &view, now)
    };
    assert!(matches!(judged(at(210), at(569)), Proof::Waits(until, _) if until == at(570)));
    assert!(matches!(judged(at(210), at(570)), Proof::Cured(_)));
    // Before the action it is of no interest.
    assert!(matches!(judged(at(90), at(160)), Proof::Cured(_)));
}

#[test]
fn sight_that_is_lost_again_and_again_does_not_put_the_next_rung_off_for_ever() {
    let judged = |now| {
        let ill = Seen {
            regained: Some(now),
            ..seen(Sight::CannotTell, now)
        };
        let view = View { seen: ill, ..view(now) };
        proof(&proving(at(100), After::Action), &remedies(), &view, now)
    };
    // The timeout, 5m of warm-up, and 1m for which it must be gone.
    assert!(matches!(judged(at(400 + 300 + 59)), Proof::Waits(..)));
    assert!(matches!(judged(at(400 + 300 + 60)), Proof::Failed(_)));
}

#[test]
fn a_ladder_without_a_further_rung_ends_with_a_person() {
    let mut over = incident();
    over.rung = 2;
    over.acted = true;
    let decision = decide(&over, &remedies(), &History::default(), &view(now()), now());
    let Decision::Done(Why::LadderEnded, words) = decision else {
        panic!("{decision:?}")
    };
    assert!(
        words.contains("all 2 rungs were tried and none helped (no block for 4m)"),
        "{words}"
    );
    let called = in_phase(Phase::Escalated { since: at(10) });
    let decision = decide(&called, &remedies(), &History::default(), &view(now()), now());
    assert!(matches!(decision, Decision::Done(Why::LadderEnded, _)));
}

#[test]
fn what_is_resolved_and_well_is_over() {
    let mut ended = incident();
    ended.attach(&firing("w1", at(0)), false, at(60));
    let well = at_view(|view| view.seen = seen(Sight::Well, at(100)));
    let none = History::default();
    assert!(matches!(
        decide(&ended, &remedies(), &none, &well, now()),
        Decision::Done(Why::Well, _)
    ));
    let stale = View { looked: None, ..well };
    holds(decide(&ended, &remedies(), &none, &stale, now()), Guard::TwoKeys, "");
}

#[test]
fn what_is_neither_heard_of_nor_ill_is_forgotten() {
    let later = at(1800);
    let judged = |state, since| {
        let view = View {
            seen: seen(state, since),
            ..view(later)
        };
        decide(&incident(), &remedies(), &History::default(), &view, later)
    };
    assert!(matches!(judged(Sight::Well, at(0)), Decision::Done(Why::Forgotten, _)));
    assert!(matches!(
        judged(Sight::CannotTell, at(0)),
        Decision::Done(Why::Forgotten, _)
    ));
    holds(judged(Sight::Well, at(1)), Guard::StillIll, "");
    acts(&judged(Sight::Ill, at(0)));
}

#[test]
fn what_was_rehearsed_begins_anew_when_the_policy_acts() {
    let mut rehearsed = incident();
    rehearsed.rehearses(at(60), &plan("w1", 0));
    rehearsed.next_rung(at(100));
    let decision = decide(&rehearsed, &remedies(), &History::default(), &view(now()), now());
    assert!(matches!(decision, Decision::Done(Why::OnlyRehearsed, _)));
}
