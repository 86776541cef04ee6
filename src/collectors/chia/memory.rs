//! What is remembered between rounds, so that "for ten minutes" can be told. All of it is measured on the monotonic clock.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Now, UnixTime};

/// Since when something is so. It begins anew when it was otherwise, or out of sight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since(Option<Instant>);

impl Since {
    pub(super) fn see(&mut self, is_so: bool, now: Instant) {
        self.0 = is_so.then(|| self.0.unwrap_or(now));
    }

    /// Out of sight.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    pub(super) fn lasts(&self, now: Instant) -> Option<Duration> {
        self.0.map(|since| now.duration_since(since))
    }
}

/// A value, and since when it stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Stands<T>(Option<(T, Instant)>);

impl<T: PartialEq> Stands<T> {
    pub(super) fn see(&mut self, value: T, now: Instant) {
        if self.0.as_ref().is_none_or(|(before, _)| *before != value) {
            self.0 = Some((value, now));
        }
    }

    /// Out of sight.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    pub(super) fn value(&self) -> Option<T>
    where
        T: Copy,
    {
        self.0.as_ref().map(|(value, _)| *value)
    }

    pub(super) fn lasts(&self, now: Instant) -> Option<Duration> {
        self.0.as_ref().map(|(_, since)| now.duration_since(*since))
    }
}

/// Something of the last hour, with when it was so.
#[derive(Clone, Debug, Default)]
pub(super) struct Hour<T>(VecDeque<(Instant, T)>);

const HOUR: Duration = Duration::from_secs(3_600);
/// A point is kept this often, which costs 60 of them; at worst the hour is a minute short.
const STEP: Duration = Duration::from_secs(60);

impl<T: Copy> Hour<T> {
    pub(super) fn see(&mut self, value: T, now: Instant) {
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) > HOUR) {
            self.0.pop_front();
        }
        if self.0.back().is_none_or(|(at, _)| now.duration_since(*at) >= STEP) {
            self.0.push_back((now, value));
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = T> {
        self.0.iter().map(|(_, value)| *value)
    }

    pub(super) fn oldest(&self) -> Option<T> {
        self.0.front().map(|(_, value)| *value)
    }

    /// Goes on where another ended.
    pub(super) fn follow(&mut self, before: Self) {
        let own = std::mem::replace(&mut self.0, before.0);
        self.0.extend(own);
    }

    /// Begins anew: a counter has begun anew, or it was out of sight.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// A moment of the monotonic clock with what the wall clock showed when it was first told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp(Option<(Instant, UnixTime)>);

impl Stamp {
    pub(super) fn see(&mut self, at: Option<Instant>, now: Now) {
        let Some(at) = at else { return };
        if self.0.is_none_or(|(before, _)| before != at) {
            let age = now.monotonic.duration_since(at);
            self.0 = Some((at, now.wall.minus(age)));
        }
    }

    pub(super) fn wall(self) -> Option<UnixTime> {
        self.0.map(|(_, wall)| wall)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::at;
    use super::*;

    #[test]
    fn what_was_otherwise_in_between_begins_anew() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut since = Since::default();
        since.see(true, start);
        since.see(true, later(60));
        assert_eq!(since.lasts(later(90)), Some(Duration::from_secs(90)));
        since.see(false, later(90));
        assert_eq!(since.lasts(later(100)), None);
        since.see(true, later(100));
        assert_eq!(since.lasts(later(110)), Some(Duration::from_secs(10)));
    }

    #[test]
    fn an_hour_is_kept_in_few_points() {
        let start = Instant::now();
        let mut hour = Hour::default();
        for second in 0..10_000_u64 {
            hour.see(second, start + Duration::from_secs(second));
        }
        assert!(hour.values().count() <= 61, "{}", hour.values().count());
        assert!(hour.oldest().unwrap() >= 9_999 - 3_660);
    }

    #[test]
    fn a_moment_keeps_its_time_while_the_wall_clock_jumps() {
        let start = Instant::now();
        let mut stamp = Stamp::default();
        stamp.see(Some(start), at(start, 10));
        let told = stamp.wall();
        let jumped = Now {
            wall: UnixTime::from_millis(5),
            ..at(start, 20)
        };
        stamp.see(Some(start), jumped);
        assert_eq!((stamp.wall(), told), (told, Some(at(start, 0).wall)));
    }
}
