//! The services of a Venus chain service: JSON-RPC as they speak it, and auth's REST, for reading only.
//!
//! Their wire differs from JSON-RPC elsewhere: ids are integers, there are no batches, the content type says
//! `text/plain`, errors of the protocol come with HTTP 500, and a refused token is an empty 401, also when only the
//! service behind it is down. Source: `ipfs-force-community/go-jsonrpc`, `sophon-auth: jwtclient`.

mod auth;
mod calls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

pub use auth::{VenusAuth, Verdict, Verified};
pub use calls::{VenusCall, VenusService};

use super::http::{Ask, status_why};
use super::{Elements, Fault, Http, Token, Upstream, Why};
use crate::values::{Endpoint, Size};

/// An answer that is no list: the largest are peers with their addresses and tipsets that are synchronised.
const ANSWER_CAP: Size = Size::from_bytes(4 << 20);
/// Where it begins: `{"result":[`
const LIST_WITHIN: usize = 2;
/// A list is read up to here, whatever it holds; what came until then is kept.
const LIST_CAP: Size = Size::from_bytes(64 << 20);
/// Words of an upstream, of which a part is looked for: `actor not found`.
const LONGEST_WORDS: usize = 2_048;

/// Where one service is and who asks.
#[derive(Clone, Debug)]
pub struct VenusPlace {
    pub endpoint: Endpoint,
    pub token: Option<Token>,
    /// The endpoint is a gateway (1.13 and later) that passes calls on.
    pub through_gateway: bool,
    /// For a single call.
    pub deadline: Duration,
}

/// One service that speaks JSON-RPC.
#[derive(Clone, Debug)]
pub struct Venus {
    service: VenusService,
    http: Http,
    lists: Http,
    base: Url,
    through_gateway: bool,
    /// Which of the service's paths answered.
    path: Arc<AtomicUsize>,
    auth: Arc<[VenusAuth]>,
}

/// Why a call brought nothing. `fault` says it for people, `kind` for those who can go on without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub fault: Fault,
    pub kind: Refused,
}

/// How a call was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another version: the service has no such method.
    NoSuchMethod,
    /// Another version: so many parameters are wanted.
    Arity(usize),
    /// The token may not ask this.
    Forbidden,
    /// The method ran and failed, with these words.
    Said(String),
    /// No answer that could be read.
    Failed,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        refusal.fault
    }
}

impl Venus {
    /// `auth` are the authorisation services behind this one: they tell a bad token from one that nobody can check.
    pub fn new(upstream: &Upstream, service: VenusService, place: VenusPlace, auth: Arc<[VenusAuth]>) -> Self {
        let who = place.endpoint.to_string();
        let http = Http::new(upstream, who, place.deadline, ANSWER_CAP).with_token(place.token);
        Self {
            service,
            lists: http.clone().with_cap(LIST_CAP),
            http,
            base: place.endpoint.url().clone(),
            through_gateway: place.through_gateway,
            path: Arc::default(),
            auth,
        }
    }

    /// How faults name it.
    pub fn who(&self) -> &str {
        self.http.who()
    }

    pub const fn service(&self) -> VenusService {
        self.service
    }

    pub const fn token(&self) -> Option<&Token> {
        self.http.token()
    }

    /// What a call brings; `None` for `null` and for nothing, which mean the same.
    pub async fn call<T>(
        &self,
        call: VenusCall,
        params: &Value,
        parse: impl FnOnce(Option<&[u8]>) -> Result<T, Why>,
    ) -> Result<T, Refusal> {
        let mut body = Vec::new();
        let take = |piece: &[u8]| {
            body.extend_from_slice(piece);
            Ok(true)
        };
        let (status, whole) = self.post(&self.http, call, params, take).await?;
        if !whole {
            return Err(self.failed(call, Why::TooLarge(ANSWER_CAP)));
        }
        let result = self.result(call, status, &body)?;
        parse(result.map(|raw| raw.get().as_bytes())).map_err(|why| self.failed(call, why))
    }

    /// Hands over a list element by element while it comes, without long texts; `each` says whether it wants more.
    /// True when the list was not read to its end.
    pub async fn list(
        &self,
        call: VenusCall,
        params: &Value,
        mut each: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<bool, Refusal> {
        let mut began = false;
        let mut elements = Elements::new(LIST_WITHIN, |element: &[u8]| {
            began = true;
            each(element)
        });
        let posted = self.post(&self.lists, call, params, |piece| elements.push(piece)).await;
        let envelope = elements.envelope();
        let (status, whole) = posted?;
        match (whole, began) {
            (true, _) => self.result(call, status, &envelope).map(|_| false),
            (false, true) => Ok(true),
            (false, false) => Err(self.failed(call, Why::TooLarge(LIST_CAP))),
        }
    }

    async fn post(
        &self,
        http: &Http,
        call: VenusCall,
        params: &Value,
        mut take: impl FnMut(&[u8]) -> Result<bool, Why> + Send,
    ) -> Result<(u16, bool), Refusal> {
        let method = self.operation(call);
        let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let body = body.to_string().into_bytes();
        let paths = self.service.paths();
        let known = self.path.load(Ordering::Relaxed);
        let mut missing = None;
        for (number, path) in paths.iter().enumerate().cycle().skip(known).take(paths.len()) {
            let url = self.url(path).map_err(|why| self.failed(call, why))?;
            let proxied = self
                .through_gateway
                .then(|| self.service.behind_gateway(path))
                .flatten();
            let ask = Ask {
                url: &url,
                operation: &method,
                body: Some(body.clone()),
                header: proxied.map(|name| ("X-VENUS-API-NAMESPACE", name)),
            };
            match http.pour(&ask, &mut take).await {
                Ok(poured) => {
                    self.path.store(number, Ordering::Relaxed);
                    return Ok((poured.status, poured.whole));
                }
                Err(fault) if matches!(fault.why, Why::NotFound(_)) => missing = missing.or(Some(fault)),
                Err(fault) if matches!(fault.why, Why::Unauthorized(_)) => {
                    return Err(self.failed(call, self.why_refused(fault.why).await));
                }
                Err(fault) => return Err(self.failed(call, fault.why)),
            }
        }
        let words = || Why::NotFound("it has no path for this service".to_owned());
        Err(self.failed(call, missing.map_or_else(words, |fault| fault.why)))
    }

    /// An empty 401 says the same for a bad token and for one that could not be checked: auth itself knows.
    async fn why_refused(&self, refused: Why) -> Why {
        let Some(token) = self.token() else { return refused };
        if self.auth.is_empty() {
            return refused;
        }
        for auth in self.auth.iter() {
            match auth.verify(token).await {
                Verdict::Holds(_) => return Why::Disbelieved,
                Verdict::Refused => return refused,
                Verdict::Unknown(_) => {}
            }
        }
        Why::AuthDown
    }

    fn url(&self, path: &str) -> Result<Url, Why> {
        joined(&self.base, &["rpc", path])
    }

    fn operation(&self, call: VenusCall) -> String {
        format!("{}.{}", self.service.namespace(), call.method())
    }

    fn failed(&self, call: VenusCall, why: Why) -> Refusal {
        self.refused(call, why, Refused::Failed)
    }

    fn refused(&self, call: VenusCall, why: Why, kind: Refused) -> Refusal {
        Refusal {
            fault: Fault::new(self.who(), self.operation(call), why),
            kind,
        }
    }

    fn result<'a>(&self, call: VenusCall, status: u16, body: &'a [u8]) -> Result<Option<&'a RawValue>, Refusal> {
        match serde_json::from_slice::<Envelope<'_>>(body) {
            Ok(Envelope { error: Some(error), .. }) => {
                let (why, kind) = error.meaning();
                Err(self.refused(call, why, kind))
            }
            Ok(envelope) if (200..300).contains(&status) && envelope.is_one() => Ok(envelope.result),
            _ => Err(self.failed(call, no_answer(status, body))),
        }
    }
}

/// The base with a path behind its own.
fn joined(base: &Url, parts: &[&str]) -> Result<Url, Why> {
    let mut url = base.clone();
    url.set_query(None);
    url.path_segments_mut()
        .map_err(|()| Why::Configuration("an address that cannot have a path".to_owned()))?
        .pop_if_empty()
        .extend(parts);
    Ok(url)
}

/// What came is no JSON-RPC: the gateway's proxy says in plain text what it misses, other things answer with pages.
fn no_answer(status: u16, body: &[u8]) -> Why {
    match (status, StatusCode::from_u16(status)) {
        (200..300, _) | (_, Err(_)) => Why::malformed("no JSON-RPC answer; is this the right port?"),
        (400, _) if body.windows(5).any(|part| part == b"proxy") => Why::upstream(String::from_utf8_lossy(body)),
        (400, _) => Why::Status(400, "no JSON-RPC of Venus here"),
        (_, Ok(status)) => status_why(status),
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    jsonrpc: Option<serde::de::IgnoredAny>,
    id: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<RpcError>,
}

impl Envelope<'_> {
    /// `result` is left out by methods that return nothing but an error.
    const fn is_one(&self) -> bool {
        self.jsonrpc.is_some() || (self.id.is_some() && self.result.is_some())
    }
}

#[derive(Deserialize)]
struct RpcError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl RpcError {
    /// By code and by a part of the text: newer servers put the code into the text as well.
    fn meaning(self) -> (Why, Refused) {
        let words: String = self.message.chars().take(LONGEST_WORDS).collect();
        match self.code {
            -32601 => (
                Why::NotFound("it has no such method: it is of another version".to_owned()),
                Refused::NoSuchMethod,
            ),
            -32602 => match wanted(&words) {
                Some(wanted) => (Why::upstream(&words), Refused::Arity(wanted)),
                None => (Why::upstream(&words), Refused::Said(words)),
            },
            1 if words.starts_with("missing permission") => (Why::Forbidden(needed(&words)), Refused::Forbidden),
            // From 1.10 on, of what belongs to another user: `signer f1.. not exist in user NAME: permission deny`.
            1 if words.contains("permission deny") => (Why::Forbidden(words), Refused::Forbidden),
            _ => (Why::upstream(&words), Refused::Said(words)),
        }
    }
}

/// `wrong param count (method 'Message.Foo'): 4 != 6`: the second number.
fn wanted(words: &str) -> Option<usize> {
    let (_, behind) = words.rsplit_once("!= ")?;
    behind.trim().parse().ok().filter(|number| *number <= 16)
}

/// `missing permission to invoke 'ListWalletInfo'  (need 'admin')`, in the words of the operator.
fn needed(words: &str) -> String {
    let permission = ["admin", "sign", "write", "read"]
        .into_iter()
        .find(|permission| words.contains(&format!("need '{permission}'")));
    match permission {
        Some(permission) => format!("the token may not ask this: it needs the permission `{permission}`"),
        None => "the token may not ask this".to_owned(),
    }
}

#[cfg(test)]
mod tests;
