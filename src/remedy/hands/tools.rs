//! What acts, made from one configuration: engines with their certificates, systemd, and what is listed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::settings::{Settings, Thing};
use super::venus::Reach;
use crate::actions::containers::Engine;
use crate::actions::handle::Handle;
use crate::actions::keeper::Keeper;
use crate::actions::remote::Remote;
use crate::actions::units::Units;
use crate::upstream::Upstream;
use crate::values::Name;

/// An action keeps those with which it began, whatever is reloaded meanwhile.
pub(super) struct Tools {
    pub(super) settings: Settings,
    engines: BTreeMap<Name, Arc<Engine>>,
    units: Arc<Units>,
    /// What runs programs.
    pub(super) keeper: Keeper,
    /// Chain services of Venus in which something may be changed.
    pub(super) venus: BTreeMap<Name, Reach>,
    remotes: BTreeMap<Name, Arc<Remote>>,
}

impl Tools {
    /// Reads certificates and tokens; nothing is asked yet. Everything that is wrong, a line each.
    pub(super) fn new(settings: &Settings, upstream: &Upstream) -> Result<Self, String> {
        let mut engines = BTreeMap::new();
        let mut wrong = Vec::new();
        for engine in &settings.engines {
            // The configuration's check has refused those that say neither or both ways.
            let Some(described) = engine.for_actions() else {
                continue;
            };
            match Engine::new(upstream, described) {
                Ok(made) => {
                    engines.insert(engine.name.clone(), Arc::new(made));
                }
                Err(failed) => wrong.push(failed.fault.to_string()),
            }
        }
        let mut venus = BTreeMap::new();
        for target in settings.venus.iter().filter(|target| Reach::may_change(target)) {
            match Reach::new(target, upstream) {
                Ok(reach) => {
                    venus.insert(target.name.clone(), reach);
                }
                Err(fault) => wrong.push(fault.to_string()),
            }
        }
        let mut remotes = BTreeMap::new();
        for remote in &settings.remotes {
            let Some(described) = remote.for_actions() else {
                continue;
            };
            match Remote::new(upstream, &described) {
                Ok(made) => {
                    remotes.insert(remote.name.clone(), Arc::new(made));
                }
                Err(failed) => wrong.push(failed.fault.to_string()),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        Ok(Self {
            settings: settings.clone(),
            engines,
            venus,
            units: Arc::new(Units::new(settings.units.for_actions())),
            keeper: Keeper::own(),
            remotes,
        })
    }

    pub(super) fn remote(&self, name: &Name) -> Result<Arc<Remote>, String> {
        let remote = self.remotes.get(name).map(Arc::clone);
        remote.ok_or_else(|| format!("no farmwarden is called `{name}`; list it in `remotes`"))
    }

    pub(super) fn handle(&self, thing: &Thing) -> Result<Handle, String> {
        match thing {
            Thing::Container { engine, which } => {
                let engine = self.engines.get(engine);
                let engine =
                    engine.ok_or_else(|| format!("the engine of {thing} is no longer in the configuration"))?;
                Ok(Handle::Container {
                    engine: Arc::clone(engine),
                    which: which.clone(),
                })
            }
            Thing::Unit(unit) => Ok(Handle::Unit {
                units: Arc::clone(&self.units),
                unit: unit.clone(),
            }),
        }
    }

    #[cfg(test)]
    pub(super) fn with_keeper(mut self, keeper: Keeper) -> Self {
        self.keeper = keeper;
        self
    }

    #[cfg(test)]
    pub(super) fn with_units(mut self, units: Units) -> Self {
        self.units = Arc::new(units);
        self
    }
}
