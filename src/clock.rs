//! Time as a parameter: the only place that reads the wall clock.
//!
//! Durations are measured on the monotonic clock, so a wall clock that jumps changes what is printed, never what is decided.

mod rfc3339;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Time since 1970-01-01 UTC, without leap seconds. It is kept and read as in RFC 3339, to the nanosecond
/// (`2026-11-21T09:41:07.250Z`), and shown to people in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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

    /// From RFC 3339, with any offset from UTC; nothing for what is no time, and for times before 1970.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        rfc3339::read(text)
    }

    /// The same without what lies below the millisecond.
    #[must_use]
    pub fn in_millis(self) -> Self {
        let below = Duration::from_nanos(u64::from(self.0.subsec_nanos() % 1_000_000));
        Self(self.0.saturating_sub(below))
    }

    /// As it is kept: to the nanosecond.
    pub fn in_full(self) -> String {
        rfc3339::written(self)
    }

    pub const fn since_epoch(self) -> Duration {
        self.0
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

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&rfc3339::written(Self(Duration::from_secs(self.0.as_secs()))))
    }
}

impl serde::Serialize for UnixTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.in_full())
    }
}

impl<'de> serde::Deserialize<'de> for UnixTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_rfc3339(&text).ok_or_else(|| {
            serde::de::Error::custom("a time since 1970 as in RFC 3339 is expected, like 2026-11-21T09:41:07Z")
        })
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

    /// The same clock, whose wall time never goes back: it stands still until the machine's has caught up. For what
    /// compares times that it took itself.
    #[must_use]
    pub fn never_back(&self) -> Self {
        let (clock, latest) = (self.clone(), Mutex::new(UnixTime::default()));
        Self::from_fn(move || {
            let now = clock.now();
            let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = now.wall.max(*latest);
            Now { wall: *latest, ..now }
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    fn a_clock_that_never_goes_back_stands_still_instead() {
        let times = Mutex::new(vec![7_000, 3_000, 5_000]);
        let start = Instant::now();
        let clock = Clock::from_fn(move || Now {
            wall: UnixTime::from_millis(times.lock().unwrap().pop().unwrap()),
            monotonic: start,
        });
        let steady = clock.never_back();
        let told: Vec<UnixTime> = (0..3).map(|_| steady.now().wall).collect();
        assert_eq!(told, [5_000, 5_000, 7_000].map(UnixTime::from_millis));
    }

    #[test]
    fn people_read_whole_seconds_and_records_keep_all_of_a_time() {
        let time = UnixTime::from_duration(Duration::new(1_700_000_000, 250_000_001));
        assert_eq!(time.to_string(), "2023-11-14T22:13:20Z");
        let kept = serde_json::to_string(&time).unwrap();
        assert_eq!(kept, r#""2023-11-14T22:13:20.250000001Z""#);
        assert_eq!(serde_json::from_str::<UnixTime>(&kept).unwrap(), time);
    }

    #[test]
    fn a_time_in_the_future_has_no_age() {
        let earlier = UnixTime::from_millis(1_000);
        let later = UnixTime::from_millis(3_500);
        assert_eq!(earlier.age_at(later), Duration::from_millis(2_500));
        assert_eq!(later.age_at(earlier), Duration::ZERO);
    }
}
