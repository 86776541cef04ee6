//! What has been done already, and runs now: cool-downs, attempts, budgets, cures that do not last, actions at once.

use super::{Case, DAY, HOUR, Refusal, refuse, refuse_until};
use crate::remedy::history::Of;
use crate::remedy::settings::{Law, Rung};
use crate::remedy::view::{Runs, Stands};
use crate::values::{self, Name};

/// Actions that run are shown up to so many: a farm may allow any number.
const MOST_SHOWN: usize = 3;

impl Case<'_> {
    pub(super) fn cool_down(&self) -> Option<Refusal> {
        self.own_cool_down().or_else(|| self.cool_down_of_law())
    }

    /// Another policy may have done the same there a moment ago.
    fn cool_down_of_law(&self) -> Option<Refusal> {
        let (law, target) = (self.meaning()?.law.as_ref()?, &self.incident.key.target);
        let deed = law.deed(&self.incident.key.entity);
        let last = self
            .history
            .last(Of::Deed(law.counted_on(target), &deed), self.mode())?;
        let until = last.plus(law.cool_down.get());
        if last.age_at(self.now) >= law.cool_down.get() {
            return None;
        }
        refuse_until(
            until,
            format!(
                "{} began at {last} last, by whatever policy, and is done every {} at most: not before {until}",
                counted(law, &deed, target),
                law.cool_down
            ),
        )
    }

    fn own_cool_down(&self) -> Option<Refusal> {
        let policy = self.policy?;
        if let Some((_, last)) = self.incident.refused {
            let until = last.plus(policy.cool_down.get());
            if last.age_at(self.now) < policy.cool_down.get() {
                let what = Self::shown(&self.incident.key);
                let words = format!("{what}: its action refused at {last}, and is tried again at {until}");
                return refuse_until(until, words);
            }
        }
        let last = self.history.last(Of::Entity(&self.incident.key), policy.mode)?;
        let until = last.plus(policy.cool_down.get());
        if last.age_at(self.now) >= policy.cool_down.get() {
            return None;
        }
        refuse_until(
            until,
            format!(
                "{}: the last action began at {last}; the next waits for the cool-down of {} until {until}",
                Self::shown(&self.incident.key),
                policy.cool_down
            ),
        )
    }

    pub(super) fn attempts(&self) -> Option<Refusal> {
        self.own_attempts().or_else(|| self.attempts_of_law())
    }

    fn attempts_of_law(&self) -> Option<Refusal> {
        let (law, target) = (self.meaning()?.law.as_ref()?, &self.incident.key.target);
        let deed = law.deed(&self.incident.key.entity);
        let of = Of::Deed(law.counted_on(target), &deed);
        let until = self.history.used_up(of, self.mode(), law.most, DAY.get(), self.now)?;
        refuse_until(
            until,
            format!(
                "{} was done {} times within {DAY}, by whatever policy; the next is possible at {until}. Look at it yourself",
                counted(law, &deed, target),
                law.most
            ),
        )
    }

    fn own_attempts(&self) -> Option<Refusal> {
        let policy = self.policy?;
        let (most, within) = (policy.attempts.most.get(), policy.attempts.within);
        let of = Of::Entity(&self.incident.key);
        let until = self.history.used_up(of, policy.mode, most, within.get(), self.now)?;
        refuse_until(
            until,
            format!(
                "{}: all {most} attempts within {within} are used; the next is possible at {until}. Look at it yourself",
                Self::shown(&self.incident.key)
            ),
        )
    }

    /// The policy's own three, and that of all policies; the one that lasts longest.
    pub(super) fn budget(&self) -> Option<Refusal> {
        let policy = self.policy?;
        let (name, budgets) = (&policy.name, policy.budgets);
        let (target, group) = (&self.incident.key.target, &self.view.group);
        let all = [
            (Of::Target(name, target), budgets.target, format!("{name} on {target}")),
            (
                Of::Group(name, group),
                budgets.group,
                format!("{name} in group {group}"),
            ),
            (Of::Policy(name), budgets.farm, format!("{name} on all targets")),
            (Of::All, self.remedies.most, "all policies together".to_owned()),
        ];
        let spent = all.into_iter().flat_map(|(of, most, whose)| {
            [(most.hour.get(), HOUR, "an hour"), (most.day.get(), DAY, "24 hours")].map(|(most, within, long)| {
                let until = self.history.used_up(of, policy.mode, most, within.get(), self.now)?;
                Some((
                    until,
                    format!("the budget of {whose}, {most} in {long}, is used up until {until}"),
                ))
            })
        });
        let (until, words) = spent.flatten().max()?;
        refuse_until(until, words)
    }

    pub(super) fn flapping(&self) -> Option<Refusal> {
        let flapping = self.policy?.flapping;
        let most = flapping.cures.get();
        let last = self.history.flapped(&self.incident.key, most, flapping.within.get())?;
        let until = last.plus(flapping.quarantine.get());
        if self.now >= until {
            return None;
        }
        refuse_until(
            until,
            format!(
                "{}: cured {most} times within {} and ill again; in quarantine until {until}. Look for what makes it ill",
                Self::shown(&self.incident.key),
                flapping.within
            ),
        )
    }

    pub(super) fn concurrency(&self) -> Option<Refusal> {
        let (target, group, most) = (&self.incident.key.target, &self.view.group, self.remedies.at_once);
        let others = || {
            self.view
                .running
                .iter()
                .filter(|runs| runs.incident != self.incident.id)
        };
        // What nobody sees holds its own place only, and what is over what it has touched.
        let seen = || others().filter(|runs| runs.stands == Stands::Runs);
        let busy = || others().filter(|runs| runs.stands != Stands::Proven);
        let touched = self.touched();
        if let Some((other, thing)) =
            others().find_map(|runs| Some((runs, runs.touches.intersection(&touched).next()?)))
        {
            return refuse(format!(
                "waits for the end of {}: both touch {}",
                other.words,
                values::clean(thing)
            ));
        }
        // Another farmwarden that hangs, or holds what it was asked for, holds up nobody but whom it would be asked for next.
        let of_remote = |remote: Option<&str>| {
            let of = seen().filter(|runs| runs.remote.as_deref() == remote);
            of.collect::<Vec<_>>()
        };
        let on_target = busy().filter(|runs| runs.target == *target).collect();
        let mut places = vec![(on_target, 1, format!("on target {target}"))];
        if let Some(remote) = self.rung().and_then(Rung::remote) {
            let words = format!("asked of farmwarden {}", values::clean(remote));
            places.push((of_remote(Some(remote)), most.group.get(), words));
        } else {
            let mut of_group = of_remote(None);
            of_group.retain(|runs| runs.group == *group);
            places.push((of_group, most.group.get(), format!("on group {group}")));
            places.push((of_remote(None), most.farm.get(), "on the farm".to_owned()));
        }
        let is_full = |running: &[&Runs], most: u32| u32::try_from(running.len()).is_ok_and(|count| count >= most);
        let (running, most, place) = places.into_iter().find(|(running, most, _)| is_full(running, *most))?;
        refuse(format!(
            "waits for the end of {}: no more than {most} at a time {place}",
            waited_for(&running)
        ))
    }
}

/// `remount /mnt/d01 on rack-1`
fn counted(law: &Law, deed: &str, target: &Name) -> String {
    let deed = values::clean(deed);
    law.counted_on(target)
        .map_or_else(|| deed.to_string(), |target| format!("{deed} on {target}"))
}

fn waited_for(running: &[&Runs]) -> String {
    let shown = running.iter().take(MOST_SHOWN).map(|runs| runs.words.clone());
    let more = running.len().saturating_sub(MOST_SHOWN);
    let more = (more > 0).then(|| format!("one of {more} more"));
    shown.chain(more).collect::<Vec<_>>().join(" or ")
}
