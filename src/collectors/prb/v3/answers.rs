//! Answers of `prb-wm`, from bytes: pure. Fields: `phala-blockchain` `standalone/prb/src/api.rs`, `worker_status.rs`, of
//! 2023 and since the rewrite of 2024-03, which differ without a version number.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::collectors::prb::amount::{self, Plancks};
use crate::collectors::prb::message::Message;
use crate::collectors::prb::reading::Listed;
use crate::collectors::prb::session::{Info, Numbers, Session, SessionState};
use crate::collectors::prb::snapshot::Inventory;
use crate::collectors::prb::wire::{Number, cut, from_json, shown};
use crate::collectors::prb::worker::{Heights, Identity, Pool, Status, Worker};
use crate::upstream::Why;

/// `/wm/status`: the revision that the build was made from.
pub fn revision(json: &[u8]) -> Result<String, Why> {
    #[derive(Deserialize)]
    struct Wire {
        git_revision: String,
    }
    let wire: Wire = from_json(json)?;
    Ok(cut(Some(wire.git_revision)))
}

/// `/workers/status`: the workers that are run. Those that are disabled, which only newer builds list, are left out, as in
/// every other PRB.
pub fn workers(json: &[u8]) -> Result<Listed<Box<Worker>>, Why> {
    #[derive(Deserialize)]
    struct Wire {
        workers: Vec<Loaded>,
    }
    let wire: Wire = from_json(json)?;
    let rows = wire.workers.into_iter().filter_map(|loaded| match loaded {
        Loaded::Disabled => None,
        Loaded::Nameless => Some(None),
        Loaded::Worker(worker) => Some(Some(worker)),
    });
    Ok(Listed::of(rows, |worker| worker.identity.uuid.clone()))
}

/// `/wm/config` with `GetAllPoolsWithWorkers`: what is configured. Workers without a pool are in no such list.
pub fn inventory(json: &[u8]) -> Result<Inventory, Why> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wire {
        pid: Number,
        name: Option<String>,
        enabled: Option<bool>,
        sync_only: Option<bool>,
        workers: Option<Vec<WireWorker>>,
    }
    let wire: Vec<Wire> = from_json(json)?;
    let mut pools = Vec::new();
    let mut workers = Vec::new();
    for pool in wire {
        pools.push(Pool {
            number: pool.pid.pool(),
            name: cut(pool.name),
            enabled: pool.enabled.unwrap_or_default(),
            sync_only: pool.sync_only.unwrap_or_default(),
        });
        let rows = pool.workers.into_iter().flatten();
        workers.extend(rows.map(|worker| worker.identity(false)));
    }
    Ok(Inventory {
        workers: Listed::of(workers.into_iter(), |identity| identity.uuid.clone()),
        pools,
    })
}

/// Made of each status as soon as it is read: its texts are longer than what is kept of them.
#[derive(Deserialize)]
#[serde(from = "WireStatus")]
enum Loaded {
    Disabled,
    /// Without an id or name.
    Nameless,
    Worker(Box<Worker>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireStatus {
    worker: Loose<WireWorker>,
    /// The name of a state; of an error an object with its text.
    state: Value,
    phactory_info: Loose<WireInfo>,
    last_message: Loose<String>,
    session_info: Loose<WireSession>,
}

impl From<WireStatus> for Loaded {
    fn from(wire: WireStatus) -> Self {
        if wire.state == "Disabled" {
            return Self::Disabled;
        }
        let Some(identity) = wire.worker.0.and_then(|worker| worker.identity(true)) else {
            return Self::Nameless;
        };
        let info = wire.phactory_info.0.unwrap_or_default();
        let message = Message::read(&wire.last_message.0.unwrap_or_default());
        let error = wire.state.get("HasError").map(|text| text.as_str().unwrap_or_default());
        Self::Worker(Box::new(Worker {
            identity,
            status: error.map_or_else(|| status(&wire.state), |_| Status::Error),
            heights: info.heights(),
            // What happened since then may stand in the last message, what counts is why it is in error.
            message: match error {
                Some(words) if !words.is_empty() => message.saying(words),
                _ => message,
            },
            public_key: shown(info.public_key),
            // It is not said.
            account: None,
            info: Info {
                session: wire.session_info.0.map(WireSession::session),
                pruntime_version: shown(info.version),
            },
        }))
    }
}

fn status(state: &Value) -> Status {
    match state.as_str() {
        // For a moment, before it is gone from the list and comes back.
        Some("Starting" | "Restarting") => Status::Starting,
        Some("Synchronizing") => Status::Syncing,
        Some("Preparing") => Status::PreActive,
        Some("Working" | "GatekeeperWorking") => Status::Active,
        _ => Status::Unknown,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireWorker {
    id: Option<String>,
    name: Option<String>,
    endpoint: Option<String>,
    stake: Number,
    pid: Number,
    enabled: Option<bool>,
    sync_only: Option<bool>,
}

impl WireWorker {
    /// `unsaid`: whether a worker is enabled that does not say it.
    fn identity(self, unsaid: bool) -> Option<Identity> {
        Some(Identity {
            uuid: shown(self.id)?,
            name: shown(self.name)?,
            pool: self.pid.pool(),
            // It is normalised upstream; other PRBs have it without the slash.
            endpoint: cut(self.endpoint).trim_end_matches('/').to_owned(),
            stake: self.stake.0.map(Plancks),
            enabled: self.enabled.unwrap_or(unsaid),
            sync_only: self.sync_only.unwrap_or_default(),
        })
    }
}

/// What is used of `PhactoryInfo`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct WireInfo {
    initialized: Option<bool>,
    public_key: Option<String>,
    headernum: Number,
    para_headernum: Number,
    blocknum: Number,
    version: Option<String>,
}

impl WireInfo {
    /// pRuntime names what it expects next; before it is initialized that says nothing.
    fn heights(&self) -> Heights {
        let reached = |next: Number| {
            let next = next.0.filter(|_| self.initialized == Some(true));
            u64::try_from(next?.checked_sub(1)?).ok()
        };
        Heights {
            relay_header: reached(self.headernum),
            para_header: reached(self.para_headernum),
            para_block: reached(self.blocknum),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireSession {
    state: Option<String>,
    v: Wide,
    ve: Wide,
    v_updated_at: Number,
    benchmark: Loose<WireBenchmark>,
    cool_down_start: Number,
    stats: Loose<WireStats>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireBenchmark {
    p_init: Number,
    p_instant: Number,
    challenge_time_last: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireStats {
    total_reward: Wide,
}

impl WireSession {
    fn session(self) -> Session {
        let benchmark = self.benchmark.0.unwrap_or_default();
        Session::from(Numbers {
            state: self.state.as_deref().and_then(SessionState::named),
            v: self.v.0,
            ve: self.ve.0,
            v_updated: self.v_updated_at.0,
            p_initial: benchmark.p_init.0,
            p_instant: benchmark.p_instant.0,
            challenged: benchmark.challenge_time_last.0,
            cool_down: self.cool_down_start.0,
            reward: self.stats.0.and_then(|stats| stats.total_reward.0),
        })
    }
}

/// A part of an answer that costs only itself when it has another shape.
struct Loose<T>(Option<T>);

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

/// A bare integer of up to 128 bit, which serde would turn into a float where it does not expect one; `None` for everything
/// else.
#[derive(Default)]
struct Wide(Option<u128>);

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(amount::whole(raw.get())))
    }
}

#[cfg(test)]
mod tests;
