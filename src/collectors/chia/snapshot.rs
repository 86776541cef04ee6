//! The picture of a farm: what its services last said, and what must be remembered of it between rounds.

mod harvesters;
mod places;
mod succession;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::events::{Lookups, Tally};
use super::known::Known;
use super::memory::{Since, Stamp, Stands};
use super::node::{NodeState, Peers};
use super::plots::Plots;
use super::pool::Pool;
use super::pool_memory::PoolMemory;
use super::reading::{Details, Setup};
use super::target::{Compat, Target};
use super::wallet::WalletState;
use crate::clock::{Now, UnixTime};
use crate::upstream::Fault;
use crate::upstream::chia::NodeId;
pub use places::Here;

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
    /// Its id, where no farmer is configured that would tell it.
    alone: Option<NodeId>,
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
    /// By the harvester that came, the one that it may be with another certificate, until its plots tell.
    predecessors: BTreeMap<NodeId, (NodeId, Known)>,
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
        let written = || named?.node_id.as_ref()?.parse().ok();
        self.alone = own.or_else(written).filter(|_| target.farmer.is_none());
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

    /// How often a harvester looks through its directories: by its settings, else by what it did, else as rarely as any that
    /// tells its settings.
    pub(super) fn refresh_of(&self, id: &NodeId) -> Option<Duration> {
        let known = self.harvesters.get(id)?;
        let setups = || self.details.iter().flat_map(|details| &details.setups);
        let mut of = setups().filter(|setup| match &setup.pick {
            Some(pick) => pick.name.as_str() == known.name,
            None => self.own == Some(*id),
        });
        let longest = || setups().filter_map(|setup| setup.refresh).max();
        of.find_map(|setup| setup.refresh)
            .or_else(|| known.scans_every())
            .or_else(longest)
    }

    /// For how long the look through its directories that a harvester has under way has not got on; `None` without one.
    pub fn scan_stands(&self, id: &NodeId, now: Now) -> Option<Duration> {
        let known = self.harvesters.get(id)?;
        known.now.as_ref()?.scan?;
        known.progress.lasts(now.monotonic)
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
}

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
