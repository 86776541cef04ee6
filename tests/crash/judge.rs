//! What the process left behind: its journal, and what came of it outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{AddAssign, ControlFlow};
use std::path::Path;

use farmwarden::journal::{Record, read_range};
use farmwarden::remedy::{IncidentId, Step};

use super::life;

/// How much there was to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Judged {
    records: usize,
    acknowledged: usize,
    done: usize,
    interrupted: usize,
    cured: usize,
    escalated: usize,
}

impl AddAssign for Judged {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.acknowledged += other.acknowledged;
        self.done += other.done;
        self.interrupted += other.interrupted;
        self.cured += other.cured;
        self.escalated += other.escalated;
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records, {} alerts acknowledged and none lost, {} actions and none twice, {} interrupted and none repeated, {} \
             cured, {} escalated",
            self.records, self.acknowledged, self.done, self.interrupted, self.cured, self.escalated
        )
    }
}

#[derive(Default)]
struct Recorded {
    records: usize,
    heard: BTreeSet<String>,
    entities: BTreeMap<IncidentId, String>,
    begun: BTreeSet<(IncidentId, usize)>,
    /// Entities with rungs that were begun.
    begun_for: BTreeSet<(String, usize)>,
    interrupted: usize,
    cured: BTreeSet<IncidentId>,
    escalated: BTreeSet<IncidentId>,
}

impl Recorded {
    fn takes(&mut self, record: Record<Step>) {
        self.records += 1;
        match record.step {
            Step::Received { alerts, .. } => {
                self.heard.extend(
                    alerts
                        .iter()
                        .filter_map(|alert| alert.label("entity").map(ToOwned::to_owned)),
                );
            }
            Step::Started { incident, plan, .. } => {
                assert!(
                    self.begun.insert((incident, plan.rung)),
                    "begun twice: {incident} {plan:?}"
                );
                let is_new = self.begun_for.insert((plan.entity.clone(), plan.rung));
                assert!(is_new, "begun for a second incident: {incident} {plan:?}");
                self.entities.insert(incident, plan.entity);
            }
            Step::Interrupted { .. } => self.interrupted += 1,
            Step::Cured { incident, .. } => {
                self.cured.insert(incident);
            }
            Step::Escalated { incident, .. } => {
                self.escalated.insert(incident);
            }
            _ => {}
        }
    }

    /// Entities whose incident has come to an end.
    fn ended(&self) -> BTreeSet<&String> {
        let ended = self.cured.iter().chain(&self.escalated);
        ended.filter_map(|incident| self.entities.get(incident)).collect()
    }
}

pub(crate) fn judge(place: &Path) -> Judged {
    let mut recorded = Recorded::default();
    read_range(&place.join(life::JOURNAL), None, None, |record: Record<Step>| {
        recorded.takes(record);
        ControlFlow::Continue(())
    })
    .unwrap();
    let acknowledged = lines(&place.join(life::ACKNOWLEDGED));
    let ended = recorded.ended();
    for entity in &acknowledged {
        assert!(recorded.heard.contains(entity), "acknowledged and lost: {entity}");
        assert!(ended.contains(entity), "acknowledged, and nothing came of it: {entity}");
    }
    let mut done = BTreeSet::new();
    for line in lines(&place.join(life::DONE)) {
        let (entity, rung) = line.split_once(' ').unwrap();
        let action = (entity.to_owned(), rung.parse().unwrap());
        assert!(recorded.begun_for.contains(&action), "done and not recorded: {line}");
        assert!(done.insert(action), "done twice: {line}");
    }
    Judged {
        records: recorded.records,
        acknowledged: acknowledged.len(),
        done: done.len(),
        interrupted: recorded.interrupted,
        cured: recorded.cured.len(),
        escalated: recorded.escalated.len(),
    }
}

/// Whole lines; the last one may have been cut off by the kill.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(ToOwned::to_owned).collect()
}
