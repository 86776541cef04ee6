//! Time as a parameter: the only place that reads the wall clock.
//!
//! Durations are measured on the monotonic clock, so a wall clock that jumps changes what is printed, never what is decided.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For timestamps that people and Prometheus read.
    pub wall: UnixTime,
    /// For every "how long ago".
    pub monotonic: Instant,
}

/// Time since 1970-01-01 UTC, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UnixTime(Duration);

impl UnixTime {
    pub const fn from_duration(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    pub const fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// How long before `later` this was; zero when it lies after it (clocks differ between machines).
    pub fn age_at(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }

    /// Not before 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// Where a room takes the time from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl Clock {
    /// The clocks of the machine.
    pub fn system() -> Self {
        Self::from_fn(|| Now {
            wall: system_wall(),
            monotonic: Instant::now(),
        })
    }

    /// A clock of the caller's; tests use it to stop, advance and turn back time.
    pub fn from_fn(read: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub fn now(&self) -> Now {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn system_wall() -> UnixTime {
    // A clock set before 1970 reads as 1970: wrong on the page, and nothing else depends on it.
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    UnixTime(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_the_future_has_no_age() {
        let earlier = UnixTime::from_millis(1_000);
        let later = UnixTime::from_millis(3_500);
        assert_eq!(earlier.age_at(later), Duration::from_millis(2_500));
        assert_eq!(later.age_at(earlier), Duration::ZERO);
    }
}
