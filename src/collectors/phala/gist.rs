//! A node in one line, for people.

use std::time::Duration;

use super::snapshot::View;
use super::symptoms::Thresholds;
use crate::clock::Now;
use crate::values;

/// Shorter than a block of any chain that is watched: a height need not have risen since.
const TOO_SHORT_TO_RISE: Duration = Duration::from_secs(1);

/// What the chain's view says; an error when its best block is older than `head_age`.
pub(super) fn gist(view: &View, thresholds: &Thresholds, now: Now) -> Result<String, String> {
    let (Some(head), Some(watch)) = (&view.head, &view.watch) else {
        return Ok(String::new());
    };
    let chain = head.chain_name.as_deref().unwrap_or("a chain without a name");
    let mut words = vec![format!("{chain}: best block {}", head.best)];
    let age = head.timestamp.map(|made| made.age_at(now.wall));
    words.extend(age.map(|age| format!("made {} ago", seconds(age))));
    let still = watch.still_for(now);
    if still > TOO_SHORT_TO_RISE {
        words.push(format!("has not risen for {}", seconds(still)));
    }
    words.extend(head.health.map(|health| match health.peers {
        1 => "1 peer".to_owned(),
        peers => format!("{peers} peers"),
    }));
    if head.health.is_some_and(|health| health.is_syncing) {
        words.push("syncing".to_owned());
    }
    let words = words.join(", ");
    match age {
        Some(age) if age > thresholds.head_age.get() => Err(format!("{words} (limit {})", thresholds.head_age)),
        _ => Ok(words),
    }
}

fn seconds(duration: Duration) -> values::Duration {
    values::Duration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::snapshot::{Chain, Head, Snapshot};
    use super::*;
    use crate::clock::UnixTime;

    fn said(made: UnixTime, later: Duration) -> Result<String, String> {
        let mut now = Now {
            wall: UnixTime::from_millis(1_700_000_000_000),
            monotonic: Instant::now(),
        };
        let mut snapshot = Snapshot::default();
        let head = Head {
            timestamp: Some(made),
            chain_name: Some("Khala".to_owned()),
            ..Head::bare(4242)
        };
        snapshot.chain_mut(Chain::Para).absorb(head, now);
        now.monotonic += later;
        gist(snapshot.chains()[0].1, &Thresholds::default(), now)
    }

    #[test]
    fn a_fresh_head_is_told_and_an_old_one_is_an_error() {
        let fresh = said(UnixTime::from_millis(1_699_999_994_000), Duration::ZERO);
        assert_eq!(fresh.unwrap(), "Khala: best block 4242, made 6s ago");
        let old = said(UnixTime::from_millis(1_699_999_000_000), Duration::from_secs(28));
        assert_eq!(
            old.unwrap_err(),
            "Khala: best block 4242, made 16m40s ago, has not risen for 28s (limit 2m)"
        );
    }
}
