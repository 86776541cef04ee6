//! A Chia farm: harvesters that look for their plots, and services that their own daemon starts again.
//!
//! A harvester that is started while one of its mounts hangs loads no plots at all, so mounts are repaired first
//! (`hands/mounts`). Source: chia contract, 10, 13, 15, 17.

mod check;
mod law;
mod plots;
mod processes;
mod restart;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use super::catalogue::{self, Action, Key};
use super::tools::Tools;
use super::{Hands, left_alone};
use crate::actions::chia::{Daemon, Service};
use crate::collectors::TargetView;
use crate::collectors::chia::{Chia, Target};
use crate::collectors::mounts::Mounts;
use crate::relations;
use crate::remedy::runner::{Notes, Undone};
use crate::remedy::step::Plan;
use crate::upstream::chia::Identity;
use crate::values::Name;

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The harvester that is ill where none is named.
    RefreshPlots(Option<Name>),
    Restart(Service),
}

const HARVESTER: Key = Key {
    name: "harvester",
    is: "a harvester of the target that has an `rpc`; left out, the one that is ill",
};
const SERVICE: Key = Key {
    name: "service",
    is: "`chia_harvester`, `chia_farmer` or `chia_full_node`, started by the daemon of this machine",
};

pub(super) static ACTIONS: [Action; 2] = [
    Action {
        name: "refresh-plots",
        does: "has a harvester look through its plot directories now",
        keys: &[HARVESTER],
        read: |with| {
            let harvester = with.optional(HARVESTER.name)?;
            Some(catalogue::Order::Chia(Order::RefreshPlots(harvester)))
        },
    },
    Action {
        name: "restart-chia-service",
        does: "has the daemon of this machine stop and start a service that it started itself",
        keys: &[SERVICE],
        read: |with| {
            let Named(service) = with.required(&SERVICE)?;
            Some(catalogue::Order::Chia(Order::Restart(service)))
        },
    },
];

/// A service as `with` has it.
struct Named(Service);

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Service::ALL.into_iter().find(|service| service.name() == text);
        known.map(Self).ok_or_else(|| format!("expected {}", SERVICE.is))
    }
}

/// What a harvester is given to find its plots again.
const FINDS_PLOTS: Duration = Duration::from_secs(600);
/// For each round that is asked for before.
const LOOK_WITHIN: Duration = Duration::from_secs(60);

impl Order {
    /// That is restarted.
    pub(super) const fn service(&self) -> Option<Service> {
        match self {
            Self::Restart(service) => Some(*service),
            Self::RefreshPlots(_) => None,
        }
    }

    /// The looks before, the calls, and the look of a harvester at its directories.
    pub(super) fn needs(&self) -> Duration {
        match self {
            Self::RefreshPlots(_) => Duration::from_secs(30),
            Self::Restart(Service::Harvester) => LOOK_WITHIN * 2 + Daemon::LONGEST + FINDS_PLOTS,
            Self::Restart(Service::Farmer | Service::FullNode) => LOOK_WITHIN + Daemon::LONGEST,
        }
    }
}

impl Hands {
    pub(super) async fn chia(
        &self,
        tools: &Tools,
        order: &Order,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let target = tools.settings.chia(&plan.target);
        let target = target.ok_or_else(|| left_alone(format!("`{}` is no Chia farm", plan.target)))?;
        match order {
            Order::RefreshPlots(name) => {
                let pick = plots::chosen(target, name.as_ref(), &plan.entity).map_err(left_alone)?;
                self.refresh_plots(target, pick).await
            }
            Order::Restart(service) => self.restart_service(tools, target, *service, plan, notes).await,
        }
    }

    /// The mounts of the machine that a farm's entry is about, with their name.
    fn machine_of(&self, farm: &Name) -> Option<TargetView> {
        let pictures = self.store.slots().into_iter().filter_map(|slot| self.view(&slot.name));
        let views: Vec<TargetView> = pictures
            .filter(|view| view.snapshot::<Chia>().is_some() || view.snapshot::<Mounts>().is_some())
            .collect();
        let own = views.iter().find(|view| view.name == *farm)?;
        let (machine, _) = relations::machine_of(own, &views, &self.store.links())?;
        Some(machine.clone())
    }
}

/// Read for every action: certificates are renewed.
fn identity(target: &Target) -> Result<Arc<Identity>, Undone> {
    let name = target.name.as_str();
    let files = target.certificates();
    let files = files.ok_or_else(|| left_alone(format!("`{name}` has no certificates")))?;
    let identity = Identity::read(name, &files).map_err(left_alone)?;
    Ok(Arc::new(identity))
}
