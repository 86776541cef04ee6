//! Whose pRuntimes they are: the workers of each lifecycle, under the names that their other figures have.

use super::picture::View;
use crate::collectors::prb::snapshot::Snapshot;
use crate::collectors::prb::solo;

/// The workers of one lifecycle with their pRuntimes.
pub(in crate::collectors::prb) struct Group<'a> {
    /// The label value `lifecycle`.
    pub(super) lifecycle: &'a str,
    /// The block that they can be given, where that is known.
    pub(super) provided: Option<u64>,
    /// `None` for those that were not reached yet.
    pub(super) workers: Vec<(Named<'a>, Option<&'a View>)>,
}

/// A worker, as labels name it.
pub(in crate::collectors::prb) struct Named<'a> {
    pub(super) pool: Option<u64>,
    /// The label value `worker`.
    pub(super) worker: &'a str,
}

impl Snapshot {
    /// The pRuntimes of all lifecycles; nothing where none is asked.
    pub(in crate::collectors::prb) fn pruntimes(&self) -> Vec<Group<'_>> {
        if self.runtimes.is_empty() {
            return Vec::new();
        }
        if !self.solo.is_empty() {
            // Also those that do not answer, of which nothing else is known.
            let workers = self.solo.iter().map(|entry| {
                let worker = entry.name.as_str();
                let view = self.runtimes.of(&entry.pruntime.to_string());
                (Named { pool: None, worker }, view)
            });
            return vec![Group {
                lifecycle: solo::LIFECYCLE,
                provided: None,
                workers: workers.collect(),
            }];
        }
        let with_workers = self
            .lifecycles()
            .filter_map(|view| Some((view, view.workers.as_ref()?)));
        let groups = with_workers.map(|(view, seen)| {
            let workers = seen.value.rows.iter().map(|row| {
                let named = Named {
                    pool: row.worker.identity.pool,
                    worker: &row.label,
                };
                (named, self.runtimes.of(&row.worker.identity.endpoint))
            });
            Group {
                lifecycle: &view.label,
                provided: self.provided(&view.peer),
                workers: workers.collect(),
            }
        });
        groups.collect()
    }
}
