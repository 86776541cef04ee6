//! The mounts of a machine: whether they are there, answer, have room, and what plots lie on them.
//!
//! Nothing in this process touches a mounted filesystem: the table is text, and what must touch a mount runs in
//! children (`prober.rs`) of which a dead share may keep one for ever. Nothing is ever written, mounted or unmounted.

#[cfg(test)]
pub(crate) mod bench;
mod check;
mod child;
mod defaults;
mod diagnose;
mod discover;
mod families;
pub mod fstab;
mod gist;
mod memory;
mod plan;
mod pool;
mod probe;
mod probed;
mod prober;
mod question;
mod reader;
mod samples;
mod snapshot;
mod source;
mod symptoms;
mod table;
mod target;
mod view;

use std::time::Duration;

pub use probe::serve as answer_probes;
pub use prober::Failed;
pub use question::{Files, Space};
pub use snapshot::{MountView, Snapshot, TableView, TemporaryView, Trouble};
pub use source::Server;
pub use symptoms::{
    MOUNT_ALMOST_FULL, MOUNT_DISCONNECTED, MOUNT_ERROR, MOUNT_MISSING, MOUNT_READ_ONLY, MOUNT_STUCK, MOUNT_UNPROBED,
    Thresholds,
};
pub use target::{Expected, PlotSize, Target};

use super::{Collector, Diagnosis, Discovery, Here, Part, Symptom, Tools};
use crate::clock::Now;
use crate::exposition::{Family, Page};
use crate::process::Program;
use crate::upstream::{Fault, Reason, Upstream, Why};
use crate::values::Endpoint;
use prober::{Limits, Prober};

/// The hidden command of our binary that a child runs.
pub const PROBE_COMMAND: &str = "probe-mount";

const PROBE: &str = "probe";
const SERVERS: &str = "servers";

/// The collector.
pub struct Mounts {
    target: Target,
    prober: Prober,
    upstream: Upstream,
}

impl Mounts {
    fn part(&self, name: &'static str) -> Part {
        let every = self.target.interval.get();
        Part {
            name,
            every,
            deadline: every.mul_f64(0.9),
            hangs_on: &[],
        }
    }
}

impl Collector for Mounts {
    const NAME: &'static str = "mounts";
    type Target = Target;
    type Reading = reader::Reading;
    type Snapshot = Snapshot;
    const FAMILIES: &'static [&'static Family] = families::FAMILIES;
    const SYMPTOMS: &'static [&'static Symptom] = symptoms::SYMPTOMS;

    fn connect(target: &Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        // Rounds do not come at exact times: half an interval early is early enough.
        let half_a_round: Duration = target.interval.get() / 2;
        let count_every = target.count_every().saturating_sub(half_a_round);
        let limits = Limits::new(target.probe_timeout.get(), count_every, target.max_children);
        let prober = match before {
            Some(before) => before.prober.with(limits),
            None => Prober::new(Program::own(PROBE_COMMAND), limits, tools.own.probe_children.clone()),
        };
        Ok(Self {
            target: target.clone(),
            prober,
            upstream: tools.upstream.clone(),
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![self.part(PROBE), self.part(SERVERS)]
    }

    async fn read(&self, part: &Part) -> Result<reader::Reading, Fault> {
        match part.name {
            PROBE => reader::probe(&self.target, &self.prober).await,
            SERVERS => reader::servers(&self.target, &self.upstream).await,
            other => {
                let words = "a round of a part that this target does not have".to_owned();
                Err(Fault::new(Self::NAME, other, Why::Internal(words)))
            }
        }
    }

    fn absorb(&self, snapshot: &mut Snapshot, reading: reader::Reading, now: Now) {
        match reading {
            reader::Reading::Probe(probed) => snapshot.absorb(&self.target, *probed, now),
            reader::Reading::Servers(servers) => snapshot.absorb_servers(servers),
        }
    }

    fn expire(&self, snapshot: &mut Snapshot, part: &Part) {
        match part.name {
            PROBE => snapshot.expire_probe(),
            _ => snapshot.absorb_servers(Vec::new()),
        }
    }

    fn samples(snapshot: &Snapshot, page: &mut Page) {
        samples::samples(snapshot, page);
    }

    fn diagnose(&self, snapshot: &Snapshot, _now: Now) -> Diagnosis {
        diagnose::diagnose(snapshot, &self.target.thresholds)
    }

    /// The mount table is no network service, and the servers of shares are tried in rounds.
    fn endpoints(_target: &Target) -> Vec<(&'static str, Endpoint)> {
        Vec::new()
    }

    fn gist(snapshot: &Snapshot, _target: &Target, part: &Part, _now: Now) -> Result<String, String> {
        match part.name {
            SERVERS => Ok(gist::servers(&snapshot.servers_reachable())),
            _ => gist::probe(&snapshot.mounts),
        }
    }

    fn advice(fault: &Fault) -> Option<&'static str> {
        match fault.reason() {
            Reason::NotFound | Reason::Malformed => {
                Some("In a container, mount the host's /proc and / and name the places with `procfs` and `rootfs`.")
            }
            Reason::Forbidden => Some(
                "May the user of farmwarden read the mount table? /proc can be mounted with hidepid, and a sandbox \
                 can close it.",
            ),
            _ => None,
        }
    }

    fn ad_hoc(text: &str, here: &Here) -> Result<Target, String> {
        let target = Target::local(here.procfs.clone(), here.rootfs.clone());
        if text == target.name.as_str() {
            Ok(target)
        } else {
            Err(format!(
                "only this machine can be looked at; its name is `{}`",
                target.name
            ))
        }
    }

    async fn local(here: &Here, _tools: &Tools) -> Vec<Target> {
        vec![Target::local(here.procfs.clone(), here.rootfs.clone())]
    }

    async fn discover(here: &Here, _tools: &Tools) -> Discovery {
        discover::discover(&Target::local(here.procfs.clone(), here.rootfs.clone())).await
    }
}
