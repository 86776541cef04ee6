//! Through what a PRB is told: the calls that change something, each version's own.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use url::Url;

use super::answers;
use crate::actions::Failed;
use crate::actions::wire::{Asked, Reply, Way, Wire};
use crate::collectors::prb::peer::PeerId;
use crate::collectors::prb::reading::{Heard, Said};
use crate::collectors::prb::v2::{REST, Turns};
use crate::collectors::prb::worker::Worker;
use crate::collectors::prb::{v0, v2, v3};
use crate::upstream::{Fault, LegacyMonitor, PrbMonitor, Upstream, Why, WorkerManager};
use crate::values::{self, Endpoint, Size};

/// One PRB; with v2, one lifecycle behind its monitor.
pub struct Door {
    wire: Wire,
    base: Url,
    version: Version,
}

enum Version {
    V2 {
        reader: Box<v2::Reader>,
        turns: Turns,
        peer: PeerId,
    },
    V3(v3::Reader),
    V0(v0::Reader),
}

/// A monitor of v2 tries 30 s to reach a peer; before that it cannot be said that nothing was sent.
const WITHIN: Duration = Duration::from_secs(35);
/// For the look before; as collectors have it.
const LOOK_WITHIN: Duration = Duration::from_secs(15);
/// States of the largest lifecycle known, with their texts.
const LOOK_CAP: Size = Size::from_bytes(32 << 20);

impl Door {
    /// Calls to one peer that begin at about the same time lose one another, so whoever calls takes turns with what reads
    /// the same PRB all the time (`prb::Snapshot::turns`).
    pub fn v2(upstream: &Upstream, monitor: &Endpoint, peer: PeerId, turns: Turns) -> Self {
        let client = PrbMonitor::new(upstream, monitor, LOOK_WITHIN, LOOK_CAP);
        let reader = v2::Reader::beside(client, turns.clone());
        let version = Version::V2 {
            reader: Box::new(reader),
            turns,
            peer,
        };
        Self::new(upstream, monitor, version)
    }

    pub fn v3(upstream: &Upstream, manager: &Endpoint) -> Self {
        let reader = v3::Reader::new(WorkerManager::new(upstream, manager, LOOK_WITHIN, LOOK_CAP));
        Self::new(upstream, manager, Version::V3(reader))
    }

    pub fn v0(upstream: &Upstream, monitor: &Endpoint) -> Self {
        let reader = v0::Reader::new(LegacyMonitor::new(upstream, monitor, LOOK_WITHIN, LOOK_CAP));
        Self::new(upstream, monitor, Version::V0(reader))
    }

    fn new(upstream: &Upstream, endpoint: &Endpoint, version: Version) -> Self {
        Self {
            wire: Wire {
                who: endpoint.to_string(),
                way: Way::to(upstream, endpoint),
            },
            base: endpoint.url().clone(),
            version,
        }
    }

    pub(super) fn who(&self) -> &str {
        &self.wire.who
    }

    /// The workers that are loaded, as PRB reports them now.
    pub(super) async fn workers(&self) -> Result<Vec<Worker>, Failed> {
        let heard: Heard = match &self.version {
            Version::V2 { reader, peer, .. } => reader.workers(LOOK_WITHIN, |other| other.id == *peer).await?,
            Version::V3(reader) => reader.workers().await,
            Version::V0(reader) => reader.workers().await?,
        };
        let Said::Workers(each) = heard.said else {
            return Err(self.before("look at workers", Why::Internal("something else was read".to_owned())));
        };
        match each.into_iter().next() {
            Some((_, said)) => Ok(said?.rows.into_iter().map(|row| *row).collect()),
            None => Err(heard.gone.into()),
        }
    }

    pub(super) async fn restart(&self, uuids: &[&str]) -> Result<(), Failed> {
        match &self.version {
            Version::V2 { turns, peer, .. } => self.v2_call(turns, peer, "RestartWorker", uuids).await,
            Version::V3(_) => {
                let operation = "workers/restart";
                let reply = self
                    .send(Method::PUT, &["workers", "restart"], operation, &json!({"ids": uuids}))
                    .await?;
                answers::v3(&reply).map_err(|refusal| refusal.of(self.who(), operation))
            }
            Version::V0(_) => self.v0_call("requestStartWorkerLifecycle", uuids).await,
        }
    }

    pub(super) async fn kick(&self, uuid: &str) -> Result<(), Failed> {
        match &self.version {
            Version::V2 { turns, peer, .. } => self.v2_call(turns, peer, "KickWorker", &[uuid]).await,
            Version::V3(_) => self.can_kick(),
            Version::V0(_) => self.v0_call("requestKickWorker", &[uuid]).await,
        }
    }

    /// v3 has no such command.
    pub(super) fn can_kick(&self) -> Result<(), Failed> {
        match &self.version {
            Version::V3(_) => {
                let words = "PRB v3 cannot kick a worker; restart its container or unit instead".to_owned();
                Err(self.before("kick", Why::Configuration(words)))
            }
            Version::V2 { .. } | Version::V0(_) => Ok(()),
        }
    }

    async fn v2_call(&self, turns: &Turns, peer: &PeerId, method: &str, uuids: &[&str]) -> Result<(), Failed> {
        let Some(mut turn) = turns.take(peer).await else {
            let rest = values::Duration::from(REST);
            let words = format!("its last call got no answer; it is left alone for {rest}");
            return Err(self.before(method, Why::Unreachable(words)));
        };
        turn.begin();
        let path = ["ptp", "proxy", peer.as_str(), method];
        let reply = self.send(Method::POST, &path, method, &json!({"ids": uuids})).await;
        // Nothing came: the monitor may still be waiting for the peer.
        if !matches!(&reply, Err(failed) if matches!(failed.fault.why, Why::Timeout(_))) {
            turn.answered();
        }
        answers::v2(&reply?, uuids).map_err(|refusal| refusal.of(self.who(), method))
    }

    async fn v0_call(&self, request: &str, uuids: &[&str]) -> Result<(), Failed> {
        let requests: Vec<Value> = uuids.iter().map(|uuid| json!({"id": {"uuid": uuid}})).collect();
        let body = json!({ request: { "requests": requests } });
        let reply = self
            .send(Method::POST, &["api", "query_manager"], request, &body)
            .await?;
        answers::v0(&reply).map_err(|refusal| refusal.of(self.who(), request))
    }

    async fn send(&self, method: Method, path: &[&str], operation: &str, body: &Value) -> Result<Reply, Failed> {
        let mut url = self.base.clone();
        url.set_query(None);
        let words = "an address that cannot have a path".to_owned();
        url.path_segments_mut()
            .map_err(|()| self.before(operation, Why::Configuration(words)))?
            .pop_if_empty()
            .extend(path);
        let asked = Asked {
            operation,
            method,
            path: url.path(),
            headers: Vec::new(),
            body: Some(body.to_string().into_bytes()),
        };
        self.wire.exchange(asked, WITHIN).await
    }

    fn before(&self, operation: &str, why: Why) -> Failed {
        Fault::new(self.who(), operation, why).into()
    }
}
