//! Looking back: what each policy was asked for, did or would have done, and what held it back. From records alone, so that
//! a dry run can be judged before it is made earnest.

mod counted;
mod next;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use self::counted::Counted;
use super::decide::Guard;
use super::most::Most;
use super::settings::{Mode, Remedies};
use super::step::{IncidentId, Step};
use super::tell::Told;
use crate::clock::UnixTime;
use crate::values::Name;

/// All of it. Fields are read by programs: new ones may come, none may go or change its meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hindsight {
    pub from: UnixTime,
    pub until: UnixTime,
    /// Those of the time in question.
    pub records: u64,
    /// By name; those of the configuration, and those that alerts asked for.
    pub policies: Vec<Retrospect>,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retrospect {
    pub name: String,
    /// Left out for a policy that is not in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symptom: Option<String>,
    /// Incidents that were opened, and those that are open at the end.
    pub incidents: u64,
    pub open: u64,
    /// What would have been done, and what was begun, notices among them.
    pub rehearsed: Vec<Tried>,
    pub begun: Vec<Tried>,
    /// Of those that were begun, the actions that refused: nothing was done.
    pub refused: u64,
    /// Actions that say that they failed, that took too long, or of which farmwarden did not see the end.
    pub failed: u64,
    pub timed_out: u64,
    pub interrupted: u64,
    /// Rungs after which the symptom was still there.
    pub did_not_help: u64,
    /// How incidents ended.
    pub cured: u64,
    pub well: u64,
    pub forgotten: u64,
    /// Times that a person was called.
    pub escalated: u64,
    pub held: Vec<HeldBack>,
    /// Storms that began.
    pub storms: u64,
    /// Left out for a policy that is not in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// What to do about it, in words.
    pub next: Vec<String>,
}

/// An action on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    pub action: String,
    pub target: String,
    pub count: u64,
    /// It tells people and changes nothing.
    pub notice: bool,
}

/// A guard that refused. What was held several times at once counts several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    pub guard: Guard,
    pub times: u64,
    /// All times together.
    pub seconds: u64,
}

/// The most that a budget had to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    /// On the busiest target, in the busiest group, on all.
    pub target: AtMost,
    pub group: AtMost,
    pub farm: AtMost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AtMost {
    /// In any hour, and any 24 hours.
    pub hour: u64,
    pub day: u64,
    pub allowed: Most,
}

impl Retrospect {
    /// Actions that would have changed something, and how many different targets they are about.
    pub fn would_act(&self) -> (u64, usize) {
        acts(&self.rehearsed)
    }

    /// Those that were begun.
    pub fn acted(&self) -> (u64, usize) {
        acts(&self.begun)
    }
}

fn acts(tried: &[Tried]) -> (u64, usize) {
    let acts = || tried.iter().filter(|tried| !tried.notice);
    let mut targets: Vec<&str> = acts().map(|tried| tried.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    (acts().map(|tried| tried.count).sum(), targets.len())
}

/// What is counted while records are read, oldest first. It grows with the journal: it is for a command, not for the
/// service.
#[derive(Debug)]
pub struct Looking {
    from: UnixTime,
    records: u64,
    policies: BTreeMap<Name, Counted>,
    open: BTreeMap<IncidentId, Name>,
    /// What is held now, by what, and since when.
    held: BTreeMap<IncidentId, (Name, Guard, UnixTime)>,
}

impl Looking {
    /// At what is not older.
    pub const fn from(from: UnixTime) -> Self {
        Self {
            from,
            records: 0,
            policies: BTreeMap::new(),
            open: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// Every record in turn, the older ones among them: what they began may last.
    pub fn take(&mut self, told: &Told<'_>) {
        let counts = told.time >= self.from;
        self.records += u64::from(counts);
        for incident in told.opened {
            let policy = &incident.key.policy;
            self.open.insert(incident.id, policy.clone());
            self.of(policy).incidents += u64::from(counts);
        }
        let Some(policy) = policy(told).cloned() else { return };
        self.hold(told, &policy);
        if let Step::Cured { incident, .. } | Step::Closed { incident, .. } = told.step {
            self.open.remove(incident);
        }
        if counts {
            self.of(&policy).count(told);
        }
    }

    fn of(&mut self, policy: &Name) -> &mut Counted {
        self.policies.entry(policy.clone()).or_default()
    }

    /// Any step of an incident ends what held it, and the same guard again goes on.
    fn hold(&mut self, told: &Told<'_>, policy: &Name) {
        let Some(id) = told.step.incident() else { return };
        let by = match told.step {
            Step::Decided { guard, .. } => Some(*guard),
            _ => None,
        };
        if by.is_some() && self.held.get(&id).map(|(_, guard, _)| *guard) == by {
            return;
        }
        self.let_go(id, told.time);
        if let Some(guard) = by {
            self.held.insert(id, (policy.clone(), guard, told.time));
        }
    }

    fn let_go(&mut self, id: IncidentId, now: UnixTime) {
        let from = self.from;
        if let Some((policy, guard, since)) = self.held.remove(&id)
            && now >= from
        {
            let (times, lasted) = self.of(&policy).held.entry(guard).or_default();
            *times += 1;
            *lasted += since.max(from).age_at(now);
        }
    }

    /// With what the configuration says of the policies; what is held still is counted until `until`.
    pub fn end(mut self, until: UnixTime, remedies: &Remedies) -> Hindsight {
        let held: Vec<IncidentId> = self.held.keys().copied().collect();
        for id in held {
            self.let_go(id, until);
        }
        for policy in &remedies.policies {
            self.of(&policy.name);
        }
        let open = |name: &Name| self.open.values().filter(|of| *of == name).count();
        let policies = self.policies.iter().map(|(name, counted)| {
            let policy = remedies.policy(name);
            let mut retrospect = counted.retrospect(name, policy, remedies.enabled);
            retrospect.open = u64::try_from(open(name)).unwrap_or(u64::MAX);
            retrospect.next = next::next(&retrospect);
            retrospect
        });
        Hindsight {
            from: self.from,
            until,
            records: self.records,
            policies: policies.collect(),
        }
    }
}

/// Whose step it is; nothing where the record that opened the incident is not kept.
fn policy<'a>(told: &Told<'a>) -> Option<&'a Name> {
    match told.step {
        Step::Rehearsed { plan, .. } | Step::Started { plan, .. } => Some(&plan.policy),
        Step::Stormed { policy, .. } => Some(policy),
        _ => told.incident.map(|incident| &incident.key.policy),
    }
}
