//! Messagers and miner services of Venus: the six calls that repairs make, each sent once.
//!
//! There is a token for them apart from the one that reads, and no other method can be named here: what must never be
//! automated (`UpdateMessageStateByID`, `ClearUnFillMessage`, `UpdateNonce`, `Send` and their like) does not exist. An
//! answer of success means that the call was taken; whoever made it looks again. Source: venus contract, 2.5, 3 and 8.

mod answers;
mod change;
#[cfg(test)]
mod tests;

use std::time::Duration;

use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::json;
use url::Url;

pub use change::{Change, ReplaceForm, StartForm};

use super::Failed;
use super::wire::{Asked, Reply, Way, Wire};
use crate::collectors::venus::Instance;
use crate::upstream::{Fault, Token, Upstream, VenusService, Why};

/// A replacement is estimated (30 s) and signed; a search for a message looks back over the whole chain.
const WITHIN: Duration = Duration::from_secs(45);

/// JSON-RPC of both services that are ever told something.
const PATH: &str = "v0";

/// One process that is told something.
pub struct Service {
    wire: Wire,
    base: Url,
    kind: VenusService,
    token: Token,
    proxied: Option<&'static str>,
}

impl Service {
    /// `token` is the one for changes.
    pub fn new(upstream: &Upstream, kind: VenusService, instance: &Instance, token: Token) -> Self {
        Self {
            wire: Wire {
                who: instance.url.to_string(),
                way: Way::to(upstream, &instance.url),
            },
            base: instance.url.url().clone(),
            kind,
            token,
            proxied: kind.behind_gateway(PATH).filter(|_| instance.through_gateway),
        }
    }

    /// Makes the call, once. A refused token is read again, and a call that was refused for it was not taken.
    pub async fn make(&self, change: &Change<'_>) -> Result<(), Failed> {
        let operation = format!("{}.{}", self.kind.namespace(), change.method());
        if change.service() != self.kind {
            let words = format!("a {} has no {}", self.kind.label(), change.method());
            return Err(Failed::before(&self.wire.who, operation, Why::Internal(words)));
        }
        let mut reply = self.send(&operation, change).await?;
        if reply.status.as_u16() == 401 && self.token.renewed().await {
            reply = self.send(&operation, change).await?;
        }
        answers::read(&reply).map_err(|refusal| Failed {
            fault: Fault::new(&self.wire.who, operation, refusal.why),
            effect: refusal.effect,
        })
    }

    async fn send(&self, operation: &str, change: &Change<'_>) -> Result<Reply, Failed> {
        let before = |why| Failed::before(&self.wire.who, operation, why);
        let mut url = self.base.clone();
        url.set_query(None);
        url.path_segments_mut()
            .map_err(|()| before(Why::Configuration("an address that cannot have a path".to_owned())))?
            .pop_if_empty()
            .extend(["rpc", PATH]);
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": operation, "params": change.params()});
        let unfit = || before(Why::Configuration("a token that cannot be sent".to_owned()));
        let mut headers = vec![(AUTHORIZATION, self.token.header().ok_or_else(unfit)?)];
        if let Some(name) = self.proxied {
            let header = HeaderName::from_static("x-venus-api-namespace");
            headers.push((header, HeaderValue::from_static(name)));
        }
        let asked = Asked {
            operation,
            method: Method::POST,
            path: url.path(),
            headers,
            body: Some(call.to_string().into_bytes()),
        };
        self.wire.exchange(asked, WITHIN).await
    }
}
