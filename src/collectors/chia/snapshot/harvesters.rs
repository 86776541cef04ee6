//! Which harvesters there are: who is connected, who is gone, and what each is called.

use super::super::farmer::MOST_HARVESTERS;
use super::super::known::Known;
use super::super::pool::Pool;
use super::super::reading::FarmerReading;
use super::super::target::{Pick, Target};
use super::{FarmerView, Snapshot};
use crate::clock::Now;
use crate::upstream::chia::NodeId;

impl Snapshot {
    pub(in super::super) fn absorb_farmer(&mut self, reading: FarmerReading, target: &Target, now: Now) {
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

    /// Who is gone for good, who has taken another's place, who was never there.
    fn settle(&mut self, connected: &[NodeId], target: &Target, now: Now) {
        let own = self.own;
        self.succeed(connected);
        let connected_names: Vec<String> = connected
            .iter()
            .filter_map(|id| self.harvesters.get(id))
            .map(|known| known.name.clone())
            .collect();
        self.harvesters.retain(|id, known| {
            let old = now.monotonic.duration_since(known.last_seen) > target.forget_after.get();
            let mut picks = target.harvesters.iter().filter(|pick| pick.means(id, &known.host, own));
            // A host is named for whoever is there: of several that it had, those that never came back are forgotten.
            let named = picks.any(|pick| pick.node_id.is_some() || !connected_names.contains(&known.name));
            connected.contains(id) || !old || named
        });
        while self.harvesters.len() > MOST_HARVESTERS {
            let gone = self.harvesters.iter().filter(|(id, _)| !connected.contains(id));
            let longest = gone.min_by_key(|(_, known)| known.last_seen).map(|(id, _)| *id);
            if longest.and_then(|id| self.harvesters.remove(&id)).is_none() {
                break;
            }
        }
        self.tell_apart();
        self.unseen = self.never_seen(target);
    }

    /// Harvesters of the configuration that nobody who was ever seen is, or may be.
    fn never_seen(&self, target: &Target) -> Vec<String> {
        let picks = &target.harvesters;
        let is = |pick: &Pick, (id, known): (&NodeId, &Known)| pick.means(id, &known.host, self.own);
        let seen = |pick: &Pick| self.harvesters.iter().any(|one| is(pick, one));
        // One of this machine whose id is not known may be anybody without a name: it may dial over the network as well.
        let all_named = self.harvesters.iter().all(|one| picks.iter().any(|pick| is(pick, one)));
        let told = |pick: &Pick| pick.is_told(self.own) || (pick.is_here() && all_named);
        let unseen = picks.iter().filter(|pick| told(pick) && !seen(pick));
        unseen.map(|pick| pick.name.as_str().to_owned()).collect()
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
}
