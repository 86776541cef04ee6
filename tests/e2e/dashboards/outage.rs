//! What boards say while a farm is out, of a past in a real Prometheus: what is unknown is neither 0 nor well, what is dead is
//! on top, and the cost lasts as long as the outage.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{boards, encoded, filled};
use crate::prometheus::Prometheus;

/// 2026-11-18T00:00:00Z.
const BEGINNING: u64 = 1_794_960_000;
/// Minutes: all is well for a day, then nothing is, then it is looked at.
const OUT: u64 = 1500;
const LOOK: u64 = OUT + 90;
const WELL: u64 = OUT - 60;
const END: u64 = OUT + 95;

/// Rows by the labels that tell them apart.
type Rows = BTreeMap<String, f64>;

#[derive(Default)]
struct Past {
    text: String,
}

impl Past {
    /// One sample a minute, as long as there is a value.
    fn series(&mut self, name: &str, labels: &str, value: impl Fn(u64) -> Option<f64>) {
        for minute in 0..END {
            if let Some(value) = value(minute) {
                let at = BEGINNING + 60 * minute;
                writeln!(self.text, "{name}{{job=\"farmwarden\",{labels}}} {value} {at}").unwrap();
            }
        }
    }

    fn part(&mut self, of: &str, dies: bool) {
        let answers = |minute| Some(f64::from(u8::from(!dies || minute < OUT)));
        self.series("farmwarden_target_up", of, answers);
    }
}

fn always(value: f64) -> impl Fn(u64) -> Option<f64> {
    move |_| Some(value)
}

/// Not any more after it went out.
fn until_out(value: f64) -> impl Fn(u64) -> Option<f64> {
    move |minute| (minute < OUT).then_some(value)
}

fn then(before: f64, after: f64) -> impl Fn(u64) -> Option<f64> {
    move |minute| Some(if minute < OUT { before } else { after })
}

/// Of two farmwardens the second is away from then on; of the first everything is out but what counts workers and miners.
fn past() -> String {
    let mut past = Past::default();
    past.series("up", r#"instance="a""#, always(1.0));
    past.series("up", r#"instance="b""#, then(1.0, 0.0));
    past.series("farmwarden_build_info", r#"instance="a""#, always(1.0));
    past.series("farmwarden_build_info", r#"instance="b""#, until_out(1.0));
    workers(&mut past);
    let node = r#"instance="a",target="node-1""#;
    past.part(&format!(r#"{node},collector="phala",part="para""#), true);
    past.series(
        "phala_node_best_block_timestamp_seconds",
        &format!(r#"{node},chain="para""#),
        |minute| (minute < OUT).then(|| f64::from(u32::try_from(BEGINNING + 60 * minute - 12).unwrap())),
    );
    let farm = r#"instance="a",target="chia-1""#;
    past.part(&format!(r#"{farm},collector="chia",part="farmer""#), true);
    let harvester = format!(r#"{farm},harvester="nas-1",host="h""#);
    past.series("chia_harvester_plots", &harvester, until_out(1000.0));
    past.series("chia_harvester_connected", &harvester, until_out(1.0));
    past.series("chia_farm_expected_time_to_win_seconds", farm, until_out(360_000.0));
    let miner = r#"instance="a",target="venus-1",miner="f01000""#;
    past.part(r#"instance="a",target="venus-1",collector="venus",part="miner""#, false);
    past.series("venus_miner_expected", miner, always(1.0));
    let process = format!(r#"{miner},process="miner""#);
    past.series("venus_miner_mining", &process, until_out(1.0));
    // One name for two things, of two farmwardens.
    past.part(r#"instance="a",target="host-1",collector="mounts",part="probe""#, false);
    past.series(
        "mount_present",
        r#"instance="a",target="host-1",mount="/d""#,
        always(1.0),
    );
    past.series(
        "farmwarden_target_up",
        r#"instance="b",target="host-1",collector="phala",part="para""#,
        until_out(1.0),
    );
    for (instance, symptom) in [("a", "mount_missing"), ("b", "node_stuck")] {
        let labels = format!(r#"instance="{instance}",target="host-1",symptom="{symptom}",entity="x""#);
        past.series("farmwarden_symptom", &labels, until_out(1.0));
    }
    past.text.push_str("# EOF\n");
    past.text
}

/// Ten of each of two PRBs, half a PHA an hour each. Of the first the node is gone, the second itself.
fn workers(past: &mut Past) {
    for (prb, dies) in [("prb-1", false), ("prb-2", true)] {
        let target = format!(r#"instance="a",target="{prb}""#);
        past.part(&format!(r#"{target},collector="prb",part="workers""#), dies);
        let there = |minute| !dies || minute < OUT;
        let known = |value: f64| move |minute: u64| there(minute).then_some(value);
        for number in 0..10 {
            let worker = format!(r#"{target},lifecycle="l",pool="88",worker="w{number}""#);
            past.series("phala_worker_info", &worker, known(1.0));
            past.series("phala_worker_reward_pha", &worker, |minute| {
                let minutes = u32::try_from(minute.min(OUT)).unwrap();
                there(minute).then(|| f64::from(minutes) / 120.0)
            });
            let session = format!(r#"{worker},source="chain",state="idle""#);
            past.series("phala_worker_session_state", &session, known(1.0));
            let link = format!(r#"{worker},link="para""#);
            past.series("phala_worker_broken_link_info", &link, |minute| {
                (there(minute) && minute >= OUT).then_some(1.0)
            });
        }
        for (link, before, after) in [("none", 10.0, 0.0), ("para", 0.0, 10.0)] {
            let labels = format!(r#"{target},lifecycle="l",link="{link}""#);
            past.series("phala_prb_workers_by_broken_link", &labels, |minute| {
                there(minute).then_some(if minute < OUT { before } else { after })
            });
        }
        let state = format!(r#"{target},lifecycle="l",pool="88",state="active""#);
        past.series("phala_prb_workers", &state, known(10.0));
    }
}

struct Looked {
    prometheus: Prometheus,
    boards: Vec<Value>,
}

impl Looked {
    /// The answers to the query at that place of a panel, with everything chosen and 1 typed everywhere.
    fn at(&mut self, minute: u64, uid: &str, title: &str, query: usize) -> Rows {
        let mut found = self
            .boards
            .iter()
            .filter(|board| board["uid"] == format!("farmwarden-{uid}"));
        let board = found.next().unwrap();
        let variables = board["templating"]["list"].as_array().unwrap().iter();
        let chosen = variables.map(|variable| {
            let value = variable["allValue"].as_str().unwrap_or("1").to_owned();
            (variable["name"].as_str().unwrap().to_owned(), value)
        });
        let mut panels = board["panels"].as_array().unwrap().iter();
        let panel = panels.find(|panel| panel["title"] == title).unwrap();
        let expr = panel["targets"][query]["expr"].as_str().unwrap();
        let path = format!(
            "query?time={}&query={}",
            BEGINNING + 60 * minute,
            encoded(&filled(expr, &chosen.collect()))
        );
        let answer = self.prometheus.api(&path).unwrap();
        let rows = answer["result"].as_array().unwrap().iter().map(|row| {
            let labels = ["instance", "target", "board", "chain", "worker", "miner", "mount"];
            let labels = labels.iter().filter_map(|label| row["metric"][label].as_str());
            let name = labels.collect::<Vec<_>>().join(" ");
            (name, row["value"][1].as_str().unwrap().parse().unwrap())
        });
        rows.collect()
    }

    #[track_caller]
    fn is(&mut self, minute: u64, uid: &str, title: &str, query: usize, expected: &[(&str, f64)]) {
        let rows = self.at(minute, uid, title, query);
        let expected: Rows = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        assert_eq!(
            rows.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "{uid}: {title}"
        );
        for (name, value) in expected {
            let seen = rows[&name];
            assert!(
                (seen - value).abs() <= value.abs() / 100.0,
                "{uid}: {title}: {name} {seen}, not {value}"
            );
        }
    }
}

fn looked() -> Looked {
    Looked {
        prometheus: Prometheus::of_the_past(&past()),
        boards: boards(),
    }
}

#[test]
fn an_outage_costs_as_long_as_it_lasts() {
    let mut farm = looked();
    for (title, well, out) in [
        ("PHA not earned per hour", 0.0, 10.0),
        ("XCH not farmed per hour", 0.0, 0.01),
        ("FIL not won per hour", 0.0, 1.0),
        ("In money per hour", 0.0, 11.01),
        ("Workers that are well", 1.0, 0.0),
        ("Miners that do not mine", 0.0, 1.0),
    ] {
        farm.is(WELL, "overview", title, 0, &[("", well)]);
        farm.is(LOOK, "overview", title, 0, &[("", out)]);
    }
    // Not zero: nobody knows.
    farm.is(LOOK, "overview", "Plots farmed", 0, &[]);
}

#[test]
fn what_is_dead_is_on_top_and_what_is_unknown_is_not_well() {
    let mut farm = looked();
    let dead = ["a chia-1", "a node-1", "a prb-2", "b host-1"];
    let ranks = farm.at(LOOK, "overview", "Targets, the worst first", 3);
    let mut names: Vec<&str> = ranks.keys().map(String::as_str).collect();
    names.sort_by(|one, other| ranks[*other].total_cmp(&ranks[*one]));
    names[..dead.len()].sort_unstable();
    assert_eq!(names[..dead.len()], dead, "{ranks:?}");
    let answers = farm.at(LOOK, "overview", "Targets, the worst first", 1);
    assert_eq!(
        (answers["a node-1 nodes"], answers["b host-1 nodes"]),
        (0.0, 2.0),
        "{answers:?}"
    );
    // It has grown older, and so has what Prometheus has of it.
    farm.is(LOOK, "nodes", "Oldest head", 0, &[("", 90.0 * 60.0 + 72.0)]);
    farm.is(LOOK, "nodes", "Parts that answer", 0, &[("", 0.0)]);
    farm.is(LOOK, "prb", "PRBs that answer", 0, &[("", 0.5)]);
    let workers = farm.at(LOOK, "prb", "Workers, the worst first", 0);
    assert_eq!(
        (workers["a prb-1 w0"], workers["a prb-2 w0"]),
        (2.0, 6.0),
        "{workers:?}"
    );
    farm.is(
        LOOK,
        "miners",
        "Miners, those that do not mine first",
        0,
        &[("a venus-1 f01000", 1.0)],
    );
    farm.is(
        LOOK,
        "miners",
        "Mining, miner by miner",
        0,
        &[("a venus-1 f01000", 0.0)],
    );
    farm.is(WELL, "mounts", "Mounts, the worst first", 0, &[("a host-1 /d", 6.0)]);
    farm.is(WELL, "self", "Scraped", 0, &[("", 1.0)]);
    farm.is(LOOK, "self", "Scraped", 0, &[("", 0.0)]);
}

#[test]
fn two_farmwardens_may_have_targets_of_one_name() {
    let mut farm = looked();
    let ill = [("a host-1 mounts", 1.0), ("b host-1 nodes", 1.0)];
    farm.is(WELL, "overview", "What is ill, the longest first", 0, &ill);
}
