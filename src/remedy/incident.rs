//! An incident: one policy on one entity of one target, from the alert that asks until it is over. Changed by journal steps
//! alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::decide::Guard;
use super::step::{IncidentId, Outcome, Plan};
use crate::actions::remote::{Nonce, Request, RequestId};
use crate::alerts::{Alert, Fingerprint};
use crate::clock::UnixTime;
use crate::values::{self, Name};

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
        Self::read(alert)?.ok()
    }

    /// Why what an alert asks for cannot be understood; nothing when it can, and when it asks for nothing.
    pub fn misnamed_by(alert: &Alert) -> Option<String> {
        Self::read(alert)?.err()
    }

    fn read(alert: &Alert) -> Option<Result<Self, String>> {
        let policy = alert.label("remedy").filter(|name| !name.is_empty())?;
        let target = alert.label("target").unwrap_or_default();
        let name = |label: &str, value: &str| {
            let read = value.parse::<Name>();
            read.map_err(|words| format!("its label `{label}` names nothing: {words}"))
        };
        let entity = alert.label("entity").unwrap_or_default().to_owned();
        let key = name("remedy", policy).and_then(|policy| {
            let target = name("target", target)?;
            Ok(Self { target, entity, policy })
        });
        Some(key)
    }
}

/// `restart_stuck_worker for w1 of prb-1`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, entity, policy } = self;
        if entity.is_empty() {
            return write!(f, "{policy} for {target}");
        }
        write!(f, "{policy} for {} of {target}", values::clean(entity))
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

    /// Whether none ever asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
    /// No configuration allowed it when its alerts came.
    pub is_strange: bool,
    pub opened: UnixTime,
    /// When one of its alerts was last heard to fire.
    pub heard: UnixTime,
    /// Its alerts.
    pub alerts: Askers,
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
    /// What was begun or rehearsed last, as it was recorded: the configuration may say something else by now.
    pub tried: Option<Plan>,
    /// How that ended, as it said.
    pub ended: Option<Ended>,
    /// Something that may have changed something was done for it.
    pub acted: bool,
    /// A person asks for it.
    pub order: Option<Order>,
    /// How far the action that runs, or ran last, said that it was.
    pub noted: Option<String>,
    /// Under which number it has asked another farmwarden.
    pub request: Option<Nonce>,
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
    /// People were told, and nothing was done.
    Notice,
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
    /// What waits for a person's word.
    pub plan: Option<Plan>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Approval {
    pub plan: Plan,
    pub by: String,
    pub until: UnixTime,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    Done,
    Failed,
    TimedOut,
    /// Nothing was touched.
    Refused,
    /// Another farmwarden was asked, and whether it did anything is not known.
    Unknown,
    Interrupted,
}

impl Ended {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Failed => Self::Failed,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Refused => Self::Refused,
            Outcome::Unknown => Self::Unknown,
        }
    }
}

/// A person asks as an alert would.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    pub by: String,
    pub until: UnixTime,
    /// It was taken back.
    pub is_over: bool,
}

/// So long a person's order holds, and again for each next rung: what could not be begun by then is no surprise hours later.
pub(super) const ORDERED_FOR: Duration = Duration::from_secs(900);

impl Incident {
    pub(super) fn open(id: IncidentId, key: Key, alerts: Askers, time: UnixTime) -> Self {
        Self {
            id,
            key,
            is_strange: false,
            opened: time,
            heard: time,
            alerts,
            asked: BTreeMap::new(),
            rung: 0,
            rung_since: time,
            phase: Phase::Open,
            group: None,
            rehearsed: false,
            tried: None,
            ended: None,
            acted: false,
            order: None,
            noted: None,
            request: None,
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

    pub(super) fn attach(&mut self, alert: &Alert, fires: bool, time: UnixTime) {
        self.alerts.take(alert, fires);
        if fires {
            self.heard = self.heard.max(time);
        }
    }

    /// Whether one of its alerts does.
    pub fn fires(&self) -> bool {
        self.alerts.fire()
    }

    /// Whether somebody asks for it still.
    pub fn is_asked_for(&self, now: UnixTime) -> bool {
        self.fires() || self.is_ordered(now) || self.is_requested(now)
    }

    /// Whether a person does.
    pub fn is_ordered(&self, now: UnixTime) -> bool {
        self.order
            .as_ref()
            .is_some_and(|order| !order.is_over && order.until > now)
    }

    /// Whether another farmwarden does.
    pub fn is_requested(&self, now: UnixTime) -> bool {
        self.asked.values().any(|until| now < *until)
    }

    /// Whether nobody knows what the last action did.
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(
            self.phase,
            Phase::Proving {
                after: After::Unknown,
                ..
            }
        )
    }

    /// Whether what was begun last may go on without us.
    pub(super) fn is_out_of_sight(&self) -> bool {
        let ended = [Ended::TimedOut, Ended::Unknown, Ended::Interrupted];
        self.ended.is_some_and(|how| ended.contains(&how))
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
        self.tried = Some(plan.clone());
        self.ended = None;
        if !plan.notice {
            // Each is good for one action.
            self.asked.clear();
        }
        self.noted = None;
        self.request = None;
        self.held = None;
    }

    /// Of what runs.
    pub(super) fn noted(&mut self, words: &str, request: Option<Nonce>) {
        if matches!(self.phase, Phase::Running { .. }) {
            self.noted = Some(words.to_owned());
            self.request = self.request.or(request);
        }
    }

    /// What ran is over.
    pub(super) fn ended(&mut self, time: UnixTime, ended: Ended) {
        self.ended = Some(ended);
        self.held = None;
        let after = match ended {
            Ended::Interrupted if self.request.is_none() => After::Interruption,
            // Over there it may go on.
            Ended::Interrupted | Ended::Unknown => After::Unknown,
            Ended::Done | Ended::Failed | Ended::TimedOut => After::Action,
            // The rung is as it was before, and may be tried again.
            Ended::Refused => {
                let times = self.refused.map_or(0, |(times, _)| times);
                self.refused = Some((times.saturating_add(1), time));
                self.phase = Phase::Open;
                return;
            }
        };
        let is_notice = self.tried.as_ref().is_some_and(|plan| plan.notice);
        self.acted |= !is_notice;
        let after = if is_notice { After::Notice } else { after };
        self.phase = Phase::Proving { since: time, after };
    }

    pub(super) fn rehearses(&mut self, time: UnixTime, plan: &Plan) {
        self.tried = Some(plan.clone());
        self.ended = None;
        self.rehearsed = true;
        let after = After::Rehearsal;
        self.phase = Phase::Proving { since: time, after };
        self.asked.clear();
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
        if let Some(order) = self.order.as_mut() {
            order.until = order.until.max(time.plus(ORDERED_FOR));
        }
    }
}
