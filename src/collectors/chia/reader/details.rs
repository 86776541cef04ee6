//! What changes rarely: releases, the network, how harvesters are set up, what was won.

use std::time::Duration;

use super::super::reading::{Details, Reading, Round, Setup};
use super::super::root::Config;
use super::super::target::Pick;
use super::super::wallet::{self, Farmed};
use super::super::{details, node};
use super::{Reader, Told, ask, supported};
use crate::upstream::chia::{Call, ChiaRpc, Service};
use crate::upstream::{Fault, Why};

impl Reader {
    /// What can be asked; a fault only when nothing could.
    pub(in super::super) async fn details(&self) -> Result<Round, Fault> {
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
                details.harvester_peers = told.take(ask(rpc, &Call::Connections, node::peers).await);
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
