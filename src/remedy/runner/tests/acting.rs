//! Actions from their record to their end, and what goes on beside them.

use super::*;
use crate::remedy::tell::{Tell, Told};

#[tokio::test]
async fn how_far_an_action_is_stands_in_the_record_while_it_runs() {
    let world = Arc::new(World::default());
    world.notes.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    visit(&runner).await;
    assert_eq!(world.kinds(), ["received", "started", "noted", "finished"]);
    let noted = runner
        .ledger()
        .with(|state| state.open_for(&key("w1")).unwrap().noted.clone());
    assert_eq!(noted.as_deref(), Some("1 of 2 steps done"));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let world = Arc::new(World::default());
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    world.full.store(true, Ordering::Relaxed);
    assert_eq!(visit(&runner).await, Some(at(15)));
    assert!(world.actions().is_empty());
    world.full.store(false, Ordering::Relaxed);
    visit(&runner).await;
    assert_eq!(world.actions().len(), 1);
}

#[tokio::test]
async fn what_was_interrupted_is_looked_at_and_not_repeated() {
    let world = Arc::new(World::default());
    world.slow.store(true, Ordering::Relaxed);
    let before = runner(&world, quick(|_| ()));
    hears(&before, "w1").await;
    tokio::select! {
        biased;
        _ = visit(&before) => panic!("the action does not end"),
        () = async { while world.actions().is_empty() { tokio::task::yield_now().await } } => {}
    }
    drop(before);
    world.slow.store(false, Ordering::Relaxed);
    let after = runner(&world, quick(|_| ()));
    visit(&after).await;
    assert_eq!(world.kinds(), ["received", "started", "interrupted"]);
    // It helped after all.
    world.well.lock().unwrap().insert("w1".to_owned(), at(0));
    world.pass(60);
    visit(&after).await;
    assert_eq!(world.kinds().last().unwrap(), "cured");
    assert_eq!(world.actions().len(), 1);
}

#[tokio::test]
async fn what_another_farmwarden_was_asked_for_before_the_end_is_taken_back_before_anything_else() {
    let world = Arc::new(World::default());
    for is_so in [&world.slow, &world.asks] {
        is_so.store(true, Ordering::Relaxed);
    }
    let before = runner(&world, quick(|_| ()));
    hears(&before, "w1").await;
    tokio::select! {
        biased;
        _ = visit(&before) => panic!("the action does not end"),
        () = async { while world.actions().is_empty() { tokio::task::yield_now().await } } => {}
    }
    drop(before);
    let after = runner(&world, quick(|_| ()));
    // Whoever drops this as well takes it back at the next start.
    let begun = after.visit(&key("").target).await.begun.unwrap();
    drop(begun);
    let begun = after.visit(&key("").target).await.begun.unwrap();
    assert!(after.visit(&key("").target).await.begun.is_none());
    after.act(begun).await;
    assert_eq!(*world.taken_back.lock().unwrap(), [format!("soft {NUMBER}")]);
    assert_eq!(world.kinds(), ["received", "started", "noted", "noted", "finished"]);
    assert_eq!(world.actions().len(), 1);
    let phase = after.ledger().with(|state| state.open_for(&key("w1")).unwrap().phase);
    assert_eq!(
        phase,
        crate::remedy::incident::Phase::Open,
        "the rung may be tried again"
    );
}

#[tokio::test]
async fn a_defect_while_it_is_taken_back_ends_it_as_unknown_and_is_not_run_into_again() {
    let world = Arc::new(World::default());
    for is_so in [&world.slow, &world.asks, &world.breaks] {
        is_so.store(true, Ordering::Relaxed);
    }
    let before = runner(&world, quick(|_| ()));
    hears(&before, "w1").await;
    tokio::select! {
        biased;
        _ = visit(&before) => panic!("the action does not end"),
        () = async { while world.actions().is_empty() { tokio::task::yield_now().await } } => {}
    }
    drop(before);
    let after = runner(&world, quick(|_| ()));
    visit(&after).await;
    visit(&after).await;
    assert_eq!(world.taken_back.lock().unwrap().len(), 1);
    let steps = world.steps.lock().unwrap();
    let finished = steps.iter().find_map(|(_, step)| match step {
        Step::Finished { outcome, words, .. } => Some((*outcome, words.clone())),
        _ => None,
    });
    let (outcome, words) = finished.unwrap();
    assert!(
        outcome == Outcome::Unknown && words.contains("a defect of farmwarden"),
        "{words}"
    );
}

/// Breaks at the first step that it hears of.
#[derive(Default)]
struct Broken(AtomicBool);

impl Tell for Broken {
    fn told(&self, _told: &Told<'_>) {
        assert!(self.0.swap(true, Ordering::Relaxed), "a defect");
    }
}

#[tokio::test]
async fn a_defect_of_whoever_is_told_holds_up_no_step() {
    let world = Arc::new(World::default());
    let ledger = Ledger::telling(In(Arc::clone(&world)), State::default(), 0, Arc::new(Broken::default()));
    for _ in 0..2 {
        ledger.record(received(firing("w1", at(0)))).await.unwrap();
    }
    assert_eq!(ledger.with(|state| state.incidents().count()), 1);
}

#[tokio::test]
async fn two_targets_of_a_group_do_not_act_at_once() {
    let world = Arc::new(World::default());
    world.slow.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    let mut other = firing("w2", at(0));
    other.labels.insert("target".to_owned(), "prb-2".to_owned());
    runner.ledger().record(received(other)).await.unwrap();
    let prb_2 = "prb-2".parse().unwrap();
    tokio::join!(visit(&runner), async {
        while world.actions().is_empty() {
            tokio::task::yield_now().await;
        }
        visit_target(&runner, &prb_2).await;
        assert_eq!(world.actions(), ["soft prb-1 w1"]);
        world.go_on.notify_one();
    });
    world.slow.store(false, Ordering::Relaxed);
    visit_target(&runner, &prb_2).await;
    assert_eq!(world.actions(), ["soft prb-1 w1", "soft prb-2 w2"]);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_does_not_end_is_given_up() {
    let world = Arc::new(World::default());
    world.slow.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    visit(&runner).await;
    let steps = world.steps.lock().unwrap();
    let (_, Step::Finished { outcome, words, .. }) = steps.last().unwrap() else {
        panic!("{steps:?}");
    };
    assert_eq!((*outcome, words.as_str()), (Outcome::TimedOut, "not done within 2m"));
}

/// The same through a real journal: what is read back gives the state that was.
#[tokio::test]
async fn a_real_journal_gives_the_state_back() {
    let directory = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let settings = || JournalSettings::in_directory(directory.path().join("journal"));
    let own = || In(Arc::clone(&world));
    let clock_world = Arc::clone(&world);
    let clock = Clock::from_fn(move || crate::clock::Now {
        wall: clock_world.now(),
        monotonic: tokio::time::Instant::now(),
    });
    let (journal, _) = Journal::<Step>::open(settings(), clock.clone(), drop).unwrap();
    let ledger = Ledger::new(journal.clone(), State::default(), 0);
    let runner = Runner::new(ledger, own(), own(), Arc::new(quick(|_| ())), clock.clone());
    let hearing = (0..20).map(|n| runner.ledger().record(received(firing(&format!("w{n}"), at(0)))));
    for heard in futures_util::future::join_all(hearing).await {
        heard.unwrap();
    }
    for _ in 0..5 {
        visit(&runner).await;
        world.pass(200);
    }
    let live = runner.ledger().with(Clone::clone);
    journal.close();
    let (mut replayed, mut last) = (State::default(), 0);
    let (journal, _) = Journal::<Step>::open(settings(), clock, |record| {
        last = record.sequence;
        replayed.apply(record.sequence, record.time, &record.step);
    })
    .unwrap();
    assert_eq!(replayed, live);
    assert_eq!(journal.head().sequence, last);
}

#[tokio::test]
async fn whoever_rests_begins_nothing_more_and_waits_for_what_runs() {
    let world = Arc::new(World::default());
    world.slow.store(true, Ordering::Relaxed);
    let runner = runner(&world, remedies());
    hears(&runner, "w1").await;
    hears(&runner, "w2").await;
    let rested = AtomicBool::new(false);
    tokio::join!(visit(&runner), async {
        while world.actions().is_empty() {
            tokio::task::yield_now().await;
        }
        tokio::join!(
            async {
                runner.rest().await;
                rested.store(true, Ordering::Relaxed);
            },
            async {
                tokio::task::yield_now().await;
                assert!(!rested.load(Ordering::Relaxed));
                world.go_on.notify_one();
            }
        );
    });
    assert_eq!(world.actions(), ["soft prb-1 w1"]);
    assert_eq!(world.kinds(), ["received", "received", "started", "finished"]);
}

#[tokio::test]
async fn while_an_action_runs_the_others_of_its_target_go_on_and_say_what_they_wait_for() {
    let world = Arc::new(World::default());
    world.slow.store(true, Ordering::Relaxed);
    let runner = runner(
        &world,
        quick(|policy| policy.rungs[0].action = "notify".parse().unwrap()),
    );
    hears(&runner, "w1").await;
    visit(&runner).await;
    world.pass(300);
    let told_and_acted = ["notify prb-1 w1", "hard prb-1 w1", "notify prb-1 w2"];
    tokio::join!(visit(&runner), async {
        while world.actions().len() < 2 {
            tokio::task::yield_now().await;
        }
        hears(&runner, "w2").await;
        hears(&runner, "w3").await;
        world.well.lock().unwrap().insert("w3".to_owned(), at(300));
        let end = received(resolved("w3", at(0), at(300)));
        runner.ledger().record(end).await.unwrap();
        assert!(runner.visit(&key("").target).await.begun.is_none());
        assert_eq!(world.actions(), told_and_acted);
        assert!(
            runner.ledger().with(|state| state.open_for(&key("w3")).is_none()),
            "it is well"
        );
        world.pass(300);
        assert!(runner.visit(&key("").target).await.begun.is_none());
        let held = runner
            .ledger()
            .with(|state| state.open_for(&key("w2")).unwrap().held.clone().unwrap());
        assert_eq!(held.guard, Guard::Concurrency);
        let waits = "waits for the end of hard of incident 1.0 (restart for w1 of prb-1): ";
        assert!(held.words.starts_with(waits), "{}", held.words);
        world.slow.store(false, Ordering::Relaxed);
        world.go_on.notify_one();
    });
    assert_eq!(world.actions(), [&told_and_acted[..], &["hard prb-1 w2"]].concat());
}

#[tokio::test]
async fn what_is_begun_and_dropped_is_interrupted_and_not_repeated() {
    let world = Arc::new(World::default());
    let runner = runner(&world, quick(|_| ()));
    hears(&runner, "w1").await;
    let begun = runner.visit(&key("").target).await.begun.unwrap();
    // It is about to run, and nobody takes it for interrupted.
    assert!(runner.visit(&key("").target).await.begun.is_none());
    assert_eq!(world.kinds(), ["received", "started"]);
    drop(begun);
    visit(&runner).await;
    assert_eq!(world.kinds(), ["received", "started", "interrupted"]);
    assert!(world.actions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_beginning_whose_disk_hangs_does_not_wait_for_ever() {
    let world = Arc::new(World::default());
    let runner = runner(&world, remedies());
    let within = Duration::from_secs(5);
    let hangs = runner.between_beginnings(within, std::future::pending::<()>());
    tokio::select! {
        biased;
        _ = hangs => panic!("it never ends"),
        done = runner.between_beginnings(within, async { panic!("while something is begun") }) => assert_eq!(done, None),
    }
}
