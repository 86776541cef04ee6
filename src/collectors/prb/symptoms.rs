//! What can be wrong in a PRB, and from where on: names, grounds, advice. How it is found stands in `diagnose.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::runtime;
use crate::collectors::Symptom;
use crate::values::Duration;

/// From where on a data provider or worker counts as ill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Parachain blocks that a data provider has still to process. Default 10, two minutes.
    pub provider_para_lag_blocks: u64,
    /// Relay chain blocks that a data provider has still to process. Default 20, two minutes.
    pub provider_relay_lag_blocks: u64,
    /// How long a data provider's target may stand while its node finalizes more. Default 1m: it asks every 3s.
    pub provider_target_stale_after: Duration,
    /// Finalized blocks that the node must have beyond the provider's target by then. Default 5.
    pub provider_target_stale_blocks: u64,
    /// Parachain blocks that a worker is behind its data provider. Default 10, the window for a heartbeat.
    pub worker_lag_blocks: u64,
    /// Blocks by which the data provider went on while a worker that follows stood still. Default 25, five minutes.
    pub stalled_blocks: u64,
    /// For how long at least it stood still. Default 2m: a provider that catches up makes 25 blocks in no time.
    pub stalled_after: Duration,
    /// How long a worker may synchronise without any progress. Default 10m: PRB itself gives up after 2m of errors.
    pub stuck_syncing_after: Duration,
    /// How long the same transaction may be the next one of a trade queue. Default 10m: one takes seconds, 50 blocks pass.
    pub queue_stuck_after: Duration,
    /// How long a worker that is meant to compute may be bound without computing. Default 1h.
    pub not_computing_after: Duration,
    /// How long V of a computing worker may stay unsettled. Default 12h: a small network asks twice an hour, a large one rarely.
    pub settled_long_ago_after: Duration,
    /// PHA that the owner of a pool should have free for fees. Default 2.
    pub operator_gas_below_pha: u64,
    /// Messages for the chain that a pRuntime may have while they become more. Default 10.
    pub pending_messages: u64,
    /// How long they may become more and never fewer. Default 15m, 75 blocks.
    pub pending_messages_after: Duration,
    /// How long a pRuntime that has caught up may be without its registration. Default 15m.
    pub pruntime_unregistered_after: Duration,
    /// More workers of a lifecycle than this that fail alike at once are one failure of the lifecycle. Default 3.
    pub correlated_workers: u64,
    /// The same as a share of the lifecycle's workers, in percent; the larger of both counts. Default 20.
    pub correlated_percent: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            provider_para_lag_blocks: 10,
            provider_relay_lag_blocks: 20,
            provider_target_stale_after: Duration::from_secs(60),
            provider_target_stale_blocks: 5,
            worker_lag_blocks: 10,
            stalled_blocks: 25,
            stalled_after: Duration::from_secs(120),
            stuck_syncing_after: Duration::from_secs(600),
            queue_stuck_after: Duration::from_secs(600),
            not_computing_after: Duration::from_secs(3600),
            settled_long_ago_after: Duration::from_secs(12 * 3600),
            operator_gas_below_pha: 2,
            pending_messages: 10,
            pending_messages_after: Duration::from_secs(900),
            pruntime_unregistered_after: Duration::from_secs(900),
            correlated_workers: 3,
            correlated_percent: 20,
        }
    }
}

impl Thresholds {
    pub(super) fn setting(&self, key: &str) -> Option<String> {
        Some(match key {
            "provider_para_lag_blocks" => self.provider_para_lag_blocks.to_string(),
            "provider_relay_lag_blocks" => self.provider_relay_lag_blocks.to_string(),
            "provider_target_stale_after" => self.provider_target_stale_after.to_string(),
            "provider_target_stale_blocks" => self.provider_target_stale_blocks.to_string(),
            "worker_lag_blocks" => self.worker_lag_blocks.to_string(),
            "stalled_blocks" => self.stalled_blocks.to_string(),
            "stalled_after" => self.stalled_after.to_string(),
            "stuck_syncing_after" => self.stuck_syncing_after.to_string(),
            "queue_stuck_after" => self.queue_stuck_after.to_string(),
            "not_computing_after" => self.not_computing_after.to_string(),
            "settled_long_ago_after" => self.settled_long_ago_after.to_string(),
            "operator_gas_below_pha" => self.operator_gas_below_pha.to_string(),
            "pending_messages" => self.pending_messages.to_string(),
            "pending_messages_after" => self.pending_messages_after.to_string(),
            "pruntime_unregistered_after" => self.pruntime_unregistered_after.to_string(),
            "correlated_workers" => self.correlated_workers.to_string(),
            "correlated_percent" => self.correlated_percent.to_string(),
            _ => return None,
        })
    }

    /// From where on a provider no longer hears from its node.
    pub(super) fn target(&self) -> TargetLimits {
        TargetLimits {
            after: self.provider_target_stale_after.get(),
            blocks: self.provider_target_stale_blocks,
        }
    }

    /// How many of so many workers may fail alike before it is one failure.
    pub(super) fn most_alone(&self, workers: u64) -> u64 {
        // Rounded down: 20 % of 18 is 3.
        self.correlated_workers
            .max(workers.saturating_mul(self.correlated_percent) / 100)
    }
}

/// What the relation with the node needs to know, kept in the picture.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TargetLimits {
    pub(super) after: std::time::Duration,
    pub(super) blocks: u64,
}

pub static PEER_DOWN: Symptom = Symptom {
    name: "prb_peer_down",
    meaning: "A data provider or lifecycle does not answer through the monitor, or the monitor lists no lifecycle (or not \
              one that is configured). The monitor finds peers every 20 s, and never forgets one while it runs. In v3 \
              the worker manager does not answer for its workers.",
    advice: "Is the container of that process running, and does its log say why not? If it is, restart the monitor; \
             its list is empty for some 20 s then. A lifecycle in configuration mode does not answer about workers.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub static PROVIDER_LAG: Symptom = Symptom {
    name: "data_provider_lag",
    meaning: "The data provider has more than `provider_para_lag_blocks` (10) or `provider_relay_lag_blocks` (20) blocks \
              of its node's finalized ones still to process: two minutes of either chain.",
    advice: "If the processed height rises fast, it is catching up: wait. Else look at its log and disk. Exit codes 254 \
             and 255 with hash mismatches mean that the node's database is damaged. Restarting workers does not help.",
    thresholds: &[
        "prb.thresholds.provider_para_lag_blocks",
        "prb.thresholds.provider_relay_lag_blocks",
    ],
    takes_time: false,
    hint: false,
};
pub static TARGET_STALE: Symptom = Symptom {
    name: "data_provider_target_stale",
    meaning: "The data provider knows no block of its node for `provider_target_stale_after` (1m), or its target has not moved for `provider_target_stale_after` (1m) although its node has \
              finalized more than `provider_target_stale_blocks` (5) blocks beyond it: it asks every 3 s, so it has lost \
              its node. Needs the node as a target that the PRB depends on.",
    advice: "Restart the data provider's container; workers need nothing. Is it connected to the node that you think \
             (PHALA_CHAIN_ENDPOINT, PHALA_PARENT_CHAIN_ENDPOINT)?",
    thresholds: &[
        "prb.thresholds.provider_target_stale_after",
        "prb.thresholds.provider_target_stale_blocks",
    ],
    takes_time: true,
    hint: false,
};
pub static WITHOUT_BLOCKS: Symptom = Symptom {
    name: "workers_without_blocks",
    meaning: "No worker of a worker manager (PRB v3), or none without a PRB, has had a new block for \
              `provider_target_stale_after` (1m) although the node has finalized more than \
              `provider_target_stale_blocks` (5) beyond the furthest. Needs the node as a target that this one depends on.",
    advice: "PRB v3: does prb-wm reach its data sources (ds.yml), and what does its log say? Without a PRB: do the pherry \
             containers run, and are they connected to the node that goes on? Restarting workers helps nothing.",
    thresholds: &[
        "prb.thresholds.provider_target_stale_after",
        "prb.thresholds.provider_target_stale_blocks",
    ],
    takes_time: true,
    hint: false,
};
pub static WORKER_LAGGING: Symptom = Symptom {
    name: "worker_lagging",
    meaning: "A worker that follows the chain is more than `worker_lag_blocks` (10, the window for a heartbeat) behind \
              its data provider, in v3 behind the furthest worker: it will turn unresponsive.",
    advice: "Is its machine overloaded or its network slow? If the height does not rise at all, worker_silent_stall \
             follows.",
    thresholds: &["prb.thresholds.worker_lag_blocks"],
    takes_time: false,
    hint: true,
};
pub static WORKER_STALLED: Symptom = Symptom {
    name: "worker_silent_stall",
    meaning: "PRB says that the worker follows the chain, but its block height stands still for `stalled_after` (2m) \
              while the data provider went on by more than `stalled_blocks` (25). Once a worker was active, PRB only \
              logs an error that ends its synchronising.",
    advice: "Restart the worker's lifecycle in PRB (RestartWorker). Does pRuntime answer, and does its log say why it \
             refused a block?",
    thresholds: &["prb.thresholds.stalled_after", "prb.thresholds.stalled_blocks"],
    takes_time: true,
    hint: false,
};
pub(super) static WORKER_ERROR: Symptom = Symptom {
    name: "worker_error",
    meaning: "The worker is in the error state (S_ERROR, in v3 HasError), which it does not leave by itself; in v3 it does \
              when pRuntime answers again, unless the message says `Need Restart Manually` (kind needs_restart).",
    advice: "The message says what failed. Connection refused or unreachable: the machine or the container is down. \
             BlockNumberMismatch, a timeout or `Need Restart Manually`: restart the worker in PRB. Assigned to another \
             pool: a restart is useless, correct the pool.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub(super) static WORKER_KICKED: Symptom = Symptom {
    name: "worker_kicked_left",
    meaning: "The worker was kicked and left so (S_KICKED), which it does not leave by itself.",
    advice: "When pRuntime answers again, restart the worker in PRB (RestartWorker). pRuntime ends with exit code 0: \
             with the container policy on-failure nothing starts it again.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub static WORKER_STUCK_SYNCING: Symptom = Symptom {
    name: "worker_stuck_syncing",
    meaning: "The worker synchronises (S_SYNCHING), but its block height is unknown or has not risen for \
              `stuck_syncing_after` (10m); PRB itself gives up after two minutes of errors.",
    advice: "Restart the worker in PRB once; height -1 after a restart of the node goes away with a restart of the \
             data provider. Does pRuntime answer?",
    thresholds: &["prb.thresholds.stuck_syncing_after"],
    takes_time: true,
    hint: false,
};
pub static WORKER_UNRESPONSIVE: Symptom = Symptom {
    name: "worker_unresponsive",
    meaning: "The chain has the worker's session as unresponsive: it missed a heartbeat and loses V. The chain itself is \
              asked where a `node` is configured, else PRB passes it on; PRB's notice in the message alone is no proof. \
              Never while the network's heartbeats are paused.",
    advice: "Is the worker at the tip, and does its pool's owner account have PHA for fees? It leaves the state with the \
             next challenge that it answers, which may take hours after the cause is gone.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub(super) static WORKER_MISSING: Symptom = Symptom {
    name: "worker_missing_from_runner",
    meaning: "The worker is enabled in the lifecycle's database, but not loaded: changes take effect only when the \
              lifecycle starts.",
    advice: "Restart the lifecycle's container at a quiet moment. A stake below 1 PHA keeps the lifecycle from starting \
             at all: correct it first.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub static QUEUE_STUCK: Symptom = Symptom {
    name: "trade_queue_stuck",
    meaning: "The same transaction has been the next one of a trade queue for `queue_stuck_after` (10m): the trader sends \
              nothing, so workers do not get registered, started or paid, and heartbeats may be missed.",
    advice: "Does the pool's owner account have PHA for fees, and does the trade container run without errors? Restart \
             lifecycle, trade and redis-q together: the queue's content must not outlive the lifecycle.",
    thresholds: &["prb.thresholds.queue_stuck_after"],
    takes_time: true,
    hint: false,
};
pub static WORKERS_CORRELATED: Symptom = Symptom {
    name: "workers_correlated",
    meaning: "More workers of a lifecycle than `correlated_workers` (3) and `correlated_percent` (20) of it fail in the \
              same way, or stand at the same height: one failure of what they share. On 2022-11-12 two blocks stopped \
              every worker at one height, and restarts were useless.",
    advice: "Do not restart workers one by one. Look at what they share: data provider, lifecycle, network, pool owner; \
             and at the chain's own channels when they stand at one height.",
    thresholds: &["prb.thresholds.correlated_workers", "prb.thresholds.correlated_percent"],
    takes_time: false,
    hint: false,
};

pub(super) static WORKER_WRONG_POOL: Symptom = Symptom {
    name: "worker_wrong_pool",
    meaning: "The chain has the worker assigned to another pool than PRB has it in, so PRB cannot start it.",
    advice: "Correct the pool in PRB, or remove the worker from the other pool on the chain (its owner can). Restarting is \
             useless.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub(super) static WORKER_NOT_COMPUTING: Symptom = Symptom {
    name: "worker_not_computing",
    meaning: "The worker is enabled, not meant to follow only, at the tip and bound on the chain, but for \
              `not_computing_after` (1h) it has not begun to compute: registration, benchmark or start are stuck.",
    advice: "Its last message says what it waits for. Has the pool free stake, is the stake within the worker's limits, has \
             the owner PHA for fees, is the trade queue emptied? Restart the worker in PRB only after that.",
    thresholds: &["prb.thresholds.not_computing_after"],
    takes_time: true,
    hint: false,
};
pub static WORKER_SETTLED_LONG_AGO: Symptom = Symptom {
    name: "worker_settled_long_ago",
    meaning: "The worker computes, but its V was not settled for `settled_long_ago_after` (12h): it earns nothing that \
              counts. A worker is asked at most twice an hour, on a large network much more rarely. Never while the \
              network's heartbeats are paused.",
    advice: "Does its height rise, are its messages getting on the chain (fees, trade queue)? If many farms see it, the \
             gatekeepers are at fault: wait. If yours always sees it, the network has grown: raise the threshold.",
    thresholds: &["prb.thresholds.settled_long_ago_after"],
    takes_time: false,
    hint: false,
};
pub(super) static OPERATOR_GAS_LOW: Symptom = Symptom {
    name: "operator_gas_low",
    meaning: "The owner of a pool has less than `operator_gas_below_pha` (2) PHA free on the chain: what PRB sends for its \
              workers will soon be refused. The threshold is that of the official solo scripts.",
    advice: "Send PHA to the account that is named. If PRB pays by a proxy account of the owner, that one is not seen: \
             watch it yourself, and set the threshold to 0.",
    thresholds: &["prb.thresholds.operator_gas_below_pha"],
    takes_time: false,
    hint: false,
};

pub(super) const SYMPTOMS: &[&Symptom] = &[
    &PEER_DOWN,
    &PROVIDER_LAG,
    &TARGET_STALE,
    &WORKER_LAGGING,
    &WORKER_STALLED,
    &WORKER_ERROR,
    &WORKER_KICKED,
    &WORKER_STUCK_SYNCING,
    &WORKER_UNRESPONSIVE,
    &WORKER_WRONG_POOL,
    &WORKER_NOT_COMPUTING,
    &WORKER_SETTLED_LONG_AGO,
    &OPERATOR_GAS_LOW,
    &WORKER_MISSING,
    &WORKERS_CORRELATED,
    &QUEUE_STUCK,
    &runtime::DOWN,
    &runtime::NOT_ASKED,
    &runtime::UNREGISTERED,
    &runtime::PENDING_MESSAGES,
    &runtime::SAFE_MODE,
    &runtime::DEV_MODE,
];
