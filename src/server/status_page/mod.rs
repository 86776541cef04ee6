//! The page that people see: every target with its state, the age of its data, its last fault, and what is ill.
//!
//! Rendered here, readable without scripts; text of upstreams is escaped.

use std::fmt::Write as _;
use std::time::Duration;

use crate::clock::Now;
use crate::store::{PartStatus, Slot, Store};
use crate::values;

/// Nothing is loaded and nothing runs.
pub(super) const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n<title>farmwarden</title>\n</head>\n<body>\n";

pub(super) fn render(store: &Store, telemetry_path: &str, now: Now) -> String {
    let mut page = String::from(HEAD);
    // Writing to a String cannot fail.
    let _infallible = write!(
        page,
        "<h1>farmwarden {}</h1>\n<p><a href=\"{path}\">{path}</a> · <a href=\"/-/ready\">/-/ready</a></p>\n",
        env!("CARGO_PKG_VERSION"),
        path = escaped(telemetry_path)
    );
    targets(store, now, &mut page);
    symptoms(store, &mut page);
    page.push_str("</body>\n</html>\n");
    page
}

fn targets(store: &Store, now: Now, page: &mut String) {
    let slots = store.slots();
    page.push_str("<h2>Targets</h2>\n");
    if slots.is_empty() {
        page.push_str("<p>No target is configured.</p>\n");
        return;
    }
    page.push_str(
        "<table border=\"1\" cellpadding=\"4\">\n<tr><th>target</th><th>kind</th><th>part</th><th>state</th>\
         <th>data from</th><th>round took</th><th>every</th><th>last fault</th></tr>\n",
    );
    for slot in slots {
        for status in slot.parts() {
            row(&slot, &status, now, page);
        }
    }
    page.push_str("</table>\n");
}

fn row(slot: &Slot, status: &PartStatus, now: Now, page: &mut String) {
    let state = match (status.up, status.is_stale(now)) {
        (None, _) => "first round is under way",
        (Some(true), false) => "up",
        (Some(true), true) => "up, but its data is stale",
        (Some(false), false) => "DOWN, last data still shown",
        (Some(false), true) => "DOWN, no data",
    };
    let age = status.last_success.map_or_else(
        || "never".to_owned(),
        |last| format!("{} ago", rounded(now.monotonic.duration_since(last.monotonic))),
    );
    let fault = status.last_fault.as_ref().map_or_else(String::new, |(fault, at)| {
        format!("{} ago: {fault}", rounded(at.age_at(now.wall)))
    });
    let took = status
        .up
        .map_or_else(String::new, |_| format!("{} ms", status.last_duration.as_millis()));
    page.push_str("<tr>");
    for cell in [
        slot.name.as_str(),
        slot.collector,
        status.part.name,
        state,
        &age,
        &took,
        &values::Duration::from(status.part.every).to_string(),
        &fault,
    ] {
        let _infallible = write!(page, "<td>{}</td>", escaped(cell));
    }
    page.push_str("</tr>\n");
}

fn symptoms(store: &Store, page: &mut String) {
    page.push_str("<h2>What is ill</h2>\n");
    let verdicts = store.verdicts();
    let ill: Vec<_> = verdicts
        .iter()
        .flat_map(|verdict| {
            verdict
                .diagnosis
                .findings
                .iter()
                .map(move |finding| (&verdict.target, finding))
        })
        .collect();
    if ill.is_empty() {
        page.push_str("<p>No symptom is seen.");
        let unseen = store
            .slots()
            .iter()
            .flat_map(|slot| slot.parts())
            .filter(|status| status.up != Some(true))
            .count();
        if unseen > 0 {
            let _infallible = write!(page, " {unseen} parts do not answer, so nothing can be said of them.");
        }
        page.push_str("</p>\n");
        return;
    }
    page.push_str(
        "<table border=\"1\" cellpadding=\"4\">\n<tr><th>target</th><th>symptom</th><th>evidence</th></tr>\n",
    );
    for (target, finding) in ill.iter().take(MAX_ROWS) {
        let _infallible = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(target.as_str()),
            escaped(finding.symptom.name),
            escaped(&finding.evidence)
        );
    }
    page.push_str("</table>\n");
    if ill.len() > MAX_ROWS {
        let _infallible = writeln!(
            page,
            "<p>and {} more; see farmwarden_symptom.</p>",
            ill.len() - MAX_ROWS
        );
    }
}

/// A page with thousands of rows helps nobody and takes seconds to draw.
const MAX_ROWS: usize = 200;

fn rounded(duration: Duration) -> values::Duration {
    values::Duration::from_secs(duration.as_secs())
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_an_upstream_cannot_become_markup() {
        assert_eq!(escaped("<b a=\"1\">'&"), "&lt;b a=&quot;1&quot;&gt;&#39;&amp;");
    }
}
