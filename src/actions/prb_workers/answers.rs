//! What PRB answers to a command: whether it was taken, refused as a whole, or nobody knows. Pure.
//!
//! HTTP 200 says nothing: v2 reports failures inside, and a call that was lost on its way looks like an empty success.
//! States in answers are those before the command, so nothing is read from them but whose they are.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::actions::wire::Reply;
use crate::actions::{Effect, Failed};
use crate::upstream::{Fault, Why};

/// A command that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: Why,
    pub(super) effect: Effect,
}

impl Refusal {
    pub(super) fn of(self, who: &str, operation: &str) -> Failed {
        Failed {
            fault: Fault::new(who, operation, self.why),
            effect: self.effect,
        }
    }

    fn whole(why: Why) -> Self {
        Self {
            why,
            effect: Effect::Nothing,
        }
    }

    fn unknown(why: Why) -> Self {
        Self {
            why,
            effect: Effect::Unknown,
        }
    }
}

/// `error.type` of a peer that does not have all of the ids; it has done nothing then.
const NOT_FOUND: u64 = 2;

/// The envelope of a monitor of v2. Success is the ids that were sent, in the answer of a peer that says when it answered.
pub(super) fn v2(reply: &Reply, uuids: &[&str]) -> Result<(), Refusal> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Wire {
        has_error: Option<bool>,
        error: Option<Error>,
        meta: Option<Meta>,
        data: Data,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Error {
        r#type: Option<u64>,
        message: Option<String>,
        code: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Meta {
        created_at: Option<serde_json::Value>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Data {
        worker_states: Vec<State>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct State {
        worker: Worker,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Worker {
        uuid: String,
    }
    match reply.status.as_u16() {
        200 => {}
        500 => {
            let words = "the monitor does not know this peer; it was restarted and finds it within 20s";
            return Err(Refusal::whole(Why::upstream(words)));
        }
        code @ 400..=499 => return Err(Refusal::whole(Why::Status(code, "is this a monitor of PRB v2?"))),
        code => return Err(Refusal::unknown(Why::Status(code, ""))),
    }
    let wire: Wire = read(reply)?;
    let answered = wire.meta.is_some_and(|meta| meta.created_at.is_some());
    if wire.has_error != Some(false) {
        let error = wire.error.unwrap_or_default();
        let words = error.message.or(error.code);
        let words = words.unwrap_or_else(|| "the monitor could not reach the lifecycle".to_owned());
        return Err(match (answered, error.r#type) {
            // A peer that stops midway has acted on the workers before.
            (true, Some(NOT_FOUND)) => Refusal::whole(Why::NotFound(Why::upstream(words).to_string())),
            (true, _) => Refusal::unknown(Why::upstream(words)),
            // The monitor's own errors: no connection, or a request that cannot be encoded.
            (false, _) => Refusal::whole(Why::upstream(words)),
        });
    }
    if !answered {
        let words = "the call was lost between the monitor and the lifecycle".to_owned();
        return Err(Refusal::unknown(Why::Malformed(words)));
    }
    let named: HashSet<&str> = wire
        .data
        .worker_states
        .iter()
        .map(|state| state.worker.uuid.as_str())
        .collect();
    let missing = uuids.iter().filter(|uuid| !named.contains(*uuid)).count();
    if missing > 0 {
        let words = format!("its answer leaves out {missing} of {} workers", uuids.len());
        return Err(Refusal::unknown(Why::malformed(words)));
    }
    Ok(())
}

/// `{"ok":true}`
pub(super) fn v3(reply: &Reply) -> Result<(), Refusal> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wire {
        ok: bool,
        error: bool,
        message: Option<String>,
    }
    // Nobody at home, no such route, no JSON.
    if let code @ (404 | 405 | 415 | 418 | 422) = reply.status.as_u16() {
        return Err(Refusal::whole(Why::Status(code, "is this a worker manager of PRB v3?")));
    }
    let wire: Wire = read(reply)?;
    if reply.status.is_success() && wire.ok && !wire.error {
        return Ok(());
    }
    // Builds of 2023 stop at the first id that they do not know.
    let words = wire
        .message
        .unwrap_or_else(|| "it does not say that it took the command".to_owned());
    Err(Refusal::unknown(Why::upstream(words)))
}

/// An empty `content`.
pub(super) fn v0(reply: &Reply) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Wire {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        #[serde(default)]
        error: Option<Error>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Error {
        extra: Option<String>,
    }
    match reply.status.as_u16() {
        200 => {}
        500 => {
            let words = "nobody answered the monitor within 5s: is the lifecycle running?";
            return Err(Refusal::unknown(Why::upstream(words)));
        }
        code @ 400..=499 => return Err(Refusal::whole(Why::Status(code, "is this a monitor of PRB v0?"))),
        code => return Err(Refusal::unknown(Why::Status(code, ""))),
    }
    let wire: Wire = read(reply)?;
    match wire.content.error {
        None => Ok(()),
        Some(error) => {
            let words = error.extra.unwrap_or_else(|| "it does not say what".to_owned());
            Err(Refusal::unknown(Why::upstream(words)))
        }
    }
}

fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, Refusal> {
    let read = serde_json::from_slice(&reply.body);
    read.map_err(|e| Refusal::unknown(Why::malformed(format!("no answer to a command ({e})"))))
}
