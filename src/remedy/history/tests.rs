use super::*;
use crate::remedy::testing::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[test]
fn a_budget_is_free_again_when_the_oldest_that_fills_it_grows_old() {
    let mut history = History::default();
    for second in [0, 600, 1200] {
        history.acted(at(second), &plan("w1", 0), false);
    }
    let free = |most, now| history.used_up(Of::All, Mode::Act, most, minutes(60), now);
    assert_eq!(free(4, at(1200)), None);
    assert_eq!(free(3, at(1200)), Some(at(3600)));
    assert_eq!(free(1, at(1200)), Some(at(1200 + 3600)));
    assert_eq!(free(3, at(3599)), Some(at(3600)));
    assert_eq!(free(3, at(3600)), None);
}

#[test]
fn notices_are_no_actions() {
    let mut history = History::default();
    let notice = Plan {
        notice: true,
        ..plan("w1", 0)
    };
    history.acted(at(0), &notice, false);
    assert_eq!(history, History::default());
}

#[test]
fn whose_actions_are_counted_is_told_apart() {
    let mut history = History::default();
    history.acted(at(0), &plan("w1", 0), false);
    let elsewhere = Plan {
        target: name("prb-2"),
        group: name("east"),
        ..plan("w1", 0)
    };
    history.acted(at(1), &elsewhere, false);
    let other_policy = Plan {
        policy: name("other"),
        ..plan("w1", 0)
    };
    history.acted(at(2), &other_policy, false);
    history.acted(at(3), &plan("w2", 0), true);
    let policy = name("restart");
    let counted = |of, mode| history.count(of, mode, minutes(1), at(4));
    let (prb, east, w1) = (name("prb-1"), name("east"), key("w1"));
    assert_eq!(counted(Of::Entity(&w1), Mode::Act), 1);
    assert_eq!(counted(Of::Target(&policy, &prb), Mode::Act), 1);
    assert_eq!(counted(Of::Target(&policy, &prb), Mode::DryRun), 2);
    assert_eq!(counted(Of::Group(&policy, &east), Mode::Act), 1);
    assert_eq!(counted(Of::Policy(&policy), Mode::Act), 2);
    assert_eq!(counted(Of::All, Mode::Act), 3);
}

#[test]
fn what_is_older_than_anything_that_is_counted_is_forgotten() {
    let mut history = History::default();
    history.acted(at(0), &plan("w1", 0), false);
    history.cured(at(0), &key("w1"));
    let later = at(1).plus(LONGEST_MEMORY.get());
    history.acted(later, &plan("w2", 0), false);
    history.cured(later, &key("w2"));
    assert_eq!((history.acts.len(), history.cures.len()), (1, 1));
}

#[test]
fn of_two_pauses_the_longer_one_is_told_and_the_newest_of_a_scope_counts() {
    let mut history = History::default();
    let pause = |scope, until| Pause {
        scope,
        by: "li".to_owned(),
        reason: String::new(),
        until,
    };
    history.paused(at(0), &pause(Scope::All, at(900)));
    history.paused(at(1), &pause(Scope::All, at(100)));
    history.paused(at(2), &pause(Scope::Target(name("prb-1")), at(50)));
    let told = |now| {
        history
            .pause(&name("prb-1"), &name("default"), now)
            .map(|pause| pause.until)
    };
    assert_eq!(told(at(10)), Some(at(100)));
    assert_eq!(told(at(100)), None);
}
