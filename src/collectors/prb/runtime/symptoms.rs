//! What can be wrong with a pRuntime, and how it is found: pure.
//!
//! What more pRuntimes of a lifecycle have in common than may fail alone is told once, of the lifecycle.

use std::time::Duration as Std;

use super::answers::Info;
use super::group::Group;
use super::picture::{Pending, State, View};
use crate::clock::Now;
use crate::collectors::prb::snapshot::Snapshot;
use crate::collectors::prb::symptoms::Thresholds;
use crate::collectors::{Diagnosis, Symptom};
use crate::values::Duration;

pub static DOWN: Symptom = Symptom {
    name: "pruntime_down",
    meaning: "A worker's pRuntime does not answer farmwarden, or with an error only. Without it the worker misses its \
              heartbeats: ten blocks, two minutes, are the window.",
    advice: "Connection refused: does its container run (docker ps)? After a kick it ends with exit code 0, and the \
             policy on-failure does not start it again. No answer: is the machine on, and reachable from here? A release \
             0.x answers one at a time and may be busy with blocks. An error: its log says more.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub(in crate::collectors::prb) static NOT_ASKED: Symptom = Symptom {
    name: "pruntime_not_asked",
    meaning: "PRB has an address for this worker that farmwarden does not connect to: it lies outside of \
              `pruntimes.networks`, or is no http or https address. Whether its pRuntime runs is not known.",
    advice: "If the address is right, add its network to `pruntimes.networks`. If nobody of yours put it there, find out \
             who did: whoever reaches the monitor of a PRB can change everything in it.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub(in crate::collectors::prb) static UNREGISTERED: Symptom = Symptom {
    name: "pruntime_unregistered",
    meaning: "pRuntime is initialized and has caught up with the chain (fewer than 10 blocks behind), but has not seen its \
              registration there for `pruntime_unregistered_after` (15m).",
    advice: "Does PRB say that it waits for an attestation (RA report) or for a transaction? The pool's owner account needs \
             PHA for fees, and pRuntime a way to the attestation service.",
    thresholds: &["prb.thresholds.pruntime_unregistered_after"],
    takes_time: true,
    hint: false,
};
pub static PENDING_MESSAGES: Symptom = Symptom {
    name: "pruntime_pending_messages",
    meaning: "pRuntime has more than `pending_messages` (10) messages for the chain, and for `pending_messages_after` \
              (15m, 75 blocks) they have become more and never fewer: what it sends does not get on the chain, heartbeats \
              among it.",
    advice: "Does the pool's owner account have PHA for fees? Does the trade queue move (PRB v2: trade and redis-q)? The \
             worker itself needs nothing.",
    thresholds: &[
        "prb.thresholds.pending_messages",
        "prb.thresholds.pending_messages_after",
    ],
    takes_time: true,
    hint: false,
};
pub(in crate::collectors::prb) static SAFE_MODE: Symptom = Symptom {
    name: "pruntime_safe_mode",
    meaning: "pRuntime runs in safe mode: level 1 follows the chain without executing blocks, level 2 without storing \
              anything. It does not compute.",
    advice: "Somebody started it so: start it without safe mode when the repair is done.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub(in crate::collectors::prb) static DEV_MODE: Symptom = Symptom {
    name: "pruntime_dev_mode",
    meaning: "pRuntime says that it was set up for development (dev_mode), which may not be where something is earned.",
    advice: "Is it the production image? Initialize it anew without developers' options; what it has sealed must go for \
             that.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};

/// Closer than this to the data provider it has caught up: the window for a heartbeat.
const CAUGHT_UP_BLOCKS: u64 = 10;
/// The same as the age of its last block, where there is no data provider.
const CAUGHT_UP_AGE: Std = Std::from_secs(120);
/// From here on pending messages are worth a line in a summary.
const NOTABLE_PENDING: u64 = 10;

/// Whether it is ill, with evidence.
type Judged = (bool, String);

pub(in crate::collectors::prb) fn diagnose(
    snapshot: &Snapshot,
    thresholds: &Thresholds,
    now: Now,
    diagnosis: &mut Diagnosis,
) {
    for group in snapshot.pruntimes() {
        let judge = Judge {
            group: &group,
            thresholds,
            now,
        };
        judge.all(&DOWN, down, diagnosis);
        judge.all(&NOT_ASKED, |view| Some(not_asked(view)), diagnosis);
        judge.all(&UNREGISTERED, |view| judge.unregistered(view), diagnosis);
        judge.all(&PENDING_MESSAGES, |view| judge.pending(view), diagnosis);
        judge.all(&SAFE_MODE, safe_mode, diagnosis);
        judge.all(&DEV_MODE, dev_mode, diagnosis);
    }
}

/// Judges the pRuntimes of one lifecycle.
struct Judge<'a> {
    group: &'a Group<'a>,
    thresholds: &'a Thresholds,
    now: Now,
}

impl Judge<'_> {
    fn all(&self, symptom: &'static Symptom, look: impl Fn(&View) -> Option<Judged>, diagnosis: &mut Diagnosis) {
        let workers = &self.group.workers;
        let mut ill = Vec::new();
        for (named, view) in workers {
            let Some((is_ill, evidence)) = view.and_then(&look) else {
                continue;
            };
            diagnosis.look_at(symptom);
            if is_ill {
                ill.push((named.worker, evidence));
            } else {
                diagnosis.among(symptom, 1);
                diagnosis.seen_well(symptom, &format!("{}/{}", self.group.lifecycle, named.worker));
            }
        }
        let number = u64::try_from(workers.len()).unwrap_or(u64::MAX);
        let most_alone = self.thresholds.most_alone(number);
        let lifecycle = self.group.lifecycle;
        if let Some((worker, evidence)) = ill
            .first()
            .filter(|_| u64::try_from(ill.len()).is_ok_and(|n| n > most_alone))
        {
            let words = || {
                format!(
                    "{} of {number} pRuntimes (limit {most_alone}), like {worker}: {evidence}",
                    ill.len()
                )
            };
            diagnosis.judge(symptom, lifecycle, Some(true), words);
            return;
        }
        if workers.iter().any(|(_, view)| view.and_then(&look).is_some()) {
            diagnosis.seen_well(symptom, lifecycle);
        }
        for (worker, evidence) in ill {
            diagnosis.judge(symptom, &format!("{lifecycle}/{worker}"), Some(true), || evidence);
        }
    }

    fn unregistered(&self, view: &View) -> Option<Judged> {
        let info = current(view)?;
        let Some(since) = view.watch.unregistered else {
            return (info.registered? || info.initialized == Some(false)).then(|| (false, String::new()));
        };
        let caught_up = self.caught_up(info)?;
        let limit = self.thresholds.pruntime_unregistered_after;
        let stood = self.now.monotonic.saturating_duration_since(since);
        let words = format!(
            "initialized and at the tip, not registered for {} (limit {limit})",
            whole_seconds(stood)
        );
        Some((caught_up && stood >= limit.get(), words))
    }

    fn caught_up(&self, info: &Info) -> Option<bool> {
        match (self.group.provided, info.heights.para_block) {
            (Some(provided), Some(height)) => Some(provided.saturating_sub(height) < CAUGHT_UP_BLOCKS),
            _ => Some(info.block_time?.age_at(self.now.wall) < CAUGHT_UP_AGE),
        }
    }

    fn pending(&self, view: &View) -> Option<Judged> {
        current(view)?;
        let Pending { at_first, now, since } = view.watch.pending?;
        let (limit, after) = (self.thresholds.pending_messages, self.thresholds.pending_messages_after);
        let stood = self.now.monotonic.saturating_duration_since(since);
        let ill = now > limit && now > at_first && stood >= after.get();
        let words = format!(
            "{now} messages wait for the chain (limit {limit}), {at_first} at first, and for {} never fewer",
            whole_seconds(stood)
        );
        Some((ill, words))
    }
}

/// What it says now; nothing while it does not answer.
fn current(view: &View) -> Option<&Info> {
    matches!(view.state, State::Up).then_some(())?;
    Some(&view.told.as_ref()?.info)
}

fn down(view: &View) -> Option<Judged> {
    match &view.state {
        State::Up => Some((false, String::new())),
        State::Down(fault) => Some((true, fault.to_string())),
        State::Refused(_) => None,
    }
}

fn not_asked(view: &View) -> Judged {
    match &view.state {
        State::Up | State::Down(_) => (false, String::new()),
        State::Refused(fault) => (true, fault.to_string()),
    }
}

fn safe_mode(view: &View) -> Option<Judged> {
    let level = current(view)?.safe_mode_level?;
    Some((level > 0, format!("it runs in safe mode, level {level}")))
}

fn dev_mode(view: &View) -> Option<Judged> {
    let dev_mode = current(view)?.dev_mode?;
    Some((dev_mode, "it runs in developers' mode".to_owned()))
}

/// Whether a summary shows it by itself.
pub(super) fn is_notable(view: &View) -> bool {
    let Some(info) = current(view) else {
        return view.up() == Some(false);
    };
    info.registered == Some(false)
        || info.dev_mode == Some(true)
        || info.safe_mode_level.is_some_and(|level| level > 0)
        || info.pending_messages.is_some_and(|pending| pending > NOTABLE_PENDING)
}

/// For people: milliseconds are noise here.
fn whole_seconds(duration: Std) -> Duration {
    Duration::from_secs(duration.as_secs())
}
