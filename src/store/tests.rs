//! How rounds are counted and shown.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::clock::{Now, UnixTime};
use crate::collectors::{Finding, Part, Symptom};
use crate::exposition::golden;
use crate::upstream::{Fault, Why};

static STUCK: Symptom = Symptom::bare("stuck");

const PART: Part = Part {
    name: "para",
    every: Duration::from_secs(15),
    deadline: Duration::from_secs(10),
    hangs_on: &[],
};

fn now() -> Now {
    Now {
        wall: UnixTime::from_millis(1_700_000_000_000),
        monotonic: Instant::now(),
    }
}

#[test]
fn the_families_of_a_target() {
    let mut status = PartStatus::new(PART);
    let mut page = Page::new(&[]);
    status.samples("phala", "node-0", &mut page);
    assert!(status.ended(Ok(()), Duration::from_millis(20), now()));
    let timeout = || {
        Fault::new(
            "http://127.0.0.1:1",
            "system_health",
            Why::Timeout(Duration::from_secs(5)),
        )
    };
    assert!(status.ended(Err(timeout()), Duration::from_secs(5), now()));
    assert!(!status.ended(Err(timeout()), Duration::from_secs(5), now()));
    status.samples("phala", "node-1", &mut page);
    let found = Finding {
        symptom: &STUCK,
        entity: "para".to_owned(),
        evidence: String::new(),
        part: None,
    };
    let ill = Diagnosis {
        looked_at: vec![&STUCK],
        findings: vec![found],
        ..Diagnosis::default()
    };
    let well = Diagnosis {
        looked_at: vec![&STUCK],
        findings: Vec::new(),
        ..Diagnosis::default()
    };
    let verdict = |name: &str, diagnosis| Verdict {
        target: name.parse().unwrap(),
        diagnosis,
        read: Vec::new(),
    };
    let symptoms = render_symptoms(&[verdict("node-0", well), verdict("node-1", ill)]);
    let mut text = String::new();
    let status = page.finish();
    crate::exposition::write_families(
        FAMILIES,
        [&status, &symptoms],
        crate::exposition::Format::OpenMetrics,
        &mut text,
    );
    golden::check("src/golden/targets.prom", &text);
    golden::covers("src/golden", FAMILIES);
}

#[test]
fn data_is_stale_after_three_intervals_without_success() {
    let mut status = PartStatus::new(PART);
    let start = now();
    assert!(status.is_stale(start));
    status.ended(Ok(()), Duration::ZERO, start);
    let later = |seconds| Now {
        monotonic: start.monotonic + Duration::from_secs(seconds),
        ..start
    };
    assert!(!status.is_stale(later(44)));
    assert!(status.is_stale(later(45)));
}
