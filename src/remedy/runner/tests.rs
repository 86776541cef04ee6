//! Whole incidents, with hands, eyes and a journal of the tests.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::journal::{AppendError, Appended, Hash, Head, Journal, JournalSettings};
use crate::remedy::decide::{Guard, Why};
use crate::remedy::history::Of;
use crate::remedy::settings::{Mode, Policy};
use crate::remedy::state::State;
use crate::remedy::testing::*;
use crate::remedy::view::{Fleet, Sight};

/// The farm as the tests move it.
#[derive(Default)]
struct World {
    second: AtomicU64,
    steps: Mutex<Vec<(UnixTime, Step)>>,
    /// The journal's disk is full.
    full: AtomicBool,
    plans: Mutex<Vec<Plan>>,
    /// When the entity became well; ill without one.
    well: Mutex<HashMap<String, UnixTime>>,
    ill_in_group: AtomicU64,
    /// Actions that cure.
    cures: AtomicBool,
    /// So many actions refuse.
    refuses: AtomicUsize,
    /// Actions say how far they are.
    notes: AtomicBool,
    /// Actions wait for this.
    slow: AtomicBool,
    go_on: Notify,
    /// What is known is old until somebody looks.
    stale: AtomicBool,
    /// Looking shows nothing new.
    blind: AtomicBool,
    looks: AtomicUsize,
}

impl World {
    fn now(&self) -> UnixTime {
        at(self.second.load(Ordering::Relaxed))
    }

    fn pass(&self, seconds: u64) {
        self.second.fetch_add(seconds, Ordering::Relaxed);
    }

    fn kinds(&self) -> Vec<String> {
        let steps = self.steps.lock().unwrap();
        let kind = |step: &Step| serde_json::to_value(step).unwrap()["kind"].as_str().unwrap().to_owned();
        steps.iter().map(|(_, step)| kind(step)).collect()
    }

    fn actions(&self) -> Vec<String> {
        let plans = self.plans.lock().unwrap();
        plans
            .iter()
            .map(|plan| format!("{} {} {}", plan.action, plan.target, plan.entity))
            .collect()
    }

    fn replayed(&self) -> (State, u64) {
        let (mut state, mut last) = (State::default(), 0);
        for (time, step) in self.steps.lock().unwrap().iter() {
            last += 1;
            state.apply(last, *time, step);
        }
        (state, last)
    }
}

struct In(Arc<World>);

impl Record for In {
    fn append(&self, step: &Step) -> impl Future<Output = Result<Appended, AppendError>> + Send + 'static {
        let (world, step) = (Arc::clone(&self.0), step.clone());
        async move {
            if world.full.load(Ordering::Relaxed) {
                return Err(AppendError::Busy { records: 1 });
            }
            let mut steps = world.steps.lock().unwrap();
            steps.push((world.now(), step));
            let sequence = u64::try_from(steps.len()).unwrap();
            let head = Head {
                sequence,
                hash: Hash::NONE,
            };
            Ok(Appended {
                head,
                time: world.now(),
            })
        }
    }
}

impl Eyes for In {
    async fn look(&self, _key: &Key, _symptom: Option<&'static Symptom>) {
        self.0.looks.fetch_add(1, Ordering::Relaxed);
        if !self.0.blind.load(Ordering::Relaxed) {
            self.0.stale.store(false, Ordering::Relaxed);
        }
    }

    fn view(&self, key: &Key, _symptom: Option<&'static Symptom>, now: UnixTime) -> View {
        let well = self.0.well.lock().unwrap().get(&key.entity).copied();
        let state = well.map_or(Sight::Ill, |_| Sight::Well);
        let ill = self.0.ill_in_group.load(Ordering::Relaxed);
        let is_old = self.0.stale.load(Ordering::Relaxed);
        View {
            looked: Some(if is_old { at(0).minus(minutes(10)) } else { now }),
            seen: seen(state, well.unwrap_or_else(|| at(0).minus(minutes(10)))),
            fleet: Fleet {
                ill,
                all: Some(500),
                stormed: None,
            },
            ..view(now)
        }
    }
}

impl Hands for In {
    async fn run(&self, plan: &Plan, notes: &dyn Notes) -> Result<String, Undone> {
        if self.0.notes.load(Ordering::Relaxed) {
            notes.note("1 of 2 steps done".to_owned()).await?;
        }
        self.0.plans.lock().unwrap().push(plan.clone());
        let one_less = |left: usize| left.checked_sub(1);
        let refuses = &self.0.refuses;
        if refuses
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
        {
            return Err(Undone::Refused("nothing was done: it feeds blocks".to_owned()));
        }
        if self.0.slow.load(Ordering::Relaxed) {
            self.0.go_on.notified().await;
        }
        if self.0.cures.load(Ordering::Relaxed) {
            self.0.well.lock().unwrap().insert(plan.entity.clone(), self.0.now());
        }
        Ok("HTTP 204".to_owned())
    }
}

type Tested = Runner<In, In, In>;

fn runner(world: &Arc<World>, remedies: Remedies) -> Tested {
    let (state, last) = world.replayed();
    let own = || In(Arc::clone(world));
    let at_world = Arc::clone(world);
    let clock = Clock::from_fn(move || crate::clock::Now {
        wall: at_world.now(),
        monotonic: tokio::time::Instant::now(),
    });
    Runner::new(Ledger::new(own(), state, last), own(), own(), Arc::new(remedies), clock)
}

fn quick(change: impl FnOnce(&mut Policy)) -> Remedies {
    with(|policy| {
        policy.cool_down = crate::values::Duration::from_secs(1);
        change(policy);
    })
}

async fn hears(runner: &Tested, entity: &str) {
    runner.ledger().record(received(firing(entity, at(0)))).await.unwrap();
}

async fn visit(runner: &Tested) -> Option<UnixTime> {
    runner.visit(&key("").target).await
}

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
        runner.visit(&prb_2).await;
        assert_eq!(world.actions(), ["soft prb-1 w1"]);
        world.go_on.notify_one();
    });
    world.slow.store(false, Ordering::Relaxed);
    runner.visit(&prb_2).await;
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
        runner.visit(&key("").target).await;
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
