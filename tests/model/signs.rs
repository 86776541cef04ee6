//! What happened, for those properties that say that it does happen.

use farmwarden::remedy::{Outcome, Step};

pub(crate) fn sign(step: &Step) -> &'static str {
    match step {
        Step::Received { .. } | Step::Strange { .. } => "received",
        Step::Decided { guard, .. } => guard.label(),
        Step::Rehearsed { .. } => "rehearsed",
        Step::Started { .. } => "started",
        Step::Finished {
            outcome: Outcome::TimedOut,
            ..
        } => "timed_out",
        Step::Finished {
            outcome: Outcome::Refused,
            ..
        } => "refused",
        Step::Finished {
            outcome: Outcome::Unknown,
            ..
        } => "unknown",
        Step::Finished { .. } => "finished",
        Step::Noted { .. } => "noted",
        Step::Interrupted { .. } => "interrupted",
        Step::Cured { .. } => "cured",
        Step::Relapsed { .. } => "relapsed",
        Step::Failed { .. } => "failed",
        Step::Escalated { .. } => "escalated",
        Step::Closed { why, .. } => why.label(),
        Step::Stormed { .. } => "stormed",
        Step::Approved { .. } => "approved",
        Step::Ordered { .. } => "ordered",
        Step::TakenBack { .. } => "taken_back",
        Step::Paused(_) => "paused",
        Step::Resumed { .. } => "resumed",
        Step::Asked(_) => "asked",
        Step::Withdrawn(_) => "withdrawn",
    }
}
