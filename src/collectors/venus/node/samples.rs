//! Nodes, wallets and miners on the chain, as samples.

use super::{HeadSeen, NetworkSeen, STAGES};
use crate::clock::Now;
use crate::collectors::venus::snapshot::Snapshot;
use crate::exposition::{Desc, Page};

pub(in crate::collectors::venus) static INFO: Desc<2> = Desc::info(
    "venus_chain_info",
    "The network that a node follows (StateNetworkName).",
    &["process", "network"],
);
pub(in crate::collectors::venus) static HEAD: Desc<1> = Desc::gauge(
    "venus_chain_head_epoch",
    "Epoch of the newest tipset that a node has; it answers with its newest even while it is hours behind (ChainHead).",
    &["process"],
);
pub(in crate::collectors::venus) static EXPECTED: Desc<1> = Desc::gauge(
    "venus_chain_expected_epoch",
    "The epoch that it was by the clock when the node was asked, counted from genesis (ChainGetGenesis, BlockTime).",
    &["process"],
);
pub(in crate::collectors::venus) static BEHIND: Desc<1> = Desc::gauge(
    "venus_chain_epochs_behind",
    "Epochs between head and clock when the node was asked: 1 is normal, 2 an epoch without a block (ChainHead).",
    &["process"],
);
pub(in crate::collectors::venus) static HEAD_TIME: Desc<1> = Desc::gauge(
    "venus_chain_head_timestamp_seconds",
    "When the head was made, since 1970: the earliest time of its blocks (ChainHead).",
    &["process"],
);
pub(in crate::collectors::venus) static BLOCKS: Desc<1> = Desc::gauge(
    "venus_chain_head_blocks",
    "Blocks in the head's tipset; five are expected (ChainHead).",
    &["process"],
);
pub(in crate::collectors::venus) static BASE_FEE: Desc<1> = Desc::gauge(
    "venus_chain_base_fee_attofil",
    "Base fee of the network in attoFIL per unit of gas (ChainHead, ParentBaseFee).",
    &["process"],
);
pub(in crate::collectors::venus) static SYNCS: Desc<2> = Desc::gauge(
    "venus_chain_sync_targets",
    "Targets of synchronisation by stage: the running ones and up to ten past ones, which stay complete (SyncState).",
    &["process", "stage"],
);
pub(in crate::collectors::venus) static PEERS: Desc<1> = Desc::gauge(
    "venus_node_peers",
    "Peers of a node (NetPeers; NetworkPeers before 1.7).",
    &["process"],
);
pub(in crate::collectors::venus) static PUBLISH_PEERS: Desc<2> = Desc::gauge(
    "venus_node_publish_peers",
    "Peers that take messages or blocks from a node; with 0 nothing gets out. From 1.9 (NodeStatus).",
    &["process", "topic"],
);
pub(in crate::collectors::venus) static BALANCE: Desc<1> = Desc::gauge(
    "venus_wallet_balance_fil",
    "Balance of a wallet or sender in FIL; 0 also when the chain has never heard of it (StateGetActor).",
    &["address"],
);
pub(in crate::collectors::venus) static CHAIN_NONCE: Desc<1> = Desc::gauge(
    "venus_wallet_chain_nonce",
    "The next nonce that the chain expects of a wallet or sender; absent when the chain has never heard of it (StateGetActor).",
    &["address"],
);
pub(in crate::collectors::venus) static POWER: Desc<2> = Desc::gauge(
    "venus_miner_power_bytes",
    "Power of a miner in bytes, raw and quality adjusted (StateMinerPower).",
    &["miner", "kind"],
);
pub(in crate::collectors::venus) static HAS_POWER: Desc<1> = Desc::gauge(
    "venus_miner_has_min_power",
    "1 if a miner has the least power with which it can win (StateMinerPower).",
    &["miner"],
);
pub(in crate::collectors::venus) static SECTORS: Desc<2> = Desc::gauge(
    "venus_miner_sectors",
    "Sectors of a miner by state; live ones include those that are faulty (StateMinerSectorCount).",
    &["miner", "state"],
);
pub(in crate::collectors::venus) static AVAILABLE: Desc<1> = Desc::gauge(
    "venus_miner_available_balance_fil",
    "What a miner can spend or withdraw in FIL; below zero when it owes (StateMinerAvailableBalance).",
    &["miner"],
);
pub(in crate::collectors::venus) static DEADLINE: Desc<1> = Desc::gauge(
    "venus_miner_deadline_index",
    "Number of the proving window that is open for a miner, 0 to 47 (StateMinerProvingDeadline).",
    &["miner"],
);
pub(in crate::collectors::venus) static DEADLINE_CLOSE: Desc<1> = Desc::gauge(
    "venus_miner_deadline_close_epoch",
    "Epoch after which a proof for the open window is worthless (StateMinerProvingDeadline).",
    &["miner"],
);

pub(in crate::collectors::venus) fn samples(snapshot: &Snapshot, page: &mut Page) {
    for (view, seen) in snapshot.heads.seen() {
        head(&view.label, seen, view.at(), page);
    }
    for (view, seen) in snapshot.networks.seen() {
        network(&view.label, seen, page);
    }
    for (address, said) in snapshot.wallets.iter().flat_map(|claims| &claims.rows) {
        let actor = said.actor.as_ref();
        let balance = actor.and_then(|actor| actor.balance.as_ref());
        page.add(&BALANCE, [address.as_str()], balance);
        page.add(&CHAIN_NONCE, [address.as_str()], actor.and_then(|actor| actor.nonce));
    }
    for (miner, state) in snapshot.states.iter().flat_map(|claims| &claims.rows) {
        let miner = miner.as_str();
        if let Some(power) = state.power {
            page.add(&POWER, [miner, "raw"], power.raw);
            page.add(&POWER, [miner, "quality_adjusted"], power.quality_adjusted);
            page.add(&HAS_POWER, [miner], power.has_minimum);
        }
        if let Some(sectors) = state.sectors {
            page.add(&SECTORS, [miner, "live"], sectors.live);
            page.add(&SECTORS, [miner, "active"], sectors.active);
            page.add(&SECTORS, [miner, "faulty"], sectors.faulty);
        }
        page.add(&AVAILABLE, [miner], state.available.as_ref());
        page.add(&DEADLINE, [miner], state.deadline.and_then(|deadline| deadline.index));
        page.add(
            &DEADLINE_CLOSE,
            [miner],
            state.deadline.and_then(|deadline| deadline.close),
        );
    }
}

fn head(instance: &str, seen: &HeadSeen, at: Option<Now>, page: &mut Page) {
    let wall = at.map(|at| at.wall);
    if let Some(network) = &seen.chain.network {
        page.add(&INFO, [instance, network], true);
    }
    page.add(&HEAD, [instance], seen.head.epoch);
    page.add(&EXPECTED, [instance], wall.and_then(|wall| seen.chain.expected(wall)));
    page.add(&BEHIND, [instance], wall.and_then(|wall| seen.behind(wall)));
    page.add(&HEAD_TIME, [instance], seen.head.made);
    page.add(&BLOCKS, [instance], seen.head.blocks);
    let fee = seen.head.base_fee.as_ref();
    page.add(&BASE_FEE, [instance], fee.map(|fee| fee.attofil()));
}

fn network(instance: &str, seen: &NetworkSeen, page: &mut Page) {
    page.add(&PEERS, [instance], seen.peers);
    if let Some(publish) = seen.publish {
        page.add(&PUBLISH_PEERS, [instance, "messages"], publish.messages);
        page.add(&PUBLISH_PEERS, [instance, "blocks"], publish.blocks);
    }
    for (stage, count) in STAGES.iter().zip(seen.syncs.into_iter().flatten()) {
        page.add(&SYNCS, [instance, stage], count);
    }
}
