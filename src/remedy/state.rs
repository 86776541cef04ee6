//! All that is remembered of repairs: alerts, open incidents, history. [`State::apply`] is the only way to change it, with
//! steps that are in the journal, so a replay ends where the running process was.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::Why;
use super::episodes::Episodes;
use super::history::History;
use super::incident::{Approval, Askers, Ended, Held, Incident, Key, Order, Phase};
use super::relapse::{Relapses, Resting};
use super::requests::{Requests, Stage};
use super::step::{IncidentId, Step};
use crate::actions::remote::Request;
use crate::alerts::{Alert, Change};
use crate::clock::UnixTime;
use crate::values::Name;

/// Open incidents. A storm of some thousand alerts; without it invented targets would fill the memory. What comes
/// beyond is recorded, counted, and opens when there is room and it is repeated.
const MOST_INCIDENTS: usize = 5000;

/// And those of what no configuration allows: somebody wants to see them, and more of them say nothing new.
const MOST_STRANGE: usize = 1000;

/// For so long it is told that something found no room.
const CROWDED_FOR: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    episodes: Episodes,
    incidents: BTreeMap<IncidentId, Incident>,
    open: BTreeMap<Key, IncidentId>,
    relapses: Relapses,
    pub history: History,
    /// Open incidents of what no configuration allowed when its alerts came.
    strange: usize,
    /// What other farmwardens asked for.
    pub requests: Requests,
    /// Alerts that found no room.
    pub crowded_out: u64,
    /// Of what could be repaired: how many in a row, and when the last.
    crowded: Option<(u64, UnixTime)>,
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
        self.requests.go_by(time);
        match step {
            Step::Received { alerts, .. } => self.hear_all(sequence, alerts, false, time),
            Step::Strange { alerts, .. } => self.hear_all(sequence, alerts, true, time),
            Step::Decided {
                incident,
                guard,
                until,
                words,
                plan,
            } => self.with(*incident, |incident| {
                let before = incident.held.as_ref().filter(|held| held.guard == *guard);
                incident.held = Some(Held {
                    guard: *guard,
                    since: before.map_or(time, |held| held.since),
                    until: *until,
                    words: words.clone(),
                    plan: plan.clone(),
                });
            }),
            Step::Rehearsed { incident, plan, words } => {
                self.history.acted(time, plan, true);
                self.requests
                    .go_on(*incident, &Stage::Waits, &Stage::Rehearsed(words.clone()));
                self.with(*incident, |incident| incident.rehearses(time, plan));
            }
            Step::Started { incident, plan, .. } => {
                self.history.acted(time, plan, false);
                if !plan.notice {
                    self.requests.go_on(*incident, &Stage::Waits, &Stage::Runs);
                }
                self.with(*incident, |incident| incident.running(time, plan));
            }
            Step::Noted {
                incident,
                words,
                request,
                ..
            } => self.with(*incident, |incident| incident.noted(words, *request)),
            Step::Finished {
                incident,
                outcome,
                words,
                ..
            } => {
                let ended = Stage::Ended(*outcome, words.clone());
                self.requests.go_on(*incident, &Stage::Runs, &ended);
                self.ended(*incident, time, (*outcome).into());
            }
            Step::Interrupted { incident, .. } => {
                self.requests.go_on(*incident, &Stage::Runs, &Stage::Interrupted);
                self.ended(*incident, time, Ended::Interrupted);
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
            Step::Relapsed { after, .. } => {
                let id = IncidentId {
                    record: sequence,
                    nth: 0,
                };
                self.relapse(id, *after, time);
            }
            Step::Cured { incident, words, .. } => self.close(*incident, time, Why::Cured, words),
            Step::Closed { incident, why, words } => self.close(*incident, time, *why, words),
            Step::Stormed { policy, group, .. } => self.history.stormed(time, policy, group),
            Step::Approved { .. }
            | Step::Ordered { .. }
            | Step::TakenBack { .. }
            | Step::Paused(_)
            | Step::Resumed { .. }
            | Step::Asked(_)
            | Step::Withdrawn(_) => self.follow(sequence, time, step),
        }
    }

    /// What people and other farmwardens say.
    fn follow(&mut self, sequence: u64, time: UnixTime, step: &Step) {
        match step {
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
            Step::Ordered {
                target,
                entity,
                policy,
                by,
                until,
            } => {
                let key = Key {
                    target: target.clone(),
                    entity: entity.clone(),
                    policy: policy.clone(),
                };
                let id = IncidentId {
                    record: sequence,
                    nth: 0,
                };
                let order = Order {
                    by: by.clone(),
                    until: *until,
                    is_over: false,
                };
                self.order(id, key, order, time);
            }
            Step::TakenBack { incident, .. } => self.with(*incident, |incident| {
                if let Some(order) = incident.order.as_mut() {
                    order.is_over = true;
                }
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
            _ => {}
        }
    }

    fn hear_all(&mut self, record: u64, alerts: &[Alert], is_strange: bool, time: UnixTime) {
        for (nth, alert) in (0..).zip(alerts) {
            self.hear(IncidentId { record, nth }, alert, is_strange, time);
        }
    }

    fn hear(&mut self, id: IncidentId, alert: &Alert, is_strange: bool, time: UnixTime) {
        // What asks for nothing is remembered by nobody.
        let Some(key) = Key::asked_by(alert) else { return };
        let Some((episode, change)) = self.episodes.hear(alert, is_strange, time) else {
            self.crowds_out(is_strange, time);
            return;
        };
        if change == Change::Late {
            return;
        }
        let fires = episode.end.is_none();
        if let Some(id) = self.open.get(&key).copied() {
            self.hear_again(id, alert, is_strange, fires, time);
            return;
        }
        let rests = self.relapses.hear(&key, alert, fires, time);
        let begins = matches!(change, Change::Begins | Change::Returns);
        // What goes on firing after its incident asks again when it is seen ill.
        if !fires || (rests && !begins) {
            return;
        }
        match self.open(id, key, is_strange, time) {
            Some(incident) => incident.alerts.take(alert, true),
            None => self.crowds_out(is_strange, time),
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
        let known = self.open.get(&key).and_then(|id| self.incidents.get(id));
        let (id, stage) = match known.map(|known| (known.id, known.phase, known.has_room())) {
            Some((known, Phase::Escalated { .. }, _)) => (
                known,
                Stage::Over("a person was called; nothing more is done".to_owned()),
            ),
            Some((known, _, true)) => (known, Stage::Waits),
            None if self.open(id, key, false, time).is_some() => (id, Stage::Waits),
            Some(_) | None => {
                self.crowds_out(false, time);
                (id, Stage::Over("it found no room among what is asked for".to_owned()))
            }
        };
        if stage == Stage::Waits {
            self.with(id, |incident| incident.join(request, time));
        }
        self.requests.ask(request, id, stage, time);
    }

    fn hear_again(&mut self, id: IncidentId, alert: &Alert, is_strange: bool, fires: bool, time: UnixTime) {
        let Some(incident) = self.incidents.get_mut(&id) else {
            return;
        };
        incident.attach(alert, fires, time);
        if incident.is_strange && !is_strange {
            incident.is_strange = false;
            self.strange = self.strange.saturating_sub(1);
        }
    }

    /// Of what no configuration allows it is only counted.
    fn crowds_out(&mut self, is_strange: bool, time: UnixTime) {
        self.crowded_out += 1;
        if is_strange {
            return;
        }
        let before = self.crowded.filter(|(_, last)| last.age_at(time) < CROWDED_FOR);
        let count = before.map_or(0, |(count, _)| count);
        self.crowded = Some((count + 1, time));
    }

    /// Alerts of something that could be repaired and that lately found no room.
    pub fn crowded_lately(&self, now: UnixTime) -> u64 {
        let lately = self.crowded.filter(|(_, last)| last.age_at(now) < CROWDED_FOR);
        lately.map_or(0, |(count, _)| count)
    }

    /// Another incident, with the alerts that are left of the last one; nothing where there is no room.
    fn open(&mut self, id: IncidentId, key: Key, is_strange: bool, time: UnixTime) -> Option<&mut Incident> {
        let (count, most) = if is_strange {
            (self.strange, MOST_STRANGE)
        } else {
            (self.incidents.len().saturating_sub(self.strange), MOST_INCIDENTS)
        };
        if count >= most {
            return None;
        }
        self.strange += usize::from(is_strange);
        let resting = self.relapses.wakes(&key);
        let alerts = resting.map_or_else(Askers::default, |resting| resting.alerts);
        self.open.insert(key.clone(), id);
        let incident = Incident {
            is_strange,
            ..Incident::open(id, key, alerts, time)
        };
        Some(self.incidents.entry(id).or_insert(incident))
    }

    /// Nothing where the alert has ended, or began anew, meanwhile.
    fn relapse(&mut self, id: IncidentId, after: IncidentId, time: UnixTime) {
        if let Some(key) = self.relapses.key_of(after) {
            self.open(id, key, false, time);
        }
    }

    fn order(&mut self, id: IncidentId, key: Key, order: Order, time: UnixTime) {
        let known = self.open.get(&key).copied();
        if known.is_none() {
            self.open(id, key, false, time);
        }
        self.with(known.unwrap_or(id), |incident| incident.order = Some(order));
    }

    fn with(&mut self, id: IncidentId, change: impl FnOnce(&mut Incident)) {
        if let Some(incident) = self.incidents.get_mut(&id) {
            change(incident);
        }
    }

    /// Only what ran can end.
    fn ended(&mut self, id: IncidentId, time: UnixTime, ended: Ended) {
        let incident = self.incidents.get_mut(&id);
        let Some(incident) = incident.filter(|incident| matches!(incident.phase, Phase::Running { .. })) else {
            return;
        };
        incident.ended(time, ended);
        if ended == Ended::Refused {
            self.history.refused(&incident.key);
        } else if let Some(plan) = incident.tried.clone().filter(|plan| !plan.notice) {
            self.history.ended(time, &plan);
            self.prove_anew(&plan.target, time);
        }
    }

    /// What was proven on a target while an action ran there was disturbed by it.
    fn prove_anew(&mut self, target: &Name, time: UnixTime) {
        for incident in self
            .incidents
            .values_mut()
            .filter(|incident| incident.key.target == *target)
        {
            if let Phase::Proving { since, .. } = &mut incident.phase {
                *since = time;
            }
        }
    }

    fn close(&mut self, id: IncidentId, time: UnixTime, why: Why, words: &str) {
        self.requests.go_on(id, &Stage::Waits, &Stage::Over(words.to_owned()));
        let Some(incident) = self.incidents.remove(&id) else {
            return;
        };
        self.open.remove(&incident.key);
        self.strange = self.strange.saturating_sub(usize::from(incident.is_strange));
        if why == Why::Cured {
            self.history.cured(time, &incident.key);
        }
        self.relapses.rests(incident, time);
    }
}

#[cfg(test)]
mod tests;
