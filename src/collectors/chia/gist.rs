//! A farm in one line per part, for people.

use super::known::Known;
use super::snapshot::Snapshot;
use crate::clock::Now;
use crate::upstream::Fault;
use crate::values::Duration;

pub(super) fn node(snapshot: &Snapshot) -> Result<String, String> {
    let Some((state, peers)) = &snapshot.node else {
        return Err(NOTHING.to_owned());
    };
    let at = state
        .height
        .map_or_else(|| "without a block".to_owned(), |height| format!("height {height}"));
    let words = format!(
        "{at}, {}",
        peers.as_ref().map_or_else(
            || "peers unknown".to_owned(),
            |peers| counted(peers.full_nodes(), "peer")
        )
    );
    match (state.synced, state.sync_target) {
        (Some(true), _) => Ok(format!("synchronised, {words}")),
        (_, Some(target)) => Err(format!("synchronises to {target}, {words}")),
        _ => Err(format!("not synchronised, {words}")),
    }
}

pub(super) fn farmer(snapshot: &Snapshot) -> Result<String, String> {
    if snapshot.farmer.is_none() {
        return Err(NOTHING.to_owned());
    }
    let connected = |known: &&Known| known.connected == Some(true);
    let there: Vec<_> = snapshot.harvesters.values().filter(connected).collect();
    let plots = there.iter().filter_map(|known| known.now.as_ref()?.plots).sum();
    let mut words = vec![format!(
        "{} with {}",
        counted(u64::try_from(there.len()).unwrap_or(u64::MAX), "harvester"),
        counted(plots, "plot")
    )];
    let gone = snapshot
        .harvesters
        .values()
        .filter(|known| known.connected == Some(false));
    let gone: Vec<&str> = gone
        .map(|known| known.label.as_str())
        .chain(snapshot.unseen.iter().map(String::as_str))
        .collect();
    if !gone.is_empty() {
        words.push(format!("not connected: {}", gone.join(", ")));
    }
    if there.is_empty() || !gone.is_empty() {
        return Err(words.join(", "));
    }
    Ok(words.join(", "))
}

pub(super) fn wallet(snapshot: &Snapshot) -> Result<String, String> {
    let Some(state) = &snapshot.wallet else {
        return Err(NOTHING.to_owned());
    };
    let at = state
        .height
        .map_or_else(String::new, |height| format!(", height {height}"));
    match state.synced {
        Some(true) => Ok(format!("synchronised{at}")),
        _ => Err(format!("not synchronised{at}")),
    }
}

pub(super) fn events(snapshot: &Snapshot, now: Now) -> Result<String, String> {
    let Some(tally) = &snapshot.tally else {
        return Err(NOTHING.to_owned());
    };
    let heard: u64 = tally.received().map(|(_, count)| count).sum();
    let last = tally.last.map(|last| {
        let ago = Duration::from_secs(now.monotonic.duration_since(last).as_secs());
        format!(", the last {ago} ago")
    });
    Ok(format!(
        "listens, {}{}",
        counted(heard, "event"),
        last.unwrap_or_default()
    ))
}

pub(super) fn details(snapshot: &Snapshot) -> Result<String, String> {
    let Some(details) = &snapshot.details else {
        return Err(NOTHING.to_owned());
    };
    let mut releases: Vec<&str> = details.versions.values().map(String::as_str).collect();
    releases.sort_unstable();
    releases.dedup();
    let mut words = match releases.as_slice() {
        [] if details.before_2_4 => vec!["a release before 2.4".to_owned()],
        [] => Vec::new(),
        releases => vec![format!("release {}", releases.join(", "))],
    };
    words.extend(details.network.clone());
    let directories: usize = snapshot.here().iter().map(|here| here.directories.len()).sum();
    if directories > 0 {
        words.push(format!("{directories} plot directories here"));
    }
    let silent = details.setups.iter().filter(|setup| setup.up == Some(false));
    let silent: Vec<&str> = silent
        .filter_map(|setup| Some(setup.pick.as_ref()?.name.as_str()))
        .collect();
    if words.is_empty() && silent.is_empty() {
        return Ok("nothing was told".to_owned());
    }
    if silent.is_empty() {
        return Ok(words.join(", "));
    }
    // The fault itself is said behind.
    words.push(format!("could not be asked: {}", silent.join(", ")));
    Err(words.join(", "))
}

/// A part of which some calls failed is not well, whatever the others brought.
pub(super) fn with_faults(told: Result<String, String>, faults: &[Fault]) -> Result<String, String> {
    let Some(first) = faults.first() else { return told };
    let (Ok(words) | Err(words)) = told;
    let more = match faults.len() - 1 {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(format!("{words}; {first}{more}"))
}

pub(super) fn plots(snapshot: &Snapshot) -> String {
    let looked = snapshot
        .plots
        .values()
        .map(|plots| plots.kinds.values().map(|amount| amount.plots).sum::<u64>());
    match looked.sum() {
        0 => "not looked at one by one".to_owned(),
        plots => format!("{} looked at", counted(plots, "plot")),
    }
}

const NOTHING: &str = "nothing is known yet";

fn counted(number: u64, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}
