//! What a full node says of itself, the chain and its peers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::wire::{Figure, Lenient, Short, parse, time};
use crate::clock::UnixTime;
use crate::upstream::Why;
use crate::upstream::chia::NodeId;

/// `get_blockchain_state`. What is unknown, or not yet, is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeState {
    pub synced: Option<bool>,
    /// A long synchronisation is running.
    pub sync_mode: Option<bool>,
    /// What it synchronises to; only while it does.
    pub sync_target: Option<u64>,
    pub height: Option<u64>,
    /// Of the tip, when that is a transaction block.
    pub timestamp: Option<UnixTime>,
    /// Estimated space of the whole network, in bytes.
    pub space: Option<u128>,
    /// In whole seconds, over 4608 blocks. Since 2.0.
    pub average_block_seconds: Option<u64>,
    pub difficulty: Option<u128>,
    pub sub_slot_iters: Option<u128>,
    pub mempool: Mempool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mempool {
    pub transactions: Option<u64>,
    pub cost: Option<u128>,
    pub max_cost: Option<u128>,
    pub block_max_cost: Option<u128>,
    /// For a transaction of cost 5,000,000, in mojo for each of cost; 0 while there is room.
    pub min_fee: Option<f64>,
}

#[derive(Deserialize)]
struct Answer {
    blockchain_state: Raw,
}

#[derive(Deserialize)]
struct Raw {
    /// Left out by old releases, which do not answer before.
    genesis_challenge_initialized: Option<bool>,
    peak: Option<Peak>,
    sync: Option<Progress>,
    #[serde(default)]
    space: Figure,
    #[serde(default)]
    average_block_time: Figure,
    #[serde(default)]
    difficulty: Figure,
    #[serde(default)]
    sub_slot_iters: Figure,
    #[serde(default)]
    mempool_size: Figure,
    #[serde(default)]
    mempool_cost: Figure,
    #[serde(default)]
    mempool_max_total_cost: Figure,
    #[serde(default)]
    block_max_cost: Figure,
    #[serde(default)]
    mempool_min_fees: Lenient<Fees>,
}

#[derive(Deserialize)]
struct Fees {
    cost_5000000: Option<f64>,
}

#[derive(Deserialize)]
struct Peak {
    #[serde(default)]
    height: Figure,
    timestamp: Option<f64>,
}

#[derive(Deserialize)]
struct Progress {
    synced: Option<bool>,
    sync_mode: Option<bool>,
    #[serde(default)]
    sync_tip_height: Figure,
}

/// An answer of `get_blockchain_state`, which is also what the event of that name carries.
pub(super) fn state(body: &[u8]) -> Result<NodeState, Why> {
    let Answer { blockchain_state: raw } = parse(body)?;
    let (synced, sync_mode) = raw
        .sync
        .as_ref()
        .map_or((None, None), |sync| (sync.synced, sync.sync_mode));
    if raw.genesis_challenge_initialized == Some(false) {
        // It starts: every figure is zero, and means nothing.
        return Ok(NodeState {
            synced,
            sync_mode,
            ..NodeState::default()
        });
    }
    let target = raw.sync.as_ref().and_then(|sync| sync.sync_tip_height.small());
    Ok(NodeState {
        synced,
        sync_mode,
        sync_target: target.filter(|_| sync_mode == Some(true)),
        height: raw.peak.as_ref().and_then(|peak| peak.height.small()),
        timestamp: raw.peak.as_ref().and_then(|peak| time(peak.timestamp?)),
        // None on an empty chain.
        space: raw.space.0.filter(|space| *space > 0),
        average_block_seconds: raw.average_block_time.small(),
        difficulty: raw.difficulty.0,
        sub_slot_iters: raw.sub_slot_iters.0,
        mempool: Mempool {
            transactions: raw.mempool_size.small(),
            cost: raw.mempool_cost.0,
            max_cost: raw.mempool_max_total_cost.0,
            block_max_cost: raw.block_max_cost.0,
            min_fee: raw.mempool_min_fees.0.and_then(|fees| fees.cost_5000000),
        },
    })
}

/// Kinds of peers by chia's numbers (`NodeType`), from 1.
pub(super) const PEERS: [&str; 8] = [
    "full_node",
    "harvester",
    "farmer",
    "timelord",
    "introducer",
    "wallet",
    "data_layer",
    "solver",
];

/// Who is connected to a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peers {
    /// Of each kind of `PEERS`, and of kinds that are unknown here.
    counts: [u64; PEERS.len() + 1],
    /// Harvesters by their id, with the address that the service sees.
    pub harvesters: BTreeMap<NodeId, String>,
}

impl Peers {
    /// Every kind with its number of peers.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        PEERS.into_iter().chain(["other"]).zip(self.counts)
    }

    pub fn full_nodes(&self) -> u64 {
        self.counts.first().copied().unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Connections {
    connections: Vec<Lenient<Connection>>,
}

/// What cannot be read is a peer all the same, of an unknown kind.
#[derive(Default, Deserialize)]
struct Connection {
    #[serde(rename = "type", default)]
    kind: Figure,
    #[serde(default)]
    node_id: Lenient<String>,
    #[serde(default)]
    peer_host: Lenient<Short>,
}

/// An answer of `get_connections`.
pub(super) fn peers(body: &[u8]) -> Result<Peers, Why> {
    let Connections { connections } = parse(body)?;
    let mut peers = Peers::default();
    for Lenient(connection) in connections {
        let connection = connection.unwrap_or_default();
        let kind = connection.kind.0.and_then(|kind| usize::try_from(kind).ok());
        let place = kind.and_then(|kind| kind.checked_sub(1)).unwrap_or(PEERS.len());
        if let Some(count) = peers.counts.get_mut(place.min(PEERS.len())) {
            *count += 1;
        }
        let id = connection.node_id.0.and_then(|id| id.parse().ok());
        if let (Some(&"harvester"), Some(id)) = (PEERS.get(place), id) {
            peers
                .harvesters
                .insert(id, connection.peer_host.0.unwrap_or_default().0);
        }
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::super::testing::recorded;
    use super::*;

    #[test]
    fn a_synced_node_is_read() {
        let state = state(&recorded("full_node.get_blockchain_state")).unwrap();
        assert_eq!(
            (state.synced, state.sync_mode, state.sync_target),
            (Some(true), Some(false), None)
        );
        assert_eq!((state.height, state.average_block_seconds), (Some(25), Some(18)));
        assert_eq!(state.timestamp, Some(UnixTime::from_millis(1_795_191_815_000)));
        assert_eq!(state.space, Some(18_734_306));
        assert_eq!(state.mempool.max_cost, Some(66_000_000_000));
    }

    #[test]
    fn a_node_that_starts_has_no_figures() {
        let text = br#"{"success": true, "blockchain_state": {"genesis_challenge_initialized": false, "peak": null,
            "space": 0, "difficulty": 0, "sync": {"synced": false, "sync_mode": false, "sync_tip_height": 0}}}"#;
        let expected = NodeState {
            synced: Some(false),
            sync_mode: Some(false),
            ..NodeState::default()
        };
        assert_eq!(state(text), Ok(expected));
    }

    #[test]
    fn space_beyond_64_bits_and_a_tip_without_a_time_are_read() {
        let text = br#"{"blockchain_state": {"peak": {"height": 7, "timestamp": null}, "space": 41000000000000000000,
            "sync": {"synced": false, "sync_mode": true, "sync_tip_height": 9}, "novelty": [1]}}"#;
        let state = state(text).unwrap();
        assert_eq!((state.space, state.timestamp), (Some(41_000_000_000_000_000_000), None));
        assert_eq!((state.height, state.sync_target), (Some(7), Some(9)));
    }

    #[test]
    fn peers_are_counted_by_kind() {
        let told = peers(&recorded("farmer.get_connections")).unwrap();
        let counts: Vec<_> = told.counts().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [("full_node", 1), ("harvester", 2)]);
        assert_eq!(told.harvesters.len(), 2);
        let strange = peers(br#"{"connections": [{"type": 0}, {"type": 99}, {"type": null}, 7]}"#).unwrap();
        assert_eq!(strange.counts().last(), Some(("other", 4)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_picture_or_a_fault(bytes: Vec<u8>) {
            drop((state(&bytes), peers(&bytes)));
        }
    }
}
