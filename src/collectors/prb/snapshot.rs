//! The picture of a PRB: its peers, each with what it last said, and what must be remembered between rounds.

mod provided;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use provided::Targets;
use tokio::time::Instant;

use super::label;
use super::on_chain;
use super::peer::{Peer, PeerId, Role};
use super::queue;
use super::reading::{Each, Listed};
use super::roster::Known;
use super::runtime;
use super::solo;
use super::symptoms::TargetLimits;
use super::target::{Detail, Pick};
use super::v2::Turns;
use super::v3::transactions::Transactions;
use super::watch::{Watch, furthest, watched};
use super::worker::{Identity, Pool, Provider, Worker};
use crate::clock::Now;
use crate::upstream::Fault;

/// More than these are a monitor that makes them up: a farm has some ten, and each costs a call and samples.
const MOST_PEERS: usize = 200;

/// A peer that the monitor no longer lists counts as down for this long, and is then forgotten: a monitor that was
/// restarted finds its peers again within 20 s, so what is still away after an hour is meant to be.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// All that is known of a PRB now.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(super) detail: Detail,
    pub(super) limits: TargetLimits,
    peers: BTreeMap<PeerId, PeerView>,
    pub(super) queues: queue::Picture,
    /// `None` while the monitor has not answered for too long.
    pub(super) listing: Option<Listing>,
    /// What the chain knows of the workers; empty where no node is configured.
    pub chain: on_chain::Picture,
    /// What pRuntimes say; empty where none is asked.
    pub runtimes: runtime::Picture,
    /// Workers without a PRB, as they are configured.
    pub(super) solo: Arc<[solo::Entry]>,
    /// `v2` and the like; `None` before the first answer.
    pub(super) version: Option<&'static str>,
    /// Whose turn it is to call a peer of v2, for those who call the same ones for another reason.
    pub turns: Option<Turns>,
    /// What a worker manager was built from.
    pub(super) revision: Option<String>,
    /// Of a worker manager.
    pub(super) transactions: Option<Transactions>,
}

/// What the monitor lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub peers: usize,
    /// Lifecycles, but nobody to give them blocks.
    pub lacks_providers: bool,
    /// Beyond the most that are taken up.
    pub left_out: usize,
    pub lifecycles: usize,
    /// Configured lifecycles that are not listed, as they are configured.
    pub missing: Vec<String>,
}

/// One process of a PRB.
#[derive(Clone, Debug)]
pub struct PeerView {
    /// The label value `peer` or `lifecycle`.
    pub label: String,
    pub peer: Peer,
    last_listed: Instant,
    /// How the last call went; `None` before there was one.
    pub call: Option<Call>,
    /// Only of a data provider.
    pub provider: Option<Seen<Provider>>,
    targets: Targets,
    /// Only of a lifecycle.
    pub workers: Option<Seen<Arc<Workers>>>,
    /// Only of a lifecycle.
    pub inventory: Option<Seen<Arc<Inventory>>>,
}

/// Something a peer said, and when it was last heard.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    pub value: T,
    pub at: Now,
}

/// How a call went.
#[derive(Clone, Debug)]
pub struct Call {
    pub fault: Option<Fault>,
    pub at: Now,
}

impl Call {
    pub const fn up(&self) -> bool {
        self.fault.is_none()
    }
}

/// The workers that a lifecycle has loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workers {
    pub rows: Vec<Row>,
    /// Reports left out because their worker came before.
    pub duplicates: usize,
}

/// A worker with what is remembered of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The label value `worker`: the name, made unique within its lifecycle.
    pub label: String,
    /// By itself on the heap: 30,000 in one piece leave holes of megabytes behind with every round.
    pub worker: Box<Worker>,
    pub watch: Watch,
}

/// What is configured in a lifecycle's database.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    pub workers: Listed<Identity>,
    pub pools: Vec<Pool>,
}

impl Snapshot {
    pub fn peers(&self) -> impl Iterator<Item = &PeerView> {
        self.peers.values()
    }

    pub fn lifecycles(&self) -> impl Iterator<Item = &PeerView> {
        self.peers().filter(|view| view.peer.role.runs_workers())
    }

    pub fn shows_each_worker(&self) -> bool {
        self.detail == Detail::Full
    }

    /// The workers of all lifecycles, for those who ask others about them.
    pub(super) fn known(&self) -> impl Iterator<Item = Known> {
        let rows = self.lifecycles().filter_map(|view| view.workers.as_ref());
        rows.flat_map(|seen| &seen.value.rows).map(|row| Known::of(&row.worker))
    }

    /// Takes up what the monitor lists. Lifecycles that are not picked are left out; without picks all are taken.
    pub(super) fn list(&mut self, listed: Vec<Peer>, picks: &[Pick], gone: &Fault, now: Now) {
        let picked = |peer: &Peer| {
            peer.role == Role::DataProvider || picks.is_empty() || picks.iter().any(|pick| pick.means(peer))
        };
        let mut listed: Vec<Peer> = listed.into_iter().filter(picked).collect();
        let left_out = listed.len().saturating_sub(MOST_PEERS);
        listed.truncate(MOST_PEERS);
        let missing = picks.iter().filter(|pick| !listed.iter().any(|peer| pick.means(peer)));
        self.listing = Some(Listing {
            peers: listed.len(),
            lacks_providers: listed.iter().any(|peer| peer.role.has_providers())
                && !listed.iter().any(|peer| peer.role == Role::DataProvider),
            left_out,
            lifecycles: listed.iter().filter(|peer| peer.role.runs_workers()).count(),
            missing: missing.map(Pick::shown).collect(),
        });
        for peer in listed {
            self.meet(peer, now);
        }
        self.peers
            .retain(|_, view| now.monotonic.duration_since(view.last_listed) < FORGOTTEN_AFTER);
        if self.peers.len() > MOST_PEERS {
            self.peers.retain(|_, view| view.last_listed == now.monotonic);
        }
        for view in self.peers.values_mut().filter(|view| view.last_listed != now.monotonic) {
            view.call = Some(Call {
                fault: Some(gone.clone()),
                at: now,
            });
        }
        let labels = label::peers(self.peers.values().map(|view| &view.peer), picks);
        for (view, label) in self.peers.values_mut().zip(labels) {
            view.label = label;
        }
    }

    /// Takes up a peer that nobody lists, under its own name.
    pub(super) fn meet_alone(&mut self, peer: Peer, now: Now) {
        let id = peer.id.clone();
        self.meet(peer, now);
        if let Some(view) = self.peers.get_mut(&id) {
            view.label.clone_from(&view.peer.hostname);
        }
    }

    fn meet(&mut self, peer: Peer, now: Now) {
        let id = peer.id.clone();
        let known = self.peers.entry(id).or_insert_with(|| PeerView {
            label: String::new(),
            peer: peer.clone(),
            last_listed: now.monotonic,
            call: None,
            provider: None,
            targets: Targets::default(),
            workers: None,
            inventory: None,
        });
        known.peer = peer;
        known.last_listed = now.monotonic;
    }

    /// What each data provider said. What is older than `stale` is dropped.
    pub(super) fn hear_providers(&mut self, said: Each<Provider>, stale: Duration, now: Now) {
        for (id, outcome) in said {
            if let Some(view) = self.peers.get_mut(&id) {
                let heard = view.called(outcome, now);
                if let Some(heard) = &heard {
                    let before = view.provider.as_ref().map(|_| view.targets).unwrap_or_default();
                    view.targets = before.next(&heard.value, now);
                }
                view.provider = heard.or_else(|| view.provider.take());
            }
        }
        for view in self.peers.values_mut() {
            drop_old(&mut view.provider, stale, now);
        }
    }

    /// What each lifecycle said of its workers. What is older than `stale` is dropped.
    pub(super) fn hear_workers(&mut self, said: Each<Listed<Box<Worker>>>, stale: Duration, now: Now) {
        for (id, outcome) in said {
            let provided = self.peers.get(&id).and_then(|view| self.provided(&view.peer));
            let Some(view) = self.peers.get_mut(&id) else { continue };
            if let Some(heard) = view.called(outcome, now) {
                let provided = match view.peer.role {
                    Role::WorkerManager => furthest(heard.value.rows.iter().map(Box::as_ref)),
                    _ => provided,
                };
                let workers = watched(heard.value, view.workers.as_ref(), provided, now);
                view.workers = Some(Seen {
                    value: Arc::new(workers),
                    at: now,
                });
            }
        }
        for view in self.peers.values_mut() {
            drop_old(&mut view.workers, stale, now);
        }
    }

    /// What is configured in each lifecycle; a call that failed leaves what was known. It does not say whether the
    /// peer is up: the other calls do, and more often.
    pub(super) fn hear_inventories(&mut self, said: Each<Inventory>, stale: Duration, now: Now) {
        for (id, outcome) in said {
            if let (Some(view), Ok(inventory)) = (self.peers.get_mut(&id), outcome) {
                view.inventory = Some(Seen {
                    value: Arc::new(inventory),
                    at: now,
                });
            }
        }
        for view in self.peers.values_mut() {
            drop_old(&mut view.inventory, stale, now);
        }
    }

    pub(super) fn expire_peers(&mut self) {
        self.listing = None;
        self.revision = None;
        for view in self.peers.values_mut() {
            view.provider = None;
            if view.peer.role == Role::DataProvider {
                view.call = None;
            }
        }
    }

    pub(super) fn expire_workers(&mut self) {
        for view in self.peers.values_mut() {
            view.workers = None;
            if view.peer.role.runs_workers() {
                view.call = None;
            }
        }
    }

    pub(super) fn expire_inventories(&mut self) {
        for view in self.peers.values_mut() {
            view.inventory = None;
        }
    }
}

impl PeerView {
    fn called<T>(&mut self, outcome: Result<T, Fault>, now: Now) -> Option<Seen<T>> {
        let (value, fault) = match outcome {
            Ok(value) => (Some(value), None),
            Err(fault) => (None, Some(fault)),
        };
        self.call = Some(Call { fault, at: now });
        value.map(|value| Seen { value, at: now })
    }

    pub fn up(&self) -> Option<bool> {
        self.call.as_ref().map(Call::up)
    }
}

fn drop_old<T>(seen: &mut Option<Seen<T>>, stale: Duration, now: Now) {
    if seen
        .as_ref()
        .is_some_and(|seen| now.monotonic.duration_since(seen.at.monotonic) >= stale)
    {
        *seen = None;
    }
}

#[cfg(test)]
impl Snapshot {
    /// The data providers have this target on the parachain.
    pub(crate) fn provider_behind(&mut self, target: u64, now: Now) {
        for view in self.peers.values_mut() {
            if let Some(seen) = &mut view.provider {
                seen.value.para.target = Some(target);
                seen.at = now;
            }
        }
    }
}

#[cfg(test)]
mod tests;
