//! When rounds happen: one loop per target and part, apart from what a round does.
//!
//! A round has a deadline, two rounds of a part never overlap, a panic in a collector costs its own samples. The
//! time of a round is never the time of a scrape.

use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::collectors::{Collector, Part, TargetConfig, TargetView, Tools, Visit};
use crate::exposition::{Own, Page};
use crate::relations;
use crate::store::{PartStatus, Slot, Store};
use crate::upstream::{Fault, Reason, Why};

/// First rounds are spread over this time, so that a restart does not ask a whole farm in one instant.
const FIRST_ROUNDS_WITHIN: Duration = Duration::from_secs(1);

/// Verdicts are renewed at most this often. Judging looks at every target: doing it for every single round would cost
/// the square of their number.
const JUDGE_EVERY: Duration = Duration::from_millis(200);

/// All running loops. Dropping it stops them.
pub struct Schedule {
    store: Arc<Store>,
    tools: Tools,
    clock: Clock,
    loops: JoinSet<()>,
    changed: Arc<Notify>,
    faults: Vec<Fault>,
}

impl Schedule {
    pub fn new(store: Arc<Store>, tools: Tools, clock: Clock) -> Self {
        let changed = Arc::new(Notify::new());
        let mut loops = JoinSet::new();
        loops.spawn(judge(Arc::clone(&store), Arc::clone(&changed)));
        Self {
            store,
            tools,
            clock,
            loops,
            changed,
            faults: Vec::new(),
        }
    }

    /// Targets that could not even be set up: a defect of the configuration, not of an upstream.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    fn start<C: Collector>(&mut self, collector: C, target: &C::Target) {
        let parts = collector.parts();
        let slot = self.store.add(target.name().clone(), C::NAME, &parts);
        let memory = Memory {
            snapshot: C::Snapshot::default(),
            parts: slot.parts(),
        };
        let rounds = Arc::new(Rounds {
            collector,
            slot,
            changed: Arc::clone(&self.changed),
            clock: self.clock.clone(),
            own: self.tools.own.clone(),
            memory: Mutex::new(memory),
        });
        for part in parts {
            self.loops.spawn(Arc::clone(&rounds).run(part));
        }
    }
}

impl Visit for Schedule {
    fn target<C: Collector>(&mut self, target: C::Target) {
        match C::connect(&target, &self.tools) {
            Ok(collector) => self.start(collector, &target),
            Err(fault) => self.faults.push(fault),
        }
    }
}

/// Keeps the verdicts up with the pictures.
async fn judge(store: Arc<Store>, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        store.judge(relations::judge);
        tokio::time::sleep(JUDGE_EVERY).await;
    }
}

/// The rounds of one target. Parts ask side by side; what they bring is put together under one lock.
struct Rounds<C: Collector> {
    collector: C,
    slot: Arc<Slot>,
    /// Told whenever there is a new picture.
    changed: Arc<Notify>,
    clock: Clock,
    own: Own,
    memory: Mutex<Memory<C::Snapshot>>,
}

struct Memory<S> {
    snapshot: S,
    parts: Vec<PartStatus>,
}

impl<C: Collector> Rounds<C> {
    async fn run(self: Arc<Self>, part: Part) {
        tokio::time::sleep(FIRST_ROUNDS_WITHIN.min(part.every).mul_f64(chance())).await;
        self.round(&part).await;
        let mut next = Instant::now() + part.every.mul_f64(chance());
        loop {
            self.meanwhile(&part, tokio::time::sleep_until(next)).await;
            self.round(&part).await;
            next = self.after(&part, next);
        }
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

    async fn round(&self, part: &Part) {
        let started = Instant::now();
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
        self.ended(part, reading, started.elapsed());
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

    fn ended(&self, part: &Part, reading: Result<C::Reading, Fault>, took: Duration) {
        self.update(part, |snapshot, status| {
            let now = self.clock.now();
            let outcome = reading.map(|reading| self.collector.absorb(snapshot, reading, now));
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

#[cfg(test)]
mod tests;
