//! Requests with one key, and their answers on the channel between PRB v0's components.

use bytes::Bytes;
use hyper::{Method, Request};
use serde_json::{Map, Value, json};

use super::{
    SECRET_MARKER,
    settings::{Own, Settings},
};
use crate::{
    clock::unix_ms,
    phala::{
        beat::Beat,
        fleet::{Memory, Tip},
        identity,
        session::Spelling,
    },
    prb_v2::workers::{self, Style},
    standin::patched,
    wire::Incident,
};

/// v0 writes messages and sessions as the first releases of v2 did.
const STYLE: Style = Style {
    spelling: Spelling::Old,
    zone_hours: 0,
};

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    beat: Beat,
    memory: Memory,
    /// How far the fetcher was when it lost its node.
    stood: Option<Tip>,
    nonces: u64,
}

/// What somebody wants of whom.
pub(super) struct Asked {
    fetcher: bool,
    pub(super) key: String,
    argument: Value,
}

/// The request, if it is one of the two routes.
pub(super) fn asked(request: &Request<Bytes>) -> Option<Asked> {
    let fetcher = match request.uri().path() {
        "/api/query_manager" => false,
        "/api/query_fetcher" => true,
        _ => return None,
    };
    let body = (request.method() == Method::POST).then(|| serde_json::from_slice(request.body()));
    let members: Map<String, Value> = body.and_then(Result::ok).unwrap_or_default();
    let (key, argument) = members.into_iter().next().unwrap_or_default();
    Some(Asked { fetcher, key, argument })
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
            beat: Beat::default(),
            memory: Memory::default(),
            stood: None,
            nonces: 0,
        }
    }

    pub(super) fn now(&mut self) -> &mut Self {
        let due = self.beat.due(self.settings.block_time_ms);
        self.grow(due);
        self
    }

    pub(super) fn grow(&mut self, blocks: i64) {
        self.settings.para_height += blocks;
        self.settings.relay_height += 2 * blocks;
    }

    fn head(&self) -> Tip {
        self.stood.unwrap_or(Tip {
            relay: self.settings.relay_height,
            para: self.settings.para_height,
        })
    }

    /// How far the blobs are, and so the workers.
    fn blobs(&self) -> Tip {
        let (head, behind) = (self.head(), self.settings.behind);
        Tip {
            relay: head.relay - 2 * behind,
            para: head.para - behind,
        }
    }

    pub(super) fn patch(&mut self, patch: &Value) -> Result<(), String> {
        let next: Settings = patched(&self.now().settings, patch)?;
        next.dials.check(next.incident.fault())?;
        next.fleet.check()?;
        let tip = self.blobs();
        self.memory.changed(&self.settings.fleet, &next.fleet, tip);
        self.stood = (next.incident == Incident::Own(Own::FetcherStuck)).then(|| self.head());
        if patch.get("block_time_ms").is_some() {
            self.beat = Beat::default();
        }
        self.settings = next;
        Ok(())
    }

    /// The answer; nothing if nobody gives one.
    pub(super) fn answer(&mut self, asked: &Asked) -> Option<Value> {
        let absent = if asked.fetcher { Own::NoFetcher } else { Own::NoManager };
        if self.settings.incident == Incident::Own(absent) {
            return None;
        }
        let content = match (asked.fetcher, &*asked.key) {
            (true, "callOnlineFetcher") => json!({"fetcherStateUpdate": self.fetcher()}),
            (false, "callOnlineLifecycleManager") => json!({"lifecycleManagerStateUpdate": self.manager()}),
            (false, "queryWorkerState") => self.states(&asked.argument),
            (false, "requestStartWorkerLifecycle") => self.control(&asked.argument, false),
            (false, "requestKickWorker") => self.control(&asked.argument, true),
            // A message that no component takes for its own.
            _ => return None,
        };
        let mut nonce = || {
            self.nonces += 1;
            identity::uuid(&format!("nonce {}", self.nonces))
        };
        Some(json!({
            "from": if asked.fetcher { "MTG_FETCHER" } else { "MTG_MANAGER" },
            "to": "MTG_APP",
            "content": content,
            "createdAt": unix_ms().to_string(),
            "nonce": nonce(),
            "nonceRef": nonce(),
            "type": "MTP_REPLY",
        }))
    }

    fn fetcher(&self) -> Value {
        let (known, blobs) = if self.settings.just_started {
            (Tip { relay: -1, para: -1 }, Tip { relay: -1, para: -1 })
        } else {
            (self.head(), self.blobs())
        };
        json!({
            "hostname": "fetch",
            "paraId": self.settings.para_id,
            "parentStartHeader": 8_325_311,
            "parentKnownHeight": known.relay,
            "parentBlobHeight": blobs.relay,
            "parentArchivedHeight": blobs.relay,
            "paraKnownHeight": known.para,
            "paraBlobHeight": blobs.para,
            "paraArchivedHeight": blobs.para,
            // Latched: true once, true for ever.
            "synched": !self.settings.just_started,
        })
    }

    fn manager(&self) -> Value {
        let fleet = &self.settings.fleet;
        let mut update = Map::from_iter([("hostname".to_owned(), json!(self.settings.hostname))]);
        let mut put = |name: &str, list: Vec<Value>| {
            if !list.is_empty() {
                update.insert(name.to_owned(), Value::Array(list));
            }
        };
        put("pools", fleet.pids().map(|pid| self.pool(pid)).collect());
        put(
            "workers",
            (0..fleet.workers).map(|index| workers::row(fleet, index)).collect(),
        );
        Value::Object(update)
    }

    /// A pool with its keystore, which v0 does not encrypt.
    fn pool(&self, pid: u64) -> Value {
        let mut pool = workers::pool(pid);
        let address = pool.pointer("/owner/ss58Phala").cloned().unwrap_or_default();
        let keystore = json!({
            "encoded": format!("{SECRET_MARKER}-{pid}"),
            "encoding": {"content": ["pkcs8", "sr25519"], "type": ["none"], "version": "3"},
            "address": address,
            "meta": {},
        });
        if let Some(owner) = pool.get_mut("owner").and_then(Value::as_object_mut) {
            owner.insert("polkadotJson".to_owned(), json!(keystore.to_string()));
            if self.settings.mnemonics {
                owner.insert("mnemonic".to_owned(), json!(format!("{SECRET_MARKER} words of {pid}")));
            }
        }
        pool
    }

    fn states(&self, argument: &Value) -> Value {
        let ids = argument.get("ids").and_then(Value::as_array);
        let Some(ids) = ids.filter(|ids| !ids.is_empty()) else {
            return json!({"error": {"extra": "Error: No ids provided!"}});
        };
        let states: Vec<Value> = ids.iter().map(|id| self.state(id)).collect();
        json!({"workerStateUpdate": {"workerStates": states}})
    }

    fn state(&self, id: &Value) -> Value {
        let fleet = &self.settings.fleet;
        let Some(index) = self.index(id).filter(|index| fleet.is_loaded(*index)) else {
            return json!({"minerInfoJson": "{}"});
        };
        let worker = fleet.worker(index, &self.memory, self.blobs());
        let mut state = workers::state(fleet, index, &worker, STYLE);
        if let Some(row) = state.get_mut("worker").and_then(Value::as_object_mut) {
            for newer in ["enabled", "deleted", "syncOnly"] {
                row.remove(newer);
            }
        }
        state
    }

    fn index(&self, id: &Value) -> Option<u32> {
        let uuid = id.get("uuid").and_then(Value::as_str)?;
        let fleet = &self.settings.fleet;
        (0..fleet.workers).find(|index| workers::uuid(fleet, *index) == uuid)
    }

    /// Starts or kicks workers; the answer is empty.
    fn control(&mut self, argument: &Value, kick: bool) -> Value {
        let requests = argument.get("requests").and_then(Value::as_array);
        let tip = self.blobs();
        for request in requests.into_iter().flatten() {
            let id = request.get("id").unwrap_or(&Value::Null);
            match self.index(id) {
                Some(index) if kick => self.memory.kick(&self.settings.fleet, index, tip),
                Some(index) => self.memory.restart(&self.settings.fleet, index, tip),
                None => return json!({"error": {"extra": "Error: Worker not found!"}}),
            }
        }
        json!({})
    }
}
