//! New heads pushed over a WebSocket: `chain_subscribeNewHeads` and `chain_subscribeFinalizedHeads`.
//!
//! When several blocks came between two looks only the last is pushed, which a busy node may do too.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{Shared, methods, settings::Own, state::State};
use crate::{
    standin::locked,
    wire::{Events, Incident},
};

/// Without a limit a broken client could grow us for ever; nodes have one as well (1024 by default).
const MOST: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heads {
    New,
    Finalized,
}

impl Heads {
    fn height(self, state: &State) -> u64 {
        match self {
            Self::New => state.settings.best,
            Self::Finalized => state.settings.finalized,
        }
    }

    fn notification(self) -> &'static str {
        match self {
            Self::New => "chain_newHead",
            Self::Finalized => "chain_finalizedHead",
        }
    }
}

#[derive(Debug)]
pub(super) struct Subscriptions {
    node: Arc<Shared>,
    /// By id: what is followed, and the height told last.
    open: BTreeMap<String, (Heads, Option<u64>)>,
    next: u64,
}

impl Subscriptions {
    pub(super) fn new(node: Arc<Shared>) -> Self {
        Self {
            node,
            open: BTreeMap::new(),
            next: 1,
        }
    }

    fn subscribe(&mut self, heads: Heads) -> Value {
        // Sixteen characters as real ones have, so no client comes to rely on small numbers.
        let id = format!("sub{:013}", self.next);
        self.next += 1;
        self.open.insert(id.clone(), (heads, None));
        Value::String(id)
    }

    fn unsubscribe(&mut self, params: Option<&Value>) -> Value {
        let id = params.and_then(|params| params.get(0)).and_then(Value::as_str);
        Value::Bool(id.is_some_and(|id| self.open.remove(id).is_some()))
    }
}

impl Events for Subscriptions {
    fn take(&mut self, text: &str) -> Option<String> {
        let call: Value = serde_json::from_str(text).ok()?;
        let method = call.get("method")?.as_str()?;
        let id = call.get("id")?;
        let settings = locked(&self.node.state).settings.clone();
        let missing = settings.missing.iter().any(|missing| missing == method);
        let refuses = match settings.incident {
            Incident::Own(Own::RpcError) => true,
            Incident::Own(Own::NoMethod) => missing,
            _ => false,
        };
        if refuses || self.open.len() >= MOST {
            return None;
        }
        let result = match method {
            "chain_subscribeNewHeads" | "chain_subscribeNewHead" => self.subscribe(Heads::New),
            "chain_subscribeFinalizedHeads" => self.subscribe(Heads::Finalized),
            "chain_unsubscribeNewHeads" | "chain_unsubscribeFinalizedHeads" => self.unsubscribe(call.get("params")),
            _ => return None,
        };
        self.node.tally.call(method);
        Some(format!(r#"{{"jsonrpc":"2.0","result":{result},"id":{id}}}"#))
    }

    fn due(&mut self) -> Vec<String> {
        if self.open.is_empty() {
            return Vec::new();
        }
        let mut state = locked(&self.node.state);
        let state = state.now();
        let mut due = Vec::new();
        for (id, (heads, told)) in &mut self.open {
            let height = heads.height(state);
            if told.replace(height) != Some(height) {
                let params = json!({"subscription": id, "result": methods::header(state, height)});
                due.push(format!(
                    r#"{{"jsonrpc":"2.0","method":"{}","params":{params}}}"#,
                    heads.notification()
                ));
            }
        }
        due
    }
}
