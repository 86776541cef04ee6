//! The chain of links of a farm, with the first broken ones marked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use maud::{Markup, html};

use super::view::View;
use super::words;
use crate::collectors;
use crate::report::{Farm, Health, Link, Report, Symptom, Target};

/// Well links side by side that are still named; more of them are counted.
const MOST_NAMED: usize = 6;
/// Names in a folded list. Nobody reads more, and without a bound the page of a large farm would take seconds.
const MOST_FOLDED: usize = 200;
/// Links side by side, and lines, that are not well and shown, unless all are asked for: the first ones matter.
const MOST_BROKEN: usize = 60;

/// What words on links are taken from.
struct Known<'a> {
    view: &'a View,
    targets: HashMap<&'a str, &'a Target>,
    symptoms: HashMap<&'a str, Vec<&'a Symptom>>,
}

pub(super) fn section(report: &Report, view: &View) -> Markup {
    let mut known = Known {
        view,
        targets: report
            .targets
            .iter()
            .map(|target| (target.name.as_str(), target))
            .collect(),
        symptoms: HashMap::new(),
    };
    for symptom in report.symptoms.iter().filter(|symptom| !symptom.hint) {
        known.symptoms.entry(&symptom.target).or_default().push(symptom);
    }
    let default = collectors::Link::default_farm();
    let only_default = report.farms.iter().all(|farm| farm.name == default.as_str());
    html! {
        @for farm in &report.farms {
            section {
                h2 {
                    @if only_default { "Chain" } @else { "Farm " (farm.name) }
                    @if farm.links.iter().any(|link| link.stage > 0) {
                        span.quiet { " · each link hangs on the one before it" }
                    }
                }
                (known.lines(farm))
            }
        }
    }
}

type Strand<'a> = Vec<&'a Link>;
/// Of every stage, which kinds of links stand there.
type Shape<'a> = BTreeMap<usize, BTreeSet<&'a str>>;

/// A line of the section.
enum Row<'a> {
    One(Strand<'a>),
    /// Made alike, and all of them well.
    Alike(Shape<'a>, Vec<Strand<'a>>),
}

impl Row<'_> {
    /// Whether it takes a line of its own. Single links stand side by side.
    fn is_long(&self) -> bool {
        matches!(self, Self::One(strand) if strand.len() > 1)
    }
}

/// What is broken comes first; what is well and made alike is put together.
fn rows(farm: &Farm) -> Vec<Row<'_>> {
    let mut strands: BTreeMap<usize, Strand<'_>> = BTreeMap::new();
    for link in &farm.links {
        strands.entry(link.strand).or_default().push(link);
    }
    let (well, mut other): (Vec<_>, Vec<_>) = strands
        .into_values()
        .partition(|strand| strand.iter().all(|link| link.state == Health::Well));
    other.sort_by_key(|strand| {
        let first = strand.iter().filter(|link| link.first_broken);
        Reverse(first.map(|link| link.state).max())
    });
    let mut rows: Vec<Row<'_>> = other.into_iter().map(Row::One).collect();
    let mut alike: Vec<(Shape<'_>, Vec<Strand<'_>>)> = Vec::new();
    for strand in well {
        let shape = shape(&strand);
        match alike.iter_mut().find(|(other, _)| *other == shape) {
            Some((_, list)) => list.push(strand),
            None => alike.push((shape, vec![strand])),
        }
    }
    for (shape, list) in alike {
        match <[Strand<'_>; 1]>::try_from(list) {
            Ok([one]) => rows.push(Row::One(one)),
            Err(list) => rows.push(Row::Alike(shape, list)),
        }
    }
    rows
}

fn shape<'a>(strand: &[&'a Link]) -> Shape<'a> {
    let mut shape = Shape::new();
    for link in strand {
        shape.entry(link.stage).or_default().insert(kind(link));
    }
    shape
}

fn kind(link: &Link) -> &str {
    link.part.as_deref().unwrap_or(&link.collector)
}

impl<'a> Known<'a> {
    fn lines(&self, farm: &'a Farm) -> Markup {
        let (broken, well): (Vec<_>, Vec<_>) = rows(farm)
            .into_iter()
            .partition(|row| matches!(row, Row::One(strand) if strand.iter().any(|link| link.state != Health::Well)));
        let most = self.most();
        let more = broken.len().saturating_sub(most);
        html! {
            ul.strands {
                @for row in broken.iter().take(most).chain(&well) {
                    li.strand.long[row.is_long()] {
                        @match row {
                            Row::One(strand) => (self.stages(strand)),
                            Row::Alike(shape, list) => (self.alike(shape, list)),
                        }
                    }
                }
                @if more > 0 { li.strand { (self.show_all(more)) } }
            }
        }
    }

    fn most(&self) -> usize {
        if self.view.all { usize::MAX } else { MOST_BROKEN }
    }

    fn show_all(&self, more: usize) -> Markup {
        html! { a href=(self.view.with_all().address()) { (more) " more that are not well" } }
    }

    fn stages(&self, strand: &[&Link]) -> Markup {
        let mut stages: BTreeMap<usize, Strand<'_>> = BTreeMap::new();
        for link in strand {
            stages.entry(link.stage).or_default().push(link);
        }
        html! {
            ol.stages {
                @for links in stages.values() { li.stage { div.links { (self.stage(links)) } } }
            }
        }
    }

    fn stage(&self, links: &[&Link]) -> Markup {
        let (well, mut other): (Strand<'_>, Strand<'_>) = links.iter().partition(|link| link.state == Health::Well);
        other.sort_by_key(|link| !link.first_broken);
        let more = other.len().saturating_sub(self.most());
        html! {
            @for link in other.iter().take(self.most()) { (self.chip(link)) }
            @if more > 0 { (self.show_all(more)) }
            @if well.len() <= MOST_NAMED {
                @for link in &well { (self.chip(link)) }
            } @else {
                @let kinds: BTreeSet<&str> = well.iter().map(|link| kind(link)).collect();
                (self.folded(&format!("{} {} are well", well.len(), joined(&kinds)), &well))
            }
        }
    }

    fn alike(&self, shape: &Shape<'_>, list: &[Strand<'_>]) -> Markup {
        let kinds: Vec<String> = shape.values().map(joined).collect();
        let words = match kinds.as_slice() {
            [kind] => format!("{} {kind} targets are well", list.len()),
            _ => format!("{} times {}: all well", list.len(), kinds.join(" → ")),
        };
        let links: Strand<'_> = list.iter().flatten().copied().collect();
        self.folded(&words, &links)
    }

    /// A count that opens to the targets' names.
    fn folded(&self, words: &str, links: &[&Link]) -> Markup {
        let mut seen = HashSet::new();
        let targets = links.iter().map(|link| link.target.as_str());
        let targets: Vec<&str> = targets.filter(|target| seen.insert(*target)).collect();
        let most = if self.view.all { usize::MAX } else { MOST_FOLDED };
        let more = targets.len().saturating_sub(most);
        html! {
            details.row {
                summary { (words::state(Health::Well, words)) }
                p {
                    @for target in targets.iter().take(most) {
                        a href=(self.view.of(Some(target)).address()) { (target) } " "
                    }
                    @if more > 0 { "and " (more) " more" }
                }
            }
        }
    }

    fn chip(&self, link: &Link) -> Markup {
        let why = self.why(link);
        html! {
            span.link.(words::class(link.state)).first[link.first_broken] {
                a href=(self.view.of(Some(&link.target)).address()) { (link.name) } " "
                (words::state(link.state, words::class(link.state))) " "
                @if !why.is_empty() { small { (why) } " " }
                @if link.first_broken { span.mark { span { "first broken" } } }
                @if let Some(cause) = &link.waits_for { small { "waits for " (cause) } }
            }
        }
    }

    /// In a word or two, what is wrong: the reason of the fault, else the symptoms.
    fn why(&self, link: &Link) -> String {
        match link.state {
            Health::Down => joined(&self.reasons(link)),
            Health::Ill => joined(&self.symptoms(link)),
            Health::Well | Health::Waiting | Health::Stale => String::new(),
        }
    }

    fn reasons(&self, link: &Link) -> BTreeSet<&'a str> {
        let parts = self
            .targets
            .get(link.target.as_str())
            .into_iter()
            .flat_map(|target| &target.parts);
        let own = parts.filter(|part| link.part.as_ref().is_none_or(|own| *own == part.name));
        let faults = own
            .filter(|part| part.state == Health::Down)
            .filter_map(|part| part.last_fault.as_ref());
        faults.map(|fault| fault.reason.as_str()).collect()
    }

    /// Those of the target that speak of none of its other parts.
    fn symptoms(&self, link: &Link) -> BTreeSet<&'a str> {
        let target = link.target.as_str();
        let is_part = |entity: &str| {
            let mut parts = self.targets.get(target).into_iter().flat_map(|target| &target.parts);
            parts.any(|part| part.name == entity)
        };
        let of_other = |symptom: &Symptom| match (&link.part, &symptom.entity) {
            (Some(own), Some(entity)) => entity != own && is_part(entity),
            _ => false,
        };
        let all = self.symptoms.get(target).into_iter().flatten();
        all.filter(|symptom| !of_other(symptom))
            .map(|symptom| symptom.symptom.as_str())
            .collect()
    }
}

fn joined(words: &BTreeSet<&str>) -> String {
    words.iter().copied().collect::<Vec<_>>().join(", ")
}
