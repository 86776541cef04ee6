//! Rung by rung, to a cure or a person, and again after a relapse.

use super::*;

#[tokio::test]
async fn an_action_is_recorded_done_once_and_proven_by_looking() {
    let world = Arc::new(World::default());
    world.cures.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    hears(&runner, "w1").await;
    assert!(visit(&runner).await.is_some());
    world.pass(59);
    visit(&runner).await;
    assert_eq!(world.kinds(), ["received", "received", "started", "finished"]);
    world.pass(1);
    visit(&runner).await;
    assert_eq!(world.kinds().last().unwrap(), "cured");
    assert_eq!(world.actions(), ["soft prb-1 w1"]);
    let end = received(resolved("w1", at(0), at(60)));
    runner.ledger().record(end).await.unwrap();
    assert_eq!(visit(&runner).await, None);
    assert!(runner.targets().is_empty());
}

#[tokio::test]
async fn a_ladder_is_climbed_rung_by_rung_up_to_a_person() {
    let world = Arc::new(World::default());
    let runner = runner(&world, quick(|_| ()));
    hears(&runner, "w1").await;
    visit(&runner).await;
    world.pass(299);
    visit(&runner).await;
    assert_eq!(world.actions(), ["soft prb-1 w1"]);
    for _ in 0..20 {
        world.pass(100);
        visit(&runner).await;
    }
    assert_eq!(world.actions(), ["soft prb-1 w1", "hard prb-1 w1"]);
    let rung = ["started", "finished", "failed"];
    assert_eq!(
        world.kinds(),
        [&["received"][..], &rung, &rung, &["escalated"]].concat()
    );
}

#[tokio::test]
async fn an_action_that_refuses_is_tried_again_counts_in_no_budget_and_is_given_up_in_the_end() {
    let world = Arc::new(World::default());
    world.refuses.store(3, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    let spent = || {
        runner.ledger().with(|state| {
            let day = minutes(24 * 60);
            state.history.count(Of::All, Mode::Act, day, world.now())
        })
    };
    for times in 1..=2 {
        visit(&runner).await;
        // It waits for the cool-down.
        visit(&runner).await;
        assert_eq!((world.actions().len(), spent()), (times, 0));
        world.pass(600);
    }
    visit(&runner).await;
    assert_eq!(
        world.actions(),
        [&["soft prb-1 w1"; 3][..], &["hard prb-1 w1"]].concat()
    );
    assert_eq!(spent(), 1);
    let steps = world.steps.lock().unwrap();
    let given_up = steps.iter().find_map(|(_, step)| match step {
        Step::Failed { words, .. } => Some(words.clone()),
        _ => None,
    });
    assert_eq!(
        given_up.as_deref(),
        Some("restart for w1 of prb-1: soft has refused 3 times, and nothing was done")
    );
}

#[tokio::test]
async fn a_dry_run_climbs_the_ladder_and_touches_nothing() {
    let world = Arc::new(World::default());
    let runner = runner(&world, quick(|policy| policy.mode = Mode::DryRun));
    hears(&runner, "w1").await;
    for _ in 0..20 {
        visit(&runner).await;
        world.pass(100);
    }
    assert!(world.actions().is_empty());
    assert_eq!(
        world.kinds(),
        ["received", "rehearsed", "failed", "rehearsed", "failed", "escalated"]
    );
}

#[tokio::test]
async fn what_is_ill_again_while_its_alert_fires_is_repaired_without_a_word() {
    let world = Arc::new(World::default());
    world.cures.store(true, Ordering::Relaxed);
    let runner = runner(&world, quick(|_| ()));
    hears(&runner, "w1").await;
    visit(&runner).await;
    world.pass(60);
    assert!(visit(&runner).await.is_some(), "it may relapse");
    world.pass(60);
    visit(&runner).await;
    let cure = ["received", "started", "finished", "cured"];
    assert_eq!(world.kinds(), cure);
    world.well.lock().unwrap().clear();
    visit(&runner).await;
    let again = ["relapsed", "started", "finished"];
    assert_eq!(world.kinds(), [&cure[..], &again].concat());
    assert_eq!(world.actions(), ["soft prb-1 w1", "soft prb-1 w1"]);
}

#[tokio::test]
async fn cool_down_and_attempts_count_on_after_a_relapse() {
    let world = Arc::new(World::default());
    world.cures.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    visit(&runner).await;
    world.pass(60);
    visit(&runner).await;
    world.well.lock().unwrap().clear();
    visit(&runner).await;
    assert_eq!(world.kinds().last().unwrap(), "decided");
    let held = runner
        .ledger()
        .with(|state| state.open_for(&key("w1")).unwrap().held.clone().unwrap());
    assert_eq!((held.guard, held.until), (Guard::CoolDown, Some(at(600))));
    assert_eq!(world.actions().len(), 1);
}

#[tokio::test]
async fn what_was_only_rehearsed_is_done_in_earnest_as_soon_as_the_policy_acts() {
    let world = Arc::new(World::default());
    let runner = runner(&world, quick(|policy| policy.mode = Mode::DryRun));
    hears(&runner, "w1").await;
    visit(&runner).await;
    runner.change_to(Arc::new(quick(|_| ())));
    world.pass(15);
    visit(&runner).await;
    world.pass(15);
    visit(&runner).await;
    assert_eq!(
        world.kinds(),
        ["received", "rehearsed", "closed", "relapsed", "started", "finished"]
    );
}

#[tokio::test]
async fn whoever_was_mended_by_a_person_may_be_ill_again() {
    let world = Arc::new(World::default());
    let runner = runner(&world, quick(|policy| policy.rungs.truncate(1)));
    hears(&runner, "w1").await;
    visit(&runner).await;
    world.pass(300);
    visit(&runner).await;
    assert_eq!(world.kinds().last().unwrap(), "escalated");
    world.well.lock().unwrap().insert("w1".to_owned(), world.now());
    world.pass(59);
    visit(&runner).await;
    assert_eq!(world.kinds().last().unwrap(), "escalated");
    world.pass(1);
    visit(&runner).await;
    assert_eq!(world.kinds().last().unwrap(), "closed");
    world.well.lock().unwrap().clear();
    visit(&runner).await;
    assert_eq!(world.actions().len(), 2);
}
