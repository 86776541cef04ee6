//! The entry of a Venus chain service in the configuration.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::address::Address;
use super::amount::Fil;
use super::symptoms::Thresholds;
use crate::collectors::TargetConfig;
use crate::upstream::VenusService;
use crate::values::{Duration, Endpoint, Name, Scheme, SecretSource};

/// A chain service of Venus (Filecoin): its nodes, messagers, miner services, gateways and authorisation services, each of which may be left out or given several times.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What metrics, alerts and repairs call this chain service.
    #[schemars(example = &"venus-1")]
    pub name: Name,
    /// The farm it belongs to; targets that name none belong to the farm `default`.
    #[serde(default)]
    #[schemars(example = &"east", extend("x-off" = true))]
    pub farm: Option<Name>,
    /// Names of the targets that it needs to work. Left out, none.
    #[serde(default)]
    #[schemars(example = ["node-2"], extend("x-off" = true))]
    pub depends_on: Option<Vec<Name>>,
    /// Nodes (`venus daemon`, or Lotus). Usual port 3453.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"name": "primary", "url": "http://10.0.0.21:3453"}, {"name": "backup", "url": "http://10.0.0.22:3453"}]))]
    pub nodes: Vec<Instance>,
    /// Messagers with one database; the first that answers is asked for messages, the others only whether they answer. Usual port 39812.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"url": "http://10.0.0.21:39812"}]))]
    pub messagers: Vec<Instance>,
    /// Miner services. Two that mine for one miner are a critical symptom, so name all of them. Usual port 12308.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"url": "http://10.0.0.21:12308"}]))]
    pub miner_services: Vec<Instance>,
    /// Gateways. Usual port 45132.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"url": "http://10.0.0.21:45132"}]))]
    pub gateways: Vec<Instance>,
    /// Authorisation services: they tell a bad token from one that nobody can check. Usual port 8989.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"url": "http://10.0.0.21:8989"}]))]
    pub auth_services: Vec<Instance>,
    /// File that holds the token for every service without one of its own; issued by auth. See docs/venus.md for the least permission.
    #[schemars(example = &"/etc/farmwarden/venus.token", extend("x-off" = true))]
    pub token_file: Option<PathBuf>,
    /// Environment variable that holds it, instead of a file.
    #[schemars(example = &"VENUS_TOKEN", extend("x-off" = true))]
    pub token_env: Option<String>,
    /// File that holds the token with which repairs change something in messagers and miner services; nothing else is asked with it. Without it nothing is ever changed. See docs/venus.md for the least permission.
    #[schemars(example = &"/etc/farmwarden/venus-act.token", extend("x-off" = true))]
    pub act_token_file: Option<PathBuf>,
    /// Miners that shall mine. None given, those that a miner service had open for mining, until they are closed or a day after they left every list.
    #[serde(default)]
    #[schemars(example = ["f01000", "f01008"])]
    pub miners: Vec<Address>,
    /// Wallets to be watched besides the senders that the messager knows.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"address": "f3ttjhclnhk6r4eevwegoitqh3l4cvqaq3od377g3uoz6vgozuu4osaozucgm5jbwrankgcc5uidmhcnhk26va", "minimum": "5 FIL"}]))]
    pub wallets: Vec<Wallet>,
    /// How often heads, messages and mining are asked for: one epoch. At least 1s.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// How often peers, synchronisation, gateways, auth, balances and nonces are asked for.
    #[serde(default = "default_slow_interval")]
    pub slow_interval: Duration,
    /// How often power, sectors and deadlines of miners are asked for; four calls for each miner.
    #[serde(default = "default_state_interval")]
    pub state_interval: Duration,
    /// After which a single call is given up; shorter than every interval.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// The same for a miner service: it answers only between its mining rounds, which take up to 15s.
    #[serde(default = "default_mining_timeout")]
    pub mining_timeout: Duration,
    /// Senders that are shown and judged at most, those with messages first; how many were left out is said.
    #[serde(default = "default_most")]
    pub most_senders: usize,
    /// Miners that are shown and judged at most, those of `miners` all and before the others, then the ill ones; how many were left out is said.
    #[serde(default = "default_most")]
    pub most_miners: usize,
    /// Messages of one list that are read at most; beyond it counts are marked as cut, and only older ones are asked for.
    #[serde(default = "default_most_messages")]
    pub most_messages: usize,
    /// From where on something counts as ill; more on the grounds is in docs/metrics.md.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// One process, or what stands in front of several: a balancer, the gateway's proxy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// What metrics call it; left out, its host and port.
    #[serde(default)]
    #[schemars(example = &"primary")]
    pub name: Option<Name>,
    /// http or https, without the path (`/rpc/v1`).
    #[schemars(example = &"http://127.0.0.1:3453")]
    pub url: Endpoint,
    /// File with a token of its own, like the one in the service's folder; it is read again when it is refused.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/node.token", extend("x-off" = true))]
    pub token_file: Option<PathBuf>,
    /// Environment variable with a token of its own.
    #[serde(default)]
    #[schemars(example = &"VENUS_NODE_TOKEN", extend("x-off" = true))]
    pub token_env: Option<String>,
    /// Of a messager or a miner service, a file with a token of its own for repairs.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/miner-act.token", extend("x-off" = true))]
    pub act_token_file: Option<PathBuf>,
    /// Whether `url` is a sophon-gateway (1.13 and later) that passes calls on.
    #[serde(default)]
    pub through_gateway: bool,
}

impl Instance {
    /// One of which nothing but the address is known.
    pub const fn at(url: Endpoint) -> Self {
        Self {
            name: None,
            url,
            token_file: None,
            token_env: None,
            act_token_file: None,
            through_gateway: false,
        }
    }

    /// The label value `process`.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None if self.url.host().contains(':') => format!("[{}]:{}", self.url.host(), self.url.port()),
            None => format!("{}:{}", self.url.host(), self.url.port()),
        }
    }

    fn own_token(&self) -> Option<SecretSource> {
        source(self.token_file.as_ref(), self.token_env.as_ref())
    }
}

/// A wallet to be watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wallet {
    #[schemars(example = &"f1pxc22etg2rlkvq6lkri252tdnwduuirw2qodu5i")]
    /// Any address of it; senders of the messager can be named too, to give them another minimum.
    pub address: Address,
    /// Below this balance it runs dry, in place of `thresholds.wallet_minimum`.
    #[serde(default)]
    #[schemars(example = &"5 FIL")]
    pub minimum: Option<Fil>,
}

fn source(file: Option<&PathBuf>, env: Option<&String>) -> Option<SecretSource> {
    let file = file.cloned().map(SecretSource::File);
    file.or_else(|| env.cloned().map(SecretSource::Env))
}

fn default_interval() -> Duration {
    Duration::from_secs(30)
}

fn default_slow_interval() -> Duration {
    Duration::from_secs(60)
}

fn default_state_interval() -> Duration {
    Duration::from_secs(300)
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_mining_timeout() -> Duration {
    Duration::from_secs(25)
}

const fn default_most() -> usize {
    200
}

const fn default_most_messages() -> usize {
    20_000
}

/// The keys under which services stand.
const fn key(service: VenusService) -> &'static str {
    match service {
        VenusService::Auth => "auth_services",
        VenusService::Gateway => "gateways",
        VenusService::Node => "nodes",
        VenusService::Messager => "messagers",
        VenusService::Miner => "miner_services",
    }
}

impl Target {
    /// One of which nothing is known yet.
    pub fn bare(name: Name) -> Self {
        Self {
            name,
            farm: None,
            depends_on: None,
            nodes: Vec::new(),
            messagers: Vec::new(),
            miner_services: Vec::new(),
            gateways: Vec::new(),
            auth_services: Vec::new(),
            token_file: None,
            token_env: None,
            act_token_file: None,
            miners: Vec::new(),
            wallets: Vec::new(),
            interval: default_interval(),
            slow_interval: default_slow_interval(),
            state_interval: default_state_interval(),
            timeout: default_timeout(),
            mining_timeout: default_mining_timeout(),
            most_senders: default_most(),
            most_miners: default_most(),
            most_messages: default_most_messages(),
            thresholds: Thresholds::default(),
        }
    }

    /// Miners that are shown and judged at most: who is named is never left out.
    pub(super) fn most_miners(&self) -> usize {
        self.most_miners.max(self.miners.len())
    }

    /// The processes of one service, the primary one first.
    pub fn instances(&self, service: VenusService) -> &[Instance] {
        match service {
            VenusService::Auth => &self.auth_services,
            VenusService::Gateway => &self.gateways,
            VenusService::Node => &self.nodes,
            VenusService::Messager => &self.messagers,
            VenusService::Miner => &self.miner_services,
        }
    }

    pub(super) fn instances_mut(&mut self, service: VenusService) -> &mut Vec<Instance> {
        match service {
            VenusService::Auth => &mut self.auth_services,
            VenusService::Gateway => &mut self.gateways,
            VenusService::Node => &mut self.nodes,
            VenusService::Messager => &mut self.messagers,
            VenusService::Miner => &mut self.miner_services,
        }
    }

    /// Where the token for a process lies: its own, or the one for all.
    pub(super) fn token(&self, instance: &Instance) -> Option<SecretSource> {
        let common = || source(self.token_file.as_ref(), self.token_env.as_ref());
        instance.own_token().or_else(common)
    }

    /// Where the token with which repairs change something in a process lies: its own, or the one for all.
    pub fn act_token(&self, instance: &Instance) -> Option<SecretSource> {
        let file = instance.act_token_file.as_ref().or(self.act_token_file.as_ref());
        file.cloned().map(SecretSource::File)
    }

    fn wrong_instances(&self, wrong: &mut Vec<(&'static str, String)>) {
        for service in VenusService::ALL {
            let instances = self.instances(service);
            let key = key(service);
            for instance in instances {
                let (label, url) = (instance.label(), &instance.url);
                if !matches!(url.scheme(), Scheme::Http | Scheme::Https) {
                    wrong.push((key, format!("{label}: it is asked over http or https, no websocket")));
                }
                if url.url().path().contains("/rpc/v") {
                    wrong.push((
                        key,
                        format!("{label}: leave the path away; which of its versions answers is found out"),
                    ));
                }
                if url.url().query_pairs().any(|(key, _)| key == "token") {
                    wrong.push((
                        key,
                        format!("{label}: a URL may not hold a token: it would end up in logs; give `token_file`"),
                    ));
                }
                let acts = matches!(service, VenusService::Messager | VenusService::Miner);
                if instance.act_token_file.is_some() && !acts {
                    let words = "nothing is ever changed there; `act_token_file` is for messagers and miner services";
                    wrong.push((key, format!("{label}: {words}")));
                }
                if instance.token_file.is_some() && instance.token_env.is_some() {
                    wrong.push((key, format!("{label}: give `token_file` or `token_env`, not both")));
                }
            }
            let mut labels: Vec<String> = instances.iter().map(Instance::label).collect();
            labels.sort();
            if let Some([twice, _]) = labels.windows(2).find(|pair| pair.first() == pair.last()) {
                wrong.push((key, format!("two are called `{twice}`; give each a `name`")));
            }
        }
    }

    fn wrong_times(&self, wrong: &mut Vec<(&'static str, String)>) {
        for (key, every) in [
            ("interval", self.interval),
            ("slow_interval", self.slow_interval),
            ("state_interval", self.state_interval),
        ] {
            if every < Duration::from_secs(1) {
                wrong.push((key, format!("{every} is too short; at least 1s")));
            } else if self.timeout >= every {
                let words = format!("{} must be shorter than {key} of {every}", self.timeout);
                wrong.push(("timeout", words));
            }
        }
        if self.mining_timeout >= self.interval && !self.miner_services.is_empty() {
            let words = format!(
                "{} must be shorter than the interval of {}",
                self.mining_timeout, self.interval
            );
            wrong.push(("mining_timeout", words));
        }
    }
}

impl TargetConfig for Target {
    crate::collectors::keys_of_all!();

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        let file = self.token_file.clone().map(SecretSource::File);
        let env = self.token_env.clone().map(SecretSource::Env);
        let act = self.act_token_file.clone().map(SecretSource::File);
        let common = [("token_file", file), ("token_env", env), ("act_token_file", act)];
        let own = VenusService::ALL.into_iter().flat_map(|service| {
            let instances = self.instances(service).iter();
            instances.flat_map(move |instance| {
                let act = instance.act_token_file.clone().map(SecretSource::File);
                [(key(service), instance.own_token()), (key(service), act)]
            })
        });
        common
            .into_iter()
            .chain(own)
            .filter_map(|(key, source)| Some((key, source?)))
            .collect()
    }

    fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if VenusService::ALL
            .iter()
            .all(|service| self.instances(*service).is_empty())
        {
            let words = "it names no service; give at least one of nodes, messagers, miner_services, gateways, \
                         auth_services";
            wrong.push(("", words.to_owned()));
        }
        if self.token_file.is_some() && self.token_env.is_some() {
            wrong.push(("token_env", "give it or `token_file`, not both".to_owned()));
        }
        self.wrong_instances(&mut wrong);
        self.wrong_times(&mut wrong);
        for (key, most) in [
            ("most_senders", self.most_senders),
            ("most_miners", self.most_miners),
            ("most_messages", self.most_messages),
        ] {
            if most == 0 {
                wrong.push((key, "it must be at least 1".to_owned()));
            }
        }
        wrong
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.thresholds.setting(key.strip_prefix("thresholds.")?)
    }
}
