use tokio::time::Instant;

use super::super::message::Message;
use super::super::session::{Info, Session, SessionState};
use super::super::target::Pick;
use super::super::testing::{STALE, at, fault, peers, provider, queued, recorded_prb, round, worker};
use super::super::worker::Worker;
use super::*;

fn found(snapshot: &Snapshot, now: Now) -> Vec<(&'static str, String)> {
    let diagnosis = diagnose(snapshot, &Thresholds::default(), now);
    let findings = diagnosis.findings.iter();
    findings
        .map(|finding| (finding.symptom.name, finding.entity.clone()))
        .collect()
}

/// What is found after rounds at these seconds, heights of the provider and workers.
fn after(rounds: &[(u64, u64, Vec<Worker>)]) -> Vec<(&'static str, String)> {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let mut now = at(start, 0);
    for (seconds, provided, workers) in rounds {
        now = at(start, *seconds);
        round(&mut snapshot, *provided, workers.clone(), now);
    }
    found(&snapshot, now)
}

fn active(number: u32, height: u64) -> Worker {
    worker(number, Status::Active, Some(height))
}

fn one(symptom: &'static str, worker: &str) -> Vec<(&'static str, String)> {
    vec![(symptom, format!("lifecycle/{worker}"))]
}

#[test]
fn a_healthy_prb_has_no_symptom_and_all_are_looked_at_but_what_only_others_know() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let mut well = active(1, 99);
    well.info = idle();
    if let Some(session) = &mut well.info.session {
        session.v_updated = Some(at(start, 0).wall);
    }
    round(&mut snapshot, 100, vec![well], at(start, 0));
    snapshot.queues.absorb(queued(), at(start, 0));
    let diagnosis = diagnose(&snapshot, &Thresholds::default(), at(start, 0));
    assert_eq!(diagnosis.findings, []);
    let looked: HashSet<_> = diagnosis.looked_at.iter().map(|symptom| symptom.name).collect();
    let all = super::super::symptoms::SYMPTOMS.iter().map(|symptom| symptom.name);
    // The inventory, the chain, the node, and pRuntimes.
    let others = [
        "worker_missing_from_runner",
        "worker_wrong_pool",
        "operator_gas_low",
        "data_provider_target_stale",
    ];
    let expected: HashSet<_> = all
        .filter(|name| !others.contains(name) && !name.starts_with("pruntime_"))
        .collect();
    assert_eq!(looked, expected);
}

fn session(state: SessionState) -> Info {
    Info {
        session: Some(Session {
            state: Some(state),
            ..Session::default()
        }),
        pruntime_version: None,
    }
}

fn idle() -> Info {
    session(SessionState::Idle)
}

#[test]
fn states_that_are_not_left_are_told_with_their_worker() {
    assert_eq!(
        after(&[(0, 100, vec![worker(1, Status::Error, None), active(2, 100)])]),
        one("worker_error", "w1")
    );
    assert_eq!(
        after(&[(0, 100, vec![worker(1, Status::Kicked, Some(10))])]),
        one("worker_kicked_left", "w1")
    );
    let mut unresponsive = active(1, 100);
    unresponsive.info = session(SessionState::Unresponsive);
    assert_eq!(after(&[(0, 100, vec![unresponsive])]), one("worker_unresponsive", "w1"));
}

#[test]
fn ten_blocks_behind_are_well_and_eleven_are_not() {
    assert_eq!(after(&[(0, 110, vec![active(1, 100)])]), []);
    assert_eq!(after(&[(0, 111, vec![active(1, 100)])]), one("worker_lagging", "w1"));
    // Heights of a worker that starts are those of an earlier life.
    assert_eq!(after(&[(0, 500, vec![worker(1, Status::Starting, Some(100))])]), []);
    assert_eq!(after(&[(0, 500, vec![worker(1, Status::Syncing, Some(100))])]), []);
}

/// Of what `w1` was seen to be well after rounds at these seconds, heights of the provider, states and heights.
fn well_after(rounds: &[(u64, u64, Status, u64)]) -> Vec<&'static str> {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let mut now = at(start, 0);
    for (seconds, provided, status, height) in rounds {
        now = at(start, *seconds);
        // One beside it, of which everything can be told.
        let workers = vec![worker(1, *status, Some(*height)), active(2, *provided)];
        round(&mut snapshot, *provided, workers, now);
    }
    let diagnosis = diagnose(&snapshot, &Thresholds::default(), now);
    let well = |symptom: &&&'static Symptom| diagnosis.is_well(symptom, "lifecycle/w1");
    OF_WORKERS.iter().filter(well).map(|symptom| symptom.name).collect()
}

#[test]
fn a_worker_with_one_trouble_is_not_well_of_those_that_it_hides() {
    let stalled = "worker_silent_stall";
    assert!(well_after(&[(0, 100, Status::Active, 100)]).contains(&stalled));
    let failed = well_after(&[(0, 100, Status::Active, 100), (60, 105, Status::Error, 100)]);
    assert_eq!(failed, Vec::<&str>::new());
    assert_eq!(well_after(&[(0, 100, Status::Starting, 100)]), Vec::<&str>::new());
}

#[test]
fn a_restart_that_shifts_a_worker_by_a_block_is_no_cure_and_one_after_which_it_goes_on_is() {
    let stalled = "worker_silent_stall";
    let restarted = [(0, 200, Status::Active, 100), (30, 203, Status::Syncing, 101)];
    assert!(!well_after(&restarted).contains(&stalled));
    let shifted = [&restarted[..], &[(45, 204, Status::Active, 102)]].concat();
    assert!(!well_after(&shifted).contains(&stalled));
    let moving = [&restarted[..], &[(45, 204, Status::Syncing, 140)]].concat();
    assert!(well_after(&moving).contains(&stalled));
    assert!(!well_after(&moving).contains(&"worker_lagging"));
    // Later it stands again, and for so long that nobody knows.
    let stands = [&moving[..], &[(200, 216, Status::Syncing, 140)]].concat();
    assert!(!well_after(&stands).contains(&stalled));
}

#[test]
fn a_worker_that_came_into_sight_again_is_not_well_before_it_was_seen_to_move() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let standing = || vec![active(1, 100), active(2, 200)];
    for (seconds, workers) in [(0, standing()), (15, vec![active(2, 200)]), (30, standing())] {
        round(&mut snapshot, 200, workers, at(start, seconds));
    }
    let diagnosis = diagnose(&snapshot, &Thresholds::default(), at(start, 30));
    assert!(!diagnosis.is_well(&WORKER_STALLED, "lifecycle/w1"));
    assert!(diagnosis.is_well(&WORKER_STALLED, "lifecycle/w2"));
}

#[test]
fn an_active_worker_that_stands_while_the_provider_goes_on_is_a_silent_stall() {
    let standing = || vec![active(1, 100)];
    let rounds = [(0, 100, standing()), (150, 113, standing()), (312, 126, standing())];
    assert_eq!(after(&rounds[..1]), []);
    assert_eq!(after(&rounds[..2]), one("worker_lagging", "w1"));
    assert_eq!(after(&rounds), one("worker_silent_stall", "w1"));
    // A provider that catches up makes many blocks at once.
    assert_eq!(
        after(&[(0, 100, standing()), (30, 200, standing())]),
        one("worker_lagging", "w1")
    );
    // Without a provider that goes on there is nothing to follow.
    assert_eq!(after(&[(0, 100, standing()), (3600, 100, standing())]), []);
}

#[test]
fn synchronising_without_progress_is_told_after_ten_minutes() {
    let at_height = |height: Option<u64>| vec![worker(1, Status::Syncing, height)];
    for height in [None, Some(100)] {
        assert_eq!(after(&[(0, 500, at_height(height)), (599, 500, at_height(height))]), []);
        assert_eq!(
            after(&[(0, 500, at_height(height)), (600, 500, at_height(height))]),
            one("worker_stuck_syncing", "w1")
        );
    }
    assert_eq!(
        after(&[(0, 500, at_height(Some(100))), (600, 500, at_height(Some(101)))]),
        []
    );
}

#[test]
fn many_that_fail_alike_are_one_failure_of_their_lifecycle() {
    let failed = |many: u32, of: u32| -> Vec<Worker> {
        let status = |number: u32| if number < many { Status::Error } else { Status::Active };
        (0..of)
            .map(|number| worker(number, status(number), Some(100)))
            .collect()
    };
    assert_eq!(after(&[(0, 100, failed(3, 10))]).len(), 3);
    assert_eq!(
        after(&[(0, 100, failed(4, 10))]),
        [("workers_correlated", "lifecycle".to_owned())]
    );
    assert_eq!(after(&[(0, 100, failed(10, 50))]).len(), 10);
    assert_eq!(after(&[(0, 100, failed(11, 50))]).len(), 1);
}

#[test]
fn different_errors_are_not_one_failure() {
    let texts = [
        "\"Error: connect ECONNREFUSED\"",
        "\"Error: timeout of 8000ms\"",
        "x",
        "BlockNumberMismatch",
    ];
    let workers = texts.iter().zip(1..).map(|(text, number)| Worker {
        message: Message::read(text),
        ..worker(number, Status::Error, None)
    });
    assert_eq!(after(&[(0, 100, workers.collect())]).len(), 4);
}

#[test]
fn workers_that_stop_at_one_height_are_one_failure_whatever_they_are_called() {
    let standing = |height: u64| -> Vec<Worker> { (1..=6).map(|number| active(number, height)).collect() };
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    round(&mut snapshot, 2_702_763, standing(2_702_763), at(start, 0));
    round(&mut snapshot, 2_702_800, standing(2_702_763), at(start, 444));
    let diagnosis = diagnose(&snapshot, &Thresholds::default(), at(start, 444));
    assert_eq!(diagnosis.findings.len(), 1);
    let evidence = &diagnosis.findings[0].evidence;
    assert!(evidence.contains("6 of 6 workers: at block 2702763"), "{evidence}");
}

#[test]
fn a_provider_is_judged_by_what_it_has_still_to_process() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    snapshot.list(peers(), &[], &fault(), at(start, 0));
    let id = peers()[0].id.clone();
    let mut judged = |para: u64, relay: u64| {
        let mut told = provider(1000);
        told.para.processed = Some(1000 - para);
        told.relay.processed = Some(2000 - relay);
        snapshot.hear_providers(vec![(id.clone(), Ok(told))], STALE, at(start, 0));
        found(&snapshot, at(start, 0))
    };
    assert_eq!(judged(10, 20), []);
    assert_eq!(judged(11, 20), [("data_provider_lag", "data_provider".to_owned())]);
    assert_eq!(judged(0, 21), [("data_provider_lag", "data_provider".to_owned())]);
}

#[test]
fn a_provider_that_knows_nothing_yet_is_given_a_minute() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let mut told = provider(1);
    (told.para, told.relay) = Default::default();
    for seconds in [0, 45, 60] {
        snapshot.list(peers(), &[], &fault(), at(start, seconds));
        snapshot.hear_providers(vec![(peers()[0].id.clone(), Ok(told))], STALE, at(start, seconds));
        let expected = (seconds == 60).then(|| ("data_provider_target_stale", "data_provider".to_owned()));
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(found(&snapshot, at(start, seconds)), expected, "{seconds}");
    }
}

#[test]
fn lifecycles_without_any_data_provider_are_told() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    snapshot.list(peers().split_off(1), &[], &fault(), at(start, 0));
    assert_eq!(
        found(&snapshot, at(start, 0)),
        [("prb_peer_down", "data_providers".to_owned())]
    );
}

#[test]
fn a_worker_ahead_of_a_provider_that_catches_up_is_well() {
    let rounds = [(0, 500, vec![active(1, 1000)]), (600, 900, vec![active(1, 1000)])];
    assert_eq!(after(&rounds), []);
}

#[test]
fn a_lifecycle_that_does_not_answer_is_ill_itself_and_its_workers_are_not_judged() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    round(&mut snapshot, 100, vec![worker(1, Status::Error, None)], at(start, 0));
    let id = peers()[1].id.clone();
    snapshot.hear_workers(vec![(id, Err(fault()))], STALE, at(start, 30));
    assert_eq!(
        found(&snapshot, at(start, 30)),
        [("prb_peer_down", "lifecycle".to_owned())]
    );
}

#[test]
fn a_monitor_without_lifecycles_and_a_configured_one_that_is_not_listed_are_told() {
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    snapshot.list(Vec::new(), &[], &fault(), at(start, 0));
    assert_eq!(
        found(&snapshot, at(start, 0)),
        [("prb_peer_down", "lifecycles".to_owned())]
    );
    snapshot.list(peers(), &[Pick::new("10.0.0.99", None)], &fault(), at(start, 15));
    assert_eq!(
        found(&snapshot, at(start, 15)),
        [("prb_peer_down", "10.0.0.99".to_owned())]
    );
}

#[test]
fn the_recorded_prb_is_ill_where_it_was_broken() {
    let now = at(Instant::now(), 0);
    let told: Vec<String> = found(&recorded_prb(now), now)
        .into_iter()
        .map(|(symptom, entity)| format!("{symptom} {entity}"))
        .collect();
    assert_eq!(
        told,
        [
            // The recording is of years ago, and says so.
            "worker_settled_long_ago lifecycle/192.168.2.1",
            "worker_error lifecycle/192.168.2.3",
            "worker_error lifecycle/192.168.2.4",
            "worker_kicked_left lifecycle/192.168.2.5",
            "worker_error lifecycle/192.168.2.6",
            "worker_unresponsive lifecycle/192.168.2.8",
            "worker_error lifecycle/192.168.2.12",
            "worker_missing_from_runner lifecycle/192.168.2.14",
            "worker_missing_from_runner lifecycle/192.168.2.15",
            "prb_peer_down lifecycle_3",
        ]
    );
}
