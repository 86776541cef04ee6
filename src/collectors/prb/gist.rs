//! A PRB in one line, for people.

use super::peer::Role;
use super::snapshot::{PeerView, Snapshot};
use super::worker::Status;

/// What the monitor lists and which of it answers.
pub(super) fn peers(snapshot: &Snapshot) -> Result<String, String> {
    let of = |role: Role| snapshot.peers().filter(move |view| view.peer.role == role);
    let mut words = Vec::new();
    for view in of(Role::DataProvider) {
        let told = view.provider.as_ref().map(|seen| seen.value);
        words.push(match (view.up(), told.and_then(|told| told.para.processed)) {
            (Some(false), _) => format!("{} does not answer", view.label),
            (_, Some(height)) => format!("{} at block {height}", view.label),
            (_, None) => format!("{} without a block yet", view.label),
        });
    }
    words.push(counted(of(Role::Lifecycle).count(), "lifecycle"));
    well(of(Role::DataProvider), &words)
}

/// How many workers each lifecycle has, and in which states.
pub(super) fn workers(snapshot: &Snapshot) -> Result<String, String> {
    let words = snapshot.lifecycles().map(|view| match (view.up(), &view.workers) {
        (Some(false), _) | (_, None) => format!("{} does not answer", view.label),
        (_, Some(seen)) => {
            let rows = &seen.value.rows;
            let active = rows.iter().filter(|row| row.worker.status == Status::Active).count();
            format!("{}: {active} of {} active", view.label, counted(rows.len(), "worker"))
        }
    });
    well(snapshot.lifecycles(), &words.collect::<Vec<_>>())
}

/// What is configured.
pub(super) fn inventory(snapshot: &Snapshot) -> String {
    let known = snapshot.lifecycles().filter_map(|view| view.inventory.as_ref());
    let (mut workers, mut pools) = (0, 0);
    for seen in known {
        workers += seen.value.workers.rows.len();
        pools += seen.value.pools.len();
    }
    format!(
        "{} in {} configured",
        counted(workers, "worker"),
        counted(pools, "pool")
    )
}

fn well<'a>(mut peers: impl Iterator<Item = &'a PeerView>, words: &[String]) -> Result<String, String> {
    let words = words.join(", ");
    if peers.any(|view| view.up() == Some(false)) {
        Err(words)
    } else {
        Ok(words)
    }
}

fn counted(number: usize, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}
