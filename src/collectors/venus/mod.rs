//! Filecoin through the Venus chain services: node, messager, miner, gateway and auth of one chain service.
//!
//! Each service has a folder: what it answers (pure, for three eras), how it is asked, its samples. A service may have
//! several processes (`role.rs`). Nothing here changes anything, and bodies of messages are never read.

pub mod address;
pub mod amount;
pub mod auth;
mod checksum;
mod desk;
mod diagnose;
mod discover;
mod era;
pub mod error_class;
pub mod gateway;
mod gist;
mod known;
pub mod messager;
pub mod miner;
pub mod node;
mod readers;
pub mod role;
mod samples;
mod server;
mod snapshot;
pub mod symptoms;
mod target;
#[cfg(test)]
mod tests;
mod time;
mod wire;

pub use desk::{Desk, MinerNow, Waits};
pub use era::{About, Era};
pub use server::Missed;
pub use snapshot::{NonceWatch, Snapshot};
pub use symptoms::Thresholds;
pub use target::{Instance, Target, Wallet};

use std::time::Duration;

use super::{Collector, Diagnosis, Discovery, Here, Part, Symptom, TargetConfig as _, Tools};
use crate::clock::Now;
use crate::exposition::{Family, Page};
use crate::upstream::{Fault, Reason, VenusService, Why};
use crate::values::Endpoint;
use readers::{Readers, Reading};
use snapshot::Configured;

const NODE: &str = "node";
const NETWORK: &str = "network";
const WALLETS: &str = "wallets";
const STATE: &str = "state";
const MESSAGER: &str = "messager";
const MINER: &str = "miner";
const WINS: &str = "wins";
const GATEWAY: &str = "gateway";
const AUTH: &str = "auth";

/// Every part with the service that it asks; what is hung on comes first, and who names senders and miners before those
/// who are asked about them.
const PARTS: [(&str, VenusService); 9] = [
    (AUTH, VenusService::Auth),
    (GATEWAY, VenusService::Gateway),
    (NODE, VenusService::Node),
    (NETWORK, VenusService::Node),
    (MESSAGER, VenusService::Messager),
    (MINER, VenusService::Miner),
    (WINS, VenusService::Miner),
    (WALLETS, VenusService::Node),
    (STATE, VenusService::Node),
];

/// The collector.
pub struct Venus {
    target: Target,
    readers: Readers,
    configured: Configured,
}

impl Venus {
    /// Auth first: without it nobody is let in. Then who signs and proves, then who needs that.
    fn part(&self, name: &'static str) -> Part {
        let target = &self.target;
        let (every, hangs_on): (_, &'static [&'static str]) = match name {
            NODE => (target.interval, &[AUTH]),
            MESSAGER | MINER => (target.interval, &[AUTH, NODE, GATEWAY]),
            GATEWAY => (target.slow_interval, &[AUTH]),
            NETWORK | WALLETS => (target.slow_interval, &[NODE]),
            STATE => (target.state_interval, &[NODE]),
            WINS => (target.slow_interval, &[MINER]),
            _ => (target.slow_interval, &[]),
        };
        Part {
            name,
            every: every.get(),
            deadline: every.get().mul_f64(0.95),
            hangs_on,
        }
    }

    fn stale(&self, name: &'static str) -> Duration {
        self.part(name).stale_after()
    }
}

impl Collector for Venus {
    const NAME: &'static str = "venus";
    type Target = Target;
    type Reading = Reading;
    type Snapshot = Snapshot;
    const FAMILIES: &'static [&'static Family] = samples::FAMILIES;
    const SYMPTOMS: &'static [&'static Symptom] = symptoms::SYMPTOMS;

    fn connect(target: &Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        Ok(Self {
            readers: Readers::new(target, tools, before.map(|before| &before.readers))?,
            configured: Configured::of(target),
            target: target.clone(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        let configured = PARTS
            .iter()
            .filter(|(_, service)| !self.target.instances(*service).is_empty());
        configured.map(|(name, _)| self.part(name)).collect()
    }

    async fn read(&self, part: &Part) -> Result<Reading, Fault> {
        self.readers.read(part.name).await
    }

    fn absorb(&self, snapshot: &mut Snapshot, reading: Reading, now: Now) {
        snapshot.configured = self.configured.clone();
        match reading {
            Reading::Heads(said) => {
                snapshot.heads.absorb(said, self.stale(NODE), now);
                snapshot.watch_heads(now);
            }
            Reading::Networks(said) => snapshot.networks.absorb(said, self.stale(NETWORK), now),
            Reading::Messagers(said) => snapshot.messagers.absorb(said, self.stale(MESSAGER), now),
            Reading::Miners(said) => snapshot.hear_miners(said, self.stale(MINER), now),
            Reading::Wins(said) => snapshot.tallies.hear(said),
            Reading::Gateways(said) => snapshot.hear_gateways(said, self.stale(GATEWAY), now),
            Reading::Auths(said) => snapshot.hear_auths(said, self.stale(AUTH), now),
            Reading::Wallets(claims) => snapshot.hear_wallets(claims),
            Reading::States(claims) => snapshot.hear_states(claims),
        }
        self.readers.publish(snapshot);
    }

    fn lost(&self, snapshot: &mut Snapshot, part: &Part, fault: &Fault, now: Now) {
        self.readers.no_list(part.name, fault);
        let said = || self.readers.lost(part.name, fault);
        let stale = part.stale_after();
        match part.name {
            NODE => snapshot.heads.lost(said(), stale, now),
            NETWORK => snapshot.networks.lost(said(), stale, now),
            MESSAGER => snapshot.messagers.lost(said(), stale, now),
            MINER => {
                snapshot.miners.lost(said(), stale, now);
                snapshot.keep_open(now);
            }
            GATEWAY => snapshot.gateways.lost(said(), stale, now),
            AUTH => snapshot.auths.lost(said(), stale, now),
            WALLETS | STATE => {
                // Nobody told anything: the fault is that of the first node that was asked.
                let of = |instance: &&Instance| instance.url.to_string() == fault.who;
                let node = self.target.nodes.iter().find(of);
                let unusable = node.map(|node| (node.label().into(), fault.clone()));
                snapshot.unusable.insert(part.name, unusable.into_iter().collect());
            }
            _ => {}
        }
    }

    fn expire(&self, snapshot: &mut Snapshot, part: &Part) {
        match part.name {
            NODE => snapshot.heads.expire(),
            NETWORK => snapshot.networks.expire(),
            MESSAGER => snapshot.messagers.expire(),
            MINER => snapshot.miners.expire(),
            GATEWAY => snapshot.gateways.expire(),
            AUTH => snapshot.auths.expire(),
            WINS => snapshot.tallies.expire(),
            WALLETS => snapshot.expire_wallets(),
            _ => snapshot.states = None,
        }
    }

    fn samples(snapshot: &Snapshot, page: &mut Page) {
        samples::samples(snapshot, page);
    }

    fn diagnose(&self, snapshot: &Snapshot, now: Now) -> Diagnosis {
        diagnose::diagnose(snapshot, &self.target.thresholds, now)
    }

    fn endpoints(target: &Target) -> Vec<(&'static str, Endpoint)> {
        let first = PARTS.iter().filter_map(|(name, service)| {
            let instance = target.instances(*service).first()?;
            Some((*name, instance.url.clone()))
        });
        first.collect()
    }

    fn gist(snapshot: &Snapshot, target: &Target, part: &Part, now: Now) -> Result<String, String> {
        match part.name {
            NODE => gist::heads(snapshot, now),
            NETWORK => gist::networks(snapshot),
            MESSAGER => gist::messagers(snapshot),
            MINER => gist::miners(snapshot),
            GATEWAY => gist::gateways(snapshot),
            AUTH => gist::auths(snapshot),
            WINS => Ok(gist::wins(snapshot, target)),
            WALLETS => Ok(gist::wallets(snapshot, target)),
            _ => Ok(gist::states(snapshot, target)),
        }
    }

    fn advice(fault: &Fault) -> Option<&'static str> {
        advice(fault)
    }

    fn ad_hoc(text: &str, _here: &Here) -> Result<Target, String> {
        let endpoint: Endpoint = text.parse()?;
        let of_port = |service: &VenusService| service.usual_port() == endpoint.port();
        let Some(service) = VenusService::ALL.into_iter().find(of_port) else {
            let usual = VenusService::ALL.map(|service| format!("{} {}", service.label(), service.usual_port()));
            return Err(format!(
                "which service is it? On its usual port that is known ({}); otherwise it needs a configuration",
                usual.join(", ")
            ));
        };
        let named = format!("venus-{}-{}", endpoint.host().replace(':', "-"), endpoint.port());
        let mut target = Target::bare(named.parse()?);
        target.instances_mut(service).push(Instance::at(endpoint));
        match target.contradictions().pop() {
            Some((_, words)) => Err(words),
            None => Ok(target),
        }
    }

    async fn discover(_here: &Here, tools: &Tools) -> Discovery {
        discover::discover(&VenusService::ALL.map(|service| (service, service.usual_port())), tools).await
    }
}

fn advice(fault: &Fault) -> Option<&'static str> {
    match (&fault.why, fault.reason()) {
        (Why::Unreachable(words), _) if words.contains("refused") => Some(
            "Nothing listens there. Is the service running? Most listen on 127.0.0.1 only until their configuration says \
             otherwise; a miner service listens when its node is synchronised.",
        ),
        (Why::Disbelieved, _) => Some(
            "auth knows the token: does this service reach auth, or does it (venus-miner up to 1.9) take only the token in \
             its own folder?",
        ),
        (_, Reason::AuthDown) => Some("Restart auth first: until it answers, every service refuses every token of it."),
        (_, Reason::Unauthorized) => Some(
            "Give `token_file`: a token that auth issued (`sophon-auth token gen`), or the one in the service's folder, which \
             is a new one after every start.",
        ),
        (_, Reason::Forbidden) => Some("Issue a token with that permission; docs/venus.md says what each one is for."),
        (Why::Upstream(words), _) if words.contains("rate-limit") => Some(
            "auth limits how often the token's user may ask: raise that limit (`sophon-auth user rate-limit`), or lengthen \
             `interval`.",
        ),
        (_, Reason::NotFound | Reason::Malformed | Reason::Status) => Some(
            "Another service answers there. Usual ports: node 3453, messager 39812, miner 12308, gateway 45132, auth 8989.",
        ),
        _ => None,
    }
}
