//! Asks the services of a farm, part by part. Of each service one thing at a time: its event loop farms as well.

mod details;
mod plots;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::time::Instant;

use super::events::Teller;
use super::farmer::{self, Harvester};
use super::listener::{Key, Listener};
use super::node;
use super::pool;
use super::reading::{FarmerReading, Figures, Reading, Round};
use super::root;
use super::target::{Pick, PlotDetail, Target};
use super::wallet::{self, WalletState};
use super::wire::Listed;
use crate::collectors::Tools;
use crate::upstream::chia::{Call, ChiaRpc, DaemonEvents, Identity, NodeId, Service};
use crate::upstream::{Fault, Reason, Why};
use crate::values::{HostPort, Size};

/// Everything but lists of plots: a pool's lists of a day have some 10 kB, 1000 harvesters 500 kB.
const ANSWER_CAP: Size = Size::from_bytes(16 << 20);

pub(super) struct Reader {
    root: Option<PathBuf>,
    detail: PlotDetail,
    amounts: bool,
    services: BTreeMap<Service, ChiaRpc>,
    harvesters: Vec<(Pick, ChiaRpc)>,
    listener: Option<Arc<Listener>>,
    /// What the plots of each harvester were when they were last looked at.
    looked: Arc<Mutex<HashMap<NodeId, (Figures, Instant)>>>,
}

impl Reader {
    /// `digest` is that of the identity's files.
    pub(super) fn new(
        target: &Target,
        (identity, digest): (&Arc<Identity>, Option<u64>),
        tools: &Tools,
        before: Option<&Self>,
    ) -> Self {
        let limits = (target.timeout.get(), ANSWER_CAP);
        let rpc = |service, place: &HostPort| ChiaRpc::new(&tools.upstream, identity, service, place, limits);
        let harvesters = target.harvesters.iter().filter_map(|pick| {
            let place = pick.rpc.as_ref()?;
            Some((pick.clone(), rpc(Service::Harvester, place)))
        });
        let listener = target.daemon.as_ref().zip(target.certificates());
        let listener = listener.map(|(place, certificates)| {
            let key = Key {
                place: place.clone(),
                certificates,
                digest,
                teller: if target.farmer.is_some() {
                    Teller::Farmer
                } else {
                    Teller::Harvester
                },
            };
            let same = before
                .and_then(|before| before.listener.as_ref())
                .filter(|same| same.key == key);
            same.cloned().unwrap_or_else(|| {
                let events = DaemonEvents::new(&tools.upstream, identity, place);
                Arc::new(Listener::new(key, events))
            })
        });
        Self {
            root: target.root.clone(),
            detail: target.plot_detail,
            amounts: target.wallet_amounts,
            services: target
                .services()
                .map(|(service, place)| (service, rpc(service, place)))
                .collect(),
            harvesters: harvesters.collect(),
            listener,
            looked: Arc::default(),
        }
    }

    async fn ask<T>(
        &self,
        service: Service,
        call: &Call,
        read: impl FnOnce(&[u8]) -> Result<T, Why>,
    ) -> Result<T, Fault> {
        let Some(rpc) = self.services.get(&service) else {
            let words = "a call of a service that this target does not have".to_owned();
            return Err(Fault::new(service.name(), call.route(), Why::Internal(words)));
        };
        ask(rpc, call, read).await
    }

    pub(super) async fn node(&self) -> Result<Round, Fault> {
        let state = self.ask(Service::FullNode, &Call::BlockchainState, node::state).await?;
        let mut told = Told::default();
        let peers = told.take(self.ask(Service::FullNode, &Call::Connections, node::peers).await);
        Ok(told.with(Reading::Node(Box::new((state, peers)))))
    }

    /// A farmer before 1.6 counts no plots, but it says who is connected.
    pub(super) async fn farmer(&self) -> Result<Round, Fault> {
        let summary = self
            .ask(Service::Farmer, &Call::HarvestersSummary, farmer::summary)
            .await;
        let summary = supported(summary)?;
        let mut told = Told::default();
        let peers = self.ask(Service::Farmer, &Call::Connections, node::peers).await;
        let (harvesters, peers) = if let Some(summary) = summary {
            let harvesters = self.listed(&mut told, &Call::HarvestersSummary, summary);
            (harvesters, told.take(peers))
        } else {
            let peers = peers?;
            let connected = peers.harvesters.iter().take(farmer::MOST_HARVESTERS);
            let bare = connected.map(|(id, host)| Harvester::bare(*id, host.clone()));
            (bare.collect(), Some(peers))
        };
        let pools = supported(self.ask(Service::Farmer, &Call::PoolState, pool::pools).await);
        let pools = told.take(pools).map(|pools| match pools {
            Some(pools) => self.listed(&mut told, &Call::PoolState, pools),
            None => Vec::new(),
        });
        Ok(told.with(Reading::Farmer(Box::new(FarmerReading {
            harvesters,
            peers,
            pools,
        }))))
    }

    /// What could be read of a farmer's list; what could not is a fault of its own.
    fn listed<T>(&self, told: &mut Told, call: &Call, listed: Listed<T>) -> Vec<T> {
        let Listed { all, skipped } = listed;
        if let Some(rpc) = self.services.get(&Service::Farmer).filter(|_| skipped > 0) {
            let words = format!("{skipped} of {} entries cannot be read", all.len() + skipped);
            told.faults
                .push(Fault::new(rpc.who(), call.route(), Why::malformed(words)));
        }
        all
    }

    pub(super) async fn wallet(&self) -> Result<Round, Fault> {
        let synced = self.ask(Service::Wallet, &Call::SyncStatus, wallet::synced).await?;
        let mut told = Told::default();
        let height = self.ask(Service::Wallet, &Call::HeightInfo, wallet::height).await;
        let height = told.take(height).flatten();
        let peers = told.take(self.ask(Service::Wallet, &Call::Connections, node::peers).await);
        let balance = if self.amounts {
            told.take(self.ask(Service::Wallet, &Call::WalletBalance, wallet::balance).await)
        } else {
            None
        };
        Ok(told.with(Reading::Wallet(Box::new(WalletState {
            synced,
            height,
            peers,
            balance,
        }))))
    }

    pub(super) async fn events(&self) -> Result<Reading, Fault> {
        let Some(listener) = &self.listener else {
            let words = "events of a daemon that this target does not have".to_owned();
            return Err(Fault::new("daemon", "events", Why::Internal(words)));
        };
        listener.look().await.map(|tally| Reading::Events(Box::new(tally)))
    }
}

/// How it went with several calls of which some may fail.
#[derive(Default)]
struct Told {
    good: usize,
    faults: Vec<Fault>,
}

impl Told {
    fn take<T>(&mut self, outcome: Result<T, Fault>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.good += 1;
                Some(value)
            }
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }

    fn with(self, reading: Reading) -> Round {
        Round {
            reading,
            aside: self.faults,
        }
    }
}

/// A call that an older release does not have is nothing known, and no fault.
fn supported<T>(outcome: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.reason() == Reason::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn ask<T>(rpc: &ChiaRpc, call: &Call, read: impl FnOnce(&[u8]) -> Result<T, Why>) -> Result<T, Fault> {
    let body: Bytes = rpc.ask(call).await?;
    read(&body).map_err(|why| Fault::new(rpc.who(), call.route(), why))
}

/// The id of the harvester in `root`.
pub(super) fn own_id(target: &Target) -> Option<NodeId> {
    target.root.as_deref().and_then(root::harvester_id)
}
