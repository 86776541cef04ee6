//! The names of the official exporter (Chia-Network/chia-exporter), for dashboards that have them; only on demand.
//!
//! Its counters lack the suffix that OpenMetrics demands, so they are gauges here. Its constant label `network` is left
//! out: it is the label of `chia_network_info`.

use super::node::Peers;
use super::snapshot::Snapshot;
use crate::exposition::{Desc, Family, Page};
use crate::upstream::chia::{NodeId, Service};

const COUNT: usize = 31;

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
    BLOCK_MAX: 0 = "chia_full_node_block_max_cost", "cost that a block holds.", [];
    NETSPACE: 0 = "chia_full_node_netspace_mib", "space of the network in MiB.", [];
    NODE_POINTS: 0 = "chia_full_node_total_signage_points", "signage points since farmwarden listens.", [];
    NODE_PEERS: 1 = "chia_full_node_connection_count", "peers by kind.", ["node_type"];
    FARMER_PEERS: 1 = "chia_farmer_connection_count", "peers by kind.", ["node_type"];
    NODE_VERSION: 1 = "chia_full_node_version", "1 with the release.", ["version"];
    FARMER_VERSION: 1 = "chia_farmer_version", "1 with the release.", ["version"];
    WALLET_VERSION: 1 = "chia_wallet_version", "1 with the release.", ["version"];
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
    OWN_LOOKUP: 0 = "chia_harvester_last_lookup_time", "last lookup of this machine's harvester in seconds.", [];
    OWN_LAST_ELIGIBLE: 0 = "chia_harvester_last_eligible_plots", "plots of this machine's harvester that last passed the filter.", [];
    OWN_LAST_PROOFS: 0 = "chia_harvester_last_found_proofs", "proofs that it last found.", [];
    OWN_ELIGIBLE: 0 = "chia_harvester_total_eligible_plots", "plots that passed the filter since farmwarden listens.", [];
    OWN_PROOFS: 0 = "chia_harvester_total_found_proofs", "proofs found since farmwarden listens.", [];
    TRANSACTION_BLOCKS: 0 = "chia_full_node_transaction_blocks", "transaction blocks since farmwarden listens.", [];
    OWN_PLOTS: 0 = "chia_harvester_total_plots", "plots of this machine's harvester.", [];
}

pub(super) fn samples(snapshot: &Snapshot, page: &mut Page) {
    node(snapshot, page);
    if let Some(farmer) = &snapshot.farmer {
        for (kind, count) in farmer.peers.iter().flat_map(Peers::counts) {
            page.add(&FARMER_PEERS, [kind], count);
        }
        for pool in &farmer.pools {
            let [valid, ..] = pool.partials;
            page.add(&PARTIALS, [&pool.launcher], valid);
            page.add(&DIFFICULTY, [&pool.launcher], pool.difficulty);
            page.add(&POINTS, [&pool.launcher], pool.points_acknowledged);
        }
    }
    for (id, known) in &snapshot.harvesters {
        if known.connected == Some(true) {
            harvester(snapshot, id, &known.host, page);
        }
    }
    if let Some(tally) = &snapshot.tally {
        page.add(&NODE_POINTS, [], Some(tally.node_points).filter(|points| *points > 0));
        page.add(&PROOFS_FOUND, [], tally.points.last.map(|_| tally.proofs));
        let own = tally.own.as_ref().map(|own| own.last);
        page.add(&OWN_LOOKUP, [], own.and_then(|last| last.seconds));
        page.add(&OWN_PLOTS, [], own.and_then(|last| last.plots));
        page.add(&OWN_LAST_ELIGIBLE, [], own.and_then(|last| last.eligible));
        page.add(&OWN_LAST_PROOFS, [], own.and_then(|last| last.proofs));
        page.add(&OWN_ELIGIBLE, [], tally.own.as_ref().map(|own| own.eligible));
        page.add(&OWN_PROOFS, [], tally.own.as_ref().map(|own| own.proofs));
        page.add(&TRANSACTION_BLOCKS, [], tally.transaction_blocks);
    }
}

fn node(snapshot: &Snapshot, page: &mut Page) {
    for (service, version) in snapshot.details.iter().flat_map(|details| &details.versions) {
        match service {
            Service::FullNode => page.add(&NODE_VERSION, [version], true),
            Service::Farmer => page.add(&FARMER_VERSION, [version], true),
            Service::Wallet => page.add(&WALLET_VERSION, [version], true),
            Service::Harvester => {}
        }
    }
    let Some((state, peers)) = &snapshot.node else { return };
    page.add(&NODE_SYNCED, [], state.synced);
    page.add(&NODE_HEIGHT, [], state.height);
    page.add(
        &NODE_HEIGHT_SYNCED,
        [],
        state.height.filter(|_| state.synced == Some(true)),
    );
    page.add(&MEMPOOL_SIZE, [], state.mempool.transactions);
    page.add(&MEMPOOL_MAX, [], state.mempool.max_cost);
    page.add(&BLOCK_MAX, [], state.mempool.block_max_cost);
    page.add(&NETSPACE, [], state.space.map(|bytes| bytes >> 20));
    for (kind, count) in peers.iter().flat_map(Peers::counts) {
        page.add(&NODE_PEERS, [kind], count);
    }
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
