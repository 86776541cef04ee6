//! Requests as Express and body-parser take them, and answers as they look.

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::{phala::identity, wire::reply};

/// body-parser's limit for JSON.
const LARGEST_BODY: usize = 102_400;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Discover,
    Proxy { peer: String, method: String },
    Nothing,
}

pub(super) fn route(path: &str) -> Result<Route, u16> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    let word = |text: &str, word: &str| text.eq_ignore_ascii_case(word);
    Ok(match *parts.as_slice() {
        ["", ptp, discover] if word(ptp, "ptp") && word(discover, "discover") => Route::Discover,
        ["", ptp, proxy, peer, method] if word(ptp, "ptp") && word(proxy, "proxy") => Route::Proxy {
            peer: decoded(peer).ok_or(400_u16)?,
            method: decoded(method).ok_or(400_u16)?,
        },
        _ => Route::Nothing,
    })
}

/// Percent-encoding undone.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// The body as the routes see it, or the status of the page that refuses it.
pub(super) fn body(request: &Request<Bytes>) -> Result<Map<String, Value>, u16> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    // Any other type counts as `{}`, without an error.
    if !parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"))
    {
        return Ok(Map::new());
    }
    let charset = parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    if charset.is_some_and(|charset| !charset.trim_matches('"').starts_with("utf-")) {
        return Err(415);
    }
    if request.body().len() > LARGEST_BODY {
        return Err(413);
    }
    if request.body().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(request.body()) {
        Ok(Value::Object(members)) => Ok(members),
        // A list has none of the keys that are looked for.
        Ok(Value::Array(_)) => Ok(Map::new()),
        _ => Err(400),
    }
}

/// A page of Express in production: the reason and nothing else.
pub(super) fn page(status: u16) -> Response<Bytes> {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let reason = reason.unwrap_or("Internal Server Error");
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n\
         <body>\n<pre>{reason}</pre>\n</body>\n</html>\n"
    );
    dressed(reply(status, "text/html; charset=utf-8", text))
}

/// JSON with a weak tag, and without it for somebody who has the same already.
pub(super) fn json(request: &Request<Bytes>, status: u16, value: &Value) -> Response<Bytes> {
    let text = value.to_string();
    let hash = identity::hex(&identity::hash32(text.as_bytes()));
    let tag = format!("W/\"{:x}-{hash}\"", text.len());
    let known = request.headers().get(header::IF_NONE_MATCH);
    let same = known.and_then(|value| value.to_str().ok()) == Some(&*tag);
    let mut response = if same && status == 200 && request.method() == Method::GET {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        reply(status, "application/json; charset=utf-8", text)
    };
    if let Ok(tag) = tag.parse() {
        response.headers_mut().insert(header::ETAG, tag);
    }
    dressed(response)
}

fn dressed(mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.insert("x-powered-by", header::HeaderValue::from_static("Express"));
    headers.insert("keep-alive", header::HeaderValue::from_static("timeout=5"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_ignore_case_and_a_last_slash_but_methods_do_not() {
        assert_eq!(route("/PTP/discover/"), Ok(Route::Discover));
        let proxy = Route::Proxy {
            peer: "Qm1".to_owned(),
            method: "hello".to_owned(),
        };
        assert_eq!(route("/ptp/Proxy/Qm%31/hello"), Ok(proxy));
        assert_eq!(route("/ptp/proxy/%zz/Hello"), Err(400));
        assert_eq!(route("/api/query_manager"), Ok(Route::Nothing));
    }
}
