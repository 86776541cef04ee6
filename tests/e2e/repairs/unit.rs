//! A node that a real systemd runs.

use std::time::Duration;

use serde_json::json;

use super::super::containers::{Docker, runtime};
use super::super::support::{LONG, Simfarm, wait_for};
use super::super::units::System;
use super::stage::{CHAT, Stage};
use super::{
    NODE, NODE_STUCK, break_node, check_chat, check_story, mend_node, only_begun, restart_node, story, watched_node,
};

const UNIT: &str = "phala-node.service";

#[test]
fn a_stuck_node_that_is_a_unit_is_restarted_by_systemd_and_cured() {
    let docker = Docker::start();
    let system = System::start(&docker);
    let units = system.units(&[UNIT]);
    let (unit, runtime) = (UNIT.parse().unwrap(), runtime());
    let look = || runtime.block_on(units.look(&unit)).map_err(|failed| failed.to_string());
    let before = wait_for("systemd runs the node", LONG, || {
        look().and_then(|seen| seen.started_at.ok_or_else(|| format!("{seen:?}")))
    });

    let farm = Simfarm::start(&[&NODE[..], &CHAT].concat());
    let config = json!({
        "collectors": {"phala": watched_node(&farm)},
        "units": {"socket": system.bus(), "allowed": [UNIT]},
        "stacks": [{
            "name": "solo",
            "node": {"target": "node-1", "unit": UNIT, "patience": "20s", "recovers_within": "5m"},
        }],
        "remedies": restart_node(),
    });
    let stage = Stage::start(&farm, config, &[(NODE_STUCK, "restart_node")]);
    stage.farmwarden.wait_for("the node is well", |samples| {
        samples.is(
            "farmwarden_symptom",
            &[("target", "node-1"), ("symptom", "node_stuck")],
            0.0,
        )
    });
    break_node(&farm);
    wait_for("the unit is restarted", Duration::from_secs(60), || match look()? {
        seen if seen.started_at > Some(before) => Ok(()),
        seen => Err(format!("{seen:?}")),
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
    check_story(
        &story(&journal, &incident),
        &["restart phala-node.service", "wait for phala-node.service"],
    );
    check_chat(&farm, &incident);
    stage.verify_journal();
}
