//! What is remembered of a worker from round to round.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::label;
use super::reading::Listed;
use super::snapshot::{Row, Seen, Workers};
use super::worker::{Status, Worker};
use crate::clock::Now;

/// Since when a worker is as it is. It begins anew when the worker was out of sight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch {
    /// When its block height was first seen as it is now.
    pub height_since: Instant,
    /// The data provider's height then.
    pub provider_then: Option<u64>,
    pub status_since: Instant,
    /// Its height when that began.
    pub height_then: Option<u64>,
    /// Of its session, as PRB passes it on.
    pub session_since: Instant,
}

/// The workers with what is remembered of each from the round before.
pub(super) fn watched(
    listed: Listed<Box<Worker>>,
    before: Option<&Seen<Arc<Workers>>>,
    provided: Option<u64>,
    now: Now,
) -> Workers {
    let before = before.map_or(&[][..], |seen| &seen.value.rows);
    let before: HashMap<&str, &Row> = before
        .iter()
        .map(|row| (row.worker.identity.uuid.as_str(), row))
        .collect();
    let labels = label::workers(&listed.rows);
    let rows = listed.rows.into_iter().zip(labels).map(|(mut worker, label)| {
        worker.message = worker.message.dated(now.wall);
        let before = before.get(worker.identity.uuid.as_str());
        let watch = Watch::next(&worker, before.copied(), provided, now);
        Row { label, worker, watch }
    });
    Workers {
        rows: rows.collect(),
        duplicates: listed.duplicates,
    }
}

impl Watch {
    fn next(worker: &Worker, before: Option<&Row>, provided: Option<u64>, now: Now) -> Self {
        let same_height = before.filter(|row| row.worker.heights.para_block == worker.heights.para_block);
        let session = |worker: &Worker| worker.info.session.and_then(|session| session.state);
        let same_session = before.filter(|row| session(&row.worker) == session(worker));
        let same_status = before.filter(|row| row.worker.status == worker.status);
        Self {
            height_since: same_height.map_or(now.monotonic, |row| row.watch.height_since),
            provider_then: same_height.and_then(|row| row.watch.provider_then).or(provided),
            status_since: same_status.map_or(now.monotonic, |row| row.watch.status_since),
            height_then: same_status
                .and_then(|row| row.watch.height_then)
                .or(worker.heights.para_block),
            session_since: same_session.map_or(now.monotonic, |row| row.watch.session_since),
        }
    }

    /// Whether it has been seen to move on since it is in its state. A restart shifts a worker that stands still by a block.
    pub(super) fn has_moved(&self, worker: &Worker) -> bool {
        let gained = worker.heights.para_block.zip(self.height_then);
        gained.is_some_and(|(now, then)| now.saturating_sub(then) > 1)
    }
}

/// How far the furthest of those workers is whose height is of today.
pub(super) fn furthest<'a>(workers: impl Iterator<Item = &'a Worker>) -> Option<u64> {
    let current = workers.filter(|worker| worker.status.follows() || worker.status == Status::Syncing);
    current.filter_map(|worker| worker.heights.para_block).max()
}
