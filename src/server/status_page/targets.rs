//! The table of targets and their parts, the worst first.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::view::View;
use super::words;
use crate::report::{Fault, Health, Part, Report, Target};

/// Rows, unless all are asked for. What is well stands last, so it is what is cut.
const MOST_ROWS: usize = 200;

pub(super) fn section(report: &Report, view: &View) -> Markup {
    html! {
        section {
            h2 { "Targets" }
            @if report.targets.is_empty() {
                p { "No target is configured. Name some in the file that --config.file names." }
            } @else {
                (table(report, view))
            }
        }
    }
}

fn table(report: &Report, view: &View) -> Markup {
    let mut targets: Vec<&Target> = report.targets.iter().collect();
    targets.sort_by_key(|target| Reverse(target.state));
    let all: usize = targets.iter().map(|target| target.parts.len()).sum();
    let rows = targets
        .iter()
        .flat_map(|target| worst_first(target).map(move |part| (*target, part)));
    let most = if view.all { usize::MAX } else { MOST_ROWS };
    let farms = report.farms.len() > 1;
    html! {
        div.table {
            table {
                thead {
                    tr {
                        th scope="col" { "Target" }
                        th scope="col" { "State" }
                        th scope="col" { "Data from" }
                        th scope="col" { "Round took" }
                        th scope="col" { "Every" }
                        th scope="col" { "Next round" }
                        th scope="col" { "Last fault" }
                    }
                }
                tbody { @for (target, part) in rows.take(most) { (row(target, part, farms, view)) } }
            }
        }
        @if all > most {
            p { (all - most) " more rows are left out, the best of all. " a href=(view.with_all().address()) { "Show all " (all) } }
        }
    }
}

fn worst_first(target: &Target) -> impl Iterator<Item = &Part> {
    let mut parts: Vec<&Part> = target.parts.iter().collect();
    parts.sort_by_key(|part| Reverse(part.state));
    parts.into_iter()
}

fn row(target: &Target, part: &Part, farms: bool, view: &View) -> Markup {
    let kind = if farms {
        format!("{}, {}", target.collector, target.farm)
    } else {
        target.collector.clone()
    };
    html! {
        tr {
            th scope="row" {
                a href=(view.of(Some(&target.name)).address()) { (target.name) } "/" (part.name) " " small { (kind) }
            }
            td.wide { (words::state(shown(target, part), state(target, part))) }
            td.number data-label="data from" { (part.data_age_seconds.map_or_else(|| "never".to_owned(), words::ago)) }
            td.number data-label="took" { (part.round_duration_seconds.map_or_else(|| "–".to_owned(), words::length)) }
            td.number data-label="every" { (words::length(part.interval_seconds)) }
            td.number data-label="next" { (next(part)) }
            (fault(part.last_fault.as_ref()))
        }
    }
}

/// A part that answers is shown as ill while what is ill is the target as a whole: a mount of it, a worker.
fn shown(target: &Target, part: &Part) -> Health {
    let whole = target.state == Health::Ill && target.parts.iter().all(|part| part.state < Health::Ill);
    if whole && part.state == Health::Well {
        Health::Ill
    } else {
        part.state
    }
}

fn state(target: &Target, part: &Part) -> &'static str {
    match (shown(target, part), part.has_data) {
        (Health::Well, _) => "well",
        (Health::Waiting, _) => "waiting for first round",
        (Health::Ill, _) => "ill",
        (Health::Stale, _) => "no new data",
        (Health::Down, true) => "down, old data shown",
        (Health::Down, false) => "down, no data",
    }
}

fn next(part: &Part) -> String {
    part.next_round_in_seconds
        .map_or_else(|| "running".to_owned(), words::within)
}

fn fault(fault: Option<&Fault>) -> Markup {
    html! {
        @match fault {
            None => td.fault.wide.empty { "none" },
            Some(fault) if fault.over => td.fault.wide.over { "over, " (words::ago(fault.age_seconds)) ": " (fault.words) },
            Some(fault) => td.fault.wide { (words::ago(fault.age_seconds)) ": " (fault.words) },
        }
    }
}
