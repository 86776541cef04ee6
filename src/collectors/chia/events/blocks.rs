//! What the node tells of blocks, of which the names of the official exporter speak.

use std::collections::BTreeMap;

use super::super::plots::Size;
use super::pushed::Block;

/// Blocks since farmwarden listens. What the release does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Blocks {
    pub(in super::super) transactions: u64,
    /// By the plot that won them; bounded, as a k has seven bits.
    pub(in super::super) by_size: BTreeMap<Size, u64>,
    /// Cost and fees of the last transaction block.
    pub(in super::super) cost: Option<u128>,
    pub(in super::super) fees: Option<u128>,
    /// Of the last block, in seconds.
    pub(in super::super) pre_validation: Option<f64>,
    pub(in super::super) validation: Option<f64>,
    pub(in super::super) last: Option<Reorganisation>,
    /// The last that was one.
    pub(in super::super) last_reorganisation: Option<Reorganisation>,
}

/// What a block took back of the chain before it: nothing, of most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Reorganisation {
    /// In blocks.
    pub(in super::super) depth: u64,
    /// Rolled back in the database.
    pub(in super::super) records: u64,
}

impl Blocks {
    pub(super) fn add(&mut self, block: &Block) {
        let k = block.k_size.small().and_then(|k| u8::try_from(k).ok());
        let size = match (k, block.strength.small()) {
            (Some(k), _) => Size::of(k),
            (None, Some(_)) => Size::V2,
            (None, None) => Size::Unknown,
        };
        *self.by_size.entry(size).or_default() += 1;
        if block.has_transactions {
            self.transactions += 1;
            (self.cost, self.fees) = (block.cost.0, block.fees.0);
        }
        self.pre_validation = block.pre_validation_time.0;
        self.validation = block.validation_time.0;
        self.last = reorganisation(block);
        self.last_reorganisation = self.last.filter(|last| last.depth > 0).or(self.last_reorganisation);
    }
}

fn reorganisation(block: &Block) -> Option<Reorganisation> {
    let (height, fork) = (block.height.small()?, block.fork_height.small()?);
    Some(Reorganisation {
        // The block itself is not taken back.
        depth: height.saturating_sub(fork).saturating_sub(1),
        records: block.rolled_back_records.small().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(texts: &[&str]) -> Blocks {
        let mut blocks = Blocks::default();
        for text in texts {
            blocks.add(&serde_json::from_str(text).unwrap());
        }
        blocks
    }

    #[test]
    fn blocks_are_counted_by_the_plot_that_won_them() {
        let blocks = heard(&[
            r#"{"transaction_block": true, "k_size": 32, "block_cost": 7, "block_fees": 9}"#,
            r#"{"transaction_block": false, "k_size": 32, "block_cost": 0, "block_fees": 0}"#,
            r#"{"transaction_block": false, "k_size": null, "strength": 2}"#,
            r#"{"transaction_block": false}"#,
        ]);
        let expected = [(Size::K(32), 2), (Size::V2, 1), (Size::Unknown, 1)];
        assert_eq!(blocks.by_size, BTreeMap::from(expected));
        // A block without transactions has neither, and takes nothing away.
        assert_eq!((blocks.transactions, blocks.cost, blocks.fees), (1, Some(7), Some(9)));
    }

    #[test]
    fn a_reorganisation_stands_until_the_next() {
        let deep = r#"{"transaction_block": false, "height": 30, "fork_height": 26, "rolled_back_records": 12}"#;
        let usual = r#"{"transaction_block": false, "height": 31, "fork_height": 30, "rolled_back_records": 0}"#;
        let blocks = heard(&[deep, usual]);
        let (depth, records) = (3, 12);
        assert_eq!(blocks.last, Some(Reorganisation::default()));
        assert_eq!(blocks.last_reorganisation, Some(Reorganisation { depth, records }));
        assert_eq!(heard(&[r#"{"transaction_block": false}"#]).last, None);
    }
}
