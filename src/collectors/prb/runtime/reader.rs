//! Asks pRuntimes: many at once, each one thing at a time. One that hangs costs nobody else their answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::answers::{self, Info, Statistics};
use crate::upstream::{Answer, Fault, Pruntimes, Why};
use crate::values::Endpoint;

/// So many are being asked at once, as long as they answer within [`PROMPT`]: a whole farm takes a second or two.
const MOST_AT_ONCE: usize = 32;
/// A pRuntime answers within milliseconds. Whoever takes longer waits beside the others from then on.
const PROMPT: Duration = Duration::from_millis(250);
/// So many connections at most, those that wait included. A machine that is off holds one until its time is up.
const MOST_CONNECTIONS: usize = 512;
/// More pRuntimes than this are in no network: a list that is longer was made up.
const MOST_PRUNTIMES: usize = 40_000;

/// What a round brought, by the address as PRB has it. Whoever was not reached before the round ended is left out.
#[derive(Debug, Default)]
pub struct Round {
    /// Everybody whom the round is about.
    pub about: Vec<String>,
    pub said: Vec<(String, Outcome)>,
}

/// How it went with one pRuntime.
#[derive(Clone, Debug)]
pub enum Outcome {
    Answered(Arc<Told>),
    Failed(Fault),
    /// Its address is none that may be asked.
    Refused(Fault),
}

/// What a pRuntime said, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub info: Info,
    pub statistics: Statistics,
    pub at: Instant,
}

/// What asks pRuntimes, round after round.
#[derive(Clone, Debug)]
pub struct Reader {
    client: Pruntimes,
    timeout: Duration,
    last: Arc<Mutex<HashMap<String, Last>>>,
}

/// How it went the last time: those who did not answer are asked after those who did, and in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Last {
    hung: bool,
    asked: Instant,
}

impl Reader {
    /// A pRuntime that has not answered after `timeout` counts as down.
    pub fn new(client: Pruntimes, timeout: Duration) -> Self {
        Self {
            client,
            timeout,
            last: Arc::default(),
        }
    }

    /// Asks them all once. It ends `within` that time; nobody is asked so late that their time would be cut short.
    pub async fn round(&self, mut about: Vec<String>, within: Duration) -> Round {
        about.sort();
        about.dedup();
        about.truncate(MOST_PRUNTIMES);
        let began = Instant::now();
        let patience = self.timeout.min(within / 2);
        let last_call = began + within.saturating_sub(patience);
        let (places, mut said) = places(&about);
        let prompt = Semaphore::new(MOST_AT_ONCE);
        let calls = self.in_order(places).into_iter().map(|(endpoint, names)| {
            let prompt = &prompt;
            async move {
                let outcome = self.in_turn(prompt, &endpoint, last_call, patience).await?;
                Some(names.into_iter().map(move |name| (name, outcome.clone())))
            }
        });
        let outcomes: Vec<_> = stream::iter(calls).buffer_unordered(MOST_CONNECTIONS).collect().await;
        said.extend(outcomes.into_iter().flatten().flatten());
        Round { about, said }
    }

    /// Waits for a place among those who are asked now; whoever hangs makes room for the next. `None` when it is too
    /// late to ask.
    async fn in_turn(
        &self,
        prompt: &Semaphore,
        endpoint: &Endpoint,
        last_call: Instant,
        patience: Duration,
    ) -> Option<Outcome> {
        // The semaphore is never closed.
        let mut place = timeout_at(last_call, prompt.acquire()).await.ok()?.ok();
        let asked = Instant::now();
        // A place that is free is given even when the time is over.
        if asked >= last_call {
            return None;
        }
        let call = self.ask(endpoint, asked + patience, patience);
        tokio::pin!(call);
        let outcome = tokio::select! {
            outcome = &mut call => outcome,
            () = sleep(PROMPT) => {
                place.take();
                call.await
            }
        };
        let hung = matches!(&outcome, Err(fault) if matches!(fault.why, Why::Timeout(_)));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(endpoint.to_string(), Last { hung, asked });
        Some(match outcome {
            Ok(told) => Outcome::Answered(Arc::new(told)),
            Err(fault) if matches!(fault.why, Why::Outside(_)) => Outcome::Refused(fault),
            Err(fault) => Outcome::Failed(fault),
        })
    }

    async fn ask(&self, endpoint: &Endpoint, end: Instant, patience: Duration) -> Result<Told, Fault> {
        let fault = |why| Fault::new(endpoint.to_string(), "GetInfo", why);
        let answer = timeout_at(end, self.client.info(endpoint)).await;
        let answer = answer.map_err(|_| fault(Why::Timeout(patience)))??;
        let at = Instant::now();
        let info = answers::info(&answer).map_err(fault)?;
        let statistics = match answer {
            // An addition: without it nothing else is worse.
            Answer::Info(_) => match timeout_at(end, self.client.statistics(endpoint)).await {
                Ok(Ok(body)) => answers::statistics(&body).unwrap_or_default(),
                _ => Statistics::default(),
            },
            _ => Statistics::default(),
        };
        Ok(Told { info, statistics, at })
    }

    /// Those who answered the last time first, then those never asked, then those who hung, the longest ago first.
    fn in_order(&self, places: BTreeMap<String, Place>) -> Vec<Place> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|place, _| places.contains_key(place));
        let rank = |place: &str| match last.get(place) {
            Some(known) => (if known.hung { 2 } else { 0 }, Some(known.asked)),
            None => (1, None),
        };
        let mut ordered: Vec<(_, Place)> = places.into_iter().map(|(place, names)| (rank(&place), names)).collect();
        ordered.sort_by_key(|(rank, _)| *rank);
        ordered.into_iter().map(|(_, place)| place).collect()
    }
}

/// Where to ask, and for whom: the addresses as PRB has them.
type Place = (Endpoint, Vec<String>);

/// Places by scheme, host and port, so that each is asked once; and those that are no address of a pRuntime.
fn places(about: &[String]) -> (BTreeMap<String, Place>, Vec<(String, Outcome)>) {
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    let mut refused = Vec::new();
    for name in about {
        match name.parse::<Endpoint>() {
            Ok(endpoint) => {
                let place = places.entry(endpoint.to_string());
                let (_, names) = place.or_insert_with(|| (endpoint, Vec::new()));
                names.push(name.clone());
            }
            Err(words) => {
                // The address itself is not repeated: it may hold a password.
                let fault = Fault::new("the address in PRB", "GetInfo", Why::Outside(words));
                refused.push((name.clone(), Outcome::Refused(fault)));
            }
        }
    }
    (places, refused)
}

#[cfg(test)]
mod tests;
