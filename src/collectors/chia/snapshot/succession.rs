//! Whether a harvester that came is one that went: a new certificate gives it another id, and nobody tells the farmer.
//!
//! What there is to judge by is where it dials from, that the two were never there at the same time, and what plots they
//! have. A mistake one way shows a harvester as gone that is not; the other way hides one that is, which is worse.

use super::super::known::Known;
use super::Snapshot;
use crate::upstream::chia::NodeId;

impl Known {
    /// It has a name of the configuration.
    fn is_named(&self, id: &NodeId) -> bool {
        self.name != id.short()
    }

    /// Whether its plots are those of one before it, give or take a tenth; `None` until it has looked for them.
    /// Where nobody counts plots, the name alone tells.
    fn takes_after(&self, before: &Self) -> Option<bool> {
        let (Some(had), Some(counted)) = (before.had, self.now.as_ref().map(|now| now.plots.is_some())) else {
            return before.had.is_none().then_some(true);
        };
        if !counted {
            return Some(true);
        }
        let has = self.had?;
        Some(has.plots.abs_diff(had.plots) <= had.plots / 10)
    }

    /// As many plots, and not a byte more or less.
    fn has_the_very_plots_of(&self, before: &Self) -> bool {
        let some = before.had.is_some_and(|had| had.plots > 0 && had.bytes.is_some());
        some && self.had == before.had
    }
}

impl Snapshot {
    /// Of harvesters that went, those that came back with another id.
    pub(super) fn succeed(&mut self, connected: &[NodeId]) {
        self.settle_predecessors(connected);
        let gone: Vec<NodeId> = self
            .harvesters
            .keys()
            .filter(|id| !connected.contains(id))
            .copied()
            .collect();
        for id in gone {
            let Some(before) = self.harvesters.get(&id) else {
                continue;
            };
            if before.is_named(&id) && !before.apart {
                let heir = connected.iter().find(|heir| self.name_of(heir) == Some(&before.name));
                if let Some(heir) = heir.copied()
                    && let Some(before) = self.harvesters.remove(&id)
                {
                    self.inherit(heir, id, before);
                }
            } else if self.very_heir(&id, before, connected).is_some() {
                self.harvesters.remove(&id);
            }
        }
    }

    /// What the plots of those that came have told meanwhile.
    fn settle_predecessors(&mut self, connected: &[NodeId]) {
        for (heir, (id, before)) in std::mem::take(&mut self.memory.predecessors) {
            if connected.contains(&id) {
                // It is there itself.
            } else if self.harvesters.contains_key(&heir) {
                self.inherit(heir, id, before);
            } else {
                self.harvesters.insert(id, before);
            }
        }
    }

    fn name_of(&self, id: &NodeId) -> Option<&String> {
        self.harvesters.get(id).map(|known| &known.name)
    }

    /// The place of one that went goes to another of its name. If its plots are others, it is another harvester.
    fn inherit(&mut self, heir: NodeId, id: NodeId, mut before: Known) {
        let Some(known) = self.harvesters.get_mut(&heir) else {
            return;
        };
        match known.takes_after(&before) {
            Some(true) => {
                known.plots.follow(before.plots);
                known.lacks_from = before.lacks_from;
            }
            Some(false) => {
                (known.apart, before.apart) = (true, true);
                self.harvesters.insert(id, before);
            }
            None => drop(self.memory.predecessors.insert(heir, (id, before))),
        }
    }

    /// Without a name, or beside others of its name, only the very same plots on the same host tell.
    fn very_heir(&self, id: &NodeId, before: &Known, connected: &[NodeId]) -> Option<NodeId> {
        let mut heirs = connected.iter().filter(|heir| {
            self.harvesters.get(*heir).is_some_and(|known| {
                let alike = known.is_named(heir) == before.is_named(id) && known.host == before.host;
                let later = known.first_seen > before.last_seen;
                alike && later && known.has_the_very_plots_of(before)
            })
        });
        match (heirs.next(), heirs.next()) {
            (Some(only), None) => Some(*only),
            _ => None,
        }
    }
}
