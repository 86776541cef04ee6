//! Farms in which others than alerts ask and allow: people, and other farmwardens. What guards them is shown to matter: with a
//! mistake of one kind each, the law that it breaks is found to be broken.

use super::case::{Case, Fault};
use super::cases::{ONE, case, quick};
use super::search::search;
use super::world::Left;

fn approvals() -> Case {
    Case {
        approval: true,
        left: Left {
            passes: 3,
            flips: 1,
            crashes: 1,
            words: 1,
            ..Left::default()
        },
        happens: vec!["started", "approval", "approved"],
        ..case("people who must approve", ONE, |remedies| {
            quick(&mut remedies.policies[0]);
            remedies.policies[0].rungs[1].approval = true;
        })
    }
}

#[test]
fn people_who_must_approve() {
    let states = search(approvals());
    assert!(states > 4_500, "{states}");
}

#[test]
#[should_panic(expected = "not so: nothing is begun against a pause, a freeze, a cause or without approval")]
fn an_approval_that_does_not_end_is_found() {
    search(Case {
        fault: Fault::EndlessApproval,
        ..approvals()
    });
}

fn requests() -> Case {
    Case {
        messages: vec![],
        opens: vec![],
        requests: vec![100],
        left: Left {
            passes: 2,
            deliveries: 3,
            flips: 1,
            crashes: 1,
            words: 1,
            ..Left::default()
        },
        happens: vec!["asked", "started", "cured", "withdrawn", "two_keys", "interrupted"],
        ..case("what another farmwarden asks for", ONE, |remedies| {
            quick(&mut remedies.policies[0]);
        })
    }
}

#[test]
fn what_another_farmwarden_asks_for() {
    let states = search(requests());
    assert!(states > 20_000, "{states}");
}

#[test]
#[should_panic(expected = "not so: nothing is begun for what was taken back")]
fn a_request_that_is_taken_back_while_something_is_begun_is_found() {
    search(Case {
        fault: Fault::TakenBackAtAnyTime,
        ..requests()
    });
}

fn link() -> Case {
    Case {
        remote: true,
        left: Left {
            passes: 3,
            flips: 1,
            crashes: 1,
            ..Left::default()
        },
        happens: vec!["unknown", "cured", "escalated", "second_rung", "interrupted"],
        ..case("a link that is cut", ONE, |remedies| quick(&mut remedies.policies[0]))
    }
}

#[test]
fn another_farmwarden_that_is_asked_over_a_link_that_is_cut() {
    let states = search(link());
    assert!(states > 5_000, "{states}");
}

#[test]
#[should_panic(expected = "not so: nothing follows on an action of which nobody knows what it did")]
fn hands_that_do_not_say_that_they_were_cut_off_are_found() {
    search(Case {
        fault: Fault::SilentHands,
        ..link()
    });
}

fn orders() -> Case {
    Case {
        messages: vec![],
        opens: vec![],
        person: true,
        left: Left {
            passes: 2,
            deliveries: 2,
            flips: 1,
            crashes: 1,
            words: 1,
            ..Left::default()
        },
        happens: vec![
            "ordered",
            "started",
            "second_rung",
            "cured",
            "taken_back",
            "order_ended",
            "interrupted",
        ],
        ..case("what a person orders", ONE, |remedies| {
            quick(&mut remedies.policies[0]);
        })
    }
}

#[test]
fn what_a_person_orders() {
    let states = search(orders());
    assert!(states > 20_000, "{states}");
}

#[test]
#[should_panic(expected = "not so: nothing is begun for what was taken back")]
fn an_order_that_is_taken_back_while_something_is_begun_is_found() {
    search(Case {
        fault: Fault::TakenBackAtAnyTime,
        ..orders()
    });
}

#[test]
#[should_panic(expected = "not so: nothing is begun after nobody asks for it any more")]
fn an_order_that_does_not_end_is_found() {
    search(Case {
        fault: Fault::EndlessOrder,
        ..orders()
    });
}

fn asked() -> Case {
    Case {
        asks: true,
        remote: true,
        left: Left {
            passes: 3,
            flips: 1,
            crashes: 1,
            vetoes: 1,
            ..Left::default()
        },
        happens: vec!["taken_back_there", "unknown", "refused", "cured", "second_rung"],
        ..case("what is asked for elsewhere", ONE, |remedies| {
            quick(&mut remedies.policies[0]);
        })
    }
}

#[test]
fn what_is_asked_for_elsewhere() {
    let states = search(asked());
    assert!(states > 5_000, "{states}");
}

#[test]
#[should_panic(expected = "not so: nothing is begun while what was asked for elsewhere may still begin")]
fn a_request_that_a_restart_forgets_is_found() {
    search(Case {
        fault: Fault::ForgottenNumber,
        ..asked()
    });
}
