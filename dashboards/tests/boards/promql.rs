//! As much of Prometheus' language as the rules need: which metrics a query selects, with which matchers, under which function.
//! Whether a query is valid at all, a real Prometheus says (`tests/e2e/dashboards.rs`).

use std::collections::BTreeMap;

/// One selector of a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label, and operator with value as written.
    pub(crate) matchers: BTreeMap<String, String>,
    /// The function right before it, if any.
    pub(crate) function: String,
    /// What stands in brackets after it, if anything.
    pub(crate) range: String,
}

const GROUPINGS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// All selectors; a name that is neither a selector nor a function, grouping or operator is a metric without matchers.
pub(crate) fn selectors(query: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut function = String::new();
    let mut rest = query;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphanumeric() || "_\"$[".contains(letter)) {
        let between = &rest[..start];
        rest = &rest[start..];
        if between.trim() != "(" && !between.is_empty() {
            function.clear();
        }
        if let Some(text) = rest.strip_prefix('"') {
            rest = &text[text.find('"').unwrap() + 1..];
        } else if rest.starts_with('[') {
            rest = &rest[rest.find(']').unwrap() + 1..];
        } else if rest.starts_with(|letter: char| letter == '$' || letter.is_ascii_digit()) {
            rest = after_word(&rest[1..]).1;
        } else {
            let (word, after) = after_word(rest);
            let after = after.trim_start();
            if GROUPINGS.contains(&word) {
                let list = after.strip_prefix('(').map(|list| &list[list.find(')').unwrap() + 1..]);
                rest = list.unwrap_or(after);
                function.clear();
            } else if OPERATORS.contains(&word) || ["by", "without"].contains(&after_word(after).0) {
                rest = after;
            } else if after.starts_with('(') {
                word.clone_into(&mut function);
                rest = after;
            } else {
                let (selector, after) = selector(word, after, &function);
                found.push(selector);
                rest = after;
            }
        }
    }
    found
}

fn after_word(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'));
    text.split_at(end.unwrap_or(text.len()))
}

fn selector<'a>(metric: &str, mut after: &'a str, function: &str) -> (Selector, &'a str) {
    let mut matchers = BTreeMap::new();
    if let Some(inside) = after.strip_prefix('{') {
        let end = inside.find('}').unwrap();
        for matcher in inside[..end].split("\",") {
            let (label, value) = after_word(matcher.trim());
            matchers.insert(label.to_owned(), value.trim_end_matches('"').to_owned());
        }
        after = &inside[end + 1..];
    }
    let range = after.strip_prefix('[').map(|range| range.split(']').next().unwrap());
    let selector = Selector {
        metric: metric.to_owned(),
        matchers,
        function: function.to_owned(),
        range: range.unwrap_or_default().to_owned(),
    };
    (selector, after)
}

#[test]
fn selectors_are_found_with_their_matchers_function_and_range() {
    let query = r#"1 - sum by (le) (rate(a_total{job=~"$job",x!="1, {2"}[$__rate_interval])) / on (t) group_left (u) b{} and on () c > bool 1e9"#;
    let seen: Vec<_> = selectors(query)
        .into_iter()
        .map(|selector| {
            (
                selector.metric,
                selector.function,
                selector.range,
                selector.matchers.len(),
            )
        })
        .collect();
    let expected = [
        ("a_total", "rate", "$__rate_interval", 2),
        ("b", "", "", 1),
        ("c", "", "", 0),
    ];
    let expected = expected.map(|(metric, function, range, matchers)| {
        (metric.to_owned(), function.to_owned(), range.to_owned(), matchers)
    });
    assert_eq!(seen, expected);
}
