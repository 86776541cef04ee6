//! Whether the next rung of an incident is begun now. Pure: the same arguments give the same answer, and each answer is in
//! words.
//!
//! The guards stand in one order, [`Guard::ALL`]; the first that refuses gives its name. Dry run is the last one, so it shows
//! what would have been done.

mod guard;

use serde::{Deserialize, Serialize};

pub use guard::Guard;

use super::guards::{Case, Refusal};
use super::history::History;
use super::incident::{After, Incident, Phase};
use super::settings::{Mode, Remedies};
use super::step::Plan;
use super::view::{Sight, View};
use crate::clock::UnixTime;
use crate::values::{self, Duration};

/// What is older was not looked at for this decision. A look may wait for the slowest part of a target, which takes
/// less than this.
pub const OLDEST_VIEW: Duration = Duration::from_secs(60);

/// For incidents of policies that do not exist.
const FORGET_AFTER: Duration = Duration::from_secs(1800);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Begin it now.
    Act(Plan),
    Hold(Hold),
    /// The incident, or its ladder, has come to an end.
    Done(Why, String),
}

/// Nothing is done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub guard: Guard,
    /// When this guard lets it through at the earliest; nothing if that is not a matter of time.
    pub until: Option<UnixTime>,
    pub words: String,
    /// What would be done, where only a person's word is missing.
    pub plan: Option<Plan>,
}

/// How an incident, or its ladder, ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The symptom is gone after an action.
    Cured,
    /// It is well without our doing, and its alerts have ended or a person was called.
    Well,
    /// Neither heard of nor ill for long.
    Forgotten,
    /// It was rehearsed, and the policy acts now: what is ill gets another incident.
    OnlyRehearsed,
    /// A person asked for it and nobody else, and took it back, or its time is over.
    OrderEnded,
    /// The last rung did not help. The incident stays; a person must act.
    LadderEnded,
}

impl Why {
    pub const ALL: [Self; 6] = [
        Self::Cured,
        Self::Well,
        Self::Forgotten,
        Self::OnlyRehearsed,
        Self::OrderEnded,
        Self::LadderEnded,
    ];

    /// The label value `why`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cured => "cured",
            Self::Well => "well",
            Self::Forgotten => "forgotten",
            Self::OnlyRehearsed => "only_rehearsed",
            Self::OrderEnded => "order_ended",
            Self::LadderEnded => "ladder_ended",
        }
    }
}

/// What comes next for an incident.
pub fn decide(incident: &Incident, remedies: &Remedies, history: &History, view: &View, now: UnixTime) -> Decision {
    let case = Case {
        incident,
        remedies,
        policy: remedies.policy(&incident.key.policy),
        history,
        view,
        now,
    };
    if let Some((why, words)) = ending(&case) {
        return Decision::Done(why, words);
    }
    if let Some(words) = ladder_ended(&case) {
        return Decision::Done(Why::LadderEnded, words);
    }
    let plan = case.plan();
    let is_notice = plan.as_ref().is_some_and(|plan| plan.notice);
    for guard in Guard::ALL {
        if is_notice && guard.lets_notices_pass() {
            continue;
        }
        if let Some(Refusal { until, words }) = case.refusal(guard) {
            let plan = plan.filter(|_| matches!(guard, Guard::Approval | Guard::DryRun));
            return Decision::Hold(Hold {
                guard,
                until,
                words,
                plan,
            });
        }
    }
    // Without a plan there is no policy, and the two keys have refused.
    plan.map_or_else(
        || {
            Decision::Hold(Hold {
                guard: Guard::TwoKeys,
                until: None,
                words: format!("there is no policy {}", case.incident.key.policy),
                plan: None,
            })
        },
        Decision::Act,
    )
}

/// What comes next for an incident, whatever holds it; nothing beyond the last rung.
pub(super) fn planned(
    incident: &Incident,
    remedies: &Remedies,
    history: &History,
    view: &View,
    now: UnixTime,
) -> Option<Plan> {
    let case = Case {
        incident,
        remedies,
        policy: remedies.policy(&incident.key.policy),
        history,
        view,
        now,
    };
    case.plan()
}

/// Whether the rung that was last tried has helped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// None is being proven.
    None,
    Cured(String),
    /// It may still help.
    Waits(UnixTime, String),
    Failed(String),
}

/// Judged by what the collector sees, never by what the action said.
pub fn proof(incident: &Incident, remedies: &Remedies, view: &View, now: UnixTime) -> Proof {
    let Phase::Proving { since, after } = incident.phase else {
        return Proof::None;
    };
    let what = Case::shown(&incident.key);
    let policy = remedies.policy(&incident.key.policy);
    let Some(rung) = policy.and_then(|policy| policy.rungs.get(incident.rung)) else {
        return Proof::Failed(format!("{what}: its rung is no longer in the configuration"));
    };
    let settled = settled(since, remedies, view);
    let (ends, soonest) = (since.plus(rung.timeout.get()), settled.plus(rung.gone_for.get()));
    // Sight that is lost again and again must not put it off for ever.
    let latest = ends.plus(remedies.warm_up.get()).plus(rung.gone_for.get());
    let is_after_start = view.started > since;
    let ends = ends.max(if is_after_start { soonest } else { soonest.min(latest) });
    let recent = |looked: UnixTime| looked >= since && looked.age_at(now) <= OLDEST_VIEW.get();
    let is_fresh = view.looked.is_some_and(recent);
    let well = (is_fresh && view.seen.state == Sight::Well).then(|| view.seen.since.max(settled));
    let proven = well.map(|well| well.plus(rung.gone_for.get()));
    let action = incident.tried.as_ref().map_or(&rung.action, |plan| &plan.action);
    let doing = match after {
        After::Action => action.to_string(),
        After::Notice => "people were told".to_owned(),
        After::Interruption => match &incident.noted {
            Some(noted) => format!("{action} (interrupted: {noted})"),
            None => format!("{action} (interrupted)"),
        },
        After::Unknown => format!("{action} (whether it was done is not known)"),
        After::Rehearsal => format!("{action} (only rehearsed)"),
    };
    match proven {
        Some(proven) if now >= proven => Proof::Cured(format!(
            "{what}: the symptom is gone for {} after {doing}{}",
            rung.gone_for,
            if after == After::Notice {
                "; nothing else was done"
            } else {
                ""
            }
        )),
        // It is given the time that it needs, once it is well.
        Some(proven) => Proof::Waits(
            proven,
            format!("{what}: the symptom is gone after {doing}; cured if it stays so until {proven}"),
        ),
        None if now < ends => Proof::Waits(
            ends,
            match after {
                After::Notice => format!("{what}: {doing}; waits until {ends} for the symptom to go"),
                _ => format!("{what}: waits until {ends} for {doing} to help"),
            },
        ),
        None => {
            let seen = match (is_fresh, view.seen.state) {
                (true, Sight::Ill) => "the symptom is still there",
                _ => "it cannot be seen whether the symptom is gone",
            };
            let instead = view.seen.instead();
            Proof::Failed(format!("{what}: {seen} {} after {doing}{instead}", rung.timeout))
        }
    }
}

/// What was started, or lost from sight, since the action has yet to see for how long a thing stands still: until then
/// nothing looks ill.
fn settled(since: UnixTime, remedies: &Remedies, view: &View) -> UnixTime {
    let begins = view.started.max(view.seen.regained.unwrap_or(view.started));
    if begins > since {
        begins.plus(remedies.warm_up.get())
    } else {
        since
    }
}

/// What takes time to show looks well right after a start, whoever opened the incident before.
fn shows_later(case: &Case<'_>) -> bool {
    let takes_time = case.policy.is_some_and(|policy| policy.symptom.get().takes_time);
    takes_time && case.now < settled(case.incident.opened, case.remedies, case.view)
}

fn ending(case: &Case<'_>) -> Option<(Why, String)> {
    let (incident, view, now) = (case.incident, case.view, case.now);
    let what = Case::shown(&incident.key);
    let acted = match incident.phase {
        // What runs is waited for.
        Phase::Running { .. } => return None,
        Phase::Proving { after, .. } => matches!(after, After::Action | After::Interruption | After::Unknown),
        Phase::Open | Phase::Escalated { .. } => false,
    };
    let acts = case.policy.is_some_and(|policy| policy.mode == Mode::Act);
    if incident.rehearsed && acts && !acted {
        let words = format!(
            "{what}: it was only rehearsed, and the policy acts now; if it is ill and its alert fires, another incident begins"
        );
        return Some((Why::OnlyRehearsed, words));
    }
    if let Proof::Cured(words) = proof(incident, case.remedies, view, now) {
        let why = if acted { Why::Cured } else { Why::Well };
        return Some((why, words));
    }
    // A cure that is being watched is told as one or not at all.
    if acted {
        return None;
    }
    let is_well = case.is_fresh() && view.seen.state == Sight::Well && !shows_later(case);
    if !incident.fires() && !incident.is_requested(now) && is_well {
        let who = if incident.is_ordered(now) {
            "only a person asks for it"
        } else if incident.alerts.is_empty() {
            "nobody asks for it any more"
        } else {
            "its alerts have ended"
        };
        return Some((Why::Well, format!("{what}: {who}, and nothing is ill")));
    }
    let was_ordered = incident.order.is_some() && incident.alerts.is_empty();
    if was_ordered && !incident.is_asked_for(now) && incident.phase == Phase::Open {
        let words = format!("{what}: the order of a person is over, and no alert asks for it");
        return Some((Why::OrderEnded, words));
    }
    let forget_after = case.policy.map_or(FORGET_AFTER, |policy| policy.forget_after);
    if let Some(words) = mended(case) {
        return Some((Why::Well, words));
    }
    let quiet = incident.heard.max(view.seen.since).age_at(now);
    if view.seen.state != Sight::Ill && quiet >= forget_after.get() {
        let words = format!("{what}: neither heard of nor seen ill for {forget_after}");
        return Some((Why::Forgotten, words));
    }
    None
}

/// Whom a person was called for is well for as long as the last rung asks. What fires still may relapse.
fn mended(case: &Case<'_>) -> Option<String> {
    let Phase::Escalated { since } = case.incident.phase else {
        return None;
    };
    let gone_for = case.policy?.rungs.last()?.gone_for;
    let (seen, what) = (&case.view.seen, Case::shown(&case.incident.key));
    let well = seen.since.max(settled(since, case.remedies, case.view));
    let is_well = seen.state == Sight::Well && case.is_fresh() && well.plus(gone_for.get()) <= case.now;
    is_well.then(|| format!("{what}: well for {gone_for} since a person was called"))
}

fn ladder_ended(case: &Case<'_>) -> Option<String> {
    let what = Case::shown(&case.incident.key);
    if matches!(case.incident.phase, Phase::Escalated { .. }) {
        return Some(format!("{what}: a person was called; nothing more is done"));
    }
    let rungs = case.policy.map(|policy| policy.rungs.len())?;
    let is_over = case.incident.rung >= rungs && case.incident.phase == Phase::Open;
    is_over.then(|| {
        let evidence = values::clean(&case.view.seen.evidence);
        let seen = if evidence.is_empty() { "no figures" } else { &evidence };
        let tried = if case.incident.acted {
            format!("the last of its {rungs} rungs is behind it, and it is still ill")
        } else if case.incident.rehearsed {
            format!("dry run: all {rungs} rungs were only shown, and a person would be called now")
        } else {
            format!("nothing was changed by any of the {rungs} rungs")
        };
        format!("{what}: {tried} ({seen}); look at it yourself")
    })
}

#[cfg(test)]
mod tests;
