//! The plots of a harvester one by one, counted while they are read: a list of 100,000 is 58 MB and never held as one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::wire::{Figure, parse};
use crate::upstream::Why;

/// What the plots of a harvester are, and where they lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plots {
    pub kinds: BTreeMap<Kind, Amount>,
    pub directories: BTreeMap<PathBuf, u64>,
    /// Plots whose kind or directory did not find room in the lists above.
    pub left_out: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub plots: u64,
    pub bytes: u128,
}

/// What tells plots apart for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub size: Size,
    pub owner: Owner,
    /// The level; `None` where the release does not say (before 2.0).
    pub compression: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    K(u8),
    /// The second format, whatever its strength.
    V2,
    Unknown,
}

impl Size {
    /// The top bit tells the second format; below it is the strength then, and not k. 130 is no k130.
    pub(super) const fn of(size: u8) -> Self {
        if size & 0x80 == 0 { Self::K(size) } else { Self::V2 }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::K(k) => write!(f, "{k}"),
            Self::V2 => f.write_str("v2"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Who gets what a plot wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Of the original kind, with a key.
    Original,
    /// Of a plot NFT: can be pooled.
    Pool,
}

impl Owner {
    /// As the official exporter calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Original => "og",
            Self::Pool => "pool",
        }
    }
}

impl Kind {
    /// The label value `compression`.
    pub fn compression(self) -> String {
        self.compression
            .map_or_else(|| "unknown".to_owned(), |level| level.to_string())
    }
}

/// A farm has a handful; without it an answer could fill the page.
const MOST_KINDS: usize = 64;
/// A machine has some hundred disks.
const MOST_DIRECTORIES: usize = 4_096;

impl Plots {
    fn count(&mut self, plot: &Plot<'_>) {
        let small = |figure: Figure| figure.0.and_then(|number| u8::try_from(number).ok());
        let kind = Kind {
            size: small(plot.size).map_or(Size::Unknown, Size::of),
            owner: match plot.pool_contract_puzzle_hash {
                Some(_) => Owner::Pool,
                None => Owner::Original,
            },
            compression: small(plot.compression_level),
        };
        let directory = plot.filename.as_deref().and_then(|file| Path::new(file).parent());
        let mut placed = false;
        if self.kinds.len() < MOST_KINDS || self.kinds.contains_key(&kind) {
            let amount = self.kinds.entry(kind).or_default();
            amount.plots += 1;
            amount.bytes = amount.bytes.saturating_add(plot.file_size.0.unwrap_or_default());
            placed = true;
        }
        if let Some(directory) = directory {
            if let Some(count) = self.directories.get_mut(directory) {
                *count += 1;
            } else if self.directories.len() < MOST_DIRECTORIES {
                self.directories.insert(directory.to_owned(), 1);
            } else {
                placed = false;
            }
        }
        self.left_out += u64::from(!placed);
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(deserialize_with = "counted")]
    plots: Plots,
}

#[derive(Deserialize)]
struct Plot<'a> {
    #[serde(borrow)]
    filename: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    size: Figure,
    #[serde(default)]
    file_size: Figure,
    #[serde(default)]
    compression_level: Figure,
    /// Null for original plots.
    pool_contract_puzzle_hash: Option<IgnoredAny>,
}

fn counted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Plots, D::Error> {
    struct Counting;
    impl<'de> Visitor<'de> for Counting {
        type Value = Plots;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of plots")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut plots: A) -> Result<Plots, A::Error> {
            let mut counts = Plots::default();
            while let Some(plot) = plots.next_element::<Plot<'de>>()? {
                counts.count(&plot);
            }
            Ok(counts)
        }
    }
    deserializer.deserialize_seq(Counting)
}

/// An answer of `get_harvester_plots_valid` with all plots on one page.
pub(super) fn page(body: &[u8]) -> Result<Plots, Why> {
    parse::<Page>(body).map(|page| page.plots)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::testing::recorded;
    use super::*;

    /// Recordings are cut, and say so in a last entry.
    fn whole(name: &str) -> Vec<u8> {
        let mut answer: serde_json::Value = serde_json::from_slice(&recorded(name)).unwrap();
        answer["plots"]
            .as_array_mut()
            .unwrap()
            .retain(serde_json::Value::is_object);
        serde_json::to_vec(&answer).unwrap()
    }

    fn kind(size: Size, owner: Owner, compression: Option<u8>) -> Kind {
        Kind {
            size,
            owner,
            compression,
        }
    }

    #[test]
    fn plots_are_counted_by_kind_and_directory() {
        let plots = page(&whole("farmer.get_harvester_plots_valid")).unwrap();
        let directory = Path::new("/mnt/plots/disk1").to_owned();
        assert_eq!(plots.directories, BTreeMap::from([(directory, 4)]));
        let amount = Amount {
            plots: 4,
            bytes: 3_797_899 + 3_793_159 + 3_898_706 + 3_995_186,
        };
        let original = kind(Size::K(18), Owner::Original, Some(0));
        assert_eq!(plots.kinds, BTreeMap::from([(original, amount)]));
    }

    #[test]
    fn plots_of_the_second_format_are_no_k130() {
        let text = br#"{"plots": [{"size": 130, "pool_contract_puzzle_hash": "0x1", "file_size": 7},
            {"size": 32, "pool_contract_puzzle_hash": null, "compression_level": null, "file_size": 20000000000000000000},
            {"size": 700}]}"#;
        let plots = page(text).unwrap();
        let kinds: Vec<_> = plots
            .kinds
            .into_iter()
            .map(|(kind, amount)| (kind, amount.bytes))
            .collect();
        assert_eq!(
            kinds,
            [
                (kind(Size::K(32), Owner::Original, None), 20_000_000_000_000_000_000),
                (kind(Size::V2, Owner::Pool, None), 7),
                (kind(Size::Unknown, Owner::Original, None), 0),
            ]
        );
    }

    #[test]
    fn an_answer_with_endless_kinds_is_bounded() {
        let mut text = String::from("{\"plots\": [");
        for number in 0..5_000 {
            let comma = if number == 0 { "" } else { "," };
            let (size, level) = (number % 128, number / 128);
            write!(
                text,
                r#"{comma}{{"filename": "/d{number}/p.plot", "size": {size}, "compression_level": {level}}}"#
            )
            .unwrap();
        }
        text.push_str("]}");
        let plots = page(text.as_bytes()).unwrap();
        assert_eq!(
            (plots.kinds.len(), plots.directories.len()),
            (MOST_KINDS, MOST_DIRECTORIES)
        );
        assert_eq!(plots.left_out, 5_000 - 64);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_counts_or_a_fault(bytes: Vec<u8>) {
            drop(page(&bytes));
        }
    }
}
