//! Rounds won and blocks made, where a miner service (1.13 and later) keeps them: counted on from the epoch that was
//! seen last.
//!
//! `QueryRecord` needs the recorder switched on, `ListBlocks` a database on a server; a service without either refuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;

use super::MinerServices;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::server::{Asking, Said};
use crate::collectors::venus::wire::{List, Number, Text, nullable};
use crate::exposition::{Desc, Page};
use crate::upstream::{Fault, Refused, VenusCall, Why};

/// Records of one miner in a round; the service allows 288, and two epochs pass in a minute.
const MOST_RECORDS: u64 = 100;
/// Blocks of all miners in a round; five are made in an epoch by the whole network.
const MOST_BLOCKS: u64 = 200;
/// Miners whose blocks are counted: a service that names others all the time cannot fill the memory.
const MOST_COUNTED: usize = 1000;
/// Where nothing was seen yet, records of so many epochs back say where counting begins.
const FIRST_EPOCHS: u64 = 10;

pub(in crate::collectors::venus) static WON: Desc<2> = Desc::counter(
    "venus_miner_won_rounds_total",
    "Rounds that a miner won since farmwarden watches it; absent unless the miner service records them (QueryRecord, from 1.13).",
    &["process", "miner"],
);
pub(in crate::collectors::venus) static BLOCKS: Desc<3> = Desc::counter(
    "venus_miner_blocks_total",
    "Blocks of a miner by what became of them since farmwarden watches it; success can still be orphaned. Absent unless the miner service keeps them (ListBlocks, from 1.13).",
    &["process", "miner", "result"],
);

/// The label values `result`, by the upstream's number less one; 0 is a block that is still being made.
const RESULTS: [&str; 4] = ["success", "timeout", "chain_forked", "error"];

/// What one service keeps; `None` where it keeps nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Epochs of every miner, with whether it won.
    records: Option<BTreeMap<Address, Vec<(u64, bool)>>>,
    blocks: Option<Vec<Block>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    miner: Address,
    epoch: u64,
    /// Index into [`RESULTS`].
    result: usize,
}

/// Up to which epoch each miner of each service was counted.
pub(in crate::collectors::venus) type Seen = BTreeMap<(Arc<str>, Address), u64>;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    won: BTreeMap<(Arc<str>, Address), Count>,
    blocks: BTreeMap<(Arc<str>, Address), (u64, [u64; RESULTS.len()])>,
    /// The last block of each service when counting began: a miner without one yet is counted from there.
    first: BTreeMap<Arc<str>, u64>,
    shown: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    last: u64,
    won: u64,
}

impl MinerServices {
    /// What every service keeps of these miners; `seen` is up to where they were counted, `head` the newest epoch.
    pub(in crate::collectors::venus) async fn wins(
        &self,
        miners: &[Address],
        seen: &Seen,
        head: Option<u64>,
    ) -> Vec<Said<Kept>> {
        let miners = miners.get(..self.most_miners).unwrap_or(miners);
        let ask = async |asking: &mut Asking<'_>| {
            Ok(Kept {
                records: records(asking, miners, seen, head).await?,
                blocks: blocks(asking, miners).await?,
            })
        };
        join_all(self.servers.iter().map(|server| server.ask(ask))).await
    }
}

async fn records(
    asking: &mut Asking<'_>,
    miners: &[Address],
    seen: &Seen,
    head: Option<u64>,
) -> Result<Option<BTreeMap<Address, Vec<(u64, bool)>>>, Fault> {
    let mut records = BTreeMap::new();
    let Some(head) = head else { return Ok(None) };
    for miner in miners {
        let known = seen.get(&(Arc::clone(&asking.server.label), miner.clone()));
        let from = known.map_or(head.saturating_sub(FIRST_EPOCHS), |last| last + 1);
        let query = json!([{"Miner": miner.as_str(), "Epoch": from, "Limit": MOST_RECORDS}]);
        match kept(asking, VenusCall::QUERY_RECORD, query, read_records).await? {
            Some(read) => records.insert(miner.clone(), read),
            None => return Ok(None),
        };
    }
    Ok(Some(records))
}

async fn blocks(asking: &mut Asking<'_>, miners: &[Address]) -> Result<Option<Vec<Block>>, Fault> {
    let miners: Vec<&str> = miners.iter().map(Address::as_str).collect();
    let query = json!([{"Miners": miners, "Limit": MOST_BLOCKS, "Offset": 0}]);
    kept(asking, VenusCall::LIST_BLOCKS, query, read_blocks).await
}

/// A service that says that it keeps nothing has said all there is.
async fn kept<T>(
    asking: &mut Asking<'_>,
    call: VenusCall,
    query: serde_json::Value,
    parse: fn(Option<&[u8]>) -> Result<T, Why>,
) -> Result<Option<T>, Fault> {
    match asking.server.client.call(call, &query, parse).await {
        Err(refusal) if matches!(refusal.kind, Refused::Said(_)) => Ok(None),
        outcome => asking.note(call, outcome),
    }
}

/// Maps of texts, of which not every one has every key.
fn read_records(json: Option<&[u8]>) -> Result<Vec<(u64, bool)>, Why> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(default)]
        epoch: Number,
        #[serde(rename = "winCount", default)]
        wins: Number,
    }
    let records: List<Record> = nullable(json)?;
    let mut read: Vec<(u64, bool)> = records
        .0
        .into_iter()
        .filter_map(|record| Some((record.epoch.count()?, record.wins.count().is_some_and(|wins| wins > 0))))
        .collect();
    read.sort_unstable();
    Ok(read)
}

fn read_blocks(json: Option<&[u8]>) -> Result<Vec<Block>, Why> {
    #[derive(Deserialize)]
    struct Row {
        #[serde(rename = "Miner", default)]
        miner: Text,
        #[serde(rename = "Epoch", default)]
        epoch: Number,
        #[serde(rename = "MineState", default)]
        state: Number,
    }
    let rows: List<Row> = nullable(json)?;
    let read = rows.0.into_iter().filter_map(|row| {
        let state = usize::try_from(row.state.count()?).ok()?;
        Some(Block {
            miner: row.miner.address()?,
            epoch: row.epoch.count()?,
            result: state.checked_sub(1).filter(|result| *result < RESULTS.len())?,
        })
    });
    let mut blocks: Vec<Block> = read.collect();
    blocks.sort_by_key(|block| block.epoch);
    Ok(blocks)
}

impl Tallies {
    pub(in crate::collectors::venus) fn hear(&mut self, said: Vec<Said<Kept>>) {
        self.shown = true;
        for one in said {
            let Ok(kept) = one.outcome else { continue };
            for (miner, records) in kept.records.into_iter().flatten() {
                self.count_records((Arc::clone(&one.label), miner), &records);
            }
            if let Some(blocks) = kept.blocks {
                self.count_blocks(&one.label, &blocks);
            }
        }
    }

    /// What was won before counting began is not counted.
    fn count_records(&mut self, key: (Arc<str>, Address), records: &[(u64, bool)]) {
        let newest = records.last().map(|(epoch, _)| *epoch);
        match self.won.get_mut(&key) {
            Some(count) => {
                let new = records.iter().filter(|(epoch, won)| *won && *epoch > count.last);
                count.won += u64::try_from(new.count()).unwrap_or_default();
                count.last = newest.unwrap_or_default().max(count.last);
            }
            None => {
                if let Some(last) = newest {
                    self.won.insert(key, Count { last, won: 0 });
                }
            }
        }
    }

    fn count_blocks(&mut self, service: &Arc<str>, blocks: &[Block]) {
        let newest = blocks.last().map_or(0, |block| block.epoch);
        let first = *self.first.entry(Arc::clone(service)).or_insert(newest);
        for block in blocks {
            let key = (Arc::clone(service), block.miner.clone());
            if self.blocks.len() >= MOST_COUNTED && !self.blocks.contains_key(&key) {
                continue;
            }
            let (last, counts) = self.blocks.entry(key).or_insert((first, [0; RESULTS.len()]));
            if block.epoch > *last {
                *last = block.epoch;
                if let Some(count) = counts.get_mut(block.result) {
                    *count += 1;
                }
            }
        }
    }

    /// Drops what is shown; the counts stay.
    pub(in crate::collectors::venus) fn expire(&mut self) {
        self.shown = false;
    }

    /// Up to where records were counted.
    pub(in crate::collectors::venus) fn seen(&self) -> Seen {
        let seen = self.won.iter().map(|(key, count)| (key.clone(), count.last));
        seen.collect()
    }

    /// How many miners are counted.
    pub(in crate::collectors::venus) fn miners(&self) -> usize {
        self.won.len().max(self.blocks.len())
    }

    pub(in crate::collectors::venus) fn samples(&self, page: &mut Page) {
        if !self.shown {
            return;
        }
        for ((instance, miner), count) in &self.won {
            page.add(&WON, [instance, miner.as_str()], count.won);
        }
        for ((instance, miner), (_, counts)) in &self.blocks {
            for (result, count) in RESULTS.iter().zip(counts) {
                page.add(&BLOCKS, [instance, miner.as_str(), result], *count);
            }
        }
    }
}

#[cfg(test)]
impl Kept {
    /// A won epoch and a block of one miner.
    pub(in crate::collectors::venus) fn won(miner: &Address, epoch: u64) -> Self {
        let block = Block {
            miner: miner.clone(),
            epoch,
            result: 0,
        };
        Self {
            records: Some([(miner.clone(), vec![(epoch, true)])].into()),
            blocks: Some(vec![block]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(kept: Kept) -> Vec<Said<Kept>> {
        vec![Said {
            label: "miner".into(),
            about: None,
            outcome: Ok(kept),
            missed: Vec::new(),
        }]
    }

    fn page(tallies: &Tallies) -> String {
        let mut page = Page::new(&[]);
        tallies.samples(&mut page);
        page.finish().families().map(|(_, lines)| lines).collect()
    }

    #[test]
    fn wins_and_blocks_are_counted_on_from_where_counting_began() {
        let miner: Address = "f01000".parse().unwrap();
        let mut tallies = Tallies::default();
        tallies.hear(said(Kept::won(&miner, 100)));
        assert!(page(&tallies).starts_with("venus_miner_won_rounds_total{process=\"miner\",miner=\"f01000\"} 0\n"));
        for epoch in [103, 103, 102, 110] {
            tallies.hear(said(Kept::won(&miner, epoch)));
        }
        let shown = page(&tallies);
        assert!(
            shown.contains("won_rounds_total{process=\"miner\",miner=\"f01000\"} 2\n"),
            "{shown}"
        );
        assert!(shown.contains("miner=\"f01000\",result=\"success\"} 2\n"), "{shown}");
        assert_eq!(tallies.seen().values().copied().collect::<Vec<_>>(), [110]);
        tallies.expire();
        assert_eq!(page(&tallies), "");
    }

    #[test]
    fn records_and_blocks_are_read_as_documented() {
        let records =
            br#"[{"epoch":"61","miner":"f01000","winCount":"0"},{"epoch":"60","winCount":"2"},{"error":"x"}]"#;
        assert_eq!(read_records(Some(records)).unwrap(), [(60, true), (61, false)]);
        let blocks = br#"[{"Epoch":4000000,"Miner":"t01000","MineState":1},{"Epoch":3,"Miner":"f01000","MineState":0},
            {"Epoch":2,"Miner":"f01000","MineState":4},{"Epoch":1,"Miner":"f01000","MineState":9}]"#;
        let blocks = read_blocks(Some(blocks)).unwrap();
        assert_eq!(
            blocks
                .iter()
                .map(|block| (block.epoch, block.result))
                .collect::<Vec<_>>(),
            [(2, 3), (4_000_000, 0)]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            drop((read_records(Some(&bytes)), read_blocks(Some(&bytes))));
        }
    }
}
