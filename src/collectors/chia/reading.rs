//! What rounds bring.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::events::Tally;
use super::farmer::Harvester;
use super::node::{NodeState, Peers};
use super::plots::Plots;
use super::pool::Pool;
use super::target::Pick;
use super::wallet::{Farmed, WalletState};
use super::{DETAILS, EVENTS, FARMER, NODE, PLOTS, WALLET};
use crate::upstream::Fault;
use crate::upstream::chia::{NodeId, Service};

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
    Wallet(Box<WalletState>),
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
    /// Whom this machine's harvester is connected with: the farmer, or nobody.
    pub(super) harvester_peers: Option<Peers>,
    pub(super) setups: Vec<Setup>,
}

impl Details {
    /// What a service said of its release; `None` is that it has no such call.
    pub(super) fn is_of(&mut self, service: Service, version: Option<String>) {
        self.before_2_4 |= version.is_none();
        self.versions.extend(version.map(|version| (service, version)));
    }
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

impl Setup {
    pub(super) fn bare(pick: Option<Pick>, here: bool) -> Self {
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
