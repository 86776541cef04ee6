//! What a farmer says of its harvesters.

use serde::Deserialize;

use super::wire::{Figure, Lenient, Listed, Short, parse, time};
use crate::clock::UnixTime;
use crate::upstream::Why;
use crate::upstream::chia::NodeId;

/// One harvester that is connected now, as `get_harvesters_summary` counts its plots. What is unknown is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Harvester {
    pub id: NodeId,
    /// Where it connects from, as the farmer sees it.
    pub host: String,
    pub plots: Option<u64>,
    pub invalid: Option<u64>,
    pub keys_missing: Option<u64>,
    pub duplicates: Option<u64>,
    /// Sum of the files.
    pub bytes: Option<u128>,
    /// What the plots are worth, whatever their compression. Since 2.0.
    pub effective_bytes: Option<u128>,
    pub scan: Option<Scan>,
    /// When it last finished looking through all its directories.
    pub last_scan: Option<UnixTime>,
    pub mode: Option<Mode>,
}

/// A look through the directories that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    pub initial: bool,
    pub processed: u64,
    pub total: u64,
}

impl Scan {
    /// From 0 to 1; of nothing to be looked at, all of it.
    pub(super) fn ratio(self) -> Option<f64> {
        let (processed, total) = (u32::try_from(self.processed).ok()?, u32::try_from(self.total).ok()?);
        Some(if total == 0 {
            1.0
        } else {
            (f64::from(processed) / f64::from(total)).min(1.0)
        })
    }
}

/// What lookups run on. Since 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Cpu,
    Gpu,
}

impl Mode {
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Gpu];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

impl Harvester {
    /// One that is only known to be connected: the farmer counts no plots (before 1.6).
    pub(super) const fn bare(id: NodeId, host: String) -> Self {
        Self {
            id,
            host,
            plots: None,
            invalid: None,
            keys_missing: None,
            duplicates: None,
            bytes: None,
            effective_bytes: None,
            scan: None,
            last_scan: None,
            mode: None,
        }
    }
}

#[derive(Deserialize)]
struct Summary {
    harvesters: Vec<Lenient<Raw>>,
}

#[derive(Deserialize)]
struct Raw {
    connection: Connection,
    #[serde(default)]
    plots: Figure,
    #[serde(default)]
    failed_to_open_filenames: Figure,
    #[serde(default)]
    no_key_filenames: Figure,
    #[serde(default)]
    duplicates: Figure,
    #[serde(default)]
    total_plot_size: Figure,
    #[serde(default)]
    total_effective_plot_size: Figure,
    #[serde(default)]
    syncing: Lenient<RawScan>,
    #[serde(default)]
    last_sync_time: Lenient<f64>,
    #[serde(default)]
    harvesting_mode: Figure,
}

#[derive(Deserialize)]
struct Connection {
    node_id: NodeId,
    #[serde(default)]
    host: Short,
}

#[derive(Deserialize)]
struct RawScan {
    #[serde(default)]
    initial: Lenient<bool>,
    #[serde(default)]
    plot_files_processed: Figure,
    #[serde(default)]
    plot_files_total: Figure,
}

/// An answer of `get_harvesters_summary`. The same harvester twice is one: the last.
pub(super) fn summary(body: &[u8]) -> Result<Listed<Harvester>, Why> {
    let Summary { harvesters } = parse(body)?;
    let Listed { all: raws, skipped } = Listed::of(harvesters, MOST_HARVESTERS)?;
    let mut all: Vec<Harvester> = Vec::new();
    for raw in raws {
        let next = harvester(raw);
        all.retain(|other| other.id != next.id);
        all.push(next);
    }
    Ok(Listed { all, skipped })
}

/// No farm has as many; without it an answer could fill page and memory with strangers.
pub(super) const MOST_HARVESTERS: usize = 1_000;

fn harvester(raw: Raw) -> Harvester {
    let scan = raw.syncing.0.and_then(|scan| {
        Some(Scan {
            initial: scan.initial.0.unwrap_or_default(),
            processed: scan.plot_files_processed.small()?,
            total: scan.plot_files_total.small()?,
        })
    });
    let mode = match raw.harvesting_mode.0 {
        Some(1) => Some(Mode::Cpu),
        Some(2) => Some(Mode::Gpu),
        _ => None,
    };
    Harvester {
        id: raw.connection.node_id,
        host: raw.connection.host.0,
        plots: raw.plots.small(),
        invalid: raw.failed_to_open_filenames.small(),
        keys_missing: raw.no_key_filenames.small(),
        duplicates: raw.duplicates.small(),
        bytes: raw.total_plot_size.0,
        effective_bytes: raw.total_effective_plot_size.0,
        scan,
        last_scan: raw.last_sync_time.0.and_then(time),
        mode,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::recorded;
    use super::*;

    #[test]
    fn harvesters_are_read_with_their_counts() {
        let all = summary(&recorded("farmer.get_harvesters_summary")).unwrap().all;
        let [first, second] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert_eq!(
            (first.id.short().as_str(), first.host.as_str()),
            ("51a08231", "127.0.0.1")
        );
        assert_eq!(
            (first.plots, first.invalid, first.keys_missing, first.duplicates),
            (Some(15), Some(1), Some(1), Some(1))
        );
        assert_eq!(
            (first.bytes, first.effective_bytes),
            (Some(66_767_078), Some(62_961_116))
        );
        assert_eq!((first.mode, first.scan), (Some(Mode::Cpu), None));
        assert_eq!(second.plots, Some(3));
        let scanned = first.last_scan.unwrap().as_secs_f64();
        assert!((scanned - 1_795_193_140.489_528_2).abs() < 1e-6);
    }

    #[test]
    fn a_first_scan_and_an_old_release_are_read() {
        let id = "ab".repeat(32);
        let text = format!(
            r#"{{"harvesters": [{{"connection": {{"node_id": "{id}", "host": null}}, "plots": 0, "harvesting_mode": null,
                "syncing": {{"initial": true, "plot_files_processed": 300, "plot_files_total": 1200}},
                "last_sync_time": null, "total_plot_size": 20000000000000000000}}]}}"#
        );
        let all = summary(text.as_bytes()).unwrap().all;
        let scan = Scan {
            initial: true,
            processed: 300,
            total: 1200,
        };
        let expected = Harvester {
            plots: Some(0),
            bytes: Some(20_000_000_000_000_000_000),
            scan: Some(scan),
            ..Harvester::bare(id.parse().unwrap(), String::new())
        };
        assert_eq!(all, [expected]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_costs_only_itself() {
        let id = "ab".repeat(32);
        let strange = r#""plots": 7, "last_sync_time": "soon", "syncing": {"initial": 3, "plot_files_processed": 1, "plot_files_total": 2}"#;
        let text = format!(
            r#"{{"harvesters": [{{"connection": {{"node_id": "xyz"}}}}, 7, {{"connection": {{"node_id": "{id}"}}, {strange}}}]}}"#
        );
        let Listed { all, skipped } = summary(text.as_bytes()).unwrap();
        assert_eq!((all.len(), skipped), (1, 2));
        assert_eq!((all[0].plots, all[0].last_scan), (Some(7), None));
        assert!(all[0].scan.is_some_and(|scan| scan.total == 2));
        let none = summary(br#"{"harvesters": [{"connection": {"node_id": "xyz"}}]}"#);
        assert_eq!(none.unwrap_err().reason(), crate::upstream::Reason::Malformed);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_picture_or_a_fault(bytes: Vec<u8>) {
            drop(summary(&bytes));
        }
    }
}
