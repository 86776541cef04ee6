//! What the events of a daemon add up to. They are the only source of lookup times, eligible plots and missed signage
//! points: what was pushed while nobody listened is lost, so these counts are of what was heard, and never fall.

mod blocks;
mod pushed;
mod recent;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::farmer::MOST_HARVESTERS;
use crate::exposition::Histogram;
use crate::upstream::chia::{Heard, NodeId, Push};
pub(super) use blocks::Blocks;
use pushed::{FarmingInfo, NodePoint, OwnInfo, SignagePoint, micros, read};
use recent::Recent;

/// Bounds of lookup times in seconds: chia warns from 8 s on, and what takes longer than 28 s is in vain.
pub(super) const BOUNDS: [&str; 12] = [
    "0.1", "0.25", "0.5", "1.0", "2.0", "5.0", "8.0", "10.0", "15.0", "20.0", "28.0", "60.0",
];

/// Events that are counted by name, with the service that they are of. All others are counted together.
pub(super) const EVENTS: [(&str, &str); 14] = [
    ("chia_farmer", "new_signage_point"),
    ("chia_farmer", "new_farming_info"),
    ("chia_farmer", "harvester_update"),
    ("chia_farmer", "harvester_removed"),
    ("chia_farmer", "submitted_partial"),
    ("chia_farmer", "proof"),
    ("chia_farmer", "add_connection"),
    ("chia_farmer", "close_connection"),
    ("chia_harvester", "farming_info"),
    ("chia_full_node", "get_blockchain_state"),
    ("chia_full_node", "signage_point"),
    ("chia_full_node", "block"),
    ("chia_wallet", "sync_changed"),
    ("chia_wallet", "coin_added"),
];

/// Over which symptoms look back.
pub(super) const WINDOW: Duration = Duration::from_secs(600);
/// A harvester that has answered everything for so long is well again.
pub(super) const STILL: Duration = Duration::from_secs(200);
/// A proof that takes longer is in vain.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(28);
/// A window of signage points at their usual pace is 64; a burst may bring more.
const MOST_RECENT: usize = 256;

/// Whose word on lookups counts: both may come over one daemon, and nothing is counted twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Teller {
    /// It speaks of every harvester.
    #[default]
    Farmer,
    /// The harvester of the daemon's own machine, of which no farmer speaks here.
    Harvester,
}

/// All that was heard since farmwarden began to listen.
#[derive(Clone, Debug)]
pub struct Tally {
    pub(super) teller: Teller,
    /// In the order of `EVENTS`, and the others behind them.
    received: [u64; EVENTS.len() + 1],
    pub unreadable: u64,
    /// Events that came too fast to be looked at.
    pub dropped: u64,
    pub last: Option<Instant>,
    /// Since the present connection began.
    pub connected: Option<Instant>,
    /// As the farmer counts them.
    pub points: Points,
    /// As the node counts them; it may be on another machine, and then nobody tells us.
    pub node_points: u64,
    pub proofs: u64,
    /// The place of the last one in its sub-slot, by the node.
    pub node_point: Option<u64>,
    /// `None` until the node has told of a block.
    pub(super) blocks: Option<Blocks>,
    pub lookups: BTreeMap<NodeId, Lookups>,
    /// Of the harvester on the daemon's own machine, where that is the teller.
    pub own: Option<Lookups>,
    heard_of: Recent,
}

/// Signage points.
#[derive(Clone, Debug, Default)]
pub struct Points {
    pub seen: u64,
    /// By the farmer's own count; `None` until it has told of one (since 2.0).
    pub missed: Option<u64>,
    pub last: Option<Instant>,
    recent: VecDeque<Instant>,
    recent_missed: VecDeque<(Instant, u64)>,
}

/// What one harvester answered.
#[derive(Clone, Debug)]
pub struct Lookups {
    pub seconds: Histogram,
    pub eligible: u64,
    pub proofs: u64,
    pub last: Answer,
    /// How many signage points had been seen when it last answered.
    pub answered_at: u64,
    /// When it answered, whatever it had to look up.
    answers: VecDeque<Instant>,
    /// Lookups that had something to look up, with their seconds.
    recent: VecDeque<(Instant, f64)>,
}

/// The last answer of a harvester.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub at: Instant,
    /// Since 2.0.
    pub seconds: Option<f64>,
    pub eligible: Option<u64>,
    pub proofs: Option<u64>,
    pub plots: Option<u64>,
}

impl Tally {
    pub(super) fn new(teller: Teller) -> Self {
        Self {
            teller,
            received: [0; EVENTS.len() + 1],
            unreadable: 0,
            dropped: 0,
            last: None,
            connected: None,
            points: Points::default(),
            node_points: 0,
            proofs: 0,
            node_point: None,
            blocks: None,
            lookups: BTreeMap::new(),
            own: None,
            heard_of: Recent::default(),
        }
    }

    /// Every kind of event with its number.
    pub fn received(&self) -> impl Iterator<Item = ((&'static str, &'static str), u64)> {
        let kinds = EVENTS.into_iter().chain([("other", "other")]);
        kinds.zip(self.received)
    }

    pub(super) fn hear(&mut self, heard: &Heard<'_>, now: Instant) {
        match heard {
            Heard::Connected => self.connected = Some(now),
            Heard::Lost(_) => self.connected = None,
            Heard::Dropped => self.dropped += 1,
            Heard::Unreadable => self.unreadable += 1,
            Heard::Pushed(push) => {
                self.last = Some(now);
                let place = EVENTS
                    .iter()
                    .position(|event| *event == (push.origin.as_ref(), push.command.as_ref()));
                if let Some(count) = self.received.get_mut(place.unwrap_or(EVENTS.len())) {
                    *count += 1;
                }
                if self.take(push, now).is_none() {
                    self.unreadable += 1;
                }
            }
        }
    }

    /// `None` for an event of a known kind in an unknown form.
    fn take(&mut self, push: &Push<'_>, now: Instant) -> Option<()> {
        match (push.origin.as_ref(), push.command.as_ref()) {
            ("chia_farmer", "new_signage_point") => {
                let event: SignagePoint = read(push)?;
                if self.heard_of.is_new(&event.signage_point) {
                    self.points.see(event.missing(), now);
                }
            }
            ("chia_full_node", "signage_point") => {
                self.node_points += 1;
                self.node_point = read::<NodePoint>(push)?.broadcast_farmer.signage_point_index.small();
            }
            ("chia_full_node", "block") => {
                let block = read(push)?;
                self.blocks.get_or_insert_default().add(&block);
            }
            ("chia_farmer", "proof") => self.proofs += 1,
            ("chia_farmer", "new_farming_info") => {
                let FarmingInfo { farming_info: info } = read(push)?;
                let id: NodeId = info.node_id.parse().ok()?;
                let key = (info.node_id, info.signage_point);
                let room = self.lookups.len() < MOST_HARVESTERS || self.lookups.contains_key(&id);
                if self.teller == Teller::Farmer && room && self.heard_of.is_new(&key) {
                    let answer = Answer {
                        at: now,
                        seconds: info.lookup_time.0.and_then(micros),
                        eligible: info.passed_filter.small(),
                        proofs: info.proofs.small(),
                        plots: info.total_plots.small(),
                    };
                    let lookups = self.lookups.entry(id).or_insert_with(|| Lookups::new(answer));
                    lookups.add(answer, self.points.seen);
                }
            }
            ("chia_harvester", "farming_info") => {
                let info: OwnInfo = read(push)?;
                if self.teller == Teller::Harvester {
                    let answer = Answer {
                        at: now,
                        seconds: info.time,
                        eligible: info.eligible_plots.small(),
                        proofs: info.found_proofs.small(),
                        plots: info.total_plots.small(),
                    };
                    let lookups = self.own.get_or_insert_with(|| Lookups::new(answer));
                    lookups.add(answer, self.points.seen);
                }
            }
            _ => {}
        }
        Some(())
    }
}

impl Points {
    fn see(&mut self, missed: Option<u64>, now: Instant) {
        self.seen += 1;
        self.last = Some(now);
        keep(&mut self.recent, now);
        let Some(missed) = missed else { return };
        self.missed = Some(self.missed.unwrap_or_default().saturating_add(missed));
        if missed > 0 {
            keep(&mut self.recent_missed, (now, missed));
        }
    }

    /// How many were seen within `window` before `now` to which an answer would have come by now.
    pub(super) fn answerable(&self, window: Duration, now: Instant) -> u64 {
        let due = |at: &Instant| (ANSWER_WITHIN..window).contains(&now.duration_since(*at));
        u64::try_from(self.recent.iter().filter(|at| due(at)).count()).unwrap_or(u64::MAX)
    }

    /// How many were seen within the window before `now`, and how many the farmer says that it missed.
    pub(super) fn lately(&self, now: Instant) -> (u64, u64) {
        let lately = |at: &Instant| now.duration_since(*at) < WINDOW;
        let seen = self.recent.iter().filter(|at| lately(at)).count();
        let missed = self.recent_missed.iter().filter(|(at, _)| lately(at));
        let missed = missed.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        (u64::try_from(seen).unwrap_or(u64::MAX), missed)
    }
}

impl Lookups {
    fn new(first: Answer) -> Self {
        Self {
            seconds: Histogram::new(&BOUNDS),
            eligible: 0,
            proofs: 0,
            last: first,
            answered_at: 0,
            answers: VecDeque::new(),
            recent: VecDeque::new(),
        }
    }

    fn add(&mut self, answer: Answer, points: u64) {
        self.eligible = self.eligible.saturating_add(answer.eligible.unwrap_or_default());
        self.proofs = self.proofs.saturating_add(answer.proofs.unwrap_or_default());
        if let Some(seconds) = answer.seconds {
            self.seconds.observe(seconds);
            if answer.eligible != Some(0) {
                keep(&mut self.recent, (answer.at, seconds));
            }
        }
        self.last = answer;
        self.answered_at = points;
        keep(&mut self.answers, answer.at);
    }

    /// Answers within `window` before `now`.
    pub(super) fn answered_lately(&self, window: Duration, now: Instant) -> u64 {
        let lately = self.answers.iter().filter(|at| now.duration_since(**at) < window);
        u64::try_from(lately.count()).unwrap_or(u64::MAX)
    }

    /// Seconds of the lookups within the window before `now`, ascending; without those that had nothing to look up.
    pub(super) fn lately(&self, now: Instant) -> Vec<f64> {
        let recent = self.recent.iter().filter(|(at, _)| now.duration_since(*at) < WINDOW);
        let mut seconds: Vec<f64> = recent.map(|(_, seconds)| *seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    }
}

fn keep<T>(recent: &mut VecDeque<T>, next: T) {
    if recent.len() >= MOST_RECENT {
        recent.pop_front();
    }
    recent.push_back(next);
}

#[cfg(test)]
mod tests;
