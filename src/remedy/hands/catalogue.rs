//! Every action by its name, with the keys that its `with` may have, and how they are read.
//!
//! There is no action that is not in [`FAMILIES`]. What acts on something that its target shows is a family: its file has
//! its list, its order, and what is checked of it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use super::process::Process;
use super::settings::{self, Settings, Thing, Written, Wrong};
use super::{chia, mounts, remote, venus, workers};
use crate::remedy::settings::NOTIFY;
use crate::values::{self, Name};

/// One action.
pub struct Action {
    /// As a rung has it, and the label value `action`.
    pub name: &'static str,
    pub does: &'static str,
    pub keys: &'static [Key],
    pub(super) read: fn(&mut With<'_>) -> Option<Order>,
}

/// A key of `with`.
pub struct Key {
    pub name: &'static str,
    pub is: &'static str,
}

/// What an action is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Nothing: those who tell people hear of the rung itself.
    Notify,
    Thing {
        verb: Verb,
        thing: Thing,
        patience: values::Duration,
        /// Which service of its target it is, where those have laws of their own.
        process: Option<Process>,
    },
    /// The one of the target where none is named.
    Stack(Option<Name>),
    Worker(workers::Order),
    Venus(venus::Order),
    Remote(remote::Order),
    Chia(chia::Order),
    Remount,
    Command {
        name: Name,
        process: Option<Process>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Restart,
    Stop,
    Start,
}

const ENGINE: Key = Key {
    name: "engine",
    is: "the engine, by its name in `engines`; left out, the only one",
};
const CONTAINER: Key = Key {
    name: "container",
    is: "a container that this engine lists",
};
const PATIENCE: Key = Key {
    name: "patience",
    is: "what it is given to stop by itself before it is killed; 1m",
};
const UNIT: Key = Key {
    name: "unit",
    is: "a unit that `units.allowed` lists",
};
const PROCESS: Key = Key {
    name: "process",
    is: "which service of its target this is: of a chain service of Venus as symptoms name it, like `gateway/10.0.0.21:45132`, of a Chia farm `chia_harvester`, `chia_farmer` or `chia_full_node`; `other` is your word that it is none of them",
};
const DISK: Key = Key {
    name: venus::DISK,
    is: "of a node of Venus: the directory in which it has its repository, on a mount of this machine that is watched; it is not restarted while that is full",
};
const STACK: Key = Key {
    name: "stack",
    is: "the stack, by its name in `stacks`; left out, the one of the target",
};
const COMMAND: Key = Key {
    name: "command",
    is: "a command that `commands.allowed` lists",
};

/// All of them, in the order of the documents.
static FAMILIES: &[&[Action]] = &[
    &THINGS,
    &workers::ACTIONS,
    &venus::ACTIONS,
    &chia::ACTIONS,
    &mounts::ACTIONS,
    &remote::ACTIONS,
    &COMMANDS,
];

/// What no other action can do.
static COMMANDS: [Action; 1] = [Action {
    name: "run-command",
    does: "runs a program with fixed arguments; off until `commands.enabled` says otherwise",
    keys: &[COMMAND, PROCESS, DISK],
    read: |with| with.command(),
}];

/// What acts on containers, units and stacks, whichever target is ill.
static THINGS: [Action; 8] = [
    Action {
        name: NOTIFY,
        does: "tells people and changes nothing",
        keys: &[],
        read: |_| Some(Order::Notify),
    },
    Action {
        name: "restart-container",
        does: "stops a container and starts it again",
        keys: &[ENGINE, CONTAINER, PATIENCE, PROCESS, DISK],
        read: |with| with.container(Verb::Restart),
    },
    Action {
        name: "stop-container",
        does: "stops a container; a restart policy does not start it again",
        keys: &[ENGINE, CONTAINER, PATIENCE, PROCESS, DISK],
        read: |with| with.container(Verb::Stop),
    },
    Action {
        name: "start-container",
        does: "starts a container that is stopped",
        keys: &[ENGINE, CONTAINER, PROCESS, DISK],
        read: |with| with.container(Verb::Start),
    },
    Action {
        name: "restart-unit",
        does: "restarts a unit of systemd and waits for its job",
        keys: &[UNIT, PROCESS, DISK],
        read: |with| with.unit(Verb::Restart),
    },
    Action {
        name: "stop-unit",
        does: "stops a unit of systemd and waits for its job",
        keys: &[UNIT, PROCESS, DISK],
        read: |with| with.unit(Verb::Stop),
    },
    Action {
        name: "start-unit",
        does: "starts a unit of systemd and waits for its job",
        keys: &[UNIT, PROCESS, DISK],
        read: |with| with.unit(Verb::Start),
    },
    Action {
        name: "restart-stack",
        does: "stops a group, restarts its node and waits until that follows the chain, starts the group again",
        keys: &[STACK],
        read: |with| Some(Order::Stack(with.optional("stack")?)),
    },
];

/// Every action.
pub fn actions() -> impl Iterator<Item = &'static Action> {
    FAMILIES.iter().copied().flatten()
}

/// The label values `action`.
pub fn names() -> impl Iterator<Item = &'static str> {
    actions().map(|action| action.name)
}

/// More is another word.
const MOST_EDITS: usize = 4;
/// So that there is time to end one that does not end by itself.
const SHORTEST_COMMAND: Duration = Duration::from_secs(30);
/// What an engine or systemd itself needs, beside the patience with a container.
const ENGINE_TIME: Duration = Duration::from_secs(60);

/// Reads a rung: what is to be done, or everything that is wrong, by its key below the rung.
pub(super) fn read(
    action: &Name,
    with: &BTreeMap<String, String>,
    settings: &Settings,
) -> Result<Order, Vec<(String, String)>> {
    let Some(known) = actions().find(|known| known.name == action.as_str()) else {
        return Err(vec![("action".to_owned(), unknown(action))]);
    };
    let mut reading = With {
        given: with,
        settings,
        wrong: Vec::new(),
    };
    reading.unknown_keys(known);
    let order = (known.read)(&mut reading);
    match order {
        Some(order) if reading.wrong.is_empty() => Ok(order),
        _ => Err(reading.wrong),
    }
}

fn unknown(action: &Name) -> String {
    let near = names()
        .map(|name| (strsim::damerau_levenshtein(name, action.as_str()), name))
        .min()
        .filter(|(distance, _)| *distance <= MOST_EDITS);
    let hint = near.map_or_else(
        || names().collect::<Vec<_>>().join(", "),
        |(_, name)| format!("did you mean `{name}`?"),
    );
    format!("no action is called `{action}`; {hint}")
}

/// The settings of one rung while they are read.
pub(super) struct With<'a> {
    given: &'a BTreeMap<String, String>,
    settings: &'a Settings,
    wrong: Vec<(String, String)>,
}

impl With<'_> {
    fn unknown_keys(&mut self, action: &Action) {
        let known: Vec<&str> = action.keys.iter().map(|key| key.name).collect();
        for key in self.given.keys().filter(|key| !known.contains(&key.as_str())) {
            let words = match &known[..] {
                [] => format!("`{}` has no settings", action.name),
                known => format!("`{}` has no such setting; it has {}", action.name, known.join(", ")),
            };
            self.wrong.push((format!("with.{key}"), words));
        }
    }

    /// Nothing when its value is wrong, which is noted; nothing inside when it is not there.
    #[expect(clippy::option_option, reason = "wrong and absent are two things")]
    pub(super) fn optional<T: FromStr<Err = String>>(&mut self, key: &str) -> Option<Option<T>> {
        let Some(text) = self.given.get(key) else {
            return Some(None);
        };
        match text.parse() {
            Ok(value) => Some(Some(value)),
            Err(words) => {
                self.wrong.push((format!("with.{key}"), words));
                None
            }
        }
    }

    /// Noted as wrong when it is not there.
    pub(super) fn required<T: FromStr<Err = String>>(&mut self, key: &Key) -> Option<T> {
        let value = self.optional(key.name)?;
        if value.is_none() {
            let words = format!("say `{}`: {}", key.name, key.is);
            self.wrong.push(("with".to_owned(), words));
        }
        value
    }

    /// Another farmwarden that is listed.
    pub(super) fn remote(&mut self, key: &Key) -> Option<Name> {
        let name = self.required::<Name>(key)?;
        if self.settings.remotes.iter().any(|known| known.name == name) {
            return Some(name);
        }
        let words = format!("no farmwarden is called `{name}`; list it in `remotes`");
        self.wrong.push((format!("with.{}", key.name), words));
        None
    }

    fn container(&mut self, verb: Verb) -> Option<Order> {
        let engine = self.optional::<Name>("engine");
        let container = self.optional("container");
        let patience = self.optional("patience");
        let (engine, container) = (engine?, container?);
        if container.is_none() {
            let words = "name the `container`, as `engines` lists it".to_owned();
            self.wrong.push(("with".to_owned(), words));
            return None;
        }
        let thing = self.listed(Written {
            engine: engine.as_ref(),
            container: container.as_ref(),
            unit: None,
        })?;
        Some(Order::Thing {
            verb,
            thing,
            patience: patience?.unwrap_or_else(settings::patience),
            process: self.optional(PROCESS.name)?,
        })
    }

    fn unit(&mut self, verb: Verb) -> Option<Order> {
        let unit = self.optional("unit")?;
        if unit.is_none() {
            let words = "name the `unit`, as `units.allowed` lists it".to_owned();
            self.wrong.push(("with".to_owned(), words));
            return None;
        }
        let thing = self.listed(Written {
            engine: None,
            container: None,
            unit: unit.as_ref(),
        })?;
        Some(Order::Thing {
            verb,
            thing,
            patience: settings::patience(),
            process: self.optional(PROCESS.name)?,
        })
    }

    fn command(&mut self) -> Option<Order> {
        let Some(name) = self.optional::<Name>("command")? else {
            let words = "name the `command`, as `commands.allowed` lists it".to_owned();
            self.wrong.push(("with".to_owned(), words));
            return None;
        };
        match self.settings.commands.find(&name) {
            Ok(_) => Some(Order::Command {
                name,
                process: self.optional(PROCESS.name)?,
            }),
            Err(words) => {
                self.wrong.push(("with.command".to_owned(), words));
                None
            }
        }
    }

    fn listed(&mut self, written: Written<'_>) -> Option<Thing> {
        let found = self.settings.thing(written);
        found
            .map_err(|(key, words): Wrong| self.wrong.push((format!("with.{key}"), words)))
            .ok()
    }

    /// Whether a person gave this word.
    pub(super) fn said(&mut self, key: &Key, word: &str) -> bool {
        let said = self.given.get(key.name).is_some_and(|said| said == word);
        if !said {
            let words = format!("{} must be {}", key.name, key.is);
            self.wrong.push((format!("with.{}", key.name), words));
        }
        said
    }
}

impl Order {
    /// The shortest `within` with which it can come to its end; less would leave it half done.
    pub(super) fn needs(&self, stack: Option<&settings::Stack>) -> Duration {
        match self {
            Self::Notify => Duration::ZERO,
            // What a command needs only its operator knows.
            Self::Command { process, .. } => SHORTEST_COMMAND + Process::looks_within(process.as_ref()),
            Self::Remote(_) => remote::NEEDS,
            Self::Thing {
                thing,
                patience,
                process,
                ..
            } => {
                let acts = match thing {
                    // Its job, whose own timeout only systemd knows.
                    Thing::Unit(_) => ENGINE_TIME,
                    Thing::Container { .. } => patience.get() + ENGINE_TIME,
                };
                acts + Process::looks_within(process.as_ref())
            }
            Self::Stack(_) => stack.map(stack_needs).unwrap_or_default(),
            Self::Worker(order) => order.needs(),
            Self::Venus(order) => order.needs(),
            Self::Chia(order) => order.needs(),
            Self::Remount => mounts::NEEDS,
        }
    }
}

/// Every step at its longest.
fn stack_needs(stack: &settings::Stack) -> Duration {
    let node = stack.node.iter().map(|node| {
        let stops = node.patience.get() + ENGINE_TIME;
        stops + node.recovers_within.get()
    });
    let members = stack.others().map(|(key, member)| {
        let stops = member.patience.get() + ENGINE_TIME;
        let starts = if key.starts_with("group") {
            ENGINE_TIME
        } else {
            Duration::ZERO
        };
        let waits = member.works_within.map(values::Duration::get).unwrap_or_default();
        stops + starts + waits
    });
    node.chain(members).sum()
}
