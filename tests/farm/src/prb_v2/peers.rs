//! What the monitor says of its peers, and the envelope around what they say.

use serde_json::{Map, Value, json};

use super::{
    settings::{Own, Peer, Provider, Settings},
    state::{Progress, State},
};
use crate::{clock::unix_ms, wire::Incident};

/// What a peer makes of a call.
pub(super) enum Outcome {
    Data(Map<String, Value>),
    /// A failure that the peer reports.
    Error(Kind, String),
    /// A failure inside of the monitor: the error as it is.
    Monitor(Value),
    /// The connection was closed before the answer was whole.
    Lost,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Server,
    NotFound,
}

impl Outcome {
    pub(super) fn data(name: &str, list: Vec<Value>) -> Self {
        let mut data = Map::new();
        // protobuf leaves out a repeated field that is empty.
        if !list.is_empty() {
            data.insert(name.to_owned(), Value::Array(list));
        }
        Self::Data(data)
    }

    pub(super) fn not_found(id: &str) -> Self {
        Self::Error(Kind::NotFound, format!("Worker {id} not found!"))
    }

    pub(super) fn undefined(property: &str) -> Self {
        let words = format!("TypeError: Cannot read properties of undefined (reading '{property}')");
        Self::Error(Kind::Server, words)
    }

    pub(super) fn not_implemented() -> Self {
        Self::Error(Kind::NotFound, "Handler not implemented.".to_owned())
    }

    /// The peer cannot be reached.
    pub(super) fn aggregate_error(code: Option<&str>) -> Self {
        let mut error = json!({"name": "AggregateError"});
        if let (Some(code), Some(members)) = (code, error.as_object_mut()) {
            members.insert("code".to_owned(), json!(code));
        }
        Self::Monitor(error)
    }

    pub(super) fn in_envelope(self, state: &mut State) -> Value {
        let created = unix_ms().to_string();
        let nonces = [state.nonce(), state.nonce()];
        let [request, own] = &nonces;
        match self {
            Self::Data(data) => json!({
                "data": data,
                "hasError": false,
                "meta": {"createdAt": created, "requestNonce": request, "nonce": own, "hasError": false},
            }),
            Self::Error(kind, message) => {
                let (number, name) = match kind {
                    Kind::Server => (1, "SERVER"),
                    Kind::NotFound => (2, "NOT_FOUND"),
                };
                json!({
                    "hasError": true,
                    "error": {"type": number, "message": message},
                    "meta": {
                        "createdAt": created, "requestNonce": request, "nonce": own, "hasError": true,
                        "error": {"type": name, "message": message},
                    },
                })
            }
            Self::Monitor(error) => json!({"hasError": true, "error": error, "meta": null}),
            Self::Lost => json!({"data": {}, "hasError": false, "meta": {}}),
        }
    }
}

/// `/ptp/discover`.
pub(super) fn discover(settings: &Settings) -> Value {
    let empty = settings.incident == Incident::Own(Own::Restarted);
    let listed = |peer: &&Peer| peer.listed && !empty;
    let providers = settings.data_providers.iter().map(|provider| &provider.peer);
    let lifecycles = settings.lifecycles.iter().map(|lifecycle| &lifecycle.peer);
    let seen = |peer: &Peer, role: u8| {
        let (id, family) = (peer.id(), if peer.address.is_ipv4() { "ip4" } else { "ip6" });
        json!({
            "peerId": id,
            "hostname": peer.name,
            "role": role,
            "chainIdentity": settings.chain_identity,
            "bridgeIdentity": peer.bridge_identity,
            "remoteAddr": format!("/{family}/{}/tcp/{}/p2p/{id}", peer.address, peer.port),
        })
    };
    let providers: Vec<Value> = providers.filter(listed).map(|peer| seen(peer, 1)).collect();
    let lifecycles: Vec<Value> = lifecycles.filter(listed).map(|peer| seen(peer, 3)).collect();
    json!({"dataProviders": providers, "lifecycleManagers": lifecycles})
}

/// `Hello`, which every peer answers.
pub(super) fn hello(settings: &Settings, peer: &Peer, role: &str) -> Outcome {
    Outcome::Data(members(json!({
        "hostname": peer.name,
        "peerId": peer.id(),
        "role": role,
        "chainIdentity": settings.chain_identity,
        "bridgeIdentity": peer.bridge_identity,
    })))
}

/// `GetDataProviderInfo`.
pub(super) fn provider_info(provider: &Provider, progress: Progress) -> Outcome {
    /// Kusama's sessions: the last finished window of authorities.
    const SESSION: i64 = 600;
    /// How much of the parachain is not yet part of a batch.
    const BATCH: i64 = 80;
    let Progress { target, processed } = progress;
    let near = |target: i64, processed: i64| target - processed < 3;
    let idle = near(target.para, processed.para) && near(target.relay, processed.relay);
    Outcome::Data(members(json!({
        "status": if idle { "S_IDLE" } else { "S_SYHCHING" },
        "paraId": provider.para_id,
        "parentStartHeader": 8_325_311,
        "parentTarget": target.relay,
        "parentFetchedHeight": processed.relay,
        "parentProcessedHeight": processed.relay,
        "parentCommittedHeight": if processed.relay < 0 { -1 } else { processed.relay - processed.relay % SESSION },
        "paraTarget": target.para,
        "paraFetchedHeight": processed.para,
        "paraProcessedHeight": processed.para,
        "paraCommittedHeight": if processed.para < 0 { -1 } else { (processed.para - BATCH).max(0) },
        "blobServerPort": 8012,
    })))
}

/// `GetBlobByKey`: only the genesis is there.
pub(super) fn blob(provider: &Provider, key: &str) -> Outcome {
    Outcome::Data(members(if key == format!("genesis:{}:pb", provider.para_id) {
        json!({"key": key, "empty": false, "data": "CAA="})
    } else {
        json!({"key": key, "empty": true})
    }))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
