//! What events tell: signage points that do not come, harvesters that do not answer them, and slow lookups.

use std::time::Duration as Std;

use super::super::events::{ANSWER_WITHIN, Lookups, STILL, Tally, Teller, WINDOW};
use super::super::known::Known;
use super::super::snapshot::Snapshot;
use super::super::symptoms::{
    EVENTS_LOST, HARVESTER_SILENT, LOOKUP_SLOW, LOOKUP_TOO_SLOW, NO_POINTS, POINTS_MISSED, Thresholds,
};
use super::whole;
use crate::clock::Now;
use crate::collectors::Diagnosis;
use crate::upstream::chia::{NodeId, Service};
use crate::values::Duration;

pub(super) fn events(snapshot: &Snapshot, limits: &Thresholds, now: Now, all: &mut Diagnosis) {
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
    let at_all = silent_for > limit;
    let (lately, of) = own_unanswered(tally, WINDOW, now);
    let (still, _) = own_unanswered(tally, STILL, now);
    let allowed = limits.silent_points.max(of * PACE_MAY_DIFFER / 100);
    let ill = at_all || (lately > allowed && still > 0);
    all.judge(&HARVESTER_SILENT, &snapshot.own_label, Some(ill), || {
        if at_all {
            format!(
                "no answer to a signage point for {} (limit {}); its link to the farmer may be gone, too",
                whole(silent_for),
                whole(limit)
            )
        } else {
            format!("{lately} of about {of} signage points of ten minutes unanswered (limit {allowed})")
        }
    });
}

/// By how many percent signage points may come more slowly than in the mean, before a harvester that answers each of them
/// seems to leave some unanswered.
const PACE_MAY_DIFFER: u64 = 20;

/// Of the signage points that there will have been within a time, how many the harvester that alone tells of itself left
/// unanswered, and all; those to which an answer may still come are in neither.
fn own_unanswered(tally: &Tally, window: Std, now: Now) -> (u64, u64) {
    let (Some(own), Some(connected)) = (&tally.own, tally.connected) else {
        return (0, 0);
    };
    let window = now.monotonic.duration_since(connected).min(window);
    let points = window.saturating_sub(ANSWER_WITHIN).as_millis() / POINT_EVERY.as_millis();
    let points = u64::try_from(points).unwrap_or(u64::MAX);
    (
        points.saturating_sub(own.answered_lately(window, now.monotonic)),
        points,
    )
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
