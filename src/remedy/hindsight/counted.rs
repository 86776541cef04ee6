//! What is counted of one policy.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AtMost, HeldBack, Retrospect, Tried, Used};
use crate::clock::UnixTime;
use crate::remedy::decide::{Guard, Why};
use crate::remedy::guards::{DAY, HOUR};
use crate::remedy::incident::{After, Phase};
use crate::remedy::most::Most;
use crate::remedy::settings::{Budgets, Mode, Policy};
use crate::remedy::step::{Outcome, Plan, Step};
use crate::remedy::tell::Told;
use crate::values::Name;

#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) incidents: u64,
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
    pub(super) held: BTreeMap<Guard, (u64, Duration)>,
    storms: u64,
}

#[derive(Debug)]
struct Act {
    time: UnixTime,
    target: Name,
    group: Name,
    rehearsed: bool,
}

impl Counted {
    pub(super) fn count(&mut self, told: &Told<'_>) {
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

    pub(super) fn retrospect(&self, name: &Name, policy: Option<&Policy>, enabled: bool) -> Retrospect {
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
pub(super) fn peak(times: &[UnixTime], within: Duration) -> u64 {
    let (mut first, mut most) = (0, 0);
    for (nth, time) in times.iter().enumerate() {
        while times.get(first).is_some_and(|old| old.age_at(*time) >= within) {
            first += 1;
        }
        most = most.max(nth + 1 - first);
    }
    u64::try_from(most).unwrap_or(u64::MAX)
}
