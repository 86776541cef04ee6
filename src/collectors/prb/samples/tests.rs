use tokio::time::Instant;

use super::super::target::Detail;
use super::super::testing::{at, recorded_prb, round, worker};
use super::*;
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
    let snapshot = recorded_prb(at(Instant::now(), 0));
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
