//! An incident: one policy on one entity of one target, from the alert that asks until it is over. Changed by journal steps
//! alone.

use std::collections::BTreeMap;

use super::decide::Guard;
use super::step::{IncidentId, Plan};
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

/// The alerts that ask for one repair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Askers(BTreeMap<Fingerprint, Asker>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asker {
    fires: bool,
    /// That it names, if it does.
    symptom: Option<String>,
}

impl Askers {
    pub(super) fn take(&mut self, alert: &Alert, fires: bool) {
        if self.0.contains_key(&alert.fingerprint) || (fires && self.0.len() < MOST_ALERTS) {
            let symptom = alert.label("symptom").map(ToOwned::to_owned);
            self.0.insert(alert.fingerprint, Asker { fires, symptom });
        }
    }

    /// Whether one of them fires.
    pub fn fire(&self) -> bool {
        self.firing().next().is_some()
    }

    /// Whether one that fires is about the symptom, or does not say what it is about. Of the others each is a mistake of its
    /// own rule.
    pub fn name(&self, symptom: &str) -> bool {
        self.firing()
            .any(|asker| asker.symptom.as_deref().is_none_or(|named| named == symptom))
    }

    /// A symptom that one of those that fire names.
    pub fn symptom(&self) -> Option<&str> {
        self.firing().find_map(|asker| asker.symptom.as_deref())
    }

    fn firing(&self) -> impl Iterator<Item = &Asker> {
        self.0.values().filter(|asker| asker.fires)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incident {
    pub id: IncidentId,
    pub key: Key,
    pub opened: UnixTime,
    /// When one of its alerts was last heard to fire.
    pub heard: UnixTime,
    /// Its alerts.
    pub alerts: Askers,
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
    pub(super) fn open(id: IncidentId, key: Key, alerts: Askers, time: UnixTime) -> Self {
        Self {
            id,
            key,
            opened: time,
            heard: time,
            alerts,
            rung: 0,
            rung_since: time,
            phase: Phase::Open,
            group: None,
            rehearsed: false,
            noted: None,
            held: None,
            approval: None,
        }
    }

    pub(super) fn attach(&mut self, alert: &Alert, fires: bool, time: UnixTime) {
        self.alerts.take(alert, fires);
        if fires {
            self.heard = self.heard.max(time);
        }
    }

    /// Whether somebody still asks for it.
    pub fn fires(&self) -> bool {
        self.alerts.fire()
    }

    /// Only what was seen after this counts: it was opened, or something was done or given up.
    pub fn changed(&self) -> UnixTime {
        match self.phase {
            Phase::Open => self.rung_since.max(self.opened),
            Phase::Running { since } | Phase::Proving { since, .. } | Phase::Escalated { since } => {
                since.max(self.opened)
            }
        }
    }

    pub(super) fn running(&mut self, time: UnixTime, plan: &Plan) {
        self.phase = Phase::Running { since: time };
        self.group = Some(plan.group.clone());
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
        self.held = None;
    }

    /// Up the ladder.
    pub(super) fn next_rung(&mut self, time: UnixTime) {
        self.rung = self.rung.saturating_add(1);
        self.rung_since = time;
        self.phase = Phase::Open;
        self.held = None;
        self.approval = None;
    }
}
