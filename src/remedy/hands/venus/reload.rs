//! The miner service's list, read from auth again. From 1.8 on it does so by itself every minute; before, this would mine
//! again for every miner that was stopped by hand, so it is not done there.

use super::{Making, left_alone};
use crate::actions::venus::Change;
use crate::collectors::venus::MinerNow;

impl Making<'_> {
    pub(super) async fn reload(&self) -> Result<String, String> {
        let idle = self.idle().await?;
        let left = |words: &str| left_alone(format!("{}: {words}", idle.miner));
        if !idle.before.about.as_ref().is_some_and(|about| about.since(8)) {
            return Err(left(
                "before 1.8 this mines for every miner again that was stopped by hand",
            ));
        }
        if idle.before.open != Some(true) {
            return Err(left(
                "it is closed for mining, which a reload does not change: `start-mining`",
            ));
        }
        idle.note("reading all miners from auth again, for").await?;
        let called = idle.make(&Change::ReloadMiners).await;
        let after = idle.after().await;
        // Whether its prover could be built shows with the symptom.
        idle.told(
            "had the miner service read its miners again, for",
            called,
            &after,
            |after: &MinerNow| after.open == Some(true),
        )
    }
}
