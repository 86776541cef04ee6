//! What the journal tells of repairs. Everything that decisions remember is made from these and nothing else, so that a
//! restart knows what was known before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::decide::{Guard, Why};
use crate::actions::remote::{Nonce, Request, RequestId};
use crate::alerts::Alert;
use crate::clock::UnixTime;
use crate::journal;
use crate::values::{self, Duration, Name};
use crate::values::{deserialize_from_str, serialize_as_str};

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Step {
    /// Alerts were handed in. Alerts that ask for nothing are recorded as well.
    Received {
        /// The Alertmanager's own address, as it says.
        from: String,
        alerts: Vec<Alert>,
    },
    /// The same, of alerts that ask for what no configuration allowed at that time: an unknown policy, or not for that target.
    Strange {
        from: String,
        alerts: Vec<Alert>,
    },
    /// An action was held back, for another reason than before or for longer.
    Decided {
        incident: IncidentId,
        guard: Guard,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixTime>,
        words: String,
        /// What waits for a person's word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Plan>,
    },
    /// All guards but the last let it through: this would have been done.
    Rehearsed {
        incident: IncidentId,
        plan: Plan,
        words: String,
    },
    /// Written before anything is done.
    Started {
        incident: IncidentId,
        plan: Plan,
        words: String,
    },
    /// How far an action of several steps has come; what was interrupted is told from the last of these.
    Noted {
        incident: IncidentId,
        rung: usize,
        words: String,
        /// Under which number another farmwarden is asked from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Nonce>,
    },
    Finished {
        incident: IncidentId,
        rung: usize,
        outcome: Outcome,
        words: String,
    },
    /// It was started, and farmwarden ended before it knew how that went.
    Interrupted {
        incident: IncidentId,
        rung: usize,
    },
    /// The symptom was gone for as long as the rung asks. The incident is over.
    Cured {
        incident: IncidentId,
        rung: usize,
        words: String,
    },
    /// Whose incident was over is ill again, and its alert has never ended: another incident begins.
    Relapsed {
        after: IncidentId,
        words: String,
    },
    /// It was still there when its time was over; the next rung follows.
    Failed {
        incident: IncidentId,
        rung: usize,
        words: String,
    },
    /// There is no further rung: a person must act.
    Escalated {
        incident: IncidentId,
        words: String,
    },
    /// The incident is over in another way.
    Closed {
        incident: IncidentId,
        why: Why,
        words: String,
    },
    /// Too much of a group is ill at once; told when it begins, and now and then while it lasts.
    Stormed {
        policy: Name,
        group: Name,
        begins: bool,
        words: String,
    },
    /// A person allowed this plan and no other.
    Approved {
        incident: IncidentId,
        plan: Plan,
        by: String,
        until: UnixTime,
        /// The link by which it was approved; it does not approve again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    /// A person asks for a repair as an alert would, until then.
    Ordered {
        target: Name,
        /// Empty for the target as a whole.
        entity: String,
        policy: Name,
        by: String,
        until: UnixTime,
    },
    /// A person takes that back.
    TakenBack {
        incident: IncidentId,
        by: String,
    },
    Paused(Pause),
    Resumed {
        scope: Scope,
        by: String,
    },
    /// Another farmwarden asked for a repair. One that is recorded twice counts once.
    Asked(Request),
    /// And wants nothing to be begun for it any more.
    Withdrawn(RequestId),
}

impl journal::Step for Step {
    const SCHEMA: u32 = 1;
}

/// Bytes of alerts in one record. The largest alert there may be is larger and stands alone; the journal takes twice
/// that.
const MOST_BYTES: usize = 256 << 10;

impl Step {
    /// The one incident that it speaks of.
    pub const fn incident(&self) -> Option<IncidentId> {
        match self {
            Self::Received { .. }
            | Self::Strange { .. }
            | Self::Relapsed { .. }
            | Self::Stormed { .. }
            | Self::Ordered { .. }
            | Self::Paused(_)
            | Self::Resumed { .. }
            | Self::Asked(_)
            | Self::Withdrawn(_) => None,
            Self::Decided { incident, .. }
            | Self::Rehearsed { incident, .. }
            | Self::Started { incident, .. }
            | Self::Noted { incident, .. }
            | Self::Finished { incident, .. }
            | Self::Interrupted { incident, .. }
            | Self::Cured { incident, .. }
            | Self::Failed { incident, .. }
            | Self::Escalated { incident, .. }
            | Self::Closed { incident, .. }
            | Self::TakenBack { incident, .. }
            | Self::Approved { incident, .. } => Some(*incident),
        }
    }

    /// The records of a delivery, in its order.
    pub fn received(from: &str, alerts: &[Alert]) -> Vec<Self> {
        Self::heard(from, alerts, |_| false)
    }

    /// The same, where some alerts ask for what is not allowed. Those come last.
    pub fn heard(from: &str, alerts: &[Alert], is_strange: impl Fn(&Alert) -> bool) -> Vec<Self> {
        let (strange, known): (Vec<&Alert>, Vec<&Alert>) = alerts.iter().partition(|alert| is_strange(alert));
        let from = || from.to_owned();
        let known = in_pieces(known.into_iter()).into_iter();
        let known = known.map(|alerts| Self::Received { from: from(), alerts });
        let strange = in_pieces(strange.into_iter()).into_iter();
        known
            .chain(strange.map(|alerts| Self::Strange { from: from(), alerts }))
            .collect()
    }
}

/// Few enough for a record each.
fn in_pieces<'a>(alerts: impl Iterator<Item = &'a Alert>) -> Vec<Vec<Alert>> {
    let mut pieces: Vec<Vec<Alert>> = Vec::new();
    let mut bytes = 0;
    for alert in alerts {
        let size = serde_json::to_string(alert).map_or(MOST_BYTES, |text| text.len());
        bytes += size;
        if let Some(piece) = pieces.last_mut().filter(|_| bytes <= MOST_BYTES) {
            piece.push(alert.clone());
        } else {
            bytes = size;
            pieces.push(vec![alert.clone()]);
        }
    }
    pieces
}

/// Which incident: the record that opened it, and which of those that this record opened. It never comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId {
    pub record: u64,
    pub nth: u32,
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.record, self.nth)
    }
}

impl FromStr for IncidentId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |(record, nth): (&str, &str)| {
            Some(Self {
                record: record.parse().ok()?,
                nth: nth.parse().ok()?,
            })
        };
        text.split_once('.')
            .and_then(read)
            .ok_or_else(|| "the number of an incident is expected, like 412.0".to_owned())
    }
}

deserialize_from_str!(IncidentId, "the number of an incident, like 412.0");
serialize_as_str!(IncidentId);

/// One rung for one entity: all that the acting side gets to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Plan {
    pub policy: Name,
    pub target: Name,
    /// The `farm` of the target.
    pub group: Name,
    /// As the symptom has it; empty for the target as a whole.
    pub entity: String,
    /// From 0.
    pub rung: usize,
    pub action: Name,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// What the names in it stood for when it was made: a program with its arguments, the members of a stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub does: Option<String>,
    /// What is counted over all policies: `replace-message f3e2bp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deed: Option<String>,
    /// Containers and units that it stops or starts; no other action has one of them meanwhile.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub touches: BTreeSet<String>,
    pub within: Duration,
    /// It tells people and changes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notice: bool,
}

/// Characters of a mark. It keeps apart what people were shown at different times; nobody makes plans to deceive it.
const MARK: usize = 8;

impl Plan {
    /// By which people name just this plan, with all that it does: `1f3a09c2`.
    pub fn mark(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let mut mark = journal::Hash::of(&text).to_string();
        mark.truncate(MARK);
        mark
    }

    /// `restart-stack stack=farm-1: stack farm-1: node node at farm-1 (sha256 ..)`.
    pub fn in_words(&self) -> String {
        action_in_words(self.action.as_str(), &self.with, self.does.as_deref())
    }
}

/// An action with its settings, and what these stand for.
pub(super) fn action_in_words(action: &str, with: &BTreeMap<String, String>, does: Option<&str>) -> String {
    let with = with.iter().map(|(key, value)| format!(" {key}={value}"));
    let does = does.map(|does| format!(": {does}"));
    let words: String = std::iter::once(action.to_owned()).chain(with).chain(does).collect();
    values::clean(&words).into_owned()
}

/// How an action ended, as it says. Whether it helped is another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// Nothing was touched: it was not begun for a reason that it found itself. It counts in no budget, and the rung is
    /// tried again.
    Refused,
    Failed,
    /// It took longer than it may; what it did is not known.
    TimedOut,
    /// Another farmwarden was asked, and whether it did anything is not known.
    Unknown,
}

/// Nothing is done there until then.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pause {
    pub scope: Scope,
    pub by: String,
    pub reason: String,
    pub until: UnixTime,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    All,
    Group(Name),
    Target(Name),
}

impl Scope {
    pub fn covers(&self, target: &Name, group: &Name) -> bool {
        match self {
            Self::All => true,
            Self::Group(name) => name == group,
            Self::Target(name) => name == target,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Target(name) => write!(f, "target {name}"),
        }
    }
}
