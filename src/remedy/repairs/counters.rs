//! What is counted of repairs since the start. All label values are there from the start: those of guards, outcomes and
//! endings by themselves, those of actions as policies name them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::alerts::Delivery;
use crate::exposition::Histogram;
use crate::remedy::decide::{Guard, Why};
use crate::remedy::incident::{Key, Phase};
use crate::remedy::settings::Remedies;
use crate::remedy::step::{Outcome, Step};
use crate::remedy::tell::{Tell, Told};

/// Seconds, as the histogram of durations has them: from a call that is answered at once to an ordered procedure.
const BOUNDS: &[&str] = &["0.1", "0.5", "1.0", "5.0", "15.0", "60.0", "300.0", "900.0", "3600.0"];

/// Why a delivery was not even read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// It will never be understood.
    Malformed,
    TooLarge,
    /// It did not arrive in time, or too many arrived at once.
    NotReceived,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) decisions: BTreeMap<Guard, u64>,
    pub(super) actions: BTreeMap<String, OfAction>,
    pub(super) closed: BTreeMap<Why, u64>,
    pub(super) failed: u64,
    pub(super) escalated: u64,
    pub(super) storms: u64,
    pub(super) deliveries: Deliveries,
    pub(super) alerts: Alerts,
}

/// Of one action.
#[derive(Clone, Debug)]
pub(super) struct OfAction {
    pub(super) begun: u64,
    pub(super) done: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) timed_out: u64,
    pub(super) unknown: u64,
    pub(super) interrupted: u64,
    pub(super) durations: Histogram,
}

impl Default for OfAction {
    fn default() -> Self {
        Self {
            begun: 0,
            done: 0,
            refused: 0,
            failed: 0,
            timed_out: 0,
            unknown: 0,
            interrupted: 0,
            durations: Histogram::new(BOUNDS),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deliveries {
    pub(super) recorded: u64,
    pub(super) malformed: u64,
    pub(super) too_large: u64,
    pub(super) not_received: u64,
    pub(super) not_recorded: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alerts {
    pub(super) ask: u64,
    pub(super) ask_nothing: u64,
    pub(super) misnamed: u64,
    pub(super) refused: u64,
    pub(super) not_sent: u64,
}

pub(super) struct Counters(Mutex<Counts>);

impl Counters {
    pub(super) fn new(remedies: &Remedies) -> Self {
        let counters = Self(Mutex::default());
        counters.know(remedies);
        counters
    }

    /// The policies that hold from now on.
    pub(super) fn know(&self, remedies: &Remedies) {
        let mut counts = self.counts();
        for rung in remedies.policies.iter().flat_map(|policy| &policy.rungs) {
            counts.actions.entry(rung.action.to_string()).or_default();
        }
    }

    pub(super) fn heard(&self, delivery: &Delivery, recorded: bool) {
        let mut counts = self.counts();
        let Counts { deliveries, alerts, .. } = &mut *counts;
        if !recorded {
            deliveries.not_recorded += 1;
            return;
        }
        deliveries.recorded += 1;
        let ask = delivery.alerts.iter().filter(|alert| Key::asked_by(alert).is_some());
        let ask = ask.count();
        alerts.ask += many(ask);
        let misnamed = delivery.alerts.iter().filter(|alert| Key::misnamed_by(alert).is_some());
        let misnamed = misnamed.count();
        alerts.misnamed += many(misnamed);
        alerts.ask_nothing += many(delivery.alerts.len().saturating_sub(ask + misnamed));
        alerts.refused += many(delivery.refused.len());
        alerts.not_sent = alerts.not_sent.saturating_add(delivery.missing);
    }

    pub(super) fn not_heard(&self, why: Unheard) {
        let deliveries = &mut self.counts().deliveries;
        *match why {
            Unheard::Malformed => &mut deliveries.malformed,
            Unheard::TooLarge => &mut deliveries.too_large,
            Unheard::NotReceived => &mut deliveries.not_received,
        } += 1;
    }

    pub(super) fn now(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// The action of the rung that a told step is about.
    fn action(&mut self, told: &Told<'_>) -> Option<&mut OfAction> {
        let action = &told.incident?.tried.as_ref()?.action;
        Some(self.actions.entry(action.to_string()).or_default())
    }
}

impl Tell for Counters {
    fn told(&self, told: &Told<'_>) {
        let mut counts = self.counts();
        match told.step {
            Step::Decided { guard, .. } => *counts.decisions.entry(*guard).or_default() += 1,
            Step::Rehearsed { .. } => *counts.decisions.entry(Guard::DryRun).or_default() += 1,
            Step::Started { plan, .. } => counts.actions.entry(plan.action.to_string()).or_default().begun += 1,
            Step::Finished { outcome, .. } => {
                let Some(action) = counts.action(told) else { return };
                *match outcome {
                    Outcome::Done => &mut action.done,
                    Outcome::Refused => &mut action.refused,
                    Outcome::Failed => &mut action.failed,
                    Outcome::TimedOut => &mut action.timed_out,
                    Outcome::Unknown => &mut action.unknown,
                } += 1;
                if let Some(Phase::Running { since }) = told.incident.map(|incident| incident.phase) {
                    action.durations.observe(since.age_at(told.time).as_secs_f64());
                }
            }
            Step::Interrupted { .. } => {
                if let Some(action) = counts.action(told) {
                    action.interrupted += 1;
                }
            }
            Step::Cured { .. } => *counts.closed.entry(Why::Cured).or_default() += 1,
            Step::Closed { why, .. } => *counts.closed.entry(*why).or_default() += 1,
            Step::Failed { .. } => counts.failed += 1,
            Step::Escalated { .. } => counts.escalated += 1,
            Step::Stormed { begins, .. } => counts.storms += u64::from(*begins),
            Step::Noted { .. }
            | Step::Received { .. }
            | Step::Strange { .. }
            | Step::Relapsed { .. }
            | Step::Approved { .. }
            | Step::Ordered { .. }
            | Step::TakenBack { .. }
            | Step::Paused(_)
            | Step::Resumed { .. }
            | Step::Asked(_)
            | Step::Withdrawn(_) => {}
        }
    }
}

fn many(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
