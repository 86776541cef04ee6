//! What a node answers, for every era and for Lotus: pure, from bytes.
//!
//! Section 1 of the contract.

use std::time::Duration;

use serde::Deserialize;

use crate::clock::UnixTime;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::amount::AttoFil;
use crate::collectors::venus::wire::{Length, List, Number, Text, from_json, nullable, required};
use crate::upstream::Why;

/// The newest tipset that the node has; it says nothing about being synchronised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub epoch: u64,
    /// The earliest of its blocks' times.
    pub made: Option<UnixTime>,
    pub blocks: u64,
    pub base_fee: Option<AttoFil>,
}

/// Capital letters since v1.2; before, blocks have small ones and the tipset no height of its own.
#[derive(Deserialize)]
struct TipSet {
    #[serde(rename = "Height", alias = "height", default)]
    height: Number,
    #[serde(rename = "Blocks", alias = "blocks", default)]
    blocks: List<Block>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "Height", alias = "height", default)]
    height: Number,
    #[serde(rename = "Timestamp", alias = "timestamp", default)]
    timestamp: Number,
    #[serde(rename = "ParentBaseFee", alias = "parentBaseFee", default)]
    base_fee: Text,
}

impl Block {
    fn made(&self) -> Option<UnixTime> {
        let seconds = self
            .timestamp
            .count()
            .filter(|seconds| *seconds > 0 && *seconds < LAST_SECOND)?;
        Some(UnixTime::from_duration(Duration::from_secs(seconds)))
    }
}

/// The year 2200: what is later is no time of a block.
const LAST_SECOND: u64 = 7_258_118_400;

pub(super) fn head(json: Option<&[u8]>) -> Result<Head, Why> {
    let tipset: TipSet = required(json)?;
    let blocks = &tipset.blocks.0;
    let of_block = || blocks.first().and_then(|block| block.height.count());
    let Some(epoch) = tipset.height.count().or_else(of_block) else {
        return Err(Why::malformed("a tipset without a height"));
    };
    Ok(Head {
        epoch,
        made: blocks.iter().filter_map(Block::made).min(),
        blocks: u64::try_from(blocks.len()).unwrap_or(u64::MAX),
        base_fee: blocks.first().and_then(|block| block.base_fee.amount()),
    })
}

/// When the chain began.
pub(super) fn genesis(json: Option<&[u8]>) -> Result<UnixTime, Why> {
    let tipset: TipSet = required(json)?;
    let first = tipset.blocks.0.first().and_then(Block::made);
    first.ok_or_else(|| Why::malformed("a genesis without a time"))
}

/// How long an epoch takes; the answer is in nanoseconds.
pub(super) fn block_time(json: Option<&[u8]>) -> Result<Duration, Why> {
    let Number(nanos) = required(json)?;
    let nanos = nanos.and_then(|nanos| u64::try_from(nanos).ok());
    let sound = nanos.map(Duration::from_nanos).filter(|time| EPOCHS.contains(time));
    sound.ok_or_else(|| Why::malformed("an epoch that is no time"))
}

/// Real ones take 30 s, those of test networks 4 s and less.
const EPOCHS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);

pub(super) fn text(json: Option<&[u8]>) -> Result<String, Why> {
    let text: Text = required(json)?;
    let text = text.cut();
    if text.is_empty() {
        return Err(Why::malformed("nothing where a name was asked for"));
    }
    Ok(text)
}

/// `NetPeers`: a list.
pub(super) fn peers(json: Option<&[u8]>) -> Result<u64, Why> {
    nullable::<Length>(json).map(|length| length.0)
}

/// `NetworkPeers`, of nodes before 1.7.
pub(super) fn older_peers(json: Option<&[u8]>) -> Result<u64, Why> {
    #[derive(Deserialize)]
    struct Peers {
        #[serde(rename = "Peers", alias = "peers", default)]
        peers: Length,
    }
    required::<Peers>(json).map(|said| said.peers.0)
}

/// The label values `stage`, by the upstream's number; Venus uses idle, message sync and complete only.
pub const STAGES: [&str; 7] = [
    "idle",
    "header_sync",
    "persisting_headers",
    "message_sync",
    "complete",
    "error",
    "fetching_messages",
];

/// How many targets are in each stage: running ones and up to ten past ones.
pub type SyncTargets = [u64; STAGES.len()];

pub(super) fn sync_targets(json: Option<&[u8]>) -> Result<SyncTargets, Why> {
    #[derive(Deserialize)]
    struct State {
        #[serde(rename = "ActiveSyncs", alias = "activeSyncs", default)]
        active: List<Sync>,
    }
    #[derive(Deserialize)]
    struct Sync {
        #[serde(rename = "Stage", alias = "stage", default)]
        stage: Number,
    }
    let state: State = required(json)?;
    let mut counts = SyncTargets::default();
    for sync in state.active.0 {
        let number = sync.stage.count().and_then(|number| usize::try_from(number).ok());
        if let Some(count) = number.and_then(|number| counts.get_mut(number)) {
            *count += 1;
        }
    }
    Ok(counts)
}

/// Peers that take messages and blocks from this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishPeers {
    pub messages: Option<u64>,
    pub blocks: Option<u64>,
}

pub(super) fn publish_peers(json: Option<&[u8]>) -> Result<PublishPeers, Why> {
    #[derive(Deserialize)]
    struct Status {
        #[serde(rename = "PeerStatus")]
        peers: Peers,
    }
    #[derive(Deserialize)]
    struct Peers {
        #[serde(rename = "PeersToPublishMsgs", default)]
        messages: Number,
        #[serde(rename = "PeersToPublishBlocks", default)]
        blocks: Number,
    }
    let Status { peers } = required(json)?;
    Ok(PublishPeers {
        messages: peers.messages.count(),
        blocks: peers.blocks.count(),
    })
}

/// A wallet as the chain has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    pub balance: Option<AttoFil>,
    /// The next nonce that the chain expects.
    pub nonce: Option<u64>,
}

pub(super) fn actor(json: Option<&[u8]>) -> Result<Actor, Why> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "Balance", alias = "balance", default)]
        balance: Text,
        #[serde(rename = "Nonce", alias = "nonce", default)]
        nonce: Number,
    }
    let said: Said = required(json)?;
    Ok(Actor {
        balance: said.balance.amount(),
        nonce: said.nonce.count(),
    })
}

/// A miner's power in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Power {
    pub raw: Option<u128>,
    pub quality_adjusted: Option<u128>,
    /// Below the minimum it never wins.
    pub has_minimum: Option<bool>,
}

pub(super) fn power(json: Option<&[u8]>) -> Result<Power, Why> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "MinerPower")]
        miner: Claim,
        #[serde(rename = "HasMinPower")]
        has_minimum: Option<bool>,
    }
    #[derive(Deserialize)]
    struct Claim {
        #[serde(rename = "RawBytePower", default)]
        raw: Number,
        #[serde(rename = "QualityAdjPower", default)]
        quality_adjusted: Number,
    }
    let said: Said = required(json)?;
    let bytes = |number: Number| number.0.and_then(|number| u128::try_from(number).ok());
    Ok(Power {
        raw: bytes(said.miner.raw),
        quality_adjusted: bytes(said.miner.quality_adjusted),
        has_minimum: said.has_minimum,
    })
}

/// A miner's sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Sectors {
    #[serde(rename = "Live", deserialize_with = "count", default)]
    pub live: Option<u64>,
    #[serde(rename = "Active", deserialize_with = "count", default)]
    pub active: Option<u64>,
    #[serde(rename = "Faulty", deserialize_with = "count", default)]
    pub faulty: Option<u64>,
}

/// The proving window that is open for a miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Deadline {
    #[serde(rename = "Index", deserialize_with = "count", default)]
    pub index: Option<u64>,
    #[serde(rename = "Open", deserialize_with = "count", default)]
    pub open: Option<u64>,
    /// A proof for this window is worthless after this epoch.
    #[serde(rename = "Close", deserialize_with = "count", default)]
    pub close: Option<u64>,
}

fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Number::deserialize(deserializer).map(Number::count)
}

pub(super) fn sectors(json: Option<&[u8]>) -> Result<Sectors, Why> {
    required(json)
}

pub(super) fn deadline(json: Option<&[u8]>) -> Result<Deadline, Why> {
    required(json)
}

/// `StateMinerInfo`: the account whose key signs for the miner.
pub(super) fn worker(json: Option<&[u8]>) -> Result<Address, Why> {
    #[derive(Deserialize)]
    struct Info {
        #[serde(rename = "Worker", alias = "worker", default)]
        worker: Text,
    }
    let info: Info = required(json)?;
    info.worker
        .address()
        .ok_or_else(|| Why::malformed("a miner without a worker"))
}

/// `StateAccountKey`.
pub(super) fn address(json: Option<&[u8]>) -> Result<Address, Why> {
    let text: Text = required(json)?;
    text.address().ok_or_else(|| Why::malformed("no address"))
}

pub(super) fn balance(json: Option<&[u8]>) -> Result<AttoFil, Why> {
    let text: Text = from_json(json.unwrap_or(b"null"))?;
    text.amount()
        .ok_or_else(|| Why::malformed("an amount that is no number"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = r#"{"Cids":[{"/":"bafy2"}],"Blocks":[
        {"Miner":"f01000","Height":4000000,"Timestamp":1718306400,"ParentBaseFee":"100"},
        {"Miner":"f01001","Height":4000000,"Timestamp":1718306399,"ParentBaseFee":"100"}],"Height":4000000}"#;
    const OLD_HEAD: &str = r#"{"Blocks":[{"miner":"t01000","height":1000000,"timestamp":1628306400,"parentBaseFee":"2100000000"}],
        "Key":[{"/":"bafy2"}]}"#;

    #[test]
    fn heads_of_both_spellings_are_read() {
        let read = |json: &str| head(Some(json.as_bytes())).unwrap();
        let new = read(HEAD);
        assert_eq!((new.epoch, new.blocks), (4_000_000, 2));
        assert_eq!(new.made, Some(UnixTime::from_millis(1_718_306_399_000)));
        assert_eq!(new.base_fee, AttoFil::read("100"));
        let old = read(OLD_HEAD);
        assert_eq!((old.epoch, old.base_fee), (1_000_000, AttoFil::read("2100000000")));
        assert_eq!(
            genesis(Some(OLD_HEAD.as_bytes())).unwrap(),
            UnixTime::from_millis(1_628_306_400_000)
        );
    }

    #[test]
    fn a_head_without_height_or_with_impossible_times_is_not_made_up() {
        assert!(head(None).is_err() && head(Some(b"{}")).is_err() && head(Some(br#"{"Blocks":null}"#)).is_err());
        let far =
            r#"{"Blocks":[{"Height":1,"Timestamp":99999999999999,"ParentBaseFee":"\u003cnil\u003e"}],"Height":1}"#;
        let far = head(Some(far.as_bytes())).unwrap();
        assert_eq!((far.made, far.base_fee), (None, None));
    }

    #[test]
    fn the_other_answers_are_read_as_documented() {
        assert_eq!(block_time(Some(b"30000000000")).unwrap(), Duration::from_secs(30));
        assert!(block_time(Some(b"0")).is_err() && block_time(None).is_err());
        assert_eq!(text(Some(b"\"mainnet\"")).unwrap(), "mainnet");
        assert_eq!(peers(Some(br#"[{"ID":"12D3","Addrs":[]},{"ID":"12D4"}]"#)).unwrap(), 2);
        assert_eq!(peers(None).unwrap(), 0);
        assert_eq!(older_peers(Some(br#"{"Peers":[{"Peer":"12D3"}]}"#)).unwrap(), 1);
        let syncs = br#"{"ActiveSyncs":[{"Stage":3},{"Stage":4},{"Stage":4},{"Stage":99}],"VMApplied":1}"#;
        assert_eq!(sync_targets(Some(syncs)).unwrap(), [0, 0, 0, 1, 2, 0, 0]);
        assert_eq!(sync_targets(Some(br#"{"ActiveSyncs":null}"#)).unwrap(), [0; 7]);
        let status = br#"{"PeerStatus":{"PeersToPublishMsgs":42,"PeersToPublishBlocks":0}}"#;
        assert_eq!(
            publish_peers(Some(status)).unwrap(),
            PublishPeers {
                messages: Some(42),
                blocks: Some(0)
            }
        );
        let said = actor(Some(br#"{"Nonce":12,"Balance":"1000000000000000000"}"#)).unwrap();
        assert_eq!(
            (said.nonce, said.balance.unwrap().to_string()),
            (Some(12), "1 FIL".to_owned())
        );
        let said =
            br#"{"MinerPower":{"RawBytePower":"34359738368","QualityAdjPower":"343597383680"},"HasMinPower":true}"#;
        let said = power(Some(said)).unwrap();
        assert_eq!((said.raw, said.has_minimum), (Some(34_359_738_368), Some(true)));
        assert_eq!(
            sectors(Some(br#"{"Live":100,"Active":99,"Faulty":1}"#)).unwrap().faulty,
            Some(1)
        );
        assert_eq!(
            deadline(Some(br#"{"Index":17,"Open":1,"Close":61}"#)).unwrap().close,
            Some(61)
        );
        assert_eq!(balance(Some(b"\"-5\"")).unwrap(), AttoFil::read("-5").unwrap());
        assert!(balance(Some(b"\"<nil>\"")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let json = Some(bytes.as_slice());
            drop((head(json), genesis(json), text(json), sync_targets(json), actor(json), balance(json)));
            drop((power(json), sectors(json), deadline(json), peers(json)));
        }
    }
}
