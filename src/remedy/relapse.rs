//! What is left of an incident that is over while its alerts fire: whoever is ill again then gets another one at once.
//! Alertmanager would not tell: what relapses within its group interval is no news to it, and it repeats after hours.

use std::collections::BTreeMap;
use std::time::Duration;

use super::incident::{Askers, Incident, Key};
use super::step::IncidentId;
use crate::alerts::Alert;
use crate::clock::UnixTime;

/// Alertmanager repeats every 4 hours unless configured, and then with its next group interval. Of what is silent for longer
/// the end was lost, or ends are not sent (`send_resolved: false`).
const FIRES_FOR: Duration = Duration::from_secs(15_300);

/// They are no more than incidents were open, and without it those of many days would fill the memory. Of what finds no room
/// the next repeat opens an incident.
const MOST: usize = 5000;

/// Incidents that are over and whose alerts fire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Relapses(BTreeMap<Key, Resting>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resting {
    /// The incident that is over.
    pub after: IncidentId,
    pub key: Key,
    pub alerts: Askers,
    /// When that was, or when its alerts were last heard to fire.
    pub heard: UnixTime,
}

impl Resting {
    pub(super) fn is_old(&self, now: UnixTime) -> bool {
        self.heard.age_at(now) >= FIRES_FOR
    }
}

impl Relapses {
    pub(super) fn rests(&mut self, incident: Incident, time: UnixTime) {
        self.0.retain(|_, resting| !resting.is_old(time));
        if !incident.alerts.fire() || self.0.len() >= MOST {
            return;
        }
        let Incident { id, key, alerts, .. } = incident;
        let resting = Resting {
            after: id,
            key: key.clone(),
            alerts,
            heard: time,
        };
        self.0.insert(key, resting);
    }

    /// An alert about what rests; false where nothing does.
    pub(super) fn hear(&mut self, key: &Key, alert: &Alert, fires: bool, time: UnixTime) -> bool {
        let Some(resting) = self.0.get_mut(key) else {
            return false;
        };
        resting.alerts.take(alert, fires);
        if fires {
            resting.heard = resting.heard.max(time);
        } else if !resting.alerts.fire() {
            self.0.remove(key);
        }
        true
    }

    /// What rests no more, because it has an incident again.
    pub(super) fn wakes(&mut self, key: &Key) -> Option<Resting> {
        self.0.remove(key)
    }

    pub(super) fn key_of(&self, after: IncidentId) -> Option<Key> {
        let resting = self.0.values().find(|resting| resting.after == after)?;
        Some(resting.key.clone())
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Resting> {
        self.0.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Resting> {
        self.0.values()
    }
}
