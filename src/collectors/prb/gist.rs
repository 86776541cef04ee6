//! A PRB in one line, for people.

use super::peer::Role;
use super::session::SessionState;
use super::snapshot::{PeerView, Snapshot};
use super::v3::transactions::State;
use super::worker::Status;
use crate::values::Duration;

/// What the monitor lists and which of it answers, or what the worker manager says of itself.
pub(super) fn peers(snapshot: &Snapshot) -> Result<String, String> {
    if let Some(revision) = &snapshot.revision {
        return Ok(format!("PRB v3, revision {revision}"));
    }
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

/// How many transactions of a worker manager there are.
pub(super) fn transactions(snapshot: &Snapshot) -> Result<String, String> {
    let Some(known) = &snapshot.transactions else {
        return Err("nothing is known yet".to_owned());
    };
    let counts = State::ALL.iter().filter_map(|state| {
        let count = known.count(*state).filter(|count| *count > 0)?;
        Some(format!("{count} {}", state.label()))
    });
    let counts: Vec<String> = counts.collect();
    let words = if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    };
    Ok(if known.cut {
        format!("the newest of them: {words}")
    } else {
        words
    })
}

/// What is configured.
pub(super) fn inventory(snapshot: &Snapshot) -> Result<String, String> {
    let words = snapshot.lifecycles().map(|view| match &view.inventory {
        None => Err(format!("{}: what is configured is not known", view.label)),
        Some(seen) => Ok(format!(
            "{}: {} in {} configured",
            view.label,
            counted(seen.value.workers.rows.len(), "worker"),
            counted(seen.value.pools.len(), "pool")
        )),
    });
    let words: Vec<Result<String, String>> = words.collect();
    let all_known = words.iter().all(Result::is_ok);
    let words: Vec<String> = words
        .into_iter()
        .map(|words| words.unwrap_or_else(|words| words))
        .collect();
    if all_known {
        Ok(words.join(", "))
    } else {
        Err(words.join(", "))
    }
}

/// What the chain knows, and at which block.
pub(super) fn chain(snapshot: &Snapshot) -> Result<String, String> {
    let Some(last) = snapshot.chain.last() else {
        return Err("nothing is known yet".to_owned());
    };
    let at = match last.height {
        Some(height) => format!("{} at block {height}", last.runtime),
        None => last.runtime.clone(),
    };
    if snapshot.chain.state().is_none() {
        let age = snapshot.chain.age();
        let age = age.map(|age| format!("made {} ago", Duration::from_secs(age.as_secs())));
        let age = age.unwrap_or_else(|| "which does not say when it was made".to_owned());
        return Err(format!("{at}, {age}: not the present, so PRB's own word stands"));
    }
    let sessions = last.workers.values().filter_map(|worker| worker.session);
    let (mut bound, mut unresponsive) = (0, 0);
    for session in sessions {
        bound += 1;
        unresponsive += usize::from(session.state == Some(SessionState::Unresponsive));
    }
    let asked = counted(last.workers.len(), "worker");
    let mut words = vec![format!("{at}: {bound} of {asked} bound, {unresponsive} unresponsive")];
    if snapshot.chain.heartbeat_paused() {
        words.push("heartbeats are paused".to_owned());
    }
    if last.unreadable > 0 {
        words.push(format!("{} of an unknown form", counted(last.unreadable, "value")));
    }
    if last.left_out > 0 {
        let left_out = counted(last.left_out, "worker");
        words.push(format!("{left_out} left out, as it answers for one key at a time"));
    }
    Ok(words.join(", "))
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
