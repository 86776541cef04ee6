//! The report in one sentence, for somebody who was just woken up.

use std::cmp::Reverse;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Health, Link, Report};

/// How many targets are how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub targets: usize,
    pub well: usize,
    pub waiting: usize,
    pub ill: usize,
    pub stale: usize,
    pub down: usize,
}

/// A sentence with more names is not read to its end.
const MOST_NAMES: usize = 3;

/// Names of the links to look at first, the worst first.
pub(super) fn first_broken(links: &[Link]) -> Vec<String> {
    let mut first: Vec<&Link> = links.iter().filter(|link| link.first_broken).collect();
    first.sort_by_key(|link| Reverse(link.state));
    first.into_iter().map(|link| link.name.clone()).collect()
}

impl Report {
    /// With summary and verdict as they follow from the rest.
    pub(super) fn judged(mut self) -> Self {
        self.summary = Summary::default();
        for target in &self.targets {
            self.summary.add(target.state);
        }
        self.verdict = self.sentence();
        self
    }

    fn sentence(&self) -> String {
        let mut sentence = self.summary.to_string();
        let mut first = self.farms.iter().flat_map(|farm| &farm.first_broken);
        let named: Vec<&str> = first.by_ref().take(MOST_NAMES).map(String::as_str).collect();
        let more = first.count();
        if !named.is_empty() {
            // Writing to a String cannot fail.
            let _infallible = write!(sentence, " First broken: {}", named.join(", "));
            if more > 0 {
                let _infallible = write!(sentence, " and {more} more");
            }
            sentence.push('.');
        }
        sentence
    }
}

impl Summary {
    fn add(&mut self, state: Health) {
        self.targets += 1;
        let counted = match state {
            Health::Well => &mut self.well,
            Health::Waiting => &mut self.waiting,
            Health::Ill => &mut self.ill,
            Health::Stale => &mut self.stale,
            Health::Down => &mut self.down,
        };
        *counted += 1;
    }

    /// The worst that any target is; well where there is none.
    pub fn worst(&self) -> Health {
        let all = [
            (self.down, Health::Down),
            (self.stale, Health::Stale),
            (self.ill, Health::Ill),
            (self.waiting, Health::Waiting),
        ];
        let worst = all.into_iter().find(|(count, _)| *count > 0);
        worst.map_or(Health::Well, |(_, health)| health)
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let broken = [
            (self.down, "down"),
            (self.stale, "without new data"),
            (self.ill, "ill"),
            (self.waiting, "waiting for a first round"),
        ];
        let mut told = broken.into_iter().filter(|(count, _)| *count > 0);
        match (self.targets, told.next()) {
            (0, _) => f.write_str("No target is configured: nothing is watched."),
            (1, None) => f.write_str("The one target is well."),
            (1, Some((_, how))) => write!(f, "The one target is {how}."),
            (all, None) => write!(f, "All {all} targets are well."),
            (all, Some((count, how))) => {
                // Nothing was seen to be wrong; that it was not looked at yet is said after.
                if self.worst() == Health::Waiting {
                    f.write_str("Everything that was looked at is well; ")?;
                }
                let are = if count == 1 { "is" } else { "are" };
                write!(f, "{count} of {all} targets {are} {how}")?;
                for (count, how) in told {
                    write!(f, ", {count} {how}")?;
                }
                f.write_str(".")
            }
        }
    }
}
