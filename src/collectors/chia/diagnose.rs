//! What is ill in the picture of a farm, with evidence in words.

use std::time::Duration as Std;

use super::events::{Lookups, STILL, Tally, Teller, WINDOW};
use super::farmer::Pool;
use super::known::Known;
use super::memory::Since;
use super::node::Peers;
use super::snapshot::Snapshot;
use super::symptoms::{
    CERTIFICATE_ENDS, EVENTS_LOST, FEW_PEERS, HARVESTER_DOWN, HARVESTER_RPC_DOWN, HARVESTER_SILENT, LOOKUP_SLOW,
    LOOKUP_TOO_SLOW, NO_PARTIALS, NO_POINTS, NO_WIN, NODE_NOT_SYNCED, NODE_STALLED, PLOTS_DUPLICATE, PLOTS_INVALID,
    PLOTS_KEYS_MISSING, PLOTS_LOST, POINTS_MISSED, POOL_ERRORS, REJECTS, SCAN_STALE, Thresholds, WALLET_NOT_SYNCED,
};
use super::{DETAILS, EVENTS, FARMER, NODE, WALLET};
use crate::clock::Now;
use crate::collectors::Diagnosis;
use crate::upstream::chia::{NodeId, Service};
use crate::values::Duration;

/// `hears` is whether a daemon is configured at all.
pub(super) fn diagnose(snapshot: &Snapshot, limits: &Thresholds, hears: bool, now: Now) -> Diagnosis {
    let mut all = Diagnosis::default();
    certificates(snapshot, limits, now, &mut all);
    node(snapshot, limits, now, &mut all);
    all.belongs_to(NODE);
    for (id, known) in &snapshot.harvesters {
        harvester(known, snapshot.refresh_of(id), limits, now, &mut all);
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

/// Harvesters that are asked themselves.
fn setups(snapshot: &Snapshot, all: &mut Diagnosis) {
    for setup in snapshot.details.iter().flat_map(|details| &details.setups) {
        let Some(pick) = &setup.pick else { continue };
        let ill = setup.up.map(|up| !up);
        all.judge(&HARVESTER_RPC_DOWN, pick.name.as_str(), ill, || match &setup.fault {
            Some(fault) => fault.to_string(),
            None => "it does not answer".to_owned(),
        });
    }
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

fn harvester(known: &Known, refresh: Option<Std>, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
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
    scan(known, refresh, limits, now, all);
    let lost = lasts(&known.lost, limits.lost_after, now);
    all.judge(&PLOTS_LOST, name, harvester.plots.map(|_| lost.is_some()), || {
        let (plots, most) = (
            harvester.plots.unwrap_or_default(),
            known.most_plots().unwrap_or_default(),
        );
        format!(
            "{plots} plots, {} fewer than within the last hour, for {} (limit {})",
            most.saturating_sub(plots),
            whole(lost.unwrap_or_default()),
            limits.lost_after
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

/// A refresh comes every two minutes, unless the harvester is told otherwise.
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
fn unseen(snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
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

fn events(snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let memory = &snapshot.memory;
    let heard = memory.last_events.or(memory.began);
    let silent = heard.map(|heard| now.monotonic.duration_since(heard));
    let ill = silent.map(|silent| silent >= limits.events_lost_after.get());
    all.judge(&EVENTS_LOST, "", ill, || {
        let silent = whole(silent.unwrap_or_default());
        format!("no events heard for {silent} (limit {})", limits.events_lost_after)
    });
    let Some(tally) = &snapshot.tally else { return };
    if tally.teller == Teller::Farmer && pushes_points(tally, snapshot) {
        points(tally, limits, now, all);
    }
    for (id, known) in &snapshot.harvesters {
        if known.connected == Some(true) {
            silence((id, known), snapshot, limits, now, all);
            if let Some(heard) = snapshot.lookups(id) {
                lookups(&known.label, heard, limits, now, all);
            }
        }
    }
    if tally.teller == Teller::Harvester {
        own_silence(tally, snapshot, limits, now, all);
    }
    if let Some(own) = &tally.own {
        lookups(&snapshot.own_label, own, limits, now, all);
    }
}

/// A farmer before 1.8 tells us of no signage point, and none before 2.4 says which release it is.
fn pushes_points(tally: &Tally, snapshot: &Snapshot) -> bool {
    let mut details = snapshot.details.iter();
    tally.points.last.is_some() || details.any(|details| details.versions.contains_key(&Service::Farmer))
}

/// In ten minutes.
const POINTS_EXPECTED: u64 = 64;

fn points(tally: &Tally, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let Some(connected) = tally.connected else { return };
    let heard_for = now.monotonic.duration_since(connected);
    let last = tally.points.last.map_or(connected, |last| last.max(connected));
    let none_for = now.monotonic.duration_since(last);
    let none = none_for >= limits.no_points_after.get();
    all.judge(&NO_POINTS, "", Some(none), || {
        format!(
            "no signage point for {} (limit {})",
            whole(none_for),
            limits.no_points_after
        )
    });
    if none {
        // Then all are missed, and it has been said.
        return;
    }
    let (seen, missed) = tally.points.lately(now.monotonic);
    let absent = POINTS_EXPECTED.saturating_sub(seen).saturating_mul(100) > POINTS_EXPECTED * limits.missed_percent;
    let many = missed > limits.missed_points || absent;
    all.judge(&POINTS_MISSED, "", (heard_for >= WINDOW).then_some(many), || {
        let by_farmer = tally.points.missed.map(|_| {
            let limit = limits.missed_points;
            format!(", {missed} missed by the farmer's count (limit {limit})")
        });
        format!(
            "{seen} signage points in ten minutes of {POINTS_EXPECTED} expected (limit {} % fewer){}",
            limits.missed_percent,
            by_farmer.unwrap_or_default()
        )
    });
}

/// Fewer lookups than these tell nothing of the usual one.
const FEWEST_LOOKUPS: usize = 10;

fn silence((id, known): (&NodeId, &Known), snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let Some(unanswered) = snapshot.unanswered(id) else {
        return;
    };
    let limit = limits.silent_points;
    let within = |window| snapshot.unanswered_lately(id, window, now).unwrap_or_default();
    let ((lately, of), (still, _)) = (within(WINDOW), within(STILL));
    let at_all = unanswered > limit;
    let ill = at_all || (lately > limit && still > 0);
    all.judge(&HARVESTER_SILENT, &known.label, Some(ill), || {
        if at_all {
            format!("{unanswered} signage points unanswered (limit {limit})")
        } else {
            format!("{lately} of {of} signage points of ten minutes unanswered (limit {limit})")
        }
    });
}

/// Between two signage points, in the mean.
const POINT_EVERY: Std = Std::from_millis(9_375);

/// Without a farmer nobody tells which signage points there were; they come at a steady pace. What was pushed before the
/// connection, nobody heard: silence counts from there, also of one that has never answered.
fn own_silence(tally: &Tally, snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let answered = tally.own.as_ref().map(|own| own.last.at);
    if answered.is_none() && !snapshot.has_harvester_here() {
        // The daemon of a machine that has none, as far as we are told.
        return;
    }
    let Some(heard) = answered.max(tally.connected) else {
        return;
    };
    let points = u32::try_from(limits.silent_points.saturating_add(1)).unwrap_or(u32::MAX);
    let limit = POINT_EVERY.saturating_mul(points);
    let silent_for = now.monotonic.duration_since(heard);
    all.judge(&HARVESTER_SILENT, &snapshot.own_label, Some(silent_for > limit), || {
        format!(
            "no answer to a signage point for {} (limit {}); its link to the farmer may be gone, too",
            whole(silent_for),
            whole(limit)
        )
    });
}

fn lookups(name: &str, heard: &Lookups, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
    let recent = heard.lately(now.monotonic);
    if recent.len() < FEWEST_LOOKUPS {
        return;
    }
    let slower = |limit: Duration| recent.iter().filter(|took| **took > limit.get().as_secs_f64()).count();
    let share = |number: usize, percent: u64| {
        let (number, all) = (u64::try_from(number), u64::try_from(recent.len()));
        number.is_ok_and(|number| all.is_ok_and(|all| number.saturating_mul(100) > all.saturating_mul(percent)))
    };
    let words = |number: usize, limit: Duration, percent: u64| {
        let slowest = recent.last().copied().unwrap_or_default();
        format!(
            "{number} of {} lookups in ten minutes took more than {limit} (limit {percent} %), the longest {slowest:.1}s",
            recent.len()
        )
    };
    let too_slow = slower(limits.lookup_too_slow);
    let percent = limits.lookup_too_slow_percent;
    let is_too_slow = share(too_slow, percent);
    all.judge(&LOOKUP_TOO_SLOW, name, Some(is_too_slow), || {
        words(too_slow, limits.lookup_too_slow, percent)
    });
    let slow = slower(limits.lookup_slow);
    // One or the other: what is too slow is slow as well, and by no means well.
    let is_slow = (!is_too_slow).then(|| share(slow, 5));
    all.judge(&LOOKUP_SLOW, name, is_slow, || words(slow, limits.lookup_slow, 5));
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
    let knows = snapshot.wallet.is_some_and(|state| state.synced == Some(true));
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
