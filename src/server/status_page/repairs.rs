//! What is being repaired, or would be, and what holds it back.

use maud::{Markup, html};

use super::view::View;
use super::words;
use crate::remedy::{IncidentSeen, Overview, RestingSeen};
use crate::report::Health;

/// Incidents that are listed, unless all are asked for: a storm opens thousands.
const MOST: usize = 40;
/// Reasons that hold everything; there may be a pause for each of many targets.
const MOST_HOLDS: usize = 20;

/// Nothing where nobody set up repairs.
pub(super) fn section(repairs: &Overview, view: &View) -> Markup {
    if !repairs.is_of_interest() {
        return html! {};
    }
    let holds = repairs.holds();
    let (journal, more) = (&repairs.journal, holds.len().saturating_sub(MOST_HOLDS));
    html! {
        section {
            h2 { "Repairs" }
            @for hold in holds.iter().take(MOST_HOLDS) { p { (words::state(Health::Ill, "held")) " " (hold) } }
            @if more > 0 { p { (more) " more hold something; " code { "farmwarden incidents" } " says all." } }
            p.quiet {
                (capital(&repairs.policies_in_words())) "."
                @if let (Some(sequence), Some(head)) = (journal.sequence, &journal.head) {
                    " The journal ends with record " (sequence) ", " span.mono { (head) } "."
                }
            }
            (incidents(repairs, view))
            (resting(repairs, view))
        }
    }
}

fn incidents(repairs: &Overview, view: &View) -> Markup {
    let is_asked = |incident: &&IncidentSeen| view.target.as_ref().is_none_or(|target| incident.target == *target);
    let mut open: Vec<&IncidentSeen> = repairs.incidents.iter().filter(is_asked).collect();
    open.sort_by_key(|incident| rank(incident));
    let most = if view.all { usize::MAX } else { MOST };
    let more = open.len().saturating_sub(most);
    html! {
        @if open.is_empty() { p { "No incident is open." } }
        @else {
            div.symptom {
                ul {
                    @for incident in open.iter().take(most) { (row(incident, view)) }
                    @if more > 0 { li { a href=(view.with_all().address()) { (more) " more" } } }
                }
            }
        }
    }
}

/// Who is well while his alert fires, and may relapse.
fn resting(repairs: &Overview, view: &View) -> Markup {
    let is_asked = |resting: &&RestingSeen| view.target.as_ref().is_none_or(|target| resting.target == *target);
    let most = if view.all { usize::MAX } else { MOST };
    let count = repairs.resting.iter().filter(is_asked).count();
    html! {
        @if count > 0 {
            ul {
                @for resting in repairs.resting.iter().filter(is_asked).take(most) {
                    li.quiet { (resting.words()) }
                }
                @if count > most { li { a href=(view.with_all().address()) { (count - most) " more" } } }
            }
        }
    }
}

/// Whoever must act first stands first.
fn rank(incident: &IncidentSeen) -> u8 {
    match incident.phase.as_str() {
        "escalated" => 0,
        "running" => 1,
        "proving" => 2,
        _ => 3,
    }
}

fn row(incident: &IncidentSeen, view: &View) -> Markup {
    let (health, state) = match incident.phase.as_str() {
        "escalated" => (Health::Down, "a person must act"),
        "running" => (Health::Ill, "under way"),
        "proving" => (Health::Waiting, "being watched"),
        _ if incident.guard.is_some() => (Health::Waiting, "held back"),
        _ => (Health::Waiting, "open"),
    };
    html! {
        li {
            a href=(view.of(Some(&incident.target)).address()) { (incident.target) }
            " " (words::state(health, state)) " " (incident.whom())
            " " span.quiet { "incident " (incident.id) ", since " (incident.opened) }
            div { (incident.sight()) }
            div { (incident.course()) }
            @if let Some(deed) = incident.deed() { div.quiet { (deed) } }
        }
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
