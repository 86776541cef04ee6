//! What comes next for incidents: what is known of them, completed by what only the runner knows, and what follows from it.

use std::sync::Arc;

use super::{Eyes, Hands, Runner, locked};
use crate::clock::UnixTime;
use crate::collectors::Symptom;
use crate::remedy::decide::{Decision, decide, planned};
use crate::remedy::guards::is_storm;
use crate::remedy::incident::{Incident, Key};
use crate::remedy::ledger::Record;
use crate::remedy::settings::{Policy, Remedies};
use crate::remedy::state::State;
use crate::remedy::step::{IncidentId, Plan};
use crate::remedy::turn::{Turn, turn};
use crate::remedy::view::{Runs, Seen, View};

/// The next move of an incident as it is known, and as it would be if what is known were fresh.
pub(super) struct Outlook {
    pub(super) key: Key,
    pub(super) symptom: Option<&'static Symptom>,
    pub(super) known: Turn,
    pub(super) assumed: Turn,
}
impl<R: Record, E: Eyes, H: Hands> Runner<R, E, H> {
    /// For each incident of the state what is seen, and what would be decided if that were fresh.
    pub fn outlooks(&self, state: &State) -> Vec<(Seen, Decision)> {
        let incidents = state.incidents();
        incidents.map(|incident| self.foresee(state, incident)).collect()
    }

    /// How an entity looks now.
    pub fn seen(&self, key: &Key, policy: Option<&Policy>, now: UnixTime) -> Seen {
        self.eyes.view(key, policy.map(|policy| policy.symptom.get()), now).seen
    }

    /// What would be decided if what is known were fresh; nothing for an incident that is over.
    pub fn outlook(&self, id: IncidentId) -> Option<Decision> {
        let now = self.now();
        let (key, symptom, remedies) = self.asked(id)?;
        let view = self.eyes.view(&key, symptom, now);
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            let view = assumed_fresh(&self.complete(state, &key, &remedies, view, now), now);
            Some(decide(incident, &remedies, &state.history, &view, now))
        })
    }

    /// The rung of an incident that comes next; nothing for an incident that is over.
    pub fn planned(&self, id: IncidentId) -> Option<Plan> {
        let now = self.now();
        let (key, symptom, remedies) = self.asked(id)?;
        let view = self.eyes.view(&key, symptom, now);
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            planned(incident, &remedies, &state.history, &view, now)
        })
    }

    /// What is seen, and what would be decided about an incident of a state that is not ours, if what is known were fresh.
    pub fn foresee(&self, state: &State, incident: &Incident) -> (Seen, Decision) {
        let (now, remedies, key) = (self.now(), self.remedies(), &incident.key);
        let symptom = remedies.policy(&key.policy).map(|policy| policy.symptom.get());
        let view = self.eyes.view(key, symptom, now);
        let seen = view.seen.clone();
        let view = assumed_fresh(&self.complete(state, key, &remedies, view, now), now);
        (seen, decide(incident, &remedies, &state.history, &view, now))
    }
    pub(super) fn turn(&self, id: IncidentId) -> Option<Outlook> {
        let now = self.now();
        let (key, symptom, remedies) = self.asked(id)?;
        let view = self.eyes.view(&key, symptom, now);
        self.ledger.with(|state| {
            let incident = state.incident(id)?;
            let view = self.complete(state, &key, &remedies, view, now);
            let move_of = |view: &View| turn(incident, &remedies, &state.history, view, now);
            Some(Outlook {
                known: move_of(&view),
                assumed: move_of(&assumed_fresh(&view, now)),
                key,
                symptom,
            })
        })
    }

    /// What an incident is about, and what holds for it.
    fn asked(&self, id: IncidentId) -> Option<(Key, Option<&'static Symptom>, Arc<Remedies>)> {
        let key = self.ledger.with(|state| Some(state.incident(id)?.key.clone()))?;
        let remedies = self.remedies();
        let symptom = remedies.policy(&key.policy).map(|policy| policy.symptom.get());
        Some((key, symptom, remedies))
    }
    /// The view with what only the runner knows.
    fn complete(&self, state: &State, key: &Key, remedies: &Remedies, view: View, now: UnixTime) -> View {
        let mut view = View {
            running: state.incidents().filter_map(Runs::of).collect(),
            ..view
        };
        if let Some(policy) = remedies.policy(&key.policy) {
            let mut storms = locked(&self.storms);
            let of = (policy.name.clone(), view.group.clone());
            if is_storm(policy, &view) {
                storms.insert(of, now);
            } else {
                view.fleet.stormed = view.fleet.stormed.max(storms.get(&of).copied());
            }
        }
        view
    }
}

/// As if what is known had been looked at now; what could not be read stays so.
fn assumed_fresh(view: &View, now: UnixTime) -> View {
    View {
        looked: view.looked.map(|_| now),
        ..view.clone()
    }
}
