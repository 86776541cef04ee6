//! Harvesters as the farmer counts them: who is gone, hangs in its scan, or has lost plots.

use std::time::Duration as Std;

use super::super::known::Known;
use super::super::snapshot::Snapshot;
use super::super::symptoms::{
    HARVESTER_DOWN, HARVESTER_RPC_DOWN, PLOTS_DUPLICATE, PLOTS_INVALID, PLOTS_KEYS_MISSING, PLOTS_LOST, SCAN_STALE,
    Thresholds,
};
use super::{lasts, whole};
use crate::clock::Now;
use crate::collectors::Diagnosis;
use crate::upstream::chia::NodeId;
use crate::values::Duration;

/// Harvesters that are asked themselves.
pub(super) fn setups(snapshot: &Snapshot, all: &mut Diagnosis) {
    for setup in snapshot.details.iter().flat_map(|details| &details.setups) {
        let Some(pick) = &setup.pick else { continue };
        let ill = setup.up.map(|up| !up);
        all.judge(&HARVESTER_RPC_DOWN, pick.name.as_str(), ill, || match &setup.fault {
            Some(fault) => fault.to_string(),
            None => "it does not answer".to_owned(),
        });
    }
}

pub(super) fn harvester(
    (id, known): (&NodeId, &Known),
    snapshot: &Snapshot,
    limits: &Thresholds,
    now: Now,
    all: &mut Diagnosis,
) {
    let name = known.label.as_str();
    let gone = lasts(&known.missing, limits.harvester_down_after, now);
    all.judge(&HARVESTER_DOWN, name, known.connected.map(|_| gone.is_some()), || {
        format!(
            "disconnected for {} (limit {}); last at {}",
            whole(gone.unwrap_or_default()),
            limits.harvester_down_after,
            known.host
        )
    });
    let Some(harvester) = &known.now else { return };
    scan(known, snapshot.refresh_of(id), limits, now, all);
    let lost = lasts(&known.lost, limits.lost_after, now);
    all.judge(&PLOTS_LOST, name, harvester.plots.map(|_| lost.is_some()), || {
        let (plots, most) = (
            harvester.plots.unwrap_or_default(),
            known.most_plots().unwrap_or_default(),
        );
        format!(
            "{plots} plots, {} fewer than before, for {} (limit {}){}",
            most.saturating_sub(plots),
            whole(lost.unwrap_or_default()),
            limits.lost_after,
            thinned(id, snapshot)
        )
    });
    for (symptom, since, count, what) in [
        (&PLOTS_INVALID, &known.invalid, harvester.invalid, "could not be opened"),
        (
            &PLOTS_KEYS_MISSING,
            &known.keys_missing,
            harvester.keys_missing,
            "are for unknown keys",
        ),
        (
            &PLOTS_DUPLICATE,
            &known.duplicates,
            harvester.duplicates,
            "are second copies",
        ),
    ] {
        let lasted = lasts(since, limits.bad_plots_after, now);
        all.judge(symptom, name, count.map(|_| lasted.is_some()), || {
            let lasted = whole(lasted.unwrap_or_default());
            format!(
                "{} plots {what}, for {lasted} (limit {})",
                count.unwrap_or_default(),
                limits.bad_plots_after
            )
        });
    }
}

/// Evidence is read by people: of more directories the worst are told.
const MOST_WORDS: usize = 5;

/// Where plots are gone on another machine, whose mounts are not seen from here; of this one's the relation tells.
fn thinned(id: &NodeId, snapshot: &Snapshot) -> String {
    let mut thinned = snapshot.thinned(id);
    thinned.sort_by_key(|(_, there, most)| there.abs_diff(*most));
    let worst = thinned.iter().rev().take(MOST_WORDS);
    let mut words = vec![String::new()];
    words.extend(worst.map(|(path, there, most)| format!("{} has {there} of {most}", path.display())));
    if let Some(more) = thinned.len().checked_sub(MOST_WORDS).filter(|more| *more > 0) {
        words.push(format!("and {more} more"));
    }
    words.join("; ")
}

/// A refresh comes every two minutes, unless the harvester is told otherwise; for as long as nothing tells how it is.
const USUAL_REFRESH: Std = Std::from_secs(120);

fn scan(known: &Known, refresh: Option<Std>, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let Some(harvester) = known.now.as_ref().filter(|now| now.plots.is_some()) else {
        return;
    };
    let limit = limits.scan_stale_after.get().max(refresh.unwrap_or(USUAL_REFRESH) * 3);
    let stood = known.last_scan.lasts(now.monotonic).unwrap_or_default();
    // A look over a large farm takes its time; one that does not go on has stopped.
    let moves = harvester.scan.is_some() && known.progress.lasts(now.monotonic).is_some_and(|stands| stands < limit);
    all.judge(&SCAN_STALE, &known.label, Some(stood >= limit && !moves), || {
        let ended = match harvester.last_scan {
            Some(_) => "has not finished a look through its directories",
            None => "has not finished its first look through its directories",
        };
        format!("{ended} for {} (limit {})", whole(stood), Duration::from(limit))
    });
}

/// Configured, and never there.
pub(super) fn unseen(snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    if snapshot.farmer.is_none() {
        return;
    }
    let waited = snapshot
        .memory
        .began
        .map(|began| now.monotonic.duration_since(began))
        .unwrap_or_default();
    for name in &snapshot.unseen {
        let ill = waited >= limits.harvester_down_after.get();
        all.judge(&HARVESTER_DOWN, name, Some(ill), || {
            format!("configured, but not seen on the farmer for {}", whole(waited))
        });
    }
}
