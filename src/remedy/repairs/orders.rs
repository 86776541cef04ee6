//! What people order: pauses, approvals, repairs without an alert. Each is recorded with who did it, and goes through the
//! same guards.

use std::fmt;
use std::time::Duration;

use super::{Repairs, SILENT_DISK, Woken};
use crate::clock::UnixTime;
use crate::remedy::decide::{Decision, Guard};
use crate::remedy::incident::{Key, ORDERED_FOR, Phase};
use crate::remedy::state::State;
use crate::remedy::step::{IncidentId, Pause, Plan, Scope, Step};
use crate::values;

/// For so long an approval holds; what is not begun by then needs another one.
const APPROVED_FOR: Duration = Duration::from_secs(3600);
/// A pause that nobody remembers ends by itself.
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 86_400);
/// Of names and reasons; they stand in every message.
const LONGEST_WORDS: usize = 300;

/// What a person has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    pub id: IncidentId,
    /// What is not begun by then is not begun because of it; each rung has as long again.
    pub until: UnixTime,
    /// What was decided first, in words.
    pub first: String,
}

/// What whoever approves has seen; what is left out is whatever waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown<'a> {
    /// From 0.
    pub rung: Option<usize>,
    /// The mark of the plan.
    pub plan: Option<&'a str>,
}

impl Shown<'_> {
    /// Why what waits is not what was seen.
    fn differs(self, id: IncidentId, plan: &Plan) -> Option<String> {
        let (rung, mark) = (plan.rung + 1, plan.mark());
        let other = match (self.rung, self.plan) {
            (Some(shown), _) if shown != plan.rung => format!("rung {}", shown + 1),
            (_, Some(shown)) if !shown.eq_ignore_ascii_case(&mark) => format!("plan {}", values::repeated(shown)),
            _ => return None,
        };
        Some(format!(
            "incident {id} waits for something else than {other}: rung {rung}, {}; if that is right: `farmwarden approve {id} --plan {mark}`",
            plan.in_words()
        ))
    }
}

/// Why an order is not followed, in words for whoever gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// There is no such thing.
    Unknown(String),
    /// Not as it is now.
    NotNow(String),
    /// It cannot be recorded.
    Unrecorded(String),
    /// Whether it is recorded is not known yet, and if it is, it is followed.
    Unclear(String),
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unknown(words) | Self::NotNow(words) | Self::Unrecorded(words) | Self::Unclear(words)) = self;
        f.write_str(words)
    }
}

impl Repairs {
    /// Holds back what changes something, there and until then. The newest word on a scope counts.
    pub async fn pause(&self, scope: Scope, by: &str, reason: &str, until: UnixTime) -> Result<Pause, Declined> {
        self.knows(&scope)?;
        let now = self.0.clock.now().wall;
        let longest = now.plus(LONGEST_PAUSE);
        if until <= now || until > longest {
            return Err(Declined::NotNow(format!(
                "a pause ends between now and {longest}, and not at {until}"
            )));
        }
        if reason.trim().is_empty() {
            return Err(Declined::NotNow(
                "a pause needs a reason, for whoever finds it".to_owned(),
            ));
        }
        let pause = Pause {
            scope,
            by: short(by),
            reason: short(reason),
            until,
        };
        self.record(Step::Paused(pause.clone())).await?;
        Ok(pause)
    }

    /// Ends the pause of just this scope.
    pub async fn resume(&self, scope: Scope, by: &str) -> Result<(), Declined> {
        let open = self.open().map_err(Declined::Unrecorded)?;
        let now = self.0.clock.now().wall;
        let is_paused = |scope: &Scope| {
            let ledger = open.runner.ledger();
            ledger.with(|state| state.history.pauses(now).any(|pause| pause.scope == *scope))
        };
        if !is_paused(&scope) {
            return Err(Declined::Unknown(format!("{scope} is not paused")));
        }
        self.record(Step::Resumed { scope, by: short(by) }).await?;
        Ok(())
    }

    /// Allows what an incident waits to do, and nothing else.
    pub async fn approve(&self, id: IncidentId, shown: Shown<'_>, by: &str) -> Result<Plan, Declined> {
        let open = self.open().map_err(Declined::Unrecorded)?;
        // Of two who approve the same at once the second hears that it is approved.
        let alone = self.0.approving.lock().await;
        let plan = match open.runner.outlook(id) {
            None => {
                return Err(Declined::Unknown(format!(
                    "there is no open incident {id}: it is over, or never was"
                )));
            }
            Some(Decision::Hold(hold)) if hold.guard == Guard::Approval => hold.plan,
            Some(Decision::Hold(hold)) => {
                return Err(Declined::NotNow(format!(
                    "nothing waits for an approval: {}",
                    hold.words
                )));
            }
            Some(Decision::Done(_, words)) => {
                return Err(Declined::NotNow(format!("nothing waits for an approval: {words}")));
            }
            Some(Decision::Act(plan)) => {
                return Err(Declined::NotNow(format!(
                    "{} waits for no approval: it needs none, or has one",
                    plan.action
                )));
            }
        };
        let plan =
            plan.ok_or_else(|| Declined::NotNow(format!("incident {id} has no rung that is next; look again")))?;
        if let Some(words) = shown.differs(id, &plan) {
            return Err(Declined::NotNow(words));
        }
        let now = self.0.clock.now().wall;
        self.record(approved(id, plan.clone(), short(by), now, None)).await?;
        drop(alone);
        Ok(plan)
    }

    /// Asks for a repair as an alert would, for a while; all guards hold. Gives the incident and what is decided first.
    pub async fn order(&self, key: &Key, by: &str) -> Result<Ordered, Declined> {
        let remedies = self.remedies();
        let Some(policy) = remedies.policy(&key.policy) else {
            return Err(Declined::Unknown(format!("no policy is called {}", key.policy)));
        };
        if !policy.targets.contains(&key.target) {
            return Err(Declined::Unknown(format!(
                "policy {} is not allowed for {}: add it to its `targets` if it should be",
                key.policy, key.target
            )));
        }
        let open = self.open().map_err(Declined::Unrecorded)?;
        let escalated = |state: &State| {
            let incident = state.open_for(key)?;
            matches!(incident.phase, Phase::Escalated { .. }).then_some(incident.id)
        };
        if let Some(id) = open.runner.ledger().with(escalated) {
            return Err(Declined::NotNow(format!(
                "incident {id}: {key}: nothing is left to try, and a person was called; it begins anew when it was well"
            )));
        }
        let until = self.0.clock.now().wall.plus(ORDERED_FOR);
        let step = Step::Ordered {
            target: key.target.clone(),
            entity: key.entity.clone(),
            policy: key.policy.clone(),
            by: short(by),
            until,
        };
        let record = self.record(step).await?;
        let id = open
            .runner
            .ledger()
            .with(|state| state.open_for(key).map(|incident| incident.id));
        let Some(id) = id else {
            return Err(Declined::NotNow(format!(
                "{key}: it is over already, or too many incidents are open: `farmwarden audit show` has it from record {record} on"
            )));
        };
        let first = open.runner.outlook(id).map(|decision| in_words(&decision));
        let first = first.unwrap_or_else(|| "it is over already".to_owned());
        Ok(Ordered { id, until, first })
    }

    /// Takes an order back; an alert that asks for the same goes on asking.
    pub async fn withdraw(&self, key: &Key, by: &str) -> Result<IncidentId, Declined> {
        let open = self.open().map_err(Declined::Unrecorded)?;
        let now = self.0.clock.now().wall;
        let ordered = |state: &State| {
            let incident = state.open_for(key).filter(|incident| incident.is_ordered(now));
            incident.map(|incident| incident.id)
        };
        let Some(incident) = open.runner.ledger().with(ordered) else {
            return Err(Declined::Unknown(format!(
                "{key}: nobody has ordered it, or that is over"
            )));
        };
        let by = short(by);
        // Between two beginnings: what is answered after it holds.
        let recording = self.record(Step::TakenBack { incident, by });
        let recorded = open.runner.between_beginnings(super::RECORD_WITHIN, recording).await;
        recorded.unwrap_or_else(|| Err(Declined::Unrecorded(SILENT_DISK.to_owned())))?;
        Ok(incident)
    }

    pub(super) async fn record(&self, step: Step) -> Result<u64, Declined> {
        self.put(step, Woken::all()).await
    }

    fn knows(&self, scope: &Scope) -> Result<(), Declined> {
        let links = self.0.store.links();
        let known = match scope {
            Scope::All => true,
            Scope::Group(name) => links.iter().any(|link| link.farm == *name),
            Scope::Target(name) => links.iter().any(|link| link.target == *name),
        };
        if known {
            return Ok(());
        }
        Err(Declined::Unknown(format!("there is no {scope} in the configuration")))
    }
}

/// An approval of now.
pub(super) fn approved(incident: IncidentId, plan: Plan, by: String, now: UnixTime, link: Option<String>) -> Step {
    Step::Approved {
        incident,
        plan,
        by,
        until: now.plus(APPROVED_FOR),
        link,
    }
}

/// What comes next.
fn in_words(decision: &Decision) -> String {
    match decision {
        Decision::Act(plan) => format!("{} (rung {}) is begun after a fresh look", plan.action, plan.rung + 1),
        Decision::Hold(hold) => format!("held back by {}: {}", hold.guard.label(), hold.words),
        Decision::Done(_, words) => words.clone(),
    }
}

/// In one line, and not longer than people read.
pub(super) fn short(words: &str) -> String {
    let words = values::clean(words.trim());
    let end = words.floor_char_boundary(LONGEST_WORDS);
    words.get(..end).unwrap_or_default().to_owned()
}
