//! A chain node: the parachain and relay chain endpoints of one process, or any single Substrate node.
//!
//! It owns heights, head time, peers and versions. Which node is stuck and which chain stands still for everyone is
//! told apart in `relations/chains.rs`, which sees all nodes.

mod discover;
mod gist;
mod reader;
mod samples;
mod snapshot;
mod symptoms;

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

pub use discover::{USUAL_PORTS, on_this_machine};
pub use snapshot::{Chain, Snapshot, View};
pub use symptoms::{FINALITY_LAG, HEAD_OLD, NODE_STUCK, Thresholds};

use super::{Collector, Diagnosis, Discovery, Here, Part, Symptom, TargetConfig, Tools};
use crate::clock::Now;
use crate::exposition::{Family, Page};
use crate::upstream::{Fault, Reason, Substrate, Token, Why};
use crate::values::{self, Endpoint, Name, SecretSource, Size};

/// A chain node: Phala, Khala, or any Substrate node. At least one endpoint; a Phala node has both.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What metrics, alerts and repairs call this node.
    #[schemars(example = &"node-1")]
    pub name: Name,
    /// The farm it belongs to; targets that name none belong to the farm `default`.
    #[serde(default)]
    #[schemars(example = &"east", extend("x-off" = true))]
    pub farm: Option<Name>,
    /// Names of the targets that it needs to work. Left out, the one obvious candidate of its farm, if there is one; `[]` for none.
    #[serde(default)]
    #[schemars(example = ["node-2"], extend("x-off" = true))]
    pub depends_on: Option<Vec<Name>>,
    /// The parachain's RPC (or that of any single Substrate node): http, https, ws or wss. Usual port 9944.
    #[schemars(example = &"http://127.0.0.1:9944")]
    pub para: Option<Endpoint>,
    /// The embedded relay chain's RPC. Usual port 9945.
    #[schemars(example = &"ws://127.0.0.1:9945")]
    pub relay: Option<Endpoint>,
    /// File that holds a token for both endpoints, sent as `Authorization: Bearer`; for nodes behind a proxy or of a provider.
    #[schemars(example = &"/etc/farmwarden/node-1.token", extend("x-off" = true))]
    pub bearer_token_file: Option<PathBuf>,
    /// Environment variable that holds it, instead of a file.
    #[schemars(example = &"NODE_1_TOKEN", extend("x-off" = true))]
    pub bearer_token_env: Option<String>,
    /// How often the node is asked. At least 1s.
    #[serde(default = "default_interval")]
    pub interval: values::Duration,
    /// After which a single call is given up; shorter than `interval`.
    #[serde(default = "default_timeout")]
    pub timeout: values::Duration,
    /// From where on the node counts as ill; more on the grounds is in docs/metrics.md.
    #[serde(default)]
    pub thresholds: Thresholds,
}

fn default_interval() -> values::Duration {
    values::Duration::from_secs(15)
}

fn default_timeout() -> values::Duration {
    values::Duration::from_secs(5)
}

impl Target {
    /// A node with one endpoint and everything else as by default.
    pub fn single(name: Name, chain: Chain, endpoint: Endpoint) -> Self {
        let (para, relay) = match chain {
            Chain::Para => (Some(endpoint), None),
            Chain::Relay => (None, Some(endpoint)),
        };
        Self {
            name,
            farm: None,
            depends_on: None,
            para,
            relay,
            bearer_token_file: None,
            bearer_token_env: None,
            interval: default_interval(),
            timeout: default_timeout(),
            thresholds: Thresholds::default(),
        }
    }
}

impl TargetConfig for Target {
    crate::collectors::keys_of_all!();

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        let file = self.bearer_token_file.clone().map(SecretSource::File);
        let env = self.bearer_token_env.clone().map(SecretSource::Env);
        let keys = [("bearer_token_file", file), ("bearer_token_env", env)];
        keys.into_iter()
            .filter_map(|(key, source)| Some((key, source?)))
            .collect()
    }

    fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if self.para.is_none() && self.relay.is_none() {
            wrong.push((
                "",
                "it names neither `para` nor `relay`; give at least one RPC endpoint".to_owned(),
            ));
        }
        if self.bearer_token_file.is_some() && self.bearer_token_env.is_some() {
            wrong.push((
                "bearer_token_env",
                "give it or `bearer_token_file`, not both".to_owned(),
            ));
        }
        if self.interval < values::Duration::from_secs(1) {
            wrong.push(("interval", format!("{} is too short; at least 1s", self.interval)));
        }
        if self.timeout >= self.interval {
            let words = format!(
                "{} must be shorter than the interval of {}, or rounds would run into each other",
                self.timeout, self.interval
            );
            wrong.push(("timeout", words));
        }
        wrong
    }

    fn setting(&self, key: &str) -> Option<String> {
        let thresholds = &self.thresholds;
        Some(match key {
            "thresholds.stuck_after" => thresholds.stuck_after.to_string(),
            "thresholds.head_age" => thresholds.head_age.to_string(),
            "thresholds.behind_blocks" => thresholds.behind_blocks.to_string(),
            "thresholds.min_peers" => thresholds.min_peers.to_string(),
            "thresholds.para_finality_lag_blocks" => thresholds.para_finality_lag_blocks.to_string(),
            "thresholds.relay_finality_lag_blocks" => thresholds.relay_finality_lag_blocks.to_string(),
            _ => return None,
        })
    }
}

/// A parachain takes its blocks' finality from the relay chain that its own process follows.
fn hangs_on(chain: Chain, target: &Target) -> &'static [&'static str] {
    match chain {
        Chain::Para if target.relay.is_some() => &["relay"],
        Chain::Para | Chain::Relay => &[],
    }
}

/// Nothing that is asked here is larger than a few kilobytes; an error page or a wrong service may be.
const ANSWER_CAP: Size = Size::from_bytes(4 << 20);

/// The collector.
pub struct Node {
    endpoints: Vec<(Part, Chain, Substrate)>,
    thresholds: Thresholds,
}

impl Collector for Node {
    const NAME: &'static str = "phala";
    type Target = Target;
    type Reading = reader::Reading;
    type Snapshot = Snapshot;
    const FAMILIES: &'static [&'static Family] = samples::FAMILIES;
    const SYMPTOMS: &'static [&'static Symptom] = symptoms::SYMPTOMS;

    fn connect(target: &Target, tools: &Tools, _before: Option<&Self>) -> Result<Self, Fault> {
        let source = target.secrets().pop().map(|(_, source)| source);
        let token = source
            .map(|source| Token::read(target.name.as_str(), source))
            .transpose()?;
        let mut endpoints = Vec::new();
        for (chain, endpoint) in [(Chain::Para, &target.para), (Chain::Relay, &target.relay)] {
            if let Some(endpoint) = endpoint {
                let part = Part {
                    name: chain.name(),
                    every: target.interval.get(),
                    // Calls follow one another; the beat is kept whatever they take together.
                    deadline: target.interval.get().mul_f64(0.95),
                    hangs_on: hangs_on(chain, target),
                };
                let node = Substrate::new(
                    &tools.upstream,
                    endpoint,
                    token.clone(),
                    target.timeout.get(),
                    ANSWER_CAP,
                );
                endpoints.push((part, chain, node));
            }
        }
        Ok(Self {
            endpoints,
            thresholds: target.thresholds.clone(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.endpoints.iter().map(|(part, ..)| *part).collect()
    }

    async fn read(&self, part: &Part) -> Result<reader::Reading, Fault> {
        let endpoint = self.endpoints.iter().find(|(own, ..)| own.name == part.name);
        match endpoint {
            Some((_, chain, node)) => reader::read(*chain, node).await,
            None => Err(reader::no_such_part(part.name)),
        }
    }

    fn absorb(&self, snapshot: &mut Snapshot, reading: reader::Reading, now: Now) {
        snapshot.chain_mut(reading.chain).absorb(reading.head, now);
    }

    fn expire(&self, snapshot: &mut Snapshot, part: &Part) {
        for (own, chain, _) in &self.endpoints {
            if own.name == part.name {
                snapshot.chain_mut(*chain).expire();
            }
        }
    }

    fn samples(snapshot: &Snapshot, page: &mut Page) {
        samples::samples(snapshot, page);
    }

    fn diagnose(&self, snapshot: &Snapshot, now: Now) -> Diagnosis {
        symptoms::diagnose(snapshot, &self.thresholds, now)
    }

    fn endpoints(target: &Target) -> Vec<(&'static str, Endpoint)> {
        let chains = [(Chain::Para, &target.para), (Chain::Relay, &target.relay)];
        let configured = chains.into_iter().filter_map(|(chain, endpoint)| {
            let endpoint = endpoint.as_ref()?;
            Some((chain.name(), endpoint.clone()))
        });
        configured.collect()
    }

    fn gist(snapshot: &Snapshot, target: &Target, part: &Part, now: Now) -> Result<String, String> {
        let seen = snapshot
            .chains()
            .into_iter()
            .find(|(chain, _)| chain.name() == part.name);
        seen.map_or_else(
            || Ok(String::new()),
            |(_, view)| gist::gist(view, &target.thresholds, now),
        )
    }

    fn advice(fault: &Fault) -> Option<&'static str> {
        advice(fault)
    }

    fn ad_hoc(text: &str, _here: &Here) -> Result<Target, String> {
        let endpoint: Endpoint = text.parse()?;
        let named = format!("{}-{}", endpoint.host().replace(':', "-"), endpoint.port());
        let name = named.trim_start_matches('-').parse()?;
        let relay = USUAL_PORTS.contains(&(Chain::Relay, endpoint.port()));
        let chain = if relay { Chain::Relay } else { Chain::Para };
        Ok(Target::single(name, chain, endpoint))
    }

    async fn local(_here: &Here, tools: &Tools) -> Vec<Target> {
        let mut found = Vec::new();
        for (chain, port) in USUAL_PORTS {
            found.extend(on_this_machine(chain, port, tools).await);
        }
        found
    }

    async fn discover(_here: &Here, tools: &Tools) -> Discovery {
        discover::discover(USUAL_PORTS, tools).await
    }
}

/// The flags are those of the node's program (polkadot-sdk, `substrate/client/cli`).
fn advice(fault: &Fault) -> Option<&'static str> {
    match (&fault.why, fault.reason()) {
        (Why::Unreachable(words), _) if words.contains("refused") => Some(
            "Nothing listens there. Is the node running (docker ps)? Is this its --rpc-port (usually 9944, relay \
             9945)? Asked from another machine it needs --rpc-external.",
        ),
        (_, Reason::Forbidden) => Some(
            "The node answers only to names and addresses that it allows: ask it as 127.0.0.1 or by its address \
             instead of a name, or start it with --rpc-external and --rpc-cors all.",
        ),
        (_, Reason::Timeout) => Some(
            "Is a firewall in between, or the node busy? A node that is syncing or whose disk is slow answers late; \
             try curl on the node's own machine.",
        ),
        (Why::Malformed(words), _) if words.contains("closed the connection") => None,
        (_, Reason::Malformed | Reason::NotFound) => Some(
            "That is no Substrate RPC. Is it the right port? 9944 is the parachain's, 9945 the relay chain's, 9615 \
             the node's own metrics, 30333 its p2p.",
        ),
        (Why::Status(400 | 405 | 426, _), _) => Some(
            "Nodes from before mid-2023 take only websockets on 9944 and 9945: try ws:// in place of http://, or \
             http:// on 9933 and 9934.",
        ),
        _ => None,
    }
}

/// Whether a Substrate node answers there, by its harmless `system_chain`; gives the chain's name.
pub async fn recognise(endpoint: &Endpoint, tools: &Tools, within: Duration) -> Result<String, Fault> {
    let node = Substrate::new(&tools.upstream, endpoint, None, within, ANSWER_CAP);
    reader::chain_name(&node).await
}
