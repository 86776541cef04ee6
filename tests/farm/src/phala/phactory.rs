//! pRuntime's `PhactoryInfo` as JSON with the names of the protocol, as pRuntime and PRB v3 show it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{fleet::Tip, identity};

/// Which releases a pRuntime is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Generation {
    /// `/get_info` and nothing else that can be read.
    #[serde(rename = "0.2")]
    V0_2,
    /// From September 2022: also `/info`.
    #[serde(rename = "2.0")]
    V2_0,
    /// From March 2023: also pRPC with GET and in JSON.
    #[serde(rename = "2.2")]
    V2_2,
}

impl Generation {
    fn version(self) -> &'static str {
        match self {
            Self::V0_2 => "0.2.5",
            Self::V2_0 => "2.0.1",
            Self::V2_2 => "2.2.1",
        }
    }
}

/// Everything that `info` holds for a worker of this name, synced to `synced` (numbers are the next expected ones).
/// Without `synced` it is not initialized.
pub fn info(name: &str, synced: Option<Tip>, generation: Generation, block_time_ms: u64) -> Value {
    let mut members = common(name, synced, generation);
    let gatekeeper = json!({"role": 0, "master_public_key": ""});
    let key = key(name, synced);
    let system = synced.map(|_| {
        json!({
            "registered": true, "public_key": key, "ecdh_public_key": ecdh(name, synced), "gatekeeper": gatekeeper,
            "number_of_clusters": 0, "number_of_contracts": 0, "max_supported_consensus_version": 1,
            "genesis_block": 0,
        })
    });
    members.insert("waiting_for_paraheaders".to_owned(), json!(false));
    members.insert("system".to_owned(), json!(system));
    if generation >= Generation::V2_2 {
        members.extend([
            ("can_load_chain_state".to_owned(), json!(synced.is_none())),
            ("safe_mode_level".to_owned(), json!(0)),
            ("current_block_time".to_owned(), json!(block_time_ms)),
            ("max_supported_pink_runtime_version".to_owned(), json!("1.2")),
            ("supported_attestation_methods".to_owned(), json!(["epid", "dcap"])),
            ("live_sidevm_instances".to_owned(), json!(0)),
            ("query_timeout".to_owned(), json!(10)),
        ]);
    }
    Value::Object(members)
}

/// What the payload of `/get_info` holds.
pub fn get_info(name: &str, synced: Option<Tip>, generation: Generation) -> Value {
    let mut members = common(name, synced, generation);
    if generation == Generation::V0_2 {
        let machine = identity::hex(&identity::public_key(&format!("machine {name}")));
        members.insert("machine_id".to_owned(), json!(machine.get(..32)));
        members.insert("running_side_tasks".to_owned(), json!(0));
    }
    Value::Object(members)
}

fn key(name: &str, synced: Option<Tip>) -> Option<String> {
    synced.map(|_| identity::hex(&identity::public_key(name)))
}

fn ecdh(name: &str, synced: Option<Tip>) -> Option<String> {
    synced.map(|_| identity::hex(&identity::public_key(&format!("ecdh {name}"))))
}

fn common(name: &str, synced: Option<Tip>, generation: Generation) -> Map<String, Value> {
    let mut memory = json!({
        "rust_used": 73_400_320, "rust_peak_used": 104_857_600, "total_peak_used": 536_870_912,
    });
    if let (true, Some(memory)) = (generation >= Generation::V2_2, memory.as_object_mut()) {
        memory.insert("free".to_owned(), json!(0));
        memory.insert("rust_spike".to_owned(), json!(52_428_800));
    }
    let next = |height: Option<i64>| height.map_or(0, |height| height + 1);
    let para = next(synced.map(|synced| synced.para));
    let genesis = synced.map(|_| "b1".repeat(32));
    let info = json!({
        "initialized": synced.is_some(),
        "registered": synced.is_some(),
        "genesis_block_hash": genesis,
        "public_key": key(name, synced),
        "ecdh_public_key": ecdh(name, synced),
        "headernum": next(synced.map(|synced| synced.relay)),
        "para_headernum": para,
        "blocknum": para,
        "state_root": "9f".repeat(32),
        "dev_mode": false,
        "pending_messages": 0,
        "score": 1510,
        "gatekeeper": {"role": 0, "master_public_key": ""},
        "version": generation.version(),
        "git_revision": "c46c4f6-2023-11-24",
        "memory_usage": memory,
    });
    match info {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
