//! The farms: small enough that all their states can be looked at, and together with everything that can hold an action
//! back or repeat it. How many states there are at least is asserted: a farm in which nothing happens proves nothing.

use std::sync::Arc;

use farmwarden::remedy::settings::{Meaning, Mode};
use farmwarden::remedy::{Policy, Remedies};
use farmwarden::values::Duration;

use super::case::{Case, Fault, Message};
use super::search::search;
use super::world::Left;

/// Two rungs; nothing is waited for longer than the farm has time.
fn policy(targets: &[&str]) -> Policy {
    let mut policy: Policy = serde_json::from_str(
        r#"{
            "name": "restart", "symptom": "worker_silent_stall", "targets": [], "mode": "act", "ill_for": "1s",
            "rungs": [
                {"action": "soft", "within": "90s", "timeout": "2m", "gone_for": "1m"},
                {"action": "hard", "within": "90s", "timeout": "2m", "gone_for": "1m"}
            ],
            "cool_down": "1m", "forget_after": "20m", "storm": {"share": "100%"}
        }"#,
    )
    .unwrap();
    policy.targets = targets.iter().map(|name| name.parse().unwrap()).collect();
    policy
}

pub(crate) fn case(name: &'static str, entities: &[(&str, &'static str)], change: impl FnOnce(&mut Remedies)) -> Case {
    let mut targets: Vec<&str> = entities.iter().map(|(target, _)| *target).collect();
    targets.dedup();
    let mut remedies = Remedies {
        policies: vec![policy(&targets)],
        ..Remedies::default()
    };
    remedies.warm_up = Duration::from_secs(90);
    change(&mut remedies);
    let fires = |entity| Message {
        entity,
        alert: entity,
        from: 0,
        to: None,
    };
    Case {
        name,
        remedies: Arc::new(remedies),
        entities: entities
            .iter()
            .map(|(target, entity)| (target.parse().unwrap(), *entity))
            .collect(),
        messages: (0..entities.len()).map(fires).collect(),
        opens: (0..entities.len()).collect(),
        slow: false,
        visits: 1,
        left: Left::default(),
        orders: false,
        person: false,
        approval: false,
        requests: Vec::new(),
        remote: false,
        asks: false,
        shares: false,
        fault: Fault::None,
        happens: Vec::new(),
    }
}

pub(crate) const ONE: &[(&str, &str)] = &[("prb-1", "w1")];

pub(crate) fn quick(policy: &mut Policy) {
    for rung in &mut policy.rungs {
        rung.timeout = Duration::from_secs(60);
        rung.gone_for = Duration::from_secs(30);
    }
}

#[test]
fn crashes_and_a_bad_disk() {
    let states = search(Case {
        slow: true,
        left: Left {
            passes: 3,
            flips: 1,
            crashes: 1,
            refusals: 1,
            ..Left::default()
        },
        happens: vec![
            "started",
            "cured",
            "failed",
            "second_rung",
            "interrupted",
            "timed_out",
            "fresh_view",
            "warm_up",
        ],
        ..case("crashes and a bad disk", ONE, |_| ())
    });
    assert!(states > 6_000, "{states}");
}

#[test]
fn two_crashes() {
    let states = search(Case {
        left: Left {
            passes: 3,
            crashes: 2,
            blind_looks: 1,
            ..Left::default()
        },
        happens: vec!["interrupted", "second_rung", "escalated"],
        ..case("two crashes", ONE, |remedies| quick(&mut remedies.policies[0]))
    });
    assert!(states > 5_500, "{states}");
}

#[test]
fn messages_of_two_alertmanagers_in_any_order() {
    let message = |alert, from, to| Message {
        entity: 0,
        alert,
        from,
        to,
    };
    let states = search(Case {
        messages: vec![
            message(0, 0, None),
            message(0, 0, Some(60)),
            message(0, 120, None),
            message(1, 10, None),
            message(1, 10, Some(70)),
        ],
        opens: vec![],
        left: Left {
            passes: 2,
            deliveries: 4,
            flips: 1,
            ..Left::default()
        },
        happens: vec!["second_rung", "two_keys", "well"],
        ..case("messages in any order", ONE, |remedies| {
            quick(&mut remedies.policies[0]);
        })
    });
    assert!(states > 11_000, "{states}");
}

#[test]
fn two_workers_of_one_target() {
    let states = search(Case {
        visits: 2,
        left: Left {
            passes: 2,
            deliveries: 1,
            flips: 1,
            refusals: 1,
            ..Left::default()
        },
        happens: vec!["started", "budget"],
        ..case(
            "two workers of one target",
            &[("prb-1", "w1"), ("prb-1", "w2")],
            |remedies| {
                quick(&mut remedies.policies[0]);
                remedies.policies[0].budgets.target = "1/h 2/d".parse().unwrap();
            },
        )
    });
    assert!(states > 6_000, "{states}");
}

#[test]
fn others_beside_an_action() {
    let states = search(Case {
        opens: vec![0],
        left: Left {
            passes: 2,
            deliveries: 1,
            flips: 1,
            ..Left::default()
        },
        happens: vec!["started", "told_beside", "over_beside", "concurrency"],
        ..case(
            "others beside an action",
            &[("prb-1", "w1"), ("prb-1", "w2")],
            |remedies| {
                // The target alone holds them apart.
                remedies.at_once = serde_json::from_str(r#"{"group": 2, "farm": 2}"#).unwrap();
                quick(&mut remedies.policies[0]);
                remedies.policies[0].rungs[0].action = "notify".parse().unwrap();
            },
        )
    });
    assert!(states > 5_000, "{states}");
}

#[test]
fn two_targets_of_one_farm() {
    let states = search(Case {
        visits: 2,
        left: Left {
            passes: 1,
            crashes: 1,
            ..Left::default()
        },
        happens: vec!["started", "budget", "concurrency"],
        ..case(
            "two targets of one farm",
            &[("prb-1", "w1"), ("prb-2", "w2")],
            |remedies| {
                quick(&mut remedies.policies[0]);
                remedies.policies[0].budgets.farm = "2/h 3/d".parse().unwrap();
            },
        )
    });
    assert!(states > 5_000, "{states}");
}

/// As many may act at once as there are, and both have the same container.
fn one_stack_of_two_targets(fault: Fault) -> Case {
    let case = case(
        "one stack of two targets",
        &[("prb-1", "w1"), ("prb-2", "w2")],
        |remedies| {
            let policy = &mut remedies.policies[0];
            quick(policy);
            policy.rungs.truncate(1);
            for target in policy.targets.clone() {
                let touches = if fault == Fault::UntoldThings {
                    vec![]
                } else {
                    vec!["trade at farm-1".to_owned()]
                };
                let meaning = Meaning {
                    touches: touches.into_iter().collect(),
                    ..Meaning::default()
                };
                policy.rungs[0].meanings.insert(target, meaning);
            }
            remedies.at_once.group = 2_u32.try_into().unwrap();
        },
    );
    Case {
        visits: 2,
        left: Left {
            passes: 1,
            crashes: 1,
            ..Left::default()
        },
        shares: true,
        fault,
        happens: vec!["started", "concurrency"],
        ..case
    }
}

#[test]
fn two_targets_that_stand_on_the_same() {
    let states = search(one_stack_of_two_targets(Fault::None));
    assert!(states > 2_000, "{states}");
}

#[test]
#[should_panic(expected = "not so: never two actions on one target, or on what two share, at a time")]
fn things_that_are_not_told_are_found() {
    search(one_stack_of_two_targets(Fault::UntoldThings));
}

#[test]
fn a_dry_run() {
    let states = search(Case {
        left: Left {
            passes: 4,
            deliveries: 1,
            flips: 1,
            crashes: 1,

            ..Left::default()
        },
        happens: vec!["rehearsed", "failed", "escalated", "well"],
        ..case("a dry run", ONE, |remedies| {
            quick(&mut remedies.policies[0]);
            remedies.policies[0].mode = Mode::DryRun;
        })
    });
    assert!(states > 15_000, "{states}");
}

#[test]
fn people_who_pause_and_freeze() {
    let states = search(Case {
        orders: true,
        left: Left {
            passes: 2,
            crashes: 1,
            words: 2,
            ..Left::default()
        },
        happens: vec!["started", "pause", "freeze", "cause_upstream"],
        ..case("people who pause and freeze", ONE, |_| ())
    });
    assert!(states > 3_000, "{states}");
}

#[test]
fn an_action_that_refuses() {
    let states = search(Case {
        left: Left {
            passes: 3,
            crashes: 1,
            vetoes: 2,
            ..Left::default()
        },
        happens: vec!["refused", "cool_down", "failed", "second_rung", "interrupted"],
        ..case("an action that refuses", ONE, |remedies| {
            let policy = &mut remedies.policies[0];
            quick(policy);
            policy.attempts = serde_json::from_str(r#"{"most": 2, "within": "1h"}"#).unwrap();
            policy.budgets.target = "1/h 2/d".parse().unwrap();
        })
    });
    assert!(states > 1_000, "{states}");
}

/// Over before a look that was taken for it is old.
#[test]
fn a_rung_with_little_time() {
    let states = search(Case {
        left: Left {
            passes: 3,
            flips: 1,
            crashes: 1,
            blind_looks: 1,
            ..Left::default()
        },
        happens: vec!["started", "cured", "failed", "second_rung", "interrupted"],
        ..case("a rung with little time", ONE, |remedies| {
            for rung in &mut remedies.policies[0].rungs {
                rung.timeout = Duration::from_secs(20);
                rung.gone_for = Duration::from_secs(10);
            }
        })
    });
    assert!(states > 1_000, "{states}");
}

#[test]
fn an_illness_that_comes_back() {
    let states = search(Case {
        left: Left {
            passes: 3,
            leaps: 1,
            deliveries: 1,
            flips: 2,
            ..Left::default()
        },
        happens: vec!["cured", "flapping", "attempts", "cool_down", "still_ill"],
        ..case("an illness that comes back", ONE, |remedies| {
            let policy = &mut remedies.policies[0];
            quick(policy);
            policy.flapping = serde_json::from_str(r#"{"cures": 1, "within": "1h", "quarantine": "1h"}"#).unwrap();
            policy.attempts = serde_json::from_str(r#"{"most": 1, "within": "10m"}"#).unwrap();
            policy.cool_down = Duration::from_secs(90);
        })
    });
    assert!(states > 10_000, "{states}");
}

#[test]
fn an_illness_that_comes_back_without_a_word() {
    let states = search(Case {
        left: Left {
            passes: 3,
            leaps: 1,
            flips: 2,
            crashes: 1,
            ..Left::default()
        },
        happens: vec!["cured", "relapsed", "cool_down", "attempts", "second_rung"],
        ..case("an illness that comes back without a word", ONE, |remedies| {
            let policy = &mut remedies.policies[0];
            quick(policy);
            policy.attempts = serde_json::from_str(r#"{"most": 2, "within": "1h"}"#).unwrap();
            policy.cool_down = Duration::from_secs(90);
        })
    });
    assert!(states > 1_000, "{states}");
}

#[test]
fn a_storm() {
    let states = search(Case {
        left: Left {
            passes: 1,
            leaps: 1,
            deliveries: 1,
            flips: 2,
            ..Left::default()
        },
        happens: vec!["started", "fleet", "stormed"],
        ..case("a storm", &[("prb-1", "w1"), ("prb-1", "w2")], |remedies| {
            remedies.policies[0].storm =
                serde_json::from_str(r#"{"share": "60%", "least": 1, "cool_down": "10m"}"#).unwrap();
        })
    });
    assert!(states > 4_000, "{states}");
}
