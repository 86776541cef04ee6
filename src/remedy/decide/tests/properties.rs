//! What no incident, policy, history and view may bring about.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::remedy::history::Of;
use crate::remedy::settings::Storm;
use crate::remedy::view::Seen;

fn time() -> impl Strategy<Value = UnixTime> {
    prop_oneof![
        8 => (0_u64..20_000).prop_map(|second| at(second).minus(minutes(180))),
        1 => Just(UnixTime::default()),
        1 => Just(UnixTime::from_duration(std::time::Duration::MAX)),
    ]
}

fn phase() -> impl Strategy<Value = Phase> {
    let after = prop_oneof![
        Just(After::Action),
        Just(After::Interruption),
        Just(After::Rehearsal),
        Just(After::Notice)
    ];
    prop_oneof![
        6 => Just(Phase::Open),
        1 => time().prop_map(|since| Phase::Running { since }),
        1 => time().prop_map(|since| Phase::Escalated { since }),
        3 => (time(), after).prop_map(|(since, after)| Phase::Proving { since, after }),
    ]
}

prop_compose! {
    fn incidents()(
        opened in time(), heard in time(), fires in prop::bool::weighted(0.9), rung in 0_usize..4, phase in phase(),
        rehearsed: bool, symptom in option::weighted(0.1, ".{0,8}"), entity in prop_oneof![9 => Just("w1".to_owned()), 1 => any::<String>()],
        approved in option::of(time()),
    ) -> Incident {
        let mut alert = firing(&entity, opened);
        if let Some(symptom) = symptom {
            alert.labels.insert("symptom".to_owned(), symptom);
        }
        let mut incident = Incident::open(ID, key(&entity), asked_by(&[alert.clone()]), opened);
        incident.attach(&alert, fires, heard);
        let approval = approved.map(|until| Approval { plan: plan("w1", rung.min(1)), by: "li".to_owned(), until });
        Incident { rung, phase, rehearsed, approval, ..incident }
    }
}

prop_compose! {
    fn views()(
        is_known in prop::bool::weighted(0.95), started in time(), looked in option::weighted(0.9, time()),
        state in prop_oneof![6 => Just(Sight::Ill), 2 => Just(Sight::Well), 1 => Just(Sight::CannotTell)],
        since in time(), evidence: String, cause in option::weighted(0.1, any::<String>()),
        ill in 0_u64..6, all in option::of(0_u64..200), stormed in option::weighted(0.1, time()),
        running in vec(prop_oneof![1 => Just(("prb-1", "default")), 9 => Just(("prb-2", "default")), 9 => Just(("prb-3", "other"))], 0..4),
        frozen in option::weighted(0.1, any::<String>()),
    ) -> View {
        View {
            is_known, started, looked, cause, frozen,
            group: "default".parse().unwrap(),
            seen: Seen { state, since, regained: None, evidence },
            fleet: Fleet { ill, all, stormed },
            running: running.into_iter().map(|(target, group)| runs(target, group)).collect(),
        }
    }
}

prop_compose! {
    fn policies()(
        act in prop::bool::weighted(0.8), approval in prop::bool::weighted(0.2), notice in prop::bool::weighted(0.1),
        hour in 1_u32..4, day in 1_u32..6, attempts in 1_u32..5, window in prop::bool::weighted(0.2), enabled in prop::bool::weighted(0.95),
    ) -> Remedies {
        with(|policy| {
            policy.mode = if act { Mode::Act } else { Mode::DryRun };
            policy.enabled = enabled;
            policy.rungs[0].approval = approval;
            if notice {
                policy.rungs[0].action = "notify".parse().unwrap();
            }
            policy.budgets.target = Most { hour: hour.try_into().unwrap(), day: day.try_into().unwrap() };
            policy.attempts.most = attempts.try_into().unwrap();
            policy.cool_down = Duration::from_secs(60);
            if window {
                policy.windows = vec!["Sat 11:00-13:00".parse().unwrap()];
            }
        })
    }
}

prop_compose! {
    fn histories()(
        acts in vec((time(), prop_oneof![Just("w1"), Just("w2")], prop::bool::weighted(0.2)), 0..8),
        cures in vec(time(), 0..4), pause in option::weighted(0.1, time()),
    ) -> History {
        let mut history = History::default();
        for (time, entity, rehearsed) in acts {
            history.acted(time, &plan(entity, 0), rehearsed);
        }
        for time in cures {
            history.cured(time, &key("w1"));
        }
        if let Some(until) = pause {
            let pause = Pause { scope: Scope::All, by: "li".to_owned(), reason: String::new(), until };
            history.paused(UnixTime::default(), &pause);
        }
        history
    }
}

/// In most cases everything is as it must be for an action.
fn cases() -> impl Strategy<Value = (Incident, Remedies, History, View, UnixTime)> {
    (
        incidents(),
        policies(),
        histories(),
        views(),
        time(),
        prop::bool::weighted(0.7),
    )
        .prop_map(|(mut incident, remedies, history, mut view, now, good)| {
            if good {
                view.looked = Some(now);
                view.started = now.minus(minutes(60));
                view.seen.since = view.seen.since.min(now.minus(minutes(20)));
                incident.opened = incident.opened.min(now);
            }
            (incident, remedies, history, view, now)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_action_is_begun_only_where_everything_allows_it((incident, remedies, history, view, now) in cases()) {
        let decision = decide(&incident, &remedies, &history, &view, now);
        let again = decide(&incident, &remedies, &history, &view, now);
        prop_assert_eq!(&decision, &again);
        let Decision::Act(plan) = decision else {
            return Ok(());
        };
        let policy = &remedies.policies[0];
        let looked = view.looked.unwrap();
        prop_assert!(looked >= incident.opened && looked.age_at(now) <= OLDEST_VIEW.get(), "a stale view");
        prop_assert_eq!(view.seen.state, Sight::Ill);
        prop_assert!(incident.fires() && view.is_known && view.cause.is_none() && policy.enabled);
        prop_assert_eq!(incident.phase, Phase::Open);
        prop_assert_eq!(policy.mode, Mode::Act, "a dry run");
        prop_assert_eq!(plan.rung, incident.rung, "a rung is skipped");
        let Storm { least, share, .. } = policy.storm;
        let Fleet { ill, all, .. } = view.fleet;
        prop_assert!(ill <= u64::from(least) || all.is_some_and(|all| !share.is_exceeded(ill, all)), "a storm");
        if plan.notice {
            return Ok(());
        }
        prop_assert!(!view.running.iter().any(|runs| runs.target == plan.target), "two at once");
        prop_assert!(view.frozen.is_none());
        for (within, most) in [(60, policy.budgets.target.hour), (24 * 60, policy.budgets.target.day)] {
            let (name, target) = (&policy.name, &incident.key.target);
            let begun = history.count(Of::Target(name, target), Mode::Act, minutes(within), now);
            prop_assert!(begun < usize::try_from(most.get()).unwrap(), "a budget is exceeded");
        }
    }

    #[test]
    fn the_guard_that_holds_is_the_first_one_that_refuses((incident, remedies, history, view, now) in cases()) {
        let Decision::Hold(hold) = decide(&incident, &remedies, &history, &view, now) else {
            return Ok(());
        };
        prop_assert!(!hold.words.is_empty() && !hold.words.contains(crate::values::is_unseen), "{}", hold.words);
        let case = Case {
            incident: &incident,
            remedies: &remedies,
            policy: remedies.policies.first(),
            history: &history,
            view: &view,
            now,
        };
        let is_notice = case.plan().is_some_and(|plan| plan.notice);
        let asked = Guard::ALL.into_iter().filter(|guard| !(is_notice && guard.lets_notices_pass()));
        let first = asked.into_iter().find(|guard| case.refusal(*guard).is_some());
        prop_assert_eq!(first, Some(hold.guard));
    }

    #[test]
    fn a_dry_run_holds_with_what_would_be_done_in_earnest((incident, remedies, history, view, now) in cases()) {
        let mut earnest = remedies.clone();
        earnest.policies[0].mode = Mode::Act;
        let mut dry = remedies;
        dry.policies[0].mode = Mode::DryRun;
        // Rehearsals count in one and not in the other.
        let all = |mode| history.count(Of::All, mode, std::time::Duration::MAX, now);
        if all(Mode::DryRun) != all(Mode::Act) || incident.rehearsed {
            return Ok(());
        }
        if let Decision::Act(plan) = decide(&incident, &earnest, &history, &view, now) {
            let rehearsed = decide(&incident, &dry, &history, &view, now);
            let Decision::Hold(Hold { guard: Guard::DryRun, plan: Some(would), .. }) = rehearsed else {
                return Err(TestCaseError::fail(format!("{rehearsed:?}")));
            };
            prop_assert_eq!(would, plan);
        }
    }
}
