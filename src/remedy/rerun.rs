//! The past once more: what the policies would have done with the symptoms and alerts that Prometheus kept of it.
//!
//! The decisions are those of `turn.rs`, over a state in memory; nothing is asked or done. Every policy only rehearses,
//! because the past goes on as it did. What Prometheus did not keep is assumed to hold nothing back, and is named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use xxhash_rust::xxh64::xxh64;

use super::hindsight::{Hindsight, Looking, Retrospect};
use super::incident::{Incident, Key};
use super::settings::{Mode, Policy, Remedies};
use super::state::State;
use super::step::{IncidentId, Step};
use super::tell;
use super::turn::{MOST_TURNS, Turn, turn};
use super::view::{Fleet, Seen, Sight, View};
use crate::alerts::{Alert, Status};
use crate::clock::UnixTime;
use crate::collectors::Link;
use crate::journal::Head;
use crate::values::{self, Name};

/// What was kept of one moment.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    pub sights: Vec<Glimpse>,
    /// The labels of every alert that fired.
    pub alerts: Vec<BTreeMap<String, String>>,
}

/// One sample of `farmwarden_symptom`.
#[derive(Clone, Debug)]
pub struct Glimpse {
    pub target: Name,
    pub symptom: String,
    pub entity: String,
    pub is_ill: bool,
}

/// All that it came to. Fields are read by programs: new ones may come, none may go or change its meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    pub from: UnixTime,
    pub until: UnixTime,
    /// Between two looks.
    pub step_seconds: u64,
    /// Moments of which something was kept, of all.
    pub seen: u64,
    pub moments: u64,
    pub policies: Vec<OfPolicy>,
    /// What the past does not tell, in words.
    pub not_known: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfPolicy {
    #[serde(flatten)]
    pub retrospect: Retrospect,
    pub illness: Illness,
}

/// How long what a policy cures was seen ill on its targets, all entities together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Illness {
    pub seconds: u64,
    /// What of it came after the policy would have acted: as much could have been saved, if the action had helped at once.
    pub after_action_seconds: u64,
    /// Illnesses after whose beginning it would have acted, and the longest that one of them went on.
    pub acted_on: u64,
    pub longest_seconds: u64,
}

/// Alertmanager repeats an alert that goes on firing so often, unless configured.
const REPEATED_AFTER: Duration = Duration::from_secs(4 * 3600);
/// Long before anything that is looked at: starts of farmwarden are not known.
const STARTED: UnixTime = UnixTime::from_millis(0);

type Thing = (Name, String, String);

pub struct Rerun {
    remedies: Remedies,
    groups: BTreeMap<Name, Name>,
    from: UnixTime,
    step: Duration,
    state: State,
    sequence: u64,
    looking: Looking,
    /// What is ill now, and since when.
    ill: BTreeMap<Thing, UnixTime>,
    /// What was looked at now, by target and symptom.
    looked_at: BTreeSet<(Name, String)>,
    /// How those that are asked about look, and since when.
    sights: BTreeMap<Key, (Sight, UnixTime)>,
    /// Alerts that fire, and when they were last told.
    firing: BTreeMap<u64, (Alert, UnixTime)>,
    /// Illnesses on which a policy would have acted, and when.
    acted: BTreeMap<Key, UnixTime>,
    illness: BTreeMap<Name, Illness>,
    seen: u64,
    moments: u64,
}

impl Rerun {
    /// From a time on, a moment after every step.
    pub fn new(remedies: &Remedies, links: &[Link], from: UnixTime, step: Duration) -> Self {
        let mut remedies = remedies.clone();
        for policy in &mut remedies.policies {
            policy.mode = Mode::DryRun;
        }
        Self {
            remedies,
            groups: links
                .iter()
                .map(|link| (link.target.clone(), link.farm.clone()))
                .collect(),
            from,
            step,
            state: State::default(),
            sequence: 0,
            looking: Looking::from(from),
            ill: BTreeMap::new(),
            looked_at: BTreeSet::new(),
            sights: BTreeMap::new(),
            firing: BTreeMap::new(),
            acted: BTreeMap::new(),
            illness: BTreeMap::new(),
            seen: 0,
            moments: 0,
        }
    }

    /// The next moment.
    pub fn at(&mut self, now: UnixTime, moment: &Moment) {
        self.moments += 1;
        self.seen += u64::from(!moment.sights.is_empty());
        self.look(now, &moment.sights);
        self.hear(now, &moment.alerts);
        let ids: Vec<IncidentId> = self.state.incidents().map(|incident| incident.id).collect();
        for id in ids {
            self.go_on(id, now);
        }
        let open: BTreeSet<&Key> = self.state.incidents().map(|incident| &incident.key).collect();
        self.sights.retain(|key, _| open.contains(key));
    }

    /// What it came to.
    pub fn end(mut self, until: UnixTime) -> Replayed {
        for key in self.acted.keys().cloned().collect::<Vec<_>>() {
            self.is_over(&key, until);
        }
        let Hindsight { policies, .. } = self.looking.end(until, &self.remedies);
        let step = values::Duration::from(self.step);
        let of_policy = |retrospect: Retrospect| {
            let illness = retrospect
                .name
                .parse()
                .ok()
                .and_then(|name: Name| self.illness.get(&name));
            OfPolicy {
                illness: illness.copied().unwrap_or_default(),
                retrospect,
            }
        };
        Replayed {
            from: self.from,
            until,
            step_seconds: self.step.as_secs(),
            seen: self.seen,
            moments: self.moments,
            policies: policies.into_iter().map(of_policy).collect(),
            not_known: not_known(step),
        }
    }

    fn look(&mut self, now: UnixTime, sights: &[Glimpse]) {
        self.looked_at = sights
            .iter()
            .map(|seen| (seen.target.clone(), seen.symptom.clone()))
            .collect();
        let ill = sights.iter().filter(|seen| seen.is_ill);
        let ill = ill.map(|seen| {
            let thing = (seen.target.clone(), seen.symptom.clone(), seen.entity.clone());
            let since = self.ill.get(&thing).copied().unwrap_or(now);
            (thing, since)
        });
        self.ill = ill.collect();
        for policy in &self.remedies.policies {
            let own = self
                .ill
                .keys()
                .filter(|(target, symptom, _)| is_for(policy, target, symptom));
            let seconds = self
                .step
                .as_secs()
                .saturating_mul(u64::try_from(own.count()).unwrap_or(u64::MAX));
            self.illness.entry(policy.name.clone()).or_default().seconds += seconds;
        }
        let over: Vec<Key> = self
            .acted
            .keys()
            .filter(|key| self.sight(key) == Sight::Well)
            .cloned()
            .collect();
        for key in over {
            self.is_over(&key, now);
        }
    }

    /// An illness on which a policy would have acted has come to its end, by itself or by somebody.
    fn is_over(&mut self, key: &Key, now: UnixTime) {
        let Some(acted) = self.acted.remove(key) else { return };
        let seconds = acted.age_at(now).as_secs();
        let illness = self.illness.entry(key.policy.clone()).or_default();
        illness.acted_on += 1;
        illness.after_action_seconds += seconds;
        illness.longest_seconds = illness.longest_seconds.max(seconds);
    }

    fn symptom(&self, policy: &Name) -> Option<&'static str> {
        Some(self.remedies.policy(policy)?.symptom.get().name)
    }

    fn sight(&self, key: &Key) -> Sight {
        let Some(symptom) = self.symptom(&key.policy) else {
            return Sight::CannotTell;
        };
        let thing = (key.target.clone(), symptom.to_owned(), key.entity.clone());
        if self.ill.contains_key(&thing) {
            Sight::Ill
        } else if self.looked_at.contains(&(key.target.clone(), symptom.to_owned())) {
            Sight::Well
        } else {
            Sight::CannotTell
        }
    }

    /// What fires for the first time, again after long, or no more.
    fn hear(&mut self, now: UnixTime, alerts: &[BTreeMap<String, String>]) {
        let mut told = Vec::new();
        let mut fires = BTreeSet::new();
        for labels in alerts {
            let number = fingerprint(labels);
            fires.insert(number);
            let known = self.firing.get(&number);
            if known.is_some_and(|(_, told)| told.age_at(now) < REPEATED_AFTER) {
                continue;
            }
            let alert = match known {
                Some((alert, _)) => alert.clone(),
                None => firing(number, labels, now),
            };
            told.push(alert.clone());
            self.firing.insert(number, (alert, now));
        }
        let ended: Vec<u64> = self
            .firing
            .keys()
            .filter(|number| !fires.contains(number))
            .copied()
            .collect();
        for number in ended {
            if let Some((alert, _)) = self.firing.remove(&number) {
                told.push(Alert {
                    status: Status::Resolved,
                    ends_at: Some(now),
                    ..alert
                });
            }
        }
        if !told.is_empty() {
            for step in Step::received("Prometheus", &told) {
                self.take(now, &step);
            }
        }
    }

    fn go_on(&mut self, id: IncidentId, now: UnixTime) {
        for _ in 0..MOST_TURNS {
            let Some(incident) = self.state.incident(id).cloned() else {
                return;
            };
            let view = self.view(&incident, now);
            let step = match turn(&incident, &self.remedies, &self.state.history, &view, now) {
                Turn::Wait(_) => return,
                Turn::Write(step) => step,
                // No policy acts here; if one did, it would be a rehearsal all the same.
                Turn::Act(plan, words) => Step::Rehearsed {
                    incident: id,
                    plan,
                    words,
                },
            };
            if let Step::Rehearsed { plan, .. } = &step
                && !plan.notice
            {
                self.acted.entry(incident.key).or_insert(now);
            }
            self.take(now, &step);
        }
    }

    fn take(&mut self, time: UnixTime, step: &Step) {
        self.sequence += 1;
        let head = Head {
            sequence: self.sequence,
            ..Head::EMPTY
        };
        tell::take(&mut self.state, head, time, step, |told| self.looking.take(told));
    }

    /// As far as it is known: nothing is broken before the target, nothing runs, nobody holds anything back.
    fn view(&mut self, incident: &Incident, now: UnixTime) -> View {
        let key = &incident.key;
        let state = self.sight(key);
        let symptom = self.symptom(&key.policy).unwrap_or_default();
        let thing = (key.target.clone(), symptom.to_owned(), key.entity.clone());
        let before = self.sights.get(key).filter(|(before, _)| *before == state);
        let since = self.ill.get(&thing).copied();
        let since = since.or(before.map(|(_, since)| *since)).unwrap_or(now);
        self.sights.insert(key.clone(), (state, since));
        let group = self.group(&key.target);
        let of_group = self
            .ill
            .keys()
            .filter(|(target, other, _)| *other == symptom && self.group(target) == group);
        View {
            is_known: self.groups.contains_key(&key.target),
            started: STARTED,
            looked: (state != Sight::CannotTell).then_some(now),
            seen: Seen {
                state,
                since,
                regained: None,
                evidence: String::new(),
            },
            cause: None,
            fleet: Fleet {
                ill: u64::try_from(of_group.count()).unwrap_or(u64::MAX),
                all: None,
                stormed: None,
            },
            running: Vec::new(),
            frozen: None,
            group,
        }
    }

    fn group(&self, target: &Name) -> Name {
        self.groups.get(target).cloned().unwrap_or_else(Link::default_farm)
    }
}

fn is_for(policy: &Policy, target: &Name, symptom: &str) -> bool {
    policy.symptom.get().name == symptom && policy.targets.contains(target)
}

/// The same labels are the same alert.
fn fingerprint(labels: &BTreeMap<String, String>) -> u64 {
    let text = labels.iter().fold(String::new(), |mut text, (name, value)| {
        for part in [name, value] {
            text.push_str(part);
            text.push('\0');
        }
        text
    });
    xxh64(text.as_bytes(), 0)
}

fn firing(number: u64, labels: &BTreeMap<String, String>, now: UnixTime) -> Alert {
    Alert {
        status: Status::Firing,
        fingerprint: number.into(),
        starts_at: now,
        ends_at: None,
        labels: labels.clone(),
        annotations: BTreeMap::new(),
        generator_url: String::new(),
    }
}

fn not_known(step: values::Duration) -> Vec<String> {
    vec![
        format!("what happened between two looks, which are {step} apart; and a sample counts for up to 5m after it was taken, where nothing told that its series had ended"),
        "how fresh a view was: every sample counts as a look that was taken for the decision".to_owned(),
        "what was broken before a target, and how large a group was: a storm is told by `storm.least` alone, so more is held by `fleet` than would have been".to_owned(),
        "starts of farmwarden, what ran, and what people did: pauses, freezes, approvals".to_owned(),
        "whether an action would have helped: it is only rehearsed, so the ladder goes on as if it had not, and what could have been saved is counted as if it had at once".to_owned(),
    ]
}

#[cfg(test)]
mod tests;
