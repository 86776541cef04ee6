//! The JSON API: what is served under `/api/v1` (docs/api.md).

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::remedy::{Foresight, Overview};
use crate::report::{Report, Target};

/// Prometheus takes nothing else from a discovery.
pub(super) const JSON: &str = "application/json";

/// The report, or that of one target.
pub(super) fn targets(report: Report, target: Option<&str>) -> (StatusCode, String) {
    match target {
        None => (StatusCode::OK, written(&report)),
        Some(target) => match report.narrowed(target) {
            Some(report) => (StatusCode::OK, written(&report)),
            None => (
                StatusCode::NOT_FOUND,
                error(&format!("there is no target `{target}`; /api/v1/targets lists all")),
            ),
        },
    }
}

/// Prometheus' HTTP service discovery: every target, to be scraped by itself through `/probe` of this very address.
pub(super) fn discovery(report: &Report, host: &str, tls: bool) -> String {
    let groups: Vec<Value> = report.targets.iter().map(|target| group(target, host, tls)).collect();
    written(&groups)
}

/// All values must be strings.
fn group(target: &Target, host: &str, tls: bool) -> Value {
    let mut labels = json!({
        "__metrics_path__": "/probe",
        "__param_target": target.name,
        // Every target is an instance of its own; otherwise all of them would be this address.
        "instance": target.name,
        "__meta_farmwarden_collector": target.collector,
        "__meta_farmwarden_farm": target.farm,
    });
    // Only what is certain: in front of plain HTTP there may be a proxy that speaks TLS, and the job knows that.
    if tls && let Some(labels) = labels.as_object_mut() {
        labels.insert("__scheme__".to_owned(), "https".into());
    }
    json!({"targets": [host], "labels": labels})
}

/// What repairs are about.
pub(super) fn incidents(overview: &Overview) -> String {
    written(overview)
}

/// What would be decided.
pub(super) fn foresight(foresight: &Foresight) -> String {
    written(foresight)
}

pub(super) fn error(words: &str) -> String {
    written(&json!({"error": words}))
}

fn written(value: &impl Serialize) -> String {
    // Plain data with text as keys cannot fail to be written.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::store::{Slot, Store};

    fn report() -> Report {
        let store = Store::default();
        store.replace(
            vec![Arc::new(Slot::new("node-1".parse().unwrap(), "phala", &[]))],
            Vec::new(),
        );
        Report::of(&store, Clock::system().now())
    }

    #[test]
    fn discovery_leads_to_the_probe_of_every_target() {
        let read = |tls| -> Value { serde_json::from_str(&discovery(&report(), "farm:19977", tls)).unwrap() };
        let labels = json!({
            "__metrics_path__": "/probe", "__param_target": "node-1", "instance": "node-1",
            "__meta_farmwarden_collector": "phala", "__meta_farmwarden_farm": "default",
        });
        assert_eq!(read(false), json!([{"targets": ["farm:19977"], "labels": labels}]));
        assert_eq!(read(true)[0]["labels"]["__scheme__"], "https");
    }

    #[test]
    fn a_target_that_is_not_there_is_an_error_in_json() {
        let (status, body) = targets(report(), Some("no\"body"));
        assert_eq!(status, StatusCode::NOT_FOUND);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            body["error"],
            "there is no target `no\"body`; /api/v1/targets lists all"
        );
    }
}
