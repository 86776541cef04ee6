//! The map from the picture of a farm to samples.

use super::compat;
use super::events::{Lookups, Teller};
use super::families::{
    AVERAGE_BLOCK, BYTES, CERTIFICATE, CONNECTED, CONNECTIONS, DIFFICULTY, DUPLICATES, EFFECTIVE, ELIGIBLE, EVENTS,
    EVENTS_DROPPED, EVENTS_UNREADABLE, EXPECTED, HARVESTER_PROOFS, HEIGHT, INFO, INVALID, KEYS_MISSING, KIND_BYTES,
    KINDS, LAST_ANSWER, LAST_EVENT, LAST_POINT, LAST_SCAN, LOOKUP, MEMPOOL, MEMPOOL_COST, MEMPOOL_MAX, MISSED, MODE,
    NETWORK, NODE_POINTS, PEAK_TIME, PLOTS, POINTS, POOL_ACKNOWLEDGED, POOL_ACKNOWLEDGED_DAY, POOL_DIFFICULTY,
    POOL_ERRORS, POOL_FOUND, POOL_FOUND_DAY, POOL_PARTIALS, POOL_PLOTS, POOL_POINTS, PROGRESS, PROOFS, RPC_UP, SERVICE,
    SPACE, SUB_SLOT_ITERS, SYNC_MODE, SYNC_TARGET, SYNCED, UNANSWERED, WALLET_BLOCKS, WALLET_CONFIRMED, WALLET_FARMED,
    WALLET_HEIGHT, WALLET_LAST_HEIGHT, WALLET_LAST_TIME, WALLET_SYNCED,
};
use super::farmer::Mode;
use super::known::Known;
use super::node::{NodeState, Peers};
use super::pool::{PARTIALS, Pool};
use super::snapshot::Snapshot;
use crate::exposition::Page;
use crate::upstream::chia::NodeId;

pub(super) fn samples(snapshot: &Snapshot, page: &mut Page) {
    details(snapshot, page);
    if let Some((state, peers)) = &snapshot.node {
        node(state, snapshot, page);
        if let Some(peers) = peers {
            connections("full_node", peers, page);
        }
    }
    if let Some(farmer) = &snapshot.farmer {
        if let Some(peers) = &farmer.peers {
            connections("farmer", peers, page);
        }
        farmer.pools.iter().for_each(|one| pool(one, page));
    }
    page.add(&EXPECTED, [], snapshot.expected_seconds());
    for (id, known) in &snapshot.harvesters {
        harvester(id, known, snapshot, page);
    }
    // By this the farmwarden of the farmer's machine and that of the harvester's are known to speak of the same.
    if let Some(id) = snapshot.alone() {
        page.add(&INFO, [&snapshot.own_label, "", &id.to_string()], true);
    }
    if snapshot.farmer.is_some() {
        for name in &snapshot.unseen {
            page.add(&CONNECTED, [name, ""], false);
        }
    }
    wallet(snapshot, page);
    events(snapshot, page);
    if snapshot.compat {
        compat::samples(snapshot, page);
    }
}

fn details(snapshot: &Snapshot, page: &mut Page) {
    for (file, end) in snapshot.certificates {
        page.add(&CERTIFICATE, [file], end);
    }
    let Some(details) = &snapshot.details else { return };
    for (service, version) in &details.versions {
        page.add(&SERVICE, [service.name(), version], true);
    }
    if let Some(peers) = &details.harvester_peers {
        connections("harvester", peers, page);
    }
    if let Some(network) = &details.network {
        page.add(&NETWORK, [network], true);
    }
    for setup in &details.setups {
        if let Some(pick) = &setup.pick {
            page.add(&RPC_UP, [pick.name.as_str()], setup.up);
        }
    }
    if let Some(farmed) = &details.farmed {
        page.add(&WALLET_FARMED, [], farmed.amount.and_then(xch));
        page.add(&WALLET_BLOCKS, [], farmed.blocks);
        page.add(&WALLET_LAST_HEIGHT, [], farmed.last_height);
        page.add(&WALLET_LAST_TIME, [], farmed.last_time);
    }
}

fn connections(service: &str, peers: &Peers, page: &mut Page) {
    for (kind, count) in peers.counts() {
        page.add(&CONNECTIONS, [service, kind], count);
    }
}

fn node(state: &NodeState, snapshot: &Snapshot, page: &mut Page) {
    page.add(&SYNCED, [], state.synced);
    page.add(&SYNC_MODE, [], state.sync_mode);
    page.add(&SYNC_TARGET, [], state.sync_target);
    page.add(&HEIGHT, [], state.height);
    page.add(&PEAK_TIME, [], snapshot.memory.peak_time);
    page.add(&AVERAGE_BLOCK, [], state.average_block_seconds);
    page.add(&DIFFICULTY, [], state.difficulty);
    page.add(&SUB_SLOT_ITERS, [], state.sub_slot_iters);
    page.add(&MEMPOOL, [], state.mempool.transactions);
    page.add(&MEMPOOL_COST, [], state.mempool.cost);
    page.add(&MEMPOOL_MAX, [], state.mempool.max_cost);
    page.add(&SPACE, [], state.space);
}

fn harvester(id: &NodeId, known: &Known, snapshot: &Snapshot, page: &mut Page) {
    let name = known.label.as_str();
    let labels = [name, known.host.as_str()];
    page.add(&CONNECTED, labels, known.connected);
    if known.connected.is_some() {
        page.add(&INFO, [name, &known.host, &id.to_string()], true);
    }
    if let Some(now) = &known.now {
        page.add(&PLOTS, labels, now.plots);
        page.add(&INVALID, labels, now.invalid);
        page.add(&KEYS_MISSING, labels, now.keys_missing);
        page.add(&DUPLICATES, labels, now.duplicates);
        page.add(&BYTES, labels, now.bytes);
        page.add(&EFFECTIVE, labels, now.effective_bytes);
        page.add(&LAST_SCAN, labels, now.last_scan);
        page.add(&PROGRESS, labels, now.scan.and_then(super::farmer::Scan::ratio));
        if now.mode.is_some() {
            for mode in Mode::ALL {
                page.add(&MODE, [name, &known.host, mode.label()], now.mode == Some(mode));
            }
        }
    }
    if let Some(heard) = snapshot.lookups(id) {
        lookups(name, heard, page);
        page.add(&LAST_ANSWER, [name], known.answered.wall());
    }
    page.add(&UNANSWERED, [name], snapshot.unanswered(id));
    if let Some(plots) = snapshot.plots.get(id).filter(|_| known.connected == Some(true)) {
        for (kind, amount) in &plots.kinds {
            let (k, compression) = (kind.size.to_string(), kind.compression());
            let labels = [name, &k, kind.owner.label(), &compression];
            page.add(&KINDS, labels, amount.plots);
            page.add(&KIND_BYTES, labels, amount.bytes);
        }
    }
}

fn lookups(name: &str, heard: &Lookups, page: &mut Page) {
    if heard.seconds.count() > 0 {
        page.add_histogram(&LOOKUP, [name], &heard.seconds);
    }
    page.add(&ELIGIBLE, [name], heard.eligible);
    page.add(&HARVESTER_PROOFS, [name], heard.proofs);
}

fn pool(pool: &Pool, page: &mut Page) {
    let labels = [pool.launcher.as_str(), pool.host.as_str()];
    page.add(&POOL_PLOTS, labels, pool.plots);
    page.add(&POOL_DIFFICULTY, labels, pool.difficulty);
    page.add(&POOL_POINTS, labels, pool.points);
    page.add(&POOL_FOUND, labels, pool.points_found);
    page.add(&POOL_ACKNOWLEDGED, labels, pool.points_acknowledged);
    page.add(&POOL_FOUND_DAY, labels, pool.points_found_24h);
    page.add(&POOL_ACKNOWLEDGED_DAY, labels, pool.points_acknowledged_24h);
    for (result, count) in PARTIALS.into_iter().zip(pool.partials) {
        page.add(&POOL_PARTIALS, [labels[0], labels[1], result], count);
    }
    page.add(&POOL_ERRORS, labels, pool.errors_24h);
}

/// From mojo. Exact to the 53 bits of a float; more XCH than there will ever be are none.
fn xch(mojo: u128) -> Option<f64> {
    const MILLION: u128 = 1_000_000;
    let part = |number: u128| u32::try_from(number).map(f64::from).ok();
    let (whole, rest) = (mojo / (MILLION * MILLION), mojo % (MILLION * MILLION));
    Some(part(whole)? + (part(rest / MILLION)? + part(rest % MILLION)? / 1e6) / 1e6)
}

fn wallet(snapshot: &Snapshot, page: &mut Page) {
    let Some(state) = &snapshot.wallet else { return };
    page.add(&WALLET_SYNCED, [], state.synced);
    page.add(&WALLET_HEIGHT, [], state.height);
    if let Some(peers) = &state.peers {
        connections("wallet", peers, page);
    }
    let confirmed = state.balance.and_then(|balance| balance.confirmed);
    page.add(&WALLET_CONFIRMED, [], confirmed.and_then(xch));
}

fn events(snapshot: &Snapshot, page: &mut Page) {
    let Some(tally) = &snapshot.tally else { return };
    for ((origin, command), count) in tally.received() {
        page.add(&EVENTS, [origin, command], count);
    }
    page.add(&EVENTS_DROPPED, [], tally.dropped);
    page.add(&EVENTS_UNREADABLE, [], tally.unreadable);
    page.add(&LAST_EVENT, [], snapshot.memory.last_event.wall());
    if tally.teller == Teller::Farmer {
        // Who has told of none may be too old to tell, or on another machine: that is no zero.
        let told = tally.points.last.map(|_| (tally.points.seen, tally.proofs));
        page.add(&NODE_POINTS, [], Some(tally.node_points).filter(|points| *points > 0));
        page.add(&POINTS, [], told.map(|(points, _)| points));
        page.add(&MISSED, [], tally.points.missed);
        page.add(&LAST_POINT, [], snapshot.memory.last_point.wall());
        page.add(&PROOFS, [], told.map(|(_, proofs)| proofs));
    }
    if let Some(own) = &tally.own {
        let name = snapshot.own_label.as_str();
        lookups(name, own, page);
        page.add(&PLOTS, [name, ""], own.last.plots);
        page.add(&LAST_ANSWER, [name], snapshot.memory.own_answered.wall());
    }
}

#[cfg(test)]
mod tests;
