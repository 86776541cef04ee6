//! What is remembered of a pool between rounds.

use std::time::Duration;

use tokio::time::Instant;

use super::memory::{Hour, Since, Stands};
use super::pool::Pool;

#[derive(Clone, Debug, Default)]
pub(super) struct PoolMemory {
    /// Since when the count of valid partials stands.
    pub(super) valid: Stands<Option<u64>>,
    /// Partials of a day by the points that were found, the most since a valid one was counted: what is found falls, too,
    /// while nothing goes on.
    a_day: Option<u64>,
    /// Rejected ones, and all.
    pub(super) partials: Hour<(u64, u64)>,
    pub(super) errors: Since,
    last_errors: Option<u64>,
    rose: Option<Instant>,
}

/// Without a new one for this long, errors have ended.
const ERRORS_END_AFTER: Duration = Duration::from_secs(600);

/// The chance of none is e^-8 then.
const FEWEST_EXPECTED: u128 = 8;
const A_DAY: Duration = Duration::from_secs(86_400);

impl PoolMemory {
    pub(super) fn see(&mut self, pool: &Pool, now: Instant) {
        let [valid, ..] = pool.partials;
        self.valid.see(valid.or(pool.points_acknowledged), now);
        let a_day = pool.points_found_24h.zip(pool.difficulty);
        let a_day = a_day.and_then(|(points, difficulty)| points.checked_div(difficulty));
        let goes_on = self.valid.lasts(now).is_some_and(|stands| stands.is_zero());
        self.a_day = if goes_on { a_day } else { self.a_day.max(a_day) };
        if let Some((rejected, all)) = counts(pool) {
            if self.partials.values().last().is_some_and(|(_, before)| before > all) {
                // The farmer was started anew.
                self.partials.forget();
            }
            self.partials.see((rejected, all), now);
        }
        let rose = pool
            .errors_24h
            .zip(self.last_errors)
            .is_some_and(|(errors, before)| errors > before);
        if rose {
            self.rose = Some(now);
        }
        self.last_errors = pool.errors_24h;
        let goes_on = self
            .rose
            .is_some_and(|rose| now.duration_since(rose) < ERRORS_END_AFTER);
        self.errors.see(goes_on, now);
    }

    /// Whether so many partials are expected within `time` that none at all is no chance.
    pub(super) fn expects_some(&self, time: Duration) -> bool {
        let expected = self
            .a_day
            .map(|a_day| u128::from(a_day).saturating_mul(time.as_millis()));
        expected.is_some_and(|expected| expected >= FEWEST_EXPECTED * A_DAY.as_millis())
    }

    /// Stale and invalid partials since the oldest count of the hour, and all.
    pub(super) fn within_the_hour(&self, pool: &Pool) -> Option<(u64, u64)> {
        let (rejected_then, all_then) = self.partials.oldest()?;
        let (rejected, all) = counts(pool)?;
        Some((rejected.checked_sub(rejected_then)?, all.checked_sub(all_then)?))
    }
}

/// Stale and invalid partials, and all. Since 2.0.
fn counts(pool: &Pool) -> Option<(u64, u64)> {
    let [_, stale, invalid, ..] = pool.partials;
    let all = pool.partials.iter().flatten();
    Some((
        stale?.saturating_add(invalid?),
        all.fold(0, |sum: u64, count| sum.saturating_add(*count)),
    ))
}
