//! Carries out what is decided: looks, records, acts, looks again. One target at a time has one action, every action is
//! recorded before it begins, and an action that cannot be recorded is not done.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::incident::{Incident, Key, Phase};
use super::ledger::{Ledger, Record};
use super::settings::Remedies;
use super::step::{IncidentId, Outcome, Plan, Step};
use super::turn::{Turn, turn};
use super::view::{Running, View};
use crate::clock::{Clock, UnixTime};
use crate::collectors::Symptom;
use crate::values::{self, Name};

/// What acts. Nothing else here changes anything outside.
pub trait Hands: Send + Sync + 'static {
    /// Carries out the action of a plan once. What it says is for people; whether it helped is seen by looking. An action
    /// of several steps says in `notes` how far it is, and goes on only when that is recorded.
    fn run(&self, plan: &Plan, notes: &impl Notes) -> impl Future<Output = Result<String, String>> + Send;
}

/// Where an action that runs says how far it is.
pub trait Notes: Sync {
    /// Comes back when the words are on the disk; with an error nothing more may be done.
    fn note(&self, words: String) -> impl Future<Output = Result<(), String>> + Send;
}

/// Into the journal, for the incident.
struct Noting<'a, R> {
    ledger: &'a Ledger<R>,
    incident: IncidentId,
    rung: usize,
}

impl<R: Record> Notes for Noting<'_, R> {
    async fn note(&self, words: String) -> Result<(), String> {
        let step = Step::Noted {
            incident: self.incident,
            rung: self.rung,
            words: shortened(&words),
        };
        self.ledger.record(step).await.map(drop).map_err(|e| e.to_string())
    }
}

/// What sees.
pub trait Eyes: Send + Sync + 'static {
    /// A fresh round of every part of the target; it ends in bounded time.
    fn look(&self, target: &Name) -> impl Future<Output = ()> + Send;

    /// What is known now, without waiting; how many actions run is filled in by the runner. Without a symptom there is no
    /// such policy.
    fn view(&self, key: &Key, symptom: Option<&'static Symptom>, now: UnixTime) -> View;
}

/// Moves of one incident in one visit; more are for the next one. No incident has so many without an action between.
const MOST_TURNS: usize = 8;
/// How often it is tried again to record what an action came to; it holds its target until then.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// An incident whose guard is no matter of time is looked at again after so long.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(15);
/// What an action says is cut at so many bytes.
const LONGEST_WORDS: usize = 2000;

pub struct Runner<R, E, H> {
    ledger: Ledger<R>,
    eyes: E,
    hands: H,
    remedies: Arc<Remedies>,
    /// Must not jump back while farmwarden runs; the journal's own.
    clock: Clock,
    /// One action is begun at a time, so that none is counted too late for a budget.
    beginning: tokio::sync::Mutex<()>,
    targets: Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>,
}

impl<R: Record, E: Eyes, H: Hands> Runner<R, E, H> {
    pub fn new(ledger: Ledger<R>, eyes: E, hands: H, remedies: Arc<Remedies>, clock: Clock) -> Self {
        Self {
            ledger,
            eyes,
            hands,
            remedies,
            clock,
            beginning: tokio::sync::Mutex::new(()),
            targets: Mutex::new(HashMap::new()),
        }
    }

    pub fn ledger(&self) -> &Ledger<R> {
        &self.ledger
    }

    /// The targets that have incidents.
    pub fn targets(&self) -> BTreeSet<Name> {
        let target = |incident: &Incident| incident.key.target.clone();
        self.ledger.with(|state| state.incidents().map(target).collect())
    }

    /// Looks at a target and takes every incident of it as far as it goes now; returns when to come again, or nothing when
    /// all is over. It may be dropped at any time: what was begun then counts as interrupted.
    pub async fn visit(&self, target: &Name) -> Option<UnixTime> {
        let lock = self.lock_of(target);
        let alone = lock.lock().await;
        self.eyes.look(target).await;
        let ids: Vec<IncidentId> = self.ledger.with(|state| {
            let of_target = state.incidents().filter(|incident| incident.key.target == *target);
            of_target.map(|incident| incident.id).collect()
        });
        let mut again = None;
        for id in ids {
            if let Some(at) = self.take_turns(id).await {
                again = Some(again.map_or(at, |before: UnixTime| before.min(at)));
            }
        }
        drop(alone);
        drop(lock);
        if again.is_none() {
            self.forget(target);
        }
        again
    }

    /// When to come again; nothing when the incident is over.
    async fn take_turns(&self, id: IncidentId) -> Option<UnixTime> {
        let soon = || self.now().plus(LOOK_AGAIN_AFTER);
        for _ in 0..MOST_TURNS {
            match self.turn(id)? {
                Turn::Wait(until) => return Some(until.map_or_else(soon, |until| until.min(soon()))),
                Turn::Write(step) => {
                    if let Err(error) = self.ledger.record(step).await {
                        tracing::error!(%error, "repairs: nothing is done, because nothing can be recorded: {error}");
                        return Some(soon());
                    }
                }
                Turn::Act(..) => match self.begin(id).await {
                    Some(plan) => self.act(id, &plan).await,
                    None => return Some(soon()),
                },
            }
        }
        Some(soon())
    }

    fn turn(&self, id: IncidentId) -> Option<Turn> {
        let now = self.now();
        let key = self.ledger.with(|state| Some(state.incident(id)?.key.clone()))?;
        let symptom = self.remedies.policy(&key.policy).map(|policy| policy.symptom.get());
        let view = self.eyes.view(&key, symptom, now);
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            let running = running(state.incidents(), &key.target, &view.group);
            let view = View { running, ..view };
            Some(turn(incident, &self.remedies, &state.history, &view, now))
        })
    }

    /// Asks once more while nothing else can be begun, and records the beginning.
    async fn begin(&self, id: IncidentId) -> Option<Plan> {
        let only = self.beginning.lock().await;
        let Some(Turn::Act(plan, words)) = self.turn(id) else {
            return None;
        };
        let step = Step::Started {
            incident: id,
            plan: plan.clone(),
            words,
        };
        let recorded = self.ledger.record(step).await;
        drop(only);
        if let Err(error) = recorded {
            let (action, target) = (&plan.action, &plan.target);
            tracing::error!(%action, %target, %error, "{action} on {target} is not begun, because it cannot be recorded: {error}");
            return None;
        }
        Some(plan)
    }

    async fn act(&self, id: IncidentId, plan: &Plan) {
        let notes = Noting {
            ledger: &self.ledger,
            incident: id,
            rung: plan.rung,
        };
        let (outcome, words) = match tokio::time::timeout(plan.within.get(), self.hands.run(plan, &notes)).await {
            Ok(Ok(words)) => (Outcome::Done, words),
            Ok(Err(words)) => (Outcome::Failed, words),
            Err(_) => (Outcome::TimedOut, format!("not done within {}", plan.within)),
        };
        let step = Step::Finished {
            incident: id,
            rung: plan.rung,
            outcome,
            words: shortened(&words),
        };
        // Without an end it would count as running, and after a restart as interrupted: nothing is repeated either way.
        while let Err(error) = self.ledger.record(step.clone()).await {
            let (action, target) = (&plan.action, &plan.target);
            tracing::error!(%action, %target, %error, "{action} on {target} is over, and that cannot be recorded yet: {error}");
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    fn now(&self) -> UnixTime {
        self.clock.now().wall
    }

    fn lock_of(&self, target: &Name) -> Arc<tokio::sync::Mutex<()>> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(targets.entry(target.clone()).or_default())
    }

    /// Drops a lock that nobody has: invented targets would fill the memory.
    fn forget(&self, target: &Name) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if targets.get(target).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            targets.remove(target);
        }
    }
}

/// As it is recorded.
fn shortened(words: &str) -> String {
    let words = values::clean(words);
    let end = words.floor_char_boundary(LONGEST_WORDS);
    words.get(..end).unwrap_or_default().to_owned()
}

fn running<'a>(incidents: impl Iterator<Item = &'a Incident>, target: &Name, group: &Name) -> Running {
    let mut running = Running::default();
    for incident in incidents.filter(|incident| matches!(incident.phase, Phase::Running { .. })) {
        running.farm += 1;
        running.group += u32::from(incident.group.as_ref() == Some(group));
        running.target += u32::from(incident.key.target == *target);
    }
    running
}

#[cfg(test)]
mod tests;
