//! Asks the services of a farm, part by part. Of each service one thing at a time: its event loop farms as well.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::details;
use super::events::{Tally, Teller};
use super::farmer::{self, Harvester, Pool};
use super::listener::{Key, Listener};
use super::node::{self, NodeState, Peers};
use super::plots::{self, Plots};
use super::root::{self, Config};
use super::target::{Pick, PlotDetail, Target};
use super::wallet::{self, Farmed, WalletState};
use super::wire::Listed;
use super::{DETAILS, EVENTS, FARMER, NODE, PLOTS, WALLET};
use crate::collectors::Tools;
use crate::upstream::chia::{Call, ChiaRpc, DaemonEvents, Identity, NodeId, Service};
use crate::upstream::{Fault, Reason, Why};
use crate::values::{HostPort, Size};

/// A round of one part.
#[derive(Debug)]
pub struct Round {
    pub reading: Reading,
    /// Calls that failed beside the one that the part cannot do without.
    pub aside: Vec<Fault>,
}

impl Round {
    /// Nothing failed.
    pub(super) const fn whole(reading: Reading) -> Self {
        Self {
            reading,
            aside: Vec::new(),
        }
    }
}

/// What a round of one part brings.
#[derive(Debug)]
pub enum Reading {
    Node(Box<(NodeState, Option<Peers>)>),
    Farmer(Box<FarmerReading>),
    Wallet(WalletState),
    Events(Box<Tally>),
    Details(Box<Details>),
    Plots(Vec<(NodeId, Looked)>),
}

#[derive(Debug)]
pub struct FarmerReading {
    pub(super) harvesters: Vec<Harvester>,
    /// `None` where the call failed.
    pub(super) peers: Option<Peers>,
    /// `None` where the call failed.
    pub(super) pools: Option<Vec<Pool>>,
}

impl Reading {
    pub(super) const fn part(&self) -> &'static str {
        match self {
            Self::Node(_) => NODE,
            Self::Farmer(_) => FARMER,
            Self::Wallet(_) => WALLET,
            Self::Events(_) => EVENTS,
            Self::Details(_) => DETAILS,
            Self::Plots(_) => PLOTS,
        }
    }
}

/// What changes rarely.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// Release by service; of harvesters that of this machine's.
    pub(super) versions: BTreeMap<Service, String>,
    /// Some service has no `get_version`, so its release is before 2.4.
    pub(super) before_2_4: bool,
    pub(super) network: Option<String>,
    pub(super) farmed: Option<Farmed>,
    pub(super) setups: Vec<Setup>,
}

/// How a harvester is set up, as far as it could be asked.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// Its entry in the configuration; `None` for the one in `root`.
    pub(super) pick: Option<Pick>,
    /// Its plots lie on this machine.
    pub(super) here: bool,
    /// Whether its RPC answers; `None` where it was not asked.
    pub(super) up: Option<bool>,
    /// Why it could not be asked.
    pub(super) fault: Option<Fault>,
    pub(super) directories: Vec<PathBuf>,
    /// How often it looks through them.
    pub(super) refresh: Option<Duration>,
}

/// What a look at a harvester's plots brought.
#[derive(Clone, Debug)]
pub enum Looked {
    /// Nothing has changed since the last look.
    AsBefore,
    /// These, and the figures by which a change is noticed.
    At(Arc<Plots>, Figures),
    /// There are more than `plot_detail: auto` looks at.
    TooMany,
    /// Its page could not be had.
    Failed,
}

/// Number and size of a harvester's plots.
pub(super) type Figures = (u64, u128);

/// Everything but lists of plots: a pool's lists of a day have some 10 kB, 1000 harvesters 500 kB.
const ANSWER_CAP: Size = Size::from_bytes(16 << 20);
/// A plot has 584 bytes, so this is 220,000 of one harvester.
const PLOTS_CAP: Size = Size::from_bytes(128 << 20);
/// 100,000 plots take the farmer half a second, and a slow network longer.
const PLOTS_WITHIN: Duration = Duration::from_secs(60);
/// Plots that were moved from one disk to another are as many and as large as before.
const LOOK_AGAIN: Duration = Duration::from_secs(4 * 3_600);
/// Above this `plot_detail: auto` does not look.
const AUTO_MOST: u64 = 20_000;

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
        let pools = supported(self.ask(Service::Farmer, &Call::PoolState, farmer::pools).await);
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
        let (confirmed, spendable) = if self.amounts {
            let balance = self.ask(Service::Wallet, &Call::WalletBalance, wallet::balance).await;
            told.take(balance).unwrap_or_default()
        } else {
            (None, None)
        };
        Ok(told.with(Reading::Wallet(WalletState {
            synced,
            height,
            confirmed,
            spendable,
        })))
    }

    pub(super) async fn events(&self) -> Result<Reading, Fault> {
        let Some(listener) = &self.listener else {
            let words = "events of a daemon that this target does not have".to_owned();
            return Err(Fault::new("daemon", "events", Why::Internal(words)));
        };
        listener.look().await.map(|tally| Reading::Events(Box::new(tally)))
    }

    /// What can be asked; a fault only when nothing could.
    pub(super) async fn details(&self) -> Result<Round, Fault> {
        let mut told = Told::default();
        let mut details = Details::default();
        for service in self.services.keys() {
            let version = supported(self.ask(*service, &Call::Version, details::version).await);
            if let Some(version) = told.take(version) {
                details.is_of(*service, version);
            }
            if details.network.is_none() {
                let network = supported(self.ask(*service, &Call::NetworkInfo, details::network).await);
                details.network = told.take(network).flatten();
            }
        }
        if self.services.contains_key(&Service::Wallet) {
            let farmed = self.ask(Service::Wallet, &Call::FarmedAmount, wallet::farmed).await;
            details.farmed = told.take(farmed).map(|farmed| Farmed {
                amount: farmed.amount.filter(|_| self.amounts),
                ..farmed
            });
        }
        for (pick, rpc) in &self.harvesters {
            let setup = match setup(pick, rpc).await {
                Ok(setup) => {
                    told.good += 1;
                    setup
                }
                Err(fault) => self.setup_without_rpc(pick, fault, &mut told).await,
            };
            if pick.is_here() && setup.up == Some(true) {
                let version = supported(ask(rpc, &Call::Version, details::version).await);
                if let Some(version) = told.take(version) {
                    details.is_of(Service::Harvester, version);
                }
            }
            details.setups.push(setup);
        }
        let asked = self.harvesters.iter().any(|(pick, _)| pick.is_here());
        if let Some(of_root) = self.of_root().await.filter(|_| !asked) {
            let setup = told.take(of_root);
            details
                .setups
                .extend(setup.filter(|setup| !setup.directories.is_empty()));
        }
        let first = told.faults.first().filter(|_| told.good == 0);
        match first.cloned() {
            Some(fault) => Err(fault),
            None => Ok(told.with(Reading::Details(Box::new(details)))),
        }
    }

    /// Of one that could not be asked: what `config.yaml` says, where it is this machine's.
    async fn setup_without_rpc(&self, pick: &Pick, fault: Fault, told: &mut Told) -> Setup {
        told.faults.push(fault.clone());
        let of_root = if pick.is_here() { self.of_root().await } else { None };
        let of_root = of_root.and_then(|setup| told.take(setup));
        Setup {
            pick: Some(pick.clone()),
            up: Some(false),
            fault: Some(fault),
            ..of_root.unwrap_or_else(|| Setup::bare(None, pick.is_here()))
        }
    }

    /// The harvester of the installation in `root`, by its configuration.
    async fn of_root(&self) -> Option<Result<Setup, Fault>> {
        let root = self.root.clone()?;
        let who = root.display().to_string();
        let read = tokio::task::spawn_blocking(move || Config::read(&root)).await;
        let config = match read {
            Ok(Ok(config)) => config,
            Ok(Err(words)) => return Some(Err(Fault::new(who, "its configuration", Why::Forbidden(words)))),
            Err(panic) => {
                let why = Why::Internal(panic.to_string());
                return Some(Err(Fault::new(who, "its configuration", why)));
            }
        };
        Some(Ok(Setup {
            directories: config.plot_directories(),
            refresh: config.refresh_seconds().map(Duration::from_secs),
            ..Setup::bare(None, true)
        }))
    }

    /// One harvester after the other, on one page each, and only those whose plots have changed.
    pub(super) async fn plots(&self) -> Result<Round, Fault> {
        let harvesters = self
            .ask(Service::Farmer, &Call::HarvestersSummary, farmer::summary)
            .await;
        // A farmer before 1.6 counts none, and has no pages of them.
        let harvesters = supported(harvesters)?.map(|listed| listed.all).unwrap_or_default();
        let (mut all, mut told) = (Vec::new(), Told::default());
        let total: u64 = harvesters.iter().filter_map(|harvester| harvester.plots).sum();
        for harvester in harvesters {
            let Some(plots) = harvester.plots else { continue };
            let figures = (plots, harvester.bytes.unwrap_or_default());
            let before = self
                .looked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&harvester.id)
                .filter(|(_, at)| at.elapsed() < LOOK_AGAIN)
                .map(|(figures, _)| *figures);
            let looked = if self.detail == PlotDetail::Auto && total > AUTO_MOST {
                Looked::TooMany
            } else if before == Some(figures) {
                Looked::AsBefore
            } else {
                let page = self.page(Call::Plots(harvester.id, plots)).await;
                match page {
                    Ok(plots) => Looked::At(Arc::new(plots), figures),
                    // It went away meanwhile: `Receiver missing`.
                    Err(fault) if fault.reason() == Reason::Upstream => continue,
                    // The others have pages as well.
                    Err(fault) => {
                        told.faults.push(fault);
                        Looked::Failed
                    }
                }
            };
            all.push((harvester.id, looked));
        }
        let failed = all.iter().all(|(_, looked)| matches!(looked, Looked::Failed));
        match told.faults.first().filter(|_| failed) {
            Some(fault) => Err(fault.clone()),
            None => Ok(told.with(Reading::Plots(all))),
        }
    }

    async fn page(&self, call: Call) -> Result<Plots, Fault> {
        let rpc = self.services.get(&Service::Farmer).ok_or_else(|| {
            let words = "a target without a farmer".to_owned();
            Fault::new("farmer", call.route(), Why::Internal(words))
        })?;
        ask(&rpc.with((PLOTS_WITHIN, PLOTS_CAP)), &call, plots::page).await
    }

    /// What was taken into the picture need not be looked at again.
    pub(super) fn took(&self, looked: &[(NodeId, Looked)]) {
        let mut before = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        before.retain(|id, _| looked.iter().any(|(other, _)| other == id));
        for (id, looked) in looked {
            match looked {
                Looked::At(_, figures) => drop(before.insert(*id, (*figures, Instant::now()))),
                Looked::TooMany | Looked::Failed => drop(before.remove(id)),
                Looked::AsBefore => {}
            }
        }
    }

    /// The picture has lost them.
    pub(super) fn look_anew(&self) {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Details {
    /// What a service said of its release; `None` is that it has no such call.
    fn is_of(&mut self, service: Service, version: Option<String>) {
        self.before_2_4 |= version.is_none();
        self.versions.extend(version.map(|version| (service, version)));
    }
}

impl Setup {
    fn bare(pick: Option<Pick>, here: bool) -> Self {
        Self {
            pick,
            here,
            up: None,
            fault: None,
            directories: Vec::new(),
            refresh: None,
        }
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

async fn setup(pick: &Pick, rpc: &ChiaRpc) -> Result<Setup, Fault> {
    let directories = ask(rpc, &Call::PlotDirectories, details::directories).await?;
    let refresh = supported(ask(rpc, &Call::HarvesterConfig, details::refresh_seconds).await)?;
    Ok(Setup {
        up: Some(true),
        directories,
        refresh: refresh.flatten().map(Duration::from_secs),
        ..Setup::bare(Some(pick.clone()), pick.is_here())
    })
}

/// The id of the harvester in `root`.
pub(super) fn own_id(target: &Target) -> Option<NodeId> {
    target.root.as_deref().and_then(root::harvester_id)
}
