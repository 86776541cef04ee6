//! The node's memory: settings, and how far chain and network have come since the last look.
//!
//! Nothing ticks. Whoever looks first moves the chain to the present, so a thousand idle nodes cost nothing.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    chain,
    settings::{Follow, Highest, Own, Settings},
};
use crate::{
    clock::unix_ms,
    standin::patched,
    wire::{Fault, Incident},
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    /// When the last block was due.
    beat: Instant,
    /// The height that other nodes have.
    network: u64,
}

impl State {
    pub(super) fn new() -> Self {
        let settings = Settings::default();
        Self {
            network: settings.best,
            settings,
            beat: Instant::now(),
        }
    }

    /// The state at this moment.
    pub(super) fn now(&mut self) -> &Self {
        let period = self.settings.block_time_ms;
        let passed = u64::try_from(self.beat.elapsed().as_millis()).unwrap_or(u64::MAX);
        match passed.checked_div(period) {
            None => self.beat = Instant::now(),
            Some(0) => (),
            Some(due) => {
                self.beat += Duration::from_millis(due * period);
                self.grow_to(due, unix_ms().saturating_sub(passed - due * period));
            }
        }
        self
    }

    /// Adds blocks beyond those that are due by time.
    pub(super) fn grow(&mut self, count: u64) {
        self.now();
        self.grow_to(count, unix_ms());
    }

    fn grow_to(&mut self, count: u64, timestamp_ms: u64) {
        self.network = self.network.saturating_add(count);
        let settings = &mut self.settings;
        if count == 0 || settings.incident == Incident::Own(Own::Stuck) {
            return;
        }
        settings.best = settings.best.saturating_add(count);
        settings.finalized = settings
            .finalized
            .max(settings.best.saturating_sub(settings.finality_lag));
        settings.head_timestamp_ms = timestamp_ms;
        self.network = self.network.max(settings.best);
    }

    /// Changes the named settings and what follows from them.
    pub(super) fn patch(&mut self, patch: &Value) -> Result<(), String> {
        self.now();
        let was_down = self.settings.incident == Incident::Wire(Fault::Down);
        let mut next = patched(&self.settings, patch)?;
        let named = |key: &str| patch.get(key).is_some();
        if named("incident") && next.incident == Incident::Own(Own::Backwards) {
            next.best = next.best.saturating_sub(next.fall);
            next.finalized = next.finalized.min(next.best);
        }
        if named("best") && !named("finalized") {
            next.finalized = next.best.saturating_sub(next.finality_lag);
        }
        if named("seed") && !named("genesis_hash") {
            next.genesis_hash = chain::hash(next.seed, 0);
        }
        if was_down && next.incident != Incident::Wire(Fault::Down) && !named("starting") {
            next.starting = next.best;
        }
        next.check()?;
        if named("best") {
            self.network = next.best;
        }
        if named("block_time_ms") {
            self.beat = Instant::now();
        }
        self.settings = next;
        Ok(())
    }

    pub(super) fn highest(&self) -> Option<u64> {
        Some(match self.settings.highest? {
            Highest::Number(number) => number,
            Highest::Follow(Follow::Best) => self.settings.best,
            Highest::Follow(Follow::Network) => self.network,
        })
    }

    /// The hash of a block that exists.
    pub(super) fn hash(&self, height: u64) -> String {
        if height == 0 {
            self.settings.genesis_hash.clone()
        } else {
            chain::hash(self.settings.seed, height)
        }
    }

    /// The height of a block that exists, by its hash.
    pub(super) fn height(&self, hash: &str) -> Option<u64> {
        if hash == self.settings.genesis_hash {
            return Some(0);
        }
        chain::height(self.settings.seed, hash).filter(|height| (1..=self.settings.best).contains(height))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    fn still() -> State {
        let mut state = State::new();
        state
            .patch(&json!({"block_time_ms": 0, "best": 10, "finality_lag": 2, "finalized": 8}))
            .unwrap();
        state
    }

    #[test]
    fn a_new_block_moves_finality_and_timestamp() {
        let mut state = still();
        state.patch(&json!({"head_timestamp_ms": 1})).unwrap();
        state.grow(3);
        assert_eq!((state.settings.best, state.settings.finalized), (13, 11));
        assert!(state.settings.head_timestamp_ms > 1);
    }

    #[test]
    fn a_stuck_chain_stays_while_the_network_goes_on() {
        let mut state = still();
        state.patch(&json!({"incident": "stuck"})).unwrap();
        state.grow(5);
        assert_eq!((state.settings.best, state.highest()), (10, Some(15)));
        state.patch(&json!({"highest": "best"})).unwrap();
        assert_eq!(state.highest(), Some(10));
        state.patch(&json!({"highest": null})).unwrap();
        assert_eq!(state.highest(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_come_with_time() {
        let mut state = still();
        state.patch(&json!({"block_time_ms": 1000})).unwrap();
        advance(Duration::from_millis(2500)).await;
        assert_eq!(state.now().settings.best, 12);
        advance(Duration::from_millis(500)).await;
        assert_eq!(state.now().settings.best, 13);
    }

    #[test]
    fn a_chain_falls_back_each_time_it_is_told() {
        let mut state = still();
        state.patch(&json!({"incident": "backwards", "fall": 4})).unwrap();
        assert_eq!(
            (state.settings.best, state.settings.finalized, state.highest()),
            (6, 6, Some(10))
        );
        assert_eq!(state.height(&chain::hash(0, 7)), None);
    }

    #[test]
    fn coming_back_from_down_is_a_restart() {
        let mut state = still();
        state.patch(&json!({"incident": "down"})).unwrap();
        state.patch(&json!({"incident": "healthy"})).unwrap();
        assert_eq!(state.settings.starting, 10);
    }

    #[test]
    fn a_refused_patch_changes_nothing() {
        let mut state = still();
        assert!(state.patch(&json!({"best": 99, "genesis_hash": "0x12"})).is_err());
        assert!(
            state
                .patch(&json!({"best": 99, "incident": "redirect", "redirect_to": "a b"}))
                .is_err()
        );
        assert!(state.patch(&json!({"best": 99, "storage": {"0x0g": null}})).is_err());
        assert_eq!(state.settings.best, 10);
    }
}
