//! Carries a plan out: the one way from what is decided to the calls that change something.
//!
//! Everything that may be touched is listed in the configuration; a payload brings names only, and what is done under
//! them stands in `catalogue.rs`. What must never be repaired like that is refused here once more (`law.rs`), whatever the
//! policy says.

mod catalogue;
mod check;
mod chia;
pub mod commands;
mod law;
mod mounts;
mod process;
mod reach;
mod remote;
mod remotes;
mod sections;
pub mod settings;
mod spelled;
mod stack;
#[cfg(test)]
mod tests;
mod things;
mod tools;
mod venus;
mod workers;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use catalogue::{Action, Key, actions, names};
pub use reach::{Reached, reach};
pub use remotes::Remote;
pub use sections::Misplaced;
pub use settings::Settings;

use super::runner::{self, Notes, Undone};
use super::step::Plan;
use crate::actions::remote::Nonce;
use crate::actions::{Effect, Failed, command};
use crate::clock::Clock;
use crate::collectors::{Finding, TargetView};
use crate::store::Store;
use crate::upstream::Upstream;
use crate::values::{self, Name};
use catalogue::Order;
use settings::Stack;
use tools::Tools;

/// Collectors have their own pace, of some seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What of a rung's time is left for a command that is killed to be gone: the runner gives up at its end.
const COMMAND_END: Duration = Duration::from_secs(15);

/// Before anything is touched.
fn left_alone(words: impl fmt::Display) -> Undone {
    Undone::Refused(format!("nothing was done: {words}"))
}

/// After a call of which this is known.
const fn undone(effect: Effect, words: String) -> Undone {
    match effect {
        Effect::Nothing => Undone::Refused(words),
        Effect::Unknown => Undone::Failed(words),
    }
}

impl From<Failed> for Undone {
    fn from(failed: Failed) -> Self {
        undone(failed.effect, failed.to_string())
    }
}

/// What acts.
pub struct Hands {
    upstream: Upstream,
    store: Arc<Store>,
    clock: Clock,
    tools: Mutex<Arc<Tools>>,
    /// Between two looks at a picture while something is waited for, which ask nobody; and between two questions to another
    /// farmwarden, which answers from memory.
    look_every: Duration,
    /// When a PRB was last told something, so that orders do not come in a heap.
    told: Mutex<HashMap<Name, Arc<tokio::sync::Mutex<Option<Instant>>>>>,
}

/// What a new configuration needs, made beside what is in use. Dropping it changes nothing.
pub struct Prepared(Tools);

impl Hands {
    /// Reads the certificates of engines; nothing is asked yet. The error has a line for everything that is wrong.
    pub fn new(settings: &Settings, upstream: &Upstream, store: Arc<Store>, clock: Clock) -> Result<Self, String> {
        let tools = Tools::new(settings, upstream)?;
        Ok(Self {
            upstream: upstream.clone(),
            store,
            clock,
            tools: Mutex::new(Arc::new(tools)),
            look_every: LOOK_EVERY,
            told: Mutex::default(),
        })
    }

    /// The same for another configuration, to be put in place when all of it is whole.
    pub fn prepare(&self, settings: &Settings) -> Result<Prepared, String> {
        Tools::new(settings, &self.upstream).map(Prepared)
    }

    /// From now on. What runs keeps what it began with.
    pub fn replace(&self, prepared: Prepared) {
        *self.tools.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(prepared.0);
    }

    fn tools(&self) -> Arc<Tools> {
        Arc::clone(&self.tools.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last picture of a target.
    fn view(&self, target: &Name) -> Option<TargetView> {
        self.store.picture(target)
    }

    /// What is ill there, all relations considered.
    fn findings(&self, target: &Name) -> Vec<Finding> {
        let verdicts = self.store.verdicts();
        let own = verdicts.iter().filter(|verdict| verdict.target == *target);
        own.flat_map(|verdict| verdict.diagnosis.findings.clone()).collect()
    }

    /// Why nothing of a stack is stopped now, if its PRB feeds blocks.
    fn feeds_well(&self, stack: &Stack) -> Option<String> {
        let view = self.view(stack.prb.as_ref()?)?;
        let snapshot = view.snapshot::<crate::collectors::prb::Prb>()?;
        law::feeds_well(snapshot, stack.lifecycle.as_deref(), self.clock.now())
    }
}

impl runner::Hands for Hands {
    async fn run(&self, plan: &Plan, notes: &dyn Notes) -> Result<String, Undone> {
        let began = Instant::now();
        let tools = self.tools();
        // It was checked when it was read; the configuration may be another one since.
        let order = catalogue::read(&plan.action, &plan.with, &tools.settings).map_err(|wrong| {
            let words: Vec<String> = wrong.into_iter().map(|(_, words)| words).collect();
            left_alone(words.join("; "))
        })?;
        if !tools.settings.meaning(&order, &plan.target).is_of(plan) {
            return Err(left_alone(format!(
                "the configuration was read anew since it was decided, and what {} stands for is another thing now",
                plan.action
            )));
        }
        match order {
            Order::Notify => Ok("told; nothing was changed".to_owned()),
            Order::Thing {
                verb,
                thing,
                patience,
                process,
            } => {
                self.may_touch(&tools, process.as_ref(), plan).await?;
                let within = plan.within.get().saturating_sub(began.elapsed());
                self.thing(&tools, verb, &thing, patience.get(), within).await
            }
            Order::Stack(name) => self.stack(&tools, name.as_ref(), plan, notes).await,
            Order::Worker(order) => self.worker(&tools, order, plan).await,
            Order::Venus(order) => self.venus(&tools, &order, plan, notes).await,
            Order::Remote(order) => self.remote(&tools, &order, plan, notes).await,
            Order::Chia(order) => self.chia(&tools, &order, plan, notes).await,
            Order::Remount => self.remount(&tools, plan, notes).await,
            Order::Command { name, process } => {
                self.may_touch(&tools, process.as_ref(), plan).await?;
                let command = tools.settings.commands.find(&name).map_err(left_alone)?;
                let within = plan.within.get().saturating_sub(began.elapsed() + COMMAND_END);
                Ok(command::run(&tools.keeper, &command.who(), &command.argv, within.max(COMMAND_END)).await?)
            }
        }
    }

    async fn take_back(&self, plan: &Plan, request: Nonce, notes: &dyn Notes) -> Result<String, Undone> {
        let tools = self.tools();
        if let Ok(Order::Remote(order)) = catalogue::read(&plan.action, &plan.with, &tools.settings) {
            return self.take_back(&tools, &order, plan, request, notes).await;
        }
        notes.lose_sight();
        let name = plan.with.get("remote").map_or("", String::as_str);
        Err(Undone::Failed(format!(
            "request {request} cannot be taken back: farmwarden {} is no longer in the configuration; look at it there",
            values::repeated(name)
        )))
    }
}
