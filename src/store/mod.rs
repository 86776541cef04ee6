//! What is known now, per target: the last picture, its rendered samples, how its rounds went.
//!
//! Rounds put, everybody else reads. A reader never waits for an upstream: it takes what is there.

mod slot;
mod status;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::collectors::{Diagnosis, Link, TargetView};
use crate::exposition::{Desc, Family, Page, Rendered};
use crate::values::Name;

pub use slot::{Look, Slot};
use status::{FAILURES, LAST_SUCCESS, ROUND_DURATION, UP};
pub use status::{PartRead, PartStatus};

static SYMPTOM: Desc<3> = Desc::gauge(
    "farmwarden_symptom",
    "1 while this symptom is seen on this entity; 0 for the target when it was looked at and nothing is ill. Absent when it cannot be told.",
    &["target", "symptom", "entity"],
);

/// The families of every target, whatever its kind.
pub const FAMILIES: &[&Family] = &[
    UP.family(),
    ROUND_DURATION.family(),
    LAST_SUCCESS.family(),
    FAILURES.family(),
    SYMPTOM.family(),
];

/// All targets, in the order of the page.
pub struct Store {
    slots: Mutex<Vec<Arc<Slot>>>,
    links: Mutex<Arc<Vec<Link>>>,
    /// `farmwarden_symptom`, after the relations had their say.
    verdicts: Mutex<Arc<Vec<Verdict>>>,
    symptoms: Mutex<Arc<Rendered>>,
    /// Goes up with every judgement.
    judged: watch::Sender<u64>,
    /// What the relations say on the page.
    related: Mutex<Arc<Rendered>>,
    /// Every part had its first round once. Targets that a reload adds do not take it back: whoever routes by readiness
    /// would lose sight of all others.
    was_ready: AtomicBool,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            slots: Mutex::default(),
            links: Mutex::default(),
            verdicts: Mutex::default(),
            symptoms: Mutex::default(),
            judged: watch::Sender::new(0),
            related: Mutex::default(),
            was_ready: AtomicBool::default(),
        }
    }
}

/// What is ill with one target, all relations considered.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub target: Name,
    pub diagnosis: Diagnosis,
    /// How fresh the picture was that was judged.
    pub read: Vec<PartRead>,
}

impl Store {
    /// Takes the place of all that was known before, in one piece.
    pub fn replace(&self, slots: Vec<Arc<Slot>>, links: Vec<Link>) {
        *locked(&self.slots) = slots;
        *locked(&self.links) = Arc::new(links);
    }

    /// Which target hangs on which.
    pub fn links(&self) -> Arc<Vec<Link>> {
        Arc::clone(&locked(&self.links))
    }

    pub fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots().into_iter().find(|slot| slot.name.as_str() == name)
    }

    pub fn slots(&self) -> Vec<Arc<Slot>> {
        locked(&self.slots).clone()
    }

    /// The last picture of one target, if it has one.
    pub fn picture(&self, target: &Name) -> Option<TargetView> {
        let slot = self.slot(target.as_str())?;
        slot.view()
    }

    /// What is ill, after the relations had their say. `judge` runs under the store's lock, so a later picture is
    /// never overruled by an earlier one.
    pub fn judge(&self, judge: impl FnOnce(&mut [TargetView], &[Link], &mut Page)) {
        let mut verdicts = locked(&self.verdicts);
        let pictures = self.slots().into_iter().filter_map(|slot| slot.picture());
        let (mut views, read): (Vec<TargetView>, Vec<_>) = pictures.unzip();
        let mut page = Page::new(&[]);
        judge(&mut views, &self.links(), &mut page);
        let found = views.into_iter().zip(read).map(|(view, read)| Verdict {
            target: view.name,
            diagnosis: view.diagnosis,
            read,
        });
        *verdicts = Arc::new(found.collect());
        *locked(&self.symptoms) = Arc::new(render_symptoms(verdicts.iter()));
        *locked(&self.related) = Arc::new(page.finish());
        self.judged.send_modify(|count| *count += 1);
    }

    /// Changes with every judgement.
    pub fn judged(&self) -> watch::Receiver<u64> {
        self.judged.subscribe()
    }

    pub fn verdicts(&self) -> Arc<Vec<Verdict>> {
        Arc::clone(&locked(&self.verdicts))
    }

    /// Everything for a scrape.
    pub fn pages(&self) -> Vec<Arc<Rendered>> {
        let mut pages = Vec::new();
        for slot in self.slots() {
            pages.extend(slot.pages());
        }
        pages.push(Arc::clone(&locked(&self.symptoms)));
        pages.push(Arc::clone(&locked(&self.related)));
        pages
    }

    /// What is ill with one target, as it stands on the page.
    pub fn symptoms_of(&self, target: &Name) -> Rendered {
        let verdicts = self.verdicts();
        let own = verdicts.iter().filter(|verdict| verdict.target == *target);
        render_symptoms(own)
    }

    /// Parts whose first round has not ended since the start, as `target/part`.
    pub fn waiting(&self) -> Vec<String> {
        if self.was_ready.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut waiting = Vec::new();
        for slot in self.slots() {
            let parts = slot.parts();
            let first = parts.iter().filter(|status| status.up.is_none());
            waiting.extend(first.map(|status| format!("{}/{}", slot.name, status.part.name)));
        }
        self.was_ready.store(waiting.is_empty(), Ordering::Relaxed);
        waiting
    }
}

fn render_symptoms<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Rendered {
    let mut page = Page::new(&[]);
    for verdict in verdicts {
        let target = verdict.target.as_str();
        for symptom in &verdict.diagnosis.looked_at {
            let mut well = true;
            for finding in verdict
                .diagnosis
                .findings
                .iter()
                .filter(|finding| finding.symptom == *symptom)
            {
                page.add(&SYMPTOM, [target, symptom.name, &finding.entity], true);
                well = false;
            }
            if well {
                page.add(&SYMPTOM, [target, symptom.name, ""], false);
            }
        }
    }
    page.finish()
}

/// A panic elsewhere must not take the page with it: the data behind the lock is whole, it is replaced in one piece.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
