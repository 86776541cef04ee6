//! Answers of the PRB v2 monitor, from bytes: pure. Methods and fields: `runtime-bridge-walkie` `src/proto`, with the
//! names from before and after 2022-12-19.
//!
//! An owner's mnemonic and keystore are in answers about pools; no type here has a place for them.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::collectors::prb::peer::{Peer, PeerId, Role};
use crate::collectors::prb::reading::Listed;
use crate::collectors::prb::rows::{Loaded, Stored, StoredPool};
use crate::collectors::prb::wire::{self, Height, cut, from_json};
use crate::collectors::prb::worker::{Identity, Pool, Provider, ProviderState, Stages, Worker};
use crate::upstream::Why;

/// `/ptp/discover`. Peers without a sound id are left out.
pub fn discovered(json: &[u8]) -> Result<Vec<Peer>, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Found {
        data_providers: Vec<Wire>,
        lifecycle_managers: Vec<Wire>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        #[serde(default, deserialize_with = "wire::text")]
        peer_id: Option<String>,
        #[serde(default, deserialize_with = "wire::text")]
        hostname: Option<String>,
        #[serde(default, deserialize_with = "wire::text")]
        chain_identity: Option<String>,
        #[serde(default, deserialize_with = "wire::text")]
        bridge_identity: Option<String>,
        #[serde(default, deserialize_with = "wire::text")]
        remote_addr: Option<String>,
    }
    let found: Found = from_json(json)?;
    let providers = found.data_providers.into_iter().map(|wire| (Role::DataProvider, wire));
    let lifecycles = found.lifecycle_managers.into_iter().map(|wire| (Role::Lifecycle, wire));
    let mut seen = HashSet::new();
    let peers = providers.chain(lifecycles).filter_map(|(role, wire)| {
        let id = PeerId::read(&wire.peer_id?).ok()?;
        seen.insert(id.clone()).then(|| Peer {
            id,
            role,
            hostname: cut(wire.hostname),
            // `/ip4/192.168.2.9/tcp/28888/p2p/…`
            address: cut(wire
                .remote_addr
                .and_then(|addr| addr.split('/').nth(2).map(ToOwned::to_owned))),
            bridge: cut(wire.bridge_identity),
            chain: cut(wire.chain_identity),
        })
    });
    Ok(peers.collect())
}

/// `GetDataProviderInfo`. -1 is a height that is not known yet.
pub fn provider(json: &[u8]) -> Result<Provider, Why> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Wire {
        status: Option<String>,
        parent_target: Height,
        parent_fetched_height: Height,
        parent_processed_height: Height,
        parent_committed_height: Height,
        para_target: Height,
        para_fetched_height: Height,
        para_processed_height: Height,
        para_committed_height: Height,
    }
    let wire: Wire = data(json)?;
    Ok(Provider {
        state: match wire.status.as_deref() {
            // The upstream spells it that way.
            Some("S_SYHCHING" | "S_SYNCHING") => ProviderState::Syncing,
            Some("S_IDLE") => ProviderState::Idle,
            _ => ProviderState::Unknown,
        },
        para: Stages {
            target: wire.para_target.0,
            fetched: wire.para_fetched_height.0,
            processed: wire.para_processed_height.0,
            committed: wire.para_committed_height.0,
        },
        relay: Stages {
            target: wire.parent_target.0,
            fetched: wire.parent_fetched_height.0,
            processed: wire.parent_processed_height.0,
            committed: wire.parent_committed_height.0,
        },
    })
}

/// `GetWorkerStatus` without ids: the workers that the lifecycle has loaded, one by one. All texts of a lifecycle together
/// are several times as long as what is kept of them.
#[derive(Default)]
pub struct States {
    rows: Vec<Option<Box<Worker>>>,
    wrong: Option<Why>,
}

impl States {
    /// The next one; false when no more is wanted.
    pub fn take(&mut self, json: &[u8]) -> bool {
        match from_json::<Loaded>(json) {
            Ok(Loaded(worker)) => self.rows.push(worker),
            Err(why) => self.wrong = Some(why),
        }
        self.wrong.is_none()
    }

    /// When all have been taken, with what was around them.
    pub fn finish(self, envelope: &[u8]) -> Result<Listed<Box<Worker>>, Why> {
        #[derive(Default, Deserialize)]
        struct Wire {}
        if let Some(why) = self.wrong {
            return Err(why);
        }
        let Wire {} = data(envelope)?;
        Ok(Listed::of(self.rows.into_iter(), |worker| worker.identity.uuid.clone()))
    }
}

/// The same of a whole answer.
#[cfg(test)]
pub fn worker_states(json: &[u8]) -> Result<Listed<Box<Worker>>, Why> {
    let mut states = States::default();
    let mut elements =
        crate::upstream::Elements::new(crate::upstream::PRB_LIST_WITHIN, |json: &[u8]| states.take(json));
    elements.push(json)?;
    let envelope = elements.envelope();
    states.finish(&envelope)
}

/// `ListWorker`: what is configured, also what is disabled.
pub fn workers(json: &[u8]) -> Result<Listed<Identity>, Why> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wire {
        workers: Vec<Stored<false>>,
    }
    let wire: Wire = data(json)?;
    let rows = wire.workers.into_iter().map(|Stored(identity)| identity);
    Ok(Listed::of(rows, |identity| identity.uuid.clone()))
}

/// `ListPool`.
pub fn pools(json: &[u8]) -> Result<Vec<Pool>, Why> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wire {
        pools: Vec<StoredPool<false>>,
    }
    let wire: Wire = data(json)?;
    Ok(wire.pools.into_iter().map(|StoredPool(pool)| pool).collect())
}

/// What is inside the envelope. An empty `data` may be left out; an answer without `meta.createdAt` is a call that was
/// lost on its way, however successful it looks.
fn data<T: DeserializeOwned + Default>(json: &[u8]) -> Result<T, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<T> {
        #[serde(default = "Option::default")]
        data: Option<T>,
        #[serde(default)]
        has_error: bool,
        #[serde(default)]
        error: Option<Refusal>,
        #[serde(default)]
        meta: Option<Meta>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Meta {
        #[serde(default)]
        created_at: Option<IgnoredAny>,
    }
    let envelope: Envelope<T> = from_json(json)?;
    if envelope.has_error {
        return Err(envelope.error.unwrap_or_default().why());
    }
    match envelope.meta.and_then(|meta| meta.created_at) {
        Some(_) => Ok(envelope.data.unwrap_or_default()),
        None => Err(Why::malformed(
            "an empty answer without `meta.createdAt`: the call was lost between monitor and peer",
        )),
    }
}

/// Why a call failed: from the peer with a message, from the monitor with a name and a code at most.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    code: Option<String>,
}

impl Refusal {
    fn why(self) -> Why {
        match (self.message, self.name.as_deref(), self.code.as_deref()) {
            (Some(words), ..) if words.contains("reading 'workers'") => {
                Why::upstream("the lifecycle is still starting, or runs in configuration mode")
            }
            (Some(words), ..) => Why::upstream(words),
            (None, _, Some("ERR_TIMEOUT")) => Why::Unreachable(
                "the monitor gets no answer when it connects to this peer: it hangs, or packets are dropped".to_owned(),
            ),
            (None, Some("AggregateError"), _) => {
                Why::Unreachable("the monitor cannot connect to this peer: its process is gone".to_owned())
            }
            (None, name, code) => {
                let words = [name, code].into_iter().flatten().collect::<Vec<_>>().join(" ");
                Why::upstream(format!("the monitor could not make the call ({words})"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
