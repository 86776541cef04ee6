//! How the rounds of a part go, and what is told of that.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Now, UnixTime};
use crate::collectors::Part;
use crate::exposition::{Desc, Page, Rendered};
use crate::upstream::{Fault, Reason};
use crate::values::Name;

pub(super) static UP: Desc<3> = Desc::gauge(
    "farmwarden_target_up",
    "1 if the last round of this part of the target succeeded. Absent before the first round has ended.",
    &["collector", "target", "part"],
);
pub(super) static ROUND_DURATION: Desc<3> = Desc::gauge(
    "farmwarden_target_round_duration_seconds",
    "How long the last round took, whether it succeeded or not.",
    &["collector", "target", "part"],
);
pub(super) static LAST_SUCCESS: Desc<3> = Desc::gauge(
    "farmwarden_target_last_success_timestamp_seconds",
    "When a round last succeeded, since 1970. Absent if none ever did.",
    &["collector", "target", "part"],
);
pub(super) static FAILURES: Desc<4> = Desc::counter(
    "farmwarden_target_failures_total",
    "Failed rounds by reason. in_progress counts rounds that were skipped because the one before was not done.",
    &["collector", "target", "part", "reason"],
);
/// A part of a target as it was read for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRead {
    pub part: &'static str,
    /// When its last round began; nothing if that failed, or none has ended.
    pub began: Option<UnixTime>,
}

/// How the rounds of a part go.
#[derive(Clone, Debug)]
pub struct PartStatus {
    pub part: Part,
    /// `None` before the first round has ended.
    pub up: Option<bool>,
    pub last_success: Option<Now>,
    /// When the last round that succeeded began: what it shows is no older.
    pub last_began: Option<UnixTime>,
    pub last_duration: Duration,
    /// When the next round begins; `None` while one runs.
    pub next_round: Option<Instant>,
    /// The fault of the last round that failed, and when that was.
    pub last_fault: Option<(Fault, Now)>,
    failures: [u64; Reason::ALL.len()],
}

impl PartStatus {
    pub(super) fn new(part: Part) -> Self {
        Self {
            part,
            up: None,
            last_success: None,
            last_began: None,
            last_duration: Duration::ZERO,
            next_round: None,
            last_fault: None,
            failures: [0; Reason::ALL.len()],
        }
    }

    /// Takes a round's end into the books. True when `up` or the reason of the failure changed.
    pub fn ended(&mut self, outcome: Result<(), Fault>, took: Duration, now: Now) -> bool {
        self.last_duration = took;
        match outcome {
            Ok(()) => {
                let changed = self.up != Some(true);
                self.up = Some(true);
                self.last_success = Some(now);
                changed
            }
            Err(fault) => {
                let before = self.last_fault.as_ref().map(|(fault, _)| fault.reason());
                let changed = self.up != Some(false) || before != Some(fault.reason());
                self.count(fault.reason(), 1);
                self.up = Some(false);
                self.last_fault = Some((fault, now));
                changed
            }
        }
    }

    pub(super) fn read(&self) -> PartRead {
        PartRead {
            part: self.part.name,
            began: self.last_began.filter(|_| self.up == Some(true)),
        }
    }

    pub fn count(&mut self, reason: Reason, times: u64) {
        for (counted, count) in Reason::ALL.iter().zip(&mut self.failures) {
            if *counted == reason {
                *count += times;
            }
        }
    }

    /// Whether what the part brought is too old to be shown.
    pub fn is_stale(&self, now: Now) -> bool {
        self.stale_at().is_none_or(|at| now.monotonic >= at)
    }

    /// When what the part brought becomes too old; `None` when there is nothing.
    pub fn stale_at(&self) -> Option<Instant> {
        self.last_success.map(|last| last.monotonic + self.part.stale_after())
    }

    pub(super) fn samples(&self, collector: &str, target: &str, page: &mut Page) {
        let labels = [collector, target, self.part.name];
        page.add(&UP, labels, self.up);
        page.add(&ROUND_DURATION, labels, self.up.map(|_| self.last_duration));
        page.add(&LAST_SUCCESS, labels, self.last_success.map(|last| last.wall));
        for (reason, count) in Reason::ALL.iter().zip(self.failures) {
            page.add(&FAILURES, [collector, target, self.part.name, reason.label()], count);
        }
    }
}

/// The families of all parts of a target.
pub(super) fn render(collector: &str, target: &Name, parts: &[PartStatus]) -> Rendered {
    let mut page = Page::new(&[]);
    for part in parts {
        part.samples(collector, target.as_str(), &mut page);
    }
    page.finish()
}
