//! What a farmer says of its harvesters and its pools.

use serde::Deserialize;
use serde::de::IgnoredAny;

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

/// One plot NFT, as `get_pool_state` counts since the farmer started. Neither addresses nor a pool's words are taken up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// First eight digits of the launcher's id.
    pub launcher: String,
    /// The pool's host name; empty for farming alone.
    pub host: String,
    pub plots: Option<u64>,
    pub difficulty: Option<u64>,
    pub points: Option<u64>,
    pub points_found: Option<u64>,
    pub points_acknowledged: Option<u64>,
    pub points_found_24h: Option<u64>,
    pub points_acknowledged_24h: Option<u64>,
    /// In the order of `PARTIALS`. Since 2.0.
    pub partials: [Option<u64>; PARTIALS.len()],
    pub errors_24h: Option<u64>,
}

/// What can become of a partial.
pub(super) const PARTIALS: [&str; 5] = ["valid", "stale", "invalid", "missing", "insufficient"];

#[derive(Deserialize)]
struct PoolState {
    pool_state: Vec<Lenient<RawPool>>,
}

#[derive(Deserialize)]
struct RawPool {
    pool_config: RawConfig,
    #[serde(default)]
    plot_count: Figure,
    #[serde(default)]
    current_difficulty: Figure,
    #[serde(default)]
    current_points: Figure,
    #[serde(default)]
    points_found_since_start: Figure,
    #[serde(default)]
    points_acknowledged_since_start: Figure,
    points_found_24h: Option<Points>,
    points_acknowledged_24h: Option<Points>,
    #[serde(default)]
    valid_partials_since_start: Figure,
    #[serde(default)]
    stale_partials_since_start: Figure,
    #[serde(default)]
    invalid_partials_since_start: Figure,
    #[serde(default)]
    missing_partials_since_start: Figure,
    #[serde(default)]
    insufficient_partials_since_start: Figure,
    pool_errors_24h: Option<Vec<IgnoredAny>>,
}

/// Addresses beside these are not read.
#[derive(Deserialize)]
struct RawConfig {
    #[serde(default)]
    launcher_id: Short,
    pool_url: Option<String>,
}

/// A list of `[unix, points]`; entries of another form count for nothing.
#[derive(Deserialize)]
struct Points(Vec<serde_json::Value>);

impl Points {
    fn sum(&self) -> u64 {
        let points = self.0.iter().filter_map(|entry| entry.get(1)?.as_u64());
        points.fold(0, u64::saturating_add)
    }
}

/// A farm has one or two; some hundred would still be read.
const MOST_POOLS: usize = 256;

/// An answer of `get_pool_state`.
pub(super) fn pools(body: &[u8]) -> Result<Listed<Pool>, Why> {
    let PoolState { pool_state } = parse(body)?;
    let Listed { all, skipped } = Listed::of(pool_state, MOST_POOLS)?;
    Ok(Listed {
        all: all.into_iter().map(pool).collect(),
        skipped,
    })
}

fn pool(raw: RawPool) -> Pool {
    let url = raw.pool_config.pool_url.unwrap_or_default();
    let partials = [
        raw.valid_partials_since_start,
        raw.stale_partials_since_start,
        raw.invalid_partials_since_start,
        raw.missing_partials_since_start,
        raw.insufficient_partials_since_start,
    ];
    Pool {
        launcher: launcher(&raw.pool_config.launcher_id.0),
        host: url::Url::parse(&url)
            .ok()
            .and_then(|url| url.host_str().map(ToOwned::to_owned))
            .unwrap_or_default(),
        plots: raw.plot_count.small(),
        difficulty: raw.current_difficulty.small(),
        points: raw.current_points.small(),
        points_found: raw.points_found_since_start.small(),
        points_acknowledged: raw.points_acknowledged_since_start.small(),
        points_found_24h: raw.points_found_24h.map(|points| points.sum()),
        points_acknowledged_24h: raw.points_acknowledged_24h.map(|points| points.sum()),
        partials: partials.map(Figure::small),
        errors_24h: raw.pool_errors_24h.and_then(|errors| u64::try_from(errors.len()).ok()),
    }
}

/// With `0x` before 2.7.5, without since.
fn launcher(id: &str) -> String {
    id.strip_prefix("0x").unwrap_or(id).chars().take(8).collect()
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
        let pools = pools(br#"{"pool_state": [7, {"pool_config": {}}]}"#).unwrap();
        assert_eq!((pools.all.len(), pools.skipped), (1, 1));
    }

    #[test]
    fn a_pool_is_read_without_addresses_and_words() {
        let all = pools(&recorded("farmer.get_pool_state")).unwrap().all;
        let expected = Pool {
            launcher: "5c8d18cf".to_owned(),
            host: "127.0.0.1".to_owned(),
            plots: Some(8),
            difficulty: Some(10),
            points: Some(0),
            points_found: Some(140),
            points_acknowledged: Some(120),
            // The recording holds the first four entries.
            points_found_24h: Some(40),
            points_acknowledged_24h: Some(40),
            partials: [Some(12), Some(2), Some(0), Some(0), Some(0)],
            errors_24h: Some(3),
        };
        assert_eq!(all, [expected]);
        let told = format!("{all:?}");
        assert!(!told.contains("6edc1a4e") && !told.contains("not known"), "{told}");
    }

    #[test]
    fn a_plot_nft_that_farms_alone_and_an_old_release_are_read() {
        let text = br#"{"pool_state": [{"pool_config": {"launcher_id": "0xABCDEF0123", "pool_url": ""}, "current_difficulty": null}]}"#;
        let all = pools(text).unwrap().all;
        let expected = Pool {
            launcher: "ABCDEF01".to_owned(),
            ..Pool::default()
        };
        assert_eq!(all, [expected]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_picture_or_a_fault(bytes: Vec<u8>) {
            drop((summary(&bytes), pools(&bytes)));
        }
    }
}
