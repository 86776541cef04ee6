//! A miner that shall mine and is closed, or, in versions that do not know of closed ones, just not mined for.

use super::{Making, left_alone};
use crate::actions::venus::{Change, StartForm};
use crate::actions::{Effect, Failed};
use crate::collectors::venus::MinerNow;
use crate::upstream::Why;

impl Making<'_> {
    pub(super) async fn start(&self) -> Result<String, String> {
        let idle = self.idle().await?;
        let left = |words: &str| left_alone(format!("{}: {words}", idle.miner));
        if idle.before.open == Some(true) {
            let words = "it is open already, and its prover could not be built: `reload-miners`, the node, its id";
            return Err(left(words));
        }
        let Some(about) = &idle.before.about else {
            return Err(left(
                "its miner service does not tell its version, and versions differ in this call",
            ));
        };
        idle.note("starting to mine for").await?;
        let miner = &idle.miner;
        let start = async |form| idle.make(&Change::Start { miner, form }).await;
        let mut called = start(StartForm::List).await;
        // One without a version may be of the first ones, which refuse a list as a whole.
        if !about.says_version() && called.as_ref().is_err_and(wants_another_form) {
            called = start(StartForm::Single).await;
        }
        let after = idle.after().await;
        let is_started = |after: &MinerNow| after.open == Some(true) || after.mining == Some(true);
        idle.told("started to mine for", called, &after, is_started)
    }
}

fn wants_another_form(failed: &Failed) -> bool {
    failed.effect == Effect::Nothing && matches!(failed.fault.why, Why::NotFound(_))
}
