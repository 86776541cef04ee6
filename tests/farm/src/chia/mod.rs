//! A Chia farm as a monitor sees it: the RPCs of full node, farmer, harvester and wallet, and the daemon's websocket,
//! each behind mutual TLS with certificates of the farm's own authority.
//!
//! Nothing is farmed: signage points pass by the clock, and harvesters answer them as they are told. Not there: calls
//! that a monitor has no use for, paging of bad plots, commands of the daemon beside `register_service`, `ping` and those
//! that stop and start the installation's harvester. Keys
//! of certificates are elliptic ones, where chia's are RSA.

mod answers;
mod certificates;
mod service;
mod settings;
mod world;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use futures_util::future::{self, BoxFuture, FutureExt as _};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

use crate::standin::{Kind, StandIn, Starting, locked};

use answers::Role;
use certificates::{Authority, Leaf};
pub use service::Service;
pub use settings::{Harvester, Instance, Settings, Shown};
use world::World;

pub(crate) const KIND: Kind = Kind {
    name: "chia",
    spec: "HOST,DIRECTORY",
    about: "a Chia farm: NAME-full_node, -farmer, -harvester, -wallet, -daemon; DIRECTORY becomes a CHIA_ROOT",
    start,
};

/// The five services of one farm. Dropping it closes all of them; what it wrote stays.
#[derive(Debug)]
pub struct Chia {
    pub full_node: Service,
    pub farmer: Service,
    pub harvester: Service,
    pub wallet: Service,
    pub daemon: Service,
    root: PathBuf,
    shared: Arc<Shared>,
}

/// What the services share.
struct Shared {
    world: Mutex<World>,
    /// By what is shown.
    own: TlsAcceptor,
    strange: TlsAcceptor,
    expired: TlsAcceptor,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.world.fmt(f)
    }
}

impl Shared {
    /// Makes the certificates and writes the installation.
    fn write(root: &Path) -> Result<Self, String> {
        let made = |error: rcgen::Error| format!("certificates: {error}");
        let (authority, stranger) = (Authority::new().map_err(made)?, Authority::new().map_err(made)?);
        let leaf = |of: &Authority, expired| of.leaf(expired).map_err(made);
        let (harvester, daemon) = (leaf(&authority, false)?, leaf(&authority, false)?);
        let (strange, expired) = (leaf(&stranger, false)?, leaf(&authority, true)?);
        let ssl = root.join("config/ssl");
        let leaves: [(&Leaf, PathBuf, &str); 4] = [
            (&harvester, ssl.join("harvester"), "private_harvester"),
            (&daemon, ssl.join("daemon"), "private_daemon"),
            (&strange, root.join("strange"), "private_daemon"),
            (&expired, root.join("expired"), "private_daemon"),
        ];
        let written = leaves
            .iter()
            .try_for_each(|(leaf, directory, name)| leaf.write(directory, name));
        written
            .and_then(|()| authority.write(&ssl.join("ca")))
            .and_then(|()| stranger.write(&root.join("strange")))
            .map_err(|error| format!("{}: {error}", root.display()))?;
        Ok(Self {
            own: authority.acceptor(&authority, &daemon)?,
            strange: authority.acceptor(&stranger, &strange)?,
            expired: authority.acceptor(&authority, &expired)?,
            world: Mutex::new(World::new(harvester.node_id())),
        })
    }

    fn acceptor(&self) -> TlsAcceptor {
        let shown = locked(&self.world).settings.certificate;
        match shown {
            Shown::Own => self.own.clone(),
            Shown::Strange => self.strange.clone(),
            Shown::Expired => self.expired.clone(),
        }
    }
}

impl Chia {
    /// Makes an installation in `root` (which may be there) and serves it on free ports of `host`: two harvesters with
    /// 1,000 plots each. Beside the installation there are certificates of another farm and one that has ended, in
    /// `strange/` and `expired/`.
    pub async fn start(host: &str, root: &Path) -> Result<Self, String> {
        let shared = Arc::new(Shared::write(root)?);
        let service = async |role: Role| Service::start(&shared, role, host).await;
        let farm = Self {
            full_node: service(Role::FullNode).await?,
            farmer: service(Role::Farmer).await?,
            harvester: service(Role::Harvester).await?,
            wallet: service(Role::Wallet).await?,
            daemon: service(Role::Daemon).await?,
            root: root.to_owned(),
            shared,
        };
        fs::write(root.join("config/config.yaml"), farm.config()).map_err(|error| error.to_string())?;
        Ok(farm)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// As chia ships it: with anchors, and an empty set.
    fn config(&self) -> String {
        let port = |service: &Service| service.addr().port();
        let disks = self.settings().harvesters.first().map_or(0, |own| own.disks);
        let directories: Vec<String> = (0..disks).map(|number| format!("/mnt/plots/d{number:02}")).collect();
        let (full_node, farmer, harvester) = (port(&self.full_node), port(&self.farmer), port(&self.harvester));
        let (wallet, daemon) = (port(&self.wallet), port(&self.daemon));
        format!(
            "min_mainnet_k_size: 32
self_hostname: &self_hostname \"localhost\"
daemon_port: {daemon}
daemon_ssl: {{private_crt: config/ssl/daemon/private_daemon.crt, private_key: config/ssl/daemon/private_daemon.key}}
private_ssl_ca: {{crt: config/ssl/ca/private_ca.crt, key: config/ssl/ca/private_ca.key}}
selected_network: &selected_network \"mainnet\"
network_overrides: &network_overrides {{constants: {{mainnet: {{NETWORK_TYPE: 0}}}}}}
full_node: {{rpc_port: {full_node}, selected_network: *selected_network}}
farmer:
  rpc_port: {farmer}
  pool_public_keys: !!set {{}}
  network_overrides: *network_overrides
harvester:
  rpc_port: {harvester}
  farmer_peers: [{{host: *self_hostname, port: 8447}}]
  plot_directories: {directories:?}
  plots_refresh_parameter: {{interval_seconds: 120}}
wallet: {{rpc_port: {wallet}}}
"
        )
    }

    /// Changes the named settings (see [`Settings`]). Naming `harvesters` replaces all of them.
    pub fn set(&self, patch: &Value) -> Result<(), String> {
        locked(&self.shared.world).patch(patch)
    }

    pub fn settings(&self) -> Settings {
        locked(&self.shared.world).now().settings.clone()
    }

    /// Changes one harvester; `order` says which (`at`: its place in the list) and what.
    pub fn one_harvester(&self, order: &Value) -> Result<(), String> {
        locked(&self.shared.world).patch_one(order)
    }

    /// Signage points now, whatever the clock says.
    pub fn point(&self, count: u64) {
        locked(&self.shared.world).point(count);
    }

    /// How many signage points there were so far.
    pub fn points(&self) -> u64 {
        locked(&self.shared.world).now().points()
    }

    /// Any event, so many times.
    pub fn push(&self, (origin, command): (&str, &str), data: &Value, count: usize) {
        let mut world = locked(&self.shared.world);
        (0..count).for_each(|_| world.push(origin, command, data));
    }

    fn services(self) -> Vec<(String, Box<dyn StandIn>)> {
        let all = [self.full_node, self.farmer, self.harvester, self.wallet, self.daemon];
        let boxed = |service: Service| -> Box<dyn StandIn> { Box::new(service) };
        let names = Role::ALL.map(|role| role.name().to_owned());
        names.into_iter().zip(all.map(boxed)).collect()
    }

    /// Where each service listens, by its name.
    pub fn places(&self) -> [(&'static str, SocketAddr); 5] {
        let [full_node, farmer, harvester, wallet, daemon] = Role::ALL.map(Role::name);
        [
            (full_node, self.full_node.addr()),
            (farmer, self.farmer.addr()),
            (harvester, self.harvester.addr()),
            (wallet, self.wallet.addr()),
            (daemon, self.daemon.addr()),
        ]
    }
}

/// All of it for the control port: this one has the settings of the farm, each service those of its own.
struct Group {
    root: PathBuf,
    shared: Arc<Shared>,
    services: Vec<(String, Box<dyn StandIn>)>,
}

fn start(spec: String) -> Starting {
    async move {
        let (host, root) = spec
            .split_once(',')
            .ok_or_else(|| format!("{spec} is not HOST,DIRECTORY"))?;
        let farm = Chia::start(host, Path::new(root)).await?;
        let (root, shared) = (farm.root.clone(), Arc::clone(&farm.shared));
        let services = farm.services();
        let group: Box<dyn StandIn> = Box::new(Group { root, shared, services });
        Ok(group)
    }
    .boxed()
}

impl StandIn for Group {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    fn others(&mut self) -> Vec<(String, Box<dyn StandIn>)> {
        std::mem::take(&mut self.services)
    }

    fn settings(&self) -> Value {
        let settings = locked(&self.shared.world).now().settings.clone();
        serde_json::to_value(settings).unwrap_or_default()
    }

    fn set(&self, patch: Value) -> BoxFuture<'_, Result<(), String>> {
        future::ready(locked(&self.shared.world).patch(&patch)).boxed()
    }

    fn act(&self, verb: &str, body: &Value) -> Option<Result<(), String>> {
        let mut world = locked(&self.shared.world);
        let count = body.get("count").map_or(Some(1), Value::as_u64);
        let count = count.filter(|count| *count <= MOST_ORDERED);
        let count = count.ok_or_else(|| format!("count is a number up to {MOST_ORDERED}"));
        let text = |key| body.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(match verb {
            "harvester" => world.patch_one(body),
            "point" => count.map(|count| world.point(count)),
            "push" => count.map(|count| {
                let data = body.get("data").cloned().unwrap_or_else(|| json!({}));
                (0..count).for_each(|_| world.push(text("origin"), text("command"), &data));
            }),
            _ => return None,
        })
    }
}

/// At once, by one order.
const MOST_ORDERED: u64 = 100_000;
