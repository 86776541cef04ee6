//! `farmwarden metrics`: every family, as Markdown. docs/metrics.md is its output.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::terminal;
use crate::clock::UnixTime;
use crate::collectors::{self, Symptom};
use crate::exposition::{Family, Format, Kind, Own, ProcessUsage, RequestLabels};
use crate::server::probe;
use crate::{notify, relations, remedy, store};

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden metrics
      Every family and every symptom.
  farmwarden metrics | grep peers
      Those about peers.";

pub(super) fn run() -> ExitCode {
    match terminal::print(&text()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

/// The whole list.
pub(super) fn text() -> String {
    let mut out = String::from(
        "# Metrics\n\nWritten by `farmwarden metrics`; do not edit. Every sample of a collector carries the label `target`, \
         the name of the configured target, in front of the labels listed here.\n",
    );
    table("About every target", store::FAMILIES, &mut out);
    table("About several targets together", relations::FAMILIES, &mut out);
    table("Repairs and their journal", remedy::FAMILIES, &mut out);
    table("Messages to people", notify::FAMILIES, &mut out);
    table("Collectors", &collectors::families(), &mut out);
    table("Answers of /probe", probe::FAMILIES, &mut out);
    own(&mut out);
    out.push_str("\n## Symptoms\n\nThe values of the label `symptom` of `farmwarden_symptom`.\n\n| symptom | meaning | what to do |\n|---|---|---|\n");
    let all: Vec<&Symptom> = collectors::symptoms()
        .into_iter()
        .chain(relations::SYMPTOMS.iter().copied())
        .collect();
    for symptom in all {
        // Writing to a String cannot fail.
        let Symptom {
            name, meaning, advice, ..
        } = symptom;
        let _infallible = writeln!(out, "| `{name}` | {meaning} | {advice} |");
    }
    out
}

/// Our own counters are kept by a library that knows their headers only when it writes them.
fn own(out: &mut String) {
    let own = Own::default();
    own.requests
        .get_or_create_owned(&RequestLabels { route: "/", code: 200 });
    own.config_read("config", Some(UnixTime::default()));
    let mut page = String::new();
    own.write(ProcessUsage::read(), Format::Text, &mut page);
    out.push_str("\n## About farmwarden itself\n\n| metric | type | meaning |\n|---|---|---|\n");
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let kind = lines
            .next()
            .and_then(|line| line.rsplit_once(' '))
            .map_or("", |(_, kind)| kind);
        // Text 0.0.4 has no info type.
        let kind = if name.ends_with("_info") { "info" } else { kind };
        let _infallible = writeln!(out, "| `{name}` | {kind} | {help} |");
    }
}

fn table(title: &str, families: &[&Family], out: &mut String) {
    let _infallible = write!(
        out,
        "\n## {title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n"
    );
    for family in families {
        let kind = match family.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Info => "info",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let _infallible = writeln!(
            out,
            "| `{}` | {kind} | {} | {} |",
            family.name,
            labels.join(" "),
            family.help
        );
    }
}
