//! What the pool knows about one mount, and how it holds back after children that die.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::prober::{CountOf, Failed, Finished, Job, Report};
use super::question::{Files, Space};

/// What a child is asked about a mount.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Room,
    Count(CountOf),
}

pub(super) struct Mount {
    pub job: Job,
    /// Part of the last round's list; otherwise it is kept only because a probe of it still hangs.
    pub wanted: bool,
    /// When its room was last asked for.
    pub asked: Option<Instant>,
    pub in_flight: Option<Instant>,
    pub room: Option<Finished<Space>>,
    counted: HashMap<CountOf, Counted>,
}

#[derive(Default)]
struct Counted {
    asked: Option<Instant>,
    last: Option<Finished<Files>>,
}

impl Mount {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            wanted: true,
            asked: None,
            in_flight: None,
            room: None,
            counted: HashMap::new(),
        }
    }

    pub(super) fn begun(&mut self, task: Task, now: Instant) {
        self.in_flight = Some(now);
        match task {
            Task::Room => self.asked = Some(now),
            Task::Count(of) => self.counted.entry(of).or_default().asked = Some(now),
        }
    }

    /// Directories not asked about for `every`; counts of what is no longer asked are forgotten.
    pub(super) fn counts_due(&mut self, now: Instant, every: Duration) -> Vec<CountOf> {
        let wanted: Vec<CountOf> = self.job.counts.iter().map(|count| count.of.clone()).collect();
        self.counted.retain(|of, _| wanted.contains(of));
        let due = |of: &CountOf| {
            let asked = self.counted.get(of).and_then(|counted| counted.asked);
            asked.is_none_or(|asked| now.duration_since(asked) >= every)
        };
        wanted.into_iter().filter(due).collect()
    }

    pub(super) fn count_finished(&mut self, of: CountOf, finished: Finished<Files>) {
        self.counted.entry(of).or_default().last = Some(finished);
    }

    pub(super) fn failed(&mut self, task: Task, at: Instant, took: Duration, why: Failed) {
        match task {
            Task::Room => {
                let outcome = Err(why);
                self.room = Some(Finished { at, took, outcome });
            }
            Task::Count(of) => {
                let outcome = Err(why);
                self.count_finished(of, Finished { at, took, outcome });
            }
        }
    }

    pub(super) fn report(&self, unprobed: bool) -> Report {
        let counts = self
            .counted
            .iter()
            .filter_map(|(of, counted)| Some((of.clone(), counted.last.clone()?)));
        Report {
            space: self.room.clone(),
            counts: counts.collect(),
            in_flight: self.in_flight,
            unprobed: unprobed && self.in_flight.is_none(),
        }
    }
}

/// Pauses that double while children cannot be started or die; the first good answer ends them.
#[derive(Default)]
pub(super) struct BackOff {
    failures: u32,
    pub until: Option<Instant>,
    pub words: Option<String>,
}

/// The longest pause in multiples of the first: ten seconds, so that a round rarely passes without a try.
const LONGEST: u32 = 100;

impl BackOff {
    pub(super) fn fail(&mut self, now: Instant, first: Duration, words: String) {
        let factor = 2_u32.saturating_pow(self.failures).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + first * factor);
        self.words = Some(words);
    }
}
