//! A fleet of workers as a PRB sees it: who is how far, in which state, since when, and what went wrong.
//!
//! Each PRB writes a [`Worker`] in its own words. Nothing ticks: a worker is computed when somebody asks.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    session::{Session, SessionState},
    storage::OnChain,
};
use crate::clock::unix_ms;

/// More would be a mistake in an order, and a gigabyte of answer.
const MOST_WORKERS: u32 = 100_000;

/// Settings of one fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// How many workers are in the database, named `NETWORK.0.1` and on.
    pub workers: u32,
    /// How many of them, the last ones, are disabled and so not loaded.
    pub disabled: u32,
    /// The first two parts of every worker's address; empty for one of its own.
    pub network: String,
    /// Workers are dealt to so many pools in turn.
    pub pools: u32,
    pub first_pid: u64,
    /// So many of hundred workers of a pool are in error.
    pub error_percent: u32,
    /// The only pool with errors; `null` for all.
    pub error_pool: Option<u64>,
    /// Without time. A text that begins with `"` is an error of the connection: then nothing is known of the worker.
    pub error_message: String,
    /// Every worker stops at this height of the parachain, and says nothing.
    pub stopped_at: Option<i64>,
    /// Workers whose heights stand still from the moment they are named; their state does not change.
    pub stalled: Vec<String>,
    /// Workers that are synching with heights of -1.
    pub minus_one: Vec<String>,
    /// Workers that stay synched by design: cooling down.
    pub cooling: Vec<String>,
    /// Workers without a session on chain.
    pub unbound: Vec<String>,
    /// Whether a restart ends errors, stalls and -1.
    pub restart_cures: bool,
    pub starting_ms: u64,
    pub syncing_ms: u64,
    /// JSON merge patches: of every state, then by name of states, rows of the database, sessions.
    pub all: Value,
    pub states: BTreeMap<String, Value>,
    pub rows: BTreeMap<String, Value>,
    pub sessions: BTreeMap<String, Value>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            workers: 3,
            disabled: 0,
            network: String::new(),
            pools: 1,
            first_pid: 88,
            error_percent: 0,
            error_pool: None,
            error_message: "\"Error: timeout of 8000ms exceeded\"".to_owned(),
            stopped_at: None,
            stalled: Vec::new(),
            minus_one: Vec::new(),
            cooling: Vec::new(),
            unbound: Vec::new(),
            restart_cures: true,
            starting_ms: 2000,
            syncing_ms: 15_000,
            all: Value::Object(serde_json::Map::new()),
            states: BTreeMap::new(),
            rows: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }
}

/// The end of both chains, or how far somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    pub relay: i64,
    pub para: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Syncing,
    /// Cooling down on chain: stays so.
    Synced,
    /// Not bound on chain: waiting to be added.
    PreActive,
    Active,
    Kicked,
    Error,
}

/// One worker at one moment.
#[derive(Clone, Debug)]
pub struct Worker {
    pub name: String,
    pub pid: u64,
    pub phase: Phase,
    /// How far it is; nothing before it began to sync.
    pub heights: Option<Tip>,
    /// Whether pRuntime ever answered.
    pub known: bool,
    /// Whether pRuntime answered since the last start.
    pub info: bool,
    /// Without time.
    pub message: String,
    pub message_ms: u64,
    pub session: Option<Session>,
}

/// What must be remembered about a fleet between two looks.
#[derive(Debug)]
pub struct Memory {
    lives: BTreeMap<u32, Life>,
    /// Where each stalled worker stood when it was named.
    stalls: BTreeMap<String, Tip>,
    /// How far all were when the errors came.
    broke_at: Option<Tip>,
    started_ms: u64,
    broke_ms: u64,
}

#[derive(Debug)]
struct Life {
    kicked: bool,
    at: Instant,
    at_ms: u64,
    before: Worker,
    tip: Tip,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            lives: BTreeMap::new(),
            stalls: BTreeMap::new(),
            broke_at: None,
            started_ms: unix_ms(),
            broke_ms: unix_ms(),
        }
    }
}

impl Memory {
    /// Follows a change of settings at a moment when all were at `tip`.
    pub fn changed(&mut self, old: &Fleet, new: &Fleet, tip: Tip) {
        let causes = |fleet: &Fleet| (fleet.error_percent, fleet.error_pool, fleet.error_message.clone());
        if causes(old) != causes(new) || old.minus_one != new.minus_one || old.stalled != new.stalled {
            self.broke_at = Some(tip);
            self.broke_ms = unix_ms();
            self.lives.retain(|_, life| life.kicked);
        }
        self.stalls.retain(|name, _| new.stalled.contains(name));
        for name in &new.stalled {
            self.stalls.entry(name.clone()).or_insert(tip);
        }
    }

    /// A new life for one worker, from now on.
    pub fn restart(&mut self, fleet: &Fleet, index: u32, tip: Tip) {
        self.live(fleet, index, tip, false);
    }

    /// Stops one worker until it is restarted.
    pub fn kick(&mut self, fleet: &Fleet, index: u32, tip: Tip) {
        self.live(fleet, index, tip, true);
    }

    fn live(&mut self, fleet: &Fleet, index: u32, tip: Tip, kicked: bool) {
        let before = fleet.worker(index, self, tip);
        let life = Life {
            kicked,
            at: Instant::now(),
            at_ms: unix_ms(),
            before,
            tip,
        };
        self.lives.insert(index, life);
    }
}

impl Fleet {
    /// Refuses what cannot be served.
    pub fn check(&self) -> Result<(), String> {
        if self.workers > MOST_WORKERS {
            return Err(format!("workers: {} is more than {MOST_WORKERS}", self.workers));
        }
        if self.disabled > self.workers || self.pools == 0 || self.error_percent > 100 {
            return Err("a fleet needs disabled <= workers, pools >= 1 and error_percent <= 100".to_owned());
        }
        Ok(())
    }

    pub fn name(&self, index: u32) -> String {
        format!("{}.{}.{}", self.network, index / 250, index % 250 + 1)
    }

    pub fn pid(&self, index: u32) -> u64 {
        self.first_pid + u64::from(index % self.pools)
    }

    pub fn pids(&self) -> impl Iterator<Item = u64> + use<> {
        let first = self.first_pid;
        (0..self.pools).map(move |pool| first + u64::from(pool))
    }

    pub fn loaded(&self) -> u32 {
        self.workers - self.disabled
    }

    pub fn is_loaded(&self, index: u32) -> bool {
        index < self.loaded()
    }

    /// What a chain knows of the loaded workers; errors of theirs are not known there.
    pub fn on_chain(&self) -> Vec<OnChain> {
        let on_chain = |index: u32| {
            let name = self.name(index);
            let mut worker = OnChain::of(&name, self.pid(index));
            worker.session = worker.session.filter(|_| !self.unbound.contains(&name));
            if self.cooling.contains(&name) {
                let cooling = |session: Session| session.in_state(SessionState::WorkerCoolingDown);
                worker.session = worker.session.map(cooling);
            }
            worker
        };
        (0..self.loaded()).map(on_chain).collect()
    }

    fn in_error(&self, index: u32) -> bool {
        let (pool, rank) = (index % self.pools, index / self.pools);
        let size = (self.loaded().saturating_sub(pool)).div_ceil(self.pools);
        let meant = self.error_pool.is_none_or(|pid| pid == self.pid(index));
        meant && rank * 100 < self.error_percent * size
    }

    /// One worker now, when the data is at `tip`.
    pub fn worker(&self, index: u32, memory: &Memory, tip: Tip) -> Worker {
        let Some(life) = memory.lives.get(&index) else {
            return self.settled(index, memory, tip, false);
        };
        if life.kicked {
            return Worker {
                phase: Phase::Kicked,
                message: "State changed from S_ACTIVE to S_KICKED".to_owned(),
                message_ms: life.at_ms,
                ..life.before.clone()
            };
        }
        let after = life.at.elapsed();
        let starting = Duration::from_millis(self.starting_ms);
        if after < starting {
            return life.starting();
        }
        let mut worker = self.settled(index, memory, tip, self.restart_cures);
        if worker.phase == Phase::Error {
            // The manager lays the new state over the old one: what is not reported again stays.
            (worker.known, worker.heights) = (life.before.known, life.before.heights);
        } else if after < starting + Duration::from_millis(self.syncing_ms) {
            worker.phase = Phase::Syncing;
            // PRB begins with pRuntime's next numbers: one too high, and no progress.
            let stood = life
                .before
                .heights
                .filter(|heights| heights.para >= 0)
                .unwrap_or(life.tip);
            worker.heights = Some(Tip {
                relay: stood.relay + 1,
                para: stood.para + 1,
            });
            "Synching block data...".clone_into(&mut worker.message);
            worker.message_ms = life.at_ms + self.starting_ms;
        } else if worker.phase == Phase::Active {
            worker.message_ms = life.at_ms + self.starting_ms + self.syncing_ms;
        }
        worker
    }

    /// A worker whose last start is long ago.
    fn settled(&self, index: u32, memory: &Memory, tip: Tip, cured: bool) -> Worker {
        let name = self.name(index);
        let named = |list: &[String]| list.contains(&name);
        let mut worker = Worker {
            session: (!named(&self.unbound)).then(|| Session::healthy(&name)),
            pid: self.pid(index),
            phase: Phase::Active,
            heights: Some(tip),
            known: true,
            info: true,
            message: "Now the worker should be active.".to_owned(),
            message_ms: memory.started_ms,
            name: name.clone(),
        };
        if worker.session.is_none() {
            (worker.phase, worker.message) = (Phase::PreActive, "Adding worker on chain...".to_owned());
        }
        if named(&self.cooling) {
            worker.phase = Phase::Synced;
            "Worker is cooling down, skipping on-chain operations.".clone_into(&mut worker.message);
            let cooling = |session: Session| session.in_state(SessionState::WorkerCoolingDown);
            worker.session = worker.session.map(cooling);
        }
        if !cured {
            self.spoil(&mut worker, index, memory);
        }
        if let (Some(stop), Some(heights)) = (self.stopped_at, &mut worker.heights) {
            heights.relay -= 2 * (heights.para - stop).max(0);
            heights.para = heights.para.min(stop);
        }
        worker
    }

    fn spoil(&self, worker: &mut Worker, index: u32, memory: &Memory) {
        if let Some(stood) = memory.stalls.get(&worker.name) {
            worker.heights = Some(*stood);
        }
        if self.minus_one.contains(&worker.name) {
            worker.phase = Phase::Syncing;
            worker.heights = Some(Tip { relay: -1, para: -1 });
            "Synching block data...".clone_into(&mut worker.message);
            worker.message_ms = memory.broke_ms;
        }
        if self.in_error(index) {
            worker.phase = Phase::Error;
            worker.message.clone_from(&self.error_message);
            worker.message_ms = memory.broke_ms;
            worker.heights = memory.broke_at.or(worker.heights);
            if self.error_message.starts_with('"') {
                (worker.heights, worker.session) = (None, None);
                (worker.known, worker.info) = (false, false);
            }
        }
    }
}

impl Life {
    /// Right after a restart: only state, message and session are fresh.
    fn starting(&self) -> Worker {
        Worker {
            phase: Phase::Starting,
            info: false,
            message: "State changed from S_IDLE to S_STARTING".to_owned(),
            message_ms: self.at_ms,
            session: None,
            ..self.before.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIP: Tip = Tip { relay: 200, para: 100 };

    fn fleet(workers: u32) -> Fleet {
        Fleet {
            workers,
            network: "10.1".to_owned(),
            ..Fleet::default()
        }
    }

    #[test]
    fn a_share_of_a_pool_is_in_error_and_no_other_worker() {
        let mut fleet = fleet(50);
        (fleet.pools, fleet.error_percent, fleet.error_pool) = (2, 56, Some(89));
        let memory = Memory::default();
        let errors = |pid: u64| {
            let workers = (0..50).map(|index| fleet.worker(index, &memory, TIP));
            workers
                .filter(|worker| worker.phase == Phase::Error && worker.pid == pid)
                .count()
        };
        assert_eq!((errors(88), errors(89)), (0, 14));
    }

    #[tokio::test(start_paused = true)]
    async fn a_restarted_worker_starts_syncs_and_works_again() {
        let mut broken = fleet(1);
        broken.error_percent = 100;
        "{\"payload\":{\"message\":\"BlockNumberMismatch\"}}".clone_into(&mut broken.error_message);
        let mut memory = Memory::default();
        memory.changed(&fleet(1), &broken, TIP);
        let later = Tip { relay: 220, para: 110 };
        assert_eq!(broken.worker(0, &memory, later).heights, Some(TIP));
        memory.restart(&broken, 0, later);
        let worker = broken.worker(0, &memory, later);
        assert_eq!(
            (worker.phase, worker.heights, worker.info),
            (Phase::Starting, Some(TIP), false)
        );
        tokio::time::advance(Duration::from_secs(3)).await;
        let worker = broken.worker(0, &memory, later);
        let one_more = Some(Tip { relay: 201, para: 101 });
        assert_eq!((worker.phase, worker.heights), (Phase::Syncing, one_more));
        tokio::time::advance(Duration::from_secs(15)).await;
        let worker = broken.worker(0, &memory, later);
        assert_eq!((worker.phase, worker.heights), (Phase::Active, Some(later)));
        broken.restart_cures = false;
        assert_eq!(broken.worker(0, &memory, later).phase, Phase::Error);
    }

    #[test]
    fn a_kicked_worker_stays_kicked_until_it_is_restarted() {
        let fleet = fleet(2);
        let mut memory = Memory::default();
        memory.kick(&fleet, 1, TIP);
        let later = Tip { relay: 202, para: 101 };
        let worker = fleet.worker(1, &memory, later);
        assert_eq!((worker.phase, worker.heights), (Phase::Kicked, Some(TIP)));
        assert_eq!(fleet.worker(0, &memory, later).phase, Phase::Active);
        memory.restart(&fleet, 1, later);
        assert_eq!(fleet.worker(1, &memory, later).phase, Phase::Starting);
    }
}
