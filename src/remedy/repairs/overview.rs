//! What repairs are about now, as one plain value for page, API and commands. What is not known is left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Repairs;
use super::desk::{Desk, Open};
use crate::clock::UnixTime;
use crate::remedy::decide::{Decision, Guard};
use crate::remedy::guards::{DAY, HOUR};
use crate::remedy::history::{History, Of};
use crate::remedy::incident::{After, Incident, Phase};
use crate::remedy::most::Most;
use crate::remedy::settings::{Mode, Policy, Remedies};
use crate::remedy::state::State;
use crate::remedy::step::{IncidentId, Pause, Plan, Scope};
use crate::remedy::view::Sight;

/// All of it. Fields are public API: new ones may come, none may go or change its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    pub generated: UnixTime,
    /// `remedies.enabled`
    pub enabled: bool,
    pub journal: JournalSeen,
    /// Nothing is done before; left out when that is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warms_up_until: Option<UnixTime>,
    /// What the freeze file says, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    pub pauses: Vec<PauseSeen>,
    pub policies: Vec<PolicySeen>,
    /// Those that are not over, oldest first.
    pub incidents: Vec<IncidentSeen>,
    /// Those of whom an incident is over while their alerts fire: they get another one as soon as they are seen ill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resting: Vec<RestingSeen>,
    /// Alerts of something that could be repaired and that found no room within the last hour.
    pub crowded_out: u64,
}

/// How the record is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalSeen {
    /// It takes records.
    pub up: bool,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The number of its last record, and the SHA-256 of that line: the head of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
}

/// A pause that holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PauseSeen {
    pub scope: Scope,
    pub by: String,
    pub reason: String,
    pub until: UnixTime,
}

/// A policy of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicySeen {
    pub name: String,
    pub symptom: String,
    pub enabled: bool,
    pub mode: Mode,
    pub targets: Vec<String>,
    /// The actions of its rungs.
    pub rungs: Vec<String>,
    /// Actions that its budget for all targets still allows, in this hour and these 24 hours.
    pub left_this_hour: u64,
    pub left_today: u64,
}

/// An incident that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentSeen {
    pub id: IncidentId,
    pub target: String,
    /// Left out for the target as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub entity: String,
    pub policy: String,
    pub group: String,
    /// `open`, `running`, `proving` or `escalated`.
    pub phase: String,
    /// Counted from 1, and how many there are; 0 of a policy that is not there.
    pub rung: usize,
    pub rungs: usize,
    /// The action of the rung that runs, is being proven or comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// With which settings, and what these stand for elsewhere in the configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub does: Option<String>,
    /// While it waits for a person: the mark of just this, for `approve --plan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Nothing was done so far, and would have been.
    pub rehearsed: bool,
    pub opened: UnixTime,
    /// When its alerts were last heard to fire, and whether they still do.
    pub heard: UnixTime,
    pub fires: bool,
    /// Another farmwarden asks for it.
    #[serde(default)]
    pub requested: bool,
    /// A person asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_by: Option<String>,
    /// How the last action ended, as it said: `done`, `refused`, `failed`, `timed_out`, `unknown` or `interrupted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// `ill`, `well` or `unknown`, since when, and on what evidence.
    pub seen: String,
    pub seen_since: UnixTime,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// Which guard holds it now, since when, until when at the earliest, and in words. Without a guard `until` is how long it
    /// is watched at most whether the rung helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<UnixTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub words: String,
}

/// An incident is over, and its alert fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestingSeen {
    /// The incident that is over.
    pub after: IncidentId,
    pub target: String,
    /// Left out for the target as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub entity: String,
    pub policy: String,
    /// When that was, or when its alerts were last heard to fire.
    pub heard: UnixTime,
}

impl Repairs {
    /// What there is to see now. It waits for nothing.
    pub fn overview(&self) -> Overview {
        let (now, remedies) = (self.0.clock.now().wall, self.remedies());
        let warm = self.0.eyes.started().plus(remedies.warm_up.get());
        let mut overview = Overview {
            generated: now,
            enabled: remedies.enabled,
            journal: self.journal_seen(),
            warms_up_until: (now < warm).then_some(warm),
            frozen: self.0.eyes.freeze.words(),
            pauses: Vec::new(),
            policies: Vec::new(),
            incidents: Vec::new(),
            resting: Vec::new(),
            crowded_out: 0,
        };
        match self.open() {
            Ok(open) => {
                // A copy: what is seen of each takes longer than others may wait for the state.
                let state = open.runner.ledger().with(|state| {
                    overview.crowded_out = state.crowded_lately(now);
                    overview.pauses = state.history.pauses(now).map(pause).collect();
                    overview.policies = policies(&remedies, &state.history, now);
                    state.clone()
                });
                overview.resting = resting(&state, now);
                overview.incidents = self.incidents(&open, &state, &remedies);
            }
            Err(_) => overview.policies = policies(&remedies, &History::default(), now),
        }
        overview
    }

    pub(super) fn journal_seen(&self) -> JournalSeen {
        let directory = self
            .0
            .journal
            .as_ref()
            .map(|settings| settings.directory.display().to_string());
        let closed = |words: String| JournalSeen {
            up: false,
            words: Some(words),
            directory: directory.clone(),
            sequence: None,
            head: None,
            bytes: None,
            waiting: None,
            recorded: None,
            refused: None,
        };
        let open = match &*super::locked(&self.0.desk) {
            Desk::Open(open) => std::sync::Arc::clone(open),
            Desk::NoJournal => return closed("no `journal.directory` is configured".to_owned()),
            Desk::Closed(words) => return closed(words.clone()),
        };
        let health = open.journal.health();
        JournalSeen {
            up: health.failure.is_none(),
            words: health.failure.as_ref().map(ToString::to_string),
            sequence: Some(health.head.sequence),
            head: Some(health.head.hash.to_string()),
            bytes: Some(health.bytes),
            waiting: Some(health.waiting),
            recorded: Some(health.recorded),
            refused: Some(health.refused),
            ..closed(String::new())
        }
    }

    fn incidents(&self, open: &Open, state: &State, remedies: &Remedies) -> Vec<IncidentSeen> {
        let now = self.0.clock.now().wall;
        let outlooks = open.runner.outlooks(state);
        let seen = state.incidents().zip(outlooks).map(|(incident, (seen, decision))| {
            let policy = remedies.policy(&incident.key.policy);
            let plan = match &decision {
                Decision::Hold(hold) if hold.guard == Guard::Approval => hold.plan.as_ref().map(Plan::mark),
                _ => None,
            };
            let held = Held::of(incident, decision);
            let deed = Deed::of(incident, policy);
            IncidentSeen {
                id: incident.id,
                target: incident.key.target.to_string(),
                entity: incident.key.entity.clone(),
                policy: incident.key.policy.to_string(),
                group: self.0.eyes.group(&incident.key.target).to_string(),
                phase: phase(incident).to_owned(),
                rung: policy.map_or(0, |policy| incident.rung.saturating_add(1).min(policy.rungs.len())),
                rungs: policy.map_or(0, |policy| policy.rungs.len()),
                action: deed.action,
                with: deed.with,
                does: deed.does,
                plan,
                rehearsed: incident.rehearsed || is_rehearsal(incident),
                opened: incident.opened,
                heard: incident.heard,
                fires: incident.fires(),
                requested: incident.is_requested(now),
                ordered_by: incident
                    .order
                    .as_ref()
                    .filter(|_| incident.is_ordered(now))
                    .map(|order| order.by.clone()),
                ended: incident.ended.map(|ended| ended.label().to_owned()),
                seen: sight(seen.state).to_owned(),
                seen_since: seen.since,
                evidence: seen.evidence,
                guard: held.guard,
                held_since: held.since,
                until: held.until.or_else(|| watched_until(incident, policy)),
                words: held.words,
            }
        });
        seen.collect()
    }
}

/// The rung that runs, is being proven or comes next.
#[derive(Default)]
struct Deed {
    action: Option<String>,
    with: BTreeMap<String, String>,
    does: Option<String>,
}

impl Deed {
    fn of(incident: &Incident, policy: Option<&Policy>) -> Self {
        let is_under_way = matches!(incident.phase, Phase::Running { .. } | Phase::Proving { .. });
        // The configuration may say something else by now.
        if let Some(plan) = incident.tried.as_ref().filter(|_| is_under_way) {
            return Self {
                action: Some(plan.action.to_string()),
                with: plan.with.clone(),
                does: plan.does.clone(),
            };
        }
        let Some(rung) = policy.and_then(|policy| policy.rungs.get(incident.rung)) else {
            return Self::default();
        };
        Self {
            action: Some(rung.action.to_string()),
            with: rung.with.clone(),
            does: rung
                .meanings
                .get(&incident.key.target)
                .and_then(|meaning| meaning.does.clone()),
        }
    }
}

/// What would be decided now, as it is shown.
struct Held {
    guard: Option<Guard>,
    since: Option<UnixTime>,
    until: Option<UnixTime>,
    words: String,
}

impl Held {
    fn of(incident: &Incident, decision: Decision) -> Self {
        let bare = |words| Self {
            guard: None,
            since: None,
            until: None,
            words,
        };
        match decision {
            // The phase tells that.
            Decision::Hold(hold) if hold.guard == Guard::UnderWay => Self {
                until: hold.until,
                ..bare(hold.words)
            },
            Decision::Hold(hold) => {
                let told = incident.held.as_ref().filter(|held| held.guard == hold.guard);
                Self {
                    guard: Some(hold.guard),
                    since: told.map(|held| held.since),
                    until: hold.until,
                    words: about(incident, &hold.words),
                }
            }
            Decision::Act(_) => bare(String::new()),
            Decision::Done(_, words) => bare(about(incident, &words)),
        }
    }
}

/// Whom it is about stands before it.
fn about(incident: &Incident, words: &str) -> String {
    let whom = format!("{}: ", incident.key);
    words.strip_prefix(&whom).unwrap_or(words).to_owned()
}

fn resting(state: &State, now: UnixTime) -> Vec<RestingSeen> {
    let resting = state.resting().filter(|resting| !resting.is_old(now));
    let seen = resting.map(|resting| RestingSeen {
        after: resting.after,
        target: resting.key.target.to_string(),
        entity: resting.key.entity.clone(),
        policy: resting.key.policy.to_string(),
        heard: resting.heard,
    });
    seen.collect()
}

fn pause(pause: &Pause) -> PauseSeen {
    PauseSeen {
        scope: pause.scope.clone(),
        by: pause.by.clone(),
        reason: pause.reason.clone(),
        until: pause.until,
    }
}

pub(super) fn policies(remedies: &Remedies, history: &History, now: UnixTime) -> Vec<PolicySeen> {
    let seen = remedies.policies.iter().map(|policy| {
        let (hour, day) = left(history, Of::Policy(&policy.name), policy, policy.budgets.farm, now);
        PolicySeen {
            name: policy.name.to_string(),
            symptom: policy.symptom.to_string(),
            enabled: policy.enabled && remedies.enabled,
            mode: policy.mode,
            targets: policy.targets.iter().map(ToString::to_string).collect(),
            rungs: policy.rungs.iter().map(|rung| rung.action.to_string()).collect(),
            left_this_hour: hour,
            left_today: day,
        }
    });
    seen.collect()
}

/// What is left of a budget in this hour and these 24 hours.
fn left(history: &History, of: Of<'_>, policy: &Policy, most: Most, now: UnixTime) -> (u64, u64) {
    let left = |most: u32, within: std::time::Duration| {
        let used = u64::try_from(history.count(of, policy.mode, within, now)).unwrap_or(u64::MAX);
        u64::from(most).saturating_sub(used)
    };
    (left(most.hour.get(), HOUR.get()), left(most.day.get(), DAY.get()))
}

fn is_rehearsal(incident: &Incident) -> bool {
    matches!(
        incident.phase,
        Phase::Proving {
            after: After::Rehearsal,
            ..
        }
    )
}

/// When the rung that is being watched has failed, if nothing changes.
fn watched_until(incident: &Incident, policy: Option<&Policy>) -> Option<UnixTime> {
    let Phase::Proving { since, .. } = incident.phase else {
        return None;
    };
    let rung = policy?.rungs.get(incident.rung)?;
    Some(since.plus(rung.timeout.get()))
}

/// The label value `phase`.
pub(super) const fn phase(incident: &Incident) -> &'static str {
    match incident.phase {
        Phase::Open => "open",
        Phase::Running { .. } => "running",
        Phase::Proving { .. } => "proving",
        Phase::Escalated { .. } => "escalated",
    }
}

const fn sight(sight: Sight) -> &'static str {
    match sight {
        Sight::Ill => "ill",
        Sight::Well => "well",
        Sight::CannotTell => "unknown",
    }
}
