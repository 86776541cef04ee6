//! An incident: one policy on one entity of one target, from the alert that asks until it is over. Changed by journal steps
//! alone.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::Guard;
use super::step::{IncidentId, Plan};
use crate::actions::remote::{Request, RequestId};
use crate::alerts::{Alert, Fingerprint};
use crate::clock::UnixTime;
use crate::values::Name;

/// Whom an incident is about, and what is to be done. There is one open incident of each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub target: Name,
    /// Empty for the target as a whole.
    pub entity: String,
    pub policy: Name,
}

impl Key {
    /// What an alert asks for; nothing when it asks for nothing, or in words that are no names.
    pub fn asked_by(alert: &Alert) -> Option<Self> {
        Some(Self {
            policy: alert.label("remedy")?.parse().ok()?,
            target: alert.label("target")?.parse().ok()?,
            entity: alert.label("entity").unwrap_or_default().to_owned(),
        })
    }
}

/// Alerts of one incident. Two Prometheus servers with labels of their own make two; without it invented ones would fill
/// the memory.
const MOST_ALERTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incident {
    pub id: IncidentId,
    pub key: Key,
    /// The symptom that the alert names, if it does.
    pub symptom: Option<String>,
    pub opened: UnixTime,
    /// When one of its alerts was last heard to fire.
    pub heard: UnixTime,
    /// Its alerts, and whether they fire.
    pub alerts: BTreeMap<Fingerprint, bool>,
    /// What other farmwardens ask for and has not been begun, each until it lapses.
    pub asked: BTreeMap<RequestId, UnixTime>,
    /// The rung that runs, is being proven, or comes next; from 0.
    pub rung: usize,
    /// When the rung before was given up, or it was opened.
    pub rung_since: UnixTime,
    pub phase: Phase,
    /// The group of its target when something was last begun.
    pub group: Option<Name>,
    /// It was a rehearsal until now.
    pub rehearsed: bool,
    /// How far the action that runs, or ran last, said that it was.
    pub noted: Option<String>,
    /// What was last told of why nothing is done.
    pub held: Option<Held>,
    pub approval: Option<Approval>,
    /// How often the rung refused to begin, and when last.
    pub refused: Option<(u32, UnixTime)>,
    /// Links by which something was approved. Only links that we made get here, one for each time that it waited.
    pub used_links: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The rung may be begun when all guards let it.
    Open,
    /// Its action runs, or did when farmwarden ended.
    Running { since: UnixTime },
    /// The action is over; whether it helped is being watched.
    Proving { since: UnixTime, after: After },
    /// A person was called. It stays until it is well or forgotten, and nothing more is done.
    Escalated { since: UnixTime },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    Action,
    /// What it did is not known.
    Interruption,
    /// Another farmwarden was asked, and whether it did anything is not known.
    Unknown,
    Rehearsal,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    pub guard: Guard,
    pub since: UnixTime,
    pub until: Option<UnixTime>,
    pub words: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Approval {
    pub plan: Plan,
    pub by: String,
    pub until: UnixTime,
}

impl Incident {
    pub(super) fn open(id: IncidentId, key: Key, alert: &Alert, time: UnixTime) -> Self {
        Self {
            alerts: BTreeMap::from([(alert.fingerprint, true)]),
            ..Self::new(id, key, alert.label("symptom").map(ToOwned::to_owned), time)
        }
    }

    /// For another farmwarden.
    pub(super) fn open_for(id: IncidentId, key: Key, request: &Request, time: UnixTime) -> Self {
        Self::new(id, key, Some(request.symptom.clone()), time)
    }

    fn new(id: IncidentId, key: Key, symptom: Option<String>, time: UnixTime) -> Self {
        Self {
            id,
            key,
            symptom,
            opened: time,
            heard: time,
            alerts: BTreeMap::new(),
            asked: BTreeMap::new(),
            rung: 0,
            rung_since: time,
            phase: Phase::Open,
            group: None,
            rehearsed: false,
            noted: None,
            held: None,
            approval: None,
            refused: None,
            used_links: BTreeSet::new(),
        }
    }

    /// For another request.
    pub(super) fn has_room(&self) -> bool {
        self.asked.len() < MOST_ALERTS
    }

    /// Another farmwarden asks as well.
    pub(super) fn join(&mut self, request: &Request, time: UnixTime) {
        self.asked.insert(request.id(), request.until);
        self.heard = self.heard.max(time);
    }

    pub(super) fn attach(&mut self, alert: Fingerprint, fires: bool, time: UnixTime) {
        if self.alerts.contains_key(&alert) || (fires && self.alerts.len() < MOST_ALERTS) {
            self.alerts.insert(alert, fires);
        }
        if fires {
            self.heard = self.heard.max(time);
        }
    }

    /// Whether somebody still asks for it.
    pub fn is_asked_for(&self, now: UnixTime) -> bool {
        self.fires() || self.asked.values().any(|until| now < *until)
    }

    /// Whether an alert does.
    pub fn fires(&self) -> bool {
        self.alerts.values().any(|fires| *fires)
    }

    /// Only what was seen after this counts: it was opened, or something was done or given up.
    pub fn changed(&self) -> UnixTime {
        match self.phase {
            Phase::Open => {
                let refused = self.refused.map_or(self.opened, |(_, last)| last);
                self.rung_since.max(refused)
            }
            Phase::Running { since } | Phase::Proving { since, .. } | Phase::Escalated { since } => {
                since.max(self.opened)
            }
        }
    }

    pub(super) fn running(&mut self, time: UnixTime, plan: &Plan) {
        self.phase = Phase::Running { since: time };
        self.group = Some(plan.group.clone());
        if !plan.notice {
            // Each is good for one action.
            self.asked.clear();
        }
        self.noted = None;
        self.held = None;
    }

    /// Of what runs.
    pub(super) fn noted(&mut self, words: &str) {
        if matches!(self.phase, Phase::Running { .. }) {
            self.noted = Some(words.to_owned());
        }
    }

    pub(super) fn proving(&mut self, time: UnixTime, after: After) {
        self.phase = Phase::Proving { since: time, after };
        self.rehearsed |= after == After::Rehearsal;
        if after == After::Rehearsal {
            self.asked.clear();
        }
        self.held = None;
    }

    /// Nothing was done: the rung is as it was before, and may be tried again.
    pub(super) fn refuses(&mut self, time: UnixTime) {
        let times = self.refused.map_or(0, |(times, _)| times);
        self.refused = Some((times.saturating_add(1), time));
        self.phase = Phase::Open;
        self.held = None;
    }

    /// Up the ladder.
    pub(super) fn next_rung(&mut self, time: UnixTime) {
        self.rung = self.rung.saturating_add(1);
        self.rung_since = time;
        self.phase = Phase::Open;
        self.held = None;
        self.approval = None;
        self.refused = None;
    }
}
