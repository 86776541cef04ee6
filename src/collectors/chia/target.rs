//! The entry of a Chia farm in the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::root::{self, Config};
use super::symptoms::Thresholds;
use crate::collectors::TargetConfig;
use crate::upstream::chia::{Certificates, NodeId, Service};
use crate::values::{Duration, HostPort, Name};

/// A Chia farm, or the part of one on a machine: whichever of its services are named. All are reached with one certificate of the farm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What metrics, alerts and repairs call this farm.
    #[schemars(example = &"chia-1")]
    pub name: Name,
    /// The farm it belongs to; targets that name none belong to the farm `default`.
    #[serde(default)]
    #[schemars(example = &"east", extend("x-off" = true))]
    pub farm: Option<Name>,
    /// Names of the targets that it needs to work, like the mounts of its harvester's machine: what is broken there comes before what is broken here.
    #[serde(default)]
    #[schemars(example = ["host-1"], extend("x-off" = true))]
    pub depends_on: Option<Vec<Name>>,
    /// The installation's `CHIA_ROOT` on this machine: certificates, plot directories and the harvester's id are taken from there. Nothing in it is changed.
    #[schemars(example = &"/home/chia/.chia/mainnet")]
    pub root: Option<PathBuf>,
    /// The farm's own authority (`config/ssl/ca/private_ca.crt`), instead of that in `root`. Never `chia_ca.crt`.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/chia/private_ca.crt", extend("x-off" = true))]
    pub ca_file: Option<PathBuf>,
    /// A certificate that it signed (any `private_*.crt`), instead of the daemon's in `root`.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/chia/private_farmwarden.crt", extend("x-off" = true))]
    pub cert_file: Option<PathBuf>,
    /// The key of that certificate. It opens the farm's wallet: only farmwarden's user may read it.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/chia/private_farmwarden.key", extend("x-off" = true))]
    pub key_file: Option<PathBuf>,
    /// The farmer's RPC. Usual port 8559.
    #[serde(default)]
    #[schemars(example = &"127.0.0.1:8559")]
    pub farmer: Option<HostPort>,
    /// The full node's RPC. Usual port 8555.
    #[serde(default)]
    #[schemars(example = &"127.0.0.1:8555")]
    pub full_node: Option<HostPort>,
    /// The daemon whose events are heard: that of the farmer's machine, or where no farmer is named, of the harvester's. Usual port 55400.
    #[serde(default)]
    #[schemars(example = &"127.0.0.1:55400")]
    pub daemon: Option<HostPort>,
    /// The wallet's RPC: whether it is synchronised, and what the farm has won. Usual port 9256.
    #[serde(default)]
    #[schemars(example = &"127.0.0.1:9256", extend("x-off" = true))]
    pub wallet: Option<HostPort>,
    /// Shows amounts of the wallet as well. They tell how rich somebody is.
    #[serde(default)]
    pub wallet_amounts: bool,
    /// Harvesters with a name of yours, or an RPC that can be asked; the farmer knows the others. What stands here is an example.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"name": "nas-1", "host": "192.168.2.142"}]))]
    pub harvesters: Vec<Pick>,
    /// Looks at plots one by one, for their kinds: `auto` up to 20,000 plots, `on`, or `off`. 100,000 cost the farmer half a second.
    #[serde(default)]
    pub plot_detail: PlotDetail,
    /// Plots on the disk of the system are meant to be there: their directories are no symptom.
    #[serde(default)]
    pub plots_on_root_disk: bool,
    /// `[chia-exporter]` adds the names of the official exporter, for dashboards that have them.
    #[serde(default)]
    #[schemars(example = ["chia-exporter"], extend("x-off" = true))]
    pub compat: Vec<Compat>,
    /// How often node, farmer and wallet are asked. At least 1s.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// How often the counts of events are taken over. At least 1s.
    #[serde(default = "default_events_interval")]
    pub events_interval: Duration,
    /// How often releases, settings of harvesters and what was won are asked for.
    #[serde(default = "default_details_interval")]
    pub details_interval: Duration,
    /// How often plots are looked at one by one, where they have changed.
    #[serde(default = "default_plots_interval")]
    pub plots_interval: Duration,
    /// After which a single call is given up; shorter than `interval`.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// How long a harvester that is gone is shown as disconnected, unless it is named above.
    #[serde(default = "default_forget_after")]
    pub forget_after: Duration,
    /// From where on something counts as ill; more on the grounds is in docs/metrics.md.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// A harvester with a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// What metrics call it.
    #[schemars(example = &"nas-1")]
    pub name: Name,
    /// The IP address that it dials the farmer from, as the farmer sees it; not a name. Several harvesters of one machine are told apart by `node_id`.
    #[serde(default)]
    #[schemars(example = &"192.168.2.142")]
    pub host: Option<String>,
    /// Its node id, or at least its first eight digits.
    #[serde(default)]
    #[schemars(example = &"c659f0a1")]
    pub node_id: Option<String>,
    /// Its RPC, for its plot directories; usual port 8560. One that listens on 127.0.0.1 can be asked on its own machine only.
    #[serde(default)]
    #[schemars(example = &"127.0.0.1:8560")]
    pub rpc: Option<HostPort>,
}

/// Whether plots are looked at one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlotDetail {
    #[default]
    Auto,
    On,
    Off,
}

/// Somebody else's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    ChiaExporter,
}

fn default_interval() -> Duration {
    Duration::from_secs(30)
}

fn default_events_interval() -> Duration {
    Duration::from_secs(10)
}

fn default_details_interval() -> Duration {
    Duration::from_secs(300)
}

fn default_plots_interval() -> Duration {
    Duration::from_secs(1800)
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_forget_after() -> Duration {
    Duration::from_secs(7 * 86_400)
}

impl Pick {
    /// Whether this is the harvester that is meant. `own` is the id of the one in `root`; without that, one that dials the
    /// farmer on its own machine is here.
    pub(super) fn means(&self, id: &NodeId, host: &str, own: Option<NodeId>) -> bool {
        match (&self.node_id, &self.host) {
            (Some(text), _) => id.is_meant_by(text),
            (None, Some(own)) => own == host || address(own).is_some_and(|own| address(host) == Some(own)),
            (None, None) => self.is_here() && own.map_or_else(|| is_loopback(host), |own| own == *id),
        }
    }

    /// It says which one is meant, so one that is not there is missing. `own` as above.
    pub(super) fn is_told(&self, own: Option<NodeId>) -> bool {
        self.node_id.is_some() || self.host.is_some() || (self.is_here() && own.is_some())
    }

    /// Its plots lie on this machine.
    pub fn is_here(&self) -> bool {
        self.rpc.as_ref().is_some_and(|rpc| is_loopback(rpc.host()))
    }
}

/// However it is written; a farmer that listens on IPv6 sees `::ffff:192.168.2.142`.
pub(super) fn address(text: &str) -> Option<std::net::IpAddr> {
    let address: std::net::IpAddr = text.parse().ok()?;
    Some(address.to_canonical())
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

impl Target {
    /// A farm of which nothing but its installation on this machine is known.
    pub(super) fn by_root(name: Name, root: PathBuf) -> Self {
        Self {
            name,
            farm: None,
            depends_on: None,
            root: Some(root),
            ca_file: None,
            cert_file: None,
            key_file: None,
            farmer: None,
            full_node: None,
            daemon: None,
            wallet: None,
            wallet_amounts: false,
            harvesters: Vec::new(),
            plot_detail: PlotDetail::default(),
            plots_on_root_disk: false,
            compat: Vec::new(),
            interval: default_interval(),
            events_interval: default_events_interval(),
            details_interval: default_details_interval(),
            plots_interval: default_plots_interval(),
            timeout: default_timeout(),
            forget_after: default_forget_after(),
            thresholds: Thresholds::default(),
        }
    }

    /// Asks the services whose ports are in the configuration of the installation.
    pub(super) fn asking(self, config: &Config) -> Self {
        let place = |port: u16| format!("127.0.0.1:{port}").parse().ok();
        let of = |service| config.port(service).and_then(place);
        Self {
            farmer: of(Service::Farmer),
            full_node: of(Service::FullNode),
            daemon: place(config.daemon_port()),
            ..self
        }
    }

    /// Where the certificates lie; `None` where neither a root nor all three files are given.
    pub fn certificates(&self) -> Option<Certificates> {
        let of_root = self.root.as_deref().map(root::certificates);
        let or = |own: &Option<PathBuf>, of_root: fn(&Certificates) -> &PathBuf, found: &Option<Certificates>| {
            own.clone()
                .or_else(|| found.as_ref().map(|found| of_root(found).clone()))
        };
        Some(Certificates {
            authority: or(&self.ca_file, |found| &found.authority, &of_root)?,
            certificate: or(&self.cert_file, |found| &found.certificate, &of_root)?,
            key: or(&self.key_file, |found| &found.key, &of_root)?,
        })
    }

    /// Its daemon is this machine's.
    pub fn has_daemon_here(&self) -> bool {
        self.daemon.as_ref().is_some_and(|daemon| is_loopback(daemon.host()))
    }

    /// The services with an RPC of their own; harvesters have theirs in `harvesters`.
    pub(super) fn services(&self) -> impl Iterator<Item = (Service, &HostPort)> {
        let all = [
            (Service::FullNode, &self.full_node),
            (Service::Farmer, &self.farmer),
            (Service::Wallet, &self.wallet),
        ];
        all.into_iter()
            .filter_map(|(service, place)| Some((service, place.as_ref()?)))
    }

    pub(super) fn asks_something(&self) -> bool {
        let harvester = self.harvesters.iter().any(|pick| pick.rpc.is_some());
        self.services().next().is_some() || self.daemon.is_some() || harvester
    }
}

impl TargetConfig for Target {
    crate::collectors::keys_of_all!();

    fn contradictions(&self) -> Vec<(&'static str, String)> {
        super::check::contradictions(self)
    }

    fn setting(&self, key: &str) -> Option<String> {
        match key {
            "plots_on_root_disk" => Some(self.plots_on_root_disk.to_string()),
            key => self.thresholds.setting(key.strip_prefix("thresholds.")?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_harvester_is_told_by_its_id_its_host_or_by_being_here() {
        let of = |keys: &str| target(&format!(r#"{{"name": "c", "harvesters": [{{"name": "a"{keys}}}]}}"#));
        let id: NodeId = "ab".repeat(32).parse().unwrap();
        let other: NodeId = "cd".repeat(32).parse().unwrap();
        let means = |keys: &str, host: &str, own| of(keys).harvesters[0].means(&id, host, own);
        assert!(means(r#", "node_id": "0xABABABAB", "host": "x""#, "h", None));
        assert!(
            means(r#", "host": "10.0.0.9""#, "10.0.0.9", None) && !means(r#", "host": "10.0.0.8""#, "10.0.0.9", None)
        );
        let here = r#", "rpc": "127.0.0.1:8560""#;
        assert!(means(here, "10.0.0.9", Some(id)) && !means(here, "10.0.0.9", Some(other)));
        assert!(means(r#", "host": "10.0.0.9""#, "::ffff:10.0.0.9", None));
        assert!(!means(r#", "rpc": "10.0.0.9:8560""#, "10.0.0.9", Some(id)));
        assert!(means(here, "127.0.0.1", None) && !means(here, "10.0.0.9", None));
    }
}
