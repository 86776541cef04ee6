//! The methods of data providers and lifecycles.

use serde_json::{Map, Value};

use super::{
    peers::{self, Outcome},
    settings::{Lifecycle, Trouble},
    state::State,
    workers::{self, Style},
};

/// Every method the monitor knows; any other fails inside of it, before a peer is asked.
const METHODS: &[&str] = &[
    "Auth",
    "CreatePool",
    "CreateWorker",
    "GetBlobByKey",
    "GetBlobWithToken",
    "GetDataProviderInfo",
    "GetWorkerStatus",
    "Hello",
    "KickWorker",
    "ListPool",
    "ListWorker",
    "RefreshRaAndRestartWorker",
    "RestartWorker",
    "UpdatePool",
    "UpdateWorker",
    "WantBlob",
];

type Body = Map<String, Value>;

/// What the monitor refuses before it looks for the peer's answer.
pub(super) fn refused(method: &str, body: &Body) -> Option<Outcome> {
    if !METHODS.contains(&method) {
        return Some(Outcome::Monitor(serde_json::json!({})));
    }
    let no_text = |value: &Value| !value.is_string();
    let ids = body.get("ids").and_then(Value::as_array);
    if ids.is_some_and(|ids| ids.iter().any(no_text)) {
        return Some(Outcome::Monitor(serde_json::json!({"code": "ERR_INVALID_ARG_TYPE"})));
    }
    None
}

/// What the peer at `name` answers.
pub(super) fn answer(state: &mut State, name: &str, method: &str, body: &Body) -> Outcome {
    let settings = &state.settings;
    let mut providers = settings.data_providers.iter();
    if let Some(provider) = providers.find(|provider| provider.peer.name == name) {
        return match method {
            "Hello" => peers::hello(settings, &provider.peer, "WR_DATA_PROVIDER_INT"),
            "GetDataProviderInfo" => peers::provider_info(provider, state.progress(provider)),
            "GetBlobByKey" => peers::blob(provider, body.get("key").and_then(Value::as_str).unwrap_or_default()),
            _ => Outcome::not_implemented(),
        };
    }
    let mut lifecycles = settings.lifecycles.iter();
    let Some(lifecycle) = lifecycles.find(|lifecycle| lifecycle.peer.name == name) else {
        return Outcome::aggregate_error(None);
    };
    let fleet = &lifecycle.fleet;
    match method {
        "Hello" => peers::hello(settings, &lifecycle.peer, "WR_LIFECYCLE_MANAGER"),
        "ListWorker" => Outcome::data(
            "workers",
            (0..fleet.workers).map(|index| workers::row(fleet, index)).collect(),
        ),
        "ListPool" => Outcome::data("pools", fleet.pids().map(workers::pool).collect()),
        "GetWorkerStatus" => status(state, lifecycle, body),
        "RestartWorker" | "RefreshRaAndRestartWorker" => control(state, &lifecycle.clone(), body, false),
        "KickWorker" => control(state, &lifecycle.clone(), body, true),
        _ => Outcome::not_implemented(),
    }
}

fn style(state: &State) -> Style {
    Style {
        spelling: state.settings.spelling,
        zone_hours: state.settings.zone_hours,
    }
}

/// The state of one loaded worker.
fn one(state: &State, lifecycle: &Lifecycle, index: u32) -> Option<Value> {
    let memory = state.memory(&lifecycle.peer.name)?;
    let worker = lifecycle.fleet.worker(index, memory, state.tip(&lifecycle.peer));
    Some(workers::state(&lifecycle.fleet, index, &worker, style(state)))
}

fn status(state: &State, lifecycle: &Lifecycle, body: &Body) -> Outcome {
    let ids = ids(body);
    let indexes = match found(lifecycle, &ids) {
        Ok(indexes) => indexes,
        Err(outcome) => return outcome,
    };
    match lifecycle.peer.trouble {
        Trouble::Starting => return Outcome::undefined("workers"),
        Trouble::NoRunners => return Outcome::data("workerStates", Vec::new()),
        _ => (),
    }
    let fleet = &lifecycle.fleet;
    if ids.is_empty() {
        let all = (0..fleet.loaded()).filter_map(|index| one(state, lifecycle, index));
        return Outcome::data("workerStates", all.collect());
    }
    if !indexes.iter().all(|index| fleet.is_loaded(*index)) {
        return Outcome::undefined("status");
    }
    let asked = indexes.into_iter().filter_map(|index| one(state, lifecycle, index));
    Outcome::data("workerStates", asked.collect())
}

/// Restarts or kicks; answers with the states before it.
fn control(state: &mut State, lifecycle: &Lifecycle, body: &Body, kick: bool) -> Outcome {
    let indexes = match found(lifecycle, &ids(body)) {
        Ok(indexes) => indexes,
        Err(outcome) => return outcome,
    };
    match lifecycle.peer.trouble {
        Trouble::Starting | Trouble::NoRunners if !indexes.is_empty() => return Outcome::undefined("workers"),
        _ => (),
    }
    let tip = state.tip(&lifecycle.peer);
    let mut before = Vec::new();
    for index in indexes {
        // Halfway: the workers before this one have been acted on.
        if !lifecycle.fleet.is_loaded(index) {
            return Outcome::undefined("runner");
        }
        before.extend(one(state, lifecycle, index));
        if let Some(memory) = state.memory_mut(&lifecycle.peer.name) {
            if kick {
                memory.kick(&lifecycle.fleet, index, tip);
            } else {
                memory.restart(&lifecycle.fleet, index, tip);
            }
        }
    }
    Outcome::data("workerStates", before)
}

/// The ids in a request; a text instead of a list counts as a list of its characters.
fn ids(body: &Body) -> Vec<String> {
    match body.get("ids") {
        Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => text.chars().map(String::from).collect(),
        _ => Vec::new(),
    }
}

/// The workers of these ids, or that the first one that is not in the database is not there.
fn found(lifecycle: &Lifecycle, ids: &[String]) -> Result<Vec<u32>, Outcome> {
    let fleet = &lifecycle.fleet;
    let index = |id: &String| {
        (0..fleet.workers)
            .find(|index| workers::uuid(fleet, *index) == *id)
            .ok_or_else(|| Outcome::not_found(id))
    };
    ids.iter().map(index).collect()
}
