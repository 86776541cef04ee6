//! The processes of one service, and how a round asks each of them: what must be answered and what may be refused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::era::About;
use crate::upstream::{Fault, Reason, Refusal, Refused, Venus, VenusCall, Why};

/// One process that speaks JSON-RPC.
pub(super) struct Server {
    /// The label value `process`.
    pub(super) label: Arc<str>,
    pub(super) client: Venus,
    /// Known until it fails to answer: it may come back as another version.
    about: Mutex<Option<About>>,
}

/// What one process said in a round.
pub struct Said<T> {
    pub label: Arc<str>,
    pub about: Option<About>,
    pub outcome: Result<T, Fault>,
    pub missed: Vec<Missed>,
}

/// A question that was not answered, while others were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The method, without the namespace.
    pub method: &'static str,
    pub fault: Fault,
}

impl Missed {
    /// Whether the token may not ask it, rather than the process fail to answer.
    pub fn is_forbidden(&self) -> bool {
        self.fault.reason() == Reason::Forbidden
    }
}

/// The questions to one process in one round.
pub(super) struct Asking<'a> {
    pub(super) server: &'a Server,
    pub(super) about: About,
    missed: Vec<Missed>,
    /// When answers must have come; `None` leaves that to the deadline of each call.
    pub(super) until: Option<Instant>,
    /// Whether any question that may fail was answered.
    pub(super) answered: bool,
    /// Whether it had any method that was asked for in this way.
    knows_any: bool,
}

impl Server {
    pub(super) fn new(label: String, client: Venus) -> Self {
        Self {
            label: label.into(),
            client,
            about: Mutex::default(),
        }
    }

    /// Asks; whatever comes, it is told together with what the process says of itself.
    pub(super) async fn ask<T>(&self, ask: impl AsyncFnOnce(&mut Asking<'_>) -> Result<T, Fault>) -> Said<T> {
        self.ask_until(None, ask).await
    }

    /// The same, with a time for answers.
    pub(super) async fn ask_until<T>(
        &self,
        until: Option<Instant>,
        ask: impl AsyncFnOnce(&mut Asking<'_>) -> Result<T, Fault>,
    ) -> Said<T> {
        let (outcome, about, missed) = match self.about(until).await {
            Err(fault) => (Err(fault), None, Vec::new()),
            Ok((about, refused)) => {
                let is_known = refused.is_none();
                let mut asking = Asking {
                    server: self,
                    about,
                    missed: refused.into_iter().collect(),
                    until,
                    answered: false,
                    knows_any: false,
                };
                let outcome = ask(&mut asking).await;
                (outcome, Some(asking.about).filter(|_| is_known), asking.missed)
            }
        };
        *self.about.lock().unwrap_or_else(PoisonError::into_inner) = about.clone().filter(|_| outcome.is_ok());
        Said {
            label: Arc::clone(&self.label),
            about,
            outcome,
            missed,
        }
    }

    /// What it says of itself. Only that it has no such method means that it is an old one; where it refuses for another
    /// reason, that is told, the round goes on as with an old one, and it is asked again in the next.
    async fn about(&self, until: Option<Instant>) -> Result<(About, Option<Missed>), Fault> {
        let known = self.about.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(about) = known {
            return Ok((about, None));
        }
        let service = self.client.service();
        let call = VenusCall::version(service);
        let nothing = Value::Array(Vec::new());
        let read = |answer: Option<&[u8]>| About::read(service, answer);
        let asked = self.client.call(call, &nothing, read);
        match self.in_time(until, call, asked).await {
            Ok(about) => Ok((about, None)),
            Err(refusal) => match refusal.kind {
                Refused::NoSuchMethod => Ok((About::without_version(), None)),
                Refused::Failed => Err(refusal.fault),
                Refused::Forbidden | Refused::Arity(_) | Refused::Said(_) => {
                    let missed = Missed {
                        method: call.method(),
                        fault: refusal.fault,
                    };
                    Ok((About::without_version(), Some(missed)))
                }
            },
        }
    }

    async fn in_time<T>(
        &self,
        until: Option<Instant>,
        call: VenusCall,
        asked: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let Some(until) = until else { return asked.await };
        let left = until.saturating_duration_since(Instant::now());
        timeout_at(until, asked).await.unwrap_or_else(|_| {
            let left = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            Err(Refusal {
                fault: Fault::new(self.client.who(), call.method(), Why::Timeout(left)),
                kind: Refused::Failed,
            })
        })
    }
}

impl Asking<'_> {
    /// A question without whose answer the round is lost.
    pub(super) async fn must<T>(
        &self,
        call: VenusCall,
        params: Value,
        parse: impl FnOnce(Option<&[u8]>) -> Result<T, Why>,
    ) -> Result<T, Fault> {
        Ok(self.call(call, &params, parse).await?)
    }

    /// A question that another version may not have and a token may not ask. A process that fails to answer it costs the
    /// round all the same.
    pub(super) async fn may<T>(
        &mut self,
        call: VenusCall,
        params: Value,
        parse: impl FnOnce(Option<&[u8]>) -> Result<T, Why>,
    ) -> Result<Option<T>, Fault> {
        match self.call(call, &params, parse).await {
            Err(refusal) if refusal.kind == Refused::Failed => Err(refusal.fault),
            outcome => self.note(call, outcome),
        }
    }

    /// A question whose answer may take too long or be too large, which costs only itself.
    pub(super) async fn try_to<T>(
        &mut self,
        call: VenusCall,
        params: Value,
        parse: impl FnOnce(Option<&[u8]>) -> Result<T, Why>,
    ) -> Result<Option<T>, Fault> {
        let outcome = self.call(call, &params, parse).await;
        self.note(call, outcome)
    }

    /// Hands over a list; true when it was cut, `None` when it was refused, failed or took too long.
    pub(super) async fn list(
        &mut self,
        call: VenusCall,
        params: Value,
        each: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<Option<bool>, Fault> {
        let outcome = self.try_list(call, &params, each).await;
        self.note(call, outcome)
    }

    /// The same before it is remembered what was refused. A list whose time is over in the middle is one that was cut.
    pub(super) async fn try_list(
        &self,
        call: VenusCall,
        params: &Value,
        mut each: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<bool, Refusal> {
        let mut began = false;
        let list = self.server.client.list(call, params, |element| {
            began = true;
            each(element)
        });
        match self.server.in_time(self.until, call, list).await {
            Err(refusal) if began && matches!(refusal.fault.why, Why::Timeout(_)) => Ok(true),
            outcome => outcome,
        }
    }

    async fn call<T>(
        &self,
        call: VenusCall,
        params: &Value,
        parse: impl FnOnce(Option<&[u8]>) -> Result<T, Why>,
    ) -> Result<T, Refusal> {
        let asked = self.server.client.call(call, params, parse);
        self.server.in_time(self.until, call, asked).await
    }

    /// `None` for what was refused, which is remembered.
    pub(super) fn note<T>(&mut self, call: VenusCall, outcome: Result<T, Refusal>) -> Result<Option<T>, Fault> {
        self.answered |= outcome.is_ok();
        self.knows_any |= outcome
            .as_ref()
            .err()
            .is_none_or(|refusal| refusal.kind != Refused::NoSuchMethod);
        let refusal = match outcome {
            Ok(value) => return Ok(Some(value)),
            Err(refusal) => refusal,
        };
        if ends_round(&refusal) {
            return Err(refusal.fault);
        }
        if refusal.kind != Refused::NoSuchMethod {
            self.miss(call, refusal.fault);
        }
        Ok(None)
    }

    /// To be asked after questions of which every era has one: who knows none of them is another service.
    pub(super) fn is_of_its_service(&self) -> Result<(), Fault> {
        if self.knows_any {
            return Ok(());
        }
        let client = &self.server.client;
        let service = client.service().label();
        let words = format!("it knows no method of a {service}: is this the right port?");
        Err(Fault::new(client.who(), service, Why::NotFound(words)))
    }

    /// The first of each kind: the same question may be asked of many.
    fn miss(&mut self, call: VenusCall, fault: Fault) {
        let method = call.method();
        let alike = |known: &Missed| known.method == method && known.fault.reason() == fault.reason();
        if !self.missed.iter().any(alike) {
            self.missed.push(Missed { method, fault });
        }
    }
}

/// Whether other questions would fare no better.
pub(super) fn ends_round(refusal: &Refusal) -> bool {
    let reason = refusal.fault.reason();
    let lost = matches!(
        reason,
        Reason::Unreachable | Reason::Tls | Reason::ClientCertRefused | Reason::Unauthorized | Reason::AuthDown
    );
    refusal.kind == Refused::Failed && lost
}
