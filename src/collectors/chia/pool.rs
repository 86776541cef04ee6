//! What a farmer says of its pools.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::wire::{Figure, Lenient, Listed, Short, parse};
use crate::upstream::Why;

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
        let partly = pools(br#"{"pool_state": [7, {"pool_config": {}}]}"#).unwrap();
        assert_eq!((partly.all.len(), partly.skipped), (1, 1));
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
            drop(pools(&bytes));
        }
    }
}
