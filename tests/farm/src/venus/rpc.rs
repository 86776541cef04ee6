//! JSON-RPC as go-jsonrpc speaks it: which mistakes are HTTP 500, which are answers, and what they say.

use bytes::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{
    access::At,
    gateway,
    message::{Message, Style, pieces},
    messager, miner, node,
    people::Perm,
    text,
    version::Role,
    world::World,
};
use crate::wire::{Load, Tally, reply};

const TEXT: &str = "text/plain; charset=utf-8";

const NO_METHOD: i64 = -32601;
const WRONG_COUNT: i64 = -32602;
const PARSE: i64 = -32700;

/// What a method gives back.
pub(super) enum Outcome {
    Value(Value),
    /// Only an error could have come: `result` is absent.
    Nothing,
    Messages(Box<dyn Iterator<Item = Message> + Send>, Style),
}

/// An error in the envelope; code 1 if the method ran.
#[derive(Debug)]
pub(super) struct Failure {
    code: i64,
    message: String,
}

pub(super) type Answer = Result<Outcome, Failure>;

impl Failure {
    /// What the method itself says.
    pub(super) fn said(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }
}

/// The kind of one parameter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param {
    Address,
    Addresses,
    TipSet,
    Text,
    Int,
    Float,
    Bool,
    /// A pointer to a struct of this name: `null` makes the handler panic.
    Object(&'static str),
}

impl Param {
    fn go_type(self) -> &'static str {
        match self {
            Self::Address => "address.Address",
            Self::Addresses => "[]address.Address",
            Self::TipSet => "types.TipSetKey",
            Self::Text => "string",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Object(name) => name,
        }
    }

    /// Null is the zero value of everything, as in Go.
    fn fits(self, value: &Value) -> bool {
        let address = |value: &Value| value.as_str().is_some_and(text::is_address);
        value.is_null()
            || match self {
                Self::Address => address(value),
                Self::Addresses => value.as_array().is_some_and(|list| list.iter().all(address)),
                Self::TipSet => value.is_array(),
                Self::Text => value.is_string(),
                Self::Int => value.is_i64() || value.is_u64(),
                Self::Float => value.is_number(),
                Self::Bool => value.is_boolean(),
                Self::Object(_) => value.is_object(),
            }
    }
}

/// What a method needs, if this release has it.
pub(super) type Signature = Option<(Perm, &'static [Param])>;

/// An answer without a body, and without the header that would speak of one.
pub(super) fn bare(status: u16) -> Response<Load> {
    let mut response = Response::new(Load::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// The answer of a service that speaks JSON-RPC on this path.
pub(super) fn serve(world: &mut World, tally: &Tally, at: &At, request: &Request<Bytes>) -> Response<Load> {
    if !paths(at).contains(&&*at.path) {
        return reply(404, TEXT, "404 page not found\n").map(Load::Whole);
    }
    // Lotus has another fork of the library.
    let bad = if at.instance.lotus { 400 } else { 500 };
    let call = serde_json::from_slice(request.body());
    let call: Value = match call {
        Ok(call) if request.method() == Method::POST => call,
        _ => return bare(bad),
    };
    match call {
        Value::Array(calls) if at.instance.lotus && !calls.is_empty() => {
            let answers = calls.iter().map(|call| match single(world, tally, at, call) {
                Said::Whole(_, text) => text.trim_end().to_owned(),
                Said::Bare(_) | Said::Long(_) => String::new(),
            });
            let answers: Vec<String> = answers.filter(|text| !text.is_empty()).collect();
            reply(200, TEXT, format!("[{}]", answers.join(","))).map(Load::Whole)
        }
        Value::Object(_) => match single(world, tally, at, &call) {
            Said::Whole(status, text) => reply(status, TEXT, text).map(Load::Whole),
            Said::Bare(status) => bare(status),
            Said::Long(load) => reply(200, TEXT, "").map(|_| load),
        },
        _ => bare(bad),
    }
}

fn paths(at: &At) -> &'static [&'static str] {
    match at.role {
        Role::Node => &["/rpc/v0", "/rpc/v1"],
        Role::Gateway if !at.version().from(2) => &["/rpc/v0"],
        Role::Gateway if !at.version().from(9) => &["/rpc/v0", "/rpc/v1"],
        Role::Gateway => &["/rpc/v1", "/rpc/v2"],
        Role::Messager | Role::Miner => &["/rpc/v0"],
        Role::Auth => &[],
    }
}

fn namespace(role: Role) -> &'static str {
    match role {
        Role::Node | Role::Miner => "Filecoin.",
        Role::Messager => "Message.",
        Role::Gateway | Role::Auth => "Gateway.",
    }
}

enum Said {
    Whole(u16, String),
    Bare(u16),
    Long(Load),
}

fn single(world: &mut World, tally: &Tally, at: &At, call: &Value) -> Said {
    let id = call.get("id").filter(|id| !id.is_null());
    let texts = at.version().from(10) || at.instance.lotus;
    if id.is_some_and(|id| !(id.is_i64() || texts && id.is_string())) {
        return Said::Bare(if at.instance.lotus { 400 } else { 500 });
    }
    let method = call.get("method").and_then(Value::as_str).unwrap_or_default();
    tally.call(method);
    let answer = called(world, tally, at, method, call.get("params").unwrap_or(&Value::Null));
    let Some(id) = id else { return Said::Bare(200) };
    match answer {
        Ok(Outcome::Value(value)) => {
            Said::Whole(200, format!("{{\"jsonrpc\":\"2.0\",\"result\":{value},\"id\":{id}}}\n"))
        }
        Ok(Outcome::Nothing) if at.instance.lotus => {
            Said::Whole(200, format!("{{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":{id}}}\n"))
        }
        Ok(Outcome::Nothing) => Said::Whole(200, format!("{{\"jsonrpc\":\"2.0\",\"id\":{id}}}\n")),
        Ok(Outcome::Messages(messages, style)) => {
            let (head, tail) = (
                "{\"jsonrpc\":\"2.0\",\"result\":[".to_owned(),
                format!("],\"id\":{id}}}\n"),
            );
            Said::Long(Load::Pieces(pieces(messages, style, head, tail)))
        }
        Err(failure) => Said::Whole(if failure.code == 1 { 200 } else { 500 }, failed(at, &failure, id)),
    }
}

/// Later releases of the library put the code into the message as well.
fn failed(at: &At, failure: &Failure, id: &Value) -> String {
    let Failure { code, message } = failure;
    let error = if *code != 1 && at.version().from(10) && !at.instance.lotus {
        json!({"code": code, "message": format!("(error code {code}) {message}")})
    } else {
        json!({"code": code, "message": message})
    };
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}\n")
}

fn called(world: &mut World, tally: &Tally, at: &At, method: &str, params: &Value) -> Answer {
    let fails = |code, message| Err(Failure { code, message });
    let name = method.strip_prefix(namespace(at.role)).unwrap_or_default();
    let Some((need, kinds)) = signature(at, name) else {
        return fails(NO_METHOD, format!("method '{method}' not found"));
    };
    let params: &[Value] = match params {
        Value::Null => &[],
        Value::Array(params) => params,
        other => {
            let kind = if other.is_object() { "object" } else { "value" };
            let words = format!("json: cannot unmarshal {kind} into Go value of type []jsonrpc.param");
            return fails(PARSE, format!("unmarshaling param array: {words}"));
        }
    };
    if params.len() != kinds.len() {
        let (sent, wanted) = (params.len(), kinds.len());
        return fails(
            WRONG_COUNT,
            format!("wrong param count (method '{method}'): {sent} != {wanted}"),
        );
    }
    if let Some((kind, value)) = kinds.iter().zip(params).find(|(kind, value)| !kind.fits(value)) {
        let kind = kind.go_type();
        let words = format!("json: cannot unmarshal {value} into Go value of type {kind}");
        return fails(
            PARSE,
            format!("unmarshaling params for '{method}' (param: {kind}): {words}"),
        );
    }
    at.permits(method, need)?;
    let null = |(kind, value): (&Param, &Value)| matches!(kind, Param::Object(_)) && value.is_null();
    if kinds.iter().zip(params).any(null) {
        let words = "runtime error: invalid memory address or nil pointer dereference";
        return fails(
            0,
            format!("fatal error calling '{method}': panic in rpc method '{method}': {words}"),
        );
    }
    if let Some(words) = at.instance.errors.get(method) {
        return Err(Failure::said(words.as_str()));
    }
    if let Some(result) = at.instance.results.get(method) {
        return Ok(Outcome::Value(result.clone()));
    }
    if name == "Version" {
        return Ok(Outcome::Value(version(at)));
    }
    match at.role {
        Role::Node => node::call(world, at, name, params),
        Role::Messager => messager::call(world, at, name, params),
        Role::Miner => miner::call(world, tally, at, name, params),
        Role::Gateway | Role::Auth => gateway::call(world, at, name, params),
    }
}

fn signature(at: &At, name: &str) -> Signature {
    let version = at.version();
    if name == "Version" {
        let has = match at.role {
            Role::Node => true,
            Role::Messager => version.from(7),
            _ => version.from(2),
        };
        return has.then_some((Perm::Read, &[]));
    }
    match at.role {
        Role::Node => node::signature(at, name),
        Role::Messager => messager::signature(version, name),
        Role::Miner => miner::signature(version, name),
        Role::Gateway | Role::Auth => gateway::signature(version, name),
    }
}

fn version(at: &At) -> Value {
    let api = match (at.role, &*at.path) {
        (Role::Messager, _) => 0,
        (Role::Node, "/rpc/v0") => 66_816,
        _ => 131_840,
    };
    let version = at.version();
    let text = if at.instance.lotus {
        format!("{}.{}.0+mainnet+git.1a2b3c4", version.0, version.1)
    } else {
        format!("{}.{}.0+git.1a2b3c4", version.0, version.1)
    };
    json!({"Version": text, "APIVersion": api})
}

/// A parameter that was looked at before; anything else is its zero value.
pub(super) fn text_at(params: &[Value], at: usize) -> &str {
    params.get(at).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn number_at(params: &[Value], at: usize) -> u64 {
    params.get(at).and_then(Value::as_u64).unwrap_or_default()
}

/// Whether two addresses are the same, whatever network they were written for.
pub(super) fn same(one: &str, other: &str) -> bool {
    text::bare(one) == text::bare(other)
}

/// Whether an address parameter names nobody, which often means everybody.
pub(super) fn nobody(address: &str) -> bool {
    address.is_empty() || address == text::EMPTY
}
