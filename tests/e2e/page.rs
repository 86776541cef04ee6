//! The live page, read by Prometheus' linter and by a strict parser of OpenMetrics.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::json;

use super::support::{Farmwarden, Simfarm, debian, handed_over, http, own};

/// A page in which every kind of family has samples: a node, one that is down, a mount.
#[track_caller]
pub(crate) fn varied() -> (Simfarm, Farmwarden) {
    let farm = Simfarm::start(&["--substrate", "para=127.0.0.1:0", "--substrate", "relay=127.0.0.1:0"]);
    farm.set(
        "substrate/para",
        &json!({"chain": "a \"quoted\\ chain\nin two lines é"}),
    );
    let (para, relay) = (farm.place("substrate", "para"), farm.place("substrate", "relay"));
    let node = format!("{{name: node, para: 'http://{para}', relay: 'ws://{relay}', interval: 1s, timeout: 900ms}}");
    let down = "{name: down, para: 'http://127.0.0.1:1', interval: 1s, timeout: 900ms}";
    // Of the mounts only the root: others belong to tests that run beside this one, and come, hang and go.
    let mounts = "{name: host, interval: 2s, probe_timeout: 500ms, include: ['/'], plots: ['/']}";
    let warden = Farmwarden::start(&format!("collectors: {{phala: [{node}, {down}], mounts: [{mounts}]}}"));
    warden.wait_for("first rounds have ended", |page| {
        page.is("farmwarden_target_up", &[("target", "node"), ("part", "para")], 1.0)?;
        page.is("farmwarden_target_up", &[("target", "node"), ("part", "relay")], 1.0)?;
        page.is("farmwarden_target_up", &[("target", "host"), ("part", "probe")], 1.0)?;
        page.is("farmwarden_target_up", &[("target", "down")], 0.0)
    });
    (farm, warden)
}

/// What a program says about a page on its standard input; it must like it.
#[track_caller]
fn approves(command: &mut Command, page: &[u8]) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Both programs read all of it before they say anything.
    child.stdin.take().unwrap().write_all(page).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {words}\n{}",
        String::from_utf8_lossy(page)
    );
    words
}

#[test]
fn the_linter_of_prometheus_has_no_objection_to_the_text_form() {
    let (_farm, warden) = varied();
    for headers in [&[][..], &["Accept: text/plain"]] {
        let answer = http::get(&warden.address, "/metrics", headers).unwrap();
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        let words = approves(
            Command::new(debian("usr/bin/promtool")).args(["check", "metrics"]),
            &answer.body,
        );
        assert_eq!(words, "");
    }
}

#[test]
fn a_strict_parser_reads_the_openmetrics_form() {
    let (_farm, warden) = varied();
    let headers = ["Accept: application/openmetrics-text; version=1.0.0"];
    let answer = http::get(&warden.address, "/metrics", &headers).unwrap();
    let expected = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(expected));
    let mut parser = Command::new(handed_over("E2E_PYTHON"));
    approves(parser.arg(own("python/page.py")).arg("strict"), &answer.body);
}
