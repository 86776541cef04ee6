//! Rows as PRB v2 and v0 write them (protobufjs over `prb.proto`): workers as they run, workers and pools as they are
//! stored.
//!
//! A pool's owner, with keystore and words, has no place in any of these types.

use serde::Deserialize;

use super::amount::Plancks;
use super::message::Message;
use super::session::Info;
use super::wire::{self, Height, Number, cut, shown};
use super::worker::{Heights, Identity, Pool, Status, UNBOUND, Worker};

/// Made of each state as soon as it is read: their texts together are several times as long as what is kept of them.
#[derive(Deserialize)]
#[serde(from = "State")]
pub(super) struct Loaded(pub(super) Option<Box<Worker>>);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct State {
    #[serde(deserialize_with = "wire::text")]
    status: Option<String>,
    parent_header_synched_to: Height,
    para_header_synched_to: Height,
    para_block_dispatched_to: Height,
    worker: Option<WireWorker>,
    #[serde(deserialize_with = "wire::text")]
    public_key: Option<String>,
    #[serde(deserialize_with = "wire::text")]
    last_message: Option<String>,
    #[serde(alias = "minerAccountId", deserialize_with = "wire::text")]
    worker_account_id: Option<String>,
    #[serde(alias = "minerInfoJson", deserialize_with = "wire::text")]
    session_info_json: Option<String>,
}

impl From<State> for Loaded {
    fn from(state: State) -> Self {
        // What is loaded is enabled; states of v0 do not say it.
        let Some(identity) = state.worker.and_then(|worker| worker.identity(true)) else {
            return Self(None);
        };
        Self(Some(Box::new(Worker {
            identity,
            status: status(state.status.as_deref()),
            heights: Heights {
                relay_header: state.parent_header_synched_to.0,
                para_header: state.para_header_synched_to.0,
                para_block: state.para_block_dispatched_to.0,
            },
            public_key: shown(state.public_key),
            account: shown(state.worker_account_id).filter(|account| account != UNBOUND),
            message: Message::read(&state.last_message.unwrap_or_default()),
            info: Info::read(&state.session_info_json.unwrap_or_default()).unwrap_or_default(),
        })))
    }
}

/// A worker in the database; `None` for a row that cannot be told apart. `UNSAID`: whether it is enabled when it does not
/// say so.
#[derive(Deserialize)]
#[serde(from = "WireWorker")]
pub(super) struct Stored<const UNSAID: bool>(pub(super) Option<Identity>);

impl<const UNSAID: bool> From<WireWorker> for Stored<UNSAID> {
    fn from(worker: WireWorker) -> Self {
        Self(worker.identity(UNSAID))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireWorker {
    #[serde(deserialize_with = "wire::text")]
    uuid: Option<String>,
    pid: Number,
    #[serde(deserialize_with = "wire::text")]
    name: Option<String>,
    #[serde(deserialize_with = "wire::text")]
    endpoint: Option<String>,
    #[serde(deserialize_with = "wire::flag")]
    enabled: Option<bool>,
    stake: Number,
    #[serde(deserialize_with = "wire::flag")]
    sync_only: Option<bool>,
}

impl WireWorker {
    /// `unsaid`: whether a worker is enabled that does not say it.
    fn identity(self, unsaid: bool) -> Option<Identity> {
        Some(Identity {
            uuid: shown(self.uuid)?,
            name: shown(self.name)?,
            pool: self.pid.pool(),
            endpoint: cut(self.endpoint),
            stake: self.stake.0.map(Plancks),
            enabled: self.enabled.unwrap_or(unsaid),
            sync_only: self.sync_only.unwrap_or_default(),
        })
    }
}

/// A pool in the database.
#[derive(Deserialize)]
#[serde(from = "WirePool")]
pub(super) struct StoredPool<const UNSAID: bool>(pub(super) Pool);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WirePool {
    pid: Number,
    #[serde(deserialize_with = "wire::text")]
    name: Option<String>,
    #[serde(deserialize_with = "wire::flag")]
    enabled: Option<bool>,
    #[serde(deserialize_with = "wire::flag")]
    sync_only: Option<bool>,
}

impl<const UNSAID: bool> From<WirePool> for StoredPool<UNSAID> {
    fn from(pool: WirePool) -> Self {
        Self(Pool {
            number: pool.pid.pool(),
            name: cut(pool.name),
            enabled: pool.enabled.unwrap_or(UNSAID),
            sync_only: pool.sync_only.unwrap_or_default(),
        })
    }
}

fn status(name: Option<&str>) -> Status {
    match name {
        Some("S_IDLE") => Status::Idle,
        Some("S_STARTING") => Status::Starting,
        Some("S_SYNCHING") => Status::Syncing,
        Some("S_SYNCHED") => Status::Synced,
        Some("S_PRE_ACTIVE" | "S_PRE_MINING") => Status::PreActive,
        Some("S_ACTIVE" | "S_MINING") => Status::Active,
        Some("S_KICKED") => Status::Kicked,
        Some("S_ERROR") => Status::Error,
        _ => Status::Unknown,
    }
}
