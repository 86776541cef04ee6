//! What has been done counts, and what people and runs hold back.

use std::collections::BTreeSet;

use super::*;
use crate::remedy::settings::{Each, Law, Meaning};
use crate::remedy::testing::runs;
use crate::remedy::view::{Runs, Stands};

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
fn what_the_contracts_limit_is_counted_over_all_policies() {
    let law = Law {
        deed: "remount".to_owned(),
        each: Each::Entity,
        cool_down: crate::values::Duration::from_secs(900),
        most: 3,
    };
    let remedies = with(|policy| {
        let meaning = Meaning {
            law: Some(law),
            ..Meaning::default()
        };
        policy.rungs[0].meanings.insert("prb-1".parse().unwrap(), meaning);
        policy.cool_down = crate::values::Duration::from_secs(1);
    });
    // By a policy of another name, that has another entity of the same target as well.
    let others = |times: &[(u64, &str)]| {
        let mut history = History::default();
        for (before, entity) in times {
            let other = Plan {
                policy: "other".parse().unwrap(),
                deed: Some(format!("remount {entity}")),
                ..plan(entity, 0)
            };
            history.acted(now().minus(minutes(*before)), &other, false);
        }
        history
    };
    let until = holds(
        decided(&remedies, &others(&[(14, "w1")]), &view(now())),
        Guard::CoolDown,
        "remount w1 on prb-1 began at",
    );
    assert_eq!(until, Some(now().plus(minutes(1))));
    holds(
        decided(
            &remedies,
            &others(&[(1000, "w1"), (500, "w1"), (60, "w1")]),
            &view(now()),
        ),
        Guard::Attempts,
        "was done 3 times within 1d, by whatever policy",
    );
    acts(&decided(&remedies, &others(&[(1, "w2")]), &view(now())));
    acts(&decided(
        &remedies,
        &others(&[(1500, "w1"), (500, "w1"), (60, "w1")]),
        &view(now()),
    ));
}

#[test]
fn a_node_is_restarted_once_an_hour_whichever_target_shows_it() {
    let law = Law {
        deed: "restart node node-1".to_owned(),
        each: Each::Deed,
        cool_down: crate::values::Duration::from_secs(3600),
        most: 3,
    };
    let remedies = with(|policy| {
        let meaning = Meaning {
            law: Some(law),
            ..Meaning::default()
        };
        policy.rungs[0].meanings.insert("prb-1".parse().unwrap(), meaning);
    });
    let restarted = |deed: &str| {
        let mut history = History::default();
        let other = Plan {
            policy: "other".parse().unwrap(),
            target: "node-1".parse().unwrap(),
            deed: Some(deed.to_owned()),
            ..plan("", 0)
        };
        history.acted(now().minus(minutes(59)), &other, false);
        history
    };
    let of_node = decided(&remedies, &restarted("restart node node-1"), &view(now()));
    holds(of_node, Guard::CoolDown, "restart node node-1 began at");
    acts(&decided(&remedies, &restarted("restart node node-2"), &view(now())));
}

#[test]
fn two_actions_never_touch_the_same_thing_at_once() {
    let touching = |things: &[&str]| things.iter().map(|thing| (*thing).to_owned()).collect::<BTreeSet<_>>();
    let mut remedies = with(|policy| {
        let meaning = Meaning {
            touches: touching(&["trade at farm-1", "lifecycle at farm-1"]),
            ..Meaning::default()
        };
        policy.rungs[0].meanings.insert("prb-1".parse().unwrap(), meaning);
    });
    remedies.at_once.group = 9_u32.try_into().unwrap();
    remedies.at_once.farm = 9_u32.try_into().unwrap();
    let beside = |things: &[&str], stands: Stands| {
        let other = Runs {
            touches: touching(things),
            stands,
            ..runs("node-1", "elsewhere")
        };
        let view = View {
            running: vec![other],
            ..view(now())
        };
        decided(&remedies, &History::default(), &view)
    };
    for stands in [Stands::Runs, Stands::OutOfSight, Stands::Proven] {
        let shared = beside(&["node at farm-1", "trade at farm-1"], stands);
        holds(shared, Guard::Concurrency, "both touch trade at farm-1");
        acts(&beside(&["trade at farm-2"], stands));
    }
}

#[test]
fn what_was_seen_before_another_action_ended_there_is_no_ground_for_one() {
    let thing = "trade at farm-1".to_owned();
    let remedies = with(|policy| {
        let meaning = Meaning {
            touches: [thing.clone()].into(),
            ..Meaning::default()
        };
        policy.rungs[0].meanings.insert("prb-1".parse().unwrap(), meaning);
    });
    let looked = now().minus(std::time::Duration::from_secs(20));
    let after = |target: &str, touches: &str, ended: UnixTime| {
        let other = Plan {
            policy: "other".parse().unwrap(),
            target: target.parse().unwrap(),
            touches: [touches.to_owned()].into(),
            ..plan("w9", 0)
        };
        let mut history = History::default();
        history.ended(ended, &other);
        let view = View {
            looked: Some(looked),
            ..view(now())
        };
        decided(&remedies, &history, &view)
    };
    let later = looked.plus(std::time::Duration::from_secs(1));
    for (target, touches) in [("node-1", "trade at farm-1"), ("prb-1", "another at farm-1")] {
        holds(after(target, touches, later), Guard::FreshView, "");
        acts(&after(target, touches, looked));
    }
    acts(&after("node-1", "another at farm-1", later));
}

#[test]
fn what_may_go_on_holds_its_own_target_and_no_other() {
    let beside = |target: &str| {
        let other = Runs {
            stands: Stands::OutOfSight,
            ..runs(target, "default")
        };
        let view = View {
            running: vec![other],
            ..view(now())
        };
        decided(&remedies(), &History::default(), &view)
    };
    holds(
        beside("prb-1"),
        Guard::Concurrency,
        "no more than 1 at a time on target prb-1",
    );
    acts(&beside("prb-2"));
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
    let running = |of: &[(&str, &str)]| {
        with_view(|view| view.running = of.iter().map(|(target, group)| runs(target, group)).collect())
    };
    let waits = "waits for the end of soft on prb-1: no more than 1 at a time on target prb-1";
    holds(running(&[("prb-1", "default")]), Guard::Concurrency, waits);
    holds(running(&[("prb-2", "default")]), Guard::Concurrency, "group default");
    let two = [("prb-2", "other"), ("prb-3", "third")];
    let waits = "waits for the end of soft on prb-2 or soft on prb-3: no more than 2 at a time on the farm";
    holds(running(&two), Guard::Concurrency, waits);
    acts(&running(&two[..1]));
}

#[test]
fn what_is_asked_of_another_farmwarden_has_a_place_of_its_own() {
    let asks = |remote: &str| Runs {
        remote: Some(remote.to_owned()),
        ..runs("node-9", "default")
    };
    let beside = |remedies: &Remedies, running: Vec<Runs>| {
        let view = View { running, ..view(now()) };
        decided(remedies, &History::default(), &view)
    };
    // Two dead racks hold up nothing here.
    acts(&beside(
        &remedies(),
        vec![asks("rack-1"), asks("rack-2"), asks("rack-3")],
    ));
    let remote = with(|policy| {
        policy.rungs[0].action = "remote".parse().unwrap();
        policy.rungs[0].with = [("remote".to_owned(), "rack-2".to_owned())].into();
    });
    acts(&beside(&remote, vec![asks("rack-1"), runs("node-9", "default")]));
    let waits = "waits for the end of soft on node-9: no more than 1 at a time asked of farmwarden rack-2";
    holds(beside(&remote, vec![asks("rack-2")]), Guard::Concurrency, waits);
    let of_target = Runs {
        remote: Some("rack-1".to_owned()),
        ..runs("prb-1", "default")
    };
    holds(beside(&remote, vec![of_target]), Guard::Concurrency, "on target prb-1");
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
