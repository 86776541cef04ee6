//! A small Filecoin and the five Venus services that look at it, in the wire of their three eras.
//!
//! There is no chain behind it: epochs are counted, messages move by a few rules, tokens are made up. Not there:
//! WebSocket, calls that a monitor has no use for, and auth's calls that change something.

mod access;
mod auth;
mod changes;
mod gateway;
mod message;
mod messager;
mod miner;
mod node;
mod people;
mod queue;
mod rpc;
mod service;
mod settings;
pub(crate) mod text;
mod version;
mod world;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use futures_util::future::{self, BoxFuture, FutureExt as _};
use serde_json::{Value, json};

use crate::standin::{Kind, StandIn, Starting, locked};

pub use message::{Held, Message};
pub use miner::CUT;
pub use people::{Illness, Miner, Perm, Sender, Token, Trouble, User};
pub use service::Service;
pub use settings::{Instance, Own, Settings, Shared};
pub use version::{Era, Role, Version};
use world::World;

pub(crate) const KIND: Kind = Kind {
    name: "venus",
    spec: "HOST[,SERVICE=PORT]...",
    about: "Venus on one Filecoin: NAME-auth, -gateway, -node, -messager, -miner, and more like -miner-2",
    start,
};

/// The five services around one Filecoin, each on a port of its own. Dropping it closes all of them.
#[derive(Debug)]
pub struct Venus {
    pub auth: Service,
    pub gateway: Service,
    pub node: Service,
    pub messager: Service,
    pub miner: Service,
    host: String,
    chain: Chain,
}

/// What the services share.
#[derive(Clone, Debug)]
struct Chain(Arc<Mutex<World>>);

impl Venus {
    /// Listens on free ports of `host`: one miner, two senders without waiting messages, a user with a token of each
    /// permission, all of the newest era and well.
    pub async fn start(host: &str) -> io::Result<Self> {
        let chain = Chain(Arc::new(Mutex::new(World::new())));
        let service = async |role: Role| Service::start(&chain.0, role.name(), role, (host, 0)).await;
        Ok(Self {
            auth: service(Role::Auth).await?,
            gateway: service(Role::Gateway).await?,
            node: service(Role::Node).await?,
            messager: service(Role::Messager).await?,
            miner: service(Role::Miner).await?,
            host: host.to_owned(),
            chain,
        })
    }

    /// One more service on the same Filecoin. Its name begins with its role: `miner-2`.
    pub async fn another(&self, name: &str) -> Result<Service, String> {
        self.chain.service(name, &self.host, 0).await
    }

    /// Changes the named settings (see [`Settings`]). Naming `senders` empties their queues.
    pub fn set(&self, patch: &Value) -> Result<(), String> {
        locked(&self.chain.0).patch(patch)
    }

    /// The settings now, with the epoch and the nonces that were reached.
    pub fn settings(&self) -> Settings {
        locked(&self.chain.0).now().settings.clone()
    }

    /// Changes one sender; `order` says which (`at`: its place in the list, or its address) and what.
    pub fn sender(&self, order: &Value) -> Result<(), String> {
        locked(&self.chain.0).patch_one("senders", order)
    }

    /// Changes one miner, as [`Self::sender`] does with senders.
    pub fn one_miner(&self, order: &Value) -> Result<(), String> {
        locked(&self.chain.0).patch_one("miners", order)
    }

    /// Changes one user.
    pub fn user(&self, order: &Value) -> Result<(), String> {
        locked(&self.chain.0).patch_one("users", order)
    }

    /// Adds epochs. By the clock the chain is then so much older.
    pub fn epoch(&self, count: u64) {
        locked(&self.chain.0).grow(count);
    }

    /// Puts messages into the queue of a sender and gives their ids. Beside the fields of [`Message`] an order has
    /// `sender` (its place in the list), `count`, and `age_s`.
    pub fn put(&self, order: &Value) -> Result<Vec<String>, String> {
        locked(&self.chain.0).put(order)
    }

    /// Every message that is remembered.
    pub fn messages(&self) -> Vec<Message> {
        locked(&self.chain.0).now().messages.iter().flatten().cloned().collect()
    }

    /// The first token of this permission that auth issued; empty if there is none.
    pub fn token(&self, perm: Perm) -> String {
        let tokens = self.settings().tokens;
        let token = tokens.iter().find(|token| token.perm == perm);
        token.map(Token::text).unwrap_or_default()
    }

    /// Takes every token of this permission back and issues another in its place.
    pub fn regenerate(&self, perm: Perm) -> Result<(), String> {
        let order = json!({"perm": perm});
        self.chain.regenerate(&order)
    }
}

impl Chain {
    async fn service(&self, name: &str, host: &str, port: u16) -> Result<Service, String> {
        let role = Role::of(name).ok_or_else(|| format!("{name} does not begin with the name of a service"))?;
        let started = Service::start(&self.0, name, role, (host, port)).await;
        started.map_err(|error| format!("{name} on {host}:{port}: {error}"))
    }

    fn regenerate(&self, order: &Value) -> Result<(), String> {
        let mut world = locked(&self.0);
        let mut tokens = world.settings.tokens.clone();
        let wanted = order.get("perm").and_then(Value::as_str);
        for token in &mut tokens {
            if wanted.is_none_or(|perm| perm == token.perm.name()) {
                token.drawn += 100;
            }
        }
        world.patch(&json!({"tokens": tokens}))
    }
}

/// All of it for the control port: this one has the settings of the Filecoin, each service those of its own.
struct Group {
    host: String,
    chain: Chain,
    services: Vec<(String, Box<dyn StandIn>)>,
}

fn start(spec: String) -> Starting {
    async move {
        let mut words = spec.split(',');
        let host = words.next().unwrap_or_default().to_owned();
        let mut ports: BTreeMap<String, u16> = Role::ALL.iter().map(|role| (role.name().to_owned(), 0)).collect();
        for part in words {
            let (name, port) = part
                .split_once('=')
                .ok_or_else(|| format!("{part} is not SERVICE=PORT"))?;
            let port = port.parse().map_err(|_| format!("{part}: {port} is not a port"))?;
            ports.insert(name.to_owned(), port);
        }
        let chain = Chain(Arc::new(Mutex::new(World::new())));
        let mut services = Vec::new();
        for (name, port) in ports {
            let service: Box<dyn StandIn> = Box::new(chain.service(&name, &host, port).await?);
            services.push((name, service));
        }
        let group: Box<dyn StandIn> = Box::new(Group { host, chain, services });
        Ok(group)
    }
    .boxed()
}

impl StandIn for Group {
    fn place(&self) -> String {
        self.host.clone()
    }

    fn others(&mut self) -> Vec<(String, Box<dyn StandIn>)> {
        std::mem::take(&mut self.services)
    }

    fn settings(&self) -> Value {
        let settings = locked(&self.chain.0).now().settings.clone();
        serde_json::to_value(settings).unwrap_or_default()
    }

    fn set(&self, patch: Value) -> BoxFuture<'_, Result<(), String>> {
        future::ready(locked(&self.chain.0).patch(&patch)).boxed()
    }

    fn act(&self, verb: &str, body: &Value) -> Option<Result<(), String>> {
        let mut world = locked(&self.chain.0);
        Some(match verb {
            "epoch" => match body.get("count").map_or(Some(1), Value::as_u64) {
                Some(count) => {
                    world.grow(count);
                    Ok(())
                }
                None => Err("epoch takes {\"count\": how many}".to_owned()),
            },
            "message" => world.put(body).map(drop),
            "sender" => world.patch_one("senders", body),
            "miner" => world.patch_one("miners", body),
            "user" => world.patch_one("users", body),
            "regenerate" => {
                drop(world);
                self.chain.regenerate(body)
            }
            _ => return None,
        })
    }

    fn ask(&self, noun: &str) -> Option<Value> {
        let mut world = locked(&self.chain.0);
        let world = world.now();
        match noun {
            "messages" => {
                let messages: Vec<&Message> = world.messages.iter().flatten().collect();
                serde_json::to_value(messages).ok()
            }
            "tokens" => {
                let tokens = world.settings.tokens.iter();
                Some(
                    tokens
                        .map(|token| json!({"perm": token.perm, "name": token.name, "token": token.text()}))
                        .collect(),
                )
            }
            _ => None,
        }
    }
}
