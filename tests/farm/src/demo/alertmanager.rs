//! The part of Prometheus and Alertmanager: an alert for every symptom that a policy is for.
//!
//! Real ones read `farmwarden_symptom` from the page of metrics; here it is read from the report, which says the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    clock::unix_ms,
    phala::{identity::hash32, text},
};

/// One symptom, as the report has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Symptom {
    pub(super) target: String,
    pub(super) name: String,
    /// Empty for the target as a whole.
    pub(super) entity: String,
}

/// Alerts that fire, with the time since when.
#[derive(Debug, Default)]
pub(super) struct Alertmanager {
    firing: BTreeMap<Symptom, Firing>,
    /// Of all that ever fired.
    known: BTreeSet<Symptom>,
}

#[derive(Debug)]
struct Firing {
    remedy: &'static str,
    since_ms: u64,
}

/// What is to be handed in.
#[derive(Debug)]
pub(super) struct Change {
    /// As the webhook takes it.
    pub(super) payload: Value,
    /// Those that have just begun, and the policy that each asks for.
    pub(super) begun: Vec<(Symptom, &'static str)>,
}

impl Alertmanager {
    pub(super) fn known(&self) -> impl Iterator<Item = &Symptom> {
        self.known.iter()
    }

    /// What changed since the last look; nothing if nothing did.
    pub(super) fn look(
        &mut self,
        seen: &[Symptom],
        remedy: impl Fn(&Symptom) -> Option<&'static str>,
    ) -> Option<Change> {
        let mut begun = Vec::new();
        for symptom in seen {
            let Some(remedy) = remedy(symptom).filter(|_| !self.firing.contains_key(symptom)) else {
                continue;
            };
            let since_ms = unix_ms();
            self.known.insert(symptom.clone());
            self.firing.insert(symptom.clone(), Firing { remedy, since_ms });
            begun.push((symptom.clone(), remedy));
        }
        let over: Vec<Symptom> = self
            .firing
            .keys()
            .filter(|symptom| !seen.contains(symptom))
            .cloned()
            .collect();
        if begun.is_empty() && over.is_empty() {
            return None;
        }
        let mut alerts = Vec::new();
        for (symptom, firing) in &self.firing {
            let ended = over.contains(symptom).then(unix_ms);
            alerts.push(alert(symptom, firing, ended));
        }
        self.firing.retain(|symptom, _| !over.contains(symptom));
        Some(Change {
            payload: payload(&alerts, self.firing.is_empty()),
            begun,
        })
    }
}

fn alert(symptom: &Symptom, firing: &Firing, ended_ms: Option<u64>) -> Value {
    let name = format!("{} {} {}", symptom.target, symptom.name, symptom.entity);
    let hash = hash32(name.as_bytes());
    let fingerprint = hash
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    let labels = [
        ("alertname", "FarmIll"),
        ("remedy", firing.remedy),
        ("target", &symptom.target),
        ("symptom", &symptom.name),
        ("entity", &symptom.entity),
    ];
    let labels: BTreeMap<&str, &str> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    json!({
        "status": if ended_ms.is_some() { "resolved" } else { "firing" },
        "labels": labels,
        "annotations": {"summary": "handed in by the demo"},
        "startsAt": text::iso8601(firing.since_ms, 0),
        "endsAt": ended_ms.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |ms| text::iso8601(ms.max(firing.since_ms), 0)),
        "generatorURL": "",
        "fingerprint": format!("{fingerprint:016x}"),
    })
}

fn payload(alerts: &[Value], all_over: bool) -> Value {
    json!({
        "version": "4", "groupKey": "{}:{alertname=\"FarmIll\"}", "truncatedAlerts": 0,
        "status": if all_over { "resolved" } else { "firing" },
        "receiver": "farmwarden", "groupLabels": {"alertname": "FarmIll"}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://demo.invalid", "alerts": alerts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_fires_once_and_ends_once() {
        let symptom = |entity: &str| Symptom {
            target: "node-1".to_owned(),
            name: "node_stuck".to_owned(),
            entity: entity.to_owned(),
        };
        let remedy = |symptom: &Symptom| (symptom.entity != "relay").then_some("restart_node");
        let mut manager = Alertmanager::default();
        assert!(manager.look(&[symptom("relay")], remedy).is_none());
        let seen = [symptom("para"), symptom("relay")];
        let change = manager.look(&seen, remedy).unwrap();
        assert_eq!(change.begun, [(symptom("para"), "restart_node")]);
        assert_eq!(change.payload["alerts"][0]["status"], "firing");
        assert!(manager.look(&seen, remedy).is_none());
        let change = manager.look(&[], remedy).unwrap();
        assert_eq!(
            (
                &change.payload["status"],
                &change.payload["alerts"][0]["labels"]["entity"]
            ),
            (&json!("resolved"), &json!("para"))
        );
        assert!(manager.look(&[], remedy).is_none());
    }
}
