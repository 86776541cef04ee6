//! For tests: rounds made by hand, from a table and what a probe of each mount would bring.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::plan;
use super::prober::{CountOf, Failed, Finished, Report};
use super::question::{Files, Space};
use super::reader::Probed;
use super::snapshot::{MountView, Snapshot};
use super::source::{self, Server};
use super::table;
use super::target::Target;
use crate::clock::{Now, UnixTime};

pub(super) const FARM: &[u8] = include_bytes!("fixtures/mountinfo-farm-made-up.txt");
pub(super) const LOST_SHARES: &[u8] = include_bytes!("fixtures/cifs-debug-data-made-up.txt");

/// A picture of these mounts, whose servers accept connections or do not.
pub(crate) fn picture_of(mounts: Vec<MountView>, servers_answer: bool) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let servers = mounts.iter().filter_map(|view| view.server.clone());
    let servers: Vec<(Server, bool)> = servers.map(|server| (server, servers_answer)).collect();
    snapshot.absorb_servers(servers);
    snapshot.mounts = mounts;
    snapshot
}

/// A machine that is looked at once in a while.
pub(super) struct Machine {
    pub target: Target,
    pub table: Vec<u8>,
    pub debug_data: Vec<u8>,
    pub snapshot: Snapshot,
    /// Probes by mount point; what has none here is well and has 18 TB.
    pub reports: HashMap<String, Report>,
    pub now: Now,
}

pub(super) fn target(text: &str) -> Target {
    serde_json::from_str(text).unwrap()
}

pub(super) fn space(size: u64, avail: u64) -> Space {
    Space {
        size: Some(size),
        avail: Some(avail),
        used: Some(size - avail),
        inodes: Some(1_000_000),
        inodes_free: Some(999_000),
        device: None,
    }
}

impl Machine {
    pub(super) fn new(target: Target, table: &[u8]) -> Self {
        // Far enough from the beginning of the monotonic clock that a probe may have begun an hour ago.
        let start = Instant::now() + Duration::from_hours(2);
        Self {
            target,
            table: table.to_vec(),
            debug_data: Vec::new(),
            snapshot: Snapshot::default(),
            reports: HashMap::new(),
            now: Now {
                wall: UnixTime::from_millis(1_700_000_000_000),
                monotonic: start,
            },
        }
    }

    pub(super) fn farm() -> Self {
        Self::new(target(r#"{"name": "host"}"#), FARM)
    }

    /// Lets time pass on both clocks.
    pub(super) fn after(&mut self, duration: Duration) -> &mut Self {
        self.now.monotonic += duration;
        self.now.wall = self.now.wall.plus(duration);
        self
    }

    pub(super) fn well(&mut self, mount: &str, found: Space, files: Option<Files>) -> &mut Self {
        let counts = files
            .map(|files| (CountOf::Plots, self.finished(Ok(files))))
            .into_iter()
            .collect();
        let space = Some(self.finished(Ok(found)));
        self.reports.insert(
            mount.to_owned(),
            Report {
                space,
                counts,
                ..Report::default()
            },
        );
        self
    }

    pub(super) fn failed(&mut self, mount: &str, errno: i32) -> &mut Self {
        let space = Some(self.finished(Err(Failed::Errno(errno))));
        self.reports.insert(
            mount.to_owned(),
            Report {
                space,
                ..Report::default()
            },
        );
        self
    }

    /// A probe has been in flight for so long; what it brought before stays known.
    pub(super) fn hangs(&mut self, mount: &str, since: Duration) -> &mut Self {
        let in_flight = Some(self.now.monotonic - since);
        self.reports.entry(mount.to_owned()).or_default().in_flight = in_flight;
        self
    }

    pub(super) fn counted(&mut self, mount: &str, of: CountOf, files: Files) -> &mut Self {
        let finished = self.finished(Ok(files));
        self.reports.get_mut(mount).unwrap().counts.push((of, finished));
        self
    }

    pub(super) fn finished<T>(&self, outcome: Result<T, Failed>) -> Finished<T> {
        Finished {
            at: self.now.monotonic,
            took: Duration::from_millis(2),
            outcome,
        }
    }

    /// One round.
    pub(super) fn look(&mut self) -> &mut Self {
        let table = table::parse_mountinfo(&self.table);
        let plan = plan::plan(&self.target, &table);
        let report = |mount: &plan::Chosen| {
            let usual = Report {
                space: Some(self.finished(Ok(space(18_000_000_000_000, 9_000_000_000_000)))),
                ..Report::default()
            };
            self.reports.get(&mount.label).cloned().unwrap_or(usual)
        };
        let probed = Probed {
            reports: plan.chosen.iter().map(report).collect(),
            plan,
            shares: source::parse_debug_data(&self.debug_data),
            points: Arc::new(plan::points(&table)),
            entries: table.rows.len(),
            malformed: table.malformed,
            children: 4,
            trouble: None,
        };
        self.snapshot.absorb(&self.target, probed, self.now);
        self
    }

    pub(super) fn view(&self, mount: &str) -> &super::MountView {
        self.snapshot.mounts.iter().find(|view| view.mount == mount).unwrap()
    }
}

pub(super) fn temporary(path: &str) -> CountOf {
    CountOf::Temporary(PathBuf::from(path))
}

pub(super) fn missing(path: &str) -> CountOf {
    CountOf::Missing(PathBuf::from(path))
}
