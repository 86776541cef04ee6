//! When a PRB is ill: pure, its picture against thresholds.
//!
//! A worker is ill in one way only, the first that applies. What many workers of a lifecycle have in common is told once,
//! of the lifecycle. A lifecycle that does not answer now is ill itself; its workers are not judged by old reports.

mod sessions;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration as Std;

use super::message::Kind;
use super::on_chain::Picture;
use super::peer::Role;
use super::snapshot::{Listing, PeerView, Row, Snapshot};
use super::symptoms::{
    PEER_DOWN, PROVIDER_LAG, TARGET_STALE, Thresholds, WORKER_ERROR, WORKER_KICKED, WORKER_LAGGING, WORKER_MISSING,
    WORKER_NOT_COMPUTING, WORKER_SETTLED_LONG_AGO, WORKER_STALLED, WORKER_STUCK_SYNCING, WORKER_UNRESPONSIVE,
    WORKER_WRONG_POOL, WORKERS_CORRELATED,
};
use super::worker::{Provider, Status};
use super::worker_samples::lag;
use super::{CHAIN, PEERS, PRUNTIMES, QUEUES, WORKERS, queue, runtime};
use crate::clock::Now;
use crate::collectors::{Diagnosis, Symptom};
use crate::values::Duration;

pub(super) fn diagnose(snapshot: &Snapshot, thresholds: &Thresholds, now: Now) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    if let Some(listing) = &snapshot.listing {
        listed(listing, &mut diagnosis);
        diagnosis.belongs_to(WORKERS);
    }
    // A monitor that lists nobody was restarted: that is one thing, and says nothing of its peers.
    let unlisted = snapshot.listing.as_ref().is_some_and(|listing| listing.peers == 0);
    for view in snapshot.peers() {
        let process = view.peer.role != Role::Solo && !unlisted;
        if let Some(call) = view.call.as_ref().filter(|_| process) {
            diagnosis.judge(&PEER_DOWN, &view.label, Some(!call.up()), || {
                let fault = call.fault.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{}: {fault}", view.peer.role.label())
            });
        }
        if let Some(seen) = view.provider.as_ref().filter(|_| view.up() == Some(true)) {
            provider(&view.label, &seen.value, thresholds, &mut diagnosis);
            without_target(view, thresholds, &mut diagnosis);
        }
        if view.peer.role == Role::DataProvider {
            diagnosis.belongs_to(PEERS);
        }
        if view.up() == Some(true) {
            workers(view, snapshot, thresholds, now, &mut diagnosis);
            missing(view, &mut diagnosis);
        }
        diagnosis.belongs_to(if view.peer.role == Role::Solo {
            PRUNTIMES
        } else {
            WORKERS
        });
    }
    queue::diagnose(&snapshot.queues, thresholds, now, &mut diagnosis);
    diagnosis.belongs_to(QUEUES);
    sessions::operators(&snapshot.chain, thresholds, &mut diagnosis);
    diagnosis.belongs_to(CHAIN);
    runtime::diagnose(snapshot, thresholds, now, &mut diagnosis);
    diagnosis.belongs_to(PRUNTIMES);
    diagnosis
}

/// The entity where there is none of them.
pub const NO_PROVIDERS: &str = "data_providers";

fn listed(listing: &Listing, diagnosis: &mut Diagnosis) {
    let none = listing.lifecycles == 0 && listing.missing.is_empty();
    diagnosis.judge(&PEER_DOWN, "lifecycles", Some(none), || {
        "the monitor answers but lists no lifecycle; was it just restarted?".to_owned()
    });
    diagnosis.judge(&PEER_DOWN, NO_PROVIDERS, Some(listing.lacks_providers), || {
        "the monitor lists lifecycles but no data provider that could give them blocks".to_owned()
    });
    for missing in &listing.missing {
        diagnosis.judge(&PEER_DOWN, missing, Some(true), || {
            "it is configured, but the monitor does not list it".to_owned()
        });
    }
}

fn without_target(view: &PeerView, thresholds: &Thresholds, diagnosis: &mut Diagnosis) {
    let unknown = view.without_target();
    let limit = thresholds.provider_target_stale_after;
    let stale = unknown.is_some_and(|unknown| unknown >= limit.get());
    // One that knows its target is compared with its node, where that is known.
    diagnosis.judge(
        &TARGET_STALE,
        &view.label,
        (stale || unknown.is_some()).then_some(stale),
        || {
            let unknown = whole_seconds(unknown.unwrap_or_default());
            format!("it has answered for {unknown} without knowing any block of its node (limit {limit})")
        },
    );
}

fn provider(label: &str, provider: &Provider, thresholds: &Thresholds, diagnosis: &mut Diagnosis) {
    let chains = [
        ("para", provider.para, thresholds.provider_para_lag_blocks),
        ("relay", provider.relay, thresholds.provider_relay_lag_blocks),
    ];
    let behind = chains.map(|(chain, stages, limit)| (chain, stages.behind(), limit));
    let known = behind.iter().any(|(_, lag, _)| lag.is_some());
    let over: Vec<String> = behind
        .into_iter()
        .filter_map(|(chain, lag, limit)| {
            let lag = lag.filter(|lag| *lag > limit)?;
            Some(format!("{lag} blocks of the {chain} chain to process (limit {limit})"))
        })
        .collect();
    diagnosis.judge(&PROVIDER_LAG, label, known.then_some(!over.is_empty()), || {
        over.join(", ")
    });
}

/// One worker's trouble.
struct Ill<'a> {
    symptom: &'static Symptom,
    row: &'a Row,
    /// What it may share with others: how it fails, and the block at which it is.
    alike: Vec<Alike>,
    evidence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alike {
    /// By the symptom's name, and the message where that says more.
    Failure(&'static str, Option<Kind>),
    Height(u64),
}

impl std::fmt::Display for Alike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failure(symptom, Some(kind)) => write!(f, "{symptom} ({})", kind.label()),
            Self::Failure(symptom, None) => f.write_str(symptom),
            Self::Height(height) => write!(f, "at block {height}"),
        }
    }
}

fn workers(view: &PeerView, snapshot: &Snapshot, thresholds: &Thresholds, now: Now, diagnosis: &mut Diagnosis) {
    let Some(seen) = &view.workers else { return };
    let rows = &seen.value.rows;
    let mut looker = Looker {
        provided: snapshot.provided(&view.peer),
        chain: &snapshot.chain,
        idle_pools: sessions::idle_pools(view),
        thresholds,
        now,
        lifecycle: &view.label,
        well: Vec::new(),
        diagnosis,
    };
    let ill: Vec<Ill<'_>> = rows.iter().filter_map(|row| looker.look(row)).collect();
    let most_alone = thresholds.most_alone(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let shared = shared(&ill, most_alone);
    diagnosis.judge(&WORKERS_CORRELATED, &view.label, Some(!shared.is_empty()), || {
        let groups = shared.iter().map(|(alike, number)| {
            let one = ill.iter().find(|one| one.alike.contains(alike));
            let example = one.and_then(|one| Some(format!(" (like {}{})", one.row.label, message(one.row, now)?)));
            format!(
                "{number} of {} workers: {alike}{}",
                rows.len(),
                example.unwrap_or_default()
            )
        });
        format!("{} (limit {most_alone})", groups.collect::<Vec<_>>().join(", "))
    });
    let alone = |one: &&Ill<'_>| !one.alike.iter().any(|alike| shared.contains_key(alike));
    count(&ill, rows.len(), alone, diagnosis);
    for one in ill.iter().filter(alone) {
        let entity = format!("{}/{}", view.label, one.row.label);
        diagnosis.judge(one.symptom, &entity, Some(true), || {
            let message = message(one.row, now).unwrap_or_default();
            format!("{}{message}", one.evidence)
        });
    }
}

/// What a worker that is loaded can have.
const OF_WORKERS: [&Symptom; 9] = [
    &WORKER_ERROR,
    &WORKER_KICKED,
    &WORKER_STUCK_SYNCING,
    &WORKER_LAGGING,
    &WORKER_STALLED,
    &WORKER_UNRESPONSIVE,
    &WORKER_NOT_COMPUTING,
    &WORKER_WRONG_POOL,
    &WORKER_SETTLED_LONG_AGO,
];

/// Every worker could have what one of them has; whoever has it alone is counted where that is said.
fn count(ill: &[Ill<'_>], workers: usize, alone: impl Fn(&&Ill<'_>) -> bool, diagnosis: &mut Diagnosis) {
    for symptom in OF_WORKERS {
        let told = ill.iter().filter(|one| one.symptom == symptom).filter(&alone).count();
        diagnosis.among(symptom, u64::try_from(workers.saturating_sub(told)).unwrap_or_default());
    }
}

/// A worker's last message in words, where it is more than the course of things.
fn message(row: &Row, now: Now) -> Option<String> {
    let message = &row.worker.message;
    let at = message
        .at
        .map(|at| format!(" {} ago", whole_seconds(at.age_at(now.wall))));
    (message.kind != Kind::Normal).then(|| format!("; last message{}: {}", at.unwrap_or_default(), message.text))
}

/// What more workers have in common than may fail alone.
fn shared(ill: &[Ill<'_>], most_alone: u64) -> BTreeMap<Alike, u64> {
    let mut groups: BTreeMap<Alike, u64> = BTreeMap::new();
    for alike in ill.iter().flat_map(|one| &one.alike) {
        *groups.entry(*alike).or_default() += 1;
    }
    groups.retain(|_, number| *number > most_alone);
    groups
}

/// Looks at one worker after another.
struct Looker<'a> {
    provided: Option<u64>,
    chain: &'a Picture,
    /// Pools whose workers are meant to follow the chain only.
    idle_pools: HashSet<u64>,
    thresholds: &'a Thresholds,
    now: Now,
    lifecycle: &'a str,
    /// What the worker that is looked at was seen not to have.
    well: Vec<&'static Symptom>,
    diagnosis: &'a mut Diagnosis,
}

impl Looker<'_> {
    /// The first trouble of a worker. Every symptom that could be judged is recorded as looked at. It is well of what was
    /// ruled out before that: what comes after its first trouble is hidden by it.
    fn look<'a>(&mut self, row: &'a Row) -> Option<Ill<'a>> {
        let trouble = self.trouble(row);
        if !self.well.is_empty() {
            let entity = format!("{}/{}", self.lifecycle, row.label);
            for symptom in self.well.drain(..) {
                self.diagnosis.seen_well(symptom, &entity);
            }
        }
        trouble
    }

    fn trouble<'a>(&mut self, row: &'a Row) -> Option<Ill<'a>> {
        let worker = &row.worker;
        let stood = self.now.monotonic.duration_since(row.watch.height_since);
        let in_state = self.now.monotonic.duration_since(row.watch.status_since);
        self.looked_at(&[&WORKER_ERROR, &WORKER_KICKED, &WORKER_STUCK_SYNCING]);
        match worker.status {
            Status::Error => return Some(ill(&WORKER_ERROR, row, None, "in the error state".to_owned())),
            Status::Kicked => {
                let evidence = "kicked and not started again".to_owned();
                return Some(ill(&WORKER_KICKED, row, None, evidence));
            }
            Status::Syncing => {
                self.well.extend([&WORKER_ERROR, &WORKER_KICKED]);
                return self.stuck(row, stood.min(in_state));
            }
            Status::Synced | Status::PreActive | Status::Active => {
                self.well.extend([&WORKER_ERROR, &WORKER_KICKED, &WORKER_STUCK_SYNCING]);
            }
            // On its way to one of these.
            Status::Unknown | Status::Idle | Status::Starting => {}
        }
        self.behind(row, stood).or_else(|| self.session(row, in_state))
    }

    fn stuck<'a>(&mut self, row: &'a Row, stood: Std) -> Option<Ill<'a>> {
        let limit = self.thresholds.stuck_syncing_after;
        let height = row.worker.heights.para_block;
        if stood < limit.get() {
            if row.watch.has_moved(&row.worker) {
                self.well.push(&WORKER_STUCK_SYNCING);
            }
            if self.moves(row, stood) {
                self.well.push(&WORKER_STALLED);
            }
            return None;
        }
        let at = height.map_or_else(|| "without any block".to_owned(), |height| format!("at block {height}"));
        let evidence = format!("synchronising, {at} for {} (limit {limit})", whole_seconds(stood));
        Some(ill(&WORKER_STUCK_SYNCING, row, height, evidence))
    }

    /// Whether it goes on, and was seen to: what has only just come into sight, or was only shifted by a restart, does not.
    fn moves(&self, row: &Row, stood: Std) -> bool {
        stood < self.thresholds.stalled_after.get() && row.watch.has_moved(&row.worker)
    }

    /// Standing still behind a provider that goes on, or moving too slowly.
    fn behind<'a>(&mut self, row: &'a Row, stood: Std) -> Option<Ill<'a>> {
        let lag = lag(row, self.provided).filter(|_| row.worker.status.follows())?;
        self.looked_at(&[&WORKER_LAGGING, &WORKER_STALLED]);
        let height = row.worker.heights.para_block?;
        let went_on = self
            .provided?
            .saturating_sub(row.watch.provider_then.unwrap_or(u64::MAX));
        let limits = self.thresholds;
        // One that is ahead of a provider that catches up has nothing to be given.
        let starved = lag.min(went_on) > limits.stalled_blocks;
        if starved && stood >= limits.stalled_after.get() {
            let evidence = format!(
                "PRB says {}, but block {height} for {} while the data provider went on by {went_on} blocks (limit {})",
                row.worker.status.label(),
                whole_seconds(stood),
                limits.stalled_blocks
            );
            return Some(ill(&WORKER_STALLED, row, Some(height), evidence));
        }
        let is_lagging = lag > limits.worker_lag_blocks;
        if !is_lagging || self.moves(row, stood) {
            self.well.push(&WORKER_STALLED);
        }
        if !is_lagging {
            self.well.push(&WORKER_LAGGING);
            return None;
        }
        let evidence = format!(
            "block {height} is {lag} behind the data provider (limit {})",
            limits.worker_lag_blocks
        );
        Some(ill(&WORKER_LAGGING, row, Some(height), evidence))
    }

    fn looked_at(&mut self, symptoms: &[&'static Symptom]) {
        for symptom in symptoms {
            self.diagnosis.look_at(symptom);
        }
    }
}

/// `height` only where it is today's: what failed earlier keeps the height of an earlier life.
fn ill<'a>(symptom: &'static Symptom, row: &'a Row, height: Option<u64>, evidence: String) -> Ill<'a> {
    let kind = (*symptom == WORKER_ERROR).then_some(row.worker.message.kind);
    let mut alike = vec![Alike::Failure(symptom.name, kind)];
    alike.extend(height.map(Alike::Height));
    Ill {
        symptom,
        row,
        alike,
        evidence,
    }
}

/// Enabled in the database, together with its pool, but not loaded.
fn missing(view: &PeerView, diagnosis: &mut Diagnosis) {
    let (Some(loaded), Some(inventory)) = (&view.workers, &view.inventory) else {
        return;
    };
    let rows = &loaded.value.rows;
    let loaded: HashSet<&str> = rows.iter().map(|row| row.worker.identity.uuid.as_str()).collect();
    let pools: HashMap<Option<u64>, bool> = inventory
        .value
        .pools
        .iter()
        .map(|pool| (pool.number, pool.enabled))
        .collect();
    diagnosis.look_at(&WORKER_MISSING);
    for worker in &inventory.value.workers.rows {
        let wanted = worker.enabled && pools.get(&worker.pool).copied().unwrap_or(true);
        let is_missing = wanted && !loaded.contains(worker.uuid.as_str());
        let entity = format!("{}/{}", view.label, worker.name);
        diagnosis.judge(&WORKER_MISSING, &entity, Some(is_missing), || {
            format!("enabled, but not among the {} workers that are loaded", rows.len())
        });
    }
}

/// For people: milliseconds are noise here.
fn whole_seconds(duration: Std) -> Duration {
    Duration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests;
