//! For tests: recorded answers, and times.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Now, UnixTime};

/// As recorded of chia 2.7.5, by the file's name without its ending.
pub(super) fn recorded(name: &str) -> Vec<u8> {
    let room = concat!(env!("CARGO_MANIFEST_DIR"), "/src/collectors/chia/fixtures/2.7.5");
    std::fs::read(format!("{room}/{name}.json")).unwrap()
}

/// So many seconds after the recordings were made.
pub(super) fn at(start: Instant, seconds: u64) -> Now {
    Now {
        wall: UnixTime::from_millis(1_795_193_200_000 + seconds * 1000),
        monotonic: start + Duration::from_secs(seconds),
    }
}
