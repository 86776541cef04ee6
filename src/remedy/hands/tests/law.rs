use super::*;
use crate::clock::UnixTime;
use crate::collectors::phala::Chain;
use crate::collectors::prb;
use crate::collectors::prb::testing::{at, round, worker};
use crate::collectors::prb::worker::Status;
use crate::remedy::hands::law;

fn stuck() -> Finding {
    Finding {
        symptom: &phala::NODE_STUCK,
        entity: "para".to_owned(),
        evidence: "best block is 100 and has not risen for 10m".to_owned(),
        part: None,
    }
}

/// A chain that stood for ten minutes, with so many peers and a best block so many seconds old.
fn stood(peers: u64, syncing: bool, head_age: u64) -> (phala::Snapshot, Now) {
    let start = Instant::now();
    let mut snapshot = phala::Snapshot::default();
    let now = at(start, 600);
    let made = UnixTime::from_millis(now.wall.since_epoch().as_secs() * 1000).minus(Duration::from_secs(head_age));
    snapshot.see_health(Chain::Para, 100, (peers, syncing), made, at(start, 0));
    snapshot.see_health(Chain::Para, 100, (peers, syncing), made, now);
    (snapshot, now)
}

#[test]
fn a_node_is_restarted_when_it_stands_and_something_else_says_so() {
    for ((peers, head_age), evidence) in [((2, 10), "2 peers"), ((20, 301), "5m1s old")] {
        let (snapshot, now) = stood(peers, false, head_age);
        let words = law::node(&snapshot, &[stuck()], now).unwrap();
        assert!(
            words.contains("has not risen for 10m") && words.contains(evidence),
            "{words}"
        );
    }
    // It stands still while it synchronises, which is no progress.
    let (snapshot, now) = stood(2, true, 400);
    assert!(law::node(&snapshot, &[stuck()], now).is_ok());
}

#[test]
fn a_node_that_stands_for_another_reason_or_goes_on_is_left_alone() {
    let (snapshot, now) = stood(20, false, 300);
    let words = law::node(&snapshot, &[stuck()], now).unwrap_err();
    assert!(words.contains("a restart is not what it needs"), "{words}");
    let (snapshot, now) = stood(1, false, 900);
    assert!(law::node(&snapshot, &[], now).unwrap_err().contains("it is not stuck"));
    let (mut snapshot, now) = stood(1, true, 900);
    snapshot.see_health(Chain::Relay, 7, (9, true), now.wall, now);
    let words = law::node(&snapshot, &[stuck()], now).unwrap_err();
    assert!(words.contains("relay chain synchronises"), "{words}");
}

/// A lifecycle of ten workers; the first `fed` get blocks.
fn prb(fed: u32, status: Status) -> (prb::Snapshot, Now) {
    let start = Instant::now();
    let mut snapshot = prb::Snapshot::default();
    for (second, height) in [(0, 100), (300, 125)] {
        let one = |number: u32| worker(number, status, Some(if number < fed { height } else { 100 }));
        round(&mut snapshot, height, (0..10).map(one).collect(), at(start, second));
    }
    (snapshot, at(start, 310))
}

#[test]
fn a_lifecycle_that_feeds_most_of_its_workers_is_left_alone() {
    for status in [Status::Active, Status::Syncing] {
        let (snapshot, now) = prb(6, status);
        let words = law::feeds_well(&snapshot, None, now).unwrap();
        assert!(words.contains("lifecycle feeds blocks: 6 of its 10 workers"), "{words}");
        assert!(law::feeds_well(&snapshot, Some("lifecycle"), now).is_some());
        assert_eq!(law::feeds_well(&snapshot, Some("another"), now), None);
    }
    for (fed, status) in [(5, Status::Active), (0, Status::Active), (10, Status::Error)] {
        let (snapshot, now) = prb(fed, status);
        assert_eq!(law::feeds_well(&snapshot, None, now), None, "{fed} {status:?}");
    }
}
