use Service::{Away, Lists, Vanished};

use super::*;
use crate::clock::Clock;
use crate::collectors::venus::node::{Chain, Head};
use crate::upstream::{Fault, Why};

const STALE: Duration = Duration::from_secs(90);

/// What a service says of the only miner.
enum Service {
    Lists(Mining),
    Vanished,
    /// It does not answer.
    Away,
}

/// Rounds of miner services at chosen times.
struct Day {
    snapshot: Snapshot,
    start: Now,
}

impl Day {
    fn new() -> Self {
        let snapshot = Snapshot {
            configured: Configured::of(&Target::bare("v".parse().unwrap())),
            ..Snapshot::default()
        };
        let start = Clock::system().now();
        Self { snapshot, start }
    }

    fn hear(&mut self, hour: u64, services: &[Service]) {
        let now = Now {
            wall: self.start.wall,
            monotonic: self.start.monotonic + Duration::from_secs(3600 * hour),
        };
        let said = services.iter().enumerate().map(|(number, says)| Said {
            label: number.to_string().into(),
            about: None,
            missed: Vec::new(),
            outcome: match says {
                Lists(of) => Ok([(miner(), of.clone())].into()),
                Vanished => Ok(BTreeMap::new()),
                Away => Err(Fault::new("h", "x", Why::AuthDown)),
            }
            .map(|miners| MinerSeen {
                miners,
                ..MinerSeen::default()
            }),
        });
        self.snapshot.hear_miners(said.collect(), STALE, now);
    }

    fn is_expected(&self) -> bool {
        !self.snapshot.expected().is_empty()
    }
}

fn miner() -> Address {
    "f01000".parse().unwrap()
}

fn says(mining: bool, open: Option<bool>) -> Service {
    Lists(Mining {
        mining: Some(mining),
        open,
        errors: Vec::new(),
    })
}

#[test]
fn a_node_of_another_network_is_not_the_best() {
    let head = |network: &str, epoch: u64| HeadSeen {
        head: Head {
            epoch,
            made: None,
            blocks: 1,
            base_fee: None,
        },
        chain: Chain {
            network: Some(network.to_owned()),
            genesis: None,
            epoch: None,
        },
    };
    let said = [("a", "mainnet", 10), ("b", "calibrationnet", 99), ("c", "mainnet", 11)];
    let said = said.map(|(label, network, epoch)| Said {
        label: label.into(),
        about: None,
        missed: Vec::new(),
        outcome: Ok(head(network, epoch)),
    });
    let mut snapshot = Snapshot::default();
    snapshot.heads.absorb(said.into(), STALE, Clock::system().now());
    assert_eq!(snapshot.best_head().unwrap().head.epoch, 11);
}

#[test]
fn a_miner_that_stopped_is_missed_until_it_is_closed() {
    let mut day = Day::new();
    day.hear(0, &[says(false, None)]);
    assert!(!day.is_expected(), "it never mined");
    day.hear(1, &[says(true, None)]);
    for hour in 2..100 {
        day.hear(hour, &[says(false, None)]);
        assert!(day.is_expected(), "{hour}");
    }
    day.hear(100, &[says(false, Some(false))]);
    assert!(!day.is_expected());
}

#[test]
fn a_miner_that_vanished_is_missed_for_a_day() {
    let mut day = Day::new();
    day.hear(0, &[says(true, Some(true))]);
    day.hear(23, &[Vanished]);
    assert!(day.is_expected());
    day.hear(24, &[Vanished]);
    assert!(!day.is_expected());
}

#[test]
fn no_time_passes_for_a_miner_whose_service_is_away() {
    let mut day = Day::new();
    day.hear(0, &[says(true, Some(true)), Vanished]);
    for hour in 1..50 {
        day.hear(hour, &[Away, Vanished]);
    }
    day.hear(51, &[Vanished, Vanished]);
    assert!(day.is_expected());
}

#[test]
fn a_miner_that_one_service_has_closed_and_another_open_is_expected() {
    let mut day = Day::new();
    day.hear(0, &[says(true, Some(true)), says(false, Some(false))]);
    assert!(day.is_expected());
}
