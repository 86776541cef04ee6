//! What was done, to count in: cool-downs, attempts, budgets, cures that did not last, storms, pauses. Made from journal
//! steps alone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::incident::Key;
use super::settings::{LONGEST_MEMORY, Mode};
use super::step::{Pause, Plan, Scope};
use crate::clock::UnixTime;
use crate::values::{self, Name};

/// Actions and cures that are remembered. Budgets are far below it; without it a journal of somebody else's making
/// could fill the memory.
const MOST_REMEMBERED: usize = 100_000;
/// Pauses at one time; each has another scope.
const MOST_PAUSES: usize = 1000;

/// Beyond the oldest look that counts.
const ENDS_COUNT_FOR: values::Duration = values::Duration::from_secs(600);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    acts: VecDeque<Act>,
    cures: VecDeque<(UnixTime, Key)>,
    storms: BTreeMap<(Name, Name), UnixTime>,
    pauses: Vec<Pause>,
    /// When an action last ended on each target, and on each thing that it touched.
    ends: BTreeMap<String, UnixTime>,
}

/// An action that was begun, or would have been. Notices are none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Act {
    time: UnixTime,
    key: Key,
    group: Name,
    deed: Option<String>,
    rehearsed: bool,
}

/// Whose actions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of<'a> {
    Entity(&'a Key),
    /// Those of a policy on a target, in a group, anywhere.
    Target(&'a Name, &'a Name),
    Group(&'a Name, &'a Name),
    Policy(&'a Name),
    All,
    /// The same deed, by whatever policy; on one target, or on any.
    Deed(Option<&'a Name>, &'a str),
}

impl Of<'_> {
    fn has(self, act: &Act) -> bool {
        match self {
            Self::Entity(key) => act.key == *key,
            Self::Target(policy, target) => act.key.policy == *policy && act.key.target == *target,
            Self::Group(policy, group) => act.key.policy == *policy && act.group == *group,
            Self::Policy(policy) => act.key.policy == *policy,
            Self::All => true,
            Self::Deed(target, deed) => {
                target.is_none_or(|target| act.key.target == *target) && act.deed.as_deref() == Some(deed)
            }
        }
    }
}

impl History {
    pub(super) fn acted(&mut self, time: UnixTime, plan: &Plan, rehearsed: bool) {
        if plan.notice {
            return;
        }
        let key = Key {
            target: plan.target.clone(),
            entity: plan.entity.clone(),
            policy: plan.policy.clone(),
        };
        let group = plan.group.clone();
        self.acts.push_back(Act {
            time,
            key,
            group,
            deed: plan.deed.clone(),
            rehearsed,
        });
        let old = |act: &Act| act.time.age_at(time) > LONGEST_MEMORY.get();
        while self.acts.len() > MOST_REMEMBERED || self.acts.front().is_some_and(old) {
            self.acts.pop_front();
        }
    }

    /// What was seen of the target and of what it touched before is no ground for another.
    pub(super) fn ended(&mut self, time: UnixTime, plan: &Plan) {
        self.ends.retain(|_, last| last.age_at(time) <= ENDS_COUNT_FOR.get());
        let names = std::iter::once(of_target(&plan.target)).chain(plan.touches.iter().cloned());
        self.ends.extend(names.map(|name| (name, time)));
    }

    /// When an action last ended on the target, or on one of these.
    pub fn ended_last<'a>(&self, target: &Name, things: impl Iterator<Item = &'a String>) -> Option<UnixTime> {
        let things = things.filter_map(|thing| self.ends.get(thing));
        things.chain(self.ends.get(&of_target(target))).max().copied()
    }

    /// What was begun last for it has not been done.
    pub(super) fn refused(&mut self, key: &Key) {
        if let Some(last) = self.acts.iter().rposition(|act| act.key == *key && !act.rehearsed) {
            self.acts.remove(last);
        }
    }

    pub(super) fn cured(&mut self, time: UnixTime, key: &Key) {
        self.cures.push_back((time, key.clone()));
        let old = |(at, _): &(UnixTime, Key)| at.age_at(time) > LONGEST_MEMORY.get();
        while self.cures.len() > MOST_REMEMBERED || self.cures.front().is_some_and(old) {
            self.cures.pop_front();
        }
    }

    pub(super) fn stormed(&mut self, time: UnixTime, policy: &Name, group: &Name) {
        self.storms.retain(|_, last| last.age_at(time) <= LONGEST_MEMORY.get());
        self.storms.insert((policy.clone(), group.clone()), time);
    }

    /// The newest word on a scope counts.
    pub(super) fn paused(&mut self, time: UnixTime, pause: &Pause) {
        self.pauses
            .retain(|other| other.scope != pause.scope && other.until > time);
        if self.pauses.len() < MOST_PAUSES {
            self.pauses.push(pause.clone());
        }
    }

    pub(super) fn resumed(&mut self, scope: &Scope) {
        self.pauses.retain(|pause| pause.scope != *scope);
    }

    /// When the last action began; of a policy that only rehearses, its rehearsals count as well.
    pub fn last(&self, of: Of<'_>, mode: Mode) -> Option<UnixTime> {
        self.times(of, mode).max()
    }

    /// Actions within that time before now. What lies in the future, because the clock went back, counts as now.
    pub fn count(&self, of: Of<'_>, mode: Mode, within: Duration, now: UnixTime) -> usize {
        self.times(of, mode).filter(|time| time.age_at(now) < within).count()
    }

    /// Nothing while fewer than `most` were begun within that time; else when one more is possible.
    pub fn used_up(&self, of: Of<'_>, mode: Mode, most: u32, within: Duration, now: UnixTime) -> Option<UnixTime> {
        let times = self.times(of, mode);
        free_again(times, most, within, now)
    }

    /// Nothing while it was cured less often than `most` within that time; else when it was last.
    pub fn flapped(&self, key: &Key, most: u32, within: Duration) -> Option<UnixTime> {
        let times = self.cures.iter().filter(|(_, of)| of == key).map(|(time, _)| *time);
        let mut times: Vec<UnixTime> = times.collect();
        times.sort_unstable();
        let last = *times.last()?;
        let close = times.iter().filter(|time| time.age_at(last) < within).count();
        (close >= usize::try_from(most).unwrap_or(usize::MAX)).then_some(last)
    }

    /// When a storm was last seen in a group.
    pub fn storm(&self, policy: &Name, group: &Name) -> Option<UnixTime> {
        self.storms.get(&(policy.clone(), group.clone())).copied()
    }

    /// The pause that holds longest.
    pub fn pause(&self, target: &Name, group: &Name, now: UnixTime) -> Option<&Pause> {
        let holding = self
            .pauses
            .iter()
            .filter(|pause| pause.until > now && pause.scope.covers(target, group));
        holding.max_by_key(|pause| pause.until)
    }

    /// All that hold.
    pub fn pauses(&self, now: UnixTime) -> impl Iterator<Item = &Pause> {
        self.pauses.iter().filter(move |pause| pause.until > now)
    }

    fn times(&self, of: Of<'_>, mode: Mode) -> impl Iterator<Item = UnixTime> {
        let counts = move |act: &&Act| of.has(act) && (mode == Mode::DryRun || !act.rehearsed);
        self.acts.iter().filter(counts).map(|act| act.time)
    }
}

/// Apart from things.
fn of_target(name: &Name) -> String {
    format!("target {name}")
}

/// When fewer than `most` of these times lie within that time before; nothing if that is so now.
fn free_again(times: impl Iterator<Item = UnixTime>, most: u32, within: Duration, now: UnixTime) -> Option<UnixTime> {
    let mut times: Vec<UnixTime> = times.filter(|time| time.age_at(now) < within).collect();
    times.sort_unstable();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // As many must grow old as there are too many, and one more.
    let last_to_go = times.len().checked_sub(most)?;
    let time = times.get(last_to_go).copied();
    // With none allowed there is no such time.
    Some(time.unwrap_or(now).plus(within))
}

#[cfg(test)]
mod tests;
