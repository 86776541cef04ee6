//! Hands that can be exchanged while farmwarden runs, because a reload may change what they hold.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::runner::{Hands, Notes};
use super::settings::NOTIFY;
use super::step::Plan;
use crate::values::Name;

/// Hands of whatever kind.
#[derive(Clone)]
pub struct AnyHands(Arc<dyn Boxed>);

trait Boxed: Send + Sync {
    fn run_boxed<'a>(&'a self, plan: &'a Plan, notes: &'a dyn Notes) -> BoxFuture<'a, Result<String, String>>;
}

impl<H: Hands> Boxed for H {
    fn run_boxed<'a>(&'a self, plan: &'a Plan, notes: &'a dyn Notes) -> BoxFuture<'a, Result<String, String>> {
        self.run(plan, notes).boxed()
    }
}

impl AnyHands {
    pub fn new(hands: impl Hands) -> Self {
        Self(Arc::new(hands))
    }
}

/// What acts now; an action that runs ends with the hands it was begun with.
pub(super) struct PresentHands(Mutex<AnyHands>);

impl PresentHands {
    pub(super) fn new(hands: AnyHands) -> Self {
        Self(Mutex::new(hands))
    }

    pub(super) fn change_to(&self, hands: AnyHands) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = hands;
    }

    fn now(&self) -> AnyHands {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Hands for Arc<PresentHands> {
    async fn run(&self, plan: &Plan, notes: &dyn Notes) -> Result<String, String> {
        let hands = self.now();
        hands.0.run_boxed(plan, notes).await
    }
}

/// Hands that change nothing: they know `notify` alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnlyNotices;

impl OnlyNotices {
    /// Why an action is not carried out; nothing for a notice.
    pub fn refusal(action: &Name) -> Option<String> {
        (action.as_str() != NOTIFY).then(|| {
            format!("the action `{action}` cannot be carried out by this farmwarden; it knows `{NOTIFY}` alone, everything else only in `mode: dry_run`")
        })
    }
}

impl Hands for OnlyNotices {
    async fn run(&self, plan: &Plan, _notes: &dyn Notes) -> Result<String, String> {
        match Self::refusal(&plan.action) {
            Some(words) => Err(words),
            // That it was begun was recorded, and whoever hears of steps tells people.
            None => Ok("told".to_owned()),
        }
    }
}
