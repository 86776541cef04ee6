//! Where plots lie: on which directories of this machine, now and lately.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::known::Known;
use super::super::plots::Plots;
use super::super::reading::Looked;
use super::Snapshot;
use crate::clock::Now;
use crate::upstream::chia::NodeId;

impl Snapshot {
    pub(in super::super) fn absorb_plots(&mut self, looked: Vec<(NodeId, Looked)>, now: Now) {
        let mut plots = std::mem::take(&mut self.plots);
        for (id, looked) in looked {
            let old = plots.remove(&id);
            let new = match looked {
                Looked::At(new, _) => Some(new),
                Looked::AsBefore => {
                    self.plots.extend(old.map(|old| (id, old)));
                    continue;
                }
                Looked::TooMany | Looked::Failed => None,
            };
            if let Some(old) = old {
                self.put_away(id, old, now);
            }
            self.plots.extend(new.map(|new| (id, new)));
        }
        for (id, old) in plots {
            self.put_away(id, old, now);
        }
        let known = &self.harvesters;
        self.before.retain(|id, _| known.contains_key(id));
    }

    fn put_away(&mut self, id: NodeId, plots: Arc<Plots>, now: Now) {
        let before = self.before.entry(id).or_default();
        before.push_back((now.monotonic, plots));
        let old = |(ended, _): &(Instant, _)| now.monotonic.duration_since(*ended) > LOST_WITHIN;
        while before.len() > MOST_BEFORE || before.front().is_some_and(old) {
            before.pop_front();
        }
    }

    /// Where a harvester's plots lie, each counted once, where they were looked at one by one.
    pub fn plots_of<'a>(&'a self, here: &Here<'a>) -> Option<Vec<(&'a Path, u64)>> {
        let plots = self.plots.get(&here.id?)?;
        Some(here.of(plots).collect())
    }

    /// The most that lay in each place lately: what is there no more lay there.
    pub fn most_plots_of<'a>(&'a self, here: &Here<'a>) -> BTreeMap<&'a Path, u64> {
        let mut most = BTreeMap::new();
        let Some(id) = here.id else { return most };
        let before = self.before.get(&id).into_iter().flatten().map(|(_, plots)| plots);
        for (path, count) in before.chain(self.plots.get(&id)).flat_map(|plots| here.of(plots)) {
            let highest = most.entry(path).or_insert(0);
            *highest = count.max(*highest);
        }
        most
    }

    /// Directories of a harvester of another machine that have fewer plots than lately: how many, and the most.
    pub(in super::super) fn thinned(&self, id: &NodeId) -> Vec<(&Path, u64, u64)> {
        let Some(plots) = self.plots.get(id) else {
            return Vec::new();
        };
        if self.here().iter().any(|here| here.id == Some(*id)) {
            return Vec::new();
        }
        let mut most: BTreeMap<&Path, u64> = BTreeMap::new();
        let before = self.before.get(id).into_iter().flatten();
        for (path, count) in before.flat_map(|(_, plots)| &plots.directories) {
            let highest = most.entry(path).or_insert(0);
            *highest = (*count).max(*highest);
        }
        let there = |path: &Path| plots.directories.get(path).copied().unwrap_or_default();
        let all = most.into_iter().map(|(path, most)| (path, there(path), most));
        all.filter(|(_, there, most)| there < most).collect()
    }

    /// Plots on the disk of the system are meant to be there.
    pub const fn plots_on_root_disk(&self) -> bool {
        self.plots_on_root_disk
    }

    /// Whether there is a harvester on the daemon's own machine: one is configured, or has plot directories.
    pub(in super::super) fn has_harvester_here(&self) -> bool {
        self.own_is_named || !self.here().is_empty()
    }

    /// The harvester of this machine, of which no farmer speaks here.
    pub(in super::super) fn alone(&self) -> Option<NodeId> {
        self.alone.filter(|_| self.has_harvester_here())
    }

    /// The harvester of this machine, where the farmer knows it.
    pub(in super::super) fn own_id(&self) -> Option<NodeId> {
        self.here().iter().find_map(|here| here.id).or(self.own)
    }

    /// Whether it is known to be the harvester of the installation in `root`.
    pub fn is_of_root(&self, label: &str) -> bool {
        let here = self.here();
        here.iter()
            .any(|one| one.label == label && one.id.is_some() && one.id == self.own)
    }

    /// The harvesters of this machine with their plot directories: label, and where they lie.
    pub fn here(&self) -> Vec<Here<'_>> {
        let setups = self.details.iter().flat_map(|details| &details.setups);
        let here = setups.filter(|setup| setup.here && !setup.directories.is_empty());
        here.map(|setup| {
            let named = setup.pick.as_ref().map(|pick| pick.name.as_str());
            let found = match named {
                Some(name) => self.last_of_name(name),
                None => self.own.as_ref().and_then(|own| self.harvesters.get_key_value(own)),
            };
            Here {
                // Told apart from others of its name, it has more than that name for a label.
                label: found
                    .map(|(_, known)| known.label.as_str())
                    .or(named)
                    .unwrap_or(&self.own_label),
                id: found.map(|(id, _)| *id),
                directories: &setup.directories,
            }
        })
        .collect()
    }

    /// Of the harvesters that a name was for, the one that was there last; of several that were, the one in `root` if any.
    fn last_of_name(&self, name: &str) -> Option<(&NodeId, &Known)> {
        let named = || self.harvesters.iter().filter(|(_, known)| known.name == name);
        let last = named().map(|(_, known)| known.last_seen).max()?;
        let there: Vec<_> = named().filter(|(_, known)| known.last_seen == last).collect();
        match there.as_slice() {
            [only] => Some(*only),
            several => several.iter().find(|(id, _)| self.own == Some(**id)).copied(),
        }
    }
}

/// A harvester whose plots lie on this machine.
#[derive(Clone, Debug)]
pub struct Here<'a> {
    pub label: &'a str,
    /// Where the farmer knows it.
    pub id: Option<NodeId>,
    pub directories: &'a [PathBuf],
}

impl<'a> Here<'a> {
    /// Those of its plots that lie below its directories.
    fn of(&self, plots: &'a Plots) -> impl Iterator<Item = (&'a Path, u64)> + use<'a> {
        let directories = self.directories;
        let below = move |path: &Path| directories.iter().any(|directory| path.starts_with(directory));
        let all = plots.directories.iter().map(|(path, count)| (path.as_path(), *count));
        all.filter(move |(path, _)| below(path))
    }
}

/// A loss is against the most of an hour, and plots are looked at half an hour later.
const LOST_WITHIN: Duration = Duration::from_secs(2 * 3_600);
/// A farm that changes all the time is looked at every half hour; more often costs memory for nothing.
const MOST_BEFORE: usize = 8;
