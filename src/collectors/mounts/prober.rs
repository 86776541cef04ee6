//! The pool: a background task that has mounts probed by a few children and never waits for a dead one.
//!
//! A child that does not answer at once is set aside with its mount and another takes its place, so that a dead share
//! costs one process and delays nobody. At most one probe is in flight per mount, and at most `max_children` in all.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::pool::Pool;
use super::question::{Files, RawPath, Space, What};
use crate::process::Program;

/// A mount as long as it exists: a share mounted anew has another id, and is not held up by a probe of the old one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub id: u64,
    pub mount_point: Vec<u8>,
}

/// What is to be known about a mount in a round.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub key: Key,
    pub path: RawPath,
    /// Directories on it whose files are counted, more rarely than the room is asked.
    pub counts: Vec<Count>,
}

#[derive(Clone, Debug)]
pub(super) struct Count {
    pub of: CountOf,
    pub path: RawPath,
    pub skip: Vec<RawPath>,
}

/// Why files are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum CountOf {
    /// The plots on the mount.
    Plots,
    /// A temporary directory of a plotter.
    Temporary(PathBuf),
    /// What was written into the directory of a mount that is not there.
    Missing(PathBuf),
}

/// The last end of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finished<T> {
    pub at: Instant,
    pub took: Duration,
    pub outcome: Result<T, Failed>,
}

/// Why a probe brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The number of the system's error.
    Errno(i32),
    /// The child that did it ended unexpectedly.
    ChildEnded,
}

/// What is known of a mount at the end of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub space: Option<Finished<Space>>,
    pub counts: Vec<(CountOf, Finished<Files>)>,
    /// Since when the call that has not returned runs.
    pub in_flight: Option<Instant>,
    /// There was no child left to ask.
    pub unprobed: bool,
}

/// The end of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    pub mounts: HashMap<Key, Report>,
    pub children: usize,
    /// Why no child could be started, when that was so.
    pub trouble: Option<String>,
}

/// The pool's bounds. All but the first three are the same for everyone, and smaller in tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// After which a probe in flight is no longer waited for.
    pub probe_timeout: Duration,
    /// Pause between two counts of the same directory.
    pub count_every: Duration,
    pub max_children: usize,
    /// Children at work that may still answer soon; more would only load the disks.
    pub responsive: usize,
    /// A healthy `statvfs` takes microseconds, over the network milliseconds. Four at a time, 100 dead shares are all
    /// set aside within 5 s of the first round.
    pub aside_after: Duration,
    /// A round ends this long after the probe timeout, whatever hangs.
    pub grace: Duration,
    /// First pause after a child that ended by itself; it doubles up to a hundredfold.
    pub back_off: Duration,
}

impl Limits {
    pub(super) const fn new(probe_timeout: Duration, count_every: Duration, max_children: usize) -> Self {
        Self {
            probe_timeout,
            count_every,
            max_children,
            responsive: 4,
            aside_after: Duration::from_millis(200),
            grace: Duration::from_secs(1),
            back_off: Duration::from_millis(100),
        }
    }

    /// Time for a count: less than the timeout, so that a slow directory is incomplete and not stuck.
    pub(super) fn files(&self, skip: Vec<RawPath>) -> What {
        let budget = self.probe_timeout.mul_f64(0.8);
        What::Files {
            skip,
            budget_millis: u64::try_from(budget.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

pub(super) struct Round {
    /// Hold from this round on.
    pub limits: Limits,
    pub jobs: Vec<Job>,
    pub reply: oneshot::Sender<Reports>,
}

/// The handle. The task begins with the first round and ends with the handle; children that hang are left behind.
pub(super) struct Prober {
    program: Program,
    limits: Limits,
    alive: Gauge,
    rounds: Arc<OnceLock<mpsc::Sender<Round>>>,
}

impl Prober {
    pub(super) fn new(program: Program, limits: Limits, alive: Gauge) -> Self {
        Self {
            program,
            limits,
            alive,
            rounds: Arc::default(),
        }
    }

    /// The same pool with other limits. A mount that hangs keeps the child it has instead of getting another.
    pub(super) fn with(&self, limits: Limits) -> Self {
        Self {
            program: self.program.clone(),
            limits,
            alive: self.alive.clone(),
            rounds: Arc::clone(&self.rounds),
        }
    }

    /// Has the mounts probed; takes no longer than the probe timeout and a second. `None` if the pool is gone, which
    /// only the end of the runtime or a defect can bring about.
    pub(super) async fn round(&self, jobs: Vec<Job>) -> Option<Reports> {
        let rounds = self.rounds.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(1);
            tokio::spawn(Pool::new(self.program.clone(), self.limits, self.alive.clone()).run(receiver));
            sender
        });
        let (reply, reports) = oneshot::channel();
        let round = Round {
            limits: self.limits,
            jobs,
            reply,
        };
        rounds.send(round).await.ok()?;
        reports.await.ok()
    }
}

#[cfg(test)]
mod tests;
