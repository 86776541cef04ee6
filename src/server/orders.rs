//! `POST /-/repairs/...`: what people order. Each order is one JSON object, recorded with who gave it, and answered in words:
//!
//! | route | object |
//! |---|---|
//! | `/-/repairs/pause` | `{"scope": "all", "for": "2h", "reason": "..."}`; also `{"group": NAME}`, `{"target": NAME}` |
//! | `/-/repairs/resume` | `{"scope": ...}` |
//! | `/-/repairs/approve` | `{"incident": "412.0", "plan": "1f3a09c2"}`; the mark of the plan, or a `"rung"` from 1 in its place, may be left out |
//! | `/-/repairs/run` | `{"policy": NAME, "target": NAME, "entity": "..."}`; no entity is the target as a whole, and `"take_back": true` ends it |
//!
//! 200 it is recorded, 400 no such order, 404 there is no such thing, 409 not as it is now, 503 it cannot be recorded.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use crate::clock::UnixTime;
use crate::remedy::{Declined, IncidentId, Key, Ordered, Repairs, Scope, Shown};
use crate::values::{self, Name};

/// An order is a line; a larger body is somebody else's.
const LARGEST: usize = 64 << 10;
/// As long as a label of an alert may be.
const LONGEST_ENTITY: usize = 512;
/// For it to arrive.
const RECEIVE_WITHIN: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    scope: Scope,
    #[serde(rename = "for")]
    lasting: values::Duration,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    scope: Scope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    incident: IncidentId,
    #[serde(default)]
    rung: Option<std::num::NonZeroUsize>,
    #[serde(default)]
    plan: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    policy: Name,
    target: Name,
    #[serde(default)]
    entity: String,
    #[serde(default)]
    take_back: bool,
}

/// Who gives an order, and when.
pub(super) struct From {
    pub(super) by: String,
    pub(super) now: UnixTime,
}

/// Follows an order of the route with this path, or says why not.
pub(super) async fn take(repairs: &Repairs, path: &str, from: &From, body: Incoming) -> Answer {
    let outcome = match received(body, LARGEST).await {
        Ok(body) => follow(repairs, path, from, &body).await,
        Err(answer) => return answer,
    };
    match outcome {
        Ok(words) => {
            tracing::info!(by = %from.by, "repairs: {words}");
            Answer::words(StatusCode::OK, words)
        }
        Err(answer) => answer,
    }
}

async fn follow(repairs: &Repairs, path: &str, from: &From, body: &[u8]) -> Result<String, Answer> {
    let by = from.by.as_str();
    match path {
        "/-/repairs/pause" => {
            let Pause { scope, lasting, reason } = read(body)?;
            let until = from.now.in_millis().plus(lasting.get());
            let pause = repairs
                .pause(scope, by, &reason, until)
                .await
                .map_err(|why| declined(&why))?;
            Ok(format!(
                "{} is paused by {} until {}: {}",
                pause.scope, pause.by, pause.until, pause.reason
            ))
        }
        "/-/repairs/resume" => {
            let Resume { scope } = read(body)?;
            repairs.resume(scope.clone(), by).await.map_err(|why| declined(&why))?;
            Ok(format!("{scope} is no longer paused, says {by}"))
        }
        "/-/repairs/approve" => {
            let Approve { incident, rung, plan } = read(body)?;
            let shown = Shown {
                rung: rung.map(|rung| rung.get() - 1),
                plan: plan.as_deref(),
            };
            let plan = repairs
                .approve(incident, shown, by)
                .await
                .map_err(|why| declined(&why))?;
            Ok(format!(
                "on {} (incident {incident}, rung {}, plan {}) is approved by {by} for an hour: {}",
                plan.target,
                plan.rung + 1,
                plan.mark(),
                plan.in_words()
            ))
        }
        _ => {
            let Run {
                policy,
                target,
                entity,
                take_back,
            } = read(body)?;
            if entity.len() > LONGEST_ENTITY {
                let words = format!("no order: an entity has at most {LONGEST_ENTITY} bytes");
                return Err(Answer::words(StatusCode::BAD_REQUEST, words));
            }
            let key = Key { target, entity, policy };
            if take_back {
                let id = repairs.withdraw(&key, by).await.map_err(|why| declined(&why))?;
                return Ok(format!("incident {id}: {key} is no longer asked for by {by}"));
            }
            let ordered = repairs.order(&key, by).await.map_err(|why| declined(&why))?;
            let Ordered { id, until, first } = ordered;
            let first = first.replacen(&format!("{key}: "), "", 1);
            Ok(format!(
                "incident {id}: {key} is asked for by {by} until {until}; {first}"
            ))
        }
    }
}

/// A body of at most `largest` bytes.
pub(super) async fn received(body: Incoming, largest: usize) -> Result<Bytes, Answer> {
    let collected = tokio::time::timeout(RECEIVE_WITHIN, Limited::new(body, largest).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let words = format!("at most {largest} bytes are taken here");
            Err(Answer::words(StatusCode::PAYLOAD_TOO_LARGE, words))
        }
        Ok(Err(_)) => Err(Answer::words(StatusCode::BAD_REQUEST, "the request broke off")),
        Err(_) => {
            let words = format!("the request did not arrive within {RECEIVE_WITHIN:?}");
            Err(Answer::words(StatusCode::REQUEST_TIMEOUT, words))
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|error| {
        let words = format!("no order: {}", values::clean(&error.to_string()));
        Answer::words(StatusCode::BAD_REQUEST, words)
    })
}

fn declined(declined: &Declined) -> Answer {
    let status = match declined {
        Declined::Unknown(_) => StatusCode::NOT_FOUND,
        Declined::NotNow(_) => StatusCode::CONFLICT,
        Declined::Unrecorded(_) | Declined::Unclear(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Answer::words(status, declined.to_string())
}
