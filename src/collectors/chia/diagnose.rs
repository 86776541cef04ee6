//! What is ill in the picture of a farm, with evidence in words.

mod harvesters;
mod heard;

use std::time::Duration as Std;

use super::memory::Since;
use super::node::Peers;
use super::pool::Pool;
use super::snapshot::Snapshot;
use super::symptoms::{
    CERTIFICATE_ENDS, FEW_PEERS, NO_PARTIALS, NO_WIN, NODE_NOT_SYNCED, NODE_STALLED, POOL_ERRORS, REJECTS, Thresholds,
    WALLET_NOT_SYNCED,
};
use super::{DETAILS, EVENTS, FARMER, NODE, WALLET};
use crate::clock::Now;
use crate::collectors::Diagnosis;
use crate::values::Duration;
use harvesters::{harvester, setups, unseen};
use heard::events;

/// `hears` is whether a daemon is configured at all.
pub(super) fn diagnose(snapshot: &Snapshot, limits: &Thresholds, hears: bool, now: Now) -> Diagnosis {
    let mut all = Diagnosis::default();
    certificates(snapshot, limits, now, &mut all);
    node(snapshot, limits, now, &mut all);
    all.belongs_to(NODE);
    for (id, known) in &snapshot.harvesters {
        harvester((id, known), snapshot, limits, now, &mut all);
    }
    unseen(snapshot, limits, now, &mut all);
    if let Some(farmer) = &snapshot.farmer {
        for pool in &farmer.pools {
            judge_pool(pool, snapshot, limits, now, &mut all);
        }
    }
    all.belongs_to(FARMER);
    if hears {
        events(snapshot, limits, now, &mut all);
    }
    all.belongs_to(EVENTS);
    wallet(snapshot, limits, now, &mut all);
    all.belongs_to(WALLET);
    setups(snapshot, &mut all);
    all.belongs_to(DETAILS);
    all
}

/// For people: milliseconds are noise here.
fn whole(duration: Std) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// Ill when it has lasted for so long; well when it does not last at all.
fn lasts(since: &Since, limit: Duration, now: Now) -> Option<Std> {
    since.lasts(now.monotonic).filter(|lasted| *lasted >= limit.get())
}

fn certificates(snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    for (file, end) in snapshot.certificates {
        let left = end.map(|end| now.wall.age_at(end));
        let ill = left.map(|left| left < limits.certificate_ends_within.get());
        all.judge(&CERTIFICATE_ENDS, file, ill, || {
            let days = left.unwrap_or_default().as_secs() / 86_400;
            let what = if file == "ca" {
                "the farm's authority"
            } else {
                "our certificate"
            };
            match end.filter(|end| *end <= now.wall) {
                Some(end) => {
                    let end = end.to_string();
                    let date = end.split_once('T').map_or(end.as_str(), |(date, _)| date);
                    format!("{what} ended on {date}: every service refuses it")
                }
                None => format!("{what} ends in {days} days (limit {})", limits.certificate_ends_within),
            }
        });
    }
}

fn node(snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let Some((state, peers)) = &snapshot.node else { return };
    let memory = &snapshot.memory;
    let at = |words: String| match state.height {
        Some(height) => format!("{words}, at height {height}"),
        None => words,
    };
    let lasted = lasts(&memory.not_synced, limits.not_synced_after, now);
    all.judge(&NODE_NOT_SYNCED, "", state.synced.map(|_| lasted.is_some()), || {
        let lasted = whole(lasted.unwrap_or_default());
        let words = format!("not synchronised for {lasted} (limit {})", limits.not_synced_after);
        match state.sync_target {
            Some(target) => format!("{} of {target}", at(words)),
            None => at(words),
        }
    });
    let stood = memory.height.lasts(now.monotonic).unwrap_or_default();
    let stalled = (state.synced == Some(true)).then(|| stood >= limits.stalled_after.get());
    all.judge(&NODE_STALLED, "", stalled, || {
        at(format!(
            "no block for {} (limit {})",
            whole(stood),
            limits.stalled_after
        ))
    });
    let lasted = lasts(&memory.few_peers, limits.few_peers_after, now);
    all.judge(&FEW_PEERS, "", peers.as_ref().map(|_| lasted.is_some()), || {
        format!(
            "{} full nodes for {} (limit {} for {})",
            peers.as_ref().map(Peers::full_nodes).unwrap_or_default(),
            whole(lasted.unwrap_or_default()),
            limits.min_peers,
            limits.few_peers_after
        )
    });
}

/// Fewer than this many rejected partials are chance.
const FEWEST_REJECTS: u64 = 3;

fn judge_pool(pool: &Pool, snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let Some(memory) = snapshot
        .memory
        .pools
        .get(&pool.launcher)
        .filter(|_| !pool.host.is_empty())
    else {
        return;
    };
    let name = pool.launcher.as_str();
    let plots = pool.plots.filter(|plots| *plots > 0);
    let stood = memory.valid.lasts(now.monotonic).unwrap_or_default();
    let limit = limits.no_partials_after.get();
    let none = plots.filter(|_| memory.expects_some(limit)).map(|_| stood >= limit);
    all.judge(&NO_PARTIALS, name, none, || {
        format!(
            "{} accepted no partial for {} of {} plots (limit {})",
            pool.host,
            whole(stood),
            plots.unwrap_or_default(),
            limits.no_partials_after
        )
    });
    if let Some((rejected, of)) = memory.within_the_hour(pool) {
        let many =
            rejected >= FEWEST_REJECTS && rejected.saturating_mul(100) > of.saturating_mul(limits.rejects_percent);
        all.judge(&REJECTS, name, Some(many), || {
            let limit = limits.rejects_percent;
            format!(
                "{}: {rejected} of {of} partials of the last hour were stale or invalid (limit {limit} %)",
                pool.host
            )
        });
    }
    let lasted = lasts(&memory.errors, limits.pool_errors_after, now);
    all.judge(&POOL_ERRORS, name, pool.errors_24h.map(|_| lasted.is_some()), || {
        let lasted = whole(lasted.unwrap_or_default());
        let limit = limits.pool_errors_after;
        format!(
            "{}: new errors for {lasted} (limit {limit}), {} in 24h",
            pool.host,
            pool.errors_24h.unwrap_or_default()
        )
    });
}

fn wallet(snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    if let Some(state) = &snapshot.wallet {
        let lasted = lasts(&snapshot.memory.wallet_not_synced, limits.wallet_not_synced_after, now);
        all.judge(&WALLET_NOT_SYNCED, "", state.synced.map(|_| lasted.is_some()), || {
            let lasted = whole(lasted.unwrap_or_default());
            format!(
                "not synchronised for {lasted} (limit {})",
                limits.wallet_not_synced_after
            )
        });
    }
    // One that is behind does not know of the last win yet.
    let knows = snapshot.wallet.as_ref().is_some_and(|state| state.synced == Some(true));
    let details = snapshot.details.as_ref().filter(|_| knows);
    let won = details.and_then(|details| details.farmed?.last_time);
    let Some((expected, won)) = snapshot.expected_seconds().zip(won) else {
        return;
    };
    let Ok(limit) = Std::try_from_secs_f64(expected).map(|expected| {
        let times = u32::try_from(limits.no_win_times).unwrap_or(u32::MAX);
        (expected, expected.saturating_mul(times))
    }) else {
        return;
    };
    let (expected, limit) = limit;
    let ago = won.age_at(now.wall);
    all.judge(&NO_WIN, "", Some(ago > limit), || {
        format!(
            "the last win was {} ago, one every {} is expected (limit {} times that)",
            whole(ago),
            whole(expected),
            limits.no_win_times
        )
    });
}

#[cfg(test)]
mod tests;
