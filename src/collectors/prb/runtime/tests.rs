//! The picture of pRuntimes, and what follows from it.

use std::sync::Arc;
use std::time::Duration as Std;

use tokio::time::Instant;

use super::*;
use crate::clock::{Now, UnixTime};
use crate::collectors::Diagnosis;
use crate::collectors::prb::snapshot::Snapshot;
use crate::collectors::prb::symptoms::Thresholds;
use crate::collectors::prb::target::Detail;
use crate::collectors::prb::testing::{STALE, at, round, worker};
use crate::collectors::prb::worker::{Heights, Status};
use crate::exposition::{Page, golden};
use crate::upstream::{Fault, Why};

const ROOM: &str = "src/collectors/prb/golden";
const PROVIDED: u64 = 2_905_270;

/// A pRuntime at the tip that is well.
fn well() -> Info {
    Info {
        version: Some("2.2.1".to_owned()),
        git_revision: Some("c46c4f6-2023-11-24".to_owned()),
        public_key: Some("1a".repeat(32)),
        initialized: Some(true),
        registered: Some(true),
        heights: Heights {
            relay_header: Some(15_748_050),
            para_header: Some(PROVIDED),
            para_block: Some(PROVIDED),
        },
        pending_messages: Some(0),
        score: Some(1510),
        gatekeeper: Some(Gatekeeper::None),
        memory: Memory {
            rust_used: Some(73_400_320),
            rust_peak_used: Some(104_857_600),
            total_peak_used: Some(536_870_912),
            free: Some(0),
            rust_spike: Some(52_428_800),
        },
        waiting_for_paraheaders: Some(false),
        safe_mode_level: Some(0),
        dev_mode: Some(false),
        block_time: Some(UnixTime::from_millis(1_795_195_990_000)),
    }
}

fn says(info: Info, now: Now) -> Outcome {
    Outcome::Answered(Arc::new(Told {
        info,
        statistics: Statistics {
            uptime: Some(Std::from_secs(3600)),
            cores: Some(8),
        },
        at: now.monotonic,
    }))
}

fn fails(why: Why) -> Outcome {
    Outcome::Failed(Fault::new("http://192.168.2.2:8000", "/get_info", why))
}

fn refused() -> Outcome {
    let words = "203.0.113.9 lies outside of `pruntimes.networks`, so it is not asked".to_owned();
    Outcome::Refused(Fault::new("http://203.0.113.9:8000", "GetInfo", Why::Outside(words)))
}

/// A round that tells of the workers w1, w2, ... in this order.
fn told(outcomes: impl IntoIterator<Item = Outcome>) -> Round {
    let named = outcomes.into_iter().zip(1..);
    let said: Vec<_> = named
        .map(|(outcome, number)| (format!("http://192.168.2.{number}:8000"), outcome))
        .collect();
    Round {
        about: said.iter().map(|(endpoint, _)| endpoint.clone()).collect(),
        said,
    }
}

/// A PRB with so many workers that are well.
fn prb(workers: u32, now: Now) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let rows = (1..=workers).map(|number| worker(number, Status::Active, Some(PROVIDED)));
    round(&mut snapshot, PROVIDED, rows.collect(), now);
    snapshot
}

fn page(snapshot: &Snapshot) -> String {
    let mut page = Page::new(&[("target", "prb-1")]);
    samples(snapshot, &mut page);
    golden::rendered(&FAMILIES, page)
}

/// Names, entities and evidence of what is found; which symptoms could be judged.
fn found(snapshot: &Snapshot, now: Now) -> (Vec<(&'static str, String, String)>, Vec<&'static str>) {
    let mut diagnosis = Diagnosis::default();
    diagnose(snapshot, &Thresholds::default(), now, &mut diagnosis);
    let findings = diagnosis.findings.into_iter();
    let findings = findings.map(|finding| (finding.symptom.name, finding.entity, finding.evidence));
    let looked_at = diagnosis.looked_at.iter().map(|symptom| symptom.name);
    (findings.collect(), looked_at.collect())
}

/// One of each kind.
fn all_kinds(now: Now) -> Vec<Outcome> {
    let old = Info {
        memory: Memory {
            free: None,
            rust_spike: None,
            ..well().memory
        },
        waiting_for_paraheaders: None,
        safe_mode_level: None,
        block_time: None,
        ..well()
    };
    let outcome = Outcome::Answered(Arc::new(Told {
        info: old,
        statistics: Statistics::default(),
        at: now.monotonic,
    }));
    vec![
        says(well(), now),
        fails(Why::Unreachable("connection refused".to_owned())),
        refused(),
        outcome,
    ]
}

#[test]
fn every_worker_is_shown_under_the_name_of_its_other_figures() {
    let now = at(Instant::now(), 0);
    let mut snapshot = prb(5, now);
    snapshot.runtimes.absorb(told(all_kinds(now)), STALE, now);
    golden::check(&format!("{ROOM}/pruntimes.prom"), &page(&snapshot));
    let one = page(&snapshot).matches("worker=\"w1\"").count();
    assert!(one <= 24, "{one}");
}

#[test]
fn a_summary_shows_counts_and_whom_something_ails() {
    let now = at(Instant::now(), 0);
    let mut snapshot = prb(5, now);
    snapshot.detail = Detail::Summary;
    snapshot.runtimes.absorb(told(all_kinds(now)), STALE, now);
    golden::check(&format!("{ROOM}/pruntimes-summary.prom"), &page(&snapshot));
    let mut many = prb(200, now);
    many.detail = Detail::Summary;
    let down = (0..200).map(|_| fails(Why::AuthDown));
    many.runtimes.absorb(told(down), STALE, now);
    assert_eq!(page(&many).matches("phala_pruntime_up{").count(), 20);
}

#[test]
fn nothing_is_shown_where_no_pruntime_is_asked() {
    let now = at(Instant::now(), 0);
    let mut snapshot = prb(3, now);
    assert_eq!(page(&snapshot), "");
    assert_eq!(found(&snapshot, now), (Vec::new(), Vec::new()));
    snapshot.runtimes.absorb(told(all_kinds(now)), STALE, now);
    snapshot.runtimes.expire();
    assert_eq!(page(&snapshot), "");
}

#[test]
fn what_a_silent_pruntime_said_is_kept_until_it_is_stale() {
    let start = Instant::now();
    let mut snapshot = prb(1, at(start, 0));
    snapshot
        .runtimes
        .absorb(told([says(well(), at(start, 0))]), STALE, at(start, 0));
    for (seconds, shown) in [(30, true), (60, true), (90, false)] {
        let now = at(start, seconds);
        let down = fails(Why::Timeout(Std::from_secs(10)));
        snapshot.runtimes.absorb(told([down]), STALE, now);
        let page = page(&snapshot);
        assert_eq!(page.contains("phala_pruntime_score{"), shown, "{seconds}");
        assert!(
            page.contains("phala_pruntime_up{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"w1\"} 0")
        );
    }
}

#[test]
fn whom_a_round_did_not_reach_stays_as_it_was_and_who_is_gone_goes() {
    let start = Instant::now();
    let mut snapshot = prb(2, at(start, 0));
    let both = [says(well(), at(start, 0)), says(well(), at(start, 0))];
    snapshot.runtimes.absorb(told(both), STALE, at(start, 0));
    let unreached = Round {
        about: vec!["http://192.168.2.1:8000".to_owned()],
        said: Vec::new(),
    };
    snapshot.runtimes.absorb(unreached, STALE, at(start, 30));
    let count = |state: &str, count: u8| {
        format!("phala_prb_pruntimes{{target=\"prb-1\",lifecycle=\"lifecycle\",state=\"{state}\"}} {count}\n")
    };
    let shown = page(&snapshot);
    assert!(
        shown.contains(&count("up", 1)) && shown.contains(&count("unknown", 1)),
        "{shown}"
    );
    let unreached = Round {
        about: vec!["http://192.168.2.1:8000".to_owned()],
        said: Vec::new(),
    };
    snapshot.runtimes.absorb(unreached, STALE, at(start, 90));
    assert_eq!(page(&snapshot), "");
}

#[test]
fn down_and_not_asked_are_two_things() {
    let now = at(Instant::now(), 0);
    let mut snapshot = prb(5, now);
    snapshot.runtimes.absorb(told(all_kinds(now)), STALE, now);
    let (findings, looked_at) = found(&snapshot, now);
    let expected = [
        (
            "pruntime_down",
            "lifecycle/w2".to_owned(),
            "http://192.168.2.2:8000: /get_info: connection refused".to_owned(),
        ),
        (
            "pruntime_not_asked",
            "lifecycle/w3".to_owned(),
            "http://203.0.113.9:8000: GetInfo: 203.0.113.9 lies outside of `pruntimes.networks`, so it is not asked"
                .to_owned(),
        ),
    ];
    assert_eq!(findings, expected);
    assert_eq!(looked_at.len(), 6);
    assert_eq!(
        gist(&snapshot.runtimes).unwrap_err(),
        "2 of 4 pRuntimes answer; http://192.168.2.2:8000: /get_info: connection refused; http://203.0.113.9:8000: \
         GetInfo: 203.0.113.9 lies outside of `pruntimes.networks`, so it is not asked"
    );
}

#[test]
fn what_many_have_in_common_is_told_once() {
    let now = at(Instant::now(), 0);
    let mut snapshot = prb(20, now);
    let all = |down: usize| {
        let state = move |number| {
            if number < down {
                fails(Why::AuthDown)
            } else {
                says(well(), now)
            }
        };
        told((0..20).map(state))
    };
    snapshot.runtimes.absorb(all(4), STALE, now);
    assert_eq!(found(&snapshot, now).0.len(), 4);
    snapshot.runtimes.absorb(all(5), STALE, now);
    let (findings, _) = found(&snapshot, now);
    let [(symptom, entity, evidence)] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    assert_eq!((*symptom, entity.as_str()), ("pruntime_down", "lifecycle"));
    assert!(
        evidence.starts_with("5 of 20 pRuntimes (limit 4), like w1: "),
        "{evidence}"
    );
}

#[test]
fn messages_that_only_become_more_are_an_illness_after_a_while() {
    let start = Instant::now();
    let mut snapshot = prb(1, at(start, 0));
    let mut hear = |seconds: u64, pending: u64| {
        let now = at(start, seconds);
        let info = Info {
            pending_messages: Some(pending),
            ..well()
        };
        // Rounds are far apart here, so nothing may be stale.
        snapshot
            .runtimes
            .absorb(told([says(info, now)]), Std::from_secs(3600), now);
        found(&snapshot, now).0.len()
    };
    // They stand, and are not many.
    assert_eq!(hear(0, 3) + hear(60, 3) + hear(900, 9), 0);
    assert_eq!(hear(930, 11), 1);
    // One landed.
    assert_eq!(hear(960, 10), 0);
    assert_eq!(hear(990, 50) + hear(1_800, 50), 0);
    assert_eq!(hear(1_860, 50), 1);
    assert_eq!(hear(1_890, 0), 0);
}

#[test]
fn a_lost_answer_does_not_hide_that_messages_become_more() {
    let start = Instant::now();
    let mut snapshot = prb(1, at(start, 0));
    let pending = |pending: u64, now: Now| {
        let info = Info {
            pending_messages: Some(pending),
            ..well()
        };
        told([says(info, now)])
    };
    snapshot.runtimes.absorb(pending(1, at(start, 0)), STALE, at(start, 0));
    let lost = told([fails(Why::AuthDown)]);
    snapshot.runtimes.absorb(lost, STALE, at(start, 60));
    let (findings, looked_at) = found(&snapshot, at(start, 60));
    assert_eq!(findings.len(), 1, "down: {findings:?}");
    assert!(!looked_at.contains(&"pruntime_pending_messages"));
    for seconds in (120..=900).step_by(60) {
        snapshot
            .runtimes
            .absorb(pending(40, at(start, seconds)), STALE, at(start, seconds));
    }
    let (findings, _) = found(&snapshot, at(start, 900));
    assert_eq!(
        findings.first().map(|(name, ..)| *name),
        Some("pruntime_pending_messages")
    );
}

#[test]
fn unregistered_counts_only_at_the_tip_and_after_a_while() {
    let start = Instant::now();
    let unregistered = |behind: u64| Info {
        registered: Some(false),
        heights: Heights {
            para_block: Some(PROVIDED - behind),
            ..well().heights
        },
        ..well()
    };
    for (behind, ill) in [(0, 1), (9, 1), (10, 0)] {
        let mut snapshot = prb(1, at(start, 0));
        for seconds in [0, 30] {
            let round = told([says(unregistered(behind), at(start, seconds))]);
            snapshot.runtimes.absorb(round, STALE, at(start, seconds));
        }
        assert_eq!(found(&snapshot, at(start, 899)).0.len(), 0);
        assert_eq!(found(&snapshot, at(start, 900)).0.len(), ill, "{behind}");
        let again = told([says(well(), at(start, 901))]);
        snapshot.runtimes.absorb(again, STALE, at(start, 901));
        assert_eq!(found(&snapshot, at(start, 2_000)).0.len(), 0);
    }
}

#[test]
fn safe_mode_and_development_are_told_at_once() {
    let now = at(Instant::now(), 0);
    let mut snapshot = prb(2, now);
    let safe = Info {
        safe_mode_level: Some(2),
        ..well()
    };
    let dev = Info {
        dev_mode: Some(true),
        ..well()
    };
    snapshot
        .runtimes
        .absorb(told([says(safe, now), says(dev, now)]), STALE, now);
    let names: Vec<_> = found(&snapshot, now)
        .0
        .into_iter()
        .map(|(name, entity, _)| (name, entity))
        .collect();
    let expected = [
        ("pruntime_safe_mode", "lifecycle/w1".to_owned()),
        ("pruntime_dev_mode", "lifecycle/w2".to_owned()),
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_start_stands_still_while_uptime_is_rounded_and_moves_with_a_restart() {
    let start = Instant::now();
    let mut snapshot = prb(1, at(start, 0));
    let mut started = |seconds: u64, uptime: u64| {
        let now = at(start, seconds);
        let outcome = Outcome::Answered(Arc::new(Told {
            info: well(),
            statistics: Statistics {
                uptime: Some(Std::from_secs(uptime)),
                cores: None,
            },
            at: now.monotonic,
        }));
        snapshot.runtimes.absorb(told([outcome]), STALE, now);
        let view = snapshot.runtimes.of("http://192.168.2.1:8000").unwrap();
        view.watch.started.unwrap()
    };
    let first = started(0, 100);
    assert_eq!(first, at(start, 0).wall.minus(Std::from_secs(100)));
    assert_eq!(started(30, 129), first);
    assert_eq!(started(60, 161), first);
    assert_eq!(started(90, 10), at(start, 80).wall);
}
