//! What is known of pRuntimes, by the address that PRB has for them, and what is remembered of each between rounds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::reader::{Outcome, Round, Told};
use crate::clock::{Now, UnixTime};
use crate::upstream::Fault;

/// All pRuntimes of a target; empty where none is asked.
#[derive(Clone, Debug, Default)]
pub struct Picture(Arc<HashMap<String, View>>);

/// One pRuntime.
#[derive(Clone, Debug)]
pub struct View {
    pub state: State,
    /// When that was found.
    asked: Instant,
    /// What it said last; kept for a while when it falls silent.
    pub told: Option<Arc<Told>>,
    pub watch: Watch,
}

/// How it went the last time.
#[derive(Clone, Debug)]
pub enum State {
    Up,
    /// It was asked, and did not say what it is asked for.
    Down(Fault),
    /// It is not asked at this address.
    Refused(Fault),
}

/// Since when a pRuntime is as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    pub pending: Option<Pending>,
    /// Since when it is seen to be initialized and not registered.
    pub unregistered: Option<Instant>,
    /// When it began to run.
    pub started: Option<UnixTime>,
}

/// Since when its messages for the chain have not become fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    pub at_first: u64,
    pub now: u64,
    pub since: Instant,
}

/// Uptime is in whole seconds and answers take their time: what moves by less is the same start.
const SAME_START: Duration = Duration::from_secs(5);

impl Picture {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By the address as PRB has it.
    pub fn of(&self, endpoint: &str) -> Option<&View> {
        self.0.get(endpoint)
    }

    /// Takes up a round. Of those whom it did not reach the last is kept, until it is older than `stale`.
    pub(in crate::collectors::prb) fn absorb(&mut self, round: Round, stale: Duration, now: Now) {
        let fresh = |then: Instant| now.monotonic.saturating_duration_since(then) < stale;
        let mut views = HashMap::with_capacity(round.about.len());
        for endpoint in round.about {
            if let Some(view) = self.of(&endpoint).filter(|view| fresh(view.asked)) {
                views.insert(endpoint, view.clone());
            }
        }
        for (endpoint, outcome) in round.said {
            let before = views.remove(&endpoint);
            let mut view = View::next(outcome, before, now);
            view.told = view.told.filter(|told| fresh(told.at));
            views.insert(endpoint, view);
        }
        self.0 = Arc::new(views);
    }

    pub(in crate::collectors::prb) fn expire(&mut self) {
        *self = Self::default();
    }
}

impl View {
    fn next(outcome: Outcome, before: Option<Self>, now: Now) -> Self {
        let (told, watch) = before.map(|view| (view.told, view.watch)).unwrap_or_default();
        let (state, told, watch) = match outcome {
            Outcome::Answered(told) => (State::Up, Some(Arc::clone(&told)), watch.next(&told, now)),
            Outcome::Failed(fault) => (State::Down(fault), told, watch),
            Outcome::Refused(fault) => (State::Refused(fault), None, Watch::default()),
        };
        Self {
            state,
            asked: now.monotonic,
            told,
            watch,
        }
    }

    /// `None` for one that is not asked: whether it runs is not known.
    pub const fn up(&self) -> Option<bool> {
        match self.state {
            State::Up => Some(true),
            State::Down(_) => Some(false),
            State::Refused(_) => None,
        }
    }
}

impl Watch {
    fn next(self, told: &Told, now: Now) -> Self {
        let info = &told.info;
        let fell = |pending: u64| self.pending.is_none_or(|before| pending < before.now);
        let pending = info.pending_messages.map(|pending| match self.pending {
            Some(before) if !fell(pending) => Pending { now: pending, ..before },
            _ => Pending {
                at_first: pending,
                now: pending,
                since: told.at,
            },
        });
        let unregistered = info.initialized == Some(true) && info.registered == Some(false);
        let age = now.monotonic.saturating_duration_since(told.at);
        let started = told.statistics.uptime.map(|uptime| now.wall.minus(age).minus(uptime));
        let same = |one: UnixTime, other: UnixTime| one.age_at(other).max(other.age_at(one)) < SAME_START;
        Self {
            pending,
            unregistered: unregistered.then(|| self.unregistered.unwrap_or(told.at)),
            started: started.map(|new| self.started.filter(|old| same(*old, new)).unwrap_or(new)),
        }
    }
}

/// Whoever does not answer is named, these many of them.
const MOST_NAMED: usize = 3;

/// How many answer, in a line.
pub(in crate::collectors::prb) fn gist(picture: &Picture) -> Result<String, String> {
    let mut ill: Vec<String> = Vec::new();
    for view in picture.0.values() {
        if let State::Down(fault) | State::Refused(fault) = &view.state {
            ill.push(fault.to_string());
        }
    }
    let answer = picture.0.len().saturating_sub(ill.len());
    let counted = format!("{answer} of {} pRuntimes answer", picture.0.len());
    if ill.is_empty() {
        return Ok(counted);
    }
    ill.sort();
    let more = ill.len().saturating_sub(MOST_NAMED);
    ill.truncate(MOST_NAMED);
    let rest = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    Err(format!("{counted}; {}{rest}", ill.join("; ")))
}
