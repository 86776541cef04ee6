use std::time::Duration;

use tokio::time::Instant;

use super::super::reading::Reading;
use super::super::runtime::Statistics;
use super::super::target::Target;
use super::super::testing::at;
use super::super::{Prb, Snapshot, samples};
use super::*;
use crate::clock::Now;
use crate::collectors::{Collector as _, TargetConfig as _, Tools};
use crate::exposition::{Own, Page, golden};
use crate::upstream::{Fault, Upstream, Why};

fn target(solo: &serde_json::Value) -> Target {
    serde_json::from_value(serde_json::json!({"name": "solo", "solo": solo})).unwrap()
}

/// Three workers: the first well, the second new, the third whatever a test makes of it.
fn farm() -> (Prb, Target) {
    let entry = |number: u8| serde_json::json!({"name": format!("solo-{number}"), "pruntime": format!("http://10.0.0.3{number}:8000")});
    let target = target(&serde_json::json!([entry(1), entry(2), entry(3)]));
    let tools = Tools {
        upstream: Upstream::from_system().unwrap(),
        own: Own::default(),
    };
    (Prb::connect(&target, &tools, None).unwrap(), target)
}

fn info(initialized: bool, registered: bool) -> Info {
    Info {
        version: Some("2.2.1".to_owned()),
        initialized: Some(initialized),
        registered: Some(registered),
        public_key: initialized.then(|| "1a".repeat(32)),
        ..Info::default()
    }
}

fn told(info: Info, now: Now) -> Outcome {
    Outcome::Answered(Arc::new(Told {
        info,
        statistics: Statistics::default(),
        at: now.monotonic,
    }))
}

fn round(outcomes: [Outcome; 3]) -> Reading {
    let about = [1, 2, 3].map(|number| format!("http://10.0.0.3{number}:8000"));
    Reading::Runtimes(Round {
        about: about.to_vec(),
        said: about.into_iter().zip(outcomes).collect(),
    })
}

fn down() -> Outcome {
    let why = Why::Unreachable("connection refused".to_owned());
    Outcome::Failed(Fault::new("http://10.0.0.33:8000", "/get_info", why))
}

fn page(snapshot: &Snapshot) -> String {
    let mut page = Page::new(&[("target", "solo")]);
    samples::samples(snapshot, &mut page);
    golden::rendered(samples::FAMILIES, page)
}

#[test]
fn workers_without_a_prb_have_the_same_families() {
    let (prb, target) = farm();
    let parts: Vec<_> = prb
        .parts()
        .into_iter()
        .map(|part| (part.name, part.hangs_on.len()))
        .collect();
    assert_eq!(parts, [("pruntimes", 0)]);
    assert!(target.contradictions().is_empty());
    let now = at(Instant::now(), 0);
    let mut snapshot = Snapshot::default();
    let outcomes = [told(info(true, true), now), told(info(true, false), now), down()];
    prb.absorb(&mut snapshot, round(outcomes), now);
    golden::check("src/collectors/prb/golden/solo.prom", &page(&snapshot));
    let diagnosis = prb.diagnose(&snapshot, now);
    let findings: Vec<_> = diagnosis
        .findings
        .iter()
        .map(|found| (found.symptom.name, found.entity.as_str(), found.part))
        .collect();
    assert_eq!(findings, [("pruntime_down", "solo/solo-3", Some("pruntimes"))]);
    assert!(
        diagnosis
            .looked_at
            .iter()
            .all(|symptom| symptom.name != "prb_peer_down")
    );
}

#[tokio::test]
async fn those_that_answer_enter_the_roster() {
    let (prb, _) = farm();
    let now = at(Instant::now(), 0);
    let mut snapshot = Snapshot::default();
    let outcomes = [told(info(true, true), now), told(info(false, false), now), down()];
    prb.absorb(&mut snapshot, round(outcomes), now);
    let known = prb.roster.known().await;
    let keys: Vec<_> = known.iter().map(|known| known.public_key.is_some()).collect();
    assert_eq!(keys, [true, false]);
}

#[test]
fn a_silent_one_has_no_state_and_all_goes_when_it_is_stale() {
    let (prb, _) = farm();
    let start = Instant::now();
    let mut snapshot = Snapshot::default();
    let well = |now| told(info(true, true), now);
    let now = at(start, 0);
    prb.absorb(&mut snapshot, round([well(now), well(now), well(now)]), now);
    assert!(
        page(&snapshot).contains("phala_worker_state{target=\"solo\",lifecycle=\"solo\",pool=\"\",worker=\"solo-3\"")
    );
    let now = at(start, 30);
    prb.absorb(&mut snapshot, round([well(now), well(now), down()]), now);
    let shown = page(&snapshot);
    assert!(!shown.contains("phala_worker_state{target=\"solo\",lifecycle=\"solo\",pool=\"\",worker=\"solo-3\""));
    assert!(shown.contains("phala_pruntime_up{target=\"solo\",lifecycle=\"solo\",pool=\"\",worker=\"solo-3\"} 0\n"));
    let [part] = prb.parts().try_into().unwrap();
    prb.expire(&mut snapshot, &part);
    assert_eq!(page(&snapshot), "");
}

#[test]
fn the_states_of_a_pruntime_are_steps_of_a_worker() {
    let cases = [
        (Some(false), Some(false), Status::Starting),
        (Some(true), Some(false), Status::PreActive),
        (Some(true), Some(true), Status::Active),
        (None, Some(true), Status::Active),
        (None, None, Status::Unknown),
        (Some(true), None, Status::Unknown),
    ];
    for (initialized, registered, expected) in cases {
        let info = Info {
            initialized,
            registered,
            ..Info::default()
        };
        assert_eq!(status(&info), expected, "{initialized:?} {registered:?}");
    }
}

#[test]
fn what_cannot_be_is_told_with_the_workers_name() {
    let cases = [
        (
            serde_json::json!([{"name": "a", "pruntime": "ws://10.0.0.1:8000"}]),
            "`a`: a pRuntime speaks http",
        ),
        (
            serde_json::json!([{"name": "a", "pruntime": "http://10.0.0.1:8000/x"}]),
            "`a`: a pRuntime has no path",
        ),
        (
            serde_json::json!([{"name": "a", "pruntime": "http://10.0.0.1:8000"}, {"name": "a", "pruntime": "http://10.0.0.2:8000"}]),
            "two workers are called `a`",
        ),
        (
            serde_json::json!([{"name": "a", "pruntime": "http://10.0.0.1:8000"}, {"name": "b", "pruntime": "http://10.0.0.1:8000/"}]),
            "`b` and `a` have the same pRuntime",
        ),
    ];
    for (solo, words) in cases {
        let wrong = target(&solo).contradictions();
        let [(key, told)] = wrong.as_slice() else {
            panic!("{wrong:?}")
        };
        assert_eq!(*key, "solo");
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn networks_must_be_named_where_a_prb_names_the_addresses() {
    let with = |pruntimes: serde_json::Value| -> Target {
        let entry = serde_json::json!({"name": "prb-1", "monitor": "http://10.0.0.9:3000", "pruntimes": pruntimes});
        serde_json::from_value(entry).unwrap()
    };
    let wrong = with(serde_json::json!({})).contradictions();
    assert_eq!(wrong.first().map(|(key, _)| *key), Some("pruntimes.networks"));
    assert!(
        with(serde_json::json!({"networks": ["10.0.0.0/8"]}))
            .contradictions()
            .is_empty()
    );
    let hasty = with(serde_json::json!({"networks": ["10.0.0.0/8"], "interval": "500ms"})).contradictions();
    assert_eq!(hasty.first().map(|(key, _)| *key), Some("pruntimes.interval"));
    assert!(Duration::from_secs(30) == with(serde_json::json!({})).pruntimes_interval().get());
}
