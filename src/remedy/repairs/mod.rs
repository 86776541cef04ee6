//! Repairs at work: the one handle that server, messages and commands hold. It hears alerts, visits targets when there is
//! something to decide, and takes orders of people. Everything that it remembers is in the journal.

mod by_link;
mod counters;
mod desk;
mod foresee;
mod keep;
mod orders;
mod overview;
mod page;
mod remote;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::any_hands::AnyHands;
use super::callers::Callers;
use super::eyes::StoreEyes;
use super::freeze::Freeze;
use super::incident::Key;
use super::links::Links;
use super::settings::Remedies;
use super::state::State;
use super::step::Step;
use super::tell::Tell;
use crate::alerts::{Alert, Delivery};
use crate::clock::Clock;
use crate::exposition::Rendered;
use crate::journal::{AppendError, JournalSection, JournalSettings};
use crate::store::Store;
use crate::values::Name;

pub use by_link::Offer;
use counters::Counters;
pub use counters::Unheard;
use desk::{Desk, Open};
pub use foresee::{Foreseen, Foresight};
pub use orders::{Declined, Ordered, Shown};
pub use overview::{IncidentSeen, JournalSeen, Overview, PauseSeen, PolicySeen, RestingSeen};
pub use page::FAMILIES;
pub use remote::NotTaken;

/// Until a delivery must be on the disk. Alertmanager asks again after an error, and waits for at least its group
/// interval; without it a disk that hangs would hold its connections.
const RECORD_WITHIN: Duration = Duration::from_secs(5);
const SILENT_DISK: &str = "the journal's disk does not answer";

/// What repairs are made from.
pub struct Parts {
    pub store: Arc<Store>,
    pub clock: Clock,
    pub journal: JournalSection,
    pub remedies: Remedies,
    pub hands: AnyHands,
    /// Those that messages hold.
    pub links: Links,
    /// Who hears of every step, besides the counters.
    pub tell: Arc<dyn Tell>,
}

/// A handle; cloning gives another one.
#[derive(Clone)]
pub struct Repairs(Arc<Inner>);

struct Inner {
    /// Nothing where no directory is configured.
    journal: Option<JournalSettings>,
    clock: Clock,
    eyes: Arc<StoreEyes>,
    hands: AnyHands,
    remedies: Mutex<Arc<Remedies>>,
    /// Other farmwardens that may ask.
    callers: Mutex<Callers>,
    counters: Arc<Counters>,
    tell: Arc<dyn Tell>,
    links: Links,
    desk: Mutex<Desk>,
    store: Arc<Store>,
    woken: Mutex<Woken>,
    wake: Notify,
    /// One approval at a time, by whatever way, so that a link is used once and the second hears that it is approved.
    approving: tokio::sync::Mutex<()>,
}

/// Whom to visit at once.
#[derive(Default)]
struct Woken {
    all: bool,
    targets: BTreeSet<Name>,
}

impl Woken {
    fn all() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    fn these(targets: impl IntoIterator<Item = Name>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Repairs {
    /// Nothing happens before [`Repairs::run`].
    pub fn new(parts: Parts) -> Self {
        let clock = parts.clock.never_back();
        let journal = parts.journal.settings();
        let desk = match &journal {
            None => Desk::NoJournal,
            Some(settings) => Desk::Closed(format!("the journal {} is not read yet", settings.directory.display())),
        };
        let freeze = Freeze::new(parts.remedies.freeze_file.clone());
        let remedies = Arc::new(parts.remedies);
        Self(Arc::new(Inner {
            eyes: Arc::new(StoreEyes::new(Arc::clone(&parts.store), clock.clone(), freeze)),
            hands: parts.hands,
            counters: Arc::new(Counters::new(&remedies)),
            remedies: Mutex::new(remedies),
            callers: Mutex::default(),
            tell: parts.tell,
            links: parts.links,
            desk: Mutex::new(desk),
            store: parts.store,
            woken: Mutex::default(),
            wake: Notify::new(),
            approving: tokio::sync::Mutex::default(),
            journal,
            clock,
        }))
    }

    /// Records a delivery and returns when it is on the disk; what follows from it is done later. After an error
    /// it should be handed in again.
    pub async fn hear(&self, delivery: &Delivery) -> Result<(), String> {
        let heard = self.record_delivery(delivery).await;
        self.0.counters.heard(delivery, heard.is_ok());
        heard
    }

    /// A delivery could not even be read.
    pub fn not_heard(&self, why: Unheard) {
        self.0.counters.not_heard(why);
    }

    /// The records of alerts of a delivery, as the configuration is now.
    fn steps(&self, delivery: &Delivery, alerts: &[Alert]) -> Vec<Step> {
        let remedies = self.remedies();
        let is_strange = |alert: &Alert| {
            Key::asked_by(alert).is_some_and(|key| {
                let policy = remedies.policy(&key.policy);
                policy.is_none_or(|policy| !policy.targets.contains(&key.target))
            })
        };
        Step::heard(&delivery.external_url, alerts, is_strange)
    }

    async fn record_delivery(&self, delivery: &Delivery) -> Result<(), String> {
        let open = self.open()?;
        let steps = self.steps(delivery, &delivery.alerts);
        let recording = steps.into_iter().map(|step| open.runner.ledger().record(step));
        let recorded = tokio::time::timeout(RECORD_WITHIN, futures_util::future::try_join_all(recording)).await;
        match recorded {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("the journal's disk has not answered within {RECORD_WITHIN:?}")),
        }
        let asked = delivery.alerts.iter().filter_map(Key::asked_by);
        let concerned = open.runner.ledger().with(|state| {
            let open = asked.filter(|key| state.open_for(key).is_some());
            Woken::these(open.map(|key| key.target))
        });
        self.wake(concerned);
        Ok(())
    }

    /// Other policies from now on; incidents stay. A change of the journal waits for the next start, and the
    /// words say so.
    pub fn change_to(&self, journal: &JournalSection, remedies: Remedies) -> Option<&'static str> {
        self.0.eyes.freeze.change_to(remedies.freeze_file.clone());
        self.0.links.change_to(&remedies.approvals);
        let remedies = Arc::new(remedies);
        self.0.counters.know(&remedies);
        *locked(&self.0.remedies) = Arc::clone(&remedies);
        if let Ok(open) = self.open() {
            open.runner.change_to(Arc::clone(&remedies));
            open.runner.ledger().with(|state| log_orphans(state, &remedies));
        }
        self.wake_all();
        (journal.settings() != self.0.journal).then_some("the change of `journal` takes effect at the next start")
    }

    /// What is known and done, for the page of metrics.
    pub fn page(&self) -> Rendered {
        page::page(self)
    }

    /// Records a step and wakes whom it concerns, in a task of its own: what a disk takes only when nobody waits for it any
    /// more counts all the same, and may have nothing else that makes it due.
    async fn put(&self, step: Step, whom: Woken) -> Result<u64, Declined> {
        let open = self.open().map_err(Declined::Unrecorded)?;
        let repairs = self.clone();
        let recording = tokio::spawn(async move {
            let appended = open.runner.ledger().record(step).await?;
            repairs.wake(whom);
            Ok::<_, AppendError>(appended.head.sequence)
        });
        match tokio::time::timeout(RECORD_WITHIN, recording).await {
            Ok(recorded) => {
                let recorded = recorded.unwrap_or(Err(AppendError::Closed));
                recorded.map_err(|error| Declined::Unrecorded(error.to_string()))
            }
            Err(_) => Err(Declined::Unclear(format!(
                "{SILENT_DISK}: it may be recorded yet, and is followed then; `farmwarden incidents` shows whether it is"
            ))),
        }
    }

    /// Visits them as soon as it can be.
    fn wake(&self, whom: Woken) {
        let mut woken = locked(&self.0.woken);
        woken.all |= whom.all;
        woken.targets.extend(whom.targets);
        drop(woken);
        self.0.wake.notify_one();
    }

    fn wake_all(&self) {
        self.wake(Woken::all());
    }

    /// What there is while the journal can be written; else why not, in words.
    fn open(&self) -> Result<Arc<Open>, String> {
        locked(&self.0.desk).open()
    }

    fn remedies(&self) -> Arc<Remedies> {
        Arc::clone(&locked(&self.0.remedies))
    }
}

/// Incidents that lost their policy wait for somebody to see it.
fn log_orphans(state: &State, remedies: &Remedies) {
    let orphans = state
        .incidents()
        .filter(|incident| remedies.policy(&incident.key.policy).is_none());
    let orphans: Vec<String> = orphans.map(|incident| incident.key.to_string()).collect();
    if let Some(first) = orphans.first() {
        let count = orphans.len();
        tracing::warn!(
            count,
            "repairs: {count} open incidents have no policy in this configuration, the first is {first}: nothing is done for them"
        );
    }
}

impl fmt::Debug for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repairs")
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
