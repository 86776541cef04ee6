//! The ordered procedure over a stack, as data: what stands on a node is stopped, the node is restarted and waited for,
//! then the others are started again.
//!
//! Who carries a step out and who writes it down is the caller's ([`Hands`]); here is the order, what follows from a
//! failure, and where a procedure stands. Source: phala contract, "Restart facts and orders".

mod run;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use run::{Broken, Event, Hands, Note, run};

use super::handle::Look;

/// A part of a stack, as the caller names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    /// What it is given to stop by itself. A node writes out a database of terabytes: minutes, not Docker's ten seconds.
    pub patience: Duration,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub what: What,
    pub part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Stop,
    Restart,
    /// Until the caller says that the part works: of a node, that it answers and its height moves. The part's patience is
    /// the time for it.
    Await,
    Start,
}

/// Parts that are stopped and started together, on a node or without one. A node on its own machine with the `pherry`
/// that feeds one worker has no group, and pherry is restarted at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// In the order in which they are started; they are stopped in the opposite one.
    pub group: Vec<Member>,
    pub node: Option<Node>,
    /// At the end; `fetch` of PRB v0, or `pherry`.
    pub restarted_last: Vec<Part>,
}

/// What the group stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub part: Part,
    /// What it is given to follow the chain again.
    pub recovers_within: Duration,
}

/// One of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub part: Part,
    /// What it is given to work before the next one is started; `None` for one that nobody waits for.
    pub works_within: Option<Duration>,
}

/// The steps in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Procedure {
    pub steps: Vec<Step>,
}

/// Where a procedure stands. It is written down with every event, so that one that was interrupted can be told and, if
/// somebody decides so, taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps that came to their end.
    pub done: usize,
    /// How the part of the next step was before that step began; `None` if it has not begun.
    pub under_way: Option<Look>,
    /// Parts that the procedure stopped, or was about to, in that order. Only these are started again.
    pub stopped: Vec<String>,
    /// Parts that were down before: somebody wanted that, and they are left so.
    pub found_down: Vec<String>,
    /// From here on the node is not what it was, and what stands on it is not started before it works.
    pub node_touched: bool,
}

impl Procedure {
    pub fn cluster(cluster: &Cluster) -> Self {
        let mut steps: Vec<Step> = cluster
            .group
            .iter()
            .rev()
            .map(|one| step(What::Stop, &one.part))
            .collect();
        if let Some(Node { part, recovers_within }) = &cluster.node {
            steps.push(step(What::Restart, part));
            steps.push(awaiting(part, *recovers_within));
        }
        for Member { part, works_within } in &cluster.group {
            steps.push(step(What::Start, part));
            steps.extend(works_within.map(|within| awaiting(part, within)));
        }
        steps.extend(cluster.restarted_last.iter().map(|part| step(What::Restart, part)));
        Self { steps }
    }

    /// For people: `2 of 6 steps done; restart node is under way; lifecycle and trade are stopped`.
    pub fn in_words(&self, progress: &Progress) -> String {
        let done = progress.done.min(self.steps.len());
        let next = self.steps.get(progress.done).map(|next| match progress.under_way {
            Some(_) => format!("{next} is under way"),
            None => format!("{next} is next"),
        });
        let stopped = (!progress.stopped.is_empty()).then(|| format!("stopped: {}", progress.stopped.join(", ")));
        let mut words = vec![format!("{done} of {} steps done", self.steps.len())];
        words.extend(next);
        words.extend(stopped);
        words.join("; ")
    }
}

fn step(what: What, part: &Part) -> Step {
    Step {
        what,
        part: part.clone(),
    }
}

fn awaiting(part: &Part, within: Duration) -> Step {
    Step {
        what: What::Await,
        part: Part {
            name: part.name.clone(),
            patience: within,
        },
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.what {
            What::Stop => "stop",
            What::Restart => "restart",
            What::Await => "wait for",
            What::Start => "start",
        };
        write!(f, "{verb} {}", self.part.name)
    }
}
