//! The wall clock, in the unit that Substrate's Timestamp pallet uses.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time in milliseconds; 0 if the clock stands before 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the farm has blocks of its own age; this is the one place that asks"
)]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
