//! What is known now, as one plain value: the status page, the JSON API and the command line show the same report.
//!
//! It copies out of the store and adds nothing but order: no I/O, no memory. Its fields are the public API under
//! `/api/v1/targets` (docs/api.md): new ones may come, none may go or change its meaning. What is unknown is left out,
//! never zero. Times are seconds since 1970, ages and durations are seconds.

mod gather;
mod verdict;

use serde::{Deserialize, Serialize};

pub use crate::relations::links::{Health, Place};
pub use gather::chain;
pub use verdict::Summary;

/// Everything that can be said of the farm at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of farmwarden.
    pub version: String,
    pub generated_timestamp_seconds: f64,
    /// One sentence: how it is, and where to look first.
    pub verdict: String,
    pub summary: Summary,
    pub farms: Vec<Farm>,
    /// In the order of the configuration.
    pub targets: Vec<Target>,
    /// First those of where to look first.
    pub symptoms: Vec<Symptom>,
}

/// The links of one farm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Farm {
    pub name: String,
    /// Names of the links that are broken while nothing they hang on is; the worst first.
    pub first_broken: Vec<String>,
    /// What is hung on stands before what hangs on it.
    pub links: Vec<Link>,
}

/// One link: a target, or a part of one whose parts hang on one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// `node-1/relay`, or `host-1` where the target is one link.
    pub name: String,
    pub target: String,
    pub collector: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    pub state: Health,
    /// Names of the links that it hangs on directly.
    pub hangs_on: Vec<String>,
    /// Links with the same number hang together.
    pub strand: usize,
    /// How many links are before it, at most.
    pub stage: usize,
    pub first_broken: bool,
    /// The first broken link that this broken one is behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// One target of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub name: String,
    pub collector: String,
    pub farm: String,
    /// Targets without which this one cannot work.
    pub depends_on: Vec<String>,
    /// The worst of its parts and symptoms.
    pub state: Health,
    pub parts: Vec<Part>,
}

/// A piece of a target that is read by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub hangs_on: Vec<String>,
    pub state: Health,
    /// Whether the data that it brought last is still shown; it is for three intervals.
    pub has_data: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_timestamp_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_age_seconds: Option<f64>,
    /// How long the last round took, whether it succeeded or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_duration_seconds: Option<f64>,
    pub interval_seconds: f64,
    /// Absent while a round runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_round_in_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_fault: Option<Fault>,
}

/// The last round that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Who, what and why; may quote an upstream.
    pub words: String,
    /// The value of the label `reason`.
    pub reason: String,
    pub timestamp_seconds: f64,
    pub age_seconds: f64,
    /// A later round succeeded.
    pub over: bool,
}

/// A symptom that is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Symptom {
    pub target: String,
    pub collector: String,
    pub farm: String,
    pub symptom: String,
    /// A chain, a mount, a worker; absent for the target as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Worth a look, and nothing is broken.
    pub hint: bool,
    /// Figures and thresholds; may quote an upstream.
    pub evidence: String,
    /// The definition, with the ground of its default threshold.
    pub meaning: String,
    /// What a person does about it.
    pub advice: String,
}

impl Report {
    /// The same for one target alone; `None` if there is none of that name.
    #[must_use]
    pub fn narrowed(mut self, target: &str) -> Option<Self> {
        self.targets.retain(|other| other.name == target);
        self.symptoms.retain(|symptom| symptom.target == target);
        for farm in &mut self.farms {
            farm.links.retain(|link| link.target == target);
            farm.first_broken = verdict::first_broken(&farm.links);
        }
        self.farms.retain(|farm| !farm.links.is_empty());
        (!self.targets.is_empty()).then(|| self.judged())
    }
}

#[cfg(test)]
mod tests;
