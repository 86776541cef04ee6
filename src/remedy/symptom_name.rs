//! The name of a symptom that there is.

use std::fmt;
use std::str::FromStr;

use crate::collectors::{self, Symptom};
use crate::relations;
use crate::values;

/// A symptom, read by its name: one that no collector or relation knows is refused, so no policy waits for what never comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymptomName(&'static Symptom);

impl SymptomName {
    pub const fn get(self) -> &'static Symptom {
        self.0
    }
}

impl FromStr for SymptomName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all: Vec<&'static Symptom> = collectors::symptoms()
            .into_iter()
            .chain(relations::SYMPTOMS.iter().copied())
            .collect();
        if let Some(found) = all.iter().find(|symptom| symptom.name == text) {
            return Ok(Self(found));
        }
        let near = all
            .iter()
            .map(|symptom| (strsim::damerau_levenshtein(symptom.name, text), symptom.name))
            .min()
            .filter(|(distance, _)| *distance <= MOST_EDITS);
        let hint = near.map_or_else(
            || "`farmwarden explain` lists all".to_owned(),
            |(_, name)| format!("did you mean `{name}`?"),
        );
        Err(format!("no symptom is called {}; {hint}", values::repeated(text)))
    }
}

/// More is another word.
const MOST_EDITS: usize = 3;

impl fmt::Display for SymptomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

values::deserialize_from_str!(SymptomName, "the name of a symptom, like worker_silent_stall");
values::serialize_as_str!(SymptomName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_symptoms_that_there_are_are_read() {
        let read: SymptomName = "worker_silent_stall".parse().unwrap();
        assert_eq!(read.to_string(), "worker_silent_stall");
        assert!("chain_halted".parse::<SymptomName>().is_ok());
        let near = "worker_silent_stal".parse::<SymptomName>().unwrap_err();
        assert!(near.contains("did you mean `worker_silent_stall`?"), "{near}");
        let far = "x".parse::<SymptomName>().unwrap_err();
        assert!(far.contains("farmwarden explain"), "{far}");
    }
}
