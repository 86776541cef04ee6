//! `/probe?target=`: one target, looked at now, as Prometheus' multi-target exporters do it.
//!
//! Only configured targets, so nobody can make us ask an address of their choice.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::exposition::{Desc, Family, Format, Page, write_families};
use crate::store::{Slot, Store};

static SUCCESS: Desc<0> = Desc::gauge(
    "probe_success",
    "1 if every part of the target answered in time, in a round that began no earlier than a second before this request. \
     Only in answers of /probe.",
    &[],
);
static DURATION: Desc<0> = Desc::gauge(
    "probe_duration_seconds",
    "How long this probe took. Only in answers of /probe.",
    &[],
);

/// The families that only `/probe` has.
pub const FAMILIES: &[&Family] = &[SUCCESS.family(), DURATION.family()];

/// Prometheus' own default, for a client that names none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is left of the scraper's timeout for the way back.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);
/// Longer waits are nobody's scrape.
const LONGEST: Duration = Duration::from_mins(2);
/// A round that began this long ago is as good as a new one: a client that asks without pause costs a target one round a
/// second.
const FRESH: Duration = Duration::from_secs(1);

/// How long a probe may take by the header `X-Prometheus-Scrape-Timeout-Seconds`.
pub(super) fn timeout(header: Option<&str>) -> Result<Duration, String> {
    let wanted = match header {
        None => DEFAULT_TIMEOUT,
        Some(text) => {
            let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
            let wanted = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            wanted.ok_or_else(|| {
                "X-Prometheus-Scrape-Timeout-Seconds must be a number of seconds above zero".to_owned()
            })?
        }
    };
    // Of a very short one, half.
    let left = wanted.checked_sub(TIMEOUT_OFFSET).unwrap_or_default().max(wanted / 2);
    Ok(left.min(LONGEST))
}

/// The value of `target` in a query string; names need no unescaping.
pub(super) fn target_of(query: Option<&str>) -> Option<&str> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(key, value)| (key == "target").then_some(value))
}

/// Looks at the target and gives its part of the page. After `within` it is given up; what was known before is then on
/// the page, and `probe_success` is 0.
pub(super) async fn page(
    store: &Store,
    slot: &Slot,
    within: Duration,
    order: &[&'static Family],
    format: Format,
) -> String {
    let started = Instant::now();
    let not_before = started.checked_sub(FRESH).unwrap_or(started);
    let looked = tokio::time::timeout(within, slot.look(not_before)).await.is_ok();
    let up = slot.parts().iter().all(|part| part.up == Some(true));
    let mut probe = Page::new(&[]);
    probe.add(&SUCCESS, [], looked && up);
    probe.add(&DURATION, [], started.elapsed());
    let [status, data] = slot.pages();
    let pages = [
        Arc::new(probe.finish()),
        status,
        data,
        Arc::new(store.symptoms_of(&slot.name)),
    ];
    let mut out = String::new();
    let order = [FAMILIES, order].concat();
    write_families(&order, pages.iter().map(AsRef::as_ref), format, &mut out);
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_second_of_the_scrapers_timeout_is_left_for_the_way_back() {
        let seconds = |header| timeout(header).map(|timeout| timeout.as_secs_f64());
        assert_eq!(seconds(None), Ok(9.5));
        assert_eq!(seconds(Some("5")), Ok(4.5));
        assert_eq!(seconds(Some("0.6")), Ok(0.3));
        assert_eq!(seconds(Some("1e9")), Ok(120.0));
        for wrong in ["", "0", "-1", "NaN", "inf", "ten", "1e400"] {
            assert!(timeout(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_target_is_found_in_the_query() {
        assert_eq!(target_of(Some("module=x&target=node-1")), Some("node-1"));
        assert_eq!(target_of(Some("target=")), Some(""));
        assert_eq!(target_of(Some("xtarget=a&target")), None);
        assert_eq!(target_of(None), None);
    }
}
