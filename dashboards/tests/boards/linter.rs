//! The rules of grafana/dashboard-linter, by their names there. Those about Loki's language hold where there is no Loki.

use farmwarden_dashboards::Language;
use serde_json::{Value, json};

use super::promql::selectors;
use super::support::{boards, panels, queries, variables};

/// What a rule has against a board.
type Rule = fn(&Value) -> Vec<String>;

const RULES: [(&str, Rule); 17] = [
    ("template-datasource-rule", |board| {
        template(board, "datasource", "Data source")
    }),
    ("template-job-rule", |board| template(board, "job", "Job")),
    ("template-instance-rule", |board| {
        template(board, "instance", "Instance")
    }),
    ("template-label-promql-rule", template_label_promql),
    ("template-on-time-change-reload-rule", template_reload),
    ("panel-datasource-rule", panel_datasource),
    ("panel-title-description-rule", panel_title_description),
    ("panel-units-rule", panel_units),
    ("panel-no-targets-rule", panel_targets),
    ("target-logql-rule", no_logql),
    ("target-logql-auto-rule", no_logql),
    ("target-promql-rule", target_promql),
    ("target-rate-interval-rule", target_rate_interval),
    ("target-job-rule", |board| target_has(board, "job")),
    ("target-instance-rule", |board| target_has(board, "instance")),
    ("target-counter-agg-rule", target_counter),
    ("uneditable-dashboard-rule", uneditable),
];

#[test]
fn no_rule_has_anything_against_any_board() {
    for language in Language::ALL {
        for board in boards(language) {
            for (name, rule) in RULES {
                assert_eq!(rule(&board), [""; 0], "{name}: {} {}", language.folder(), board["uid"]);
            }
        }
    }
}

fn variable<'a>(board: &'a Value, name: &str) -> Option<&'a Value> {
    variables(board).iter().find(|variable| variable["name"] == name)
}

fn template(board: &Value, name: &str, label: &str) -> Vec<String> {
    let Some(variable) = variable(board, name) else {
        return vec![format!("there is no {name}")];
    };
    let expected = if name == "datasource" {
        json!({"type": "datasource", "query": "prometheus", "label": label})
    } else {
        json!({
            "type": "query", "label": label, "multi": true, "allValue": ".+",
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
        })
    };
    let differs =
        |(key, value): (&String, &Value)| (variable[key] != *value).then(|| format!("{key}: {}", variable[key]));
    expected.as_object().unwrap().iter().filter_map(differs).collect()
}

fn template_label_promql(board: &Value) -> Vec<String> {
    let of_labels = variables(board).iter().filter(|variable| variable["type"] == "query");
    let queries = of_labels.map(|variable| variable["query"]["query"].as_str().unwrap().to_owned());
    queries.filter(|query| !asks_for_labels(query)).collect()
}

fn asks_for_labels(query: &str) -> bool {
    let inside = query
        .strip_prefix("label_values(")
        .and_then(|query| query.strip_suffix(')'));
    let Some((metric, label)) = inside.and_then(|inside| inside.rsplit_once(", ")) else {
        return false;
    };
    let is_label = label.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    is_label && balanced(metric) && selectors(metric).len() == 1
}

fn template_reload(board: &Value) -> Vec<String> {
    let queries = variables(board).iter().filter(|variable| variable["type"] == "query");
    queries
        .filter(|variable| variable["refresh"] != 2)
        .map(ToString::to_string)
        .collect()
}

/// Titles of the panels, or where their queries are, that do not pass.
fn panels_where(board: &Value, wrong: impl Fn(&Value) -> bool) -> Vec<String> {
    let all = panels(board).into_iter().filter(|panel| wrong(panel));
    all.map(|panel| panel["title"].to_string()).collect()
}

fn panel_datasource(board: &Value) -> Vec<String> {
    let templated = json!({"type": "prometheus", "uid": "${datasource}"});
    panels_where(board, |panel| {
        let targets = panel["targets"].as_array().unwrap();
        panel["datasource"] != templated || targets.iter().any(|target| target["datasource"] != templated)
    })
}

fn panel_title_description(board: &Value) -> Vec<String> {
    let short = |text: &Value| text.as_str().is_none_or(|text| text.trim().is_empty());
    panels_where(board, |panel| short(&panel["title"]) || short(&panel["description"]))
}

fn panel_units(board: &Value) -> Vec<String> {
    const KNOWN: [&str; 8] = [
        "Bps",
        "bytes",
        "dateTimeFromNow",
        "none",
        "percentunit",
        "s",
        "short",
        "string",
    ];
    panels_where(board, |panel| {
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
        unit.is_none_or(|unit| !KNOWN.contains(&unit))
    })
}

fn panel_targets(board: &Value) -> Vec<String> {
    panels_where(board, |panel| panel["targets"].as_array().is_none_or(Vec::is_empty))
}

fn no_logql(board: &Value) -> Vec<String> {
    panels_where(board, |panel| panel["datasource"]["type"] == "loki")
}

fn balanced(query: &str) -> bool {
    let mut open = Vec::new();
    let mut quoted = false;
    for letter in query.chars() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => (),
            '(' | '[' | '{' => open.push(letter),
            ')' | ']' | '}' => {
                let expected = match letter {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                if open.pop() != Some(expected) {
                    return false;
                }
            }
            _ => (),
        }
    }
    open.is_empty() && !quoted
}

fn target_promql(board: &Value) -> Vec<String> {
    let wrong = queries(board)
        .into_iter()
        .filter(|(_, query)| !balanced(query) || query.trim().is_empty());
    wrong.map(|(place, _)| place).collect()
}

/// Where a query has a selector that does not pass.
fn selectors_where(board: &Value, wrong: impl Fn(&super::promql::Selector) -> bool) -> Vec<String> {
    let mut places = Vec::new();
    for (place, query) in queries(board) {
        let found = selectors(&query);
        places.extend(
            found
                .iter()
                .filter(|selector| wrong(selector))
                .map(|selector| format!("{place}: {selector:?}")),
        );
    }
    places
}

const RATES: [&str; 3] = ["rate", "irate", "increase"];

fn target_rate_interval(board: &Value) -> Vec<String> {
    selectors_where(board, |selector| {
        RATES.contains(&selector.function.as_str()) && selector.range != "$__rate_interval"
    })
}

fn target_has(board: &Value, name: &str) -> Vec<String> {
    let expected = format!("=~\"${name}");
    selectors_where(board, |selector| selector.matchers.get(name) != Some(&expected))
}

fn target_counter(board: &Value) -> Vec<String> {
    selectors_where(board, |selector| {
        let counts = ["_total", "_bucket", "_count", "_sum"]
            .iter()
            .any(|end| selector.metric.ends_with(end));
        counts != RATES.contains(&selector.function.as_str())
    })
}

fn uneditable(board: &Value) -> Vec<String> {
    if board["editable"] == false {
        Vec::new()
    } else {
        vec![board["editable"].to_string()]
    }
}

/// A board that breaks each rule in turn: a rule that objects to nothing would hold nothing.
#[test]
fn every_rule_objects_to_what_it_is_about() {
    let good = boards(Language::En).swap_remove(0);
    let panel = good["panels"]
        .as_array()
        .unwrap()
        .iter()
        .position(|panel| panel["type"] == "stat")
        .unwrap();
    let panel = format!("/panels/{panel}");
    let expr = format!("{panel}/targets/0/expr");
    let spoiled = [
        ("/templating/list/0/label".to_owned(), json!("Source")),
        ("/templating/list/1/multi".to_owned(), json!(false)),
        ("/templating/list/2/allValue".to_owned(), json!(".*")),
        (
            "/templating/list/3/query/query".to_owned(),
            json!("label_values(a{, b)"),
        ),
        ("/templating/list/3/refresh".to_owned(), json!(1)),
        (format!("{panel}/datasource/uid"), json!("prometheus")),
        (format!("{panel}/description"), json!(" ")),
        (format!("{panel}/fieldConfig/defaults/unit"), json!("seconds")),
        (format!("{panel}/targets"), json!([])),
        (format!("{panel}/datasource/type"), json!("loki")),
        (format!("{panel}/datasource/type"), json!("loki")),
        (expr.clone(), json!("sum(a{}")),
        (expr.clone(), json!("rate(a_total{}[5m])")),
        (expr.clone(), json!(r#"a{job="x",instance=~"$instance"}"#)),
        (expr.clone(), json!(r#"a{job=~"$job"}"#)),
        (expr, json!("sum(a_total{})")),
        ("/editable".to_owned(), json!(true)),
    ];
    for ((name, rule), (path, value)) in RULES.iter().zip(spoiled) {
        let mut board = good.clone();
        *board.pointer_mut(&path).unwrap() = value;
        assert!(!rule(&board).is_empty(), "{name} has nothing against {path}");
    }
}
