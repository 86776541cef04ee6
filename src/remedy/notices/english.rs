//! What people are told in English: mostly the words of the journal.

use super::kind::misnamed;
use crate::remedy::step::{Pause, Step};
use crate::remedy::tell::Told;

/// What was written when it was decided or done; of what was cut off, how far it had come: something may be left stopped.
pub(super) fn sentence(told: &Told<'_>) -> Option<String> {
    let words = match told.step {
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
        | Step::Stormed { words, .. } => words.clone(),
        Step::Approved { by, until, .. } | Step::Ordered { by, until, .. } => format!("{by}, {until}"),
        Step::Paused(Pause { by, reason, until, .. }) => format!("{by}: {reason} ({until})"),
        Step::Resumed { by, .. } | Step::TakenBack { by, .. } => by.clone(),
        Step::Interrupted { .. } => {
            let incident = told.incident?;
            let action = incident
                .tried
                .as_ref()
                .map_or("the action", |plan| plan.action.as_str());
            let noted = incident
                .noted
                .as_ref()
                .map(|noted| format!("; it had come so far: {noted}"));
            format!(
                "farmwarden ended while {action} was under way: it may have been done, or not; it is looked at, and not \
                 repeated{}",
                noted.unwrap_or_default()
            )
        }
        Step::Received { alerts, .. } | Step::Strange { alerts, .. } => misnamed(alerts)?,
        Step::Asked(_) | Step::Withdrawn(_) => return None,
    };
    Some(words)
}
