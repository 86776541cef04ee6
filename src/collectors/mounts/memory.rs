//! What is remembered of a mount from round to round: how fast it fills, and how many plots appeared on it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::question::Files;
use crate::clock::{Now, UnixTime};

/// The mean is taken over this time: longer than most plotters need for a plot, which arrives all at once.
const WINDOW: Duration = Duration::from_hours(6);
/// A point is kept this often, so that the window costs a few dozen points per mount.
const STEP: Duration = Duration::from_mins(10);

/// So many counts may be missed by a mount that answers until what they found is no longer known.
const COUNTS_MISSED: u32 = 3;

/// All that is remembered of a mount.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Source and type: a different filesystem at the same place begins anew.
    identity: (String, String),
    pub last_seen: Option<Instant>,
    pub growth: Growth,
    pub plots: Finished,
    pub counted: bool,
    /// When its room was last told.
    pub answered: Option<Instant>,
    /// When its plots were last counted, and whether unfinished ones lay there.
    pub unfinished: Option<(Instant, bool)>,
    /// The time shown for a probe in flight, worked out once so that it does not waver.
    in_flight: Option<(Instant, UnixTime)>,
}

impl Memory {
    pub(super) fn seen(&mut self, now: Now, (source, fstype): (&str, &str)) {
        if self.identity.0 != source || self.identity.1 != fstype {
            *self = Self {
                identity: (source.to_owned(), fstype.to_owned()),
                ..Self::default()
            };
        }
        self.last_seen = Some(now.monotonic);
    }

    /// Whether unfinished plots lie on it. A mount that hangs is not counted, and what is written there is not done: time
    /// passes only while it answers.
    pub(super) fn unfinished(&self, count_every: Duration) -> Option<bool> {
        let (counted, unfinished) = self.unfinished?;
        let uncounted = self.answered?.saturating_duration_since(counted);
        (uncounted <= count_every * COUNTS_MISSED).then_some(unfinished)
    }

    pub(super) fn in_flight(&mut self, since: Option<Instant>, now: Now) -> Option<(Duration, UnixTime)> {
        let since = since?;
        let age = now.monotonic.duration_since(since);
        let began = match self.in_flight {
            Some((known, wall)) if known == since => wall,
            _ => UnixTime::from_duration(UnixTime::default().age_at(now.wall).saturating_sub(age)),
        };
        self.in_flight = Some((since, began));
        Some((age, began))
    }
}

/// Used space over the last hours.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    points: VecDeque<(Instant, u64)>,
    last: Option<(Instant, u64)>,
}

impl Growth {
    /// The same look seen twice counts once.
    pub(super) fn see(&mut self, at: Instant, used: u64) {
        if self.last.is_some_and(|(last, _)| at <= last) {
            return;
        }
        self.last = Some((at, used));
        if self
            .points
            .back()
            .is_none_or(|(last, _)| at.duration_since(*last) >= STEP)
        {
            self.points.push_back((at, used));
        }
        // The oldest point but one still covers the window: the oldest may go.
        while self
            .points
            .get(1)
            .is_some_and(|(second, _)| at.duration_since(*second) >= WINDOW)
        {
            self.points.pop_front();
        }
    }

    /// Bytes per second, negative while space is freed; `None` until ten minutes are known.
    pub(super) fn bytes_per_second(&self) -> Option<i64> {
        let (first_at, first) = self.points.front()?;
        let (last_at, last) = self.last?;
        let known = last_at.duration_since(*first_at);
        if known < STEP {
            return None;
        }
        let grown = i128::from(last) - i128::from(*first);
        let millis = i128::try_from(known.as_millis()).ok()?;
        i64::try_from(grown * 1000 / millis).ok()
    }
}

/// Plots that appeared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Finished {
    last: Option<(Instant, u64)>,
    pub total: u64,
}

impl Finished {
    /// At the last count that came to its end.
    pub(super) fn seen(&self) -> Option<u64> {
        self.last.map(|(_, plots)| plots)
    }

    /// Plots that vanish take nothing away. An incomplete count says nothing.
    pub(super) fn see(&mut self, at: Instant, files: &Files) {
        if files.incomplete || self.last.is_some_and(|(last, _)| at <= last) {
            return;
        }
        if let Some((_, before)) = self.last {
            self.total += files.plot_files.saturating_sub(before);
        }
        self.last = Some((at, files.plot_files));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plots(plot_files: u64) -> Files {
        Files {
            plot_files,
            ..Files::default()
        }
    }

    #[test]
    fn a_rate_is_known_after_ten_minutes_and_is_the_mean_of_six_hours() {
        let start = Instant::now();
        let mut growth = Growth::default();
        // A plot of 108 GB every hour, each arriving within a second.
        for minute in 0..(24 * 60_u64) {
            growth.see(
                start + Duration::from_secs(minute * 60),
                1_000 + minute / 60 * 108_000_000_000,
            );
            assert_eq!(growth.bytes_per_second().is_none(), minute < 10, "{minute}");
        }
        let rate = growth.bytes_per_second().unwrap();
        assert!((27_000_000..=33_000_000).contains(&rate), "{rate}");
        assert!(growth.points.len() <= 38, "{}", growth.points.len());
    }

    #[test]
    fn freed_space_is_negative_growth() {
        let start = Instant::now();
        let mut growth = Growth::default();
        growth.see(start, 6_000);
        growth.see(start + STEP, 0);
        assert_eq!(growth.bytes_per_second(), Some(-10));
        growth.see(start, 1);
        assert_eq!(growth.bytes_per_second(), Some(-10));
    }

    #[test]
    fn only_plots_that_appear_count() {
        let start = Instant::now();
        let mut finished = Finished::default();
        for (second, count) in [(0, 5), (1, 6), (1, 9), (2, 4), (3, 6)] {
            finished.see(start + Duration::from_secs(second), &plots(count));
        }
        let incomplete = Files {
            incomplete: true,
            ..plots(1)
        };
        finished.see(start + Duration::from_secs(4), &incomplete);
        assert_eq!(finished.total, 3);
    }
}
