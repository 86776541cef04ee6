use tokio::time::Instant;

use super::super::amount::Plancks;
use super::super::on_chain::{Account, OnChain, Operator, PublicKey};
use super::super::session::{Session, SessionState};
use super::super::target::Detail;
use super::super::testing::{at, bound, chain, legacy_prb, manager_prb, recorded_prb, round, worker};
use super::*;
use crate::clock::UnixTime;
use crate::exposition::golden;

const ROOM: &str = "src/collectors/prb/golden";

fn page(snapshot: &Snapshot) -> String {
    let mut page = Page::new(&[("target", "prb-1")]);
    samples(snapshot, &mut page);
    golden::rendered(FAMILIES, page)
}

#[test]
fn the_recorded_prb_shows_everything() {
    let snapshot = recorded_prb(at(Instant::now(), 0));
    golden::check(&format!("{ROOM}/recorded.prom"), &page(&snapshot));
    golden::covers(ROOM, FAMILIES);
}

#[test]
fn the_chains_word_stands_before_that_of_prb() {
    let now = at(Instant::now(), 0);
    let mut snapshot = recorded_prb(now);
    let unresponsive = OnChain {
        stake: Some(Plancks(12_345_000_000_000_000)),
        pool: Some(88),
        session: Some(Session {
            v: Some(3_054.25),
            v_updated: Some(now.wall),
            ..bound(SessionState::Unresponsive).session.unwrap()
        }),
    };
    let workers = [
        (PublicKey([1; 32]), unresponsive),
        (PublicKey([2; 32]), OnChain::default()),
    ];
    let mut state = chain(&workers, now);
    let owner = Operator {
        account: Account([7; 32]),
        free: Some(Plancks(1_500_000_000_000)),
    };
    state.operators = [(88, owner)].into();
    snapshot.chain.absorb(state.clone(), now);
    golden::check(&format!("{ROOM}/on-chain.prom"), &page(&snapshot));

    // What is not the present is dated, and nothing else.
    state.time = Some(UnixTime::from_millis(1_680_000_000_000));
    snapshot.chain.absorb(state, now);
    let shown = page(&snapshot);
    assert!(!shown.contains("source=\"chain\"") && !shown.contains("phala_chain_online_workers"));
    assert!(
        shown.contains("phala_chain_block_timestamp_seconds{target=\"prb-1\"} 1680000000.0"),
        "{shown}"
    );
    snapshot.chain.expire();
    assert!(!page(&snapshot).contains("phala_chain_"));
}

#[test]
fn a_worker_manager_shows_the_same_families() {
    let snapshot = manager_prb(at(Instant::now(), 0));
    golden::check(&format!("{ROOM}/worker-manager.prom"), &page(&snapshot));
}

#[test]
fn an_old_monitor_shows_the_same_families_and_no_keystore() {
    let snapshot = legacy_prb(at(Instant::now(), 0));
    let shown = page(&snapshot);
    golden::check(&format!("{ROOM}/legacy-monitor.prom"), &shown);
    assert!(!shown.contains("SIMFARM-SECRET-KEYSTORE"));
}

#[test]
fn of_a_list_of_transactions_that_was_cut_off_the_rest_is_unknown() {
    let mut snapshot = manager_prb(at(Instant::now(), 0));
    let beginning = br#"{"tx_count":7,"running_txs":[],"pending_txs":[{"state"#;
    snapshot.transactions = Some(Transactions::read(beginning, true).unwrap());
    let shown = page(&snapshot);
    assert!(shown.contains("phala_prb_transactions_total{target=\"prb-1\",lifecycle=\"worker-manager\"} 7\n"));
    assert!(shown.contains("phala_prb_transactions_cut{target=\"prb-1\",lifecycle=\"worker-manager\"} 1\n"));
    assert!(!shown.contains("phala_prb_transactions_by_state{"), "{shown}");
}

#[test]
fn a_summary_shows_counts_and_the_worst_workers() {
    let mut snapshot = recorded_prb(at(Instant::now(), 0));
    snapshot.detail = Detail::Summary;
    golden::check(&format!("{ROOM}/recorded-summary.prom"), &page(&snapshot));
}

#[test]
fn a_summary_has_a_limit_even_if_everything_is_ill() {
    let mut snapshot = Snapshot::default();
    let all = (0..1000).map(|number| worker(number, Status::Error, None)).collect();
    round(&mut snapshot, 100, all, at(Instant::now(), 0));
    snapshot.detail = Detail::Summary;
    let shown = page(&snapshot);
    assert_eq!(shown.matches("phala_worker_last_message_info{").count(), 20);
    assert!(
        shown.contains("phala_prb_workers{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",state=\"error\"} 1000")
    );
}

#[test]
fn a_worker_costs_at_most_thirty_series() {
    let now = at(Instant::now(), 0);
    let mut snapshot = recorded_prb(now);
    let cooling = OnChain {
        stake: Some(Plancks(1)),
        pool: Some(88),
        session: Some(Session {
            state: Some(SessionState::CoolingDown),
            v: Some(1.0),
            ve: Some(1.0),
            v_updated: Some(now.wall),
            p_initial: Some(1),
            p_instant: Some(1),
            challenged: Some(now.wall),
            cool_down_started: Some(now.wall),
            reward: Some(Plancks(1)),
        }),
    };
    snapshot.chain.absorb(chain(&[(PublicKey([1; 32]), cooling)], now), now);
    let shown = page(&snapshot);
    for name in ["192.168.2.1", "192.168.2.8", "192.168.2.11"] {
        let label = format!("worker=\"{name}\"");
        let series = shown.lines().filter(|line| line.contains(&label)).count();
        assert!((20..=30).contains(&series), "{name}: {series}");
    }
}

#[test]
fn what_is_stale_is_not_shown() {
    let mut snapshot = recorded_prb(at(Instant::now(), 0));
    snapshot.expire_peers();
    snapshot.expire_workers();
    snapshot.expire_inventories();
    snapshot.queues.expire();
    assert_eq!(page(&snapshot), "");
}
