//! What repairs see: the verdicts of the store, as a decision needs them, and since when they have been so.
//!
//! It asks an upstream only when it is told to look, and then only what the symptom in question rests on.

mod ills;
mod scene;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::freeze::Freeze;
use super::incident::Key;
use super::runner::Eyes;
use super::view::{Fleet, Seen, Sight, View};
use crate::clock::{Clock, UnixTime};
use crate::collectors::Symptom;
use crate::relations;
use crate::store::Store;
use crate::values::Name;
use ills::Ills;
use scene::{Scene, Sighted};

/// A look that takes longer has shown nothing that is fresh.
const LOOK_WITHIN: Duration = Duration::from_secs(60);
/// Sights that are remembered: one for each open incident there may be, and those that just ended.
const MOST_SIGHTS: usize = 10_000;
/// One that nobody asked for during this time is forgotten: its incident is over.
const KEEP_SIGHTS: Duration = Duration::from_secs(900);

/// Eyes over the store.
pub(super) struct StoreEyes {
    store: Arc<Store>,
    clock: Clock,
    started: UnixTime,
    pub(super) freeze: Freeze,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    scene: Option<Arc<Scene>>,
    ills: Ills,
    sights: HashMap<Key, Remembered>,
}

/// How an entity looked, and since when.
struct Remembered {
    symptom: Option<&'static Symptom>,
    state: Sight,
    since: UnixTime,
    /// When it was in sight again, after it could not be told.
    regained: Option<UnixTime>,
    /// The part that showed it when it was last ill.
    part: Option<&'static str>,
    asked: UnixTime,
}

impl StoreEyes {
    /// `clock` is that of the journal.
    pub(super) fn new(store: Arc<Store>, clock: Clock, freeze: Freeze) -> Self {
        Self {
            started: clock.now().wall,
            store,
            clock,
            freeze,
            memory: Mutex::default(),
        }
    }

    pub(super) fn started(&self) -> UnixTime {
        self.started
    }

    pub(super) fn group(&self, target: &Name) -> Name {
        let mut memory = self.memory();
        self.scene(&mut memory).group(target)
    }

    /// Looks through all that is remembered after a judgement; gives the targets of which something looks different now.
    pub(super) fn changed(&self, now: UnixTime) -> BTreeSet<Name> {
        let mut memory = self.memory();
        memory.ills.follow(&self.store.verdicts(), now);
        if memory.sights.is_empty() {
            return BTreeSet::new();
        }
        let scene = self.scene(&mut memory);
        memory.sights.retain(|_, known| known.asked.age_at(now) < KEEP_SIGHTS);
        let mut changed = BTreeSet::new();
        for (key, known) in &mut memory.sights {
            let sighted = scene.sighted(key, known.symptom);
            if known.saw(&sighted, now) {
                changed.insert(key.target.clone());
            }
        }
        changed
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scene(&self, memory: &mut Memory) -> Arc<Scene> {
        if let Some(scene) = memory.scene.as_ref().filter(|scene| scene.is_of(&self.store)) {
            return Arc::clone(scene);
        }
        let now = self.clock.now();
        let scene = Arc::new(Scene::of(&self.store, now));
        memory.ills.follow(&scene.verdicts, now.wall);
        memory.scene = Some(Arc::clone(&scene));
        scene
    }
}

impl Remembered {
    fn new(symptom: Option<&'static Symptom>, sighted: &Sighted, since: UnixTime, now: UnixTime) -> Self {
        Self {
            symptom,
            state: sighted.state,
            since,
            regained: None,
            part: sighted.part,
            asked: now,
        }
    }

    /// Whether it looks different.
    fn saw(&mut self, sighted: &Sighted, now: UnixTime) -> bool {
        self.part = sighted.part.or(self.part);
        let is_other = self.state != sighted.state;
        if is_other {
            // For what takes time to show, the collector's own watch may begin anew with that.
            if self.state == Sight::CannotTell && self.symptom.is_some_and(|symptom| symptom.takes_time) {
                self.regained = Some(now);
            }
            self.state = sighted.state;
            self.since = now;
        }
        is_other
    }
}

impl Memory {
    /// How it looks, and which part shows it.
    fn remember(
        &mut self,
        key: &Key,
        symptom: Option<&'static Symptom>,
        sighted: &Sighted,
        now: UnixTime,
    ) -> (Seen, Option<&'static str>) {
        let seen = |known: &Remembered| {
            let seen = Seen {
                state: known.state,
                since: known.since,
                regained: known.regained,
                evidence: sighted.evidence.clone(),
            };
            (seen, known.part)
        };
        if let Some(known) = self.sights.get_mut(key).filter(|known| known.symptom == symptom) {
            known.saw(sighted, now);
            known.asked = now;
            return seen(known);
        }
        if self.sights.len() >= MOST_SIGHTS {
            self.sights.retain(|_, known| known.asked.age_at(now) < KEEP_SIGHTS);
        }
        let ill_since = symptom.and_then(|symptom| self.ills.since(key, symptom));
        let since = ill_since.filter(|_| sighted.state == Sight::Ill).unwrap_or(now);
        let first = Remembered::new(symptom, sighted, since, now);
        let seen = seen(&first);
        // What finds no room is seen for the first time, every time.
        if self.sights.len() < MOST_SIGHTS {
            self.sights.insert(key.clone(), first);
        }
        seen
    }
}

impl Eyes for StoreEyes {
    async fn look(&self, key: &Key, symptom: Option<&'static Symptom>) {
        let Some(slot) = self.store.slot(key.target.as_str()) else {
            return;
        };
        let part = {
            let mut memory = self.memory();
            let scene = self.scene(&mut memory);
            let known = memory.sights.get(key).filter(|known| known.symptom == symptom);
            scene.part(&key.target, known.and_then(|known| known.part))
        };
        let looking = slot.look_at(part, Instant::now());
        // What comes later counts with the next judgement; nothing is begun on what was seen before.
        drop(tokio::time::timeout(LOOK_WITHIN, looking).await);
        self.store.judge(relations::judge);
    }

    fn view(&self, key: &Key, symptom: Option<&'static Symptom>, now: UnixTime) -> View {
        let mut memory = self.memory();
        let scene = self.scene(&mut memory);
        let sighted = scene.sighted(key, symptom);
        let (seen, part) = memory.remember(key, symptom, &sighted, now);
        drop(memory);
        let group = scene.group(&key.target);
        let fleet = symptom.map(|symptom| scene.fleet(&group, symptom)).unwrap_or_default();
        View {
            is_known: self.store.slot(key.target.as_str()).is_some(),
            started: self.started,
            looked: scene.looked(&key.target, part),
            seen,
            cause: scene.cause(&key.target, part),
            fleet: Fleet {
                ill: fleet.ill,
                all: fleet.all(),
                stormed: None,
            },
            running: Vec::new(),
            frozen: self.freeze.words(),
            group,
        }
    }
}

#[cfg(test)]
mod tests;
