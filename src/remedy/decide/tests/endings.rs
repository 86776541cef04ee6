//! Whether a rung has helped, and how incidents end.

use super::*;
use crate::remedy::incident::Askers;
use crate::remedy::step::Step;
use crate::remedy::turn::{Turn, turn};
use crate::remedy::view::Runs;

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
fn nobody_is_called_for_what_another_action_does_to_its_target() {
    let last = remedies().policies[0].rungs.len() - 1;
    let judged = |running: Vec<Runs>| {
        let view = View {
            running,
            ..view(at(4000))
        };
        let incident = Incident {
            rung: last,
            ..proving(at(100), After::Action)
        };
        turn(&incident, &remedies(), &History::default(), &view, at(4000))
    };
    let on = |target: &str| runs(target, "default");
    assert!(matches!(judged(vec![on("prb-2")]), Turn::Write(Step::Failed { .. })));
    assert_eq!(judged(vec![on("prb-1")]), Turn::Wait(None));
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
fn what_looks_well_right_after_a_start_does_not_end_what_waits() {
    let judged = |started: UnixTime, now: UnixTime| {
        let resolved = Incident::open(ID, key("w1"), Askers::default(), at(0));
        let view = View {
            seen: seen(Sight::Well, started),
            started,
            ..view(now)
        };
        decide(&resolved, &remedies(), &History::default(), &view, now)
    };
    holds(judged(at(200), at(499)), Guard::TwoKeys, "nobody asks for it");
    assert!(
        matches!(judged(at(200), at(500)), Decision::Done(Why::Well, words) if words.contains("nobody asks for it"))
    );
    // Opened since the start.
    assert!(matches!(judged(at(0), at(1)), Decision::Done(Why::Well, _)));
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
        words.contains("the last of its 2 rungs is behind it, and it is still ill (no block for 4m)"),
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
