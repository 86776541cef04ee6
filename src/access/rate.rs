//! `rate_limit`: a bucket of `burst` tokens that gains one each `interval`; a request takes one.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::settings::Rate;

/// One for all clients, as in exporter-toolkit.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// Full.
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        let state = State {
            tokens: f64::from(rate.burst),
            at: now,
        };
        Self {
            rate,
            state: Mutex::new(state),
        }
    }

    /// Whether a request may pass now.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = now
            .saturating_duration_since(state.at)
            .div_duration_f64(self.rate.interval);
        state.at = now;
        state.tokens = (state.tokens + gained).min(f64::from(self.rate.burst));
        let pass = state.tokens >= 1.0;
        if pass {
            state.tokens -= 1.0;
        }
        pass
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let interval = Duration::from_secs(1);
        let start = Instant::now();
        let bucket = Bucket::new(Rate { interval, burst: 3 }, start);
        let passed = |at: Instant| (0..10).filter(|_| bucket.take(at)).count();
        assert_eq!(passed(start), 3);
        assert_eq!(passed(start + interval / 2), 0);
        assert_eq!(passed(start + interval), 1);
        assert_eq!(passed(start + interval * 100), 3, "no more than the burst is saved up");
        assert_eq!(passed(start), 0, "time does not run backwards");
    }

    #[test]
    fn without_a_burst_nothing_passes() {
        let start = Instant::now();
        let rate = Rate {
            interval: Duration::from_secs(1),
            burst: 0,
        };
        let bucket = Bucket::new(rate, start);
        assert!(!bucket.take(start) && !bucket.take(start + Duration::from_secs(100)));
    }
}
