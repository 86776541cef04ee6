//! The farm as it was last judged, ordered by what decisions ask. Made once for each judgement.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::{Now, UnixTime};
use crate::collectors::{Finding, Link, Symptom};
use crate::remedy::incident::Key;
use crate::remedy::view::Sight;
use crate::report::{self, Place};
use crate::store::{PartRead, Store, Verdict};
use crate::values::Name;

pub(super) struct Scene {
    pub(super) verdicts: Arc<Vec<Verdict>>,
    links: Arc<Vec<Link>>,
    of_target: HashMap<Name, usize>,
    groups: HashMap<Name, Name>,
    /// Links that wait for a broken one, by target.
    waiting: HashMap<Name, Vec<Place>>,
    fleets: HashMap<(Name, &'static str), Fleet>,
}

/// A symptom in a group.
#[derive(Clone, Copy, Default)]
pub(super) struct Fleet {
    pub(super) ill: u64,
    /// Of the targets that count them.
    counted: u64,
    /// A target does not count them.
    uncounted: bool,
}

impl Fleet {
    pub(super) fn all(self) -> Option<u64> {
        (!self.uncounted && self.counted > 0).then_some(self.counted.max(self.ill))
    }
}

/// What is seen of an entity.
pub(super) struct Sighted {
    pub(super) state: Sight,
    pub(super) evidence: String,
    /// The part of the target that shows it; known only while it is ill.
    pub(super) part: Option<&'static str>,
}

impl Scene {
    pub(super) fn of(store: &Store, now: Now) -> Self {
        let (verdicts, links) = (store.verdicts(), store.links());
        let groups: HashMap<Name, Name> = links
            .iter()
            .map(|link| (link.target.clone(), link.farm.clone()))
            .collect();
        let mut waiting: HashMap<Name, Vec<Place>> = HashMap::new();
        for place in report::chain(store, now) {
            if place.waits_for.is_some() {
                waiting.entry(place.target.clone()).or_default().push(place);
            }
        }
        let targets = verdicts.iter().enumerate();
        let mut scene = Self {
            of_target: targets
                .map(|(index, verdict)| (verdict.target.clone(), index))
                .collect(),
            verdicts: Arc::clone(&verdicts),
            links,
            groups,
            waiting,
            fleets: HashMap::new(),
        };
        for verdict in verdicts.iter() {
            scene.count(verdict);
        }
        scene
    }

    /// Whether nothing was judged since.
    pub(super) fn is_of(&self, store: &Store) -> bool {
        Arc::ptr_eq(&self.verdicts, &store.verdicts()) && Arc::ptr_eq(&self.links, &store.links())
    }

    fn count(&mut self, verdict: &Verdict) {
        let group = self.group(&verdict.target);
        let diagnosis = &verdict.diagnosis;
        for symptom in &diagnosis.looked_at {
            let fleet = self.fleets.entry((group.clone(), symptom.name)).or_default();
            match diagnosis.amount(symptom) {
                Some(amount) => fleet.counted = fleet.counted.saturating_add(amount),
                None => fleet.uncounted = true,
            }
        }
        for finding in &diagnosis.findings {
            let fleet = self.fleets.entry((group.clone(), finding.symptom.name)).or_default();
            fleet.ill += 1;
        }
    }

    pub(super) fn group(&self, target: &Name) -> Name {
        self.groups.get(target).cloned().unwrap_or_else(Link::default_farm)
    }

    pub(super) fn fleet(&self, group: &Name, symptom: &Symptom) -> Fleet {
        let key = (group.clone(), symptom.name);
        self.fleets.get(&key).copied().unwrap_or_default()
    }

    fn verdict(&self, target: &Name) -> Option<&Verdict> {
        self.verdicts.get(*self.of_target.get(target)?)
    }

    pub(super) fn sighted(&self, key: &Key, symptom: Option<&'static Symptom>) -> Sighted {
        let unknown = Sighted {
            state: Sight::CannotTell,
            evidence: String::new(),
            part: None,
        };
        let (Some(symptom), Some(verdict)) = (symptom, self.verdict(&key.target)) else {
            return unknown;
        };
        let diagnosis = &verdict.diagnosis;
        let own: Vec<&Finding> = diagnosis
            .findings
            .iter()
            .filter(|finding| finding.entity == key.entity)
            .collect();
        if let Some(finding) = own.iter().find(|finding| finding.symptom == symptom) {
            return Sighted {
                state: Sight::Ill,
                evidence: finding.evidence.clone(),
                part: finding.part,
            };
        }
        if diagnosis.is_well(symptom, &key.entity) {
            return Sighted {
                state: Sight::Well,
                ..unknown
            };
        }
        // What it has instead may hide it.
        let instead = own.iter().map(|finding| format!("it has {}", finding.symptom.name));
        Sighted {
            evidence: instead.collect::<Vec<_>>().join(", "),
            ..unknown
        }
    }

    /// Since when everything is newer on which the judgement rests: the part, or all of them where it is not known or is
    /// no part of the target.
    pub(super) fn looked(&self, target: &Name, part: Option<&'static str>) -> Option<UnixTime> {
        let read = &self.verdict(target)?.read;
        let part = part_of(read, part);
        let wanted = read.iter().filter(|read| part.is_none_or(|part| read.part == part));
        // One that has failed makes it none.
        wanted.map(|read| read.began).min().flatten()
    }

    /// The part to look at; all where it is no part of the target.
    pub(super) fn part(&self, target: &Name, part: Option<&'static str>) -> Option<&'static str> {
        part_of(&self.verdict(target)?.read, part)
    }

    /// The broken link that the target waits for, as the status page names it.
    pub(super) fn cause(&self, target: &Name, part: Option<&'static str>) -> Option<String> {
        let mut waiting = self.waiting.get(target)?.iter();
        let own = |place: &&Place| place.part.is_none() || part.is_none() || place.part == part;
        waiting.find(own)?.waits_for.clone()
    }
}

fn part_of(read: &[PartRead], part: Option<&'static str>) -> Option<&'static str> {
    part.filter(|part| read.iter().any(|read| read.part == *part))
}
