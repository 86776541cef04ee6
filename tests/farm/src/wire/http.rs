//! One HTTP request under an incident: the right answer is made first, then spoiled.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use futures_util::future;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Request, Response, body::Incoming, header, upgrade::OnUpgrade};
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Dials, Fault, Load, Upstream, bodies, bodies::Body, reply};
use crate::standin::locked;

/// Larger requests are refused as real servers do; nothing that asks a farm comes near.
const LARGEST_REQUEST: usize = 10 * 1024 * 1024;

const PAGE: &str =
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>\n";

/// Where a handshake leaves the connection for whoever speaks WebSocket on it.
pub(super) type Upgrade = Mutex<Option<OnUpgrade>>;

pub(super) async fn respond<U: Upstream>(
    upstream: &U,
    mut request: Request<Incoming>,
    upgrade: &Upgrade,
) -> Response<Body> {
    upstream.tally().http_request();
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_REQUEST).collect().await else {
        return reply(413, "text/plain", "The request is too large.\n").map(bodies::full);
    };
    let request = Request::from_parts(head, body.to_bytes());
    if !authorised(&request, &upstream.view().dials.token) {
        return reply(401, "text/plain", "A token is needed.\n").map(bodies::full);
    }
    let key = accept_key(&request).filter(|_| upstream.upgrades(&request));
    // Before the view: the answer must count and carry what held when the request was whole.
    let answer = if key.is_some() {
        None
    } else {
        Some(upstream.answer_in_pieces(&request).await)
    };
    let view = upstream.view();
    if let Some(whole) = replaced(view.fault, &view.dials) {
        return whole;
    }
    match view.fault {
        Fault::Silent => return future::pending().await,
        Fault::Slow => sleep(Duration::from_millis(view.dials.delay_ms)).await,
        _ => (),
    }
    match (answer, key) {
        (Some(answer), _) => spoiled(answer, view.fault, &view.dials),
        (None, Some(key)) => {
            *locked(upgrade) = Some(on_upgrade);
            switching(&key)
        }
        (None, None) => reply(500, "text/plain", "").map(bodies::full),
    }
}

fn authorised(request: &Request<Bytes>, token: &str) -> bool {
    let header = request.headers().get(header::AUTHORIZATION);
    let given = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    token.is_empty() || given == Some(token)
}

/// Incidents that answer something else altogether, to a handshake as well.
fn replaced(fault: Fault, dials: &Dials) -> Option<Response<Body>> {
    let response = match fault {
        Fault::Html => reply(200, "text/html; charset=utf-8", PAGE),
        Fault::Status => reply(dials.status, "text/plain", format!("{}\n", dials.status)),
        Fault::Redirect => {
            let mut response = reply(307, "text/plain", "");
            if let Ok(location) = dials.location().parse() {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        _ => return None,
    };
    Some(response.map(bodies::full))
}

/// Incidents that begin with the right answer.
fn spoiled(answer: Response<Load>, fault: Fault, dials: &Dials) -> Response<Body> {
    let (mut head, load) = answer.into_parts();
    let body = match (load, fault) {
        (Load::Whole(body), _) => body,
        (Load::Pieces(pieces), Fault::HalfOpen | Fault::Drip | Fault::Truncated | Fault::Huge) => {
            pieces.flatten().collect()
        }
        (Load::Pieces(pieces), _) => return Response::from_parts(head, bodies::pieces(pieces)),
    };
    let announced = if fault == Fault::Truncated {
        body.len() + 1000
    } else {
        body.len()
    };
    let body = match fault {
        Fault::HalfOpen => bodies::half(&body),
        Fault::Drip => bodies::drip(body, Duration::from_millis(dials.drip_ms)),
        Fault::Truncated => bodies::cut_off(body),
        Fault::Huge => bodies::huge(&String::from_utf8_lossy(&body), dials.huge_bytes),
        _ => return Response::from_parts(head, bodies::full(body)),
    };
    // A huge answer is not announced, so only a reader that counts can stop in time.
    if fault != Fault::Huge {
        head.headers.insert(header::CONTENT_LENGTH, announced.into());
    }
    Response::from_parts(head, body)
}

/// The answer to `Sec-WebSocket-Key`, if this is a WebSocket handshake.
fn accept_key(request: &Request<Bytes>) -> Option<String> {
    let upgrade = request.headers().get(header::UPGRADE)?.to_str().ok()?;
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return None;
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY)?;
    Some(derive_accept_key(key.as_bytes()))
}

fn switching(key: &str) -> Response<Body> {
    let mut response = Response::new(bodies::full(Bytes::new()));
    *response.status_mut() = hyper::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, header::HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
    if let Ok(key) = key.parse() {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    }
    response
}
