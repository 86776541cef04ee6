//! What the names in a rung stand for. Lists change with the configuration while a rung waits for a person: whoever approves
//! approves what the names stood for then.

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};

use super::catalogue::{self, Order};
use super::mounts;
use super::process::Process;
use super::settings::{Settings, Stack, Thing};
use crate::actions::chia::Service;
use crate::remedy::settings::{Each, Law, Meaning, Remedies};
use crate::values::{self, Duration, Name};

/// In a day, of what the contracts limit: restarts of services, remounts, replacements of a message.
const MOST: u32 = 3;
/// Between two restarts of the same service, or remounts of the same mount.
const RESTARTS: Duration = Duration::from_secs(900);
/// A replacement needs some epochs.
const REPLACEMENTS: Duration = Duration::from_secs(300);
/// Between two restarts of the same node.
const NODE_RESTARTS: Duration = Duration::from_secs(3600);
/// More is cut; the digest is over all of it.
const LONGEST: usize = 600;
/// Bytes of a digest that are shown: nobody finds another list with the same ones by trying.
const DIGEST: usize = 16;

impl Settings {
    /// Writes into every rung what it is on each target.
    pub fn spell_out(&self, remedies: &mut Remedies) {
        for policy in &mut remedies.policies {
            for rung in &mut policy.rungs {
                let Ok(order) = catalogue::read(&rung.action, &rung.with, self) else {
                    continue;
                };
                let meanings = policy.targets.iter();
                rung.meanings = meanings
                    .map(|target| (target.clone(), self.meaning(&order, target)))
                    .collect();
            }
        }
    }

    pub(super) fn meaning(&self, order: &Order, target: &Name) -> Meaning {
        Meaning {
            does: self.spelled(order, target),
            law: self.law(order, target),
            touches: self.touched(order, target),
            touches_mount: *order == Order::Remount,
        }
    }

    fn law(&self, order: &Order, target: &Name) -> Option<Law> {
        let often = |deed: String, each, cool_down| Law {
            deed,
            each,
            cool_down,
            most: MOST,
        };
        match order {
            Order::Remount => Some(often("remount".to_owned(), Each::Entity, RESTARTS)),
            Order::Venus(order) if order.replaces() => {
                Some(often("replace-message".to_owned(), Each::Entity, REPLACEMENTS))
            }
            Order::Chia(order) => Some(often(self.restart_of(order.service()?, target), Each::Deed, RESTARTS)),
            Order::Thing {
                process: Some(process), ..
            }
            | Order::Command {
                process: Some(process), ..
            } => Some(often(self.process_of(Some(process), target)?, Each::Deed, RESTARTS)),
            Order::Stack(name) => {
                let node = self.stack_of(name.as_ref(), target).ok()?.node.as_ref()?;
                Some(often(
                    format!("restart node {}", node.target),
                    Each::Deed,
                    NODE_RESTARTS,
                ))
            }
            _ => None,
        }
    }

    fn touched(&self, order: &Order, target: &Name) -> BTreeSet<String> {
        match order {
            Order::Thing { thing, process, .. } => {
                let own = self.mounts_of(thing).chain([thing.to_string()]);
                own.chain(self.process_of(process.as_ref(), target)).collect()
            }
            Order::Command { name, process } => {
                let own = std::iter::once(format!("command {name}"));
                own.chain(self.process_of(process.as_ref(), target)).collect()
            }
            Order::Chia(order) => order
                .service()
                .map(|service| self.restart_of(service, target))
                .into_iter()
                .collect(),
            Order::Stack(name) => {
                let stack = self.stack_of(name.as_ref(), target);
                let parts = stack.into_iter().flat_map(Stack::parts);
                parts
                    .filter_map(|(_, part)| Some(self.thing(part).ok()?.to_string()))
                    .collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Two entries may have one daemon.
    fn restart_of(&self, service: Service, target: &Name) -> String {
        let daemon = self.chia(target).and_then(|farm| farm.daemon.as_ref());
        daemon.map_or_else(
            || format!("restart {service} of {target}"),
            |daemon| format!("restart {service} of {daemon}"),
        )
    }

    /// Whatever stops and starts it.
    fn process_of(&self, process: Option<&Process>, target: &Name) -> Option<String> {
        match process? {
            Process::Other => None,
            Process::Chia(service) => Some(self.restart_of(*service, target)),
            // By its address, which several targets may have.
            Process::Venus(process) => Some(format!("restart {process}")),
        }
    }

    /// What a unit mounts, as `remount` names it.
    fn mounts_of(&self, thing: &Thing) -> impl Iterator<Item = String> {
        let unit = match thing {
            Thing::Unit(unit) => Some(unit),
            Thing::Container { .. } => None,
        };
        let expected = self.machines.iter().flat_map(|machine| &machine.expected);
        let own = expected.filter(move |one| unit.is_some_and(|unit| mounts::unit_of(&one.mount).as_ref() == Ok(unit)));
        own.map(|one| format!("mount {}", one.mount.display()))
    }

    fn spelled(&self, order: &Order, target: &Name) -> Option<String> {
        let (words, all) = match order {
            Order::Command { name, .. } => {
                let command = self.commands.find(name).ok()?;
                let argv: Vec<String> = command.argv.iter().map(|argument| values::repeated(argument)).collect();
                (format!("runs {}", argv.join(" ")), format!("{:?}", command.argv))
            }
            Order::Thing { thing, .. } => (thing.to_string(), self.behind(thing)),
            Order::Stack(name) => {
                let stack = self.stack_of(name.as_ref(), target).ok()?;
                (
                    self.members(stack),
                    format!("{stack:?} {:?} {}", self.engines, self.units.socket.display()),
                )
            }
            Order::Remote(order) => {
                let remote = self.remotes.iter().find(|remote| order.is_of(&remote.name))?;
                (format!("asks {}", remote.place()), format!("{remote:?}"))
            }
            Order::Chia(order) => {
                let (service, farm) = order.service().zip(self.chia(target))?;
                let daemon = farm.daemon.as_ref()?;
                (
                    format!("restarts {service} by the daemon at {daemon}"),
                    format!("{daemon} {:?} {:?}", farm.root, farm.certificates()),
                )
            }
            Order::Remount => {
                let machine = self.machine(target)?;
                (
                    format!("by the mount's unit on this machine, {}", self.units.socket.display()),
                    format!("{:?} {}", machine.expected, self.units.socket.display()),
                )
            }
            Order::Notify | Order::Worker(_) | Order::Venus(_) => return None,
        };
        let words = values::redacted(&words, &[]);
        let end = words.floor_char_boundary(LONGEST);
        let cut = if end < words.len() { ".." } else { "" };
        let shown = words.get(..end).unwrap_or_default();
        Some(format!(
            "{shown}{cut} (sha256 {})",
            shortened(digest(&SHA256, all.as_bytes()).as_ref())
        ))
    }

    /// Where it is.
    fn behind(&self, thing: &Thing) -> String {
        match thing {
            Thing::Container { engine, .. } => {
                let engine = self.engines.iter().find(|known| known.name == *engine);
                format!("{thing:?} {engine:?}")
            }
            Thing::Unit(_) => format!("{thing:?} {}", self.units.socket.display()),
        }
    }

    /// `stack farm-1: node phala-node at farm-1; bridge_2/lifecycle at farm-1`.
    fn members(&self, stack: &Stack) -> String {
        let shown = |written| {
            self.thing(written)
                .map_or_else(|(_, words)| words, |thing| thing.to_string())
        };
        let all: Vec<String> = stack
            .parts()
            .map(|(place, part)| match place.as_str() {
                "node" => format!("node {}", shown(part)),
                _ => shown(part),
            })
            .collect();
        format!("stack {}: {}", stack.name, all.join(", "))
    }
}

fn shortened(digest: &[u8]) -> String {
    values::hex(digest.get(..DIGEST).unwrap_or(digest))
}
