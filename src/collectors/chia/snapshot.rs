//! The picture of a farm: what its services last said, and what must be remembered of it between rounds.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::events::{Lookups, Tally};
use super::farmer::Pool;
use super::known::Known;
use super::memory::{Since, Stamp, Stands};
use super::node::{NodeState, Peers};
use super::plots::Plots;
use super::pool_memory::PoolMemory;
use super::reader::{Details, FarmerReading, Looked, Setup};
use super::target::{Compat, Pick, Target};
use super::wallet::WalletState;
use crate::clock::{Now, UnixTime};
use crate::upstream::Fault;
use crate::upstream::chia::NodeId;

/// All that is known of a farm now.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Its peers are a call of their own, which may fail alone.
    pub node: Option<(NodeState, Option<Peers>)>,
    pub farmer: Option<FarmerView>,
    /// Harvesters that were seen once, connected or not.
    pub harvesters: BTreeMap<NodeId, Known>,
    /// Harvesters of the configuration that were never seen.
    pub unseen: Vec<String>,
    pub wallet: Option<WalletState>,
    pub tally: Option<Tally>,
    pub details: Option<Details>,
    pub(super) plots: BTreeMap<NodeId, Arc<Plots>>,
    /// What was known of them before, with when that ended: where lost plots lay.
    before: BTreeMap<NodeId, VecDeque<(Instant, Arc<Plots>)>>,
    /// Ends of the authority and of our own certificate.
    pub(super) certificates: Ends,
    /// Of the harvester of the installation on this machine.
    own: Option<NodeId>,
    /// What the harvester on the daemon's own machine is called, of which no farmer speaks.
    pub(super) own_label: String,
    /// A harvester is configured, so without a farmer the daemon is that of its machine.
    own_is_named: bool,
    pub(super) compat: bool,
    plots_on_root_disk: bool,
    /// By part, calls that failed beside others that did not.
    aside: BTreeMap<&'static str, Vec<Fault>>,
    pub(super) memory: Memory,
}

/// When certificates end, by what they are.
pub(super) type Ends = [(&'static str, Option<UnixTime>); 2];

/// What the farmer says beside its harvesters.
#[derive(Clone, Debug, Default)]
pub struct FarmerView {
    /// Unknown where that call failed.
    pub peers: Option<Peers>,
    /// None where that call failed.
    pub pools: Vec<Pool>,
}

/// What is remembered of the farm itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The first reading of any part.
    pub(super) began: Option<Instant>,
    pub(super) last_events: Option<Instant>,
    pub(super) not_synced: Since,
    pub(super) height: Stands<Option<u64>>,
    pub(super) few_peers: Since,
    pub(super) wallet_not_synced: Since,
    /// Of the last transaction block that was the tip.
    pub(super) peak_time: Option<UnixTime>,
    pub(super) pools: BTreeMap<String, PoolMemory>,
    pub(super) last_point: Stamp,
    pub(super) last_event: Stamp,
    pub(super) own_answered: Stamp,
}

impl Snapshot {
    /// What comes before any reading.
    pub(super) fn begin(&mut self, target: &Target, certificates: Ends, own: Option<NodeId>, now: Now) {
        self.memory.began.get_or_insert(now.monotonic);
        self.own = own;
        let named = target
            .harvesters
            .iter()
            .find(|pick| pick.is_here())
            .or(target.harvesters.first());
        self.own_is_named = named.is_some();
        self.own_label = match (named, own) {
            (Some(pick), _) => pick.name.as_str().to_owned(),
            (None, Some(id)) => id.short(),
            (None, None) => "here".to_owned(),
        };
        self.compat = target.compat.contains(&Compat::ChiaExporter);
        self.plots_on_root_disk = target.plots_on_root_disk;
        self.certificates = certificates;
    }

    pub(super) fn absorb_node(&mut self, state: NodeState, peers: Option<Peers>, target: &Target, now: Now) {
        let (memory, at) = (&mut self.memory, now.monotonic);
        memory.not_synced.see(state.synced == Some(false), at);
        memory.height.see(state.height, at);
        let few = |peers: &Peers| peers.full_nodes() < target.thresholds.min_peers;
        memory.few_peers.see(peers.as_ref().is_some_and(few), at);
        memory.peak_time = state.timestamp.or(memory.peak_time);
        self.node = Some((state, peers));
    }

    pub(super) fn absorb_farmer(&mut self, reading: FarmerReading, target: &Target, now: Now) {
        let own = self.own;
        let FarmerReading {
            harvesters,
            peers,
            pools,
        } = reading;
        let points = self.tally.as_ref().map(|tally| tally.points.seen);
        for (id, known) in &mut self.harvesters {
            if !harvesters.iter().any(|harvester| harvester.id == *id) {
                known.miss(now);
            }
        }
        let connected: Vec<NodeId> = harvesters.iter().map(|harvester| harvester.id).collect();
        for harvester in harvesters {
            let pick = target
                .harvesters
                .iter()
                .find(|pick| pick.means(&harvester.id, &harvester.host, own));
            let label = pick.map_or_else(|| harvester.id.short(), |pick| pick.name.as_str().to_owned());
            let known = self.harvesters.entry(harvester.id);
            let known = known.or_insert_with(|| Known::new(label.clone(), now));
            known.name = label;
            known.see(harvester, target, points, now);
        }
        self.settle(&connected, target, now);
        // What was not told of pools this time is no end of what is remembered of them.
        if let Some(pools) = &pools {
            self.remember_pools(pools, now);
        }
        let pools = pools.unwrap_or_default();
        self.farmer = Some(FarmerView { peers, pools });
    }

    fn remember_pools(&mut self, pools: &[Pool], now: Now) {
        let memory = &mut self.memory.pools;
        for pool in pools {
            let of = memory.entry(pool.launcher.clone()).or_default();
            of.see(pool, now.monotonic);
        }
        memory.retain(|launcher, _| pools.iter().any(|pool| pool.launcher == *launcher));
    }

    /// Which calls of a part failed beside others that did not.
    pub(super) fn absorb_aside(&mut self, part: &'static str, faults: Vec<Fault>, target: &Target) {
        let before = self.aside.insert(part, faults).unwrap_or_default();
        let now = self.aside.get(part).map(Vec::as_slice).unwrap_or_default();
        let same = |one: &Fault, other: &Fault| {
            (&one.who, &one.operation, one.reason()) == (&other.who, &other.operation, other.reason())
        };
        let name = &target.name;
        for fault in now.iter().filter(|now| !before.iter().any(|fault| same(fault, now))) {
            let reason = fault.reason().label();
            tracing::warn!(collector = "chia", target = %name, operation = %fault.operation, reason, "{name}: {fault}; the rest of {part} goes on");
        }
        if now.is_empty() && !before.is_empty() {
            tracing::info!(collector = "chia", target = %name, "{name}: every call of {part} is answered again");
        }
    }

    /// What a part's last round could not bring.
    pub(super) fn aside(&self, part: &str) -> &[Fault] {
        self.aside.get(part).map(Vec::as_slice).unwrap_or_default()
    }

    /// Where a harvester's plots lie is not forgotten while its RPC is down: that is when it is needed.
    pub(super) fn absorb_details(&mut self, mut details: Details) {
        let before = self.details.take().unwrap_or_default().setups;
        let name = |setup: &Setup| setup.pick.as_ref().map(|pick| pick.name.clone());
        for setup in details.setups.iter_mut().filter(|setup| setup.fault.is_some()) {
            let old = before.iter().find(|old| name(old) == name(setup));
            if let Some(old) = old.filter(|_| setup.directories.is_empty()) {
                setup.directories.clone_from(&old.directories);
                setup.refresh = setup.refresh.or(old.refresh);
            }
        }
        self.details = Some(details);
    }

    /// Only directories stay: they are settings, and the mounts below them are watched all the time.
    pub(super) fn expire_details(&mut self) {
        let Some(details) = self.details.take() else { return };
        let mut setups = details.setups;
        setups.retain(|setup| !setup.directories.is_empty());
        for setup in &mut setups {
            (setup.up, setup.fault) = (None, None);
        }
        self.details = (!setups.is_empty()).then(|| Details {
            setups,
            ..Details::default()
        });
    }

    /// Who is gone for good, who has taken another's place, who was never there.
    fn settle(&mut self, connected: &[NodeId], target: &Target, now: Now) {
        let own = self.own;
        let taken: Vec<String> = connected
            .iter()
            .filter_map(|id| self.harvesters.get(id))
            .map(|known| known.name.clone())
            .collect();
        let named = |id: &NodeId, known: &Known| target.harvesters.iter().any(|pick| pick.means(id, &known.host, own));
        self.harvesters.retain(|id, known| {
            let here = connected.contains(id);
            // Of a name that came back with another certificate the old one is gone.
            // One that was seen beside another of its name is a harvester of its own.
            let replaced = !here && !known.apart && taken.contains(&known.name);
            let old = now.monotonic.duration_since(known.last_seen) > target.forget_after.get();
            here || !(replaced || (old && !named(id, known)))
        });
        while self.harvesters.len() > super::farmer::MOST_HARVESTERS {
            let gone = self.harvesters.iter().filter(|(id, _)| !connected.contains(id));
            let longest = gone.min_by_key(|(_, known)| known.last_seen).map(|(id, _)| *id);
            if longest.and_then(|id| self.harvesters.remove(&id)).is_none() {
                break;
            }
        }
        self.tell_apart();
        let seen = |pick: &&Pick| {
            self.harvesters
                .iter()
                .any(|(id, known)| pick.means(id, &known.host, own))
        };
        let told = target.harvesters.iter().filter(|pick| pick.is_told());
        let unseen = told.filter(|pick| !seen(pick));
        self.unseen = unseen.map(|pick| pick.name.as_str().to_owned()).collect();
    }

    /// Two harvesters on a host that is named once: each needs a label of its own, and keeps it.
    fn tell_apart(&mut self) {
        let names: Vec<String> = self.harvesters.values().map(|known| known.name.clone()).collect();
        for (id, known) in &mut self.harvesters {
            known.apart |= names.iter().filter(|name| **name == known.name).count() > 1;
            known.label = if known.apart {
                format!("{}#{}", known.name, id.short())
            } else {
                known.name.clone()
            };
        }
    }

    pub(super) fn absorb_wallet(&mut self, state: WalletState, now: Now) {
        let not_synced = state.synced == Some(false);
        self.memory.wallet_not_synced.see(not_synced, now.monotonic);
        self.wallet = Some(state);
    }

    pub(super) fn absorb_events(&mut self, tally: Tally, now: Now) {
        self.memory.last_events = Some(now.monotonic);
        self.memory.last_point.see(tally.points.last, now);
        self.memory.last_event.see(tally.last, now);
        let own = tally.own.as_ref().map(|own| own.last.at);
        self.memory.own_answered.see(own, now);
        for (id, known) in &mut self.harvesters {
            known.points_then.get_or_insert(tally.points.seen);
            let last = tally.lookups.get(id).map(|lookups| lookups.last.at);
            known.answered.see(last, now);
        }
        self.tally = Some(tally);
    }

    pub(super) fn absorb_plots(&mut self, looked: Vec<(NodeId, Looked)>, now: Now) {
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

    pub(super) fn expire_node(&mut self) {
        self.node = None;
        self.memory.not_synced.forget();
        self.memory.height.forget();
        self.memory.few_peers.forget();
        self.memory.peak_time = None;
    }

    /// Who is connected is unknown then; who is known is not forgotten.
    pub(super) fn expire_farmer(&mut self) {
        self.farmer = None;
        self.harvesters.values_mut().for_each(Known::expire);
        self.memory.pools.clear();
    }

    pub(super) fn expire_wallet(&mut self) {
        self.wallet = None;
        self.memory.wallet_not_synced.forget();
    }

    pub(super) fn expire_events(&mut self) {
        self.tally = None;
        for known in self.harvesters.values_mut() {
            known.points_then = None;
        }
    }

    /// How often a harvester looks through its directories, where its settings are known.
    pub(super) fn refresh_of(&self, id: &NodeId) -> Option<Duration> {
        let known = self.harvesters.get(id)?;
        let setups = self.details.iter().flat_map(|details| &details.setups);
        let mut of = setups.filter(|setup| match &setup.pick {
            Some(pick) => pick.name.as_str() == known.label,
            None => self.own == Some(*id),
        });
        of.find_map(|setup| setup.refresh)
    }

    /// What was heard of a harvester's lookups.
    pub fn lookups(&self, id: &NodeId) -> Option<&Lookups> {
        self.tally.as_ref()?.lookups.get(id)
    }

    /// Signage points since a connected harvester last answered, or since it connected. `None` where that is not known.
    pub fn unanswered(&self, id: &NodeId) -> Option<u64> {
        let (known, tally) = (self.harvesters.get(id)?, self.tally.as_ref()?);
        // A farmer that has told of no signage point may be one that tells of none.
        tally.points.last?;
        let from = known.points_then.filter(|_| known.connected == Some(true))?;
        let answered = tally.lookups.get(id).map_or(0, |lookups| lookups.answered_at);
        Some(tally.points.seen.saturating_sub(answered.max(from)))
    }

    /// Of the signage points of a time, since it connected, how many a connected harvester left unanswered, and all.
    /// One that hangs in a mount still answers those for which no plot of that mount is eligible.
    pub(super) fn unanswered_lately(&self, id: &NodeId, window: Duration, now: Now) -> Option<(u64, u64)> {
        let (known, tally) = (self.harvesters.get(id)?, self.tally.as_ref()?);
        let from = known.points_then.filter(|_| known.connected == Some(true))?;
        let since = tally.points.seen.saturating_sub(from);
        let all = tally.points.answerable(window, now.monotonic).min(since);
        let answered = tally
            .lookups
            .get(id)
            .map_or(0, |lookups| lookups.answered_lately(window, now.monotonic));
        Some((all.saturating_sub(answered), all))
    }

    /// What all plots of the farm are worth that are connected now, in bytes.
    pub fn effective_bytes(&self) -> Option<u128> {
        self.farmer.as_ref()?;
        let known = self.harvesters.values().filter_map(|known| known.now.as_ref());
        // Before 2.0 there was no compression, and the size is the worth.
        let worth = known.filter_map(|harvester| harvester.effective_bytes.or(harvester.bytes));
        Some(worth.fold(0, u128::saturating_add))
    }

    /// Mean time between two wins, in seconds: a block every 18.75 s, shared by what each farms.
    pub fn expected_seconds(&self) -> Option<f64> {
        let (node, _) = self.node.as_ref()?;
        let own = self.effective_bytes().filter(|own| *own > 0)?;
        Some(SECONDS_PER_BLOCK * ratio(node.space?, own))
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

    /// Plots on the disk of the system are meant to be there.
    pub const fn plots_on_root_disk(&self) -> bool {
        self.plots_on_root_disk
    }

    /// Whether there is a harvester on the daemon's own machine: one is configured, or has plot directories.
    pub(super) fn has_harvester_here(&self) -> bool {
        self.own_is_named || !self.here().is_empty()
    }

    /// The harvesters of this machine with their plot directories: label, and where they lie.
    pub fn here(&self) -> Vec<Here<'_>> {
        let setups = self.details.iter().flat_map(|details| &details.setups);
        let here = setups.filter(|setup| setup.here && !setup.directories.is_empty());
        here.map(|setup| {
            let named = setup.pick.as_ref().map(|pick| pick.name.as_str());
            let own = |(id, known): &(&NodeId, &Known)| match named {
                Some(name) => known.label == name,
                None => self.own == Some(**id),
            };
            let found = self.harvesters.iter().find(own);
            Here {
                label: named
                    .or(found.map(|(_, known)| known.label.as_str()))
                    .unwrap_or(&self.own_label),
                id: found.map(|(id, _)| *id),
                directories: &setup.directories,
            }
        })
        .collect()
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

/// 86400 / 4608.
const SECONDS_PER_BLOCK: f64 = 18.75;

/// Exact to some 50 bits, which is more than either figure is worth.
fn ratio(of: u128, to: u128) -> f64 {
    let thousandths = of.saturating_mul(1_000) / to.max(1);
    let whole = u64::try_from(thousandths).unwrap_or(u64::MAX);
    Duration::from_millis(whole).as_secs_f64()
}

#[cfg(test)]
mod tests;
