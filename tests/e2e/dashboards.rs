//! Every query of every dashboard, asked of a real Prometheus that scrapes the real binary with a whole simulated farm
//! behind it: none is refused, and each has something to show.

mod outage;
mod whole_farm;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::prometheus::Prometheus;
use super::support::{same, wait_for};
use whole_farm::WholeFarm;

/// Some hundred queries of a busy machine, and one that looks at whole minutes only.
const WITHIN: Duration = Duration::from_secs(300);

/// What a board fills in for the range that it shows and the resolution that it draws with.
const OF_GRAFANA: [(&str, &str); 5] = [
    ("$__rate_interval", "20s"),
    ("$__range_s", "120"),
    ("$__range", "2m"),
    ("$__interval_ms", "5000"),
    ("$__interval", "5s"),
];

/// What queries contain that have nothing to show on a healthy farm, and the incident that fills them.
const NOTHING_WHEN_WELL: [(&str, &str); 7] = [
    ("worker_lagging\"} == 1)", "a worker in error"),
    ("ALERTS{", "a rule that fires on it"),
    (
        "increase(farmwarden_remediation_actions_total{@}[20s])) > 0",
        "its repair",
    ),
    ("farmwarden_notifier_up{", "a message about it"),
    (
        "venus_messager_oldest_message_created_timestamp_seconds{",
        "a sender whose messages the chain would refuse",
    ),
    ("venus_messager_errors{", "the same"),
    ("venus_call_failed{", "a call that a process does not answer"),
];

/// Told of a mount after ten minutes only: asked, and not waited for.
const KNOWN_LATER: [&str; 2] = ["mount_write_bytes_per_second{", "mount_full_timestamp_seconds{"];

/// What is 0 as long as everything is watched and answers.
const NOTHING_UNKNOWN: [&str; 6] = [
    r#"farmwarden-overview: "Findings", "B""#,
    r#"farmwarden-overview: "Parts that do not answer", "A""#,
    r#"farmwarden-overview: "Parts that do not answer", "B""#,
    r#"farmwarden-overview: "PHA not earned per hour", "A""#,
    r#"farmwarden-overview: "Miners that do not mine", "A""#,
    r#"farmwarden-mounts: "Not probed", "A""#,
];

struct Query {
    place: String,
    expr: String,
    /// Over the shown range; otherwise now.
    range: bool,
}

impl Query {
    fn has(&self, pieces: impl IntoIterator<Item = &'static str>) -> bool {
        let plain = self.expr.replace(r#"job=~".+",instance=~".+",target=~".+""#, "@");
        let plain = plain.replace(r#"job=~".+",instance=~".+""#, "@");
        pieces.into_iter().any(|piece| plain.contains(piece))
    }

    /// Whether there is a number in the answer; an error is one of the query.
    fn shows(&self, prometheus: &mut Prometheus) -> Result<bool, String> {
        let query = encoded(&self.expr);
        let path = if self.range {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            format!("query_range?query={query}&start={}&end={now}&step=5", now - 120)
        } else {
            format!("query?query={query}")
        };
        let answer = prometheus
            .api(&path)
            .map_err(|e| format!("{}: {}\n{e}", self.place, self.expr))?;
        let number = |pair: &Value| pair[1].as_str().is_some_and(|number| number != "NaN");
        let series = answer["result"].as_array().unwrap().iter();
        let mut shown = series.map(|series| match series["values"].as_array() {
            Some(values) => values.iter().any(number),
            None => number(&series["value"]),
        });
        Ok(shown.any(|shown| shown))
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn boards() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/en");
    let files = std::fs::read_dir(folder).unwrap();
    let boards = files.map(|file| serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap());
    boards.collect()
}

/// The longest names first: one may be the beginning of another.
fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut names: Vec<(String, &str)> = OF_GRAFANA
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    names.extend(
        variables
            .iter()
            .map(|(name, value)| (format!("${name}"), value.as_str())),
    );
    names.sort_by_key(|(name, _)| usize::MAX - name.len());
    let filled = names
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    // $1 is PromQL's own.
    assert!(!filled.replace("\"$1\"", "").contains('$'), "{filled}");
    filled
}

/// What a board would have chosen: all of several values, the first where it is one, 1 for what is typed.
fn chosen(board: &Value, prometheus: &mut Prometheus) -> Result<BTreeMap<String, String>, String> {
    let mut chosen = BTreeMap::new();
    for variable in board["templating"]["list"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let value = match variable["type"].as_str().unwrap() {
            "datasource" => continue,
            "textbox" => "1".to_owned(),
            _ => {
                let values = values_of(
                    &filled(variable["query"]["query"].as_str().unwrap(), &chosen),
                    prometheus,
                )?;
                let first = values.into_iter().next();
                let first = first.ok_or_else(|| format!("{}: nothing to choose for {name}", board["uid"]))?;
                variable["allValue"].as_str().map_or(first, str::to_owned)
            }
        };
        chosen.insert(name.to_owned(), value);
    }
    Ok(chosen)
}

/// As Grafana asks for `label_values(metric, label)`, in order.
fn values_of(query: &str, prometheus: &mut Prometheus) -> Result<Vec<String>, String> {
    let inside = query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
    let (metric, label) = inside.rsplit_once(", ").unwrap();
    let found = prometheus.api(&format!("label/{label}/values?match[]={}", encoded(metric)))?;
    let found = found.as_array().unwrap().iter();
    Ok(found.map(|value| value.as_str().unwrap().to_owned()).collect())
}

/// Of panels and annotations, with what the board has chosen.
fn queries(board: &Value, prometheus: &mut Prometheus) -> Result<Vec<Query>, String> {
    let variables = chosen(board, prometheus)?;
    let uid = board["uid"].as_str().unwrap();
    let mut queries = Vec::new();
    for panel in board["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|panel| panel["type"] != "row")
    {
        for target in panel["targets"].as_array().unwrap() {
            queries.push(Query {
                place: format!("{uid}: {}, {}", panel["title"], target["refId"]),
                expr: filled(target["expr"].as_str().unwrap(), &variables),
                range: target["range"].as_bool().unwrap(),
            });
        }
    }
    let annotations = board["annotations"]["list"].as_array().unwrap().iter();
    queries.extend(
        annotations
            .filter(|annotation| annotation["expr"].is_string())
            .map(|annotation| Query {
                place: format!("{uid}: annotation {}", annotation["name"]),
                expr: filled(annotation["expr"].as_str().unwrap(), &variables),
                range: true,
            }),
    );
    Ok(queries)
}

/// Leaves those that show nothing; waits until these may be empty.
fn wait_until_all_show(
    what: &str,
    prometheus: &mut Prometheus,
    waiting: &mut Vec<Query>,
    may_be_empty: impl Fn(&Query) -> bool,
) {
    wait_for(what, WITHIN, || {
        let mut refused = None;
        waiting.retain(|query| match query.shows(prometheus) {
            Ok(shows) => !shows,
            Err(words) => {
                refused = Some(words);
                true
            }
        });
        let empty: Vec<&str> = waiting
            .iter()
            .filter(|query| !may_be_empty(query))
            .map(|query| query.place.as_str())
            .collect();
        match refused {
            Some(words) => Err(words),
            None if empty.is_empty() => Ok(()),
            None => Err(format!("nothing to show for\n{}", empty.join("\n"))),
        }
    });
}

#[test]
fn every_query_of_every_dashboard_has_something_to_show() {
    let mut farm = WholeFarm::start();
    let prometheus = &mut farm.prometheus;
    let boards = boards();
    assert_eq!(boards.len(), 12);
    let mut waiting: Vec<Query> = wait_for("every variable has values", WITHIN, || {
        let queries = boards.iter().map(|board| queries(board, prometheus));
        queries.collect::<Result<Vec<_>, _>>()
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(waiting.len() > 300, "only {} queries", waiting.len());
    let healthy: Vec<String> = NOTHING_UNKNOWN
        .iter()
        .map(|place| {
            let query = waiting.iter().find(|query| query.place == *place).unwrap();
            format!("query?query={}", encoded(&query.expr))
        })
        .collect();
    let pieces = || NOTHING_WHEN_WELL.iter().map(|(piece, _)| *piece).chain(KNOWN_LATER);
    for piece in pieces() {
        assert!(waiting.iter().any(|query| query.has([piece])), "no query has {piece}");
    }
    wait_until_all_show("a healthy farm is shown", prometheus, &mut waiting, |query| {
        query.has(pieces())
    });

    wait_for("nothing of a healthy farm is unknown", WITHIN, || {
        let mut found = healthy.iter().map(|query| farm.prometheus.api(query));
        found.try_for_each(|answer| same(&answer?["result"][0]["value"][1], &json!("0")))
    });

    farm.break_things();
    let prometheus = &mut farm.prometheus;
    wait_until_all_show("what incidents fill is shown", prometheus, &mut waiting, |query| {
        query.has(KNOWN_LATER)
    });
}
