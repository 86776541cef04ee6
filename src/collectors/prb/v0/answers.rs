//! Answers of the monitor of PRB v0, from bytes: pure. Messages: `runtime-bridge-proto`; rows are written as in v2.
//!
//! A pool's owner comes with a keystore that is not encrypted; no type here has a place for it.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::collectors::prb::reading::Listed;
use crate::collectors::prb::rows::{Loaded, Stored, StoredPool};
use crate::collectors::prb::snapshot::Inventory;
use crate::collectors::prb::wire::{Height, from_json};
use crate::collectors::prb::worker::{Identity, Provider, ProviderState, Stages, Worker};
use crate::upstream::Why;

/// From here on a data provider calls itself synchronising, as in v2.
const BEHIND: u64 = 3;

/// `callOnlineFetcher`. What is known is the target, what is packed into blobs can be given to workers. Its `synched` never
/// becomes false again, so the state follows from the heights.
pub fn provider(json: &[u8]) -> Result<Provider, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Content {
        fetcher_state_update: Wire,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Wire {
        parent_known_height: Height,
        parent_blob_height: Height,
        parent_archived_height: Height,
        para_known_height: Height,
        para_blob_height: Height,
        para_archived_height: Height,
        synched: bool,
    }
    let Content {
        fetcher_state_update: wire,
    } = content(json)?;
    let stages = |known: Height, blob: Height, archived: Height| Stages {
        target: known.0,
        fetched: None,
        processed: blob.0,
        committed: archived.0,
    };
    let para = stages(wire.para_known_height, wire.para_blob_height, wire.para_archived_height);
    let relay = stages(
        wire.parent_known_height,
        wire.parent_blob_height,
        wire.parent_archived_height,
    );
    let state = match (wire.synched, para.behind(), relay.behind()) {
        (true, Some(para), Some(relay)) if para < BEHIND && relay < BEHIND => ProviderState::Idle,
        (false, ..) | (true, Some(_), Some(_)) => ProviderState::Syncing,
        (true, ..) => ProviderState::Unknown,
    };
    Ok(Provider { state, para, relay })
}

/// `callOnlineLifecycleManager`: what is configured, also what is disabled.
pub fn inventory(json: &[u8]) -> Result<Inventory, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Content {
        lifecycle_manager_state_update: Wire,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wire {
        workers: Vec<Stored<true>>,
        pools: Vec<StoredPool<true>>,
    }
    let Content {
        lifecycle_manager_state_update: wire,
    } = content(json)?;
    let rows = wire.workers.into_iter().map(|Stored(identity)| identity);
    Ok(Inventory {
        workers: Listed::of(rows, |identity| identity.uuid.clone()),
        pools: wire.pools.into_iter().map(|StoredPool(pool)| pool).collect(),
    })
}

/// `queryWorkerState`: the workers among those asked for that are loaded; of another uuid there is no more than an empty
/// session.
pub fn worker_states(json: &[u8]) -> Result<Vec<Box<Worker>>, Why> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Content {
        worker_state_update: Wire,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Wire {
        worker_states: Vec<Loaded>,
    }
    let content: Content = content(json)?;
    let states = content.worker_state_update.worker_states.into_iter();
    Ok(states.filter_map(|Loaded(worker)| worker).collect())
}

/// The states with what only the stored rows say of these workers.
pub fn joined(states: Vec<Box<Worker>>, stored: &[Identity]) -> Listed<Box<Worker>> {
    let stored: HashMap<&str, &Identity> = stored.iter().map(|row| (row.uuid.as_str(), row)).collect();
    let rows = states.into_iter().map(|mut worker| {
        if let Some(row) = stored.get(worker.identity.uuid.as_str()) {
            worker.identity.enabled = row.enabled;
            worker.identity.sync_only = row.sync_only;
        }
        Some(worker)
    });
    Listed::of(rows, |worker| worker.identity.uuid.clone())
}

/// What is inside the envelope.
fn content<T: DeserializeOwned>(json: &[u8]) -> Result<T, Why> {
    #[derive(Deserialize)]
    struct Refused {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        extra: Option<String>,
    }
    #[derive(Deserialize)]
    struct Envelope<T> {
        content: T,
    }
    match from_json::<Envelope<T>>(json) {
        Ok(envelope) => Ok(envelope.content),
        Err(why) => Err(match from_json::<Refused>(json) {
            Ok(refused) => Why::upstream(plain(&refused.content.error.extra.unwrap_or_default())),
            Err(_) => why,
        }),
    }
}

/// Words up to where something is quoted: that could be a pool with its keystore.
fn plain(words: &str) -> &str {
    words.split(['{', '[', '"', '\'']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
