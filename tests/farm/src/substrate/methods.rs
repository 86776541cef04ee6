//! The methods of a node and their results in good health.

use serde_json::{Map, Value, json};

use super::{chain, rpc::RpcError, state::State};

/// Storage key of `Timestamp.Now`: twox128("Timestamp") and twox128("Now").
const TIMESTAMP_NOW: &str = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";

/// Peers are made up as far as this, whatever `peers` says.
const MOST_PEERS: u64 = 1000;

/// Used to date older blocks when the chain does not grow by itself: the parachains' nominal block time.
const NOMINAL_BLOCK_MS: u64 = 12_000;

const METHODS: &[&str] = &[
    "chain_getBlockHash",
    "chain_getFinalizedHead",
    "chain_getHeader",
    "chain_subscribeFinalizedHeads",
    "chain_subscribeNewHeads",
    "chain_unsubscribeFinalizedHeads",
    "chain_unsubscribeNewHeads",
    "rpc_methods",
    "state_getMetadata",
    "state_getRuntimeVersion",
    "state_getStorage",
    "state_queryStorageAt",
    "system_accountNextIndex",
    "system_chain",
    "system_chainType",
    "system_health",
    "system_localPeerId",
    "system_name",
    "system_nodeRoles",
    "system_peers",
    "system_properties",
    "system_syncState",
    "system_version",
];

type Outcome = Result<Value, RpcError>;

pub(super) fn call(state: &State, method: &str, params: &Value) -> Outcome {
    let settings = &state.settings;
    Ok(match method {
        "system_health" => json!({
            "peers": settings.peers,
            "isSyncing": settings.syncing,
            "shouldHavePeers": settings.should_have_peers,
        }),
        "system_syncState" => sync_state(state),
        "system_version" => json!(settings.version),
        "system_name" => json!(settings.name),
        "system_chain" => json!(settings.chain),
        "system_chainType" => json!(settings.chain_type),
        "system_properties" => settings.properties.clone(),
        "system_localPeerId" => json!(settings.local_peer_id),
        "system_nodeRoles" => json!(settings.roles),
        "system_peers" if settings.unsafe_rpc => peers(state),
        "system_peers" => return Err(RpcError::unsafe_call()),
        "system_accountNextIndex" => {
            let address = params
                .get(0)
                .and_then(Value::as_str)
                .ok_or_else(RpcError::invalid_params)?;
            json!(settings.nonces.get(address).copied().unwrap_or(0))
        }
        "chain_getHeader" => match optional(params, 0)? {
            None => header(state, settings.best),
            Some(hash) => state.height(hash).map_or(Value::Null, |height| header(state, height)),
        },
        "chain_getFinalizedHead" => json!(state.hash(settings.finalized)),
        "chain_getBlockHash" => return block_hash(state, params),
        "state_getRuntimeVersion" => settings.runtime.clone(),
        "state_getMetadata" => json!(settings.metadata),
        "state_getStorage" => return storage(state, params),
        "state_queryStorageAt" => return storage_of_many(state, params),
        "pha_getStorageChangesAt" if settings.pha => json!({"mainStorageChanges": [], "childStorageChanges": []}),
        "pha_getMqNextSequence" if settings.pha => json!(0),
        "rpc_methods" => json!({"methods": METHODS}),
        _ => return Err(RpcError::method_not_found()),
    })
}

fn sync_state(state: &State) -> Value {
    let mut answer = Map::new();
    answer.insert("startingBlock".to_owned(), json!(state.settings.starting));
    answer.insert("currentBlock".to_owned(), json!(state.settings.best));
    if let Some(highest) = state.highest() {
        answer.insert("highestBlock".to_owned(), json!(highest));
    }
    Value::Object(answer)
}

/// A header; the roots are other hashes of the same height, the digest is Aura's slot.
pub(super) fn header(state: &State, height: u64) -> Value {
    let seed = state.settings.seed;
    let parent = height
        .checked_sub(1)
        .map_or_else(|| format!("0x{:064}", 0), |parent| state.hash(parent));
    let slot = chain::hex(&height.to_le_bytes());
    json!({
        "parentHash": parent,
        "number": format!("{height:#x}"),
        "stateRoot": chain::hash(!seed, height),
        "extrinsicsRoot": chain::hash(seed.rotate_left(32) ^ 1, height),
        "digest": {"logs": [format!("0x066175726120{}", slot.trim_start_matches("0x"))]},
    })
}

fn peers(state: &State) -> Value {
    let settings = &state.settings;
    if let Some(list) = &settings.peer_list {
        return json!(list);
    }
    let best = state.highest().unwrap_or(settings.best);
    let peer = |number: u64| {
        json!({
            "peerId": format!("12D3KooWSimu1atedFarmPeer{number:028}"),
            "roles": "FULL",
            "bestHash": state.hash(best),
            "bestNumber": best,
        })
    };
    (0..settings.peers.min(MOST_PEERS)).map(peer).collect()
}

fn block_hash(state: &State, params: &Value) -> Outcome {
    let hash = |height: u64| {
        if height <= state.settings.best {
            json!(state.hash(height))
        } else {
            Value::Null
        }
    };
    let by = |number: &Value| number_of(number).map(hash).ok_or_else(RpcError::invalid_params);
    match params.get(0) {
        None | Some(Value::Null) => Ok(hash(state.settings.best)),
        Some(Value::Array(numbers)) => numbers.iter().map(by).collect(),
        Some(number) => by(number),
    }
}

/// Nodes take a height as a number and as hex.
fn number_of(value: &Value) -> Option<u64> {
    let hex = || u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok();
    value.as_u64().or_else(hex)
}

fn storage(state: &State, params: &Value) -> Outcome {
    let settings = &state.settings;
    let key = optional(params, 0)?
        .filter(|key| chain::is_hex(key))
        .ok_or_else(RpcError::invalid_params)?;
    let height = match optional(params, 1)? {
        None => settings.best,
        Some(hash) => state.height(hash).ok_or_else(|| {
            // What sc-rpc says of a block it does not have; the code is that of its state module.
            let words = format!("Client error: UnknownBlock: Header was not found in the database: {hash}");
            RpcError::new(4003, words)
        })?,
    };
    let key = key.to_ascii_lowercase();
    if let Some(value) = settings.storage.get(&key) {
        return Ok(json!(value));
    }
    if key != TIMESTAMP_NOW || height == 0 {
        return Ok(Value::Null);
    }
    let period = if settings.block_time_ms == 0 {
        NOMINAL_BLOCK_MS
    } else {
        settings.block_time_ms
    };
    let age = settings.best.saturating_sub(height).saturating_mul(period);
    let timestamp = settings.head_timestamp_ms.saturating_sub(age);
    Ok(json!(chain::hex(&timestamp.to_le_bytes())))
}

/// One change set with every key that was asked for.
fn storage_of_many(state: &State, params: &Value) -> Outcome {
    let keys = params.get(0).and_then(Value::as_array);
    let keys = keys.ok_or_else(RpcError::invalid_params)?;
    let at = params.get(1).cloned().unwrap_or_default();
    let change = |key: &Value| {
        let value = storage(state, &json!([key, at]))?;
        Ok(json!([key.as_str().unwrap_or_default().to_ascii_lowercase(), value]))
    };
    let changes: Vec<Value> = keys.iter().map(change).collect::<Result<_, RpcError>>()?;
    let block = optional(params, 1)?.map_or_else(|| state.hash(state.settings.best), str::to_owned);
    Ok(json!([{"block": block, "changes": changes}]))
}

fn optional(params: &Value, at: usize) -> Result<Option<&str>, RpcError> {
    match params.get(at) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(RpcError::invalid_params),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(patch: &Value) -> State {
        let mut state = State::new();
        state
            .patch(&json!({"block_time_ms": 0, "best": 258, "finalized": 256}))
            .unwrap();
        state.patch(patch).unwrap();
        state
    }

    #[test]
    fn the_finalized_header_is_found_by_its_hash() {
        let state = state(&json!({}));
        let hash = call(&state, "chain_getFinalizedHead", &json!([])).unwrap();
        let header = call(&state, "chain_getHeader", &json!([hash])).unwrap();
        assert_eq!(header["number"], "0x100");
        let child = call(&state, "chain_getBlockHash", &json!([257])).unwrap();
        let child = call(&state, "chain_getHeader", &json!([child])).unwrap();
        assert_eq!(child["parentHash"], hash);
        assert_eq!(
            call(&state, "chain_getHeader", &json!([chain::hash(9, 1)])),
            Ok(Value::Null)
        );
        assert_eq!(
            call(&state, "chain_getHeader", &json!([1])),
            Err(RpcError::invalid_params())
        );
    }

    #[test]
    fn the_age_of_the_head_is_little_endian_milliseconds() {
        let state = state(&json!({"head_timestamp_ms": 1_700_000_000_000_u64}));
        let answer = call(&state, "state_getStorage", &json!([TIMESTAMP_NOW])).unwrap();
        assert_eq!(answer, "0x0068e5cf8b010000");
        let older = call(&state, "state_getStorage", &json!([TIMESTAMP_NOW, state.hash(257)])).unwrap();
        assert_eq!(older, chain::hex(&(1_700_000_000_000_u64 - 12_000).to_le_bytes()));
        let unknown = call(&state, "state_getStorage", &json!([TIMESTAMP_NOW, chain::hash(9, 1)])).unwrap_err();
        assert_eq!(
            unknown,
            RpcError::new(
                4003,
                format!(
                    "Client error: UnknownBlock: Header was not found in the database: {}",
                    chain::hash(9, 1)
                )
            )
        );
    }

    #[test]
    fn raw_storage_is_as_set_and_else_null() {
        let state = state(&json!({"storage": {"0x01": "0xff", TIMESTAMP_NOW: null}}));
        let get = |key: &str| call(&state, "state_getStorage", &json!([key]));
        assert_eq!(get("0x01"), Ok(json!("0xff")));
        assert_eq!(get("0x02"), Ok(Value::Null));
        assert_eq!(get(TIMESTAMP_NOW), Ok(Value::Null));
        assert_eq!(get("01"), Err(RpcError::invalid_params()));
    }

    #[test]
    fn many_keys_are_answered_in_one_set_of_changes() {
        let state = state(&json!({"storage": {"0x01": "0xff"}}));
        let ask = |params: Value| call(&state, "state_queryStorageAt", &params);
        let expected = json!([{"block": state.hash(258), "changes": [["0x01", "0xff"], ["0x0a", null]]}]);
        assert_eq!(ask(json!([["0x01", "0x0A"]])), Ok(expected));
        let expected = json!([{"block": state.hash(256), "changes": []}]);
        assert_eq!(ask(json!([[], state.hash(256)])), Ok(expected));
        assert_eq!(ask(json!(["0x01"])), Err(RpcError::invalid_params()));
        assert_eq!(ask(json!([["01"]])), Err(RpcError::invalid_params()));
    }

    #[test]
    fn the_genesis_hash_is_as_set() {
        let genesis = format!("0x{}", "ab".repeat(32));
        let state = state(&json!({"genesis_hash": genesis}));
        assert_eq!(call(&state, "chain_getBlockHash", &json!([0])), Ok(json!(genesis)));
        assert_eq!(
            call(&state, "chain_getBlockHash", &json!([[0, "0x0"]])),
            Ok(json!([genesis, genesis]))
        );
        assert_eq!(call(&state, "chain_getBlockHash", &json!([259])), Ok(Value::Null));
        let header = call(&state, "chain_getHeader", &json!([genesis])).unwrap();
        assert_eq!(header["number"], "0x0");
    }

    #[test]
    fn peers_are_told_only_when_unsafe_calls_are_allowed() {
        assert_eq!(
            call(&state(&json!({})), "system_peers", &json!([])),
            Err(RpcError::unsafe_call())
        );
        let open = state(&json!({"unsafe_rpc": true, "peers": 2}));
        let list = call(&open, "system_peers", &json!([])).unwrap();
        assert_eq!(
            (list.as_array().unwrap().len(), list[1]["bestNumber"].as_u64()),
            (2, Some(258))
        );
    }

    #[test]
    fn highest_block_can_be_left_out() {
        let unknown = state(&json!({"highest": null}));
        let answer = call(&unknown, "system_syncState", &json!([])).unwrap();
        assert_eq!(answer, json!({"startingBlock": 900, "currentBlock": 258}));
    }
}
