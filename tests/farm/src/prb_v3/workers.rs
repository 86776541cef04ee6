//! Workers, transactions and pools in the words of `prb-wm`.

use serde_json::{Value, json};

use super::settings::{Build, Settings};
use crate::{
    clock::unix_ms,
    phala::{
        fleet::{Phase, Worker},
        identity,
        merge::merge,
        phactory,
        session::{Session, Spelling},
        text,
    },
};

/// What stands around a number that serde writes bare, although it is too large for a JSON value in memory.
const BARE: &str = "\"@u128:";

/// 10 PHA.
const STAKE: &str = "10000000000000";

fn bare(number: u128) -> Value {
    json!(format!("@u128:{number}"))
}

/// The text of a value, with its numbers of 128 bit.
pub(super) fn written(value: &Value) -> String {
    let text = value.to_string();
    let mut parts = text.split(BARE);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str(number);
        out.push_str(rest);
    }
    out
}

pub(super) fn row(settings: &Settings, index: u32) -> Value {
    let fleet = &settings.fleet;
    let name = fleet.name(index);
    let mut row = json!({
        "id": identity::uuid(&name),
        "name": name,
        "endpoint": format!("http://{name}:8000/"),
        "stake": STAKE,
        "pid": fleet.pid(index),
        "enabled": fleet.is_loaded(index),
        "sync_only": false,
        "gatekeeper": false,
    });
    if let Some(patch) = fleet.rows.get(&name) {
        merge(&mut row, patch);
    }
    row
}

/// A `WorkerStatus`; `restarting` stands before what the fleet knows of it.
pub(super) fn status(settings: &Settings, index: u32, worker: &Worker, restarting: bool) -> Value {
    let fleet = &settings.fleet;
    let info = worker.info.then(|| {
        let heights = worker.heights.filter(|heights| heights.para >= 0);
        phactory::info(&worker.name, heights, settings.pruntime, unix_ms())
    });
    let mut session = json!(worker.session.as_ref().map(session_info));
    if let Some(patch) = fleet.sessions.get(&worker.name) {
        merge(&mut session, patch);
    }
    let mut status = json!({
        "worker": row(settings, index),
        "state": if restarting { json!("Restarting") } else { state(settings, index, worker) },
        "phactory_info": info,
        "last_message": last_message(settings.build, worker),
        "session_info": session,
    });
    merge(&mut status, &fleet.all);
    if let Some(patch) = fleet.states.get(&worker.name) {
        merge(&mut status, patch);
    }
    status
}

fn state(settings: &Settings, index: u32, worker: &Worker) -> Value {
    if !settings.fleet.is_loaded(index) {
        return json!("Disabled");
    }
    match worker.phase {
        Phase::Starting => json!("Starting"),
        Phase::Syncing => json!("Synchronizing"),
        Phase::PreActive => json!("Preparing"),
        Phase::Active | Phase::Synced | Phase::Kicked => json!("Working"),
        Phase::Error => json!({"HasError": worker.message}),
    }
}

fn last_message(build: Build, worker: &Worker) -> String {
    let words = match worker.phase {
        Phase::Starting => "Starting",
        Phase::Active => "Working now.",
        _ => &worker.message,
    };
    let time = match build {
        Build::Y2023 => text::with_micros(worker.message_ms),
        Build::Y2024 => text::month_day(worker.message_ms),
    };
    format!("[{time}] {words}")
}

fn session_info(session: &Session) -> Value {
    json!({
        "state": session.state.name(Spelling::New),
        "ve": bare(session.ve),
        "v": bare(session.v),
        "v_updated_at": session.v_updated_at,
        "benchmark": {
            "p_init": session.p_init,
            "p_instant": session.p_instant,
            "iterations": session.iterations,
            "working_start_time": session.working_start_time,
            "challenge_time_last": session.challenge_time_last,
        },
        "cool_down_start": session.cool_down_start,
        "stats": {"total_reward": bare(session.total_reward)},
    })
}

/// `/tx/status`.
pub(super) fn transactions(settings: &Settings) -> Value {
    let total = settings.succeeded_txs + settings.failed_txs + settings.pending_txs + settings.running_txs;
    let at = text::iso8601(1_710_000_000_000, 0).replace("+00:00", "Z");
    let tx = |number: u64, state: Value| {
        json!({
            "id": number, "state": state, "desc": format!("Sync offchain message to chain for worker #{number}."),
            "pid": settings.fleet.first_pid, "created_at": at,
        })
    };
    // The numbers go on from list to list; the past is newest first.
    let past_end = settings.succeeded_txs + settings.failed_txs;
    let past = (0..past_end).rev().map(|number| {
        let state = if number < settings.succeeded_txs {
            json!({"Success": {"updated_at": at}})
        } else {
            json!({"Error": {"updated_at": at, "message": settings.tx_error}})
        };
        tx(number, state)
    });
    let running_end = past_end + settings.running_txs;
    let running = (past_end..running_end).map(|number| tx(number, json!("Running")));
    let pending = (running_end..total).map(|number| tx(number, json!("Pending")));
    json!({
        "tx_count": total,
        "running_txs": running.collect::<Vec<_>>(),
        "pending_txs": pending.collect::<Vec<_>>(),
        "past_txs": past.collect::<Vec<_>>(),
    })
}

pub(super) fn pool(settings: &Settings, pid: u64, with_workers: bool) -> Value {
    let fleet = &settings.fleet;
    let workers = (0..fleet.workers).filter(|index| fleet.pid(*index) == pid);
    let workers: Vec<Value> = workers.map(|index| row(settings, index)).collect();
    json!({
        "id": identity::uuid(&format!("pool {pid}")),
        "name": format!("p{pid}"),
        "pid": pid,
        "enabled": true,
        "sync_only": false,
        "workers": with_workers.then_some(workers),
    })
}

pub(super) fn operator(pid: u64) -> Value {
    let account = identity::ss58(identity::SS58_PHALA, &identity::operator_account(pid));
    json!({"pid": pid, "operator_account_id": account, "proxied_account_id": null})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_128_bit_are_written_bare() {
        let value = json!({"a": bare(u128::MAX), "b": [bare(1)]});
        let expected = "{\"a\":340282366920938463463374607431768211455,\"b\":[1]}";
        assert_eq!(written(&value), expected);
    }
}
