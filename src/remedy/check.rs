//! What one key of the section cannot know: keys of a policy that contradict each other, and names that are not there.

use std::collections::HashSet;

use super::settings::{LONGEST_MEMORY, NOTIFY, Policy, Remedies};
use crate::values::{Duration, Name};

/// A mistake, where it is: the policy by its number among those that could be read, the key below it, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    pub policy: usize,
    pub key: String,
    pub words: String,
}

impl Remedies {
    /// An empty list when all is well. `knows_target` also knows targets that could not be read.
    pub fn contradictions(&self, knows_target: impl Fn(&Name) -> bool) -> Vec<Contradiction> {
        let mut found: Vec<(usize, String, String)> = Vec::new();
        let mut names = HashSet::new();
        for (number, policy) in self.policies.iter().enumerate() {
            let mut own = policy.contradictions();
            if !names.insert(&policy.name) {
                let words = format!("the policy `{}` stands twice; an alert names just one", policy.name);
                own.push(("name".to_owned(), words));
            }
            for (index, target) in policy.targets.iter().enumerate() {
                if !knows_target(target) {
                    own.push((format!("targets[{index}]"), format!("no target is called `{target}`")));
                }
            }
            found.extend(own.into_iter().map(|(key, words)| (number, key, words)));
        }
        let contradiction = |(policy, key, words)| Contradiction { policy, key, words };
        found.into_iter().map(contradiction).collect()
    }
}

impl Policy {
    fn contradictions(&self) -> Vec<(String, String)> {
        let mut found = self.rung_contradictions();
        if self.targets.is_empty() {
            found.push((
                "targets".to_owned(),
                "name at least one target on which it may act".to_owned(),
            ));
        }
        let actions = self.rungs.iter().filter(|rung| !rung.is_notice()).count();
        let attempts = usize::try_from(self.attempts.most.get()).unwrap_or(usize::MAX);
        if attempts < actions {
            let words = format!("{attempts} attempts never reach the last of {actions} actions");
            found.push(("attempts.most".to_owned(), words));
        }
        found.extend(
            self.spans()
                .into_iter()
                .filter(|(_, span)| *span > LONGEST_MEMORY)
                .map(|(key, span)| {
                    let words = format!("{span} is longer than what is remembered; at most {LONGEST_MEMORY}");
                    (key.to_owned(), words)
                }),
        );
        found
    }

    /// Everything that is counted back over.
    fn spans(&self) -> [(&'static str, Duration); 5] {
        [
            ("cool_down", self.cool_down),
            ("attempts.within", self.attempts.within),
            ("storm.cool_down", self.storm.cool_down),
            ("flapping.within", self.flapping.within),
            ("flapping.quarantine", self.flapping.quarantine),
        ]
    }

    fn rung_contradictions(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if self.rungs.is_empty() {
            let words = format!("a ladder needs at least one rung: `{NOTIFY}`, or an action");
            found.push(("rungs".to_owned(), words));
        }
        for (number, rung) in self.rungs.iter().enumerate() {
            let mut wrong = |key: &str, words: String| found.push((format!("rungs[{number}].{key}"), words));
            if rung.gone_for >= rung.timeout {
                let words = format!("{} is not shorter than the timeout of {}", rung.gone_for, rung.timeout);
                wrong("gone_for", words);
            }
            if rung.is_notice() && rung.approval {
                wrong("approval", format!("`{NOTIFY}` changes nothing and needs no approval"));
            }
            if rung.is_notice() && !rung.with.is_empty() {
                wrong("with", format!("`{NOTIFY}` has no settings"));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remedy::testing;

    fn found(remedies: &Remedies) -> Vec<String> {
        let found = remedies.contradictions(|name| name.as_str().starts_with("prb-"));
        found
            .into_iter()
            .map(|wrong| format!("{}: {}", wrong.key, wrong.words))
            .collect()
    }

    #[test]
    fn a_good_section_has_no_contradictions() {
        assert_eq!(found(&testing::remedies()), Vec::<String>::new());
        assert_eq!(found(&Remedies::default()), Vec::<String>::new());
    }

    #[test]
    fn every_contradiction_is_named_by_its_key() {
        let mut remedies = testing::with(|policy| {
            policy.rungs[0].gone_for = policy.rungs[0].timeout;
            policy.rungs[1].action = NOTIFY.parse().unwrap();
            policy.rungs[1].approval = true;
            policy.rungs[1].with = [("a".to_owned(), "b".to_owned())].into();
            policy.targets = vec!["node-1".parse().unwrap()];
            policy.flapping.quarantine = Duration::from_secs(8 * 86_400);
        });
        let twice = remedies.policies[0].clone();
        remedies.policies.push(Policy {
            rungs: Vec::new(),
            targets: Vec::new(),
            ..twice
        });
        let keys: Vec<String> = found(&remedies)
            .iter()
            .map(|words| words.split(": ").next().unwrap().to_owned())
            .collect();
        let first = [
            "rungs[0].gone_for",
            "rungs[1].approval",
            "rungs[1].with",
            "flapping.quarantine",
            "targets[0]",
        ];
        let second = ["rungs", "targets", "flapping.quarantine", "name"];
        assert_eq!(keys, [&first[..], &second].concat());
    }
}
