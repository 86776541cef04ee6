//! The entry of a PRB in the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::discover;
use super::peer::Peer;
use super::queue::Entry;
use super::runtime;
use super::solo;
use super::symptoms::Thresholds;
use crate::collectors::TargetConfig;
use crate::values::{Duration, Endpoint, Name, Scheme};

/// A PRB: by its monitor every data provider and lifecycle that the monitor knows, with their pools and workers; or the worker manager of v3, the monitor of v0; or workers without a PRB.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What metrics, alerts and repairs call this PRB.
    #[schemars(example = &"prb-1")]
    pub name: Name,
    /// The farm it belongs to; targets that name none belong to the farm `default`.
    #[serde(default)]
    #[schemars(example = &"east", extend("x-off" = true))]
    pub farm: Option<Name>,
    /// Names of the targets that it needs to work. Left out, the one obvious candidate of its farm, if there is one; `[]` for none.
    #[serde(default)]
    #[schemars(example = ["node-1"], extend("x-off" = true))]
    pub depends_on: Option<Vec<Name>>,
    /// The monitor of PRB v2 (`prb-monitor:next`): http or https. Usual port 3000.
    #[schemars(example = &"http://127.0.0.1:3000")]
    pub monitor: Option<Endpoint>,
    /// In place of `monitor`, the worker manager of PRB v3 (`prb-wm`): http or https. Usual port 3001.
    #[serde(default)]
    #[schemars(example = &"http://127.0.0.1:3001", extend("x-off" = true))]
    pub worker_manager: Option<Endpoint>,
    /// In place of `monitor`, the monitor of PRB v0 (`prb-monitor:latest`): http or https. Usual port 3000.
    #[serde(default)]
    #[schemars(example = &"http://127.0.0.1:3000", extend("x-off" = true))]
    pub legacy_monitor: Option<Endpoint>,
    /// In place of a monitor: workers without a PRB, each driven by a pherry, by the addresses of their pRuntimes. Usual port 8000.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"name": "solo-1", "pruntime": "http://10.0.0.31:8000"}]), extend("x-off" = true))]
    pub solo: Vec<solo::Entry>,
    /// A parachain node (Phala, Khala), which is asked what the chain itself knows of the workers: http, https, ws or wss. Usual port 9944.
    #[serde(default)]
    #[schemars(example = &"http://127.0.0.1:9944", extend("x-off" = true))]
    pub node: Option<Endpoint>,
    /// The lifecycles to watch, where not all that the monitor lists belong here, or where a name of yours says more than a hostname; none given is all.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"peer": "192.168.2.9", "name": "room-a"}]), extend("x-off" = true))]
    pub lifecycles: Vec<Pick>,
    /// `full` shows every worker by itself, with some 30 series each; `summary` shows counts and the worst workers only, for more than about 5,000.
    #[serde(default)]
    pub detail: Detail,
    /// How often the monitor and the data providers, or the worker manager itself, are asked. At least 1s.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// How often every lifecycle is asked for its workers; one call each.
    #[serde(default = "default_workers_interval")]
    pub workers_interval: Duration,
    /// How often every lifecycle is asked what is configured in it; two calls each.
    #[serde(default = "default_inventory_interval")]
    pub inventory_interval: Duration,
    /// How often the node is asked about the workers; a call for every 60 of them, and some ten more.
    #[serde(default = "default_chain_interval")]
    pub chain_interval: Duration,
    /// After which a single call is given up; shorter than `interval`. The monitor takes 0.3s for one, and 30s for a peer that hangs; that of v0 says after 5s that nobody answered.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// Trade queues to be watched: the Redis of each trader, without a password. None given, their depth is not known.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"name": "lifecycle-1", "redis": "127.0.0.1:63792"}]), extend("x-off" = true))]
    pub queues: Vec<Entry>,
    /// Asks every worker's pRuntime directly, at the address that PRB has for it.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"networks": ["10.0.0.0/8"], "interval": "30s"}), extend("x-off" = true))]
    pub pruntimes: Option<runtime::Settings>,
    /// From where on a data provider or worker counts as ill; more on the grounds is in docs/metrics.md.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// How much is shown of each worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    #[default]
    Full,
    Summary,
}

/// A lifecycle to be watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// Its hostname, IP address or peer id, as the monitor lists it.
    #[schemars(example = &"192.168.2.9")]
    peer: String,
    /// What metrics call it; left out, its hostname.
    #[serde(default)]
    #[schemars(example = &"room-a")]
    name: Option<Name>,
}

impl Pick {
    pub fn means(&self, peer: &Peer) -> bool {
        peer.role == super::peer::Role::Lifecycle
            && [peer.hostname.as_str(), &peer.address, peer.id.as_str()].contains(&self.peer.as_str())
    }

    pub fn alias(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// For people.
    pub fn shown(&self) -> String {
        self.alias().unwrap_or(&self.peer).to_owned()
    }

    #[cfg(test)]
    pub(super) fn new(peer: &str, name: Option<&str>) -> Self {
        Self {
            peer: peer.to_owned(),
            name: name.map(|name| name.parse().unwrap()),
        }
    }
}

fn default_interval() -> Duration {
    Duration::from_secs(15)
}

fn default_workers_interval() -> Duration {
    Duration::from_secs(30)
}

fn default_inventory_interval() -> Duration {
    Duration::from_secs(300)
}

fn default_chain_interval() -> Duration {
    Duration::from_secs(60)
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

impl Target {
    /// How often pRuntimes are asked.
    pub fn pruntimes_interval(&self) -> Duration {
        self.pruntimes.clone().unwrap_or_default().interval
    }

    /// A PRB of which nothing but its door is known: on the usual port of PRB v3 a worker manager, else a monitor of v2.
    pub fn by_door(name: Name, endpoint: Endpoint) -> Self {
        let v3 = endpoint.port() == discover::MANAGER_PORT;
        let (monitor, worker_manager) = if v3 {
            (None, Some(endpoint))
        } else {
            (Some(endpoint), None)
        };
        Self {
            name,
            farm: None,
            depends_on: None,
            monitor,
            worker_manager,
            legacy_monitor: None,
            solo: Vec::new(),
            node: None,
            lifecycles: Vec::new(),
            detail: Detail::default(),
            interval: default_interval(),
            workers_interval: default_workers_interval(),
            inventory_interval: default_inventory_interval(),
            chain_interval: default_chain_interval(),
            timeout: default_timeout(),
            queues: Vec::new(),
            pruntimes: None,
            thresholds: Thresholds::default(),
        }
    }
}

impl Target {
    /// The doors that are named, each with its key. There must be one.
    pub(super) fn doors(&self) -> impl Iterator<Item = (&'static str, &Endpoint)> {
        let keys = [
            ("monitor", &self.monitor),
            ("worker_manager", &self.worker_manager),
            ("legacy_monitor", &self.legacy_monitor),
        ];
        keys.into_iter().filter_map(|(key, door)| Some((key, door.as_ref()?)))
    }

    fn wrong_doors(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let doors: Vec<_> = self.doors().collect();
        match doors.as_slice() {
            [] if self.solo.is_empty() => wrong.push((
                "",
                "it names no `monitor`, nor `worker_manager` (PRB v3), `legacy_monitor` (v0) or `solo`; give its \
                 address, like http://10.0.0.9:3000"
                    .to_owned(),
            )),
            [] => wrong.extend(solo::contradictions(&self.solo)),
            [(key, _)] if !self.solo.is_empty() => {
                let words =
                    format!("either `{key}` or `solo`: what a PRB drives and what a pherry drives are two targets");
                wrong.push(("solo", words));
            }
            [_] => {}
            [(first, _), (second, _), ..] => {
                let words = format!("one PRB has either `{first}` or `{second}`; a second PRB is a target of its own");
                wrong.push((*second, words));
            }
        }
        let websocket = |door: &&(&str, &Endpoint)| !matches!(door.1.scheme(), Scheme::Http | Scheme::Https);
        for (key, _) in doors.iter().filter(websocket) {
            let what = if *key == "worker_manager" {
                "a worker manager"
            } else {
                "a monitor"
            };
            wrong.push((*key, format!("{what} speaks http or https, no websocket")));
        }
        if self.monitor.is_none() && !self.lifecycles.is_empty() && !doors.is_empty() {
            let words = "only a `monitor` has several; this PRB has one that is always read".to_owned();
            wrong.push(("lifecycles", words));
        }
        wrong
    }
}

impl TargetConfig for Target {
    crate::collectors::keys_of_all!();

    fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut wrong = self.wrong_doors();
        let mut names: Vec<&Name> = self.queues.iter().map(|queue| &queue.name).collect();
        names.sort();
        if let Some(twice) = names
            .windows(2)
            .find_map(|pair| (pair.first() == pair.last()).then(|| pair.first())?)
        {
            wrong.push(("queues", format!("two queues are called `{twice}`")));
        }
        if self.solo.is_empty() && self.pruntimes.as_ref().is_some_and(|asked| asked.networks.is_empty()) {
            let words = "say in which `networks` pRuntimes are, like [10.0.0.0/8]: their addresses come from the monitor, \
                         which anyone can change";
            wrong.push((runtime::NETWORKS, words.to_owned()));
        }
        let second = Duration::from_secs(1);
        for (key, every) in [
            ("pruntimes.interval", self.pruntimes_interval()),
            ("interval", self.interval),
            ("workers_interval", self.workers_interval),
            ("inventory_interval", self.inventory_interval),
            ("chain_interval", self.chain_interval),
        ] {
            if every < second {
                wrong.push((key, format!("{every} is too short; at least 1s")));
            } else if self.timeout >= every {
                let words = format!("the timeout of {} must be shorter than {key} of {every}", self.timeout);
                wrong.push(("timeout", words));
            }
        }
        wrong
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.thresholds.setting(key.strip_prefix("thresholds.")?)
    }
}
