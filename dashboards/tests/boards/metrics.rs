//! Every metric and label that a query names, against the list of what farmwarden writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use farmwarden_dashboards::Language;

use super::promql::selectors;
use super::support::{boards, queries, variables};

struct Metric {
    kind: String,
    /// None where the list does not say.
    labels: Option<BTreeSet<String>>,
}

/// The list of metrics, by the names that Prometheus stores.
fn declared() -> BTreeMap<String, Metric> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut declared = BTreeMap::new();
    let mut of_a_target = false;
    for line in text.lines() {
        if line.starts_with("## ") {
            of_a_target = ["## Collectors", "## About several targets together"].contains(&line);
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, kind, more @ .., _, _] = &cells[..] else {
            continue;
        };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else {
            continue;
        };
        let mut labels: Option<BTreeSet<String>> = more.first().map(|labels| {
            let labels = labels.split('`').map(str::trim);
            labels.filter(|label| !label.is_empty()).map(str::to_owned).collect()
        });
        if let Some(labels) = &mut labels {
            labels.extend(["job", "instance"].map(str::to_owned));
            labels.extend(of_a_target.then(|| "target".to_owned()));
        }
        let mut insert = |name: String, kind: &str, more: Option<&str>| {
            let mut labels = labels.clone();
            if let Some(labels) = &mut labels {
                labels.extend(more.map(str::to_owned));
            }
            declared.insert(
                name,
                Metric {
                    kind: kind.to_owned(),
                    labels,
                },
            );
        };
        if *kind == "histogram" {
            insert(format!("{name}_bucket"), "counter", Some("le"));
            insert(format!("{name}_count"), "counter", None);
            insert(format!("{name}_sum"), "counter", None);
        } else {
            insert(name.to_owned(), kind, None);
        }
    }
    declared
}

/// What Prometheus itself writes about a scrape.
const OF_PROMETHEUS: [&str; 1] = ["up"];

#[test]
fn every_metric_of_a_query_is_declared_with_its_labels_and_read_as_what_it_is() {
    let declared = declared();
    assert!(declared.len() > 300, "only {} metrics were read", declared.len());
    let mut used = BTreeSet::new();
    for board in boards(Language::En) {
        let of_variables = variables(&board)
            .iter()
            .filter_map(|variable| variable["query"]["query"].as_str());
        let of_variables = of_variables.map(|query| {
            let metric = query
                .strip_prefix("label_values(")
                .unwrap()
                .rsplit_once(", ")
                .unwrap()
                .0;
            (format!("{} variable", board["uid"]), metric.to_owned())
        });
        for (place, query) in queries(&board).into_iter().chain(of_variables) {
            for selector in selectors(&query) {
                let name = selector.metric.as_str();
                if OF_PROMETHEUS.contains(&name) {
                    continue;
                }
                let metric = declared
                    .get(name)
                    .unwrap_or_else(|| panic!("{place}: {name} is not in docs/metrics.md"));
                let rated = ["rate", "irate", "increase"].contains(&selector.function.as_str());
                assert_eq!(rated, metric.kind == "counter", "{place}: {name} is a {}", metric.kind);
                for label in selector.matchers.keys() {
                    let known = metric.labels.as_ref().is_none_or(|labels| labels.contains(label));
                    assert!(known, "{place}: {name} has no label {label}");
                }
                used.insert(name.to_owned());
            }
        }
    }
    assert!(used.len() > 150, "only {} metrics are on boards", used.len());
}
