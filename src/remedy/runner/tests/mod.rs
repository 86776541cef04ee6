//! Whole incidents, with hands, eyes and a journal of the tests.

mod acting;
mod ladder;
mod looks;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::actions::remote::Nonce;
use crate::collectors::Symptom;
use crate::journal::{AppendError, Appended, Hash, Head, Journal, JournalSettings};
use crate::remedy::decide::{Guard, Why};
use crate::remedy::history::Of;
use crate::remedy::incident::Key;
use crate::remedy::settings::{Mode, Policy};
use crate::remedy::state::State;
use crate::remedy::step::{Outcome, Plan};
use crate::remedy::testing::*;
use crate::remedy::view::{Fleet, Sight, View};

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
    /// Actions ask another farmwarden first.
    asks: AtomicBool,
    /// Taking that back is a defect.
    breaks: AtomicBool,
    /// What was taken back of that.
    taken_back: Mutex<Vec<String>>,
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
        if self.0.asks.load(Ordering::Relaxed) {
            notes.asks("asks rack-2".to_owned(), NUMBER).await?;
            notes.note("rack-2 holds it".to_owned()).await?;
        }
        self.0.plans.lock().unwrap().push(plan.clone());
        if plan.notice {
            return Ok("told".to_owned());
        }
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

    async fn take_back(&self, plan: &Plan, request: Nonce, _notes: &dyn Notes) -> Result<String, Undone> {
        let words = format!("{} {request}", plan.action);
        self.0.taken_back.lock().unwrap().push(words);
        assert!(!self.0.breaks.load(Ordering::Relaxed), "a defect");
        Err(Undone::Refused("nothing was done: rack-2 held it".to_owned()))
    }
}

const NUMBER: Nonce = Nonce::of([7; 16]);

type Tested<R = In> = Runner<R, In, In>;

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

/// Visits until nothing is begun, as the loop does, but lives through each action before the next visit.
async fn visit<R: Record>(runner: &Tested<R>) -> Option<UnixTime> {
    visit_target(runner, &key("").target).await
}

async fn visit_target<R: Record>(runner: &Tested<R>, target: &Name) -> Option<UnixTime> {
    loop {
        let Visited { again, begun } = runner.visit(target).await;
        match begun {
            Some(begun) => runner.act(begun).await,
            None => return again,
        }
    }
}
