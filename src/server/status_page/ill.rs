//! What is ill: symptoms with their evidence, put together by symptom.

use maud::{Markup, html};

use super::view::View;
use super::words;
use crate::report::{Health, Report, Symptom};

/// Entities of one symptom that are listed, unless all are asked for: a dead server takes dozens of mounts along.
const MOST: usize = 40;

pub(super) fn section(report: &Report, view: &View) -> Markup {
    html! {
        section {
            h2 { "What is ill" }
            @let (hints, ill): (Vec<&Symptom>, Vec<&Symptom>) = report.symptoms.iter().partition(|symptom| symptom.hint);
            @if ill.is_empty() { (nothing(report)) }
            @for (name, list) in groups(&ill) { (group(name, &list, Health::Ill, view)) }
            @if !hints.is_empty() { p.quiet { "Worth a look, and nothing is broken:" } }
            @for (name, list) in groups(&hints) { (group(name, &list, Health::Waiting, view)) }
        }
    }
}

fn nothing(report: &Report) -> Markup {
    let unseen = report.summary.waiting + report.summary.stale + report.summary.down;
    html! {
        p {
            "No symptom is seen."
            @if unseen == 1 { " Of one target nothing can be said, because it did not answer." }
            @if unseen > 1 { " Of " (unseen) " targets nothing or not all can be said, because they did not answer." }
        }
    }
}

/// By symptom, in the order of the first of each: the report has those of the cause in front.
fn groups<'a>(symptoms: &[&'a Symptom]) -> Vec<(&'a str, Vec<&'a Symptom>)> {
    let mut groups: Vec<(&str, Vec<&Symptom>)> = Vec::new();
    for &symptom in symptoms {
        match groups.iter_mut().find(|(name, _)| *name == symptom.symptom) {
            Some((_, list)) => list.push(symptom),
            None => groups.push((&symptom.symptom, vec![symptom])),
        }
    }
    groups
}

fn group(name: &str, list: &[&Symptom], sign: Health, view: &View) -> Markup {
    let most = if view.all { usize::MAX } else { MOST };
    let more = list.len().saturating_sub(most);
    html! {
        div.symptom {
            h3 {
                (words::state(sign, name))
                @if list.len() > 1 { span.quiet { " · " (list.len()) " times" } }
            }
            ul {
                @for symptom in list.iter().take(most) {
                    li {
                        a href=(view.of(Some(&symptom.target)).address()) { (symptom.target) }
                        @if let Some(entity) = unnamed_entity(symptom) { " " span.mono { (entity) } }
                        @if !symptom.evidence.is_empty() { " " span.quiet { "–" } " " (symptom.evidence) }
                    }
                }
                @if more > 0 { li { a href=(view.with_all().address()) { (more) " more" } } }
            }
            @if let Some(first) = list.first() {
                details { summary { "What " (name) " means, and what to do" } p { (first.meaning) } p { (first.advice) } }
            }
        }
    }
}

/// The entity, unless the evidence begins with its name, as most do.
fn unnamed_entity(symptom: &Symptom) -> Option<&str> {
    let entity = symptom.entity.as_deref();
    entity.filter(|entity| !symptom.evidence.starts_with(entity))
}
