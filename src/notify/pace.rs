//! How often a notifier is used: at most so many requests within any stretch of time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A limit of whoever takes the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// At most so many requests ...
    pub most: usize,
    /// ... within any time of this length.
    pub within: Duration,
    /// How long a message waits for others to go out with it.
    pub gather: Duration,
}

/// The requests of late.
#[derive(Debug)]
pub(super) struct Gate {
    pace: Pace,
    passed: VecDeque<Instant>,
}

impl Gate {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            passed: VecDeque::new(),
        }
    }

    /// Waits until one more may go.
    pub(super) async fn pass(&mut self) {
        while self.passed.len() >= self.pace.most.max(1) {
            if let Some(oldest) = self.passed.pop_front() {
                tokio::time::sleep_until(oldest + self.pace.within).await;
            }
        }
    }

    /// One went, however it ended. Counted when it is over, because its receiver counts when it arrives.
    pub(super) fn passed(&mut self) {
        self.passed.push_back(Instant::now());
    }
}
