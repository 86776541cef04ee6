//! What a decision is made on, as one plain value: how the entity looks now, what is broken before it, how the others are.

use std::collections::BTreeSet;

use super::incident::{After, Incident, Phase};
use super::settings::asked;
use super::step::IncidentId;
use crate::clock::UnixTime;
use crate::values::{self, Name};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whether there is such a target.
    pub is_known: bool,
    /// The `farm` of the target.
    pub group: Name,
    /// When farmwarden started.
    pub started: UnixTime,
    /// Every part on which the judgement rests has been read by a round that began at this time or later and succeeded;
    /// nothing if one has not.
    pub looked: Option<UnixTime>,
    pub seen: Seen,
    /// What is broken before the target, in words; nothing if nothing is.
    pub cause: Option<String>,
    pub fleet: Fleet,
    /// Actions that run on all targets, or may still; those that only tell people are none.
    pub running: Vec<Runs>,
    /// What the freeze file says; nothing if there is none.
    pub frozen: Option<String>,
}

/// The symptom of the policy on the entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub state: Sight,
    /// Since when every look showed the same.
    pub since: UnixTime,
    /// When it was in sight again after it could not be told; only of what takes time to show.
    pub regained: Option<UnixTime>,
    /// Figures, for people; where it cannot be told, what is seen instead.
    pub evidence: String,
}

impl Seen {
    /// What stands in the way of telling, to be put in brackets behind that.
    pub(super) fn instead(&self) -> String {
        if self.state != Sight::CannotTell || self.evidence.is_empty() {
            return String::new();
        }
        format!(" ({})", values::clean(&self.evidence))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Ill,
    Well,
    CannotTell,
}

/// The same symptom in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Entities that have it.
    pub ill: u64,
    /// All there are; nothing where that is not known.
    pub all: Option<u64>,
    /// When it was last a storm, as far as anybody looked.
    pub stormed: Option<UnixTime>,
}

/// An action that runs or may run still, of whatever policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    pub incident: IncidentId,
    pub target: Name,
    pub group: Name,
    /// What of ours it stops or starts.
    pub touches: BTreeSet<String>,
    pub stands: Stands,
    /// The other farmwarden that it asks, which has limits of its own.
    pub remote: Option<String>,
    /// `restart-node of incident 7.0 (restart_node for node-1)`
    pub words: String,
}

/// How far it is, and so what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Runs,
    /// It is over for us, and nobody knows whether what it set off is: a job of systemd, a stop that an engine goes on
    /// with, another farmwarden. Until its proof is over, it holds its target and what it touches.
    OutOfSight,
    /// It is over and being proven: what it touched comes up, and is left to do so.
    Proven,
}

impl Runs {
    /// Nothing where none does.
    pub(super) fn of(incident: &Incident) -> Option<Self> {
        let stands = match incident.phase {
            Phase::Running { .. } => Stands::Runs,
            Phase::Proving { .. } if incident.is_out_of_sight() => Stands::OutOfSight,
            Phase::Proving {
                after: After::Action, ..
            } => Stands::Proven,
            _ => return None,
        };
        let plan = incident.tried.as_ref().filter(|plan| !plan.notice)?;
        let how = match stands {
            Stands::Runs => "",
            Stands::OutOfSight => ", which may go on",
            Stands::Proven => ", whose proof is not over",
        };
        Some(Self {
            incident: incident.id,
            target: plan.target.clone(),
            group: plan.group.clone(),
            touches: plan.touches.clone(),
            stands,
            remote: asked(&plan.action, &plan.with).map(str::to_owned),
            words: format!("{} of incident {} ({}){how}", plan.action, incident.id, incident.key),
        })
    }
}
