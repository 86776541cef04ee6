//! The next move of an incident: what is written, begun or waited for. Pure; nobody asks it about an incident whose action he
//! knows to run, so one that is said to run was interrupted.

use super::decide::{Decision, Guard, Hold, Proof, Why, decide, proof};
use super::guards::{Case, is_storm};
use super::history::History;
use super::incident::{Held, Incident, Phase};
use super::settings::{Policy, Remedies};
use super::step::{Plan, Step};
use super::view::{Stands, View};
use crate::clock::UnixTime;

/// Moves of one incident in one visit; more are for the next one. No incident has so many without an action between.
pub(super) const MOST_TURNS: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Record it, and take the next turn.
    Write(Step),
    /// Record that it is begun, and only then begin it. With the evidence.
    Act(Plan, String),
    /// Nothing to do before then, or before something changes.
    Wait(Option<UnixTime>),
}

/// For an incident that is open.
pub fn turn(incident: &Incident, remedies: &Remedies, history: &History, view: &View, now: UnixTime) -> Turn {
    let (id, rung) = (incident.id, incident.rung);
    if matches!(incident.phase, Phase::Running { .. }) {
        return Turn::Write(Step::Interrupted { incident: id, rung });
    }
    let policy = remedies.policy(&incident.key.policy);
    // No person is called for what an action does to its target meanwhile; proofs begin anew when it ends.
    let disturbed = view
        .running
        .iter()
        .any(|runs| runs.target == incident.key.target && runs.stands == Stands::Runs);
    let is_last = policy.is_none_or(|policy| rung + 1 >= policy.rungs.len());
    if let Proof::Failed(words) = proof(incident, remedies, view, now) {
        if incident.is_unknown() {
            // It may be under way over there: what follows would come on top of it.
            return Turn::Write(Step::Escalated {
                incident: id,
                words: format!("{words}; nothing more is done, look at it there and here"),
            });
        }
        if disturbed && is_last {
            return Turn::Wait(None);
        }
        return Turn::Write(Step::Failed {
            incident: id,
            rung,
            words,
        });
    }
    let decision = decide(incident, remedies, history, view, now);
    let in_vain = tried_in_vain(incident, policy).filter(|_| !matches!(decision, Decision::Done(..)));
    if let Some(words) = in_vain {
        return Turn::Write(Step::Failed {
            incident: id,
            rung,
            words,
        });
    }
    match decision {
        Decision::Act(plan) => Turn::Act(plan, view.seen.evidence.clone()),
        Decision::Hold(hold) => held(incident, policy, history, view, now, hold),
        Decision::Done(Why::Cured, words) => Turn::Write(Step::Cured {
            incident: id,
            rung,
            words,
        }),
        Decision::Done(Why::LadderEnded, words) => match incident.phase {
            Phase::Escalated { .. } => Turn::Wait(None),
            _ if disturbed => Turn::Wait(None),
            _ => Turn::Write(Step::Escalated { incident: id, words }),
        },
        Decision::Done(why, words) => Turn::Write(Step::Closed {
            incident: id,
            why,
            words,
        }),
    }
}

/// A rung that refuses every time is given up after as many tries as a policy has attempts; without it the ladder would
/// never end.
fn tried_in_vain(incident: &Incident, policy: Option<&Policy>) -> Option<String> {
    let (times, _) = incident.refused.filter(|_| incident.phase == Phase::Open)?;
    let policy = policy.filter(|policy| times >= policy.attempts.most.get())?;
    let rung = policy.rungs.get(incident.rung)?;
    let what = Case::shown(&incident.key);
    Some(format!(
        "{what}: {} has refused {times} times, and nothing was done",
        rung.action
    ))
}

/// A hold is recorded when it is another one, or lasts longer than was said.
fn held(
    incident: &Incident,
    policy: Option<&Policy>,
    history: &History,
    view: &View,
    now: UnixTime,
    hold: Hold,
) -> Turn {
    let Hold {
        guard,
        until,
        words,
        plan,
    } = hold;
    let id = incident.id;
    match (guard, plan.clone(), policy) {
        (Guard::DryRun, Some(plan), _) => {
            return Turn::Write(Step::Rehearsed {
                incident: id,
                plan,
                words,
            });
        }
        // The rung itself was recorded.
        (Guard::UnderWay, ..) => return Turn::Wait(until),
        (Guard::Fleet, _, Some(policy)) if is_storm(policy, view) => {
            if let Some(step) = storm(policy, history, view, now, &words) {
                return Turn::Write(step);
            }
        }
        _ => {}
    }
    // People hear of another cause under the same guard as well, and what they approve is the plan that they were told of.
    let is_same =
        |told: &&Held| told.guard == guard && told.plan == plan && (!guard.says_its_cause() || told.words == words);
    let before = incident.held.as_ref().filter(is_same);
    match before {
        Some(told) if told.until.is_none_or(|until| now < until) => Turn::Wait(until),
        _ => Turn::Write(Step::Decided {
            incident: id,
            guard,
            until,
            words,
            plan,
        }),
    }
}

/// Recorded again while it lasts, so that a restart knows roughly when it was last seen.
fn storm(policy: &Policy, history: &History, view: &View, now: UnixTime, words: &str) -> Option<Step> {
    let known = history.storm(&policy.name, &view.group).map(|last| last.age_at(now));
    let cool_down = policy.storm.cool_down.get();
    let is_told = known.is_some_and(|age| age < cool_down / 2);
    (!is_told).then(|| Step::Stormed {
        policy: policy.name.clone(),
        group: view.group.clone(),
        begins: known.is_none_or(|age| age >= cool_down),
        words: words.to_owned(),
    })
}
