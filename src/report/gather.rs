//! From the store's books to a report.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Fault, Health, Part, Report, Summary, Symptom, verdict};
use crate::clock::{Now, UnixTime};
use crate::collectors::{self, Finding};
use crate::relations::links::{self, Member, Place};
use crate::store::{PartStatus, Slot, Store, Verdict};
use crate::values::Name;

/// A target with all that was gathered of it.
struct Seen<'a> {
    slot: Arc<Slot>,
    link: Option<&'a collectors::Link>,
    parts: Vec<PartStatus>,
    findings: &'a [Finding],
}

impl Report {
    /// The farm now. A target that has no link belongs to the farm `default` and hangs on nothing.
    pub fn of(store: &Store, now: Now) -> Self {
        let (verdicts, links) = (store.verdicts(), store.links());
        let seen = seen(store, &verdicts, &links);
        let members: Vec<Member> = seen.iter().map(|target| target.member(now)).collect();
        let report = Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generated_timestamp_seconds: timestamp(now.wall),
            verdict: String::new(),
            summary: Summary::default(),
            farms: farms(&seen, links::chain(&members)),
            targets: seen
                .iter()
                .zip(&members)
                .map(|(target, member)| target.told(member, now))
                .collect(),
            symptoms: seen.iter().flat_map(Seen::symptoms).collect(),
        };
        report.with_first_things_first().judged()
    }

    /// Symptoms of what is only behind something broken come after those of the cause.
    fn with_first_things_first(mut self) -> Self {
        let links = self.farms.iter().flat_map(|farm| &farm.links);
        let first: std::collections::HashSet<&str> = links
            .filter(|link| link.first_broken)
            .map(|link| link.target.as_str())
            .collect();
        self.symptoms
            .sort_by_key(|symptom| !first.contains(symptom.target.as_str()));
        self
    }
}

/// Every link as it is now, what is hung on before what hangs on it.
pub fn chain(store: &Store, now: Now) -> Vec<Place> {
    let (verdicts, links) = (store.verdicts(), store.links());
    let seen = seen(store, &verdicts, &links);
    let members: Vec<Member> = seen.iter().map(|target| target.member(now)).collect();
    links::chain(&members)
}

fn seen<'a>(store: &Store, verdicts: &'a [Verdict], links: &'a [collectors::Link]) -> Vec<Seen<'a>> {
    let findings: HashMap<&Name, &[Finding]> = verdicts
        .iter()
        .map(|verdict| (&verdict.target, verdict.diagnosis.findings.as_slice()))
        .collect();
    let links: HashMap<&Name, &collectors::Link> = links.iter().map(|link| (&link.target, link)).collect();
    let seen = store.slots().into_iter().map(|slot| Seen {
        link: links.get(&slot.name).copied(),
        parts: slot.parts(),
        findings: findings.get(&slot.name).copied().unwrap_or_default(),
        slot,
    });
    seen.collect()
}

impl Seen<'_> {
    fn farm(&self) -> Name {
        self.link
            .map_or_else(collectors::Link::default_farm, |link| link.farm.clone())
    }

    fn depends_on(&self) -> &[Name] {
        self.link.map_or(&[], |link| link.depends_on.as_slice())
    }

    fn member(&self, now: Now) -> Member {
        let known = |part: &str| self.parts.iter().any(|status| status.part.name == part);
        let whole = |finding: &Finding| !finding.symptom.hint && finding.part.is_none_or(|part| !known(part));
        Member {
            target: self.slot.name.clone(),
            depends_on: self.depends_on().to_vec(),
            parts: self
                .parts
                .iter()
                .map(|status| (status.part, self.health(status, now)))
                .collect(),
            as_a_whole: if self.findings.iter().any(whole) {
                Health::Ill
            } else {
                Health::Well
            },
        }
    }

    fn health(&self, status: &PartStatus, now: Now) -> Health {
        match (status.up, status.is_stale(now)) {
            (None, _) => Health::Waiting,
            (Some(false), _) => Health::Down,
            (Some(true), true) => Health::Stale,
            (Some(true), false) => {
                let ill = self
                    .findings
                    .iter()
                    .any(|finding| !finding.symptom.hint && finding.part == Some(status.part.name));
                if ill { Health::Ill } else { Health::Well }
            }
        }
    }

    fn told(&self, member: &Member, now: Now) -> super::Target {
        let parts = self.parts.iter().zip(&member.parts);
        super::Target {
            name: self.slot.name.to_string(),
            collector: self.slot.collector.to_owned(),
            farm: self.farm().to_string(),
            depends_on: self.depends_on().iter().map(ToString::to_string).collect(),
            state: member.health(),
            parts: parts.map(|(status, (_, health))| part(status, *health, now)).collect(),
        }
    }

    fn symptoms(&self) -> impl Iterator<Item = Symptom> {
        self.findings.iter().map(|finding| Symptom {
            target: self.slot.name.to_string(),
            collector: self.slot.collector.to_owned(),
            farm: self.farm().to_string(),
            symptom: finding.symptom.name.to_owned(),
            entity: (!finding.entity.is_empty()).then(|| finding.entity.clone()),
            hint: finding.symptom.hint,
            evidence: finding.evidence.clone(),
            meaning: finding.symptom.meaning.to_owned(),
            advice: finding.symptom.advice.to_owned(),
        })
    }
}

fn part(status: &PartStatus, state: Health, now: Now) -> Part {
    let age = |last: Now| seconds(now.monotonic.saturating_duration_since(last.monotonic));
    Part {
        name: status.part.name.to_owned(),
        hangs_on: status.part.hangs_on.iter().map(ToString::to_string).collect(),
        state,
        has_data: !status.is_stale(now),
        last_success_timestamp_seconds: status.last_success.map(|last| timestamp(last.wall)),
        data_age_seconds: status.last_success.map(age),
        round_duration_seconds: status.up.map(|_| seconds(status.last_duration)),
        interval_seconds: seconds(status.part.every),
        next_round_in_seconds: status
            .next_round
            .map(|at| seconds(at.saturating_duration_since(now.monotonic))),
        last_fault: status.last_fault.as_ref().map(|(fault, at)| Fault {
            words: fault.to_string(),
            reason: fault.reason().label().to_owned(),
            timestamp_seconds: timestamp(at.wall),
            age_seconds: age(*at),
            over: status.up == Some(true),
        }),
    }
}

fn timestamp(at: UnixTime) -> f64 {
    (at.as_secs_f64() * 1000.0).round() / 1000.0
}

/// To the millisecond; more digits would only look exact.
fn seconds(duration: Duration) -> f64 {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis).as_secs_f64()
}

/// Farms in the order of their first target; links keep their order.
fn farms(seen: &[Seen<'_>], chain: Vec<Place>) -> Vec<super::Farm> {
    let of: HashMap<&Name, &Seen<'_>> = seen.iter().map(|target| (&target.slot.name, target)).collect();
    let mut farms: Vec<super::Farm> = Vec::new();
    for target in seen {
        if !farms.iter().any(|farm| farm.name == target.farm().as_str()) {
            farms.push(super::Farm {
                name: target.farm().to_string(),
                first_broken: Vec::new(),
                links: Vec::new(),
            });
        }
    }
    for place in chain {
        let Some(target) = of.get(&place.target) else { continue };
        if let Some(farm) = farms.iter_mut().find(|farm| farm.name == target.farm().as_str()) {
            farm.links.push(link(place, target.slot.collector));
        }
    }
    for farm in &mut farms {
        farm.first_broken = verdict::first_broken(&farm.links);
    }
    farms
}

fn link(place: Place, collector: &str) -> super::Link {
    super::Link {
        name: place.name(),
        target: place.target.to_string(),
        collector: collector.to_owned(),
        part: place.part.map(ToOwned::to_owned),
        state: place.health,
        hangs_on: place.hangs_on,
        strand: place.strand,
        stage: place.stage,
        first_broken: place.first_broken,
        waits_for: place.waits_for,
    }
}
