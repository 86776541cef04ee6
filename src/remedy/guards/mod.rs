//! Each guard: when it refuses, until when, and in which words. Their order is [`Guard::ALL`].

mod limits;

use std::collections::BTreeSet;

use super::decide::{Guard, OLDEST_VIEW, Proof, proof};
use super::history::History;
use super::incident::{Incident, Key, Phase};
use super::settings::{Meaning, Mode, Policy, REMOTE, Remedies, Rung, Storm};
use super::step::Plan;
use super::view::{Fleet, Sight, View};
use crate::clock::UnixTime;
use crate::values::{self, Duration};

pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// Behind it stands, in the words about an approval, since when what is seen.
pub(super) const SEEN_SINCE: &str = "; seen since ";

/// All that a decision knows.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) incident: &'a Incident,
    pub(super) remedies: &'a Remedies,
    /// Nothing if the alert names one that does not exist.
    pub(super) policy: Option<&'a Policy>,
    pub(super) history: &'a History,
    pub(super) view: &'a View,
    pub(super) now: UnixTime,
}

/// Not now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) until: Option<UnixTime>,
    pub(super) words: String,
}

#[expect(clippy::unnecessary_wraps, reason = "a guard ends with it")]
fn refuse(words: String) -> Option<Refusal> {
    Some(Refusal { until: None, words })
}

#[expect(clippy::unnecessary_wraps, reason = "a guard ends with it")]
fn refuse_until(until: UnixTime, words: String) -> Option<Refusal> {
    Some(Refusal {
        until: Some(until),
        words,
    })
}

impl Case<'_> {
    /// `restart_stuck_worker for w1 of prb-1`.
    pub(super) fn shown(key: &Key) -> String {
        key.to_string()
    }

    /// What would be done; nothing without a policy or beyond its last rung.
    pub(super) fn plan(&self) -> Option<Plan> {
        let rung = self.rung()?;
        let Key { target, entity, policy } = &self.incident.key;
        let touches = self.touched();
        let meaning = self.meaning().cloned().unwrap_or_default();
        Some(Plan {
            policy: policy.clone(),
            target: target.clone(),
            group: self.view.group.clone(),
            entity: entity.clone(),
            rung: self.next(),
            action: rung.action.clone(),
            with: rung.with.clone(),
            does: meaning.does,
            touches,
            deed: meaning.law.map(|law| law.deed(entity)),
            within: rung.within,
            notice: rung.is_notice(),
        })
    }

    /// The rung in question.
    fn next(&self) -> usize {
        self.incident.rung
    }

    fn rung(&self) -> Option<&Rung> {
        self.policy?.rungs.get(self.next())
    }

    /// What the rung is on this target.
    fn meaning(&self) -> Option<&Meaning> {
        self.rung()?.meanings.get(&self.incident.key.target)
    }

    fn mode(&self) -> Mode {
        self.policy.map(|policy| policy.mode).unwrap_or_default()
    }

    /// Looked at for this decision, after what last changed, also by what was done for others.
    pub(super) fn is_fresh(&self) -> bool {
        let touched = self.touched();
        let others = self.history.ended_last(&self.incident.key.target, touched.iter());
        let changed = others.max(Some(self.incident.changed()));
        let looked = self.view.looked;
        looked.is_some_and(|at| Some(at) >= changed && at.age_at(self.now) <= OLDEST_VIEW.get())
    }

    /// What the rung would stop and start.
    fn touched(&self) -> BTreeSet<String> {
        self.meaning()
            .map_or_else(BTreeSet::new, |meaning| meaning.touched(&self.incident.key.entity))
    }

    pub(super) fn refusal(&self, guard: Guard) -> Option<Refusal> {
        match guard {
            Guard::UnderWay => self.under_way(),
            Guard::Enabled => self.enabled(),
            Guard::KnownTarget => self.known_target(),
            Guard::KnownPolicy => self.known_policy(),
            Guard::TwoKeys => self.two_keys(),
            Guard::FreshView => self.fresh_view(),
            Guard::StillIll => self.still_ill(),
            Guard::CauseUpstream => self.cause_upstream(),
            Guard::Fleet => self.fleet(),
            Guard::WarmUp => self.warm_up(),
            Guard::Window => self.window(),
            Guard::Freeze => self.freeze(),
            Guard::Pause => self.pause(),
            Guard::CoolDown => self.cool_down(),
            Guard::Attempts => self.attempts(),
            Guard::Budget => self.budget(),
            Guard::Flapping => self.flapping(),
            Guard::Concurrency => self.concurrency(),
            Guard::Approval => self.approval(),
            Guard::DryRun => self.dry_run(),
        }
    }

    fn under_way(&self) -> Option<Refusal> {
        let what = Self::shown(&self.incident.key);
        match self.incident.phase {
            Phase::Open => None,
            Phase::Running { since } => refuse(format!("{what}: its action runs since {since}")),
            Phase::Escalated { .. } => refuse(format!("{what}: a person was called")),
            Phase::Proving { .. } => match proof(self.incident, self.remedies, self.view, self.now) {
                Proof::Waits(until, words) => refuse_until(until, words),
                // To be recorded before anything else is done.
                Proof::Cured(words) | Proof::Failed(words) => refuse(words),
                Proof::None => None,
            },
        }
    }

    fn enabled(&self) -> Option<Refusal> {
        if !self.remedies.enabled {
            return refuse("repairs are switched off (`remedies.enabled: false`)".to_owned());
        }
        let off = self.policy.filter(|policy| !policy.enabled)?;
        refuse(format!("policy {} is switched off (`enabled: false`)", off.name))
    }

    fn known_target(&self) -> Option<Refusal> {
        if self.view.is_known {
            return None;
        }
        let target = &self.incident.key.target;
        refuse(format!(
            "no target is called {target}: is the label `target` of the alert the name in the configuration?"
        ))
    }

    /// The shipped rules ask for more than most farms allow, so this one is no mistake.
    fn known_policy(&self) -> Option<Refusal> {
        let policy = &self.incident.key.policy;
        if self.policy.is_some() {
            return None;
        }
        refuse(format!(
            "no policy is called {policy}: the label `remedy` of the alert must name one of `remedies.policies`"
        ))
    }

    /// The alert must ask for it, and the configuration must allow it there.
    fn two_keys(&self) -> Option<Refusal> {
        let Key { target, policy, .. } = &self.incident.key;
        if !self.incident.is_asked_for(self.now) {
            let why = if self.incident.alerts.is_empty() {
                "the request of another farmwarden had its action, was taken back or has lapsed"
            } else {
                "its alerts have ended"
            };
            return refuse(format!(
                "{}: {why}, so nobody asks for it any more",
                Self::shown(&self.incident.key)
            ));
        }
        // Two that hand it to one another would do so without end.
        let is_own = self.incident.fires() || self.incident.is_ordered(self.now);
        if !is_own && self.rung().is_some_and(Rung::is_remote) {
            return refuse(format!(
                "{}: another farmwarden asks for it, and `{REMOTE}` would hand it on; a request goes one hop",
                Self::shown(&self.incident.key)
            ));
        }
        let known = self.policy?;
        if !known.targets.contains(target) {
            return refuse(format!(
                "policy {policy} is not allowed for {target}: add it to its `targets` if it should be"
            ));
        }
        self.another_symptom(known)
    }

    /// An alert that names what the policy does not cure is a mistake of its rule.
    fn another_symptom(&self, policy: &Policy) -> Option<Refusal> {
        let alerts = &self.incident.alerts;
        if alerts.name(policy.symptom.get().name)
            || self.incident.is_ordered(self.now)
            || self.incident.is_requested(self.now)
        {
            return None;
        }
        let other = values::repeated(alerts.symptom()?);
        refuse(format!(
            "{}: the alert is about {other}, and the policy cures {}: is the label `remedy` or `symptom` of the rule wrong?",
            Self::shown(&self.incident.key),
            policy.symptom
        ))
    }

    fn fresh_view(&self) -> Option<Refusal> {
        let target = &self.incident.key.target;
        if self.view.seen.state == Sight::CannotTell {
            let instead = self.view.seen.instead();
            return refuse(format!(
                "it cannot be told whether {} is ill{instead}: nothing is done blindly",
                Self::shown(&self.incident.key)
            ));
        }
        if self.is_fresh() {
            return None;
        }
        refuse(match self.view.looked {
            None => format!("{target} cannot be read as a whole now: nothing is done blindly"),
            Some(at) => format!("{target} was last read as a whole at {at}, which is too long ago to act on"),
        })
    }

    fn still_ill(&self) -> Option<Refusal> {
        let (policy, what) = (self.policy?, Self::shown(&self.incident.key));
        let symptom = policy.symptom;
        let since = self.view.seen.since;
        if self.view.seen.state != Sight::Ill {
            return refuse(format!(
                "{what}: {symptom} is not seen since {since}, although it is asked for"
            ));
        }
        let long_enough = since.plus(policy.ill_for.get());
        if self.now < long_enough {
            return refuse_until(
                long_enough,
                format!(
                    "{what}: {symptom} is seen only since {since}; it must last {}",
                    policy.ill_for
                ),
            );
        }
        None
    }

    fn cause_upstream(&self) -> Option<Refusal> {
        let cause = self.view.cause.as_ref()?;
        refuse(format!(
            "{} waits for {}, which is broken: repair that first",
            self.incident.key.target,
            values::clean(cause)
        ))
    }

    fn fleet(&self) -> Option<Refusal> {
        let (policy, view) = (self.policy?, self.view);
        let (fleet, group, symptom) = (view.fleet, &view.group, policy.symptom);
        if is_storm(policy, view) {
            let of = fleet.all.map_or_else(String::new, |all| format!(" of {all}"));
            let until = self.now.plus(policy.storm.cool_down.get());
            return refuse_until(
                until,
                format!(
                    "a storm: {}{of} in group {group} have {symptom} at once; the cause is common, look for it before \
                     anything is repaired one by one",
                    fleet.ill
                ),
            );
        }
        let last = fleet.stormed.max(self.history.storm(&policy.name, group))?;
        let until = last.plus(policy.storm.cool_down.get());
        (self.now < until).then(|| {
            let words = format!("group {group} had a storm of {symptom} until {last}; nothing is done before {until}");
            Refusal {
                until: Some(until),
                words,
            }
        })
    }

    fn warm_up(&self) -> Option<Refusal> {
        let until = self.view.started.plus(self.remedies.warm_up.get());
        if self.now >= until {
            return None;
        }
        refuse_until(
            until,
            format!(
                "farmwarden started at {} and only watches until {until}",
                self.view.started
            ),
        )
    }

    fn window(&self) -> Option<Refusal> {
        let policy = self.policy?;
        let opens = policy.windows.iter().map(|window| window.opens_after(self.now)).min()?;
        if opens <= self.now {
            return None;
        }
        refuse_until(
            opens,
            format!(
                "policy {} may act only in its windows; the next one opens at {opens}",
                policy.name
            ),
        )
    }

    fn freeze(&self) -> Option<Refusal> {
        let words = self.view.frozen.as_ref()?;
        let file = self.remedies.freeze_file.as_ref();
        let file = file.map_or_else(String::new, |file| format!(" ({})", file.display()));
        refuse(format!(
            "frozen by a file{file}: {}; remove it to go on",
            values::clean(words)
        ))
    }

    fn pause(&self) -> Option<Refusal> {
        let pause = self
            .history
            .pause(&self.incident.key.target, &self.view.group, self.now)?;
        let (by, reason) = (values::clean(&pause.by), values::clean(&pause.reason));
        let (scope, until) = (&pause.scope, pause.until);
        refuse_until(until, format!("{scope} is paused by {by} until {until}: {reason}"))
    }

    fn approval(&self) -> Option<Refusal> {
        if !self.rung()?.approval {
            return None;
        }
        let plan = self.plan();
        let given = self.incident.approval.as_ref();
        if given.is_some_and(|given| Some(&given.plan) == plan.as_ref() && given.until > self.now) {
            return None;
        }
        let (action, seen) = (&self.rung()?.action, &self.view.seen);
        refuse(format!(
            "{}: {action} waits for a person: `farmwarden approve {} --plan {}`{SEEN_SINCE}{}: {}",
            Self::shown(&self.incident.key),
            self.incident.id,
            plan.map(|plan| plan.mark()).unwrap_or_default(),
            seen.since,
            values::clean(&seen.evidence)
        ))
    }

    fn dry_run(&self) -> Option<Refusal> {
        if self.mode() == Mode::Act {
            return None;
        }
        let action = &self.rung()?.action;
        refuse(format!(
            "{}: {action} would be done now (`mode: dry_run`): {}",
            Self::shown(&self.incident.key),
            values::clean(&self.view.seen.evidence)
        ))
    }
}

/// Whether a guard is a matter of the configuration, so that it does not let pass what it holds before somebody changes that.
pub(super) fn label_is_settled(label: &str) -> bool {
    [Guard::Enabled, Guard::KnownTarget, Guard::KnownPolicy, Guard::TwoKeys]
        .iter()
        .any(|guard| guard.label() == label)
}

/// Whether so much of the group is ill that the cause is common.
pub(super) fn is_storm(policy: &Policy, view: &View) -> bool {
    let Storm { share, least, .. } = policy.storm;
    let Fleet { ill, all, .. } = view.fleet;
    ill > u64::from(least) && all.is_none_or(|all| share.is_exceeded(ill, all))
}
