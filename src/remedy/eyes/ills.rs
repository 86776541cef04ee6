//! Since when everything that is ill has been seen so, whether or not anybody asked about it: an alert that comes late
//! does not find an illness that has only begun.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::collectors::Symptom;
use crate::remedy::incident::Key;
use crate::store::Verdict;
use crate::values::Name;

/// By the symptom's name and the entity.
type OfTarget = HashMap<&'static str, HashMap<String, UnixTime>>;

/// As many as there are findings.
#[derive(Default)]
pub(super) struct Ills {
    verdicts: Arc<Vec<Verdict>>,
    since: HashMap<Name, OfTarget>,
}

impl Ills {
    /// To be told of every judgement. What is found again has been there before.
    pub(super) fn follow(&mut self, verdicts: &Arc<Vec<Verdict>>, now: UnixTime) {
        if Arc::ptr_eq(&self.verdicts, verdicts) {
            return;
        }
        let mut before = std::mem::take(&mut self.since);
        for verdict in verdicts.iter().filter(|verdict| !verdict.diagnosis.findings.is_empty()) {
            let before = before.remove(&verdict.target).unwrap_or_default();
            let mut found = OfTarget::new();
            for finding in &verdict.diagnosis.findings {
                let (symptom, entity) = (finding.symptom.name, &finding.entity);
                let known = before.get(symptom).and_then(|entities| entities.get(entity));
                let since = known.copied().unwrap_or(now);
                found.entry(symptom).or_default().insert(entity.clone(), since);
            }
            self.since.insert(verdict.target.clone(), found);
        }
        self.verdicts = Arc::clone(verdicts);
    }

    pub(super) fn since(&self, key: &Key, symptom: &Symptom) -> Option<UnixTime> {
        let of_target = self.since.get(&key.target)?;
        of_target.get(symptom.name)?.get(&key.entity).copied()
    }
}
