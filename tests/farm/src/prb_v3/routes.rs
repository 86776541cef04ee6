//! The routes of `prb-wm`, with axum's refusals.

use bytes::Bytes;
use hyper::{Method, Request, Response, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    settings::{Build, Own},
    state::State,
    workers,
};
use crate::wire::{Incident, reply};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct Endpoints {
    requests: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    id: String,
    #[expect(dead_code, reason = "must be there and a list, or the request is refused")]
    endpoints: Vec<String>,
}

/// An answer that is not the one hoped for.
struct Refusal {
    status: u16,
    content_type: &'static str,
    text: String,
}

type Outcome = Result<Response<Bytes>, Refusal>;

impl Refusal {
    fn axum(status: u16, text: String) -> Self {
        Self {
            status,
            content_type: TEXT,
            text,
        }
    }

    fn ours(status: u16, code: &str, message: &str) -> Self {
        let answer = json!({"error": true, "code": code, "message": message, "backtrace": "disabled backtrace"});
        Self {
            status,
            content_type: JSON,
            text: answer.to_string(),
        }
    }

    fn response(self) -> Response<Bytes> {
        reply(self.status, self.content_type, self.text)
    }
}

pub(super) fn answer(state: &mut State, request: &Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    let old = state.settings.build == Build::Y2023;
    let wanted = match path {
        "/wm/status" | "/workers/status" | "/tx/status" => Method::GET,
        "/workers/restart" | "/workers/force_register" | "/workers/update_endpoints" | "/wm/restart" => Method::PUT,
        "/workers/take_checkpoint" if !old => Method::PUT,
        "/wm/config" => Method::POST,
        // Also at the root: nobody is at home here.
        _ => return reply(418, TEXT, ""),
    };
    if request.method() != wanted {
        return reply(405, TEXT, "");
    }
    if state.settings.incident == Incident::Own(Own::ServerError) {
        return Refusal::ours(500, "ServerError", &state.settings.server_error).response();
    }
    let outcome = match path {
        "/wm/status" => Ok(ok(&json!({"git_revision": state.settings.git_revision}))),
        "/workers/status" => Ok(ok(&state.workers())),
        "/tx/status" => Ok(ok(&workers::transactions(&state.settings))),
        "/wm/restart" => Ok(reply(if old { 200 } else { 405 }, JSON, "{\"ok\":true}")),
        "/wm/config" => config(state, request),
        "/workers/update_endpoints" => body::<Endpoints>(request).and_then(|body| {
            let ids: Vec<String> = body.requests.into_iter().map(|entry| entry.id).collect();
            commanded(state, &ids, false)
        }),
        _ => body::<Ids>(request).and_then(|body| commanded(state, &body.ids, path == "/workers/restart")),
    };
    outcome.unwrap_or_else(Refusal::response)
}

fn ok(value: &Value) -> Response<Bytes> {
    reply(200, JSON, workers::written(value))
}

/// The body as axum's `Json` takes it.
fn body<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, Refusal> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with(JSON) {
        let words = "Expected request with `Content-Type: application/json`";
        return Err(Refusal::axum(415, words.to_owned()));
    }
    let value: Value = serde_json::from_slice(request.body()).map_err(|error| {
        let words = format!("Failed to parse the request body as JSON: {error}");
        Refusal::axum(400, words)
    })?;
    serde_json::from_value(value).map_err(|error| {
        let words = format!("Failed to deserialize the JSON body into the target type: {error}");
        Refusal::axum(422, words)
    })
}

/// A command to workers by id.
fn commanded(state: &mut State, ids: &[String], restart: bool) -> Outcome {
    for id in ids {
        let index = state.index(id);
        // Since 2024 an unknown id is passed over in silence.
        if index.is_none() && state.settings.build == Build::Y2023 {
            let code = format!("WorkerNotFound({id:?})");
            return Err(Refusal::ours(400, &code, &format!("worker not found: {id}")));
        }
        if let Some(index) = index.filter(|_| restart) {
            state.restart(index);
        }
    }
    Ok(ok(&json!({"ok": true})))
}

/// The reading half of the inventory's commands.
fn config(state: &State, request: &Request<Bytes>) -> Outcome {
    let command: Value = body(request)?;
    let (name, argument) = match command.as_object().and_then(|object| object.iter().next()) {
        Some((name, argument)) => (name.as_str(), argument),
        None => return Err(Refusal::axum(422, "expected a command".to_owned())),
    };
    let settings = &state.settings;
    let pids = || settings.fleet.pids();
    let one = argument.get("pid").and_then(Value::as_u64);
    let known = || {
        let pid = one.filter(|pid| pids().any(|known| known == *pid));
        pid.ok_or_else(|| Refusal::ours(500, "ServerError", &format!("pool not found: {}", one.unwrap_or(0))))
    };
    let answer = match name {
        "GetAllPools" => pids().map(|pid| workers::pool(settings, pid, false)).collect(),
        "GetAllPoolsWithWorkers" => pids().map(|pid| workers::pool(settings, pid, true)).collect(),
        "GetAllPoolOperators" => pids().map(workers::operator).collect(),
        "GetPool" => workers::pool(settings, known()?, false),
        "GetPoolWithWorkers" => workers::pool(settings, known()?, true),
        "GetPoolOperator" => workers::operator(known()?),
        _ => {
            return Err(Refusal::ours(
                500,
                "ServerError",
                "the stand-in's inventory can be read only",
            ));
        }
    };
    Ok(reply(
        200,
        TEXT,
        serde_json::to_string_pretty(&answer).unwrap_or_default(),
    ))
}
