//! All that is remembered of repairs: alerts, open incidents, history. [`State::apply`] is the only way to change it, with
//! steps that are in the journal, so a replay ends where the running process was.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::Why;
use super::history::History;
use super::incident::{After, Approval, Held, Incident, Key, Phase};
use super::requests::{Requests, Stage};
use super::step::{IncidentId, Outcome, Step};
use crate::actions::remote::Request;
use crate::alerts::{self, Alert, Change, Episode, Fingerprint};
use crate::clock::UnixTime;

/// An alert that goes on firing after its incident ended asks again after so long: messages of before the end are over by
/// then. One that begins anew asks at once.
const ASKS_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// Open incidents. A storm of some thousand alerts; without it invented targets would fill the memory. What comes
/// beyond is recorded, counted, and opens when there is room and it is repeated.
const MOST_INCIDENTS: usize = 5000;

/// Alerts that are remembered, and for how long after they were last heard of. Alertmanager repeats every 4 hours
/// unless configured.
const MOST_EPISODES: usize = 20_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(2 * 86_400);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    episodes: BTreeMap<Fingerprint, (Episode, UnixTime)>,
    incidents: BTreeMap<IncidentId, Incident>,
    open: BTreeMap<Key, IncidentId>,
    ended: BTreeMap<Key, UnixTime>,
    pub history: History,
    /// What other farmwardens asked for.
    pub requests: Requests,
    /// Alerts that found no room.
    pub crowded_out: u64,
}

impl State {
    /// The incidents that are not over, oldest first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(&id)
    }

    /// Those that the record with this number opened and that are not over.
    pub fn opened_by(&self, sequence: u64) -> Vec<Incident> {
        let of = |nth| IncidentId { record: sequence, nth };
        self.incidents
            .range(of(0)..=of(u32::MAX))
            .map(|(_, incident)| incident.clone())
            .collect()
    }

    pub fn open_for(&self, key: &Key) -> Option<&Incident> {
        self.incidents.get(self.open.get(key)?)
    }

    /// Takes in the record with this number and time. What speaks of an incident that is over changes nothing.
    pub fn apply(&mut self, sequence: u64, time: UnixTime, step: &Step) {
        match step {
            Step::Received { alerts, .. } => {
                for (nth, alert) in alerts.iter().enumerate() {
                    let nth = u32::try_from(nth).unwrap_or(u32::MAX);
                    self.hear(IncidentId { record: sequence, nth }, alert, time);
                }
            }
            Step::Decided {
                incident,
                guard,
                until,
                words,
                ..
            } => self.with(*incident, |incident| {
                let before = incident.held.as_ref().filter(|held| held.guard == *guard);
                incident.held = Some(Held {
                    guard: *guard,
                    since: before.map_or(time, |held| held.since),
                    until: *until,
                    words: words.clone(),
                });
            }),
            Step::Rehearsed { incident, plan, words } => {
                self.history.acted(time, plan, true);
                self.requests
                    .go_on(*incident, &Stage::Waits, &Stage::Rehearsed(words.clone()));
                self.with(*incident, |incident| incident.proving(time, After::Rehearsal));
            }
            Step::Started { incident, plan, .. } => {
                self.history.acted(time, plan, false);
                if !plan.notice {
                    self.requests.go_on(*incident, &Stage::Waits, &Stage::Runs);
                }
                self.with(*incident, |incident| incident.running(time, plan));
            }
            Step::Noted { incident, words, .. } => self.with(*incident, |incident| incident.noted(words)),
            Step::Finished {
                incident,
                outcome,
                words,
                ..
            } => {
                let ended = Stage::Ended(*outcome, words.clone());
                self.requests.go_on(*incident, &Stage::Runs, &ended);
                match outcome {
                    Outcome::Refused => self.refused(*incident, time),
                    Outcome::Unknown => self.ended(*incident, time, After::Unknown),
                    Outcome::Done | Outcome::Failed | Outcome::TimedOut => self.ended(*incident, time, After::Action),
                }
            }
            Step::Interrupted { incident, .. } => {
                self.requests.go_on(*incident, &Stage::Runs, &Stage::Interrupted);
                self.ended(*incident, time, After::Interruption);
            }
            Step::Failed { incident, .. } => self.with(*incident, |incident| incident.next_rung(time)),
            Step::Escalated { incident, words } => {
                self.requests
                    .go_on(*incident, &Stage::Waits, &Stage::Over(words.clone()));
                self.with(*incident, |incident| {
                    incident.phase = Phase::Escalated { since: time };
                    incident.asked.clear();
                    incident.held = None;
                });
            }
            Step::Cured { incident, words, .. } => self.close(*incident, time, Why::Cured, words),
            Step::Closed { incident, why, words } => self.close(*incident, time, *why, words),
            Step::Stormed { policy, group, .. } => self.history.stormed(time, policy, group),
            Step::Approved {
                incident,
                plan,
                by,
                until,
                link,
            } => self.with(*incident, |incident| {
                incident.used_links.extend(link.clone());
                incident.approval = Some(Approval {
                    plan: plan.clone(),
                    by: by.clone(),
                    until: *until,
                });
            }),
            Step::Paused(pause) => self.history.paused(time, pause),
            Step::Resumed { scope, .. } => self.history.resumed(scope),
            Step::Asked(request) => {
                let id = IncidentId {
                    record: sequence,
                    nth: 0,
                };
                self.ask(id, request, time);
            }
            Step::Withdrawn(request) => {
                let incident = self.requests.get(request).and_then(|asked| asked.incident);
                self.requests.withdraw(request, time);
                if let Some(incident) = incident {
                    self.with(incident, |incident| {
                        incident.asked.remove(request);
                    });
                }
            }
        }
    }

    fn hear(&mut self, id: IncidentId, alert: &Alert, time: UnixTime) {
        let known = self.episodes.get(&alert.fingerprint).map(|(episode, _)| episode);
        if known.is_none() && !self.has_room_for_an_episode(time) {
            self.crowded_out += 1;
            return;
        }
        let known = self.episodes.get(&alert.fingerprint).map(|(episode, _)| episode);
        let (episode, change) = alerts::hear(known, alert, time);
        self.episodes.insert(alert.fingerprint, (episode, time));
        let Some(key) = Key::asked_by(alert).filter(|_| change != Change::Late) else {
            return;
        };
        let fires = episode.end.is_none();
        if let Some(id) = self.open.get(&key) {
            self.with(*id, |incident| incident.attach(alert.fingerprint, fires, time));
        } else if fires && self.may_open(&key, change, time) {
            if self.incidents.len() >= MOST_INCIDENTS {
                self.crowded_out += 1;
                return;
            }
            self.open.insert(key.clone(), id);
            self.incidents.insert(id, Incident::open(id, key, alert, time));
        }
    }

    /// A request that is known changes nothing, however often it comes.
    fn ask(&mut self, id: IncidentId, request: &Request, time: UnixTime) {
        if self.requests.get(&request.id()).is_some() {
            return;
        }
        let key = Key {
            target: request.target.clone(),
            entity: request.entity.clone(),
            policy: request.policy.clone(),
        };
        let (id, stage) = match self.open.get(&key).and_then(|id| self.incidents.get(id)) {
            Some(known) if matches!(known.phase, Phase::Escalated { .. }) => (
                known.id,
                Stage::Over("a person was called; nothing more is done".to_owned()),
            ),
            Some(known) if known.has_room() => (known.id, Stage::Waits),
            None if self.incidents.len() < MOST_INCIDENTS => {
                self.open.insert(key.clone(), id);
                self.incidents.insert(id, Incident::open_for(id, key, request, time));
                (id, Stage::Waits)
            }
            Some(_) | None => {
                self.crowded_out += 1;
                (id, Stage::Over("it found no room among what is asked for".to_owned()))
            }
        };
        if stage == Stage::Waits {
            self.with(id, |incident| incident.join(request, time));
        }
        self.requests.ask(request, id, stage, time);
    }

    fn has_room_for_an_episode(&mut self, time: UnixTime) -> bool {
        if self.episodes.len() >= MOST_EPISODES {
            self.episodes
                .retain(|_, (_, heard)| heard.age_at(time) < REMEMBERED_FOR);
        }
        self.episodes.len() < MOST_EPISODES
    }

    fn may_open(&self, key: &Key, change: Change, time: UnixTime) -> bool {
        let again = |ended: &UnixTime| ended.age_at(time) >= ASKS_AGAIN_AFTER;
        matches!(change, Change::Begins | Change::Returns) || self.ended.get(key).is_none_or(again)
    }

    fn with(&mut self, id: IncidentId, change: impl FnOnce(&mut Incident)) {
        if let Some(incident) = self.incidents.get_mut(&id) {
            change(incident);
        }
    }

    /// Only what ran can end.
    fn ended(&mut self, id: IncidentId, time: UnixTime, after: After) {
        self.with(id, |incident| {
            if matches!(incident.phase, Phase::Running { .. }) {
                incident.proving(time, after);
            }
        });
    }

    fn refused(&mut self, id: IncidentId, time: UnixTime) {
        let Some(incident) = self.incidents.get_mut(&id) else {
            return;
        };
        if matches!(incident.phase, Phase::Running { .. }) {
            incident.refuses(time);
            self.history.refused(&incident.key);
        }
    }

    fn close(&mut self, id: IncidentId, time: UnixTime, why: Why, words: &str) {
        self.requests.go_on(id, &Stage::Waits, &Stage::Over(words.to_owned()));
        let Some(incident) = self.incidents.remove(&id) else {
            return;
        };
        self.open.remove(&incident.key);
        self.ended.retain(|_, ended| ended.age_at(time) < ASKS_AGAIN_AFTER);
        if why == Why::Cured {
            self.history.cured(time, &incident.key);
        }
        // What was only rehearsed may be done in earnest with the next repeat.
        if why != Why::OnlyRehearsed {
            self.ended.insert(incident.key, time);
        }
    }
}

#[cfg(test)]
mod tests;
