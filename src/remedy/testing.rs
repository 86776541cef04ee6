//! For tests: a policy, an incident, a view in which nothing holds, to be changed in what a test is about.

use std::time::Duration;

use super::incident::{Askers, Incident, Key, Phase};
use super::settings::{Mode, Policy, Remedies};
use super::step::{IncidentId, Plan, Step};
use super::view::{Fleet, Runs, Seen, Sight, Stands, View};
use crate::alerts::{Alert, Status};
use crate::clock::UnixTime;

/// Seconds after a Saturday noon, a day after everything started.
pub(super) fn at(second: u64) -> UnixTime {
    UnixTime::from_millis((1_795_262_400 + second) * 1000)
}

pub(super) fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// A ladder of a notice and two actions that acts.
pub(super) fn policy() -> Policy {
    let text = r#"{
        "name": "restart", "symptom": "worker_silent_stall", "targets": ["prb-1", "prb-2"], "mode": "act",
        "rungs": [
            {"action": "soft", "timeout": "5m", "gone_for": "1m"},
            {"action": "hard", "timeout": "5m", "gone_for": "1m"}
        ]
    }"#;
    serde_json::from_str(text).unwrap()
}

pub(super) fn remedies() -> Remedies {
    Remedies {
        policies: vec![policy()],
        ..Remedies::default()
    }
}

/// The same, changed.
pub(super) fn with(change: impl FnOnce(&mut Policy)) -> Remedies {
    let mut policy = policy();
    change(&mut policy);
    Remedies {
        policies: vec![policy],
        ..Remedies::default()
    }
}

pub(super) fn dry_run() -> Remedies {
    with(|policy| policy.mode = Mode::DryRun)
}

pub(super) fn key(entity: &str) -> Key {
    Key {
        target: "prb-1".parse().unwrap(),
        entity: entity.to_owned(),
        policy: "restart".parse().unwrap(),
    }
}

pub(super) fn firing(entity: &str, starts_at: UnixTime) -> Alert {
    let labels = [
        ("alertname", "WorkerStalled"),
        ("remedy", "restart"),
        ("target", "prb-1"),
        ("entity", entity),
        ("symptom", "worker_silent_stall"),
    ];
    let number = entity
        .bytes()
        .fold(7_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    Alert {
        status: Status::Firing,
        fingerprint: format!("{number:016x}").parse().unwrap(),
        starts_at,
        ends_at: None,
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        annotations: [].into(),
        generator_url: String::new(),
    }
}

pub(super) fn resolved(entity: &str, starts_at: UnixTime, ends_at: UnixTime) -> Alert {
    Alert {
        status: Status::Resolved,
        ends_at: Some(ends_at),
        ..firing(entity, starts_at)
    }
}

pub(super) fn received(alert: Alert) -> Step {
    Step::Received {
        from: "http://alertmanager:9093".to_owned(),
        alerts: vec![alert],
    }
}

pub(super) const ID: IncidentId = IncidentId { record: 1, nth: 0 };

/// Opened at 0 for `w1` of `prb-1`.
pub(super) fn incident() -> Incident {
    Incident::open(ID, key("w1"), asked_by(&[firing("w1", at(0))]), at(0))
}

/// Alerts that fire.
pub(super) fn asked_by(alerts: &[Alert]) -> Askers {
    let mut askers = Askers::default();
    for alert in alerts {
        askers.take(alert, true);
    }
    askers
}

pub(super) fn in_phase(phase: Phase) -> Incident {
    Incident { phase, ..incident() }
}

/// Ill for long, looked at in that moment.
pub(super) fn view(now: UnixTime) -> View {
    View {
        is_known: true,
        group: "default".parse().unwrap(),
        started: now.minus(minutes(24 * 60)),
        looked: Some(now),
        seen: Seen {
            state: Sight::Ill,
            since: now.minus(minutes(30)),
            regained: None,
            evidence: "no block for 4m".to_owned(),
        },
        cause: None,
        fleet: Fleet {
            ill: 1,
            all: Some(100),
            stormed: None,
        },
        running: Vec::new(),
        frozen: None,
    }
}

pub(super) fn seen(state: Sight, since: UnixTime) -> Seen {
    Seen {
        state,
        since,
        regained: None,
        evidence: String::new(),
    }
}

/// The rung of the policy for an entity.
pub(super) fn plan(entity: &str, rung: usize) -> Plan {
    let (policy, key) = (policy(), key(entity));
    let rung_of = policy.rungs.get(rung).unwrap();
    Plan {
        policy: key.policy,
        target: key.target,
        group: "default".parse().unwrap(),
        entity: key.entity,
        rung,
        action: rung_of.action.clone(),
        with: rung_of.with.clone(),
        does: None,
        deed: None,
        touches: std::collections::BTreeSet::new(),
        within: rung_of.within,
        notice: false,
    }
}

/// An action that runs there.
pub(super) fn runs(target: &str, group: &str) -> Runs {
    Runs {
        incident: "77.0".parse().unwrap(),
        touches: std::collections::BTreeSet::new(),
        stands: Stands::Runs,
        remote: None,
        target: target.parse().unwrap(),
        group: group.parse().unwrap(),
        words: format!("soft on {target}"),
    }
}
