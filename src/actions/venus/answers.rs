//! What a service answers to a call that changes something: pure. Some refusals are known to come before anything is
//! done; after all others somebody has to look.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::actions::Effect;
use crate::actions::wire::Reply;
use crate::upstream::Why;

/// A call that was not taken, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: Why,
    pub(super) effect: Effect,
}

/// Of another version: it has no such method, wants another number of parameters, or other ones.
const OTHER_VERSION: [i64; 3] = [-32601, -32602, -32700];
/// What methods say before they touch anything (`sophon-messager: service/message_service.go`, `sophon-miner: api`).
const BEFORE: [&str; 9] = [
    "missing permission",
    "permission deny",
    "rate-limit",
    "record not found",
    "message already on chain",
    "need FillMsg",
    "has been final",
    "sign message failed",
    "message receiver channel is full",
];

impl Refusal {
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

/// Success has a result or, where only an error could have come, none.
pub(super) fn read(reply: &Reply) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    struct Envelope {
        jsonrpc: Option<IgnoredAny>,
        error: Option<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        code: i64,
        #[serde(default)]
        message: String,
    }
    let status = reply.status.as_u16();
    match serde_json::from_slice::<Envelope>(&reply.body) {
        Ok(Envelope { error: Some(error), .. }) => Err(refused(error.code, &error.message)),
        Ok(envelope) if reply.status.is_success() && envelope.jsonrpc.is_some() => Ok(()),
        _ => Err(match status {
            401 => Refusal::whole(Why::Unauthorized(401)),
            // Nothing of Venus there, or a gateway that has nobody to pass it on to.
            400 | 404 | 405 => Refusal::whole(Why::Status(status, "no such service of Venus here")),
            200..=299 => Refusal::unknown(Why::malformed("no JSON-RPC answer")),
            _ => Refusal::unknown(Why::Status(status, "")),
        }),
    }
}

fn refused(code: i64, words: &str) -> Refusal {
    if OTHER_VERSION.contains(&code) {
        let words = format!(
            "it does not have this call in this form: it is of another version ({})",
            cut(words)
        );
        return Refusal::whole(Why::NotFound(words));
    }
    if code == 1 && BEFORE.iter().any(|before| words.contains(before)) {
        let forbidden = words.contains("missing permission") || words.contains("permission deny");
        let why = if forbidden {
            Why::Forbidden(format!("the token for repairs may not do this ({})", cut(words)))
        } else {
            Why::upstream(words)
        };
        return Refusal::whole(why);
    }
    Refusal::unknown(Why::upstream(words))
}

/// As much of an upstream's words as is ever shown.
fn cut(words: &str) -> String {
    match Why::upstream(words) {
        Why::Upstream(words) => words,
        other => other.to_string(),
    }
}
