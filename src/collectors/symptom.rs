//! What "ill" means: named symptoms, and what a look at a snapshot found of them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::values;

/// One thing that can be wrong. Alert rules and repairs both speak of it by name.
#[derive(Debug, PartialEq, Eq)]
pub struct Symptom {
    /// The label value `symptom`.
    pub name: &'static str,
    /// The definition in one sentence, with the ground of its default threshold.
    pub meaning: &'static str,
    /// What a person does about it.
    pub advice: &'static str,
    /// Where it begins: keys of the entry of a target, behind the kind, like `phala.thresholds.stuck_after`.
    pub thresholds: &'static [&'static str],
    /// It shows over time: one look cannot tell.
    pub takes_time: bool,
    /// Worth a look, and nothing is broken: whoever has only such is well, and it is the cause of nothing. Its alert is
    /// for boards.
    pub hint: bool,
}

#[cfg(test)]
impl Symptom {
    /// For tests of what carries symptoms about.
    pub(crate) const fn bare(name: &'static str) -> Self {
        Self {
            name,
            meaning: "Ill.",
            advice: "Repair it.",
            thresholds: &[],
            takes_time: false,
            hint: false,
        }
    }
}

/// A symptom seen, on whom, and on what evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub symptom: &'static Symptom,
    /// The part of the target that is ill: a chain, a mount, a worker. Empty for the target as a whole.
    pub entity: String,
    /// Figures and thresholds, for people.
    pub evidence: String,
    /// The part of the target's rounds that it is about; `None` for the target as a whole.
    pub part: Option<&'static str>,
}

/// What one look found: which symptoms could be judged at all, which are there, and who was seen to be well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Of anybody; who could not be judged among others is not well for that.
    pub looked_at: Vec<&'static Symptom>,
    pub findings: Vec<Finding>,
    pub well: SeenWell,
    /// How many entities there are that could have a symptom, as far as they were judged or counted.
    pub amounts: Vec<(&'static Symptom, u64)>,
}

/// For each entity a bit for each of `looked_at`. There are thousands of entities and few symptoms, and a judgement
/// copies what the rounds before it left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenWell(Arc<HashMap<Box<str>, u64>>);

impl Diagnosis {
    /// Records one judgement. `None` is "cannot tell", which is neither ill nor well.
    pub fn judge(
        &mut self,
        symptom: &'static Symptom,
        entity: &str,
        ill: Option<bool>,
        evidence: impl FnOnce() -> String,
    ) {
        let Some(ill) = ill else { return };
        self.look_at(symptom);
        self.among(symptom, 1);
        if ill {
            self.findings.push(Finding {
                symptom,
                entity: entity.to_owned(),
                // It may quote an upstream, and that a token.
                evidence: values::clean(&values::redacted(&evidence(), &[])).into_owned(),
                part: None,
            });
        } else {
            self.seen_well(symptom, entity);
        }
    }

    /// The entity was judged and does not have it. A cure is believed only where this was said.
    pub fn seen_well(&mut self, symptom: &'static Symptom, entity: &str) {
        self.look_at(symptom);
        let Some(bit) = self.bit(symptom) else { return };
        let well = Arc::make_mut(&mut self.well.0);
        match well.get_mut(entity) {
            Some(bits) => *bits |= bit,
            None => drop(well.insert(entity.into(), bit)),
        }
    }

    /// Whether the entity was judged and does not have it.
    pub fn is_well(&self, symptom: &'static Symptom, entity: &str) -> bool {
        let bits = self.well.0.get(entity).copied().unwrap_or_default();
        self.bit(symptom).is_some_and(|bit| bits & bit != 0)
    }

    /// A collector has fewer symptoms than there are bits; one beyond would never be seen well.
    fn bit(&self, symptom: &'static Symptom) -> Option<u64> {
        let place = self.looked_at.iter().position(|other| *other == symptom)?;
        1_u64.checked_shl(u32::try_from(place).ok()?)
    }

    /// It could be judged, whoever has it.
    pub fn look_at(&mut self, symptom: &'static Symptom) {
        if !self.looked_at.contains(&symptom) {
            self.looked_at.push(symptom);
        }
    }

    /// So many more entities could have it, besides those that were judged by themselves. Whether much of a group is ill
    /// is judged by that.
    pub fn among(&mut self, symptom: &'static Symptom, entities: u64) {
        match self.amounts.iter_mut().find(|(of, _)| *of == symptom) {
            Some((_, all)) => *all = all.saturating_add(entities),
            None => self.amounts.push((symptom, entities)),
        }
    }

    /// How many entities could have it; nothing where that is not known.
    pub fn amount(&self, symptom: &'static Symptom) -> Option<u64> {
        self.amounts.iter().find(|(of, _)| *of == symptom).map(|(_, all)| *all)
    }

    /// What was found since the last call is about this part: a chain of links shows it there.
    pub fn belongs_to(&mut self, part: &'static str) {
        for finding in self.findings.iter_mut().filter(|finding| finding.part.is_none()) {
            finding.part = Some(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static STUCK: Symptom = Symptom::bare("stuck");

    #[test]
    fn a_token_that_an_upstream_quotes_is_no_evidence() {
        let mut diagnosis = Diagnosis::default();
        let words = "dial ws://h/?token=eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoibGki.Zm9v";
        diagnosis.judge(&STUCK, "a", Some(true), || words.to_owned());
        assert_eq!(diagnosis.findings[0].evidence, "dial ws://h/?token=<secret>");
    }

    #[test]
    fn what_cannot_be_told_is_neither_ill_nor_well() {
        let mut diagnosis = Diagnosis::default();
        diagnosis.judge(&STUCK, "a", None, String::new);
        assert_eq!(diagnosis, Diagnosis::default());
        diagnosis.judge(&STUCK, "a", Some(false), String::new);
        diagnosis.judge(&STUCK, "b", Some(true), || "no block for 5m".to_owned());
        assert_eq!(diagnosis.looked_at, [&STUCK]);
        assert_eq!(diagnosis.findings.len(), 1);
    }

    #[test]
    fn well_is_who_was_judged_himself_and_nobody_beside_him() {
        static SLOW: Symptom = Symptom::bare("slow");
        let mut diagnosis = Diagnosis::default();
        diagnosis.judge(&SLOW, "a", Some(true), String::new);
        diagnosis.judge(&STUCK, "a", Some(false), String::new);
        diagnosis.judge(&STUCK, "b", Some(true), String::new);
        diagnosis.judge(&STUCK, "c", None, String::new);
        assert!(diagnosis.is_well(&STUCK, "a"));
        for (symptom, entity) in [(&STUCK, "b"), (&STUCK, "c"), (&STUCK, "d"), (&SLOW, "a"), (&SLOW, "b")] {
            assert!(!diagnosis.is_well(symptom, entity), "{} {entity}", symptom.name);
        }
    }

    #[test]
    fn everybody_who_was_judged_or_counted_could_have_had_it() {
        let mut diagnosis = Diagnosis::default();
        assert_eq!(diagnosis.amount(&STUCK), None);
        diagnosis.judge(&STUCK, "a", Some(false), String::new);
        diagnosis.judge(&STUCK, "b", Some(true), String::new);
        diagnosis.judge(&STUCK, "c", None, String::new);
        diagnosis.among(&STUCK, 98);
        assert_eq!(diagnosis.amount(&STUCK), Some(100));
    }
}
