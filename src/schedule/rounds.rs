//! When rounds happen: one loop per target and part, apart from what a round does.
//!
//! A round has a deadline, two rounds of a part never overlap, a panic in a collector costs its own samples. The
//! time of a round is never the time of a scrape.

use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Schedule, Working};
use crate::clock::{Clock, UnixTime};
use crate::collectors::{Collector, Part, TargetConfig as _, TargetView};
use crate::exposition::{Own, Page};
use crate::store::{PartStatus, Slot};
use crate::upstream::{Fault, Reason, Why};

/// First rounds are spread over this time, so that a restart does not ask a whole farm in one instant.
const FIRST_ROUNDS_WITHIN: Duration = Duration::from_secs(1);

/// What is read rarely and failed is read again so soon, then twice as late each time: a service that was just starting is not
/// unknown for half an hour.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The rounds of one target. Parts ask side by side; what they bring is put together under one lock.
pub(super) struct Rounds<C: Collector> {
    pub(super) collector: C,
    /// As it was configured, to tell whether a new configuration changes it.
    target: C::Target,
    slot: Arc<Slot>,
    beats: Vec<Beat>,
    /// Told whenever there is a new picture.
    changed: Arc<Notify>,
    clock: Clock,
    own: Own,
    memory: Mutex<Memory<C::Snapshot>>,
}

struct Beat {
    part: Part,
    /// When the last round that ended had begun. Held for as long as one runs, so that two never do.
    last: tokio::sync::Mutex<Option<Instant>>,
}

struct Memory<S> {
    snapshot: S,
    parts: Vec<PartStatus>,
}

impl<C: Collector> Working for Rounds<C> {
    fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    fn start(self: Arc<Self>, loops: &mut JoinSet<()>) {
        for beat in 0..self.beats.len() {
            loops.spawn(Arc::clone(&self).run(beat));
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<C: Collector> Rounds<C> {
    pub(super) fn new(collector: C, target: C::Target, schedule: &Schedule) -> Arc<Self> {
        let slot = Arc::new(Slot::new(target.name().clone(), C::NAME, &collector.parts()));
        let beats = collector.parts().into_iter().map(|part| Beat {
            part,
            last: tokio::sync::Mutex::default(),
        });
        let memory = Memory {
            snapshot: C::Snapshot::default(),
            parts: slot.parts(),
        };
        let rounds = Arc::new(Self {
            beats: beats.collect(),
            collector,
            target: target.unlinked(),
            slot: Arc::clone(&slot),
            changed: Arc::clone(&schedule.changed),
            clock: schedule.clock.clone(),
            own: schedule.tools.own.clone(),
            memory: Mutex::new(memory),
        });
        // Weak: the store must not keep a target at work that the configuration no longer has.
        let weak = Arc::downgrade(&rounds);
        slot.on_look(Box::new(move |not_before, part| {
            let rounds = weak.upgrade();
            Box::pin(async move {
                if let Some(rounds) = rounds {
                    rounds.look(not_before, part).await;
                }
            })
        }));
        rounds
    }

    /// Whether another configuration leaves it as it is.
    pub(super) fn is_as_configured(&self, target: &C::Target) -> bool {
        self.target == target.clone().unlinked() && !self.collector.is_outdated()
    }

    async fn run(self: Arc<Self>, beat: usize) {
        let Some(beat) = self.beats.get(beat) else { return };
        let part = &beat.part;
        tokio::time::sleep(FIRST_ROUNDS_WITHIN.min(part.every).mul_f64(chance())).await;
        self.round(beat, Instant::now()).await;
        let mut on_beat = Instant::now() + part.every.mul_f64(chance());
        let mut again_after = AGAIN_AFTER;
        loop {
            let again = self.failed(part).then(|| Instant::now() + again_after);
            let next = again.map_or(on_beat, |again| again.min(on_beat));
            self.due(part, Some(next));
            self.meanwhile(part, tokio::time::sleep_until(next)).await;
            self.due(part, None);
            self.round(beat, next).await;
            again_after = match again {
                // Beyond its beat it says nothing any more, and without an end it would be more than a clock can hold.
                Some(_) => (again_after * 2).min(part.every),
                None => AGAIN_AFTER,
            };
            if next == on_beat {
                on_beat = self.after(part, on_beat);
            }
        }
    }

    fn failed(&self, part: &Part) -> bool {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut its = memory.parts.iter().filter(|status| status.part == *part);
        its.any(|status| status.up == Some(false))
    }

    /// A round of the part, or of every part side by side, where none has begun since `not_before`.
    async fn look(&self, not_before: Instant, part: Option<&'static str>) {
        let wanted = self
            .beats
            .iter()
            .filter(|beat| part.is_none_or(|part| beat.part.name == part));
        futures_util::future::join_all(wanted.map(|beat| self.round(beat, not_before))).await;
    }

    /// A round, unless one has begun since `not_before` already.
    async fn round(&self, beat: &Beat, not_before: Instant) {
        let mut last = beat.last.lock().await;
        if last.is_none_or(|last| last < not_before) {
            let began = Instant::now();
            self.ask(&beat.part).await;
            // Only now: a round that is given up in the middle has shown nothing.
            *last = Some(began);
        }
    }

    fn due(&self, part: &Part, at: Option<Instant>) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        for status in memory.parts.iter_mut().filter(|status| status.part == *part) {
            status.next_round = at;
        }
        self.slot.due(part, at);
    }

    /// The next time on the part's beat; beats that passed during the round are counted and skipped.
    fn after(&self, part: &Part, last: Instant) -> Instant {
        let now = Instant::now();
        let mut next = last + part.every;
        let mut skipped = 0;
        while next <= now {
            next += part.every;
            skipped += 1;
        }
        if skipped > 0 {
            tracing::warn!(
                collector = C::NAME, target = %self.slot.name, part = part.name, reason = Reason::InProgress.label(),
                "{}/{}: {}", self.slot.name, part.name, Why::InProgress(part.every)
            );
            self.update(part, |_, status| status.count(Reason::InProgress, skipped));
        }
        next
    }

    async fn ask(&self, part: &Part) {
        let (started, began) = (Instant::now(), self.clock.now().wall);
        let asking = AssertUnwindSafe(self.collector.read(part)).catch_unwind();
        let outcome = self.meanwhile(part, tokio::time::timeout(part.deadline, asking)).await;
        let reading = match outcome {
            Ok(Ok(reading)) => reading,
            Ok(Err(panic)) => Err(self.defect(part, panic.as_ref())),
            Err(_) => Err(Fault::new(
                self.slot.name.as_str(),
                part.name,
                Why::Timeout(part.deadline),
            )),
        };
        self.ended(part, reading, began, started.elapsed());
    }

    /// Waits for something; data that becomes stale meanwhile leaves the page on time, not with the next round.
    async fn meanwhile<T>(&self, part: &Part, something: impl Future<Output = T>) -> T {
        let mut something = std::pin::pin!(something);
        loop {
            tokio::select! {
                biased;
                outcome = &mut something => return outcome,
                () = self.stale(part) => self.update(part, |_, _| ()),
            }
        }
    }

    /// Waits until shown data of the part becomes stale; for ever when none is shown.
    async fn stale(&self, part: &Part) {
        let at = {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let status = memory.parts.iter().find(|status| status.part == *part);
            status.and_then(PartStatus::stale_at).filter(|at| *at > Instant::now())
        };
        match at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    fn ended(&self, part: &Part, reading: Result<C::Reading, Fault>, began: UnixTime, took: Duration) {
        self.update(part, |snapshot, status| {
            let now = self.clock.now();
            let outcome = match reading {
                Ok(reading) => {
                    self.collector.absorb(snapshot, reading, now);
                    status.last_began = Some(began);
                    Ok(())
                }
                Err(fault) => {
                    self.collector.lost(snapshot, part, &fault, now);
                    Err(fault)
                }
            };
            let words = outcome.as_ref().err().map(|fault| (fault.to_string(), fault.reason()));
            if status.ended(outcome, took, now) {
                self.log_change(part, words);
            }
        });
        tracing::debug!(
            collector = C::NAME, target = %self.slot.name, part = part.name, duration_seconds = took.as_secs_f64(),
            "{}/{}: round ended", self.slot.name, part.name
        );
    }

    /// Changes the memory of the target and publishes what follows from it.
    fn update(&self, part: &Part, change: impl FnOnce(&mut C::Snapshot, &mut PartStatus)) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let Memory { snapshot, parts } = &mut *memory;
            if let Some(status) = parts.iter_mut().find(|status| status.part == *part) {
                change(snapshot, status);
            }
            self.picture(&mut memory)
        }));
        let (view, page) = whole.unwrap_or_else(|panic| {
            // The picture may be half changed: begin again with none, which shows nothing rather than something wrong.
            let fault = self.defect(part, panic.as_ref());
            memory.snapshot = C::Snapshot::default();
            for status in &mut memory.parts {
                status.ended(Err(fault.clone()), Duration::ZERO, self.clock.now());
                status.last_success = None;
            }
            let view = TargetView::new::<C>(
                self.slot.name.clone(),
                C::Snapshot::default(),
                crate::collectors::Diagnosis::default(),
            );
            (view, Page::new(&[]))
        });
        let data = page.finish();
        self.own.duplicate_samples.inc_by(data.duplicates);
        self.slot.put(view, data, memory.parts.clone());
        drop(memory);
        self.changed.notify_one();
    }

    /// The picture without what is stale, as samples and diagnosis.
    fn picture(&self, memory: &mut Memory<C::Snapshot>) -> (TargetView, Page) {
        let now = self.clock.now();
        for status in memory.parts.iter().filter(|status| status.is_stale(now)) {
            self.collector.expire(&mut memory.snapshot, &status.part);
        }
        let name = &self.slot.name;
        let mut page = Page::new(&[("target", name.as_str())]);
        C::samples(&memory.snapshot, &mut page);
        let diagnosis = self.collector.diagnose(&memory.snapshot, now);
        (
            TargetView::new::<C>(name.clone(), memory.snapshot.clone(), diagnosis),
            page,
        )
    }

    /// A repeating fault is told once, and its end.
    fn log_change(&self, part: &Part, fault: Option<(String, Reason)>) {
        let (name, part) = (&self.slot.name, part.name);
        if let Some((words, reason)) = fault {
            let reason = reason.label();
            tracing::warn!(collector = C::NAME, target = %name, part, reason, "{name}/{part}: {words}");
        } else {
            tracing::info!(collector = C::NAME, target = %name, part, "{name}/{part}: up");
        }
    }

    fn defect(&self, part: &Part, panic: &(dyn std::any::Any + Send)) -> Fault {
        let words = panic.downcast_ref::<&str>().map(ToString::to_string);
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
        Fault::new(
            self.slot.name.as_str(),
            part.name,
            Why::Internal(words.unwrap_or_else(|| "it panicked".to_owned())),
        )
    }
}

/// A number from 0 to 1 that differs from call to call. Good enough to spread load, and for nothing else.
fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0_u8);
    // 2^32 steps are plenty, and convert exactly.
    let high = u32::try_from(bits >> 32).unwrap_or_default();
    f64::from(high) / f64::from(u32::MAX)
}
