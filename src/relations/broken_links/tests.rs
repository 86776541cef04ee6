use tokio::time::Instant;

use super::super::{judge, testing};
use super::SENT_THROUGH_IT;
use crate::collectors::phala::Chain;
use crate::collectors::prb::Snapshot;
use crate::collectors::prb::message::Message;
use crate::collectors::prb::testing::{at, managed, round, view, worker};
use crate::collectors::prb::worker::{Status, Worker};
use crate::collectors::{Link, TargetView};
use crate::exposition::{Format, Page, write_families};

/// A node whose chains are seen for ten minutes: each stands still or grows.
fn node(start: Instant, name: &str, relay_grows: bool, para_grows: bool) -> TargetView {
    let seen = |grows: bool| {
        let height = move |minute: u64| 100 + if grows { minute * 5 } else { 0 };
        (0..=10)
            .map(|minute| (at(start, minute * 60), height(minute)))
            .collect::<Vec<_>>()
    };
    let (relay, para) = (seen(relay_grows), seen(para_grows));
    testing::node(name, name, &[(Chain::Relay, &relay), (Chain::Para, &para)])
}

/// A PRB whose provider and workers were seen at these times and heights.
fn prb(start: Instant, rounds: &[(u64, u64, Vec<Worker>)]) -> TargetView {
    let mut snapshot = Snapshot::default();
    for (seconds, provided, workers) in rounds {
        round(&mut snapshot, *provided, workers.clone(), at(start, *seconds));
    }
    let (last, ..) = rounds.last().unwrap();
    view("prb-1", snapshot, at(start, *last))
}

fn active(number: u32, height: u64) -> Worker {
    worker(number, Status::Active, Some(height))
}

fn failed(number: u32) -> Worker {
    let mut failed = worker(number, Status::Error, None);
    failed.message = Message::read("[2022-12-20T10:01:00+00:00] \"Error: connect ECONNREFUSED 192.168.2.2:8000\"");
    failed
}

struct Judged {
    /// Symptom and entity, per target.
    found: Vec<Vec<(&'static str, String)>>,
    evidence: String,
    page: String,
}

fn judged(mut views: Vec<TargetView>, depends_on: &[&str]) -> Judged {
    let links = [Link {
        target: "prb-1".parse().unwrap(),
        collector: "prb",
        farm: Link::default_farm(),
        depends_on: depends_on.iter().map(|name| name.parse().unwrap()).collect(),
    }];
    let mut page = Page::new(&[]);
    judge(&mut views, &links, &mut page);
    let of = |view: &TargetView| {
        let findings = view.diagnosis.findings.iter();
        findings
            .map(|finding| (finding.symptom.name, finding.entity.clone()))
            .collect()
    };
    let mut text = String::new();
    write_families(super::super::FAMILIES, [&page.finish()], Format::Text, &mut text);
    let evidence = views.iter().flat_map(|view| &view.diagnosis.findings);
    Judged {
        found: views.iter().map(of).collect(),
        evidence: evidence.map(|finding| finding.evidence.clone() + "\n").collect(),
        page: text,
    }
}

fn behind(page: &str, link: &str) -> Option<u64> {
    let start = format!(r#"phala_prb_workers_by_broken_link{{target="prb-1",lifecycle="lifecycle",link="{link}"}} "#);
    page.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
}

#[test]
fn an_ill_worker_alone_is_its_own_link() {
    let start = Instant::now();
    let rounds = [(0, 200, vec![failed(1), active(2, 200)])];
    let judged = judged(
        vec![node(start, "node-1", true, true), prb(start, &rounds)],
        &["node-1"],
    );
    assert_eq!(
        judged.found,
        [vec![], vec![("worker_error", "lifecycle/w1".to_owned())]]
    );
    assert_eq!(
        (behind(&judged.page, "worker"), behind(&judged.page, "none")),
        (Some(1), Some(1))
    );
    assert!(
        judged.page.contains(r#"worker="w1",link="worker"} 1"#),
        "{}",
        judged.page
    );
    assert!(!judged.page.contains(r#"worker="w2",link"#), "{}", judged.page);
}

#[test]
fn behind_a_relay_chain_that_stands_all_workers_wait_for_it() {
    let start = Instant::now();
    let workers = || vec![active(1, 150), failed(2)];
    let rounds = [(0, 150, workers()), (600, 150, workers())];
    let judged = judged(
        vec![node(start, "node-1", false, true), prb(start, &rounds)],
        &["node-1"],
    );
    assert_eq!(judged.found[0], [("node_stuck", "relay".to_owned())]);
    // What it fails of by itself stays.
    assert_eq!(judged.found[1], [("worker_error", "lifecycle/w2".to_owned())]);
    assert_eq!(behind(&judged.page, "relay"), Some(2));
    assert!(
        judged.evidence.contains("2 workers of prb-1 wait behind it"),
        "{}",
        judged.evidence
    );
}

#[test]
fn what_is_sent_to_the_chain_waits_for_the_node_and_for_no_other() {
    let start = Instant::now();
    let ill = |name: &str, goes_on: bool| {
        let mut prb = prb(start, &[(600, 150, vec![active(1, 150)])]);
        for symptom in SENT_THROUGH_IT {
            prb.diagnosis.judge(symptom, "room-a", Some(true), String::new);
        }
        let nodes = [node(start, "node-1", true, goes_on), node(start, "node-2", true, false)];
        let found = judged(nodes.into_iter().chain([prb]).collect(), &[name]).found;
        let names: Vec<&str> = found[2].iter().map(|(name, _)| *name).collect();
        SENT_THROUGH_IT.map(|symptom| names.contains(&symptom.name))
    };
    assert_eq!(ill("node-1", false), [false; 2], "its own node stands");
    assert_eq!(ill("node-1", true), [true; 2], "only another node stands");
}

#[test]
fn with_another_node_that_goes_on_the_chain_is_not_broken() {
    let start = Instant::now();
    let rounds = [(0, 150, vec![active(1, 150)])];
    let views = vec![
        node(start, "node-1", true, false),
        node(start, "node-2", true, true),
        prb(start, &rounds),
    ];
    assert_eq!(behind(&judged(views, &["node-1", "node-2"]).page, "para"), Some(0));
}

#[test]
fn a_provider_that_lags_takes_the_blame_of_its_workers() {
    let start = Instant::now();
    let slow: Vec<Worker> = (1..=10).map(|number| active(number, 100)).collect();
    let mut snapshot = Snapshot::default();
    round(&mut snapshot, 200, slow, at(start, 0));
    // Up to here the workers lag; now the provider does, too.
    let healthy = judged(vec![view("prb-1", snapshot.clone(), at(start, 0))], &[]);
    assert_eq!(healthy.found, [[("workers_correlated", "lifecycle".to_owned())]]);
    assert_eq!(behind(&healthy.page, "lifecycle"), Some(10));
    snapshot.provider_behind(500, at(start, 0));
    let judged = judged(vec![view("prb-1", snapshot, at(start, 0))], &[]);
    assert_eq!(judged.found, [[("data_provider_lag", "data_provider".to_owned())]]);
    assert_eq!(behind(&judged.page, "data_provider"), Some(10));
    assert!(
        judged.evidence.contains("10 workers wait behind it"),
        "{}",
        judged.evidence
    );
}

#[test]
fn a_provider_that_lost_its_node_is_found_by_the_node() {
    let start = Instant::now();
    // The chain goes from 100 to 150 in ten minutes; the relay chain of the provider is told as twice its height.
    let rounds = [(500, 75, vec![active(1, 75)]), (600, 75, vec![active(1, 75)])];
    let judged_alone = judged(vec![node(start, "node-1", true, true), prb(start, &rounds)], &[]);
    assert_eq!(judged_alone.found[1], []);
    let judged = judged(
        vec![node(start, "node-1", true, true), prb(start, &rounds)],
        &["node-1"],
    );
    assert_eq!(
        judged.found,
        [vec![], vec![("data_provider_target_stale", "data_provider".to_owned())]]
    );
    assert!(
        judged.evidence.contains("its para target is 75 for 1m40s"),
        "{}",
        judged.evidence
    );
    assert_eq!(behind(&judged.page, "data_provider"), Some(1));
}

#[test]
fn a_provider_that_was_asked_a_moment_ago_is_not_stale() {
    let start = Instant::now();
    let rounds = [(590, 75, vec![active(1, 75)]), (600, 75, vec![active(1, 75)])];
    let judged = judged(
        vec![node(start, "node-1", true, true), prb(start, &rounds)],
        &["node-1"],
    );
    assert_eq!(judged.found, [vec![], vec![]]);
}

#[test]
fn workers_that_have_no_provider_are_compared_with_the_node() {
    let start = Instant::now();
    let manager = |rounds: &[(u64, u64)]| {
        let mut snapshot = Snapshot::default();
        for (seconds, height) in rounds {
            let workers = vec![active(1, *height), active(2, *height)];
            managed(&mut snapshot, workers, at(start, *seconds));
        }
        view("prb-1", snapshot, at(start, 600))
    };
    // The node ends at 150.
    let judged = |prb: TargetView| judged(vec![node(start, "node-1", true, true), prb], &["node-1"]);
    let stopped = judged(manager(&[(500, 100), (600, 100)]));
    let expected = ("workers_without_blocks", "worker-manager".to_owned());
    assert_eq!(stopped.found, [vec![], vec![expected]]);
    assert!(
        stopped.evidence.contains("no worker has a block after 100 for 1m40s"),
        "{}",
        stopped.evidence
    );
    assert!(
        stopped.page.contains(r#"worker="w1",link="lifecycle"} 1"#),
        "{}",
        stopped.page
    );
    for well in [[(500, 100), (590, 101)], [(500, 148), (600, 148)]] {
        assert_eq!(judged(manager(&well)).found, [vec![], vec![]]);
    }
}
