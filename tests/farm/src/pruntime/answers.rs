//! What a pRuntime answers on each route.

use bytes::Bytes;
use hyper::{Method, Request, Response, header};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::settings::{Own, Settings};
use crate::{
    clock::unix_ms,
    phala::{
        fleet::Tip,
        merge::merge,
        phactory::{self, Generation},
    },
    wire::{Incident, reply},
};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// A pRuntime at one moment.
pub(super) struct Now<'a> {
    pub(super) settings: &'a Settings,
    pub(super) started: Instant,
}

impl Now<'_> {
    /// The answer, or nothing for a kick: then the process is gone.
    pub(super) fn answer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let (get, post) = (request.method() == Method::GET, request.method() == Method::POST);
        let generation = self.settings.generation;
        Some(match request.uri().path() {
            "/get_info" if get || post => self.get_info(),
            "/info" if get && generation >= Generation::V2_0 => self.info_page(),
            "/kick" if post && self.settings.kick_api => return None,
            path => match path.strip_prefix("/prpc/PhactoryAPI.") {
                Some(method) if generation >= Generation::V2_2 && (get || wants_json(request)) => self.prpc(method),
                // Protobuf is not spoken here.
                Some(_) if post => reply(400, "application/octet-stream", ""),
                _ => self.missing(),
            },
        })
    }

    fn own(&self, incident: Own) -> bool {
        self.settings.incident == Incident::Own(incident)
    }

    fn synced(&self) -> Option<Tip> {
        let settings = self.settings;
        settings.initialized.then_some(Tip {
            relay: settings.relay_height,
            para: settings.para_height,
        })
    }

    fn info(&self) -> Value {
        let block_time = if self.settings.initialized { unix_ms() } else { 0 };
        let settings = self.settings;
        let mut info = phactory::info(&settings.name, self.synced(), settings.generation, block_time);
        merge(&mut info, &settings.info);
        info
    }

    /// The oldest route: JSON inside of a text, and always 200.
    fn get_info(&self) -> Response<Bytes> {
        let settings = self.settings;
        let (status, payload) = if self.own(Own::PlainPayload) {
            ("error", "Io error: unexpected end of file".to_owned())
        } else if self.own(Own::Error) {
            ("error", json!({"message": settings.error_message}).to_string())
        } else {
            let mut info = phactory::get_info(&settings.name, self.synced(), settings.generation);
            merge(&mut info, &settings.info);
            ("ok", info.to_string())
        };
        let signature = settings.initialized.then(|| "5c".repeat(64));
        let answer = json!({"payload": payload, "signature": signature, "status": status});
        reply(200, JSON, answer.to_string())
    }

    fn info_page(&self) -> Response<Bytes> {
        if self.own(Own::LockFailed) {
            // The closing brace is missing upstream as well.
            return reply(200, JSON, "{\"error\": \"Failed to lock Phactory\"");
        }
        let text = serde_json::to_string_pretty(&self.info());
        reply(200, JSON, text.unwrap_or_default())
    }

    fn prpc(&self, method: &str) -> Response<Bytes> {
        if self.own(Own::Error) {
            return failed(500, &self.settings.error_message);
        }
        match method {
            "GetInfo" => reply(200, JSON, self.info().to_string()),
            "Statistics" => reply(200, JSON, self.statistics().to_string()),
            _ => failed(404, &format!("Service not found: PhactoryAPI.{method}")),
        }
    }

    fn statistics(&self) -> Value {
        json!({
            "uptime": self.started.elapsed().as_secs(),
            "cores": self.settings.cores,
            "query": {"global": {"total": 0, "dropped": 0, "time": 0}, "by_contract": {}},
            "http_egress": {"global": {"requests": 0, "failures": 0, "by_status_code": {}}, "by_contract": {}},
        })
    }

    /// Rocket's page.
    fn missing(&self) -> Response<Bytes> {
        let status = self.settings.missing_status;
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n    <meta charset=\"utf-8\">\n    <title>{status}</title>\n\
             </head>\n<body>\n    <h1>{status}</h1>\n    <p>The requested resource could not be found.</p>\n    \
             <hr />\n    <small>Rocket</small>\n</body>\n</html>"
        );
        reply(status, "text/html; charset=utf-8", page)
    }
}

/// A failure of pRPC in JSON: the debug text of a Rust value.
fn failed(status: u16, message: &str) -> Response<Bytes> {
    let words = format!("ProtoError {{ message: {message:?} }}");
    reply(status, JSON, json!({"error": words}).to_string())
}

fn wants_json(request: &Request<Bytes>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
    query == "json" || query == "json=true" || kind.starts_with(JSON)
}

/// What `/help` would say is of no use to anybody here.
pub(super) fn help() -> Response<Bytes> {
    reply(200, TEXT, "syntax = \"proto3\";\n")
}
