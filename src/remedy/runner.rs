//! Carries out what is decided: looks, records, acts, looks again. One target at a time has one action, every action is
//! recorded before it begins, and an action that cannot be recorded is not done.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use tokio::sync::watch;

use super::decide::{Decision, Why, decide, planned};
use super::guards::{Case, is_storm};
use super::incident::{Incident, Key, Phase};
use super::ledger::{Ledger, Record};
use super::relapse::Resting;
use super::settings::{Policy, Remedies};
use super::state::State;
use super::step::{IncidentId, Outcome, Plan, Step};
use super::turn::{Turn, turn};
use super::view::{Running, Seen, Sight, View};
use crate::clock::{Clock, UnixTime};
use crate::collectors::Symptom;
use crate::values::{self, Name};

/// What acts. Nothing else here changes anything outside.
pub trait Hands: Send + Sync + 'static {
    /// Carries out the action of a plan once. What it says is for people; whether it helped is seen by looking. An action
    /// of several steps says in `notes` how far it is, and goes on only when that is recorded.
    fn run(&self, plan: &Plan, notes: &dyn Notes) -> impl Future<Output = Result<String, Undone>> + Send;
}

/// An action that did not come to its end, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Nothing was touched.
    Refused(String),
    /// Something may have been changed.
    Failed(String),
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(words) | Self::Failed(words)) = self;
        f.write_str(words)
    }
}

/// Where nothing is known of it, something may have been.
impl From<String> for Undone {
    fn from(words: String) -> Self {
        Self::Failed(words)
    }
}

/// Where an action that runs says how far it is.
pub trait Notes: Send + Sync {
    /// Comes back when the words are on the disk; with an error nothing more may be done.
    fn note(&self, words: String) -> BoxFuture<'_, Result<(), String>>;

    /// On whose behalf it runs; nothing where nobody keeps incidents.
    fn about(&self) -> Option<About> {
        None
    }

    /// From now on it is not known whether anything is done, until sight is regained. An action that ends like that, however it
    /// ends, is one of which nobody knows what it did.
    fn lose_sight(&self) {}

    fn regain_sight(&self) {}
}

/// The incident that an action is for, and what it is to cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    pub incident: IncidentId,
    pub symptom: &'static str,
}

/// Into the journal, for the incident.
struct Noting<'a, R> {
    ledger: &'a Ledger<R>,
    incident: IncidentId,
    rung: usize,
    symptom: Option<&'static str>,
    out_of_sight: AtomicBool,
}

impl<R: Record> Notes for Noting<'_, R> {
    fn note(&self, words: String) -> BoxFuture<'_, Result<(), String>> {
        let step = Step::Noted {
            incident: self.incident,
            rung: self.rung,
            words: shortened(&words),
        };
        async move { self.ledger.record(step).await.map(drop).map_err(|e| e.to_string()) }.boxed()
    }

    fn about(&self) -> Option<About> {
        Some(About {
            incident: self.incident,
            symptom: self.symptom?,
        })
    }

    fn lose_sight(&self) {
        self.out_of_sight.store(true, Ordering::Relaxed);
    }

    fn regain_sight(&self) {
        self.out_of_sight.store(false, Ordering::Relaxed);
    }
}

/// What sees.
pub trait Eyes: Send + Sync + 'static {
    /// A fresh round of what the symptom on the entity rests on; it ends in bounded time.
    fn look(&self, key: &Key, symptom: Option<&'static Symptom>) -> impl Future<Output = ()> + Send;

    /// What is known now, without waiting; how many actions run is filled in by the runner. Without a symptom there is no
    /// such policy.
    fn view(&self, key: &Key, symptom: Option<&'static Symptom>, now: UnixTime) -> View;
}

impl<E: Eyes> Eyes for Arc<E> {
    fn look(&self, key: &Key, symptom: Option<&'static Symptom>) -> impl Future<Output = ()> + Send {
        E::look(self, key, symptom)
    }

    fn view(&self, key: &Key, symptom: Option<&'static Symptom>, now: UnixTime) -> View {
        E::view(self, key, symptom, now)
    }
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
    /// Actions that run, or are about to.
    acting: watch::Sender<usize>,
}

/// Counts an action for as long as it runs.
struct Acting<'a>(&'a watch::Sender<usize>);

impl<'a> Acting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The next move of an incident as it is known, and as it would be if what is known were fresh.
struct Outlook {
    key: Key,
    symptom: Option<&'static Symptom>,
    known: Turn,
    assumed: Turn,
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
            acting: watch::Sender::new(0),
        }
    }

    /// From now on these hold; what runs goes on.
    pub fn change_to(&self, remedies: Arc<Remedies>) {
        *locked(&self.remedies) = remedies;
    }

    pub fn remedies(&self) -> Arc<Remedies> {
        Arc::clone(&locked(&self.remedies))
    }

    /// Does something while nothing is being begun: what it records comes before every beginning that follows.
    pub async fn between_beginnings<T>(&self, doing: impl Future<Output = T>) -> T {
        let only = self.beginning.lock().await;
        let done = doing.await;
        drop(only);
        done
    }

    /// Nothing more is begun; returns when nothing runs.
    pub async fn rest(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let mut acting = self.acting.subscribe();
        // It fails when the runner is gone, and it is ours.
        drop(acting.wait_for(|count| *count == 0).await);
    }

    /// For each incident of the state what is seen, and what would be decided if that were fresh.
    pub fn outlooks(&self, state: &State) -> Vec<(Seen, Decision)> {
        let incidents = state.incidents();
        incidents.map(|incident| self.foresee(state, incident)).collect()
    }

    /// How an entity looks now.
    pub fn seen(&self, key: &Key, policy: Option<&Policy>, now: UnixTime) -> Seen {
        self.eyes.view(key, policy.map(|policy| policy.symptom.get()), now).seen
    }

    /// What would be decided if what is known were fresh; nothing for an incident that is over.
    pub fn outlook(&self, id: IncidentId) -> Option<Decision> {
        let now = self.now();
        let (key, symptom, remedies) = self.asked(id)?;
        let view = self.eyes.view(&key, symptom, now);
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            let view = assumed_fresh(&self.complete(state, &key, &remedies, view, now), now);
            Some(decide(incident, &remedies, &state.history, &view, now))
        })
    }

    /// The rung of an incident that comes next; nothing for an incident that is over.
    pub fn planned(&self, id: IncidentId) -> Option<Plan> {
        let now = self.now();
        let (key, symptom, remedies) = self.asked(id)?;
        let view = self.eyes.view(&key, symptom, now);
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            planned(incident, &remedies, &state.history, &view, now)
        })
    }

    /// What is seen, and what would be decided about an incident of a state that is not ours, if what is known were fresh.
    pub fn foresee(&self, state: &State, incident: &Incident) -> (Seen, Decision) {
        let (now, remedies, key) = (self.now(), self.remedies(), &incident.key);
        let symptom = remedies.policy(&key.policy).map(|policy| policy.symptom.get());
        let view = self.eyes.view(key, symptom, now);
        let seen = view.seen.clone();
        let view = assumed_fresh(&self.complete(state, key, &remedies, view, now), now);
        (seen, decide(incident, &remedies, &state.history, &view, now))
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

    /// Takes every incident of a target as far as it goes now; returns when to come again, or nothing when all is over. It
    /// looks only where something would be begun or judged that must rest on a fresh look: what is held costs no call. It may be dropped at any time: what was begun then counts as interrupted.
    pub async fn visit(&self, target: &Name) -> Option<UnixTime> {
        let lock = self.lock_of(target);
        let alone = lock.lock().await;
        self.relapses(target).await;
        let ids: Vec<IncidentId> = self.ledger.with(|state| {
            let of_target = state.incidents().filter(|incident| incident.key.target == *target);
            of_target.map(|incident| incident.id).collect()
        });
        let mut again = None;
        for id in ids {
            // Thousands that are held would otherwise be one long piece of work.
            tokio::task::yield_now().await;
            if let Some(at) = self.take_turns(id).await {
                again = Some(again.map_or(at, |before: UnixTime| before.min(at)));
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
        again
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

    /// When to come again; nothing when the incident is over.
    async fn take_turns(&self, id: IncidentId) -> Option<UnixTime> {
        let soon = || self.now().plus(LOOK_AGAIN_AFTER);
        for _ in 0..MOST_TURNS {
            match self.next(id).await? {
                Turn::Wait(until) => return Some(until.map_or_else(soon, |until| until.min(soon()))),
                Turn::Write(step) => {
                    if !self.write(step).await {
                        return Some(soon());
                    }
                }
                Turn::Act(..) => match self.begin(id).await {
                    Some((plan, acting)) => {
                        self.act(id, &plan).await;
                        drop(acting);
                    }
                    None => return Some(soon()),
                },
            }
        }
        Some(soon())
    }

    /// The next move, after a look if it needs one.
    async fn next(&self, id: IncidentId) -> Option<Turn> {
        let outlook = self.turn(id)?;
        if outlook.known == outlook.assumed || !needs_a_look(&outlook.assumed) {
            return Some(outlook.assumed);
        }
        self.eyes.look(&outlook.key, outlook.symptom).await;
        Some(self.turn(id)?.known)
    }

    fn turn(&self, id: IncidentId) -> Option<Outlook> {
        let now = self.now();
        let (key, symptom, remedies) = self.asked(id)?;
        let view = self.eyes.view(&key, symptom, now);
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            let view = self.complete(state, &key, &remedies, view, now);
            let move_of = |view: &View| turn(incident, &remedies, &state.history, view, now);
            Some(Outlook {
                known: move_of(&view),
                assumed: move_of(&assumed_fresh(&view, now)),
                key,
                symptom,
            })
        })
    }

    /// What an incident is about, and what holds for it.
    fn asked(&self, id: IncidentId) -> Option<(Key, Option<&'static Symptom>, Arc<Remedies>)> {
        let key = self.ledger.with(|state| Some(state.incident(id)?.key.clone()))?;
        let remedies = self.remedies();
        let symptom = remedies.policy(&key.policy).map(|policy| policy.symptom.get());
        Some((key, symptom, remedies))
    }

    /// The view with what only the runner knows.
    fn complete(&self, state: &State, key: &Key, remedies: &Remedies, view: View, now: UnixTime) -> View {
        let mut view = View {
            running: running(state.incidents(), &key.target, &view.group),
            ..view
        };
        if let Some(policy) = remedies.policy(&key.policy) {
            let mut storms = locked(&self.storms);
            let of = (policy.name.clone(), view.group.clone());
            if is_storm(policy, &view) {
                storms.insert(of, now);
            } else {
                view.fleet.stormed = view.fleet.stormed.max(storms.get(&of).copied());
            }
        }
        view
    }

    /// Asks once more while nothing else can be begun, and records the beginning.
    async fn begin(&self, id: IncidentId) -> Option<(Plan, Acting<'_>)> {
        let only = self.beginning.lock().await;
        let acting = Acting::new(&self.acting);
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
        Some((plan, acting))
    }

    async fn act(&self, id: IncidentId, plan: &Plan) {
        let notes = Noting {
            ledger: &self.ledger,
            incident: id,
            rung: plan.rung,
            symptom: self
                .remedies()
                .policy(&plan.policy)
                .map(|policy| policy.symptom.get().name),
            out_of_sight: AtomicBool::new(false),
        };
        let (outcome, words) = match tokio::time::timeout(plan.within.get(), self.hands.run(plan, &notes)).await {
            Ok(Ok(words)) => (Outcome::Done, words),
            Ok(Err(Undone::Refused(words))) => (Outcome::Refused, words),
            Ok(Err(Undone::Failed(words))) => (Outcome::Failed, words),
            Err(_) => (Outcome::TimedOut, format!("not done within {}", plan.within)),
        };
        let outcome = if notes.out_of_sight.into_inner() {
            Outcome::Unknown
        } else {
            outcome
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

/// As it is recorded.
fn shortened(words: &str) -> String {
    let words = values::clean(words);
    let end = words.floor_char_boundary(LONGEST_WORDS);
    words.get(..end).unwrap_or_default().to_owned()
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

/// As if what is known had been looked at now; what could not be read stays so.
fn assumed_fresh(view: &View, now: UnixTime) -> View {
    View {
        looked: view.looked.map(|_| now),
        ..view.clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
