//! When blocks are due. Nothing ticks: whoever looks asks how many have come since the last look.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub struct Beat(Instant);

impl Default for Beat {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Beat {
    /// How many blocks were due since they were last counted; none ever with a period of 0.
    pub fn due(&mut self, period_ms: u64) -> i64 {
        let passed = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        match passed.checked_div(period_ms) {
            None => {
                *self = Self::default();
                0
            }
            Some(due) => {
                self.0 += Duration::from_millis(due * period_ms);
                i64::try_from(due).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_block_is_counted_once() {
        let mut beat = Beat::default();
        tokio::time::advance(Duration::from_millis(2500)).await;
        assert_eq!((beat.due(1000), beat.due(1000)), (2, 0));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((beat.due(1000), beat.due(0)), (1, 0));
    }
}
