use super::super::testing::{STALE, at, fault, peer, peers, provider, recorded_prb, round, worker};
use super::super::worker::Status;
use super::*;

fn lifecycle(snapshot: &Snapshot) -> &PeerView {
    snapshot.lifecycles().next().unwrap()
}

fn failed() -> Fault {
    fault()
}

#[test]
fn a_lifecycle_that_fails_keeps_its_workers_until_they_are_stale_and_costs_nobody_else() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    round(
        &mut snapshot,
        100,
        vec![worker(1, Status::Active, Some(100))],
        at(start, 0),
    );
    let id = lifecycle(&snapshot).peer.id.clone();
    let mut fail = |seconds: u64| {
        snapshot.list(peers(), &[], &fault(), at(start, seconds));
        snapshot.hear_workers(vec![(id.clone(), Err(failed()))], STALE, at(start, seconds));
        let view = lifecycle(&snapshot);
        let provided = snapshot.peers().any(|view| view.provider.is_some());
        (view.up(), view.workers.is_some(), provided)
    };
    assert_eq!(fail(30), (Some(false), true, true));
    assert_eq!(fail(89), (Some(false), true, true));
    assert_eq!(fail(90), (Some(false), false, true));
}

#[test]
fn a_peer_that_is_no_longer_listed_is_down_and_forgotten_after_an_hour() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    round(&mut snapshot, 100, Vec::new(), at(start, 0));
    snapshot.list(Vec::new(), &[], &fault(), at(start, 15));
    assert_eq!(snapshot.peers().map(PeerView::up).collect::<Vec<_>>(), [Some(false); 2]);
    assert_eq!(snapshot.listing.as_ref().unwrap().lifecycles, 0);
    snapshot.list(peers(), &[], &fault(), at(start, 30));
    round(&mut snapshot, 100, Vec::new(), at(start, 31));
    assert_eq!(lifecycle(&snapshot).up(), Some(true));
    snapshot.list(Vec::new(), &[], &fault(), at(start, 31 + 3599));
    assert_eq!(snapshot.peers().count(), 2);
    snapshot.list(Vec::new(), &[], &fault(), at(start, 31 + 3600));
    assert_eq!(snapshot.peers().count(), 0);
}

#[test]
fn only_picked_lifecycles_are_taken_up_and_missing_ones_are_named() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let picks = [Pick::new("10.0.0.7", Some("east")), Pick::new("lifecycle_9", None)];
    let mut listed = peers();
    listed.push(Peer {
        address: "10.0.0.7".to_owned(),
        ..peer("Qmother", Role::Lifecycle, "lifecycle")
    });
    snapshot.list(listed, &picks, &fault(), at(start, 0));
    let labels: Vec<_> = snapshot.peers().map(|view| view.label.as_str()).collect();
    assert_eq!(labels, ["east", "data_provider"]);
    assert_eq!(snapshot.listing.unwrap().missing, ["lifecycle_9"]);
}

#[test]
fn a_lifecycle_is_compared_with_a_provider_of_its_own_bridge_and_chain() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let mut listed = peers();
    listed.push(Peer {
        bridge: "other".to_owned(),
        ..peer("Qmprovider2", Role::DataProvider, "data_provider_2")
    });
    snapshot.list(listed.clone(), &[], &fault(), at(start, 0));
    let said = |height: u64, number: usize| (listed[number].id.clone(), Ok(provider(height)));
    snapshot.hear_providers(vec![said(100, 0), said(999, 2)], STALE, at(start, 0));
    assert_eq!(snapshot.provided(&listed[1]), Some(100));
}

#[test]
fn standing_still_begins_with_the_height_and_anew_when_it_changes_or_was_out_of_sight() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let mut watch = |provided: u64, height: u64, seconds: u64| {
        let workers = vec![worker(1, Status::Active, Some(height))];
        round(&mut snapshot, provided, workers, at(start, seconds));
        let watch = lifecycle(&snapshot).workers.as_ref().unwrap().value.rows[0].watch;
        if seconds == 120 {
            snapshot.expire_workers();
        }
        (watch.height_since.duration_since(start).as_secs(), watch.provider_then)
    };
    assert_eq!(watch(100, 99, 0), (0, Some(100)));
    assert_eq!(watch(105, 99, 30), (0, Some(100)));
    assert_eq!(watch(110, 109, 60), (60, Some(110)));
    assert_eq!(watch(115, 108, 90), (90, Some(115)));
    assert_eq!(watch(120, 108, 120), (90, Some(115)));
    assert_eq!(watch(125, 108, 300), (300, Some(125)));
}

#[test]
fn a_worker_whose_name_comes_twice_gets_the_beginning_of_its_uuid() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let mut twin = worker(2, Status::Active, None);
    twin.identity.name = "w1".to_owned();
    let all = vec![worker(1, Status::Active, None), twin, worker(3, Status::Active, None)];
    round(&mut snapshot, 100, all, at(start, 0));
    let rows = &lifecycle(&snapshot).workers.as_ref().unwrap().value.rows;
    let labels: Vec<_> = rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(labels, ["w1#00000001", "w1#00000002", "w3"]);
}

#[test]
fn the_recorded_prb_has_four_lifecycles_of_which_one_does_not_answer() {
    let snapshot = recorded_prb(at(Instant::now(), 0));
    let told: std::collections::BTreeMap<_, _> = snapshot
        .lifecycles()
        .map(|view| (view.label.as_str(), view.up()))
        .collect();
    let expected = [
        ("lifecycle", Some(true)),
        ("lifecycle_2", Some(true)),
        ("lifecycle_3", Some(false)),
        ("lifecycle_4", None),
    ];
    assert_eq!(told, expected.into());
}
