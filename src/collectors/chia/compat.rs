//! The names of the official exporter (Chia-Network/chia-exporter), for dashboards that have them; only on demand.
//!
//! Its counters lack the suffix that OpenMetrics demands, so they are gauges here. Its constant label `network` is left
//! out: it is the label of `chia_network_info`.

use super::events::Blocks;
use super::node::Peers;
use super::snapshot::Snapshot;
use crate::exposition::{Desc, Family, Page};
use crate::upstream::chia::{NodeId, Service};

const COUNT: usize = 54;

macro_rules! theirs {
    ($($name:ident: $labels:literal = $full:literal, $help:literal, [$($label:literal),*];)*) => {
        $(static $name: Desc<$labels> = Desc::gauge($full, concat!("As chia-exporter has it: ", $help), &[$($label),*]);)*
        pub(super) const FAMILIES: [&Family; COUNT] = [$($name.family(),)*];
    };
}

theirs! {
    NODE_SYNCED: 0 = "chia_full_node_node_synced", "1 if the node is synchronised.", [];
    NODE_HEIGHT: 0 = "chia_full_node_node_height", "height of the tip.", [];
    NODE_HEIGHT_SYNCED: 0 = "chia_full_node_node_height_synced", "height of the tip, while it is synchronised.", [];
    MEMPOOL_SIZE: 0 = "chia_full_node_mempool_size", "transactions that wait.", [];
    MEMPOOL_MAX: 0 = "chia_full_node_mempool_max_total_cost", "cost that the mempool holds.", [];
    MIN_FEE: 1 = "chia_full_node_mempool_min_fee", "mojo for each of cost that a transaction of this cost must pay.", ["cost"];
    BLOCK_MAX: 0 = "chia_full_node_block_max_cost", "cost that a block holds.", [];
    NETSPACE: 0 = "chia_full_node_netspace_mib", "space of the network in MiB.", [];
    NODE_POINTS: 0 = "chia_full_node_total_signage_points", "signage points since farmwarden listens.", [];
    CURRENT_POINT: 0 = "chia_full_node_current_signage_point", "place of the last signage point in its sub-slot.", [];
    SLOT_POINTS: 0 = "chia_full_node_signage_points_sub_slot", "signage points of a sub-slot.", [];
    BLOCK_COST: 0 = "chia_full_node_block_cost", "cost of the last transaction block.", [];
    BLOCK_FEES: 0 = "chia_full_node_block_fees", "fees of the last transaction block in mojo.", [];
    K_SIZE: 1 = "chia_full_node_k_size", "blocks of all farmers since farmwarden listens, by the k of the plot that won them; v2 is the second format.", ["size"];
    PRE_VALIDATION: 0 = "chia_full_node_pre_validation_time", "seconds that the last block took before its validation.", [];
    VALIDATION: 0 = "chia_full_node_validation_time", "seconds that the validation of the last block took.", [];
    LAST_DEPTH: 0 = "chia_full_node_last_block_reorg_depth", "blocks that the last block took back.", [];
    REORG_DEPTH: 0 = "chia_full_node_last_reorg_reorg_depth", "blocks that the last reorganisation took back.", [];
    LAST_ROLLED_BACK: 0 = "chia_full_node_last_block_rolled_back_records", "records that the last block rolled back.", [];
    REORG_ROLLED_BACK: 0 = "chia_full_node_last_reorg_rolled_back_records", "records that the last reorganisation rolled back.", [];
    NODE_PEERS: 1 = "chia_full_node_connection_count", "peers by kind.", ["node_type"];
    FARMER_PEERS: 1 = "chia_farmer_connection_count", "peers by kind.", ["node_type"];
    WALLET_PEERS: 1 = "chia_wallet_connection_count", "peers by kind.", ["node_type"];
    OWN_PEERS: 1 = "chia_harvester_connection_count", "peers of this machine's harvester by kind.", ["node_type"];
    NODE_VERSION: 1 = "chia_full_node_version", "1 with the release.", ["version"];
    FARMER_VERSION: 1 = "chia_farmer_version", "1 with the release.", ["version"];
    WALLET_VERSION: 1 = "chia_wallet_version", "1 with the release.", ["version"];
    OWN_VERSION: 1 = "chia_harvester_version", "1 with the release of this machine's.", ["version"];
    CONFIRMED: 4 = "chia_wallet_confirmed_balance", "confirmed mojo of the first wallet; only with wallet_amounts.", ["fingerprint", "wallet_id", "wallet_type", "asset_id"];
    SPENDABLE: 4 = "chia_wallet_spendable_balance", "mojo of it that can be spent; only with wallet_amounts.", ["fingerprint", "wallet_id", "wallet_type", "asset_id"];
    MAX_SEND: 4 = "chia_wallet_max_send_amount", "mojo that one transaction can take; only with wallet_amounts.", ["fingerprint", "wallet_id", "wallet_type", "asset_id"];
    REMOVALS: 4 = "chia_wallet_pending_coin_removal_count", "coins that are being spent; only with wallet_amounts.", ["fingerprint", "wallet_id", "wallet_type", "asset_id"];
    COINS: 4 = "chia_wallet_unspent_coin_count", "coins of the first wallet; only with wallet_amounts.", ["fingerprint", "wallet_id", "wallet_type", "asset_id"];
    PLOT_COUNT: 5 = "chia_farmer_plot_count", "plots by kind; v2 stands in place of a k above 127.", ["host", "node_id", "size", "type", "compression"];
    PLOT_FILESIZE: 5 = "chia_farmer_plot_filesize", "their size in bytes.", ["host", "node_id", "size", "type", "compression"];
    LAST_LOOKUP: 2 = "chia_farmer_last_lookup_time", "last lookup in microseconds.", ["host", "node_id"];
    LAST_ELIGIBLE: 2 = "chia_farmer_last_eligible_plots", "plots that last passed the filter.", ["host", "node_id"];
    LAST_PROOFS: 2 = "chia_farmer_last_found_proofs", "proofs last found.", ["host", "node_id"];
    ELIGIBLE: 2 = "chia_farmer_total_eligible_plots", "plots that passed the filter since farmwarden listens.", ["host", "node_id"];
    PROOFS: 2 = "chia_farmer_total_found_proofs", "proofs found since farmwarden listens.", ["host", "node_id"];
    PROOFS_FOUND: 0 = "chia_farmer_proofs_found", "proofs sent to the node since farmwarden listens.", [];
    PARTIALS: 1 = "chia_farmer_submitted_partials", "partials accepted since the farmer was started.", ["launcher_id"];
    DIFFICULTY: 1 = "chia_farmer_current_difficulty", "difficulty of the pool.", ["launcher_id"];
    POINTS: 1 = "chia_farmer_points_acknowledged_since_start", "points since the farmer was started.", ["launcher_id"];
    POINTS_DAY: 1 = "chia_farmer_points_acknowledged_24h", "points that the pool acknowledged within a day.", ["launcher_id"];
    OWN_LOOKUP: 0 = "chia_harvester_last_lookup_time", "last lookup of this machine's harvester in seconds.", [];
    OWN_LAST_ELIGIBLE: 0 = "chia_harvester_last_eligible_plots", "plots of this machine's harvester that last passed the filter.", [];
    OWN_LAST_PROOFS: 0 = "chia_harvester_last_found_proofs", "proofs that it last found.", [];
    OWN_ELIGIBLE: 0 = "chia_harvester_total_eligible_plots", "plots that passed the filter since farmwarden listens.", [];
    OWN_PROOFS: 0 = "chia_harvester_total_found_proofs", "proofs found since farmwarden listens.", [];
    TRANSACTION_BLOCKS: 0 = "chia_full_node_transaction_blocks", "transaction blocks since farmwarden listens.", [];
    OWN_PLOTS: 0 = "chia_harvester_total_plots", "plots of this machine's harvester.", [];
    OWN_PLOT_COUNT: 3 = "chia_harvester_plot_count", "plots of this machine's harvester by kind.", ["size", "type", "compression"];
    OWN_PLOT_FILESIZE: 3 = "chia_harvester_plot_filesize", "their size in bytes.", ["size", "type", "compression"];
}

/// Signage points of a sub-slot, by the protocol.
const OF_A_SLOT: u64 = 64;

pub(super) fn samples(snapshot: &Snapshot, page: &mut Page) {
    versions(snapshot, page);
    node(snapshot, page);
    farmer(snapshot, page);
    wallet(snapshot, page);
    for (id, known) in &snapshot.harvesters {
        if known.connected == Some(true) {
            harvester(snapshot, id, &known.host, page);
        }
    }
    own_harvester(snapshot, page);
    if let Some(tally) = &snapshot.tally {
        page.add(&NODE_POINTS, [], Some(tally.node_points).filter(|points| *points > 0));
        page.add(&CURRENT_POINT, [], tally.node_point);
        page.add(&SLOT_POINTS, [], tally.node_point.map(|_| OF_A_SLOT));
        page.add(&PROOFS_FOUND, [], tally.points.last.map(|_| tally.proofs));
        if let Some(told) = &tally.blocks {
            blocks(told, page);
        }
    }
}

fn versions(snapshot: &Snapshot, page: &mut Page) {
    for (service, version) in snapshot.details.iter().flat_map(|details| &details.versions) {
        let family = match service {
            Service::FullNode => &NODE_VERSION,
            Service::Farmer => &FARMER_VERSION,
            Service::Wallet => &WALLET_VERSION,
            Service::Harvester => &OWN_VERSION,
        };
        page.add(family, [version], true);
    }
}

fn node(snapshot: &Snapshot, page: &mut Page) {
    let Some((state, peers)) = &snapshot.node else { return };
    let synced = state.synced == Some(true);
    page.add(&NODE_SYNCED, [], state.synced);
    page.add(&NODE_HEIGHT, [], state.height);
    page.add(&NODE_HEIGHT_SYNCED, [], state.height.filter(|_| synced));
    page.add(&MEMPOOL_SIZE, [], state.mempool.transactions);
    page.add(&MEMPOOL_MAX, [], state.mempool.max_cost);
    page.add(&MIN_FEE, ["5000000"], state.mempool.min_fee);
    page.add(&BLOCK_MAX, [], state.mempool.block_max_cost);
    page.add(&NETSPACE, [], state.space.map(|bytes| bytes >> 20));
    connections(&NODE_PEERS, peers.as_ref(), page);
}

fn blocks(told: &Blocks, page: &mut Page) {
    page.add(&TRANSACTION_BLOCKS, [], told.transactions);
    for (size, count) in &told.by_size {
        page.add(&K_SIZE, [&size.to_string()], *count);
    }
    page.add(&BLOCK_COST, [], told.cost);
    page.add(&BLOCK_FEES, [], told.fees);
    page.add(&PRE_VALIDATION, [], told.pre_validation);
    page.add(&VALIDATION, [], told.validation);
    page.add(&LAST_DEPTH, [], told.last.map(|last| last.depth));
    page.add(&LAST_ROLLED_BACK, [], told.last.map(|last| last.records));
    page.add(&REORG_DEPTH, [], told.last_reorganisation.map(|last| last.depth));
    page.add(
        &REORG_ROLLED_BACK,
        [],
        told.last_reorganisation.map(|last| last.records),
    );
}

fn connections(family: &'static Desc<1>, peers: Option<&Peers>, page: &mut Page) {
    for (kind, count) in peers.iter().flat_map(|peers| peers.counts()) {
        page.add(family, [kind], count);
    }
}

fn farmer(snapshot: &Snapshot, page: &mut Page) {
    let Some(farmer) = &snapshot.farmer else { return };
    connections(&FARMER_PEERS, farmer.peers.as_ref(), page);
    for pool in &farmer.pools {
        let [valid, ..] = pool.partials;
        page.add(&PARTIALS, [&pool.launcher], valid);
        page.add(&DIFFICULTY, [&pool.launcher], pool.difficulty);
        page.add(&POINTS, [&pool.launcher], pool.points_acknowledged);
        page.add(&POINTS_DAY, [&pool.launcher], pool.points_acknowledged_24h);
    }
}

/// Of the first wallet, that of chia itself: a wallet of type 0, without an asset.
fn wallet(snapshot: &Snapshot, page: &mut Page) {
    let Some(state) = &snapshot.wallet else { return };
    connections(&WALLET_PEERS, state.peers.as_ref(), page);
    let Some(balance) = &state.balance else { return };
    let fingerprint = balance.fingerprint.map(|number| number.to_string());
    let labels = [fingerprint.as_deref().unwrap_or_default(), "1", "0", ""];
    page.add(&CONFIRMED, labels, balance.confirmed);
    page.add(&SPENDABLE, labels, balance.spendable);
    page.add(&MAX_SEND, labels, balance.max_send);
    page.add(&REMOVALS, labels, balance.pending_removals);
    page.add(&COINS, labels, balance.coins);
}

fn harvester(snapshot: &Snapshot, id: &NodeId, host: &str, page: &mut Page) {
    let node_id = id.digits();
    let labels = [host, node_id.as_str()];
    if let Some(heard) = snapshot.lookups(id) {
        let micros = heard.last.seconds.map(|seconds| (seconds * 1e6).round());
        page.add(&LAST_LOOKUP, labels, micros);
        page.add(&LAST_ELIGIBLE, labels, heard.last.eligible);
        page.add(&LAST_PROOFS, labels, heard.last.proofs);
        page.add(&ELIGIBLE, labels, heard.eligible);
        page.add(&PROOFS, labels, heard.proofs);
    }
    for (kind, amount) in snapshot.plots.get(id).iter().flat_map(|plots| &plots.kinds) {
        let (size, compression) = (kind.size.to_string(), kind.compression());
        let labels = [host, &node_id, &size, kind.owner.label(), &compression];
        page.add(&PLOT_COUNT, labels, amount.plots);
        page.add(&PLOT_FILESIZE, labels, amount.bytes);
    }
}

/// Of this machine: by its own events, or where a farmer tells of all, by the farmer's.
fn own_harvester(snapshot: &Snapshot, page: &mut Page) {
    let peers = snapshot
        .details
        .as_ref()
        .and_then(|details| details.harvester_peers.as_ref());
    connections(&OWN_PEERS, peers, page);
    let id = snapshot.own_id();
    let by_farmer = id.and_then(|id| snapshot.lookups(&id));
    let own = snapshot
        .tally
        .as_ref()
        .and_then(|tally| tally.own.as_ref())
        .or(by_farmer);
    if let Some(heard) = own {
        page.add(&OWN_LOOKUP, [], heard.last.seconds);
        page.add(&OWN_PLOTS, [], heard.last.plots);
        page.add(&OWN_LAST_ELIGIBLE, [], heard.last.eligible);
        page.add(&OWN_LAST_PROOFS, [], heard.last.proofs);
        page.add(&OWN_ELIGIBLE, [], heard.eligible);
        page.add(&OWN_PROOFS, [], heard.proofs);
    }
    let plots = id.and_then(|id| snapshot.plots.get(&id));
    for (kind, amount) in plots.iter().flat_map(|plots| &plots.kinds) {
        let (size, compression) = (kind.size.to_string(), kind.compression());
        let labels = [size.as_str(), kind.owner.label(), &compression];
        page.add(&OWN_PLOT_COUNT, labels, amount.plots);
        page.add(&OWN_PLOT_FILESIZE, labels, amount.bytes);
    }
}
