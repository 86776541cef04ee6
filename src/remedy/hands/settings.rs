//! The sections `engines`, `units` and `stacks` of the configuration: what repairs may touch. Whatever is not listed there
//! is out of reach, whoever asks.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use super::commands::Commands;
use super::remotes::Remote;
use crate::actions::containers::{EngineSettings, Place, Selector};
use crate::actions::units::{UnitName, UnitsSettings};
use crate::collectors::{chia, mounts, prb, venus};
use crate::upstream::TrustFiles;
use crate::values::{self, Duration, HostPort, Name};

/// A container engine, Docker's or podman's, and the containers in it that repairs may touch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// What actions, stacks and messages call it; best the machine's name.
    #[schemars(example = &"farm-1")]
    pub name: Name,
    /// Its unix socket. Whoever can open it owns the machine: see docs/actions.md.
    #[serde(default)]
    #[schemars(example = &"/var/run/docker.sock")]
    pub socket: Option<PathBuf>,
    /// In place of `socket`, the host and port of an engine that asks for a certificate. Usual port 2376.
    #[serde(default)]
    #[schemars(example = &"10.0.0.5:2376", extend("x-off" = true))]
    pub address: Option<HostPort>,
    /// With `address`: the authority that signed the engine's certificate; no other is trusted.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/farm-1/ca.pem", extend("x-off" = true))]
    pub ca_file: Option<PathBuf>,
    /// With `address`: our own certificate.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/farm-1/cert.pem", extend("x-off" = true))]
    pub cert_file: Option<PathBuf>,
    /// With `address`: the key of our certificate, in PEM without a password.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/farm-1/key.pem", extend("x-off" = true))]
    pub key_file: Option<PathBuf>,
    /// Containers that may be touched, by their names, or as Compose has them: `project/service`, or `*/service` where there is one of it. What stands here is an example.
    #[schemars(example = ["phala-node", "bridge_2/data_provider", "bridge_2/lifecycle"])]
    pub containers: Vec<Selector>,
}

/// systemd's units on this machine that repairs may touch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Units {
    /// The socket of the system bus.
    pub socket: PathBuf,
    /// Services, mounts and automounts by their whole names. A polkit rule must allow them to farmwarden's user: see docs/actions.md.
    #[schemars(example = ["phala-node.service"], extend("x-off" = true))]
    pub allowed: Vec<UnitName>,
}

impl Default for Units {
    fn default() -> Self {
        Self {
            socket: "/run/dbus/system_bus_socket".into(),
            allowed: Vec::new(),
        }
    }
}

/// Processes that are stopped and started in one order, for the action `restart-stack`: the group from its last to its first, then the node, then the group from its first to its last.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// What actions and messages call it.
    #[schemars(example = &"farm-1")]
    pub name: Name,
    /// The chain node that the others stand on. It is restarted only while its target has `node_stuck`, and few peers, an old head or a chain that does not answer as well; without a node the group is restarted by itself.
    #[serde(default)]
    pub node: Option<StackNode>,
    /// The target that watches the PRB whose processes these are. Nothing of it is stopped while most workers get blocks.
    #[serde(default)]
    #[schemars(example = &"prb-1")]
    pub prb: Option<Name>,
    /// Where that PRB has several lifecycles, the label of the one in this stack; left out, all of them count.
    #[serde(default)]
    #[schemars(example = &"room-a", extend("x-off" = true))]
    pub lifecycle: Option<String>,
    /// In the order in which they are started. What was stopped before is left so. What stands here is an example.
    #[serde(default)]
    #[schemars(example = serde_json::json!([
        {"container": "bridge_2/data_provider", "patience": "1m", "works_within": "10m"},
        {"container": "bridge_2/lifecycle"}
    ]))]
    pub group: Vec<Member>,
    /// Restarted when all others run: `fetch` of PRB v0, or the `pherry` of workers without a PRB.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"container": "bridge_fetch_1", "patience": "1m"}]), extend("x-off" = true))]
    pub restarted_last: Vec<Member>,
}

/// The node of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackNode {
    /// The target of the kind `phala` that watches it, and shows when it works again: its heights rise, and it does not synchronise.
    #[schemars(example = &"node-1")]
    pub target: Name,
    /// The engine of `container`; left out, the only one.
    #[serde(default)]
    #[schemars(example = &"farm-1")]
    pub engine: Option<Name>,
    /// A container that `engines` lists.
    #[serde(default)]
    #[schemars(example = &"phala-node")]
    pub container: Option<Selector>,
    /// In place of `container`, a unit that `units` lists.
    #[serde(default)]
    #[schemars(example = &"phala-node.service", extend("x-off" = true))]
    pub unit: Option<UnitName>,
    /// What it is given to stop by itself: it writes out a database of terabytes, and is killed after that.
    #[serde(default = "node_patience")]
    pub patience: Duration,
    /// What it is given to follow the chain again. Until then the group stays stopped.
    #[serde(default = "recovers_within")]
    pub recovers_within: Duration,
}

/// One of the others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The engine of `container`; left out, the only one.
    #[serde(default)]
    #[schemars(example = &"farm-1", extend("x-off" = true))]
    pub engine: Option<Name>,
    /// A container that `engines` lists.
    #[serde(default)]
    #[schemars(example = &"bridge_2/lifecycle")]
    pub container: Option<Selector>,
    /// In place of `container`, a unit that `units` lists.
    #[serde(default)]
    #[schemars(example = &"phala-pherry.service", extend("x-off" = true))]
    pub unit: Option<UnitName>,
    /// What it is given to stop by itself; it is killed after that.
    #[serde(default = "patience")]
    pub patience: Duration,
    /// Of a data provider: the next one is started when the data providers of `prb` have caught up, at the latest after so long. Left out, nobody waits.
    #[serde(default)]
    #[schemars(example = &"10m", extend("x-off" = true))]
    pub works_within: Option<Duration>,
}

fn node_patience() -> Duration {
    Duration::from_secs(600)
}

fn recovers_within() -> Duration {
    Duration::from_secs(1800)
}

/// Of everything but a node.
pub(super) fn patience() -> Duration {
    Duration::from_secs(60)
}

/// All that repairs may touch, and what must be known of targets for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub engines: Vec<Engine>,
    pub units: Units,
    pub stacks: Vec<Stack>,
    pub commands: Commands,
    /// Other farmwardens.
    pub remotes: Vec<Remote>,
    /// Every target with its kind.
    pub targets: BTreeMap<Name, &'static str>,
    /// By which door each PRB is told something.
    pub prbs: Vec<prb::Target>,
    /// By which services each chain service of Venus is told something.
    pub venus: Vec<venus::Target>,
    /// By which services each Chia farm is told something.
    pub chia: Vec<chia::Target>,
    /// Which mounts each machine must have.
    pub machines: Vec<mounts::Target>,
}

/// One container or unit, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub(super) engine: Option<&'a Name>,
    pub(super) container: Option<&'a Selector>,
    pub(super) unit: Option<&'a UnitName>,
}

/// One container or unit that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Container { engine: Name, which: Selector },
    Unit(UnitName),
}

/// A key, and what is wrong with its value.
pub(super) type Wrong = (&'static str, String);

impl Settings {
    pub(super) fn chia(&self, name: &Name) -> Option<&chia::Target> {
        self.chia.iter().find(|target| target.name == *name)
    }

    pub(super) fn machine(&self, name: &Name) -> Option<&mounts::Target> {
        self.machines.iter().find(|target| target.name == *name)
    }

    /// Sockets on this machine that are not there, in words. What answers behind them is not asked.
    pub fn unreachable(&self) -> Vec<String> {
        let engines = self.engines.iter().filter_map(|engine| {
            let socket = engine.socket.as_deref()?;
            Some((format!("engine {}", engine.name), socket))
        });
        let bus = (!self.units.allowed.is_empty()).then(|| ("systemd".to_owned(), self.units.socket.as_path()));
        let missing = |(whose, socket): (String, &Path)| {
            let fault = match std::fs::metadata(socket) {
                Ok(found) if found.file_type().is_socket() => return None,
                Ok(_) => "it is no socket".to_owned(),
                Err(e) => values::io_words(&e),
            };
            Some(format!("{whose}: {}: {fault}", socket.display()))
        };
        let commands = self.commands.unusable().into_iter();
        let commands = commands.map(|(who, why)| format!("{who}: {why}"));
        engines.chain(bus).filter_map(missing).chain(commands).collect()
    }

    pub(super) fn prb(&self, name: &Name) -> Option<&prb::Target> {
        self.prbs.iter().find(|target| target.name == *name)
    }

    pub(super) fn venus(&self, name: &Name) -> Option<&venus::Target> {
        self.venus.iter().find(|target| target.name == *name)
    }

    /// The stack of a target: the one that is named, or the only one.
    pub(super) fn stack_of(&self, name: Option<&Name>, target: &Name) -> Result<&Stack, String> {
        if let Some(name) = name {
            let stack = self.stacks.iter().find(|stack| stack.name == *name);
            let stack = stack.ok_or_else(|| format!("no stack is called `{name}`; list it in `stacks`"))?;
            let words =
                || format!("the stack `{name}` is not that of `{target}`: neither its `node.target` nor its `prb`");
            return Some(stack).filter(|stack| stack.is_of(target)).ok_or_else(words);
        }
        let mut own = self.stacks.iter().filter(|stack| stack.is_of(target));
        match (own.next(), own.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(format!(
                "no stack is that of `{target}`; name the target in one, as its `node.target` or `prb`"
            )),
            (Some(one), Some(other)) => Err(format!(
                "the stacks `{}` and `{}` are both those of `{target}`; say which by `stack`",
                one.name, other.name
            )),
        }
    }

    /// What is listed under these names.
    pub(super) fn thing(&self, written: Written<'_>) -> Result<Thing, Wrong> {
        match (written.container, written.unit) {
            (Some(which), None) => self.container(written.engine, which),
            (None, Some(_)) if written.engine.is_some() => {
                Err(("engine", "a unit is on this machine and has no engine".to_owned()))
            }
            (None, Some(unit)) if self.units.allowed.contains(unit) => Ok(Thing::Unit(unit.clone())),
            (None, Some(unit)) => Err(("unit", format!("{unit} is not listed in `units.allowed`"))),
            (Some(_), Some(_)) => Err(("unit", "either a `container` or a `unit`".to_owned())),
            (None, None) => Err(("", "name its `container` or its `unit`".to_owned())),
        }
    }

    fn container(&self, engine: Option<&Name>, which: &Selector) -> Result<Thing, Wrong> {
        let engine = match (engine, &self.engines[..]) {
            (Some(name), engines) => engines
                .iter()
                .find(|engine| engine.name == *name)
                .ok_or_else(|| ("engine", format!("no engine is called `{name}`; list it in `engines`")))?,
            (None, [only]) => only,
            (None, []) => return Err(("container", "no engine is listed in `engines`".to_owned())),
            (None, [..]) => return Err(("engine", "there are several engines: say which".to_owned())),
        };
        if !engine.containers.contains(which) {
            let words = format!("{which} is not listed in the `containers` of engine `{}`", engine.name);
            return Err(("container", words));
        }
        Ok(Thing::Container {
            engine: engine.name.clone(),
            which: which.clone(),
        })
    }

    /// The stacks in which it stands, and whether it is the node there.
    pub(super) fn stacks_with(&self, thing: &Thing) -> impl Iterator<Item = (&Stack, bool)> {
        let is = |written: Written<'_>| self.thing(written).as_ref() == Ok(thing);
        self.stacks.iter().filter_map(move |stack| {
            let mut parts = stack.parts().filter(|(_, part)| is(*part)).peekable();
            parts.peek()?;
            Some((stack, parts.any(|(key, _)| key == "node")))
        })
    }
}

impl Stack {
    pub(super) fn is_of(&self, target: &Name) -> bool {
        self.prb.as_ref() == Some(target) || self.node.as_ref().is_some_and(|node| node.target == *target)
    }

    /// All that is stopped and started, each with its key.
    pub(super) fn parts(&self) -> impl Iterator<Item = (String, Written<'_>)> {
        let node = self.node.iter().map(|node| ("node".to_owned(), node.written()));
        node.chain(self.others().map(|(key, member)| (key, member.written())))
    }

    /// All but the node, each with its key.
    pub(super) fn others(&self) -> impl Iterator<Item = (String, &Member)> {
        let lists = [("group", &self.group), ("restarted_last", &self.restarted_last)];
        lists.into_iter().flat_map(|(list, members)| {
            let keyed = members.iter().enumerate();
            keyed.map(move |(number, member)| (format!("{list}[{number}]"), member))
        })
    }
}

impl StackNode {
    pub(super) fn written(&self) -> Written<'_> {
        Written {
            engine: self.engine.as_ref(),
            container: self.container.as_ref(),
            unit: self.unit.as_ref(),
        }
    }
}

impl Member {
    pub(super) fn written(&self) -> Written<'_> {
        Written {
            engine: self.engine.as_ref(),
            container: self.container.as_ref(),
            unit: self.unit.as_ref(),
        }
    }
}

impl Engine {
    /// For the room that acts; nothing for one that says neither or both ways to it.
    pub(super) fn for_actions(&self) -> Option<EngineSettings> {
        let place = match (&self.socket, &self.address) {
            (Some(socket), None) => Place::Socket(socket.clone()),
            (None, Some(address)) => Place::Tls {
                address: address.clone(),
                files: TrustFiles {
                    ca_file: self.ca_file.clone()?,
                    client: self.cert_file.clone().zip(self.key_file.clone()),
                },
            },
            _ => return None,
        };
        Some(EngineSettings {
            name: self.name.clone(),
            place,
            containers: self.containers.clone(),
        })
    }
}

impl Units {
    pub(super) fn for_actions(&self) -> UnitsSettings {
        UnitsSettings {
            socket: self.socket.clone(),
            units: self.allowed.clone(),
        }
    }
}

impl Thing {
    /// What it is called, without where it is.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Container { which, .. } => which.word(),
            Self::Unit(unit) => unit.as_str(),
        }
    }
}

/// `phala-node at farm-1`, or a unit's name.
impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { engine, which } => write!(f, "{which} at {engine}"),
            Self::Unit(unit) => write!(f, "{unit}"),
        }
    }
}
