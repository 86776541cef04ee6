//! Workers and pools in PRB v2's words.

use serde_json::{Map, Value, json};

use crate::phala::{
    fleet::{Fleet, Phase, Worker},
    identity::{self, SS58_PHALA, SS58_POLKADOT},
    merge::merge,
    session::Spelling,
    text,
};

/// 10 PHA.
const STAKE: &str = "10000000000000";

/// How texts of a release look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) spelling: Spelling,
    pub(crate) zone_hours: i8,
}

/// The UUID of a worker, as the database has it.
pub(crate) fn uuid(fleet: &Fleet, index: u32) -> String {
    let name = fleet.name(index);
    let row = fleet.rows.get(&name).and_then(|patch| patch.get("uuid"));
    row.and_then(Value::as_str)
        .map_or_else(|| identity::uuid(&name), str::to_owned)
}

fn original(fleet: &Fleet, index: u32) -> Value {
    let name = fleet.name(index);
    json!({
        "uuid": identity::uuid(&name),
        "pid": fleet.pid(index).to_string(),
        "name": name,
        "endpoint": format!("http://{name}:8000"),
        "enabled": fleet.is_loaded(index),
        "deleted": false,
        "stake": STAKE,
        "syncOnly": false,
    })
}

/// A row of the database.
pub(crate) fn row(fleet: &Fleet, index: u32) -> Value {
    let mut row = original(fleet, index);
    if let Some(patch) = fleet.rows.get(&fleet.name(index)) {
        merge(&mut row, patch);
    }
    row
}

pub(crate) fn pool(pid: u64) -> Value {
    let owner = identity::operator_account(pid);
    json!({
        "uuid": identity::uuid(&format!("pool {pid}")),
        "owner": {
            // Encrypted to a key that nobody has.
            "polkadotJson": identity::hex(&identity::public_key(&format!("keystore {pid}"))).repeat(20),
            "ss58Phala": identity::ss58(SS58_PHALA, &owner),
            "ss58Polkadot": identity::ss58(SS58_POLKADOT, &owner),
        },
        "pid": pid.to_string(),
        "name": pid.to_string(),
        "enabled": true,
        "deleted": false,
        "realPhalaSs58": "",
        "syncOnly": false,
    })
}

/// A `WorkerState`.
pub(crate) fn state(fleet: &Fleet, index: u32, worker: &Worker, style: Style) -> Value {
    let mut state = Map::new();
    let mut put = |name: &str, value: Value| state.insert(name.to_owned(), value);
    let old = style.spelling == Spelling::Old;
    put("status", json!(status(worker.phase, style.spelling)));
    if let Some(heights) = worker.heights {
        put("parentHeaderSynchedTo", json!(heights.relay));
        put("paraHeaderSynchedTo", json!(heights.para));
        put("paraBlockDispatchedTo", json!(heights.para));
    }
    put("worker", original(fleet, index));
    put("lastMessage", json!(last_message(worker, style)));
    if worker.known {
        put("initialized", json!(true));
        put("publicKey", json!(identity::hex(&identity::public_key(&worker.name))));
        let account = if fleet.unbound.contains(&worker.name) {
            identity::NO_ACCOUNT
        } else {
            identity::session_account(&worker.name)
        };
        let name = if old { "minerAccountId" } else { "workerAccountId" };
        put(name, json!(identity::ss58(SS58_PHALA, &account)));
    }
    let name = if old { "minerInfoJson" } else { "sessionInfoJson" };
    put(name, json!(session_info(fleet, worker, style.spelling)));
    let mut state = Value::Object(state);
    merge(&mut state, &fleet.all);
    if let Some(patch) = fleet.states.get(&worker.name) {
        merge(&mut state, patch);
    }
    state
}

fn status(phase: Phase, spelling: Spelling) -> &'static str {
    match (phase, spelling) {
        (Phase::Starting, _) => "S_STARTING",
        (Phase::Syncing, _) => "S_SYNCHING",
        (Phase::Synced, _) => "S_SYNCHED",
        (Phase::PreActive, Spelling::New) => "S_PRE_ACTIVE",
        (Phase::PreActive, Spelling::Old) => "S_PRE_MINING",
        (Phase::Active, Spelling::New) => "S_ACTIVE",
        (Phase::Active, Spelling::Old) => "S_MINING",
        (Phase::Kicked, _) => "S_KICKED",
        (Phase::Error, _) => "S_ERROR",
    }
}

fn last_message(worker: &Worker, style: Style) -> String {
    match style.spelling {
        Spelling::New => format!(
            "[{}] {}",
            text::iso8601(worker.message_ms, style.zone_hours),
            worker.message
        ),
        Spelling::Old => {
            let words = worker.message.replace("should be active", "should be mining");
            let words = words.replace("S_ACTIVE", "S_MINING");
            format!("{} - {words}", worker.message_ms)
        }
    }
}

/// JSON text, indented by two spaces.
fn session_info(fleet: &Fleet, worker: &Worker, spelling: Spelling) -> String {
    let mut members = worker
        .session
        .as_ref()
        .map_or_else(Map::new, |session| session.for_people(spelling));
    // Before mid-2022 the text had nothing of pRuntime's.
    if spelling == Spelling::New {
        let info = if worker.info { runtime_info(worker) } else { json!({}) };
        members.insert("runtimeInfo".to_owned(), info);
    }
    let mut value = Value::Object(members);
    if let Some(patch) = fleet.sessions.get(&worker.name) {
        merge(&mut value, patch);
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// pRuntime's last `GetInfo`; its numbers are the next expected ones.
fn runtime_info(worker: &Worker) -> Value {
    let next = |height: fn(&Worker) -> Option<i64>| height(worker).map_or(1, |height| height.max(0) + 1);
    let relay = next(|worker| worker.heights.map(|heights| heights.relay));
    let para = next(|worker| worker.heights.map(|heights| heights.para));
    let key = identity::hex(&identity::public_key(&worker.name));
    let ecdh = identity::hex(&identity::public_key(&format!("ecdh {}", worker.name)));
    let gatekeeper = json!({"role": "None", "masterPublicKey": ""});
    json!({
        "initialized": true,
        "registered": true,
        "headernum": relay,
        "paraHeadernum": para,
        "blocknum": para,
        "stateRoot": "ef".repeat(32),
        "devMode": false,
        "pendingMessages": 0,
        "score": 1650,
        "gatekeeper": gatekeeper,
        "version": "0.2.3",
        "gitRevision": "b36ba0ad2dd5",
        "memoryUsage": {"rustUsed": 49_283_072, "rustPeakUsed": 188_743_680, "totalPeakUsed": 281_018_368},
        "waitingForParaheaders": false,
        "system": {
            "registered": true,
            "publicKey": key,
            "ecdhPublicKey": ecdh,
            "gatekeeper": gatekeeper,
            "numberOfClusters": 0,
            "numberOfContracts": 0,
            "consensusVersion": 0,
            "maxSupportedConsensusVersion": 1,
        },
        "genesisBlockHash": "0a15d23307d533d61f5f4a8a5b6a2d3c3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b",
        "publicKey": key,
        "ecdhPublicKey": ecdh,
    })
}
