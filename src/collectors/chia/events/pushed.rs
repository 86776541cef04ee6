//! The forms of the events that are looked into. Everything that may be left out is optional.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::super::wire::{Figure, Lenient};
use crate::upstream::chia::Push;

pub(super) fn read<'a, T: Deserialize<'a>>(push: &Push<'a>) -> Option<T> {
    serde_json::from_str(push.data?.get()).ok()
}

/// A farmer tells microseconds, a harvester seconds.
pub(super) fn micros(micros: u128) -> Option<f64> {
    u64::try_from(micros)
        .ok()
        .map(|micros| Duration::from_micros(micros).as_secs_f64())
}

#[derive(Deserialize)]
pub(super) struct SignagePoint {
    pub(super) signage_point: PointId,
    /// Null, or when and how many. Left out before 2.0.
    #[serde(default, deserialize_with = "told")]
    pub(super) missing_signage_points: Option<Lenient<(f64, Figure)>>,
}

/// What is there, even as null.
fn told<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl SignagePoint {
    /// `None` where the release does not tell.
    pub(super) fn missing(&self) -> Option<u64> {
        let missing = self.missing_signage_points.as_ref()?.0.as_ref();
        Some(missing.and_then(|(_, count)| count.small()).unwrap_or_default())
    }
}

#[derive(Hash, Deserialize)]
pub(super) struct PointId {
    pub(super) challenge_chain_sp: String,
    #[serde(default)]
    pub(super) challenge_hash: String,
    pub(super) signage_point_index: u64,
}

/// A signage point as the node tells it to farmers.
#[derive(Deserialize)]
pub(super) struct NodePoint {
    pub(super) broadcast_farmer: Broadcast,
}

#[derive(Deserialize)]
pub(super) struct Broadcast {
    #[serde(default)]
    pub(super) signage_point_index: Figure,
}

#[derive(Deserialize)]
pub(super) struct Block {
    #[serde(rename = "transaction_block")]
    pub(super) has_transactions: bool,
    #[serde(default)]
    pub(super) height: Figure,
    /// The last block that it has in common with what was the chain before.
    #[serde(default)]
    pub(super) fork_height: Figure,
    #[serde(default)]
    pub(super) rolled_back_records: Figure,
    /// Of the plot that won it; null for one of the second format.
    #[serde(default)]
    pub(super) k_size: Figure,
    /// Of such a plot.
    #[serde(default)]
    pub(super) strength: Figure,
    #[serde(default, rename = "block_cost")]
    pub(super) cost: Figure,
    #[serde(default, rename = "block_fees")]
    pub(super) fees: Figure,
    #[serde(default)]
    pub(super) pre_validation_time: Lenient<f64>,
    #[serde(default)]
    pub(super) validation_time: Lenient<f64>,
}

#[derive(Deserialize)]
pub(super) struct FarmingInfo {
    pub(super) farming_info: Info,
}

#[derive(Deserialize)]
pub(super) struct Info {
    pub(super) node_id: String,
    #[serde(default)]
    pub(super) signage_point: String,
    #[serde(default)]
    pub(super) passed_filter: Figure,
    #[serde(default)]
    pub(super) proofs: Figure,
    #[serde(default)]
    pub(super) total_plots: Figure,
    #[serde(default)]
    pub(super) lookup_time: Figure,
}

#[derive(Deserialize)]
pub(super) struct OwnInfo {
    #[serde(default)]
    pub(super) eligible_plots: Figure,
    #[serde(default)]
    pub(super) found_proofs: Figure,
    #[serde(default)]
    pub(super) total_plots: Figure,
    pub(super) time: Option<f64>,
}
