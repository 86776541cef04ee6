//! What other farmwardens asked for, and what became of it: made from journal steps alone, so that a request which comes again
//! is known for the same one, also after a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use super::step::{IncidentId, Outcome};
use crate::actions::remote::{Request, RequestId};
use crate::clock::UnixTime;
use crate::values::Name;

/// Longer than any request lasts: one that comes later has lapsed, so it need not be known to be refused.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(2 * 86_400);
/// The longest that a request may last.
pub const LASTS_AT_MOST: Duration = Duration::from_secs(86_400);
/// Of one caller. Its own budgets are far below; without it a broken one could fill the memory.
pub(super) const MOST_OF_A_CALLER: usize = 1000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requests {
    asked: BTreeMap<RequestId, Asked>,
    /// When the first record of the journal was written.
    since: Option<UnixTime>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    pub heard: UnixTime,
    /// Nothing is begun for it after this.
    pub until: UnixTime,
    /// The incident that it opened or joined; nothing for one that was withdrawn before it came.
    pub incident: Option<IncidentId>,
    pub stage: Stage,
}

/// How far it is. It has one action at most: what follows the first is the business of whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Waits,
    Runs,
    Ended(Outcome, String),
    /// farmwarden ended in the middle of it.
    Interrupted,
    Rehearsed(String),
    /// The incident ended, or was left to people, before anything was begun.
    Over(String),
    Withdrawn,
}

impl Requests {
    pub fn get(&self, id: &RequestId) -> Option<&Asked> {
        self.asked.get(id)
    }

    /// Since when requests would be known; nothing before the first record.
    pub(super) const fn since(&self) -> Option<UnixTime> {
        self.since
    }

    /// Told of every record.
    pub(super) fn go_by(&mut self, time: UnixTime) {
        self.since.get_or_insert(time);
    }

    /// Whether a caller may ask for something.
    pub fn has_room(&self, caller: &Name, now: UnixTime) -> bool {
        self.count(caller, now, true) < MOST_OF_A_CALLER
    }

    /// Whether it may take back what never came: those have as much room of their own, so that they keep out nothing that is
    /// asked for.
    pub fn has_room_for_unheard(&self, caller: &Name, now: UnixTime) -> bool {
        self.count(caller, now, false) < MOST_OF_A_CALLER
    }

    fn count(&self, caller: &Name, now: UnixTime, came: bool) -> usize {
        let own = self
            .asked
            .iter()
            .filter(|(id, asked)| id.caller == *caller && asked.is_kept(now));
        own.filter(|(_, asked)| asked.incident.is_some() == came).count()
    }

    pub(super) fn ask(&mut self, request: &Request, incident: IncidentId, stage: Stage, time: UnixTime) {
        let asked = Asked {
            heard: time,
            until: request.until,
            incident: Some(incident),
            stage,
        };
        self.insert(request.id(), asked, time);
    }

    /// Nothing is begun for it any more; one that comes later is known as well.
    pub(super) fn withdraw(&mut self, id: &RequestId, time: UnixTime) {
        match self.asked.get_mut(id) {
            Some(asked) if asked.stage == Stage::Waits => asked.stage = Stage::Withdrawn,
            Some(_) => {}
            None => {
                let asked = Asked {
                    heard: time,
                    until: time,
                    incident: None,
                    stage: Stage::Withdrawn,
                };
                self.insert(id.clone(), asked, time);
            }
        }
    }

    fn insert(&mut self, id: RequestId, asked: Asked, time: UnixTime) {
        self.asked.retain(|_, asked| asked.is_kept(time));
        self.asked.insert(id, asked);
    }

    /// Takes those of an incident that are this far further.
    pub(super) fn go_on(&mut self, incident: IncidentId, from: &Stage, to: &Stage) {
        let own = self.asked.values_mut().filter(|asked| asked.incident == Some(incident));
        for asked in own.filter(|asked| asked.stage == *from) {
            asked.stage = to.clone();
        }
    }
}

impl Asked {
    fn is_kept(&self, now: UnixTime) -> bool {
        self.heard.age_at(now) < REMEMBERED_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::remote::{Nonce, testing::request};
    use crate::remedy::testing::{ID, at};

    fn number(number: usize) -> Nonce {
        let [low, high, ..] = number.to_le_bytes();
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&[low, high]);
        Nonce::of(bytes)
    }

    #[test]
    fn whoever_takes_back_what_never_came_fills_up_nobodys_room_but_his_own_for_that() {
        let mut requests = Requests::default();
        let of = |nonce| Request { nonce, ..request() };
        for own in 0..MOST_OF_A_CALLER {
            assert!(requests.has_room_for_unheard(&request().caller, at(5)));
            requests.withdraw(&of(number(own)).id(), at(0));
        }
        assert!(!requests.has_room_for_unheard(&request().caller, at(5)));
        assert!(requests.has_room_for_unheard(&"other".parse().unwrap(), at(5)));
        for own in 0..MOST_OF_A_CALLER {
            assert!(requests.has_room(&request().caller, at(5)));
            requests.ask(&of(number(own + MOST_OF_A_CALLER)), ID, Stage::Waits, at(0));
        }
        assert!(!requests.has_room(&request().caller, at(5)));
        let later = at(0).plus(REMEMBERED_FOR);
        assert!(requests.has_room(&request().caller, later) && requests.has_room_for_unheard(&request().caller, later));
    }
}
