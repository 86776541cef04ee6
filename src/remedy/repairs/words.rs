//! The overview in words, the same for the page and for commands: what holds everything, and how an incident goes on.

use super::overview::{IncidentSeen, Overview, PauseSeen, RestingSeen};
use crate::remedy::settings::Mode;
use crate::remedy::step::action_in_words;
use crate::values;

impl Overview {
    /// Whether there is anything about repairs to tell.
    pub fn is_of_interest(&self) -> bool {
        self.journal.directory.is_some()
            || !self.policies.is_empty()
            || !self.incidents.is_empty()
            || !self.resting.is_empty()
    }

    /// What holds repairs as a whole, the weightiest first; nothing while nothing does.
    pub fn holds(&self) -> Vec<String> {
        let mut words = Vec::new();
        if !self.journal.up {
            let why = self.journal.words.as_deref().unwrap_or("it takes no records");
            words.push(format!(
                "no alerts are taken and nothing is repaired: {}",
                values::clean(why)
            ));
        }
        if !self.enabled {
            words.push("repairs are switched off (`remedies.enabled: false`)".to_owned());
        }
        if let Some(reason) = &self.frozen {
            words.push(format!("frozen by the freeze file: {}", values::clean(reason)));
        }
        if let Some(until) = self.warms_up_until {
            words.push(format!("farmwarden has just started and only watches until {until}"));
        }
        words.extend(self.pauses.iter().map(PauseSeen::words));
        if self.crowded_out > 0 {
            words.push(format!(
                "{} alerts found no room within the last hour, because too much is open; they are taken when they are repeated",
                self.crowded_out
            ));
        }
        words
    }

    /// What there is, in a line.
    pub fn policies_in_words(&self) -> String {
        let acting = self
            .policies
            .iter()
            .filter(|policy| policy.enabled && policy.mode == Mode::Act);
        let rehearsing = self
            .policies
            .iter()
            .filter(|policy| policy.enabled && policy.mode == Mode::DryRun);
        let off = self.policies.iter().filter(|policy| !policy.enabled);
        let counts = [
            (acting.count(), "acts", "act"),
            (rehearsing.count(), "only rehearses", "only rehearse"),
            (off.count(), "is switched off", "are switched off"),
        ];
        let parts = counts.iter().filter(|(count, ..)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        if parts.is_empty() {
            return "no policy is configured".to_owned();
        }
        format!("of the policies {}", parts.join(", "))
    }
}

impl PauseSeen {
    pub fn words(&self) -> String {
        let (by, reason) = (values::clean(&self.by), values::clean(&self.reason));
        format!("{} is paused by {by} until {}: {reason}", self.scope, self.until)
    }
}

impl IncidentSeen {
    /// `restart_node for para of node-1`.
    pub fn whom(&self) -> String {
        if self.entity.is_empty() {
            return format!("{} for {}", self.policy, self.target);
        }
        format!("{} for {} of {}", self.policy, values::clean(&self.entity), self.target)
    }

    /// What is seen of it now.
    pub fn sight(&self) -> String {
        let evidence = values::clean(&self.evidence);
        let figures = if evidence.is_empty() {
            String::new()
        } else {
            format!(": {evidence}")
        };
        match self.seen.as_str() {
            "ill" => format!("ill since {}{figures}", self.seen_since),
            "well" => format!("well since {}", self.seen_since),
            _ => format!(
                "it cannot be told whether it is ill, since {}{figures}",
                self.seen_since
            ),
        }
    }

    /// The action with its settings and what these stand for; nothing where its name says all.
    pub fn deed(&self) -> Option<String> {
        if self.with.is_empty() && self.does.is_none() {
            return None;
        }
        let action = self.action.as_deref()?;
        Some(action_in_words(action, &self.with, self.does.as_deref()))
    }

    /// How it goes on: what runs, what holds it and until when, who must act.
    pub fn course(&self) -> String {
        let action = self.action.as_deref().unwrap_or("nothing that is configured");
        let rung = format!("rung {} of {}, {action}", self.rung, self.rungs);
        let dry = if self.rehearsed {
            " (dry run: nothing was done)"
        } else {
            ""
        };
        match self.phase.as_str() {
            "running" => format!("{rung}, runs now; then it is watched whether it helps"),
            "proving" => self.watched(&rung),
            "escalated" if self.seen == "well" => {
                format!("a person was called{dry}; it is over when it stays well, and begins anew when it is ill again")
            }
            "escalated" => format!("nothing is left to try{dry}: a person must act"),
            _ => match self.guard {
                None if self.words.is_empty() => format!("{rung}, is next; it begins after a fresh look"),
                None => values::clean(&self.words).into_owned(),
                Some(guard) => {
                    let until = self.until.map_or_else(String::new, |until| format!(" until {until}"));
                    format!(
                        "{rung}, is next; held back by {}{until}: {}",
                        guard.label(),
                        values::clean(&self.words)
                    )
                }
            },
        }
    }

    /// Of the rung that is over: how it ended, and what follows unless it helps.
    fn watched(&self, rung: &str) -> String {
        let how = match self.ended.as_deref() {
            _ if self.rehearsed => "is over (dry run: nothing was done)",
            Some("failed") => "FAILED",
            Some("timed_out") => "TOOK TOO LONG",
            Some("unknown") => "may have been done by another farmwarden, or not",
            Some("interrupted") => "was INTERRUPTED, and what it did is not known",
            _ => "is over",
        };
        let until = self.until.map_or_else(String::new, |until| format!(" until {until}"));
        let then = if self.rung < self.rungs && self.ended.as_deref() != Some("unknown") {
            "the next rung follows"
        } else {
            "a person is called"
        };
        format!("{rung}, {how}; it is watched{until} whether the symptom goes, and else {then}")
    }
}

impl RestingSeen {
    /// That it may relapse.
    pub fn words(&self) -> String {
        let whom = if self.entity.is_empty() {
            self.target.clone()
        } else {
            format!("{} of {}", values::clean(&self.entity), self.target)
        };
        format!(
            "{} for {whom}: incident {} is over, its alert still fires; ill again, it has another one at once",
            self.policy, self.after
        )
    }
}
