//! A node with nothing on it: a unit of a real systemd, and a container of a real podman.

use std::fmt::Display;

use serde_json::{Value, json};

use super::super::containers::podman::Podman;
use super::super::containers::{Docker, runtime};
use super::super::support::{LONG, Simfarm, wait_for};
use super::super::units::System;
use super::stage::{CHAT, Stage};
use super::{
    NODE, NODE_STUCK, break_node, check_chat, check_story, mend_node, only_begun, restart_node, story, watched_node,
};

const UNIT: &str = "phala-node.service";
const CONTAINER: &str = "phala-node";

/// Breaks a node that these sections let farmwarden touch by this name, waits until it is started anew, and mends it.
fn breaks_and_is_cured<T, E>(sections: &Value, kind: &str, name: &str, started: impl Fn() -> Result<T, E>)
where
    T: PartialOrd + Display,
    E: Display,
{
    let before = wait_for("the node runs", LONG, &started);
    let farm = Simfarm::start(&[&NODE[..], &CHAT].concat());
    let mut config = sections.clone();
    config["collectors"] = json!({"phala": watched_node(&farm)});
    config["stacks"] = json!([{
        "name": "solo",
        "node": {"target": "node-1", kind: name, "patience": "20s", "recovers_within": "5m"},
    }]);
    config["remedies"] = restart_node();
    let stage = Stage::start(&farm, config, &[(NODE_STUCK, "restart_node")]);
    stage.farmwarden.wait_for("the node is well", |samples| {
        samples.is(
            "farmwarden_symptom",
            &[("target", "node-1"), ("symptom", "node_stuck")],
            0.0,
        )
    });
    break_node(&farm);
    wait_for("the node is restarted", LONG, || match started() {
        Ok(at) if at > before => Ok(()),
        Ok(at) => Err(format!("it runs since {at}")),
        Err(words) => Err(words.to_string()),
    });
    mend_node(&farm);

    let samples = stage.farmwarden.wait_for("the cure is told", |samples| {
        samples.is(
            "farmwarden_remediation_incidents_closed_total",
            &[("why", "cured")],
            1.0,
        )
    });
    let done = [("action", "restart-stack"), ("outcome", "done")];
    samples.is("farmwarden_remediation_actions_total", &done, 1.0).unwrap();
    let journal = stage.journal();
    let incident = only_begun(&journal);
    let at = if kind == "container" { " at farm-1" } else { "" };
    check_story(
        &story(&journal, &incident),
        &[&format!("restart {name}{at}"), &format!("wait for {name}{at}")],
    );
    check_chat(&farm, &incident);
    stage.verify_journal();
}

#[test]
fn a_stuck_node_that_is_a_unit_is_restarted_by_systemd_and_cured() {
    let docker = Docker::start();
    let system = System::start(&docker);
    let units = system.units(&[UNIT]);
    let (unit, runtime) = (UNIT.parse().unwrap(), runtime());
    let started = || {
        let seen = runtime.block_on(units.look(&unit)).map_err(|failed| failed.to_string());
        seen.and_then(|seen| seen.started_at.ok_or_else(|| format!("{seen:?}")))
    };
    let sections = json!({"units": {"socket": system.bus(), "allowed": [UNIT]}});
    breaks_and_is_cured(&sections, "unit", UNIT, started);
}

#[test]
fn a_stuck_node_that_is_a_container_of_podman_is_restarted_by_it_and_cured() {
    let podman = Podman::start();
    podman.run(CONTAINER, &["--restart=unless-stopped"]);
    let sections = json!({
        "engines": [{"name": "farm-1", "socket": podman.socket(), "containers": [CONTAINER]}],
    });
    breaks_and_is_cured(&sections, "container", CONTAINER, || {
        podman.started(CONTAINER).parse::<u64>()
    });
}
