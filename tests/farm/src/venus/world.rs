//! What all services look at: the settings, the epoch, the queues of messages, and which services are well.
//!
//! Nothing ticks. Whoever looks first moves the chain to the present.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    message::{Message, Style},
    people::User,
    queue,
    settings::{Instance, Own, Settings},
    version::{Role, Version},
};
use crate::{
    clock::unix_ms,
    standin::patched,
    wire::{Fault, Incident},
};

/// After a longer rest only so many of the epochs that passed move messages.
const MOST_STEPS: u64 = 100;

/// A service as the others know it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) role: Role,
    pub(super) instance: Instance,
    /// Where its head stands, if it does.
    stands_at: Option<u64>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) services: BTreeMap<String, Known>,
    /// By sender.
    pub(super) messages: Vec<Vec<Message>>,
    pub(super) started_ms: u64,
    /// The last epoch that moved messages.
    moved: u64,
    next: u64,
}

impl World {
    pub(super) fn new() -> Self {
        let settings = Settings::default();
        let mut world = Self {
            messages: settings.senders.iter().map(|_| Vec::new()).collect(),
            settings,
            services: BTreeMap::new(),
            started_ms: unix_ms(),
            moved: 0,
            next: 1,
        };
        world.settings.epoch = world.by_clock();
        world.moved = world.settings.epoch;
        world
    }

    fn by_clock(&self) -> u64 {
        let since = unix_ms().saturating_sub(self.settings.genesis * 1000);
        since / self.settings.block_time_ms
    }

    /// The world at this moment.
    pub(super) fn now(&mut self) -> &mut Self {
        if !self.settings.by_hand {
            self.settings.epoch = self.by_clock();
        }
        let epoch = self.settings.epoch;
        self.moved = self.moved.max(epoch.saturating_sub(MOST_STEPS)).min(epoch);
        while self.moved < epoch {
            self.moved += 1;
            queue::step(self, self.moved);
        }
        self
    }

    /// Adds epochs; by the clock, the chain is then so much older.
    pub(super) fn grow(&mut self, count: u64) {
        self.now();
        if self.settings.by_hand {
            self.settings.epoch += count;
        } else {
            let seconds = count * self.settings.block_time_ms / 1000;
            self.settings.genesis = self.settings.genesis.saturating_sub(seconds);
        }
        self.now();
    }

    /// Changes the named settings. Naming `senders` empties their queues: entries that are listed begin anew.
    pub(super) fn patch(&mut self, patch: &Value) -> Result<(), String> {
        self.change(patch, true)
    }

    fn change(&mut self, patch: &Value, anew: bool) -> Result<(), String> {
        let mut next: Settings = patched(&self.now().settings, patch)?;
        next.check()?;
        let named = |key: &str| patch.get(key).is_some();
        if named("epoch") && !named("genesis") {
            let age = next.epoch * next.block_time_ms / 1000;
            next.genesis = (unix_ms() / 1000).saturating_sub(age);
        }
        if named("epoch") {
            self.moved = next.epoch;
        }
        let before = std::mem::replace(&mut self.settings, next);
        if named("era") {
            for known in self.services.values_mut() {
                known.instance.version = Version::of(self.settings.era, known.role);
            }
        }
        if named("senders") {
            self.new_senders(&before, anew);
        }
        Ok(())
    }

    fn new_senders(&mut self, before: &Settings, anew: bool) {
        if anew {
            self.messages.clear();
        }
        self.messages.resize_with(self.settings.senders.len(), Vec::new);
        for at in 0..self.settings.senders.len() {
            let had = before.senders.get(at).filter(|_| !anew);
            queue::changed(self, at, had.map(|sender| sender.trouble).unwrap_or_default());
        }
    }

    /// Changes one entry of `miners`, `senders`, `users` or `tokens`, named by `at` or by what it is called.
    pub(super) fn patch_one(&mut self, list: &str, order: &Value) -> Result<(), String> {
        let mut order = order.clone();
        let members = order.as_object_mut().ok_or("an order must be a JSON object")?;
        let which = members.remove("at").unwrap_or(json!(0));
        let settings = serde_json::to_value(&self.now().settings).unwrap_or_default();
        let mut entries = settings
            .get(list)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let called = |entry: &Value| {
            ["id", "address", "name"]
                .iter()
                .any(|key| entry.get(key) == Some(&which))
        };
        let at = which.as_u64().and_then(|at| usize::try_from(at).ok());
        let at = at.or_else(|| entries.iter().position(called));
        let entry = at.and_then(|at| entries.get_mut(at));
        let entry = entry.ok_or_else(|| format!("no entry {which} in {list}"))?;
        *entry = patched(entry, &order)?;
        self.change(&json!({ list: entries }), false)
    }

    /// Puts `count` messages into a sender's queue, the first of them `age_s` old; gives their ids.
    pub(super) fn put(&mut self, order: &Value) -> Result<Vec<String>, String> {
        let mut order = order.clone();
        let members = order.as_object_mut().ok_or("an order must be a JSON object")?;
        let mut number = |key: &str, otherwise: u64| match members.remove(key) {
            None => Ok(otherwise),
            Some(value) => value.as_u64().ok_or_else(|| format!("{key}: must be a number")),
        };
        let (sender, count, age_s) = (number("sender", 0)?, number("count", 1)?, number("age_s", 0)?);
        let sender = usize::try_from(sender).unwrap_or(usize::MAX);
        let now = self.now().settings.senders.get(sender).cloned();
        let of = now.ok_or_else(|| format!("no entry {sender} in senders"))?;
        let first = unix_ms().saturating_sub(age_s * 1000 + count);
        let mut ids = Vec::new();
        for at in 0..count {
            let message = Message::new(sender, &of, self.number(), first + at);
            let message: Message = patched(&message, &order)?;
            ids.push(queue::put(self, message));
        }
        Ok(ids)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn add(&mut self, name: &str, role: Role) {
        let instance = Instance::new(self.settings.era, role);
        let known = Known {
            role,
            instance,
            stands_at: None,
        };
        self.services.insert(name.to_owned(), known);
    }

    /// Changes the named settings of a service. Coming back from `down` is a restart, which draws a new secret.
    pub(super) fn patch_service(&mut self, name: &str, patch: &Value) -> Result<Fault, String> {
        let head = self.now().head(name);
        let known = self
            .services
            .get_mut(name)
            .ok_or_else(|| format!("no service {name}"))?;
        let was_down = known.instance.incident == Incident::Wire(Fault::Down);
        let mut next: Instance = patched(&known.instance, patch)?;
        next.check(known.role)?;
        let fault = next.incident.fault();
        if was_down && fault != Fault::Down && patch.get("drawn").is_none() {
            next.drawn += 1;
        }
        let stands = next.is(Own::Stuck) || next.is(Own::NoPeers);
        known.stands_at = stands.then(|| known.stands_at.unwrap_or(head));
        known.instance = next;
        Ok(fault)
    }

    /// The height of the head that a node has.
    pub(super) fn head(&self, name: &str) -> u64 {
        let youngest = self.settings.epoch.saturating_sub(self.settings.null_rounds);
        let known = self.services.get(name);
        let lag = known.filter(|known| known.instance.is(Own::Lagging));
        let lag = lag.map_or(0, |known| known.instance.lag);
        let stands_at = known.and_then(|known| known.stands_at);
        stands_at.unwrap_or(u64::MAX).min(youngest.saturating_sub(lag))
    }

    /// The first service of a role that answers its callers.
    pub(super) fn well(&self, role: Role) -> Option<&Known> {
        let answers = |fault| matches!(fault, Fault::Healthy | Fault::Slow);
        let mut services = self.services.values().filter(|known| known.role == role);
        services.find(|known| answers(known.instance.incident.fault()))
    }

    /// The name of the first service of a role.
    pub(super) fn first(&self, role: Role) -> Option<&str> {
        let mut services = self.services.iter().filter(|(_, known)| known.role == role);
        services.next().map(|(name, _)| name.as_str())
    }

    /// Whether the messager and the miner service are told of new heads.
    pub(super) fn has_heads(&self) -> bool {
        self.well(Role::Node).is_some_and(|known| known.stands_at.is_none())
    }

    pub(super) fn user(&self, name: &str) -> Option<&User> {
        self.settings.users.iter().find(|user| user.name == name)
    }

    /// Whether the gateway can have something signed for this account.
    pub(super) fn signs(&self, account: &str) -> bool {
        let gateway = self.well(Role::Gateway);
        let kept = gateway.is_some_and(|known| !loses(&known.instance, Own::LostWallet, account));
        kept && self.user(account).is_some_and(|user| user.wallets > 0)
    }

    pub(super) fn style(&self, version: Version, prefix: char) -> Style {
        let senders = self.settings.senders.iter();
        let node = self.first(Role::Node).unwrap_or_default();
        Style {
            version,
            prefix,
            zone_hours: self.settings.zone_hours,
            head: self.head(node),
            senders: Arc::new(
                senders
                    .map(|from| (from.address.clone(), from.account.clone()))
                    .collect(),
            ),
        }
    }
}

/// Whether a gateway lost this wallet's account, or this miner's prover.
pub(super) fn loses(gateway: &Instance, own: Own, name: &str) -> bool {
    gateway.is(own) && (gateway.lost.is_empty() || gateway.lost.iter().any(|lost| lost == name))
}
