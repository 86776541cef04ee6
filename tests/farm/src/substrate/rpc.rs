//! JSON-RPC 2.0 envelopes: single calls, notifications, batches, and the errors a node answers with.

use serde::Serialize;
use serde_json::Value;

use super::{methods, settings::Own, state::State, wrong};
use crate::wire::{Incident, Tally};

/// An error as it stands in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct RpcError {
    code: i32,
    message: String,
}

impl RpcError {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn method_not_found() -> Self {
        Self::new(-32601, "Method not found")
    }

    /// The same code as an unknown method has: clients must tell the two by the text.
    pub(super) fn unsafe_call() -> Self {
        Self::new(-32601, "RPC call is unsafe to be called externally")
    }

    pub(super) fn invalid_params() -> Self {
        Self::new(-32602, "Invalid params")
    }
}

/// The answer to the bytes of a request, none if it held only notifications.
pub(super) fn answer(state: &mut State, tally: &Tally, bytes: &[u8]) -> Option<String> {
    let state = state.now();
    match serde_json::from_slice(bytes) {
        Ok(Value::Array(calls)) if !calls.is_empty() => {
            let answers: Vec<String> = calls.iter().filter_map(|call| single(state, tally, call)).collect();
            (!answers.is_empty()).then(|| format!("[{}]", answers.join(",")))
        }
        Ok(call) => single(state, tally, &call),
        Err(_) => Some(failure(&RpcError::new(-32700, "Parse error"), &Value::Null)),
    }
}

fn single(state: &State, tally: &Tally, call: &Value) -> Option<String> {
    let id = call.get("id");
    let method = call.get("method").and_then(Value::as_str);
    let (Some("2.0"), Some(method)) = (call.get("jsonrpc").and_then(Value::as_str), method) else {
        return Some(failure(
            &RpcError::new(-32600, "Invalid request"),
            id.unwrap_or(&Value::Null),
        ));
    };
    tally.call(method);
    let id = id?;
    let params = call.get("params").unwrap_or(&Value::Null);
    Some(match outcome(state, method, params) {
        Ok(result) => success(state, result, id),
        Err(error) => failure(&error, id),
    })
}

fn outcome(state: &State, method: &str, params: &Value) -> Result<Value, RpcError> {
    let settings = &state.settings;
    match settings.incident {
        Incident::Own(Own::RpcError) => Err(RpcError::new(-32603, settings.error_message.as_str())),
        Incident::Own(Own::NoMethod) if settings.missing.iter().any(|missing| missing == method) => {
            Err(RpcError::method_not_found())
        }
        _ => methods::call(state, method, params),
    }
}

fn success(state: &State, result: Value, id: &Value) -> String {
    let result = match state.settings.incident {
        Incident::Own(Own::WrongTypes) => wrong::spoiled(result, state.settings.wrong),
        _ => Some(result),
    };
    match result {
        Some(result) => format!(r#"{{"jsonrpc":"2.0","result":{result},"id":{id}}}"#),
        None => format!(r#"{{"jsonrpc":"2.0","id":{id}}}"#),
    }
}

fn failure(error: &RpcError, id: &Value) -> String {
    let error = serde_json::to_string(error).unwrap_or_default();
    format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#)
}
