//! Looking back: what each policy was asked for, did or would have done, and what held it back. From records alone, so that
//! a dry run can be judged before it is made earnest.

mod next;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::decide::{Guard, Why};
use super::guards::{DAY, HOUR};
use super::incident::{After, Phase};
use super::most::Most;
use super::settings::{Budgets, Mode, Policy, Remedies};
use super::step::{IncidentId, Outcome, Plan, Step};
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

#[derive(Debug, Default)]
struct Counted {
    incidents: u64,
    rehearsed: BTreeMap<(Name, Name, bool), u64>,
    begun: BTreeMap<(Name, Name, bool), u64>,
    acts: Vec<Act>,
    refused: u64,
    failed: u64,
    timed_out: u64,
    interrupted: u64,
    did_not_help: u64,
    cured: u64,
    well: u64,
    forgotten: u64,
    escalated: u64,
    held: BTreeMap<Guard, (u64, Duration)>,
    storms: u64,
}

#[derive(Debug)]
struct Act {
    time: UnixTime,
    target: Name,
    group: Name,
    rehearsed: bool,
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

impl Counted {
    fn count(&mut self, told: &Told<'_>) {
        match told.step {
            Step::Rehearsed { plan, .. } => self.act(told.time, plan, true),
            Step::Started { plan, .. } => self.act(told.time, plan, false),
            Step::Finished { outcome, .. } => match outcome {
                Outcome::Done => {}
                Outcome::Refused => self.refused(told),
                Outcome::Failed => self.failed += 1,
                Outcome::TimedOut => self.timed_out += 1,
                Outcome::Unknown => self.interrupted += 1,
            },
            Step::Interrupted { .. } => self.interrupted += 1,
            Step::Failed { .. } => self.did_not_help += u64::from(was_tried(told)),
            Step::Cured { .. } => self.cured += 1,
            Step::Escalated { .. } => self.escalated += u64::from(is_called(told)),
            Step::Closed { why, .. } => match why {
                Why::Cured => self.cured += 1,
                Why::Well => self.well += 1,
                Why::Forgotten => self.forgotten += 1,
                Why::OnlyRehearsed | Why::OrderEnded | Why::LadderEnded => {}
            },
            Step::Stormed { begins, .. } => self.storms += u64::from(*begins),
            Step::Received { .. }
            | Step::Strange { .. }
            | Step::Relapsed { .. }
            | Step::Decided { .. }
            | Step::Noted { .. }
            | Step::Approved { .. }
            | Step::Ordered { .. }
            | Step::TakenBack { .. }
            | Step::Paused(_)
            | Step::Resumed { .. }
            | Step::Asked(_)
            | Step::Withdrawn(_) => {}
        }
    }

    /// It counts in no budget.
    fn refused(&mut self, told: &Told<'_>) {
        self.refused += 1;
        let target = told.incident.map(|incident| &incident.key.target);
        let its = |act: &Act| !act.rehearsed && Some(&act.target) == target;
        if let Some(last) = self.acts.iter().rposition(its) {
            self.acts.remove(last);
        }
    }

    fn act(&mut self, time: UnixTime, plan: &Plan, rehearsed: bool) {
        let tried = if rehearsed {
            &mut self.rehearsed
        } else {
            &mut self.begun
        };
        let key = (plan.action.clone(), plan.target.clone(), plan.notice);
        *tried.entry(key).or_default() += 1;
        if !plan.notice {
            self.acts.push(Act {
                time,
                target: plan.target.clone(),
                group: plan.group.clone(),
                rehearsed,
            });
        }
    }

    fn retrospect(&self, name: &Name, policy: Option<&Policy>, enabled: bool) -> Retrospect {
        let mut held: Vec<HeldBack> = self.held.iter().map(held_back).collect();
        held.sort_by_key(|held| std::cmp::Reverse((held.times, held.seconds)));
        Retrospect {
            name: name.to_string(),
            mode: policy.map(|policy| policy.mode),
            enabled: enabled && policy.is_none_or(|policy| policy.enabled),
            symptom: policy.map(|policy| policy.symptom.to_string()),
            incidents: self.incidents,
            open: 0,
            rehearsed: tried(&self.rehearsed),
            begun: tried(&self.begun),
            refused: self.refused,
            failed: self.failed,
            timed_out: self.timed_out,
            interrupted: self.interrupted,
            did_not_help: self.did_not_help,
            cured: self.cured,
            well: self.well,
            forgotten: self.forgotten,
            escalated: self.escalated,
            held,
            storms: self.storms,
            used: policy.map(|policy| self.used(policy.mode, &policy.budgets)),
            next: Vec::new(),
        }
    }

    /// As `decide` counts: rehearsals count for a policy that rehearses.
    fn used(&self, mode: Mode, allowed: &Budgets) -> Used {
        let mut by_target: BTreeMap<&Name, Vec<UnixTime>> = BTreeMap::new();
        let mut by_group: BTreeMap<&Name, Vec<UnixTime>> = BTreeMap::new();
        let mut all = Vec::new();
        for act in self.acts.iter().filter(|act| mode == Mode::DryRun || !act.rehearsed) {
            by_target.entry(&act.target).or_default().push(act.time);
            by_group.entry(&act.group).or_default().push(act.time);
            all.push(act.time);
        }
        Used {
            target: busiest(by_target.into_values(), allowed.target),
            group: busiest(by_group.into_values(), allowed.group),
            farm: busiest(std::iter::once(all), allowed.farm),
        }
    }
}

/// What was only shown or told could not help.
fn was_tried(told: &Told<'_>) -> bool {
    let after = told.incident.map(|incident| incident.phase);
    !matches!(
        after,
        // Open is what was given up after refusals.
        Some(
            Phase::Open
                | Phase::Proving {
                    after: After::Rehearsal | After::Notice,
                    ..
                }
        )
    )
}

/// At the end of a ladder that was only shown nobody is.
fn is_called(told: &Told<'_>) -> bool {
    told.incident
        .is_none_or(|incident| incident.acted || !incident.rehearsed)
}

fn held_back((guard, (times, lasted)): (&Guard, &(u64, Duration))) -> HeldBack {
    HeldBack {
        guard: *guard,
        times: *times,
        seconds: lasted.as_secs(),
    }
}

fn tried(counts: &BTreeMap<(Name, Name, bool), u64>) -> Vec<Tried> {
    let tried = counts.iter().map(|((action, target, notice), count)| Tried {
        action: action.to_string(),
        target: target.to_string(),
        count: *count,
        notice: *notice,
    });
    tried.collect()
}

fn busiest(times: impl Iterator<Item = Vec<UnixTime>>, allowed: Most) -> AtMost {
    let mut most = AtMost {
        hour: 0,
        day: 0,
        allowed,
    };
    for mut times in times {
        times.sort_unstable();
        most.hour = most.hour.max(peak(&times, HOUR.get()));
        most.day = most.day.max(peak(&times, DAY.get()));
    }
    most
}

/// The most of these times, in their order, that lie within so long.
fn peak(times: &[UnixTime], within: Duration) -> u64 {
    let (mut first, mut most) = (0, 0);
    for (nth, time) in times.iter().enumerate() {
        while times.get(first).is_some_and(|old| old.age_at(*time) >= within) {
            first += 1;
        }
        most = most.max(nth + 1 - first);
    }
    u64::try_from(most).unwrap_or(u64::MAX)
}
