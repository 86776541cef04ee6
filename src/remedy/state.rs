//! All that is remembered of repairs: alerts, open incidents, history. [`State::apply`] is the only way to change it, with
//! steps that are in the journal, so a replay ends where the running process was.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::Why;
use super::history::History;
use super::incident::{After, Approval, Askers, Held, Incident, Key, Phase};
use super::relapse::{Relapses, Resting};
use super::step::{IncidentId, Step};
use crate::alerts::{self, Alert, Change, Episode, Fingerprint};
use crate::clock::UnixTime;

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
    relapses: Relapses,
    pub history: History,
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

    /// Those of whom an incident is over while its alerts fire.
    pub fn resting(&self) -> impl Iterator<Item = &Resting> {
        self.relapses.iter()
    }

    pub fn rests(&self, key: &Key) -> Option<&Resting> {
        self.relapses.get(key)
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
            } => self.with(*incident, |incident| {
                let before = incident.held.as_ref().filter(|held| held.guard == *guard);
                incident.held = Some(Held {
                    guard: *guard,
                    since: before.map_or(time, |held| held.since),
                    until: *until,
                    words: words.clone(),
                });
            }),
            Step::Rehearsed { incident, plan, .. } => {
                self.history.acted(time, plan, true);
                self.with(*incident, |incident| incident.proving(time, After::Rehearsal));
            }
            Step::Started { incident, plan, .. } => {
                self.history.acted(time, plan, false);
                self.with(*incident, |incident| incident.running(time, plan));
            }
            Step::Noted { incident, words, .. } => self.with(*incident, |incident| incident.noted(words)),
            Step::Finished { incident, .. } => self.ended(*incident, time, After::Action),
            Step::Interrupted { incident, .. } => self.ended(*incident, time, After::Interruption),
            Step::Failed { incident, .. } => self.with(*incident, |incident| incident.next_rung(time)),
            Step::Escalated { incident, .. } => self.with(*incident, |incident| {
                incident.phase = Phase::Escalated { since: time };
                incident.held = None;
            }),
            Step::Relapsed { after, .. } => {
                let id = IncidentId {
                    record: sequence,
                    nth: 0,
                };
                self.relapse(id, *after, time);
            }
            Step::Cured { incident, .. } => self.close(*incident, time, Why::Cured),
            Step::Closed { incident, why, .. } => self.close(*incident, time, *why),
            Step::Stormed { policy, group, .. } => self.history.stormed(time, policy, group),
            Step::Approved {
                incident,
                plan,
                by,
                until,
            } => self.with(*incident, |incident| {
                incident.approval = Some(Approval {
                    plan: plan.clone(),
                    by: by.clone(),
                    until: *until,
                });
            }),
            Step::Paused(pause) => self.history.paused(time, pause),
            Step::Resumed { scope, .. } => self.history.resumed(scope),
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
            self.with(*id, |incident| incident.attach(alert, fires, time));
            return;
        }
        let rests = self.relapses.hear(&key, alert, fires, time);
        let begins = matches!(change, Change::Begins | Change::Returns);
        // What goes on firing after its incident asks again when it is seen ill.
        if fires && (begins || !rests) {
            self.open(id, key, alert, time);
        }
    }

    fn open(&mut self, id: IncidentId, key: Key, alert: &Alert, time: UnixTime) {
        if self.incidents.len() >= MOST_INCIDENTS {
            self.crowded_out += 1;
            return;
        }
        let mut alerts = self
            .relapses
            .wakes(&key)
            .map_or_else(Askers::default, |resting| resting.alerts);
        alerts.take(alert, true);
        self.open.insert(key.clone(), id);
        self.incidents.insert(id, Incident::open(id, key, alerts, time));
    }

    /// Nothing where the alert has ended, or began anew, meanwhile.
    fn relapse(&mut self, id: IncidentId, after: IncidentId, time: UnixTime) {
        if self.incidents.len() >= MOST_INCIDENTS {
            return;
        }
        let Some(key) = self.relapses.key_of(after) else { return };
        if let Some(Resting { alerts, .. }) = self.relapses.wakes(&key) {
            self.open.insert(key.clone(), id);
            self.incidents.insert(id, Incident::open(id, key, alerts, time));
        }
    }

    fn has_room_for_an_episode(&mut self, time: UnixTime) -> bool {
        if self.episodes.len() >= MOST_EPISODES {
            self.episodes
                .retain(|_, (_, heard)| heard.age_at(time) < REMEMBERED_FOR);
        }
        self.episodes.len() < MOST_EPISODES
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

    fn close(&mut self, id: IncidentId, time: UnixTime, why: Why) {
        let Some(incident) = self.incidents.remove(&id) else {
            return;
        };
        self.open.remove(&incident.key);
        if why == Why::Cured {
            self.history.cured(time, &incident.key);
        }
        self.relapses.rests(incident, time);
    }
}

#[cfg(test)]
mod tests;
