//! The past in a real Prometheus, and what the policies would have done with it. What is said is compared with
//! `tests/e2e/replay/*.txt`; `UPDATE_GOLDEN=1` writes them anew.

use std::fmt::Write as _;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::prometheus::Prometheus;
use super::support::{Farmwarden, directory, own};

/// 2026-11-20T00:00:00Z; everything happens in the six hours after it.
const MIDNIGHT: u64 = 1_795_132_800;

/// A sample for each minute in which it was there.
fn series(text: &mut String, name: &str, value: impl Fn(u64) -> Option<u64>) {
    for minute in 0..360 {
        if let Some(value) = value(minute) {
            writeln!(text, "{name} {value} {}", MIDNIGHT + 60 * minute).unwrap();
        }
    }
}

/// node-1 was stuck from 1:00 to 1:25, and an alert said so from 1:05 on; from 3:00 to 3:10, and nobody said so; from 4:00 to
/// 5:00 farmwarden was away and the alert fired all the same; from 5:10 on it was stuck and stayed so.
fn past() -> String {
    let mut text = String::new();
    let stuck = |minute| matches!(minute, 60..85 | 180..190 | 310..);
    let away = |minute| matches!(minute, 240..300);
    let symptom = |entity: &str| {
        format!("farmwarden_symptom{{target=\"node-1\",symptom=\"node_stuck\",entity=\"{entity}\",job=\"farmwarden\"}}")
    };
    series(&mut text, &symptom(""), |minute| {
        (!stuck(minute) && !away(minute)).then_some(0)
    });
    series(&mut text, &symptom("para"), |minute| {
        (stuck(minute) && !away(minute)).then_some(1)
    });
    let alert = "ALERTS{alertname=\"NodeStuck\",alertstate=\"firing\",remedy=\"restart_node\",target=\"node-1\",\
                 symptom=\"node_stuck\",entity=\"para\"}";
    series(&mut text, alert, |minute| {
        matches!(minute, 65..85 | 240..300 | 315..).then_some(1)
    });
    let other = "ALERTS{alertname=\"DiskFull\",alertstate=\"firing\",target=\"node-1\"}";
    series(&mut text, other, |_| Some(1));
    text.push_str("# EOF\n");
    text
}

fn config() -> Value {
    json!({
        "collectors": {"phala": [{"name": "node-1", "para": "http://127.0.0.1:1"}]},
        "units": {"allowed": ["node.service"]},
        "remedies": {"policies": [{
            "name": "restart_node", "symptom": "node_stuck", "targets": ["node-1"],
            "rungs": [{"action": "start-unit", "with": {"unit": "node.service"}, "timeout": "10m", "gone_for": "2m"}],
        }]},
    })
}

fn replay(prometheus: &str, more: &[&str]) -> Output {
    let directory = directory();
    let file = directory.path().join("farm.yml");
    std::fs::write(&file, config().to_string()).unwrap();
    let mut command = Command::new(Farmwarden::binary());
    command.args(["decide", "--replay", "--until", "2026-11-20T06:00:00Z", "--last", "6h"]);
    command.arg("--prometheus").arg(format!("http://{prometheus}/"));
    command.arg("--config.file").arg(file).args(more);
    command.output().unwrap()
}

#[track_caller]
fn is_said(golden: &str, prometheus: &str, more: &[&str]) {
    let output = replay(prometheus, more);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let file = own(&format!("replay/{golden}"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(file).unwrap());
}

#[test]
fn what_would_have_been_done_with_the_past_is_told() {
    let prometheus = Prometheus::of_the_past(&past());
    is_said("minutes.txt", &prometheus.address, &[]);
    is_said("minutes.json", &prometheus.address, &["--json"]);
    is_said("quarters.txt", &prometheus.address, &["--step", "15s"]);
}

#[test]
fn a_prometheus_that_is_not_there_is_said_so() {
    let output = replay("127.0.0.1:1", &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("prometheus http://127.0.0.1:1: query_range: connection refused"),
        "{said}"
    );
}
