//! The journal told again: each record with what it meant when it was written, and in words for people. For whoever reads it
//! afterwards; nothing here needs a running farmwarden.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::decide::Why;
use super::guards::Case;
use super::incident::{Incident, Key};
use super::state::State;
use super::step::{IncidentId, Outcome, Pause, Plan, Step};
use super::tell::{self, Told};
use crate::actions::remote::{Request, RequestId};
use crate::alerts::{Alert, Status};
use crate::clock::UnixTime;
use crate::journal::{self, JournalError};
use crate::values;

/// Hands every record that is kept to `each`, oldest first, until it has enough. It takes no lock, so farmwarden may go on
/// writing. The error names file and line; what stood before it was handed out.
pub fn replay(directory: &Path, mut each: impl FnMut(&Told<'_>) -> ControlFlow<()>) -> Result<(), JournalError> {
    let mut state = State::default();
    journal::read_range::<Step>(directory, None, None, |record| {
        tell::take(&mut state, record.head(), record.time, &record.step, &mut each)
    })
}

/// What is asked of the journal: one incident, or all.
#[derive(Clone, Debug, Default)]
pub struct Of {
    id: Option<IncidentId>,
    /// Known while the incident is open: alerts name it by this.
    key: Option<Key>,
}

impl Of {
    pub const fn incident(id: IncidentId) -> Self {
        Self {
            id: Some(id),
            key: None,
        }
    }

    /// Whether a record belongs to it; to be asked of each in turn.
    pub fn has(&mut self, told: &Told<'_>) -> bool {
        let Some(id) = self.id else { return true };
        if let Some(opened) = told.opened.iter().find(|incident| incident.id == id) {
            self.key = Some(opened.key.clone());
            return true;
        }
        match told.step {
            Step::Received { alerts, .. } | Step::Strange { alerts, .. } => alerts.iter().any(|alert| self.asks(alert)),
            step @ Step::Ordered { .. } => self.key.is_some() && ordered(step) == self.key,
            Step::Asked(request) => self.key == Some(asked(request)),
            Step::Cured { incident, .. } | Step::Closed { incident, .. } if *incident == id => {
                self.key = None;
                true
            }
            step => step.incident() == Some(id),
        }
    }

    /// Whether an alert asks for it.
    fn asks(&self, alert: &Alert) -> bool {
        self.id.is_none() || (self.key.is_some() && Key::asked_by(alert) == self.key)
    }

    /// A record in words; of its alerts only those that ask for the incident.
    pub fn account(&self, told: &Told<'_>) -> Account {
        let (mark, what) = what(told.step);
        let opened = anew(told);
        let incident = told.incident.or(opened);
        let ordered = || Some(Case::shown(&ordered(told.step)?));
        let whom = incident.map(|incident| Case::shown(&incident.key)).or_else(ordered);
        let words = match told.step {
            Step::Received { alerts, .. } | Step::Strange { alerts, .. } => self.alerts(alerts, told),
            Step::Asked(request) => vec![requested(request, told)],
            Step::Withdrawn(request) => vec![format!("request {}", request.nonce)],
            step => said(step)
                .map(|words| bare(words, whom.as_deref()))
                .into_iter()
                .collect(),
        };
        Account {
            mark,
            what,
            incident: told.step.incident().or(opened.map(|incident| incident.id)),
            whom,
            words,
        }
    }

    fn alerts(&self, alerts: &[Alert], told: &Told<'_>) -> Vec<String> {
        let asked = alerts.iter().enumerate().filter(|(_, alert)| self.asks(alert));
        let mut words: Vec<String> = asked
            .clone()
            .take(MOST_ALERTS)
            .map(|(nth, alert)| heard(nth, alert, told))
            .collect();
        if let Some(more @ 1..) = asked.count().checked_sub(MOST_ALERTS) {
            words.push(format!("and {more} more"));
        }
        words
    }
}

/// The incident that a step about one opened.
fn anew<'a>(told: &Told<'a>) -> Option<&'a Incident> {
    let of_one = matches!(told.step, Step::Relapsed { .. } | Step::Ordered { .. });
    told.opened.first().filter(|_| of_one)
}

/// What a person asks for.
fn ordered(step: &Step) -> Option<Key> {
    let Step::Ordered {
        target, entity, policy, ..
    } = step
    else {
        return None;
    };
    Some(Key {
        target: target.clone(),
        entity: entity.clone(),
        policy: policy.clone(),
    })
}

/// A delivery may hold thousands; --json has them all.
const MOST_ALERTS: usize = 20;

/// What a record is to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Good,
    Bad,
    Plain,
}

/// A record in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub mark: Mark,
    /// In one line.
    pub what: String,
    pub incident: Option<IncidentId>,
    /// `restart for w1 of prb-1`; nothing where the record that opened the incident is no longer kept.
    pub whom: Option<String>,
    /// One paragraph each.
    pub words: Vec<String>,
}

/// A record for programs.
#[derive(Debug, Serialize)]
pub struct Recounted<'a> {
    sequence: u64,
    time: UnixTime,
    /// Of the incident that it speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<About<'a>>,
    #[serde(flatten)]
    step: &'a Step,
}

#[derive(Debug, Serialize)]
struct About<'a> {
    target: &'a str,
    entity: &'a str,
    policy: &'a str,
}

impl<'a> Recounted<'a> {
    pub fn new(told: &Told<'a>) -> Self {
        let opened = anew(told);
        Self {
            sequence: told.head.sequence,
            time: told.time,
            about: told.incident.or(opened).map(|incident| About {
                target: incident.key.target.as_str(),
                entity: &incident.key.entity,
                policy: incident.key.policy.as_str(),
            }),
            step: told.step,
        }
    }
}

fn what(step: &Step) -> (Mark, String) {
    match step {
        Step::Received { from, alerts } => {
            let count = alerts.len();
            let alerts = if count == 1 { "alert" } else { "alerts" };
            (Mark::Plain, format!("{count} {alerts} from {}", values::clean(from)))
        }
        Step::Strange { from, alerts } => {
            let (count, from) = (alerts.len(), values::clean(from));
            let alerts = if count == 1 { "alert" } else { "alerts" };
            let words = format!("{count} {alerts} from {from}, for what the configuration does not allow");
            (Mark::Plain, words)
        }
        Step::Decided { guard, until, .. } => {
            let until = until.map_or_else(String::new, |until| format!(" until {until}"));
            (Mark::Plain, format!("held back by {}{until}", guard.label()))
        }
        Step::Rehearsed { plan, .. } => (Mark::Plain, format!("dry run: would do {}", planned(plan))),
        Step::Started { plan, .. } if plan.notice => (Mark::Plain, format!("tells people (rung {})", plan.rung + 1)),
        Step::Started { plan, .. } => (Mark::Plain, format!("begins {}", planned(plan))),
        Step::Noted { rung, .. } => (Mark::Plain, format!("while the action of rung {} runs", rung + 1)),
        Step::Finished { rung, outcome, .. } => {
            let (mark, how) = match outcome {
                Outcome::Done => (Mark::Plain, "is done"),
                Outcome::Refused => (Mark::Bad, "was REFUSED, nothing was done"),
                Outcome::Failed => (Mark::Bad, "FAILED"),
                Outcome::TimedOut => (Mark::Bad, "TOOK TOO LONG"),
                Outcome::Unknown => (Mark::Bad, "was asked for elsewhere; what was done is NOT KNOWN"),
            };
            (mark, format!("the action of rung {} {how}", rung + 1))
        }
        Step::Interrupted { rung, .. } => (
            Mark::Bad,
            format!(
                "the action of rung {} was INTERRUPTED; what it did is not known",
                rung + 1
            ),
        ),
        Step::Cured { rung, .. } => (Mark::Good, format!("CURED by rung {}", rung + 1)),
        Step::Relapsed { after, .. } => (Mark::Bad, format!("ILL AGAIN after incident {after}")),
        Step::Failed { rung, .. } => (Mark::Bad, format!("rung {} is GIVEN UP", rung + 1)),
        Step::Escalated { .. } => (Mark::Bad, "A PERSON MUST ACT".to_owned()),
        Step::Closed { why, .. } => (Mark::Plain, format!("over: {}", ended(*why))),
        Step::Stormed {
            policy, group, begins, ..
        } => {
            let how = if *begins { "begins" } else { "lasts" };
            (Mark::Bad, format!("a STORM of {policy} in group {group} {how}"))
        }
        Step::Approved { plan, by, until, .. } => (
            Mark::Plain,
            format!("{} approved {} until {until}", values::clean(by), planned(plan)),
        ),
        Step::Ordered { by, until, .. } => (Mark::Plain, format!("{} asks for it until {until}", values::clean(by))),
        Step::TakenBack { by, .. } => (Mark::Plain, format!("{} asks for it no more", values::clean(by))),
        Step::Paused(Pause { scope, by, until, .. }) => (
            Mark::Plain,
            format!("{} paused {scope} until {until}", values::clean(by)),
        ),
        Step::Asked(Request {
            caller, incident, rung, ..
        }) => (
            Mark::Plain,
            format!(
                "farmwarden {caller} asks for a repair (its incident {}, rung {rung})",
                values::clean(incident)
            ),
        ),
        Step::Withdrawn(RequestId { caller, .. }) => {
            (Mark::Plain, format!("farmwarden {caller} asks for nothing any more"))
        }
        Step::Resumed { scope, by } => (Mark::Plain, format!("{} resumed {scope}", values::clean(by))),
    }
}

const fn ended(why: Why) -> &'static str {
    match why {
        Why::Cured => "cured",
        Why::Well => "well again",
        Why::Forgotten => "neither heard of nor ill for long",
        Why::OrderEnded => "a person asked for it, and does no more",
        Why::OnlyRehearsed => "it was only rehearsed; the policy acts now",
        Why::LadderEnded => "nothing is left to try",
    }
}

/// `restart-worker pace=1s (rung 2)`.
fn planned(plan: &Plan) -> String {
    let with = plan.with.iter().map(|(key, value)| format!(" {key}={value}"));
    let with: String = with.collect();
    format!("{}{} (rung {})", plan.action, values::clean(&with), plan.rung + 1)
}

fn said(step: &Step) -> Option<&String> {
    match step {
        Step::Decided { words, .. }
        | Step::Rehearsed { words, .. }
        | Step::Started { words, .. }
        | Step::Noted { words, .. }
        | Step::Finished { words, .. }
        | Step::Cured { words, .. }
        | Step::Failed { words, .. }
        | Step::Escalated { words, .. }
        | Step::Closed { words, .. }
        | Step::Relapsed { words, .. }
        | Step::Stormed { words, .. } => Some(words),
        Step::Paused(Pause { reason, .. }) => Some(reason),
        Step::Received { .. }
        | Step::Strange { .. }
        | Step::Interrupted { .. }
        | Step::Approved { .. }
        | Step::Ordered { .. }
        | Step::TakenBack { .. }
        | Step::Resumed { .. }
        | Step::Asked(_)
        | Step::Withdrawn(_) => None,
    }
    .filter(|words| !words.is_empty())
}

/// Words often begin with whom they are about, which stands before them.
fn bare(words: &str, whom: Option<&str>) -> String {
    let rest = whom.and_then(|whom| words.strip_prefix(whom)?.strip_prefix(": "));
    values::clean(rest.unwrap_or(words)).into_owned()
}

fn heard(nth: usize, alert: &Alert, told: &Told<'_>) -> String {
    let status = match alert.status {
        Status::Firing => "firing",
        Status::Resolved => "resolved",
    };
    let name = values::clean(alert.label("alertname").unwrap_or("an alert without name"));
    let nothing = || Key::misnamed_by(alert).unwrap_or_else(|| "asks for nothing".to_owned());
    let asks = Key::asked_by(alert).map_or_else(nothing, |key| key.to_string());
    let is_its = |id: IncidentId| usize::try_from(id.nth).is_ok_and(|of| of == nth);
    let opened = told.opened.iter().find(|incident| is_its(incident.id));
    let opens = opened.map_or_else(String::new, |incident| format!("; opens incident {}", incident.id));
    format!("{status} {name}: {asks}{opens}")
}

fn asked(request: &Request) -> Key {
    Key {
        target: request.target.clone(),
        entity: request.entity.clone(),
        policy: request.policy.clone(),
    }
}

fn requested(request: &Request, told: &Told<'_>) -> String {
    let opened = told.opened.first();
    let opens = opened.map_or_else(String::new, |incident| format!("; opens incident {}", incident.id));
    format!(
        "{}, to be begun before {}; request {}{opens}",
        Case::shown(&asked(request)),
        request.until,
        request.nonce
    )
}
