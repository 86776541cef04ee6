//! Who hangs on whom, and where a chain of links is broken first.
//!
//! Pure over names and states. A link is a target; a target whose parts hang on one another is one link per part. What is
//! broken behind a broken link waits for that one and is not the cause.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::collectors::Part;
use crate::values::Name;

/// How a part, a link or a target is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Well,
    /// Its first round has not ended: nothing is known.
    Waiting,
    /// It answers, and a symptom is seen on it.
    Ill,
    /// Nothing was heard for longer than its data may be shown, although no round has failed.
    Stale,
    /// Its last round failed.
    Down,
}

impl Health {
    /// Whether this is a cause of what else is wrong. Waiting is not: nothing was seen yet.
    pub const fn is_broken(self) -> bool {
        matches!(self, Self::Ill | Self::Stale | Self::Down)
    }
}

/// A target as its rounds and symptoms show it.
#[derive(Clone, Debug)]
pub struct Member {
    pub target: Name,
    pub depends_on: Vec<Name>,
    pub parts: Vec<(Part, Health)>,
    /// Of the symptoms that speak of none of its parts.
    pub as_a_whole: Health,
}

impl Member {
    /// The worst that is known of it.
    pub fn health(&self) -> Health {
        let parts = self.parts.iter().map(|(_, health)| *health);
        parts.chain([self.as_a_whole]).max().unwrap_or(self.as_a_whole)
    }

    fn is_split(&self) -> bool {
        self.parts.iter().any(|(part, _)| !part.hangs_on.is_empty())
    }

    /// Its links and what each hangs on within the target.
    fn pieces(&self) -> Vec<(Option<Part>, Health)> {
        if !self.is_split() {
            return vec![(None, self.health())];
        }
        let within: Vec<&str> = self.parts.iter().flat_map(|(part, _)| part.hangs_on).copied().collect();
        let piece = |(part, health): &(Part, Health)| {
            // What is said of the whole is shown where the target ends: nothing is blamed that may not be to blame.
            let last = !within.contains(&part.name);
            let health = if last { self.as_a_whole.max(*health) } else { *health };
            (Some(*part), health)
        };
        self.parts.iter().map(piece).collect()
    }
}

/// One link of a chain, with its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub target: Name,
    /// Where a target has several links: which part this one is.
    pub part: Option<&'static str>,
    pub health: Health,
    /// Names of the links it hangs on directly.
    pub hangs_on: Vec<String>,
    /// Links with the same number hang together, over whatever they have in common.
    pub strand: usize,
    /// How many links are before it in its strand, at most; 0 hangs on nothing.
    pub stage: usize,
    /// Broken, and nothing that it hangs on is: where to look first.
    pub first_broken: bool,
    /// Broken, but behind this first broken link.
    pub waits_for: Option<String>,
}

impl Place {
    /// `node-1/relay`, or `node-1` where the target is one link.
    pub fn name(&self) -> String {
        name(&self.target, self.part)
    }
}

fn name(target: &Name, part: Option<&str>) -> String {
    part.map_or_else(|| target.to_string(), |part| format!("{target}/{part}"))
}

/// All links, what is hung on before what hangs on it, otherwise in the order given.
///
/// A name that is no member hangs nothing. In a circle, which no checked configuration has, dependencies are left out until it
/// is none.
pub fn chain(members: &[Member]) -> Vec<Place> {
    let (mut places, wants) = links(members);
    let order = order(&wants);
    let mut rank = vec![0; order.len()];
    for (position, link) in order.iter().enumerate() {
        set(&mut rank, *link, position);
    }
    let mut strands = Strands::new(places.len());
    // The first broken link at or before each one.
    let mut causes: Vec<Option<String>> = vec![None; places.len()];
    for link in &order {
        let before = |other: &&usize| rank.get(**other) < rank.get(*link);
        let upstream: Vec<usize> = wants.get(*link).into_iter().flatten().filter(before).copied().collect();
        let stage = upstream
            .iter()
            .filter_map(|other| places.get(*other))
            .map(|other| other.stage + 1);
        let stage = stage.max().unwrap_or(0);
        let cause = upstream.iter().find_map(|other| causes.get(*other).cloned().flatten());
        for other in &upstream {
            strands.join(*link, *other);
        }
        let Some(place) = places.get_mut(*link) else { continue };
        place.stage = stage;
        place.first_broken = place.health.is_broken() && cause.is_none();
        let own = place.first_broken.then(|| place.name());
        if place.health.is_broken() {
            place.waits_for.clone_from(&cause);
        }
        set(&mut causes, *link, cause.or(own));
    }
    let numbers = strands.numbers(&order);
    for (place, strand) in places.iter_mut().zip(numbers) {
        place.strand = strand;
    }
    let mut ordered: Vec<(usize, Place)> = rank.into_iter().zip(places).collect();
    ordered.sort_by_key(|(rank, _)| *rank);
    ordered.into_iter().map(|(_, place)| place).collect()
}

/// Every link, and the indices of those it hangs on.
fn links(members: &[Member]) -> (Vec<Place>, Vec<BTreeSet<usize>>) {
    let mut places = Vec::new();
    let mut parts = Vec::new();
    let mut of_target: HashMap<&Name, Vec<usize>> = HashMap::new();
    for member in members {
        for (part, health) in member.pieces() {
            of_target.entry(&member.target).or_default().push(places.len());
            parts.push((member, part));
            places.push(Place {
                target: member.target.clone(),
                part: part.map(|part| part.name),
                health,
                hangs_on: Vec::new(),
                strand: 0,
                stage: 0,
                first_broken: false,
                waits_for: None,
            });
        }
    }
    let indices = |target: &Name| of_target.get(target).into_iter().flatten().copied();
    let mut wants = Vec::new();
    for (member, part) in parts {
        let others = member.depends_on.iter().filter(|other| **other != member.target);
        let mut all: BTreeSet<usize> = others.flat_map(indices).collect();
        for sibling in part.map_or(&[][..], |part| part.hangs_on) {
            let is_it = |index: &usize| {
                places
                    .get(*index)
                    .is_some_and(|place: &Place| place.part == Some(*sibling))
            };
            all.extend(indices(&member.target).filter(is_it));
        }
        wants.push(all);
    }
    for (index, all) in wants.iter().enumerate() {
        let names = all
            .iter()
            .filter_map(|other| places.get(*other))
            .map(Place::name)
            .collect();
        if let Some(place) = places.get_mut(index) {
            place.hangs_on = names;
        }
    }
    (places, wants)
}

/// Indices such that what is wanted comes first; the lowest index first where there is a choice.
fn order(wants: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut wanted_by: Vec<Vec<usize>> = vec![Vec::new(); wants.len()];
    let mut open: Vec<usize> = wants.iter().map(BTreeSet::len).collect();
    for (link, all) in wants.iter().enumerate() {
        for other in all {
            if let Some(list) = wanted_by.get_mut(*other) {
                list.push(link);
            }
        }
    }
    let mut left: BTreeSet<usize> = (0..wants.len()).collect();
    let mut ready: BTreeSet<usize> = left
        .iter()
        .copied()
        .filter(|link| open.get(*link) == Some(&0))
        .collect();
    let mut order = Vec::with_capacity(wants.len());
    // Each turn places one link. With none ready all that are left hang on a circle, which is then cut at the first.
    while let Some(link) = ready.pop_first().or_else(|| left.first().copied()) {
        left.remove(&link);
        order.push(link);
        for other in wanted_by.get(link).into_iter().flatten() {
            let Some(count) = open.get_mut(*other) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 && left.contains(other) {
                ready.insert(*other);
            }
        }
    }
    order
}

/// Links that hang together, by repeatedly joining two.
struct Strands(Vec<usize>);

impl Strands {
    fn new(links: usize) -> Self {
        Self((0..links).collect())
    }

    fn root(&self, link: usize) -> usize {
        let mut at = link;
        while let Some(next) = self.0.get(at).filter(|next| **next != at) {
            at = *next;
        }
        at
    }

    /// The lower index becomes the root, so that paths only go down and end.
    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        set(&mut self.0, one.max(other), one.min(other));
    }

    /// Of each link the number of its strand, counted in the order given.
    fn numbers(&self, order: &[usize]) -> Vec<usize> {
        let mut seen = HashMap::new();
        for link in order {
            let next = seen.len();
            seen.entry(self.root(*link)).or_insert(next);
        }
        let number = |link| seen.get(&self.root(link)).copied().unwrap_or_default();
        (0..self.0.len()).map(number).collect()
    }
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
}

#[cfg(test)]
mod tests;
