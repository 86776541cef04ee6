//! A service as a role: its processes in the order of the configuration, each with what it last said.

use std::sync::Arc;
use std::time::Duration;

use super::era::About;
use super::server::{Missed, Said};
use crate::clock::Now;
use crate::upstream::{Fault, Why};

/// The processes of one service, as one part of the rounds sees them.
#[derive(Clone, Debug)]
pub struct Role<T> {
    views: Vec<View<T>>,
}

impl<T> Default for Role<T> {
    fn default() -> Self {
        Self { views: Vec::new() }
    }
}

/// One process.
#[derive(Debug)]
pub struct View<T> {
    /// The label value `process`.
    pub label: Arc<str>,
    pub about: Option<About>,
    /// Why the last round brought nothing; `None` when it did.
    pub fault: Option<Fault>,
    /// Questions of the last round that were not answered.
    pub missed: Vec<Missed>,
    seen: Option<(Arc<T>, Now)>,
    /// What it said when it last answered, however long ago: never shown, but what it did not do then it does not do now
    /// that it is away.
    last: Option<Arc<T>>,
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        Self {
            label: Arc::clone(&self.label),
            about: self.about.clone(),
            fault: self.fault.clone(),
            missed: self.missed.clone(),
            seen: self.seen.clone(),
            last: self.last.clone(),
        }
    }
}

impl<T> View<T> {
    /// What it last said, also when it has not answered since.
    pub fn seen(&self) -> Option<&T> {
        self.seen.as_ref().map(|(value, _)| &**value)
    }

    /// What it said in the last round: only that is judged.
    pub fn current(&self) -> Option<&T> {
        self.seen().filter(|_| self.fault.is_none())
    }

    /// Whether it says so. One that is away goes on denying what it denied; whether what it affirmed still holds is not
    /// known.
    pub(super) fn says(&self, what: impl Fn(&T) -> Option<bool>) -> Option<bool> {
        let said = what(self.last.as_deref()?)?;
        (self.current().is_some() || !said).then_some(said)
    }

    /// What it says, or said last where it is only slow: it is there and goes on with what it did.
    pub(super) fn unless_gone(&self) -> Option<&T> {
        let is_slow = self
            .fault
            .as_ref()
            .is_some_and(|fault| matches!(fault.why, Why::Timeout(_)));
        self.current().or_else(|| self.last.as_deref().filter(|_| is_slow))
    }

    /// Whether it answered in the last round; `None` while that is not known.
    pub fn up(&self) -> Option<bool> {
        match (&self.fault, &self.seen) {
            (Some(_), _) => Some(false),
            (None, seen) => seen.as_ref().map(|_| true),
        }
    }

    /// When it last said something.
    pub fn at(&self) -> Option<Now> {
        self.seen.as_ref().map(|(_, at)| *at)
    }
}

impl<T> Role<T> {
    pub fn views(&self) -> &[View<T>] {
        &self.views
    }

    /// Every process that has said something that is not stale.
    pub fn seen(&self) -> impl Iterator<Item = (&View<T>, &T)> {
        self.views.iter().filter_map(|view| Some((view, view.seen()?)))
    }

    /// Every process that answered in the last round.
    pub fn current(&self) -> impl Iterator<Item = (&View<T>, &T)> {
        self.views.iter().filter_map(|view| Some((view, view.current()?)))
    }

    /// Whether every process answered in the last round: only then is what none of them says not so.
    pub fn is_whole(&self) -> bool {
        !self.views.is_empty() && self.views.iter().all(|view| view.current().is_some())
    }

    /// Whether any process says so; `None` when none does, and one that is away or does not tell may.
    pub(super) fn any(&self, what: impl Fn(&T) -> Option<bool>) -> Option<bool> {
        self.current().next()?;
        let said: Vec<Option<bool>> = self.views.iter().map(|view| view.says(&what)).collect();
        if said.contains(&Some(true)) {
            return Some(true);
        }
        said.iter().all(Option::is_some).then_some(false)
    }

    /// Whether one that is away said so when it last answered.
    pub(super) fn away_said(&self, what: impl Fn(&T) -> Option<bool>) -> bool {
        let away = self.views.iter().filter(|view| view.current().is_none());
        let mut last = away.filter_map(|view| view.last.as_deref());
        last.any(|last| what(last) == Some(true))
    }

    /// Takes up a round. What a process said earlier is kept until it is `stale`.
    pub(super) fn absorb(&mut self, said: Vec<Said<T>>, stale: Duration, now: Now) {
        let mut before = std::mem::take(&mut self.views);
        for one in said {
            let known = before.iter().position(|view| view.label == one.label);
            let known = known.map(|index| before.swap_remove(index));
            let (value, fault) = match one.outcome {
                Ok(value) => (Some((Arc::new(value), now)), None),
                Err(fault) => (None, Some(fault)),
            };
            let (known_about, earlier, last) = known.map(|view| (view.about, view.seen, view.last)).unwrap_or_default();
            let fresh = |at: Now| now.monotonic.duration_since(at.monotonic) < stale;
            self.views.push(View {
                label: one.label,
                about: one.about.or(known_about),
                fault,
                missed: one.missed,
                last: value.as_ref().map(|(value, _)| Arc::clone(value)).or(last),
                seen: value.or_else(|| earlier.filter(|(_, at)| fresh(*at))),
            });
        }
    }

    /// A round in which no process answered.
    pub(super) fn lost(&mut self, said: Vec<(Arc<str>, Fault)>, stale: Duration, now: Now) {
        let said = said.into_iter().map(|(label, fault)| Said {
            label,
            about: None,
            outcome: Err(fault),
            missed: Vec::new(),
        });
        self.absorb(said.collect(), stale, now);
    }

    /// Drops what was said; that a process does not answer stays known.
    pub(super) fn expire(&mut self) {
        for view in &mut self.views {
            view.seen = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::clock::UnixTime;

    fn at(start: Instant, seconds: u64) -> Now {
        Now {
            wall: UnixTime::from_millis(1_700_000_000_000 + seconds * 1000),
            monotonic: start + Duration::from_secs(seconds),
        }
    }

    fn said(label: &str, outcome: Result<u32, &str>) -> Said<u32> {
        let fault = |words: &str| Fault::new("http://h:1", "x", Why::Unreachable(words.to_owned()));
        Said {
            label: label.into(),
            about: None,
            outcome: outcome.map_err(fault),
            missed: Vec::new(),
        }
    }

    #[test]
    fn a_process_that_fails_keeps_what_it_said_until_that_is_stale_and_is_not_judged() {
        let start = Instant::now();
        let stale = Duration::from_secs(90);
        let mut role = Role::default();
        role.absorb(vec![said("a", Ok(1)), said("b", Ok(2))], stale, at(start, 0));
        role.absorb(vec![said("a", Err("refused")), said("b", Ok(3))], stale, at(start, 30));
        let all = |role: &Role<u32>| role.seen().map(|(_, value)| *value).collect::<Vec<_>>();
        assert_eq!(all(&role), [1, 3]);
        assert_eq!(role.current().map(|(_, value)| *value).collect::<Vec<_>>(), [3]);
        role.absorb(vec![said("a", Err("refused")), said("b", Ok(3))], stale, at(start, 90));
        assert_eq!(all(&role), [3]);
        let refused = said("b", Err("refused")).outcome.unwrap_err();
        role.lost(vec![("b".into(), refused)], stale, at(start, 100));
        assert_eq!((role.current().count(), role.views().len()), (0, 1));
    }

    #[test]
    fn one_that_is_away_goes_on_denying_what_it_denied_and_nothing_else() {
        let start = Instant::now();
        let stale = Duration::from_secs(90);
        let is = |number: u32| move |value: &u32| Some(*value == number);
        let mut role = Role::default();
        assert_eq!(role.any(is(1)), None);
        role.absorb(vec![said("a", Ok(1)), said("b", Err("refused"))], stale, at(start, 0));
        assert_eq!((role.any(is(1)), role.any(is(2))), (Some(true), None));
        role.absorb(vec![said("a", Ok(1)), said("b", Ok(2))], stale, at(start, 30));
        role.absorb(
            vec![said("a", Ok(1)), said("b", Err("refused"))],
            stale,
            at(start, 9_000),
        );
        assert_eq!((role.any(is(1)), role.any(is(2))), (Some(true), None));
        assert_eq!(role.any(is(3)), Some(false));
        assert_eq!(role.any(|_| None), None);
        role.expire();
        assert_eq!(role.any(is(3)), None);
    }
}
