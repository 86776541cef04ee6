//! What is looked at, and what it holds back.

use super::*;

#[tokio::test]
async fn a_storm_is_told_once_and_nothing_is_done() {
    let world = Arc::new(World::default());
    world.ill_in_group.store(400, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    for n in 0..400 {
        hears(&runner, &format!("w{n}")).await;
    }
    for _ in 0..10 {
        visit(&runner).await;
        world.pass(60);
    }
    assert!(world.actions().is_empty());
    let steps = world.steps.lock().unwrap();
    let begins = steps
        .iter()
        .filter(|(_, step)| matches!(step, Step::Stormed { begins: true, .. }));
    assert_eq!(begins.count(), 1);
    let held = steps.iter().filter(|(_, step)| {
        matches!(
            step,
            Step::Decided {
                guard: Guard::Fleet,
                ..
            }
        )
    });
    assert_eq!(held.count(), 400);
}

#[tokio::test]
async fn a_storm_cools_down_from_when_it_was_last_seen() {
    let world = Arc::new(World::default());
    world.ill_in_group.store(400, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    visit(&runner).await;
    world.pass(600);
    // It is not told again so soon.
    visit(&runner).await;
    world.ill_in_group.store(1, Ordering::Relaxed);
    world.pass(1790);
    visit(&runner).await;
    assert!(world.actions().is_empty());
    world.pass(10);
    visit(&runner).await;
    assert_eq!(world.actions(), ["soft prb-1 w1"]);
}

#[tokio::test]
async fn what_is_held_costs_no_look_and_what_would_be_begun_costs_one() {
    let world = Arc::new(World::default());
    world.stale.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    let pause = crate::remedy::step::Pause {
        scope: crate::remedy::step::Scope::All,
        by: "ada".to_owned(),
        reason: "moving the rack".to_owned(),
        until: at(120),
    };
    runner.ledger().record(Step::Paused(pause)).await.unwrap();
    for _ in 0..8 {
        visit(&runner).await;
        world.pass(15);
    }
    assert_eq!(world.looks.load(Ordering::Relaxed), 0);
    assert_eq!(world.kinds(), ["received", "paused", "decided"]);
    visit(&runner).await;
    assert_eq!(world.looks.load(Ordering::Relaxed), 1);
    assert_eq!(world.actions(), ["soft prb-1 w1"]);
}

#[tokio::test]
async fn what_is_old_even_after_a_look_holds() {
    let world = Arc::new(World::default());
    world.stale.store(true, Ordering::Relaxed);
    world.blind.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    visit(&runner).await;
    assert!(world.actions().is_empty() && world.looks.load(Ordering::Relaxed) > 0);
    let steps = world.steps.lock().unwrap();
    let Step::Decided { guard, .. } = steps.last().unwrap().1 else {
        panic!("{steps:?}");
    };
    assert_eq!(guard, Guard::FreshView);
}

#[tokio::test]
async fn a_cure_is_believed_only_after_a_look() {
    let world = Arc::new(World::default());
    world.cures.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    visit(&runner).await;
    world.stale.store(true, Ordering::Relaxed);
    world.pass(30);
    visit(&runner).await;
    assert_eq!(world.looks.load(Ordering::Relaxed), 0, "it is not proven yet");
    world.pass(30);
    visit(&runner).await;
    assert_eq!(world.looks.load(Ordering::Relaxed), 1);
    assert_eq!(world.kinds().last().unwrap(), "cured");
}

#[tokio::test]
async fn an_end_that_comes_before_the_action_cancels_it() {
    let world = Arc::new(World::default());
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    runner
        .ledger()
        .record(received(resolved("w1", at(0), at(1))))
        .await
        .unwrap();
    visit(&runner).await;
    assert!(world.actions().is_empty());
    world.well.lock().unwrap().insert("w1".to_owned(), at(0));
    visit(&runner).await;
    let steps = world.steps.lock().unwrap();
    assert!(matches!(steps.last().unwrap().1, Step::Closed { why: Why::Well, .. }));
}
