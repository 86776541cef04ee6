//! Carries out what is decided: looks, records, acts, looks again. One target at a time has one action, every action is
//! recorded before it begins, and an action that cannot be recorded is not done.

mod acting;
mod outlook;
mod outside;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::decide::Why;
use super::guards::Case;
use super::ledger::{Ledger, Record};
use super::relapse::Resting;
use super::settings::{Policy, Remedies};
use super::state::State;
use super::step::{IncidentId, Step};
use super::turn::{MOST_TURNS, Turn};
use super::view::{Seen, Sight};
use crate::clock::{Clock, UnixTime};
use crate::values::Name;

use acting::Acting;
pub use acting::Begun;
pub use outside::{About, Eyes, Hands, Notes, Undone};

/// An incident whose guard is no matter of time is looked at again after so long.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(15);
pub struct Runner<R, E, H> {
    ledger: Ledger<R>,
    eyes: E,
    hands: H,
    remedies: Mutex<Arc<Remedies>>,
    /// Must not jump back while farmwarden runs; the journal's own.
    clock: Clock,
    /// One action is begun at a time, so that none is counted too late for a budget.
    beginning: tokio::sync::Mutex<()>,
    targets: Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>,
    /// When a storm of a policy was last seen in a group, more exactly than the journal tells.
    storms: Mutex<HashMap<(Name, Name), UnixTime>>,
    /// It was told that nothing can be recorded.
    unrecorded: AtomicBool,
    /// Nothing more is begun.
    stopping: AtomicBool,
    acting: Acting,
}

/// What a visit came to.
#[must_use]
pub struct Visited {
    /// When to come again; nothing when all is over.
    pub again: Option<UnixTime>,
    /// What is to be done at once, while the target is visited again.
    pub begun: Option<Begun>,
}

impl<R: Record, E: Eyes, H: Hands> Runner<R, E, H> {
    pub fn new(ledger: Ledger<R>, eyes: E, hands: H, remedies: Arc<Remedies>, clock: Clock) -> Self {
        Self {
            ledger,
            eyes,
            hands,
            remedies: Mutex::new(remedies),
            clock,
            beginning: tokio::sync::Mutex::new(()),
            targets: Mutex::new(HashMap::new()),
            storms: Mutex::new(HashMap::new()),
            unrecorded: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            acting: Acting::default(),
        }
    }

    /// From now on these hold; what runs goes on.
    pub fn change_to(&self, remedies: Arc<Remedies>) {
        *locked(&self.remedies) = remedies;
    }

    pub fn remedies(&self) -> Arc<Remedies> {
        Arc::clone(&locked(&self.remedies))
    }

    /// Does something while nothing is being begun: what it records comes before every beginning that follows. Nothing is done
    /// where a beginning waits for its disk for longer than that.
    pub async fn between_beginnings<T>(&self, within: Duration, doing: impl Future<Output = T>) -> Option<T> {
        let only = tokio::time::timeout(within, self.beginning.lock()).await.ok()?;
        let done = doing.await;
        drop(only);
        Some(done)
    }

    /// Nothing more is begun; returns when nothing runs.
    pub async fn rest(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.acting.ended().await;
    }

    pub fn ledger(&self) -> &Ledger<R> {
        &self.ledger
    }

    /// The targets that have incidents, or may relapse.
    pub fn targets(&self) -> BTreeSet<Name> {
        self.ledger.with(|state| {
            let open = state.incidents().map(|incident| &incident.key);
            let resting = state.resting().map(|resting| &resting.key);
            open.chain(resting).map(|key| key.target.clone()).collect()
        })
    }

    /// Takes every incident of a target as far as it goes now, or until an action is begun. It looks only where something would
    /// be begun or judged that must rest on a fresh look: what is held costs no call. It may be dropped at any time.
    pub async fn visit(&self, target: &Name) -> Visited {
        let lock = self.lock_of(target);
        let alone = lock.lock().await;
        self.relapses(target).await;
        let (mut again, mut begun) = (None, None);
        for id in self.of(target) {
            // Thousands that are held would otherwise be one long piece of work.
            tokio::task::yield_now().await;
            let at = self.take_turns(id, &mut begun).await;
            again = again.into_iter().chain(at).min();
            // Its look must not grow old while others are looked at.
            if begun.is_some() {
                again = Some(self.now());
                break;
            }
        }
        // Of those that ended just now some may rest.
        let rests = |state: &State| state.resting().any(|resting| resting.key.target == *target);
        if again.is_none() && self.ledger.with(rests) {
            again = Some(self.now().plus(LOOK_AGAIN_AFTER));
        }
        drop(alone);
        drop(lock);
        if again.is_none() {
            self.forget(target);
        }
        Visited { again, begun }
    }

    fn of(&self, target: &Name) -> Vec<IncidentId> {
        self.ledger.with(|state| {
            let of_target = state.incidents().filter(|incident| incident.key.target == *target);
            of_target.map(|incident| incident.id).collect()
        })
    }

    /// Gives another incident to those of the target who are ill again while their alerts fire.
    async fn relapses(&self, target: &Name) {
        let (now, remedies) = (self.now(), self.remedies());
        let resting: Vec<Resting> = self.ledger.with(|state| {
            let of_target = state.resting().filter(|resting| resting.key.target == *target);
            of_target.filter(|resting| !resting.is_old(now)).cloned().collect()
        });
        for resting in resting {
            tokio::task::yield_now().await;
            let policy = remedies.policy(&resting.key.policy);
            if let Some(step) = policy.and_then(|policy| self.relapsed(&resting, policy, now))
                && !self.write(step).await
            {
                return;
            }
        }
    }

    fn relapsed(&self, resting: &Resting, policy: &Policy, now: UnixTime) -> Option<Step> {
        let symptom = policy.symptom.get();
        if !policy.targets.contains(&resting.key.target) || !resting.alerts.name(symptom.name) {
            return None;
        }
        let Seen { state, since, .. } = self.eyes.view(&resting.key, Some(symptom), now).seen;
        (state == Sight::Ill).then(|| Step::Relapsed {
            after: resting.after,
            words: format!(
                "{}: {symptom} is seen again since {since}, and its alert has never ended",
                Case::shown(&resting.key),
                symptom = policy.symptom
            ),
        })
    }

    /// Whether it is recorded.
    async fn write(&self, step: Step) -> bool {
        match self.ledger.record(step).await {
            Ok(_) => {
                self.unrecorded.store(false, Ordering::Relaxed);
                true
            }
            Err(error) => {
                // Once, and not for every incident every time.
                if !self.unrecorded.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "repairs: nothing is done, because nothing can be recorded: {error}");
                }
                false
            }
        }
    }

    /// When to come again; nothing when the incident is over. An action is begun, and left to whoever visits.
    async fn take_turns(&self, id: IncidentId, begun: &mut Option<Begun>) -> Option<UnixTime> {
        let soon = || self.now().plus(LOOK_AGAIN_AFTER);
        for _ in 0..MOST_TURNS {
            match self.next(id).await? {
                Turn::Wait(until) => return Some(until.map_or_else(soon, |until| until.min(soon()))),
                Turn::Write(Step::Interrupted { .. }) if self.has_asked(id) => {
                    *begun = self.resume(id).await;
                    return Some(soon());
                }
                Turn::Write(step) => {
                    if !self.write(step).await {
                        return Some(soon());
                    }
                }
                Turn::Act(..) => match self.begin(id).await {
                    // It changes nothing and is done at once.
                    Some(notice) if notice.plan.notice => self.act(notice).await,
                    other => {
                        *begun = other;
                        return Some(soon());
                    }
                },
            }
        }
        Some(soon())
    }

    /// The next move, after a look if it needs one.
    async fn next(&self, id: IncidentId) -> Option<Turn> {
        if self.acting.has(id) {
            return Some(Turn::Wait(None));
        }
        let outlook = self.turn(id)?;
        if outlook.known == outlook.assumed || !needs_a_look(&outlook.assumed) {
            return Some(outlook.assumed);
        }
        self.eyes.look(&outlook.key, outlook.symptom).await;
        Some(self.turn(id)?.known)
    }

    /// Asks once more while nothing else can be begun, and records the beginning.
    async fn begin(&self, id: IncidentId) -> Option<Begun> {
        let only = self.beginning.lock().await;
        let busy = self.acting.begins(id);
        if self.stopping.load(Ordering::SeqCst) {
            return None;
        }
        let Turn::Act(plan, words) = self.turn(id)?.known else {
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
        Some(Begun {
            id,
            plan,
            request: None,
            busy,
        })
    }

    /// Whether its action has asked another farmwarden, which may have gone on while we were away.
    fn has_asked(&self, id: IncidentId) -> bool {
        self.ledger
            .with(|state| state.incident(id).is_some_and(|incident| incident.request.is_some()))
    }

    /// What is recorded as begun and has lost its caller, to be brought to an end that is known.
    async fn resume(&self, id: IncidentId) -> Option<Begun> {
        let only = self.beginning.lock().await;
        let busy = self.acting.begins(id);
        drop(only);
        if self.stopping.load(Ordering::SeqCst) {
            return None;
        }
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            Some(Begun {
                id,
                plan: incident.tried.clone()?,
                request: incident.request,
                busy,
            })
        })
    }

    /// On the journal's clock.
    pub fn now(&self) -> UnixTime {
        self.clock.now().wall
    }

    fn lock_of(&self, target: &Name) -> Arc<tokio::sync::Mutex<()>> {
        let mut targets = locked(&self.targets);
        Arc::clone(targets.entry(target.clone()).or_default())
    }

    /// Drops a lock that nobody has: invented targets would fill the memory.
    fn forget(&self, target: &Name) {
        let mut targets = locked(&self.targets);
        if targets.get(target).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            targets.remove(target);
        }
    }
}

/// Whether a move must rest on a look that was taken for it.
fn needs_a_look(turn: &Turn) -> bool {
    match turn {
        Turn::Act(..) => true,
        Turn::Write(step) => match step {
            Step::Rehearsed { .. } | Step::Cured { .. } | Step::Failed { .. } => true,
            Step::Closed { why, .. } => matches!(why, Why::Well | Why::Cured),
            _ => false,
        },
        Turn::Wait(_) => false,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
