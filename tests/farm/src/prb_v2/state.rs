//! The monitor's memory: how far the chains are, where a broken provider stands, and which calls share a connection.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use super::settings::{Peer, Provider, Settings, Trouble};
use crate::{
    phala::{
        beat::Beat,
        fleet::{Memory, Tip},
    },
    standin::patched,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    beat: Beat,
    /// Where each provider stood when its trouble came.
    stands: BTreeMap<String, Tip>,
    memories: BTreeMap<String, Memory>,
    connections: BTreeMap<String, Connection>,
    nonces: u64,
}

/// One connection of the monitor to a peer. Calls that come while it is being made share it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) ready: Instant,
    /// The work of the shortest of its calls, with which it is closed; nothing while none of them would end.
    pub(super) shortest: Option<Duration>,
    pub(super) shared: bool,
}

/// What `GetDataProviderInfo` says of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) target: Tip,
    pub(super) processed: Tip,
}

impl State {
    pub(super) fn new() -> Self {
        let settings = Settings::default();
        let mut state = Self {
            beat: Beat::default(),
            stands: BTreeMap::new(),
            memories: BTreeMap::new(),
            connections: BTreeMap::new(),
            nonces: 0,
            settings,
        };
        state.keep_memories();
        state
    }

    /// The state at this moment.
    pub(super) fn now(&mut self) -> &mut Self {
        let due = self.beat.due(self.settings.block_time_ms);
        self.grow(due);
        self
    }

    pub(super) fn grow(&mut self, blocks: i64) {
        self.settings.para_height += blocks;
        self.settings.relay_height += 2 * blocks;
    }

    pub(super) fn head(&self) -> Tip {
        Tip {
            relay: self.settings.relay_height,
            para: self.settings.para_height,
        }
    }

    pub(super) fn progress(&self, provider: &Provider) -> Progress {
        let head = self.head();
        let name = &provider.peer.name;
        let stood = self
            .stands
            .get(name)
            .copied()
            .unwrap_or_else(|| processed(head, provider));
        let unknown = Tip { relay: -1, para: -1 };
        match provider.peer.trouble {
            Trouble::JustStarted => Progress {
                target: unknown,
                processed: unknown,
            },
            Trouble::LostNode => Progress {
                target: Tip {
                    relay: stood.relay + 2 * provider.behind,
                    para: stood.para + provider.behind,
                },
                processed: stood,
            },
            Trouble::Healthy | Trouble::Hang => Progress {
                target: head,
                processed: processed(head, provider),
            },
            _ => Progress {
                target: head,
                processed: stood,
            },
        }
    }

    /// How far the workers of a lifecycle can be: as far as the data provider of the same bridge.
    pub(super) fn tip(&self, lifecycle: &Peer) -> Tip {
        let mut providers = self.settings.data_providers.iter();
        let provider = providers.find(|provider| provider.peer.bridge_identity == lifecycle.bridge_identity);
        match provider {
            None => self.head(),
            Some(provider) if provider.peer.trouble == Trouble::JustStarted => {
                self.stands.get(&provider.peer.name).copied().unwrap_or(self.head())
            }
            Some(provider) => self.progress(provider).processed,
        }
    }

    pub(super) fn memory(&self, lifecycle: &str) -> Option<&Memory> {
        self.memories.get(lifecycle)
    }

    pub(super) fn memory_mut(&mut self, lifecycle: &str) -> Option<&mut Memory> {
        self.memories.get_mut(lifecycle)
    }

    /// Changes the named settings and what follows from them.
    pub(super) fn patch(&mut self, patch: &Value) -> Result<(), String> {
        let next: Settings = patched(&self.now().settings, patch)?;
        self.replace(next, patch.get("block_time_ms").is_some())
    }

    /// Changes the named settings of one peer.
    pub(super) fn patch_peer(&mut self, name: &str, patch: &Value) -> Result<(), String> {
        let mut next = self.now().settings.clone();
        let provider = next.data_providers.iter_mut().find(|entry| entry.peer.name == name);
        let lifecycle = next.lifecycles.iter_mut().find(|entry| entry.peer.name == name);
        match (provider, lifecycle) {
            (Some(provider), _) => *provider = patched(provider, patch)?,
            (None, Some(lifecycle)) => *lifecycle = patched(lifecycle, patch)?,
            (None, None) => return Err(format!("no peer named {name}")),
        }
        self.replace(next, false)
    }

    fn replace(&mut self, next: Settings, new_beat: bool) -> Result<(), String> {
        next.check()?;
        let head = self.head();
        let mut stands = BTreeMap::new();
        for provider in &next.data_providers {
            let name = &provider.peer.name;
            let mut olds = self.settings.data_providers.iter();
            let old = olds.find(|old| old.peer.name == *name);
            let now = old.map_or(processed(head, provider), |old| self.progress(old).processed);
            if provider.peer.trouble != Trouble::Healthy {
                let known = if now.para < 0 { processed(head, provider) } else { now };
                stands.insert(name.clone(), self.stands.get(name).copied().unwrap_or(known));
            }
        }
        let mut changes = Vec::new();
        for lifecycle in &next.lifecycles {
            let mut olds = self.settings.lifecycles.iter();
            let old = olds.find(|old| old.peer.name == lifecycle.peer.name);
            let old = old.map(|old| old.fleet.clone()).unwrap_or_default();
            changes.push((lifecycle.clone(), old, self.tip(&lifecycle.peer)));
        }
        self.stands = stands;
        self.settings = next;
        if new_beat {
            self.beat = Beat::default();
        }
        self.keep_memories();
        for (lifecycle, old, tip) in changes {
            if let Some(memory) = self.memories.get_mut(&lifecycle.peer.name) {
                memory.changed(&old, &lifecycle.fleet, tip);
            }
        }
        Ok(())
    }

    fn keep_memories(&mut self) {
        let names: Vec<String> = self
            .settings
            .lifecycles
            .iter()
            .map(|entry| entry.peer.name.clone())
            .collect();
        self.memories.retain(|name, _| names.contains(name));
        for name in names {
            self.memories.entry(name).or_default();
        }
    }

    /// Joins the connection that is being made to a peer, or begins one. `work` is how long the peer will think.
    pub(super) fn connect(&mut self, peer: &str, work: Option<Duration>) -> Connection {
        self.nonces += 1;
        let now = Instant::now();
        let dial = Duration::from_millis(self.settings.dial_ms);
        let fresh = Connection {
            number: self.nonces,
            ready: now + dial,
            shortest: work,
            shared: false,
        };
        let connection = self.connections.entry(peer.to_owned()).or_insert(fresh);
        if connection.number == fresh.number {
            return fresh;
        }
        if connection.ready <= now {
            *connection = fresh;
            return fresh;
        }
        connection.shared = true;
        connection.shortest = match (connection.shortest, work) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        *connection
    }

    /// The connection as it is when it stands: now everybody who shares it is known.
    pub(super) fn connection(&self, peer: &str, connection: Connection) -> Connection {
        let now = self.connections.get(peer);
        now.copied()
            .filter(|now| now.number == connection.number)
            .unwrap_or(connection)
    }

    pub(super) fn nonce(&mut self) -> String {
        self.nonces += 1;
        crate::phala::identity::uuid(&format!("nonce {}", self.nonces))
    }
}

fn processed(head: Tip, provider: &Provider) -> Tip {
    Tip {
        relay: head.relay - 2 * provider.behind,
        para: head.para - provider.behind,
    }
}
