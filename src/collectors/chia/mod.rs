//! A distributed Chia farm: full node, farmer, harvesters and wallet by their RPCs, and the events of a daemon.
//!
//! Most of what is known of harvesters is known by the farmer, which they dial. Nothing here changes a farm, and neither
//! addresses nor paths of single plots are taken up. Which mounts a harvester's plots lie on is a relation.

mod check;
mod compat;
mod details;
mod diagnose;
mod discover;
mod events;
mod families;
mod farmer;
mod gist;
mod known;
mod listener;
mod memory;
mod node;
mod plots;
mod pool;
mod pool_memory;
mod reader;
mod reading;
mod root;
mod samples;
mod snapshot;
mod symptoms;
mod target;
#[cfg(test)]
pub(crate) mod testing;
mod wallet;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

pub use known::Known;
pub use node::Peers;
pub use reading::{Reading, Round};
pub use snapshot::{Here as HereView, Snapshot};
pub use symptoms::{
    DIRECTORY_UNMOUNTED, HARVESTER_DOWN, HARVESTER_SILENT, NODE_STALLED, PLOTS_LOST, SCAN_STALE, Thresholds,
};
pub use target::{Pick, Target};

use super::{Collector, Diagnosis, Discovery, Here, Part, Symptom, TargetConfig as _, Tools};
use crate::clock::Now;
use crate::exposition::{Family, Page};
use crate::upstream::chia::{Identity, NodeId};
use crate::upstream::{Fault, Reason, Why};
use crate::values::Endpoint;
use reader::Reader;
use snapshot::Ends;
use target::PlotDetail;

const NODE: &str = "full_node";
pub const FARMER: &str = "farmer";
const WALLET: &str = "wallet";
const EVENTS: &str = "events";
const DETAILS: &str = "details";
const PLOTS: &str = "plots";

/// The collector.
pub struct Chia {
    target: Target,
    reader: Reader,
    ends: Ends,
    own: Option<NodeId>,
    /// Of the files of the certificates, as they were read.
    digest: Option<u64>,
}

impl Chia {
    fn part(&self, name: &'static str) -> Part {
        let target = &self.target;
        let (every, hangs_on): (_, &'static [&'static str]) = match name {
            FARMER | WALLET if target.full_node.is_some() => (target.interval, &[NODE]),
            EVENTS => (target.events_interval, &[]),
            DETAILS => (target.details_interval, &[]),
            PLOTS => (target.plots_interval, &[FARMER]),
            _ => (target.interval, &[]),
        };
        Part {
            name,
            every: every.get(),
            deadline: every.get().mul_f64(0.95),
            hangs_on,
        }
    }
}

impl Collector for Chia {
    const NAME: &'static str = "chia";
    type Target = Target;
    type Reading = Round;
    type Snapshot = Snapshot;
    const FAMILIES: &'static [&'static Family] = families::FAMILIES;
    const SYMPTOMS: &'static [&'static Symptom] = symptoms::SYMPTOMS;

    fn connect(target: &Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        let name = target.name.as_str();
        let files = target.certificates().ok_or_else(|| {
            let words = "no certificates are configured".to_owned();
            Fault::new(name, "its certificates", Why::Configuration(words))
        })?;
        let digest = files.digest();
        let identity = Arc::new(Identity::read(name, &files)?);
        Ok(Self {
            reader: Reader::new(target, (&identity, digest), tools, before.map(|before| &before.reader)),
            ends: [
                ("ca", identity.authority_not_after),
                ("client", identity.certificate_not_after),
            ],
            own: reader::own_id(target),
            digest,
            target: target.clone(),
        })
    }

    /// A certificate was renewed, or was taken anew after `chia init -c`.
    fn is_outdated(&self) -> bool {
        let digest = self.target.certificates().and_then(|files| files.digest());
        digest != self.digest
    }

    fn parts(&self) -> Vec<Part> {
        let target = &self.target;
        let asks_details =
            target.services().next().is_some() || target.harvesters.iter().any(|pick| pick.rpc.is_some());
        let looks = target.farmer.is_some() && target.plot_detail != PlotDetail::Off;
        let parts = [
            (NODE, target.full_node.is_some()),
            (FARMER, target.farmer.is_some()),
            (WALLET, target.wallet.is_some()),
            (EVENTS, target.daemon.is_some()),
            (DETAILS, asks_details || target.root.is_some()),
            (PLOTS, looks),
        ];
        let present = parts.into_iter().filter(|(_, present)| *present);
        present.map(|(name, _)| self.part(name)).collect()
    }

    async fn read(&self, part: &Part) -> Result<Round, Fault> {
        match part.name {
            NODE => self.reader.node().await,
            FARMER => self.reader.farmer().await,
            WALLET => self.reader.wallet().await,
            EVENTS => self.reader.events().await.map(Round::whole),
            DETAILS => self.reader.details().await,
            PLOTS => self.reader.plots().await,
            other => {
                let words = "a round of a part that this target does not have".to_owned();
                Err(Fault::new(Self::NAME, other, Why::Internal(words)))
            }
        }
    }

    fn absorb(&self, snapshot: &mut Snapshot, round: Round, now: Now) {
        snapshot.begin(&self.target, self.ends, self.own, now);
        snapshot.absorb_aside(round.reading.part(), round.aside, &self.target);
        match round.reading {
            Reading::Node(both) => snapshot.absorb_node(both.0, both.1, &self.target, now),
            Reading::Farmer(reading) => snapshot.absorb_farmer(*reading, &self.target, now),
            Reading::Wallet(state) => snapshot.absorb_wallet(*state, now),
            Reading::Events(tally) => snapshot.absorb_events(*tally, now),
            Reading::Details(details) => snapshot.absorb_details(*details),
            Reading::Plots(looked) => {
                self.reader.took(&looked);
                snapshot.absorb_plots(looked, now);
            }
        }
    }

    /// Certificates are known without an answer, and how long nothing was heard counts from here.
    fn lost(&self, snapshot: &mut Snapshot, _part: &Part, _fault: &Fault, now: Now) {
        snapshot.begin(&self.target, self.ends, self.own, now);
    }

    fn expire(&self, snapshot: &mut Snapshot, part: &Part) {
        match part.name {
            NODE => snapshot.expire_node(),
            FARMER => snapshot.expire_farmer(),
            WALLET => snapshot.expire_wallet(),
            EVENTS => snapshot.expire_events(),
            DETAILS => snapshot.expire_details(),
            _ => {
                snapshot.plots.clear();
                self.reader.look_anew();
            }
        }
    }

    fn samples(snapshot: &Snapshot, page: &mut Page) {
        samples::samples(snapshot, page);
    }

    fn diagnose(&self, snapshot: &Snapshot, now: Now) -> Diagnosis {
        diagnose::diagnose(snapshot, &self.target.thresholds, self.target.daemon.is_some(), now)
    }

    /// The way there is walked as the machine trusts, and a farm trusts itself alone: rounds tell what fails on it.
    fn endpoints(_target: &Target) -> Vec<(&'static str, Endpoint)> {
        Vec::new()
    }

    fn gist(snapshot: &Snapshot, _target: &Target, part: &Part, now: Now) -> Result<String, String> {
        let told = match part.name {
            NODE => gist::node(snapshot),
            FARMER => gist::farmer(snapshot),
            WALLET => gist::wallet(snapshot),
            EVENTS => gist::events(snapshot, now),
            DETAILS => gist::details(snapshot),
            _ => Ok(gist::plots(snapshot)),
        };
        gist::with_faults(told, snapshot.aside(part.name))
    }

    fn advice(fault: &Fault) -> Option<&'static str> {
        advice(fault)
    }

    /// The path of an installation: what its configuration names is asked.
    fn ad_hoc(text: &str, _here: &Here) -> Result<Target, String> {
        let root = PathBuf::from(text);
        if !root.is_absolute() {
            return Err(
                "the path of an installation is expected (CHIA_ROOT), like /home/chia/.chia/mainnet".to_owned(),
            );
        }
        let config = root::Config::read(&root)?;
        let target = Target::by_root("chia".parse()?, root).asking(&config);
        match target.contradictions().pop() {
            Some((_, words)) => Err(words),
            None => Ok(target),
        }
    }

    async fn discover(here: &Here, tools: &Tools) -> Discovery {
        discover::discover(here, tools).await
    }
}

fn advice(fault: &Fault) -> Option<&'static str> {
    match (&fault.why, fault.reason()) {
        (_, Reason::ClientCertRefused) => Some(
            "Is the certificate a private_*.crt of this very farm? After `chia init -c` with another authority all \
             certificates must be taken anew. A service that was just being started hangs up as well: try again.",
        ),
        (_, Reason::Tls) => Some(
            "The authority must be config/ssl/ca/private_ca.crt of the machine that is asked: not chia_ca.crt, and not of \
             another farm.",
        ),
        (Why::Unreachable(words), _) if words.contains("refused") => Some(
            "Nothing listens there. Is the service running (chia rpc, systemctl status chia-farmer@USER), and is it this \
             machine's? RPCs listen on 127.0.0.1 only: run farmwarden on that machine rather than open self_hostname, \
             which would open the wallet as well.",
        ),
        (_, Reason::Timeout) => Some(
            "It accepts connections and says nothing: a process that is frozen or hangs in a dead mount. Look at the plot \
             mounts before anything is restarted.",
        ),
        (_, Reason::NotFound) => Some(
            "Another service listens on this port (node 8555, farmer 8559, harvester 8560, wallet 9256), or the release is \
             older than this call.",
        ),
        (Why::Configuration(_), _) => {
            Some("docs/chia.md says how farmwarden gets at the certificates without being root.")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
