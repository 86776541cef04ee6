//! One container or unit: restarted, stopped or started, with what it was before in words.

use std::fmt;
use std::time::Duration;

use super::catalogue::Verb;
use super::settings::Thing;
use super::tools::Tools;
use super::{Hands, left_alone};
use crate::actions::handle::{Handle, Look};
use crate::actions::{Done, Failed};
use crate::remedy::runner::Undone;

/// What is left of the time of a rung for looking before and after a unit's job.
const LOOKS: Duration = Duration::from_secs(20);

impl Hands {
    pub(super) async fn thing(
        &self,
        tools: &Tools,
        verb: Verb,
        thing: &Thing,
        patience: Duration,
        within: Duration,
    ) -> Result<String, Undone> {
        if verb != Verb::Start {
            self.may_stop(tools, thing)?;
        }
        let handle = tools.handle(thing).map_err(left_alone)?;
        let patience = match thing {
            Thing::Unit(_) => within.saturating_sub(LOOKS).max(LOOKS),
            Thing::Container { .. } => patience,
        };
        let before = handle.look().await?;
        let done = act(&handle, verb, patience).await?;
        Ok(match (verb, done) {
            (Verb::Restart, _) => format!("restarted {thing} ({})", Was(&before)),
            (Verb::Stop, Done::Changed) => format!("stopped {thing} ({})", Was(&before)),
            (Verb::Start, Done::Changed) => format!("started {thing} ({})", Was(&before)),
            (Verb::Stop, Done::AlreadySo) => format!("{thing} was stopped already"),
            (Verb::Start, Done::AlreadySo) => format!("{thing} ran already ({})", Was(&before)),
        })
    }

    /// What a PRB feeds its workers with is left alone while it does.
    fn may_stop(&self, tools: &Tools, thing: &Thing) -> Result<(), Undone> {
        if let Some(words) = tools.settings.stands_in_the_way(thing) {
            return Err(left_alone(words));
        }
        for (stack, _) in tools.settings.stacks_with(thing) {
            if let Some(words) = self.feeds_well(stack) {
                return Err(Undone::Refused(format!("{thing} was left alone: {words}")));
            }
        }
        Ok(())
    }
}

async fn act(handle: &Handle, verb: Verb, patience: Duration) -> Result<Done, Failed> {
    match verb {
        Verb::Restart => handle.restart(patience).await.map(|()| Done::Changed),
        Verb::Stop => handle.stop(patience).await,
        Verb::Start => handle.start(patience).await,
    }
}

/// `was running since 2026-11-21T09:41:07Z`
pub(super) struct Was<'a>(pub(super) &'a Look);

impl fmt::Display for Was<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.up, self.0.started_at) {
            (true, Some(since)) => write!(f, "was running since {since}"),
            (true, None) => f.write_str("was running"),
            (false, Some(since)) => write!(f, "was stopped, last started {since}"),
            (false, None) => f.write_str("was stopped"),
        }
    }
}
