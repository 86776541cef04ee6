//! One harvester: its counts now, and what is remembered of it between rounds.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::farmer::Harvester;
use super::memory::{Hour, Since, Stamp, Stands};
use super::target::Target;
use crate::clock::{Now, UnixTime};

/// As many tell the usual time between two looks; of more, older settings would be told for longer.
const MOST_BETWEEN: usize = 5;

/// A harvester with what is remembered of it.
#[derive(Clone, Debug)]
pub struct Known {
    /// The label value `harvester`.
    pub label: String,
    /// The same before it was told apart from others of its name.
    pub(super) name: String,
    /// Others of its name were seen: it has its id behind the name for good, so that no series changes its harvester.
    pub(super) apart: bool,
    /// As the farmer last saw it.
    pub host: String,
    /// Its counts while it is connected; `None` while it is not, and while the farmer does not answer.
    pub now: Option<Harvester>,
    /// Whether it is connected; `None` while the farmer does not answer.
    pub connected: Option<bool>,
    pub(super) missing: Since,
    pub(super) first_seen: Instant,
    pub(super) last_seen: Instant,
    /// When it had last looked through all its directories.
    pub(super) had: Option<Had>,
    /// How many signage points had been heard of when it connected.
    pub(super) points_then: Option<u64>,
    pub(super) last_scan: Stands<Option<UnixTime>>,
    pub(super) progress: Stands<Option<u64>>,
    /// Between the last ends of its looks through its directories.
    pub(super) between_scans: VecDeque<Duration>,
    pub(super) plots: Hour<u64>,
    pub(super) lost: Since,
    /// What it had when it began to lack some, and since when; until they are back, or a day later.
    pub(super) lacks_from: Option<(u64, Instant)>,
    pub(super) invalid: Since,
    pub(super) keys_missing: Since,
    pub(super) duplicates: Since,
    pub(super) answered: Stamp,
}

/// A disk that was taken out on purpose is not missed for ever.
const PLOTS_MISSED_FOR: Duration = Duration::from_secs(86_400);

/// What a harvester had: whether another is the same one with a new certificate is told by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Had {
    pub(super) plots: u64,
    pub(super) bytes: Option<u128>,
}

impl Known {
    pub(super) fn new(label: String, now: Now) -> Self {
        Self {
            name: label.clone(),
            label,
            apart: false,
            host: String::new(),
            now: None,
            connected: None,
            missing: Since::default(),
            first_seen: now.monotonic,
            last_seen: now.monotonic,
            had: None,
            points_then: None,
            last_scan: Stands::default(),
            progress: Stands::default(),
            between_scans: VecDeque::new(),
            plots: Hour::default(),
            lost: Since::default(),
            lacks_from: None,
            invalid: Since::default(),
            keys_missing: Since::default(),
            duplicates: Since::default(),
            answered: Stamp::default(),
        }
    }

    pub(super) fn see(&mut self, harvester: Harvester, target: &Target, points: Option<u64>, now: Now) {
        let at = now.monotonic;
        if self.connected != Some(true) {
            self.points_then = points;
            self.last_scan.forget();
            self.progress.forget();
        }
        self.last_seen = at;
        self.connected = Some(true);
        self.missing.see(false, at);
        self.host.clone_from(&harvester.host);
        if let (Some(before), Some(after)) = (self.last_scan.value().flatten(), harvester.last_scan)
            && after > before
        {
            if self.between_scans.len() >= MOST_BETWEEN {
                self.between_scans.pop_front();
            }
            self.between_scans.push_back(before.age_at(after));
        }
        self.last_scan.see(harvester.last_scan, at);
        self.progress.see(harvester.scan.map(|scan| scan.processed), at);
        for (since, count) in [
            (&mut self.invalid, harvester.invalid),
            (&mut self.keys_missing, harvester.keys_missing),
            (&mut self.duplicates, harvester.duplicates),
        ] {
            since.see(count.is_some_and(|count| count > 0), at);
        }
        if let Some(plots) = harvester.plots {
            self.lacks_from = self
                .lacks_from
                .filter(|(_, since)| at.duration_since(*since) <= PLOTS_MISSED_FOR);
            let most = self.most_plots();
            let initial = harvester.scan.is_some_and(|scan| scan.initial) || harvester.last_scan.is_none();
            let lost = most.is_some_and(|most| most.saturating_sub(plots) >= target.thresholds.loss(most));
            self.lost.see(lost && !initial, at);
            if !initial {
                let now_lacks = most.map(|most| (most, at)).filter(|_| lost);
                self.lacks_from = self.lacks_from.filter(|_| lost).or(now_lacks);
                self.plots.see(plots, at);
                let bytes = harvester.bytes;
                self.had = Some(Had { plots, bytes });
            }
        }
        self.now = Some(harvester);
    }

    /// The usual time between two ends of its looks: neither one that hung nor one that somebody asked for alters it.
    pub(super) fn scans_every(&self) -> Option<Duration> {
        let mut between: Vec<Duration> = self.between_scans.iter().copied().collect();
        between.sort_unstable();
        between.get(between.len().checked_sub(1)? / 2).copied()
    }

    /// Within the last hour, or when it began to lack some.
    pub(super) fn most_plots(&self) -> Option<u64> {
        let before = self.lacks_from.map(|(plots, _)| plots);
        self.plots.values().chain(before).max()
    }

    pub(super) fn miss(&mut self, now: Now) {
        self.connected = Some(false);
        self.missing.see(true, now.monotonic);
        self.now = None;
        self.points_then = None;
    }

    /// Whether it is connected is unknown; who it is is not forgotten.
    pub(super) fn expire(&mut self) {
        self.now = None;
        self.connected = None;
        self.points_then = None;
        for since in [
            &mut self.missing,
            &mut self.lost,
            &mut self.invalid,
            &mut self.keys_missing,
            &mut self.duplicates,
        ] {
            since.forget();
        }
    }
}
