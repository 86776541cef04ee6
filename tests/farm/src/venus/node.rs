//! The node: head, sync, peers, and what the chain's state says of senders and miners. Also as Lotus, behind the same URL.

use serde_json::{Value, json};

use super::{
    access::At,
    people::{Miner, Perm},
    rpc::{Answer, Failure, Outcome, Param, Signature, same, text_at},
    settings::Own,
    text,
    world::World,
};
use crate::clock::unix_ms;

/// The network's power, of which the miners here have a part.
const TOTAL_RAW: &str = "21000000000000000000";
const TOTAL_QUALITY: &str = "25000000000000000000";

/// Accounts of senders are numbered from here on.
const FIRST_ACCOUNT: usize = 2000;

const DEADLINES: u64 = 48;
const DEADLINE: u64 = 60;

/// No larger lists of peers are made up.
const MOST_PEERS: u64 = 10_000;

pub(super) fn signature(at: &At, name: &str) -> Signature {
    const STATE: &[Param] = &[Param::Address, Param::TipSet];
    let (version, lotus) = (at.version(), at.instance.lotus);
    let current = at.path == "/rpc/v1";
    let params: &[Param] = match name {
        "ChainHead" | "ChainGetGenesis" | "SyncState" | "StateNetworkName" => &[],
        "BlockTime" if !lotus => &[],
        "NetPeers" | "StateGetNetworkParams" if version.from(7) || lotus => &[],
        "NetworkPeers" if !version.from(7) && !lotus => &[Param::Bool, Param::Bool, Param::Bool],
        "NodeStatus" if current && (version.from(9) || lotus) => &[Param::Bool],
        "StateGetActor"
        | "StateMinerPower"
        | "StateMinerSectorCount"
        | "StateMinerAvailableBalance"
        | "StateMinerProvingDeadline"
        | "StateMinerInfo"
        | "StateAccountKey" => STATE,
        _ => return None,
    };
    Some((Perm::Read, params))
}

pub(super) fn call(world: &World, at: &At, name: &str, params: &[Value]) -> Answer {
    let settings = &world.settings;
    let head = world.head(&at.name);
    let block_s = settings.block_time_ms / 1000;
    Ok(Outcome::Value(match name {
        "ChainHead" => tipset(world, at, head),
        "ChainGetGenesis" => tipset(world, at, 0),
        "BlockTime" => json!(settings.block_time_ms * 1_000_000),
        "StateNetworkName" => json!(settings.network),
        "StateGetNetworkParams" => json!({
            "NetworkName": settings.network, "BlockDelaySecs": block_s, "ConsensusMinerMinPower": "10995116277760",
            "SupportedProofTypes": [8, 9], "PreCommitChallengeDelay": 150, "ForkUpgradeParams": {}, "Eip155ChainID": 314,
        }),
        "SyncState" => sync_state(world, at, head),
        "NetPeers" => peers(at)
            .map(|(id, address)| json!({"ID": id, "Addrs": [address]}))
            .collect(),
        "NetworkPeers" => {
            let peers = peers(at)
                .map(|(id, address)| json!({"Addr": address, "Peer": id, "Latency": "", "Muxer": "", "Streams": null}));
            json!({"Peers": peers.collect::<Vec<Value>>()})
        }
        "NodeStatus" => {
            let age_ms = unix_ms().saturating_sub(timestamp(world, head) * 1000);
            let peers = count_of_peers(at);
            json!({
                "SyncStatus": {"Epoch": head, "Behind": age_ms / settings.block_time_ms},
                "PeerStatus": {"PeersToPublishMsgs": peers, "PeersToPublishBlocks": peers},
                "ChainStatus": {"BlocksPerTipsetLast100": 0, "BlocksPerTipsetLastFinality": 0},
            })
        }
        "StateGetActor" => return actor(world, text_at(params, 0)),
        "StateAccountKey" => return key(world, text_at(params, 0)),
        _ => return of_miner(world, head, name, text_at(params, 0)),
    }))
}

fn timestamp(world: &World, height: u64) -> u64 {
    world.settings.genesis + height * world.settings.block_time_ms / 1000
}

fn cid(kind: u64, number: u64) -> Value {
    json!({"/": text::cid(kind, number)})
}

/// Era A has neither height nor cids at the top, and other keys in blocks.
fn tipset(world: &World, at: &At, height: u64) -> Value {
    let old = at.version().is_a(at.role) && !at.instance.lotus;
    let count = if height == 0 { 1 } else { world.settings.blocks };
    let block = |number: u64| {
        let block = block(world, at, height, number);
        if old { lowered(block) } else { block }
    };
    let blocks: Vec<Value> = (0..count).map(block).collect();
    let cids: Vec<Value> = (0..count).map(|number| cid(height, number)).collect();
    if old {
        json!({"Blocks": blocks, "Key": cids})
    } else {
        json!({"Cids": cids, "Blocks": blocks, "Height": height})
    }
}

fn block(world: &World, at: &At, height: u64, number: u64) -> Value {
    let settings = &world.settings;
    let miner = settings.miners.first().map_or("f01000", |miner| &miner.id);
    let parents: Vec<Value> = height.checked_sub(1).map(|height| cid(height, 0)).into_iter().collect();
    json!({
        "Miner": text::on_network(miner, at.prefix(&settings.network)),
        "Ticket": {"VRFProof": "Bw=="},
        "ElectionProof": {"WinCount": 1, "VRFProof": "Bw=="},
        "BeaconEntries": [{"Round": height, "Data": "Bw=="}],
        "WinPoStProof": [{"PoStProof": 3, "ProofBytes": "Bw=="}],
        "Parents": parents,
        "ParentWeight": (height * 23_750).to_string(),
        "Height": height,
        "ParentStateRoot": cid(1, height),
        "ParentMessageReceipts": cid(2, height),
        "Messages": cid(3, height + number),
        "BLSAggregate": {"Type": 2, "Data": "Bw=="},
        "Timestamp": timestamp(world, height),
        "BlockSig": {"Type": 2, "Data": "Bw=="},
        "ForkSignaling": 0,
        "ParentBaseFee": settings.base_fee,
    })
}

fn lowered(block: Value) -> Value {
    let Value::Object(members) = block else { return block };
    let members = members.into_iter().map(|(name, value)| {
        let name = if name == "BLSAggregate" {
            "blsAggregate".to_owned()
        } else {
            text::camel(&name)
        };
        (name, value)
    });
    Value::Object(members.collect())
}

/// A target in work while the node is behind; past ones stay in the list.
fn sync_state(world: &World, at: &At, head: u64) -> Value {
    let zone = world.settings.zone_hours;
    let entry = |target: u64, stage: u64, end: u64| {
        json!({
            "WorkerID": target, "Base": tipset(world, at, head), "Target": tipset(world, at, target), "Stage": stage,
            "Height": head, "Start": text::time(unix_ms().saturating_sub(60_000), zone), "End": text::time(end, zone),
            "Message": "",
        })
    };
    let mut syncs = Vec::new();
    if at.instance.is(Own::Lagging) {
        syncs.push(entry(world.settings.epoch, 3, 0));
    }
    syncs.push(entry(head, 4, unix_ms()));
    json!({"ActiveSyncs": syncs, "VMApplied": 123})
}

fn count_of_peers(at: &At) -> u64 {
    if at.instance.is(Own::NoPeers) {
        return 0;
    }
    at.instance.peers.min(MOST_PEERS)
}

fn peers(at: &At) -> impl Iterator<Item = (String, String)> {
    let peer = |number: u64| {
        let id = format!("12D3KooWSimu1atedVenusPeer{number:026}");
        (id, format!("/ip4/10.{}.{}.1/tcp/1347", number / 250, number % 250))
    };
    (0..count_of_peers(at)).map(peer)
}

fn actor(world: &World, address: &str) -> Answer {
    let sender = world
        .settings
        .senders
        .iter()
        .find(|sender| same(&sender.address, address));
    let actor = sender.and_then(|sender| Some((sender.chain_nonce, sender.balance.as_ref()?)));
    let Some((nonce, balance)) = actor else {
        return Err(Failure::said(format!(
            "resolution lookup failed ({address}): resolve address {address}: actor not found"
        )));
    };
    Ok(Outcome::Value(json!({
        "Code": cid(4, 0), "Head": cid(5, nonce), "Nonce": nonce, "Balance": balance, "DelegatedAddress": null,
    })))
}

/// The number of the account that a sender's key belongs to.
fn account(sender: usize) -> String {
    format!("f0{}", FIRST_ACCOUNT + sender)
}

/// The key behind the number of an account.
fn key(world: &World, address: &str) -> Answer {
    let mut senders = world.settings.senders.iter().enumerate();
    match senders.find(|(number, _)| same(&account(*number), address)) {
        Some((_, sender)) => Ok(Outcome::Value(json!(sender.address))),
        None => Err(Failure::said(format!(
            "failed to get account actor state for {address}"
        ))),
    }
}

fn of_miner(world: &World, head: u64, name: &str, address: &str) -> Answer {
    let mut miners = world.settings.miners.iter().filter(|miner| miner.on_chain);
    let Some(miner) = miners.find(|miner| same(&miner.id, address)) else {
        return Err(Failure::said(format!("load miner actor {address}: actor not found")));
    };
    Ok(Outcome::Value(match name {
        "StateMinerPower" => json!({
            "MinerPower": {"RawBytePower": miner.raw_power, "QualityAdjPower": miner.quality_power},
            "TotalPower": {"RawBytePower": TOTAL_RAW, "QualityAdjPower": TOTAL_QUALITY},
            "HasMinPower": miner.has_min_power,
        }),
        "StateMinerSectorCount" => json!({"Live": miner.live, "Active": miner.active, "Faulty": miner.faulty}),
        "StateMinerAvailableBalance" => json!(miner.available),
        "StateMinerInfo" => json!({
            "Owner": "f0900", "Worker": account(miner.worker), "NewWorker": "<empty>", "ControlAddresses": [],
            "WorkerChangeEpoch": -1, "PeerId": null, "Multiaddrs": null, "WindowPoStProofType": 3,
            "SectorSize": 34_359_738_368_u64, "WindowPoStPartitionSectors": 2349, "ConsensusFaultElapsed": -1,
        }),
        _ => deadline(miner, head),
    }))
}

fn deadline(miner: &Miner, head: u64) -> Value {
    let period = DEADLINES * DEADLINE;
    let start = head.saturating_sub((head + period - miner.proving_offset % period) % period);
    let index = head.saturating_sub(start) / DEADLINE;
    let open = start + index * DEADLINE;
    json!({
        "CurrentEpoch": head, "PeriodStart": start, "Index": index, "Open": open, "Close": open + DEADLINE,
        "Challenge": open.saturating_sub(20), "FaultCutoff": open.saturating_sub(70), "WPoStPeriodDeadlines": DEADLINES,
        "WPoStProvingPeriod": period, "WPoStChallengeWindow": DEADLINE, "WPoStChallengeLookback": 20,
        "FaultDeclarationCutoff": 70,
    })
}
