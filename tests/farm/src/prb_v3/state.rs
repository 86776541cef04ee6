//! The memory of a `prb-wm`: chains, lives of workers, transactions that pile up.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    settings::{Build, Settings},
    workers,
};
use crate::{
    phala::{
        beat::Beat,
        fleet::{Memory, Tip},
    },
    standin::patched,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    beat: Beat,
    memory: Memory,
    /// Workers that are being restarted, and since when.
    leaving: BTreeMap<u32, Instant>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
            beat: Beat::default(),
            memory: Memory::default(),
            leaving: BTreeMap::new(),
        }
    }

    pub(super) fn now(&mut self) -> &mut Self {
        let due = self.beat.due(self.settings.block_time_ms);
        self.grow(u64::try_from(due).unwrap_or_default());
        let away = self.restarting() + self.absent();
        let (fleet, tip) = (&self.settings.fleet, self.tip());
        let memory = &mut self.memory;
        self.leaving.retain(|index, since| {
            let back = since.elapsed() >= away;
            if back {
                memory.restart(fleet, *index, tip);
            }
            !back
        });
        self
    }

    pub(super) fn grow(&mut self, blocks: u64) {
        let settings = &mut self.settings;
        let count = i64::try_from(blocks).unwrap_or_default();
        settings.para_height += count;
        settings.relay_height += 2 * count;
        settings.succeeded_txs += blocks * settings.txs_per_block;
    }

    fn tip(&self) -> Tip {
        Tip {
            relay: self.settings.relay_height,
            para: self.settings.para_height,
        }
    }

    fn restarting(&self) -> Duration {
        Duration::from_millis(self.settings.restarting_ms)
    }

    /// Only since 2024 a restarted worker is gone from the list for a while.
    fn absent(&self) -> Duration {
        match self.settings.build {
            Build::Y2023 => Duration::ZERO,
            Build::Y2024 => Duration::from_millis(self.settings.absent_ms),
        }
    }

    pub(super) fn patch(&mut self, patch: &Value) -> Result<(), String> {
        let next: Settings = patched(&self.now().settings, patch)?;
        next.check()?;
        let tip = self.tip();
        self.memory.changed(&self.settings.fleet, &next.fleet, tip);
        if patch.get("block_time_ms").is_some() {
            self.beat = Beat::default();
        }
        self.settings = next;
        Ok(())
    }

    /// The worker with this id.
    pub(super) fn index(&self, id: &str) -> Option<u32> {
        let has = |index: &u32| workers::row(&self.settings, *index).get("id").and_then(Value::as_str) == Some(id);
        (0..self.settings.fleet.workers).find(has)
    }

    /// Disabled workers ignore commands.
    pub(super) fn restart(&mut self, index: u32) {
        if self.settings.fleet.is_loaded(index) {
            self.leaving.insert(index, Instant::now());
        }
    }

    /// `/workers/status`.
    pub(super) fn workers(&self) -> Value {
        let fleet = &self.settings.fleet;
        let listed = match self.settings.build {
            Build::Y2023 => fleet.loaded(),
            Build::Y2024 => fleet.workers,
        };
        let one = |index: u32| {
            let leaving = self.leaving.get(&index);
            let gone = leaving.is_some_and(|since| since.elapsed() >= self.restarting());
            let worker = fleet.worker(index, &self.memory, self.tip());
            (!gone).then(|| workers::status(&self.settings, index, &worker, leaving.is_some()))
        };
        json!({"workers": (0..listed).filter_map(one).collect::<Vec<_>>()})
    }
}
