//! The page for people: how the farm is, where to look first, what is ill, and how every target does.
//!
//! Made of a report and the overview of repairs and nothing else, readable without scripts. maud escapes every text that is put in, so what
//! upstreams say stays text.

mod chain;
mod ill;
mod repairs;
mod targets;
mod view;
mod words;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::remedy::Overview;
use crate::report::{Health, Report};

pub(super) use view::View;

const STYLE: &str = include_str!("style.css");

/// Nothing is loaded and nothing runs; of styles only the very ones of this page count.
static POLICY: LazyLock<String> = LazyLock::new(|| allowing("'none'"));
/// The same for a page with a button.
static POLICY_WITH_FORM: LazyLock<String> = LazyLock::new(|| allowing("'self'"));

fn allowing(forms: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, STYLE.as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action {forms}",
        STANDARD.encode(digest)
    )
}

/// The content security policy of every page here.
pub(super) fn policy() -> &'static str {
    &POLICY
}

pub(super) fn policy_with_form() -> &'static str {
    &POLICY_WITH_FORM
}

/// A page of few words, in the looks of this one.
pub(super) fn plain(title: &str, body: &Markup) -> String {
    document(title, Health::Waiting, None, body).into_string()
}

/// The page; `None` if the view is of a target that is not there.
pub(super) fn render(report: Report, repairs: &Overview, telemetry_path: &str, view: &View) -> Option<String> {
    let report = match &view.target {
        Some(target) => report.narrowed(target)?,
        None => report,
    };
    Some(page(&report, repairs, telemetry_path, view).into_string())
}

/// Says that there is no such target, and where all of them are.
pub(super) fn unknown_target(view: &View) -> String {
    let target = view.target.as_deref().unwrap_or_default();
    let body = html! {
        main {
            h1 { "There is no target " (target) "." }
            p { a href="/" { "All targets" } }
        }
    };
    document("farmwarden", Health::Waiting, None, &body).into_string()
}

fn page(report: &Report, repairs: &Overview, telemetry_path: &str, view: &View) -> Markup {
    let worst = report.summary.worst();
    let title = format!("{} · farmwarden", report.summary);
    let body = html! {
        header {
            p.brand {
                "farmwarden"
                @if let Some(target) = &view.target {
                    span.quiet { " · only " } (target) " " a href=(view.of(None).address()) { "show all targets" }
                }
            }
            h1.verdict.(words::class(worst)) { (words::sign(worst)) " " span.words { (report.verdict) } }
        }
        main {
            (chain::section(report, view))
            (ill::section(report, view))
            (repairs::section(repairs, view))
            (targets::section(report, view))
        }
        (footer(report, telemetry_path, view))
    };
    document(&title, worst, view.refresh, &body)
}

fn footer(report: &Report, telemetry_path: &str, view: &View) -> Markup {
    html! {
        footer {
            p {
                "farmwarden " (report.version) ", page made " (words::utc(report.generated_timestamp_seconds)) ". "
                @if let Some(seconds) = view.refresh {
                    "Loaded again every " (seconds) " s. " a href=(view.refreshing(None).address()) { "Stop" }
                } @else {
                    a href=(view.refreshing(Some(30)).address()) { "Load again every 30 s" }
                }
            }
            nav aria-label="Other pages" {
                ul {
                    @for path in [telemetry_path, "/api/v1/targets", "/api/v1/incidents", "/api/v1/sd", "/-/ready", "/-/healthy"] {
                        li { a href=(path) { (path) } }
                    }
                }
            }
        }
    }
}

fn document(title: &str, worst: Health, refresh: Option<u32>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (title) }
                link rel="icon" href=(icon(worst));
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
}

/// A dot in the colour of the worst state, for a row of tabs.
fn icon(worst: Health) -> String {
    let colour = match worst {
        Health::Well => "1a6b3a",
        Health::Waiting => "57606a",
        Health::Ill => "c77700",
        Health::Stale => "7a3fa0",
        Health::Down => "b3001b",
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
         %3Ccircle cx='8' cy='8' r='7' fill='%23{colour}'/%3E%3C/svg%3E"
    )
}

#[cfg(test)]
mod tests;
