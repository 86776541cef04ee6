use tokio::time::Instant;

use super::super::super::on_chain::{Account, OnChain, Operator, PublicKey, State};
use super::super::super::session::{Info, Session};
use super::super::super::snapshot::{Inventory, Snapshot};
use super::super::super::testing::{STALE, at, bound, chain, peers, round, rows, worker};
use super::super::super::worker::{Pool, Status, Worker};
use super::super::diagnose;
use super::*;
use crate::clock::Now;

const HOUR: u64 = 3600;
const KEY: PublicKey = PublicKey([1; 32]);

/// An active worker of pool 88 whose key the chain knows, with this session by PRB's word.
fn told(state: SessionState) -> Worker {
    let mut worker = worker(1, Status::Active, Some(100));
    worker.public_key = Some("01".repeat(32));
    worker.info = Info {
        session: bound(state).session,
        pruntime_version: None,
    };
    worker
}

struct Farm {
    start: Instant,
    snapshot: Snapshot,
    thresholds: Thresholds,
}

impl Farm {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            snapshot: Snapshot::default(),
            thresholds: Thresholds::default(),
        }
    }

    fn at(&self, seconds: u64) -> Now {
        at(self.start, seconds)
    }

    /// A round of PRB, and one of the chain where it is asked.
    fn round(&mut self, seconds: u64, worker: &Worker, known: Option<State>) {
        let now = self.at(seconds);
        round(&mut self.snapshot, 100, vec![worker.clone()], now);
        if let Some(state) = known {
            self.snapshot.chain.absorb(state, now);
        }
    }

    fn found(&self, seconds: u64) -> Vec<(&'static str, String)> {
        let diagnosis = diagnose(&self.snapshot, &self.thresholds, self.at(seconds));
        let findings = diagnosis.findings.into_iter();
        findings
            .map(|finding| (finding.symptom.name, finding.evidence))
            .collect()
    }

    fn looked_at(&self, symptom: &'static crate::collectors::Symptom) -> bool {
        let diagnosis = diagnose(&self.snapshot, &self.thresholds, self.at(0));
        diagnosis.looked_at.contains(&symptom)
    }
}

/// What is found after one round at the beginning.
fn found(worker: &Worker, known: Option<OnChain>) -> Vec<(&'static str, String)> {
    let mut farm = Farm::new();
    let state = known.map(|known| chain(&[(KEY, known)], farm.at(0)));
    farm.round(0, worker, state);
    farm.found(0)
}

#[test]
fn what_is_unresponsive_only_on_the_chain_is_told() {
    let ill = found(&told(SessionState::Idle), Some(bound(SessionState::Unresponsive)));
    let words = "the chain has it as unresponsive; PRB says active, and its session idle".to_owned();
    assert_eq!(ill, [("worker_unresponsive", words)]);
}

#[test]
fn what_is_unresponsive_only_for_prb_is_not() {
    let told = told(SessionState::Unresponsive);
    assert_eq!(found(&told, Some(bound(SessionState::Idle))), []);
    assert_eq!(found(&told, Some(OnChain::default())), []);
    let words = "its session on the chain is unresponsive; PRB says active".to_owned();
    assert_eq!(found(&told, None), [("worker_unresponsive", words)]);
}

#[test]
fn nobody_is_unresponsive_or_unsettled_while_heartbeats_are_paused() {
    let mut idle = told(SessionState::Idle);
    idle.info.session = Some(Session {
        v_updated: Some(crate::clock::UnixTime::from_millis(1)),
        ..idle.info.session.unwrap()
    });
    for (worker, symptom) in [
        (told(SessionState::Unresponsive), "worker_unresponsive"),
        (idle, "worker_settled_long_ago"),
    ] {
        let mut farm = Farm::new();
        let mut state = chain(&[], farm.at(0));
        farm.round(0, &worker, Some(state.clone()));
        assert_eq!(farm.found(0).first().map(|found| found.0), Some(symptom));
        state.network.heartbeat_paused = Some(true);
        farm.round(0, &worker, Some(state.clone()));
        assert_eq!(farm.found(0), []);
        // Where the runtime knows no pause there is none.
        state.network.heartbeat_paused = None;
        farm.round(0, &worker, Some(state));
        assert_eq!(farm.found(0).first().map(|found| found.0), Some(symptom));
    }
}

#[test]
fn a_chain_of_another_day_says_nothing_of_today() {
    let mut farm = Farm::new();
    let mut state = chain(&[(KEY, bound(SessionState::Unresponsive))], farm.at(0));
    farm.round(601, &told(SessionState::Idle), Some(state.clone()));
    assert_eq!(farm.found(601), []);
    state.time = None;
    farm.round(601, &told(SessionState::Idle), Some(state.clone()));
    assert_eq!(farm.found(601), []);
    state.time = Some(farm.at(10).wall);
    farm.round(601, &told(SessionState::Idle), Some(state));
    assert_eq!(farm.found(601).len(), 1);
    farm.snapshot.chain.expire();
    assert_eq!(farm.found(601), []);
}

#[test]
fn a_worker_of_another_pool_is_told_with_both() {
    let assigned = |pool| OnChain {
        pool,
        ..OnChain::default()
    };
    let words = "the chain has it in pool 99, PRB in pool 88".to_owned();
    let told = told(SessionState::Idle);
    assert_eq!(found(&told, Some(assigned(Some(99)))), [("worker_wrong_pool", words)]);
    assert_eq!(found(&told, Some(assigned(Some(88)))), []);
    assert_eq!(found(&told, Some(assigned(None))), []);
}

/// Whether it is told after so long in which the chain and PRB had it as ready.
fn computes_not(worker: &Worker, seconds: u64, by_chain: bool) -> bool {
    let mut farm = Farm::new();
    for moment in [0, seconds] {
        let state = by_chain.then(|| chain(&[(KEY, bound(SessionState::Ready))], farm.at(moment)));
        farm.round(moment, worker, state);
    }
    let found = farm.found(seconds);
    found
        .first()
        .is_some_and(|(symptom, _)| *symptom == "worker_not_computing")
}

#[test]
fn a_worker_that_is_only_bound_for_long_is_told_by_either_word() {
    let ready = told(SessionState::Ready);
    for by_chain in [true, false] {
        assert!(computes_not(&ready, HOUR, by_chain), "{by_chain}");
        assert!(!computes_not(&ready, HOUR - 1, by_chain), "{by_chain}");
    }
    // The chain counts from when it said so, whatever PRB thought.
    assert!(computes_not(&told(SessionState::Idle), HOUR, true));
    assert!(!computes_not(&told(SessionState::Idle), HOUR, false));
}

#[test]
fn who_is_not_meant_to_compute_or_not_there_yet_is_left_alone() {
    let ready = told(SessionState::Ready);
    let mut disabled = ready.clone();
    disabled.identity.enabled = false;
    let mut follower = ready.clone();
    follower.identity.sync_only = true;
    let mut starting = ready.clone();
    starting.status = Status::Starting;
    for worker in [disabled, follower, starting] {
        assert!(!computes_not(&worker, HOUR, true), "{worker:?}");
    }
    let mut farm = Farm::new();
    for moment in [0, HOUR] {
        let state = chain(&[(KEY, bound(SessionState::Ready))], farm.at(moment));
        farm.round(moment, &ready, Some(state));
    }
    let pool = Pool {
        number: Some(88),
        name: "88".to_owned(),
        enabled: true,
        sync_only: true,
    };
    let inventory = Inventory {
        workers: rows(Vec::new()),
        pools: vec![pool],
    };
    assert_eq!(farm.found(HOUR).len(), 1);
    let lifecycle = peers()[1].id.clone();
    let now = farm.at(HOUR);
    farm.snapshot
        .hear_inventories(vec![(lifecycle, Ok(inventory))], STALE, now);
    assert_eq!(farm.found(HOUR), []);
}

#[test]
fn time_before_the_tip_was_reached_does_not_count() {
    let mut farm = Farm::new();
    for (moment, status) in [(0, Status::Syncing), (HOUR, Status::Active), (2 * HOUR, Status::Active)] {
        let mut worker = told(SessionState::Ready);
        worker.status = status;
        worker.heights.para_block = Some(100 + moment);
        let state = chain(&[(KEY, bound(SessionState::Ready))], farm.at(moment));
        farm.round(moment, &worker, Some(state));
        assert_eq!(!farm.found(moment).is_empty(), moment == 2 * HOUR, "{moment}");
    }
}

#[test]
fn a_computing_worker_that_is_not_settled_for_long_is_told() {
    let settled = |farm: &Farm| {
        let mut known = bound(SessionState::Idle);
        known.session = Some(Session {
            v_updated: Some(farm.at(0).wall),
            ..known.session.unwrap()
        });
        known
    };
    let mut farm = Farm::new();
    for (moment, ill) in [(12 * HOUR - 1, false), (12 * HOUR, true)] {
        let state = chain(&[(KEY, settled(&farm))], farm.at(moment));
        farm.round(moment, &told(SessionState::Idle), Some(state));
        let words = "it computes, but V was settled 12h ago (limit 12h)".to_owned();
        let expected = ill.then_some(("worker_settled_long_ago", words));
        assert_eq!(farm.found(moment), expected.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn an_owner_without_fees_is_told_with_the_account_to_fill() {
    let mut farm = Farm::new();
    let mut state = chain(&[], farm.at(0));
    let owner = |free| Operator {
        account: Account([0; 32]),
        free,
    };
    let amounts = [
        (87, None),
        (88, Some(Plancks(1_999_999_999_999))),
        (89, Some(Plancks::of_pha(2))),
    ];
    state.operators = amounts.map(|(pool, free)| (pool, owner(free))).into();
    farm.round(0, &told(SessionState::Idle), Some(state.clone()));
    let words = "its owner 3zcnkmF6XjEogm8vAyPiL2ykPZHpeVtcfDcwTWJ2teqdSvjq has 1.999999999999 PHA free (limit 2 PHA)";
    assert_eq!(farm.found(0), [("operator_gas_low", words.to_owned())]);
    farm.thresholds.operator_gas_below_pha = 1;
    assert_eq!(farm.found(0), []);
    assert!(farm.looked_at(&OPERATOR_GAS_LOW));
    // What nobody knows of is not judged.
    state.operators = [(87, owner(None))].into();
    farm.round(0, &told(SessionState::Idle), Some(state));
    assert!(!farm.looked_at(&OPERATOR_GAS_LOW));
}
