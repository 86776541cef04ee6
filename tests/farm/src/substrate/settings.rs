//! Everything that can be set about a node: one struct is its settings, the patch and the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chain;
use crate::{
    clock::unix_ms,
    wire::{Dials, Incident},
};

/// Incidents only a chain node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// Answers, but has no more blocks; the network goes on.
    Stuck,
    /// The chain fell back by `fall` blocks when this was set, and grows from there.
    Backwards,
    /// Good envelopes with results of another type, see [`Wrong`].
    WrongTypes,
    /// The methods in `missing` do not exist.
    NoMethod,
    /// Every call fails with -32603 and `error_message`.
    RpcError,
    /// HTTP requests get 426, as if this were an old node's WebSocket port.
    WsOnly,
    /// Handshakes get 405, as if this were an old node's HTTP port.
    HttpOnly,
}

/// How `wrong_types` spoils a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// Numbers become strings.
    Strings,
    /// Hex loses its `0x`.
    NoPrefix,
    /// Numbers, also in hex, become negative.
    Negative,
    /// `"result": null`.
    Null,
    /// Neither `result` nor `error`.
    Absent,
}

/// What `highestBlock` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Highest {
    Number(u64),
    Follow(Follow),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follow {
    /// The node's own best block, as a node without peers has it.
    Best,
    /// What the network has, which grows also while this node is stuck.
    Network,
}

/// Settings of a [`super::Node`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one JSON member that a test sets by its name"
)]
pub struct Settings {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    /// For `wrong_types`.
    pub wrong: Wrong,
    /// For `no_method`.
    pub missing: Vec<String>,
    /// For `rpc_error`.
    pub error_message: String,
    /// For `backwards`: by how many blocks.
    pub fall: u64,

    pub best: u64,
    pub finalized: u64,
    /// How far `finalized` stays behind `best` as the chain grows.
    pub finality_lag: u64,
    /// `null` leaves `highestBlock` out of the answer.
    pub highest: Option<Highest>,
    /// `startingBlock`; becomes `best` when a node comes back from `down`.
    pub starting: u64,
    /// 0: the chain grows on demand only.
    pub block_time_ms: u64,
    /// `Timestamp.Now` of the best block; becomes the present with every new block.
    pub head_timestamp_ms: u64,
    /// Makes the hashes of one chain differ from those of another.
    pub seed: u64,
    /// Hash of block 0.
    pub genesis_hash: String,

    pub peers: u64,
    pub syncing: bool,
    pub should_have_peers: bool,
    /// The answer to `system_peers`; `null` makes up `peers` of them.
    pub peer_list: Option<Vec<Value>>,
    /// Whether unsafe methods answer.
    pub unsafe_rpc: bool,

    pub version: String,
    pub name: String,
    pub chain: String,
    pub chain_type: String,
    pub properties: Value,
    pub local_peer_id: String,
    pub roles: Vec<String>,
    pub runtime: Value,
    pub metadata: String,
    /// Raw keys and values in hex; `null` for a key hides it, `Timestamp.Now` included.
    pub storage: BTreeMap<String, Option<String>>,
    /// The answer to `system_accountNextIndex` by address; 0 for others.
    pub nonces: BTreeMap<String, u64>,
    /// Whether the `pha_*` methods exist, as on the parachain side of a Phala node.
    pub pha: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let seed = 0;
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            wrong: Wrong::Strings,
            missing: vec!["system_syncState".to_owned()],
            error_message: "Internal error".to_owned(),
            fall: 100,
            best: 1000,
            finalized: 997,
            finality_lag: 3,
            highest: Some(Highest::Follow(Follow::Network)),
            starting: 900,
            block_time_ms: 12_000,
            head_timestamp_ms: unix_ms(),
            seed,
            genesis_hash: chain::hash(seed, 0),
            peers: 12,
            syncing: false,
            should_have_peers: true,
            peer_list: None,
            unsafe_rpc: false,
            version: "0.1.27-2-abcdef12345".to_owned(),
            name: "Khala Node".to_owned(),
            chain: "Khala".to_owned(),
            chain_type: "Live".to_owned(),
            properties: json!({"ss58Format": 30, "tokenDecimals": 12, "tokenSymbol": "PHA"}),
            local_peer_id: "12D3KooWSimu1atedFarmNode1111111111111111111111111111".to_owned(),
            roles: vec!["Full".to_owned()],
            runtime: json!({
                "specName": "khala", "implName": "khala", "authoringVersion": 1, "specVersion": 1251,
                "implVersion": 0, "apis": [["0xdf6acb689907609b", 4]], "transactionVersion": 6, "stateVersion": 0,
            }),
            metadata: "0x6d6574610e".to_owned(),
            storage: BTreeMap::new(),
            nonces: BTreeMap::new(),
            pha: true,
        }
    }
}

impl Settings {
    /// Refuses what would make the node a nonsense of its own rather than the one asked for.
    pub(super) fn check(&self) -> Result<(), String> {
        self.dials.check(self.incident.fault())?;
        if self.genesis_hash.len() != 66 || !chain::is_hex(&self.genesis_hash) {
            return Err("genesis_hash: must be 0x and 64 hex digits".to_owned());
        }
        let values = self
            .storage
            .values()
            .flatten()
            .chain(self.storage.keys())
            .chain([&self.metadata]);
        match values.into_iter().find(|text| !chain::is_hex(text)) {
            Some(text) => Err(format!("storage: `{text}` is not 0x and hex digits")),
            None => Ok(()),
        }
    }
}
