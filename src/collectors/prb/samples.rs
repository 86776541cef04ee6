//! The families of a PRB and its processes, and the pure map from its picture to samples.

use std::collections::BTreeMap;

use super::message::Kind;
use super::on_chain::samples as chain_samples;
use super::peer::Role;
use super::queue;
use super::runtime;
use super::snapshot::{Inventory, PeerView, Snapshot, Workers};
use super::v3;
use super::v3::transactions::{State, Transactions};
use super::worker::{Provider, ProviderState, Status};
use super::worker_samples::{self, Around};
use crate::exposition::{Desc, Family, Page};

static INFO: Desc<2> = Desc::info(
    "phala_prb_info",
    "Which PRB it is: v2 and v0 by their monitors, v3 by its worker manager, with the revision that this was built from (/wm/status).",
    &["prb", "git_revision"],
);
static PEER_INFO: Desc<5> = Desc::info(
    "phala_prb_peer_info",
    "A process of a PRB that the monitor lists; being listed does not mean being alive (/ptp/discover). Of v3 the worker manager, of v0 its fetcher and its lifecycle manager.",
    &["peer", "role", "peer_id", "bridge_identity", "address"],
);
static PEER_UP: Desc<2> = Desc::gauge(
    "phala_prb_peer_up",
    "1 if the last call to this process brought an answer (GetDataProviderInfo, GetWorkerStatus; v3: /workers/status; v0: callOnlineFetcher, queryWorkerState); 0 also when the monitor no longer lists it.",
    &["peer", "role"],
);
static PROVIDER_STATE: Desc<2> = Desc::gauge(
    "phala_prb_data_provider_state",
    "1 for the state that the data provider reports; one that has just started says idle although it knows nothing (GetDataProviderInfo).",
    &["peer", "state"],
);
static PROVIDER_HEIGHT: Desc<3> = Desc::gauge(
    "phala_prb_data_provider_block_height",
    "How far the data provider is: target is what its node has finalized, processed what workers can be given; committed may be hours behind. Absent until known (GetDataProviderInfo).",
    &["peer", "chain", "stage"],
);
static WORKERS: Desc<3> = Desc::gauge(
    "phala_prb_workers",
    "Workers that the lifecycle has loaded, by state (GetWorkerStatus).",
    &["lifecycle", "pool", "state"],
);
static MESSAGES: Desc<2> = Desc::gauge(
    "phala_prb_worker_messages",
    "Workers by the kind of their last message, which is never cleared and may be old (GetWorkerStatus).",
    &["lifecycle", "kind"],
);
static DUPLICATES: Desc<1> = Desc::gauge(
    "phala_prb_duplicate_workers",
    "Reports left out because the same worker was reported before, in the last round (GetWorkerStatus).",
    &["lifecycle"],
);
static CONFIGURED: Desc<1> = Desc::gauge(
    "phala_prb_workers_configured",
    "Workers in the lifecycle's database, enabled or not (ListWorker).",
    &["lifecycle"],
);
static ENABLED: Desc<1> = Desc::gauge(
    "phala_prb_workers_enabled",
    "Enabled workers in the lifecycle's database (ListWorker); compare with the workers that are loaded.",
    &["lifecycle"],
);
static POOLS: Desc<1> = Desc::gauge(
    "phala_prb_pools",
    "Pools in the lifecycle's database, enabled or not (ListPool).",
    &["lifecycle"],
);
static POOL_ENABLED: Desc<2> = Desc::gauge(
    "phala_prb_pool_enabled",
    "1 if the pool is enabled in the lifecycle's database (ListPool).",
    &["lifecycle", "pool"],
);
static POOL_INFO: Desc<4> = Desc::info(
    "phala_prb_pool_info",
    "Name of a pool, and whether its workers follow the chain only (ListPool).",
    &["lifecycle", "pool", "name", "sync_only"],
);

static TRANSACTIONS: Desc<2> = Desc::gauge(
    "phala_prb_transactions_by_state",
    "Transactions of a worker manager since it started, by state; where it has more than is read of its list, those that are over are counted among the newest only (v3: /tx/status).",
    &["lifecycle", "state"],
);
static TRANSACTIONS_MADE: Desc<1> = Desc::counter(
    "phala_prb_transactions_total",
    "Transactions that a worker manager has made since it started (v3: /tx/status tx_count).",
    &["lifecycle"],
);
static TRANSACTIONS_CUT: Desc<1> = Desc::gauge(
    "phala_prb_transactions_cut",
    "1 if the list of transactions, which is never trimmed, is longer than the 4 MiB that are read of it (v3: /tx/status).",
    &["lifecycle"],
);

pub(super) const FAMILIES: &[&Family] = &[
    INFO.family(),
    PEER_INFO.family(),
    PEER_UP.family(),
    PROVIDER_STATE.family(),
    PROVIDER_HEIGHT.family(),
    WORKERS.family(),
    MESSAGES.family(),
    DUPLICATES.family(),
    CONFIGURED.family(),
    ENABLED.family(),
    POOLS.family(),
    POOL_ENABLED.family(),
    POOL_INFO.family(),
    TRANSACTIONS.family(),
    TRANSACTIONS_MADE.family(),
    TRANSACTIONS_CUT.family(),
    queue::FAMILIES[0],
    queue::FAMILIES[1],
    queue::FAMILIES[2],
    queue::FAMILIES[3],
    worker_samples::INFO.family(),
    worker_samples::STATE.family(),
    worker_samples::SESSION_STATE.family(),
    worker_samples::PARA_BLOCK.family(),
    worker_samples::PARA_HEADER.family(),
    worker_samples::RELAY_HEADER.family(),
    worker_samples::LAG.family(),
    worker_samples::MESSAGE_TIME.family(),
    worker_samples::MESSAGE_INFO.family(),
    worker_samples::STAKE.family(),
    worker_samples::V.family(),
    worker_samples::VE.family(),
    worker_samples::P_INITIAL.family(),
    worker_samples::P_INSTANT.family(),
    worker_samples::REWARD.family(),
    worker_samples::V_UPDATED.family(),
    worker_samples::CHALLENGED.family(),
    worker_samples::COOL_DOWN.family(),
    worker_samples::CHAIN_STAKE.family(),
    chain_samples::HEIGHT.family(),
    chain_samples::TIME.family(),
    chain_samples::ONLINE.family(),
    chain_samples::PAUSED.family(),
    chain_samples::WINDOW.family(),
    chain_samples::COOL_DOWN.family(),
    chain_samples::UNREADABLE.family(),
    chain_samples::BALANCE.family(),
    runtime::FAMILIES[0],
    runtime::FAMILIES[1],
    runtime::FAMILIES[2],
    runtime::FAMILIES[3],
    runtime::FAMILIES[4],
    runtime::FAMILIES[5],
    runtime::FAMILIES[6],
    runtime::FAMILIES[7],
    runtime::FAMILIES[8],
    runtime::FAMILIES[9],
    runtime::FAMILIES[10],
    runtime::FAMILIES[11],
    runtime::FAMILIES[12],
    runtime::FAMILIES[13],
    runtime::FAMILIES[14],
    runtime::FAMILIES[15],
    runtime::FAMILIES[16],
    runtime::FAMILIES[17],
];

pub(super) fn samples(snapshot: &Snapshot, page: &mut Page) {
    chain_samples::samples(&snapshot.chain, page);
    if let (Some(version), Some(_)) = (snapshot.version, &snapshot.listing) {
        let revision = snapshot.revision.as_deref().unwrap_or_default();
        page.add(&INFO, [version, revision], true);
    }
    if let Some(known) = &snapshot.transactions {
        transactions(known, page);
    }
    for view in snapshot.peers() {
        peer(view, snapshot.listing.is_some(), page);
        if let Some(seen) = &view.provider {
            provider(&view.label, &seen.value, page);
        }
        if let Some(seen) = &view.workers {
            counts(&view.label, &seen.value, page);
            let around = Around {
                provided: snapshot.provided(&view.peer),
                chain: &snapshot.chain,
            };
            worker_samples::samples(&view.label, &seen.value, &around, snapshot.detail, page);
        }
        if let Some(seen) = &view.inventory {
            inventory(&view.label, &seen.value, page);
        }
    }
    queue::samples(&snapshot.queues, page);
    runtime::samples(snapshot, page);
}

fn peer(view: &PeerView, listed: bool, page: &mut Page) {
    if view.peer.role == Role::Solo {
        return;
    }
    let (label, peer) = (view.label.as_str(), &view.peer);
    let role = peer.role.label();
    let labels = [label, role, peer.id.as_str(), &peer.bridge, &peer.address];
    page.add(&PEER_INFO, labels, listed.then_some(true));
    page.add(&PEER_UP, [label, role], view.up());
}

fn transactions(known: &Transactions, page: &mut Page) {
    for state in State::ALL {
        page.add(&TRANSACTIONS, [v3::PEER, state.label()], known.count(state));
    }
    page.add(&TRANSACTIONS_MADE, [v3::PEER], known.made);
    page.add(&TRANSACTIONS_CUT, [v3::PEER], known.cut);
}

fn provider(label: &str, provider: &Provider, page: &mut Page) {
    for state in ProviderState::ALL {
        page.add(&PROVIDER_STATE, [label, state.label()], provider.state == state);
    }
    for (chain, stages) in [("para", provider.para), ("relay", provider.relay)] {
        for (stage, height) in stages.named() {
            page.add(&PROVIDER_HEIGHT, [label, chain, stage], height);
        }
    }
}

fn counts(label: &str, workers: &Workers, page: &mut Page) {
    let mut pools: BTreeMap<Option<u64>, [u64; Status::ALL.len()]> = BTreeMap::new();
    let mut kinds = [0_u64; Kind::ALL.len()];
    for row in &workers.rows {
        let states = pools.entry(row.worker.identity.pool).or_default();
        count(states, &Status::ALL, row.worker.status);
        count(&mut kinds, &Kind::ALL, row.worker.message.kind);
    }
    for (pool, states) in pools {
        let pool = worker_samples::pool(pool);
        for (state, number) in Status::ALL.iter().zip(states) {
            page.add(&WORKERS, [label, &pool, state.label()], number);
        }
    }
    for (kind, number) in Kind::ALL.iter().zip(kinds) {
        page.add(&MESSAGES, [label, kind.label()], number);
    }
    page.add(&DUPLICATES, [label], workers.duplicates);
}

fn count<T: PartialEq + Copy, const MANY: usize>(numbers: &mut [u64; MANY], values: &[T; MANY], value: T) {
    for (number, _) in numbers.iter_mut().zip(values).filter(|(_, other)| **other == value) {
        *number += 1;
    }
}

fn inventory(label: &str, inventory: &Inventory, page: &mut Page) {
    let workers = &inventory.workers.rows;
    page.add(&CONFIGURED, [label], workers.len());
    page.add(
        &ENABLED,
        [label],
        workers.iter().filter(|worker| worker.enabled).count(),
    );
    page.add(&POOLS, [label], inventory.pools.len());
    for known in &inventory.pools {
        let number = worker_samples::pool(known.number);
        page.add(&POOL_ENABLED, [label, &number], known.enabled);
        let sync_only = worker_samples::yes_no(known.sync_only);
        page.add(&POOL_INFO, [label, &number, &known.name, sync_only], true);
    }
}

#[cfg(test)]
mod tests;
