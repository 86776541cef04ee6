use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::clock::{Now, UnixTime};
use crate::collectors::phala::{Node, Snapshot};
use crate::collectors::{self, Diagnosis, Finding, TargetView};
use crate::exposition::Page;
use crate::store::{PartStatus, Slot, Store};
use crate::upstream::Why;

static STUCK: collectors::Symptom = collectors::Symptom::bare("stuck");
static WORTH_A_LOOK: collectors::Symptom = collectors::Symptom {
    hint: true,
    ..collectors::Symptom::bare("worth_a_look")
};

const EVERY: Duration = Duration::from_secs(15);

fn part(name: &'static str, hangs_on: &'static [&'static str]) -> collectors::Part {
    collectors::Part {
        name,
        every: EVERY,
        deadline: Duration::from_secs(10),
        hangs_on,
    }
}

fn start() -> Now {
    Now {
        wall: UnixTime::from_millis(1_700_000_000_500),
        monotonic: Instant::now(),
    }
}

fn after(start: Now, seconds: u64) -> Now {
    let later = Duration::from_secs(seconds);
    Now {
        wall: start.wall.plus(later),
        monotonic: start.monotonic + later,
    }
}

fn timeout() -> crate::upstream::Fault {
    crate::upstream::Fault::new("http://node", "system_health", Why::Timeout(Duration::from_secs(5)))
}

fn well(status: &mut PartStatus, now: Now) {
    status.ended(Ok(()), Duration::from_millis(120), now);
}

fn failed(status: &mut PartStatus, now: Now) {
    status.ended(Err(timeout()), Duration::from_secs(5), now);
}

/// A target in the store, after something happened to its parts.
fn add(
    store: &Store,
    name: &str,
    parts: &[collectors::Part],
    happened: impl Fn(&mut PartStatus),
    findings: &[&'static str],
) {
    let slot = Arc::new(Slot::new(name.parse().unwrap(), "phala", parts));
    store.replace([store.slots(), vec![Arc::clone(&slot)]].concat(), Vec::new());
    let found = |entity: &&'static str| Finding {
        part: (!entity.starts_with('/')).then_some(entity.trim_start_matches('?')),
        symptom: if entity.starts_with('?') { &WORTH_A_LOOK } else { &STUCK },
        entity: (*entity).to_owned(),
        evidence: "no block for 6m".to_owned(),
    };
    let diagnosis = Diagnosis {
        looked_at: vec![&STUCK],
        findings: findings.iter().map(found).collect(),
        ..Diagnosis::default()
    };
    let view = TargetView::new::<Node>(slot.name.clone(), Snapshot::default(), diagnosis);
    let mut statuses = slot.parts();
    statuses.iter_mut().for_each(happened);
    slot.put(view, Page::new(&[]).finish(), statuses);
    store.judge(|_, _, _| {});
}

const BOTH: [collectors::Part; 2] = [
    collectors::Part {
        name: "para",
        every: EVERY,
        deadline: Duration::from_secs(10),
        hangs_on: &["relay"],
    },
    collectors::Part {
        name: "relay",
        every: EVERY,
        deadline: Duration::from_secs(10),
        hangs_on: &[],
    },
];

#[test]
fn a_part_is_waiting_well_ill_stale_or_down() {
    use Health::{Down, Ill, Stale, Waiting, Well};
    let now = start();
    let store = Store::default();
    add(&store, "waiting", &[part("a", &[])], |_| {}, &[]);
    add(&store, "well", &[part("a", &[])], |status| well(status, now), &[]);
    add(&store, "ill", &[part("a", &[])], |status| well(status, now), &["a"]);
    add(
        &store,
        "whole",
        &[part("a", &[])],
        |status| well(status, now),
        &["/mnt/1"],
    );
    add(&store, "down", &[part("a", &[])], |status| failed(status, now), &[]);
    let states = |seconds| -> Vec<(Health, Health)> {
        let report = Report::of(&store, after(now, seconds));
        report
            .targets
            .iter()
            .map(|target| (target.state, target.parts[0].state))
            .collect()
    };
    let down = (Down, Down);
    assert_eq!(
        states(44),
        [(Waiting, Waiting), (Well, Well), (Ill, Ill), (Ill, Well), down]
    );
    assert_eq!(
        states(45),
        [(Waiting, Waiting), (Stale, Stale), (Stale, Stale), (Stale, Stale), down]
    );
}

#[test]
fn a_hint_makes_nobody_ill_and_is_the_cause_of_nothing() {
    let now = start();
    let store = Store::default();
    let happened = |status: &mut PartStatus| well(status, now);
    add(
        &store,
        "node-1",
        &[part("relay", &[]), part("para", &["relay"])],
        happened,
        &["?relay", "?/whole", "para"],
    );
    let report = Report::of(&store, now);
    let states: Vec<Health> = report.targets[0].parts.iter().map(|part| part.state).collect();
    assert_eq!(states, [Health::Well, Health::Ill]);
    let farm = &report.farms[0];
    assert_eq!(farm.first_broken, ["node-1/para"]);
    let hints: Vec<bool> = report.symptoms.iter().map(|symptom| symptom.hint).collect();
    assert_eq!(
        hints.iter().filter(|hint| **hint).count(),
        2,
        "they are told all the same"
    );
}

#[test]
fn what_is_not_known_is_left_out_and_never_zero() {
    let store = Store::default();
    add(&store, "node-1", &[part("para", &[])], |_| {}, &[]);
    let report = serde_json::to_value(Report::of(&store, start())).unwrap();
    assert_eq!(
        report["targets"][0]["parts"][0],
        serde_json::json!({
            "name": "para", "hangs_on": [], "state": "waiting", "has_data": false, "interval_seconds": 15.0,
        })
    );
}

#[test]
fn what_is_known_has_times_and_ages_and_an_old_fault_is_told_as_over() {
    let now = start();
    let store = Store::default();
    let happened = |status: &mut PartStatus| {
        failed(status, now);
        well(status, after(now, 15));
        status.next_round = Some(now.monotonic + Duration::from_secs(30));
    };
    add(&store, "node-1", &[part("para", &[])], happened, &[]);
    let report = serde_json::to_value(Report::of(&store, after(now, 20))).unwrap();
    assert_eq!(report["generated_timestamp_seconds"], 1_700_000_020.5);
    assert_eq!(
        report["targets"][0]["parts"][0],
        serde_json::json!({
            "name": "para", "hangs_on": [], "state": "well", "has_data": true,
            "last_success_timestamp_seconds": 1_700_000_015.5, "data_age_seconds": 5.0,
            "round_duration_seconds": 0.12, "interval_seconds": 15.0, "next_round_in_seconds": 10.0,
            "last_fault": {
                "words": "http://node: system_health: no answer within 5s", "reason": "timeout",
                "timestamp_seconds": 1_700_000_000.5, "age_seconds": 20.0, "over": true,
            },
        })
    );
}

/// A provider and a host of farm `east`; the provider hangs on a node of farm `default`.
fn two_farms(now: Now) -> Store {
    let store = Store::default();
    let one = [part("only", &[])];
    add(&store, "provider", &one, |status| failed(status, now), &["disk"]);
    add(&store, "node-1", &BOTH, |status| well(status, now), &["relay"]);
    add(&store, "host", &one, |status| well(status, now), &[]);
    let link = |target: &str, depends_on: &[&str]| collectors::Link {
        target: target.parse().unwrap(),
        collector: "phala",
        farm: "east".parse().unwrap(),
        depends_on: depends_on.iter().map(|name| name.parse().unwrap()).collect(),
    };
    let links = vec![link("provider", &["node-1"]), link("host", &[])];
    store.replace(store.slots(), links);
    store
}

fn tell(farm: &Farm, link: &Link) -> String {
    let how = match &link.waits_for {
        Some(other) => format!(" behind {other}"),
        None if link.first_broken => " FIRST".to_owned(),
        None => String::new(),
    };
    format!("{}: {}{how}", farm.name, link.name)
}

#[test]
fn the_cause_is_found_across_parts_targets_and_farms() {
    let now = start();
    let store = two_farms(now);
    let report = Report::of(&store, now);
    let told: Vec<String> = report
        .farms
        .iter()
        .flat_map(|farm| farm.links.iter().map(|link| tell(farm, link)))
        .collect();
    assert_eq!(
        told,
        [
            "east: provider behind node-1/relay",
            "east: host",
            "default: node-1/relay FIRST",
            "default: node-1/para",
        ]
    );
    assert_eq!(
        report.verdict,
        "1 of 3 targets is down, 1 ill. First broken: node-1/relay."
    );
    let symptoms: Vec<&str> = report.symptoms.iter().map(|symptom| symptom.target.as_str()).collect();
    assert_eq!(symptoms, ["node-1", "provider"], "the cause stands first");
}

#[test]
fn a_report_of_one_target_speaks_of_that_one_and_still_names_the_cause() {
    let now = start();
    let store = two_farms(now);
    let report = Report::of(&store, now);
    assert_eq!(report.clone().narrowed("nobody"), None);
    let one = report.narrowed("provider").unwrap();
    assert_eq!((one.targets.len(), one.farms.len(), one.symptoms.len()), (1, 1, 1));
    assert_eq!(one.farms[0].links[0].waits_for.as_deref(), Some("node-1/relay"));
    assert_eq!(one.verdict, "The one target is down.");
}

#[test]
fn what_is_written_is_read_back() {
    let now = start();
    let store = two_farms(now);
    let report = Report::of(&store, now);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn the_sentence_says_how_it_is() {
    let summary = |targets, well, waiting, ill, stale, down| Summary {
        targets,
        well,
        waiting,
        ill,
        stale,
        down,
    };
    let told = [
        (
            summary(0, 0, 0, 0, 0, 0),
            "No target is configured: nothing is watched.",
        ),
        (summary(1, 1, 0, 0, 0, 0), "The one target is well."),
        (summary(9, 9, 0, 0, 0, 0), "All 9 targets are well."),
        (
            summary(9, 8, 1, 0, 0, 0),
            "Everything that was looked at is well; 1 of 9 targets is waiting for a first round.",
        ),
        (
            summary(9, 2, 1, 3, 1, 2),
            "2 of 9 targets are down, 1 without new data, 3 ill, 1 waiting for a first round.",
        ),
    ];
    for (summary, words) in told {
        assert_eq!(summary.to_string(), words);
    }
}
