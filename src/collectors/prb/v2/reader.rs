//! Asks a monitor, and through it every peer that a part is about: different peers at once, one peer never twice.
//!
//! A peer that fails costs its own outcome; only the monitor's own fault costs the round.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use super::answers::{self, States};
use super::turns::{REST, Turns};
use crate::collectors::prb::peer::{Peer, PeerId, Role};
use crate::collectors::prb::reading::{Heard, Listed, Said};
use crate::collectors::prb::snapshot::Inventory;
use crate::collectors::prb::worker::Worker;
use crate::upstream::{Fault, PrbCall, PrbMonitor, Why};

/// More calls at once would be more connections than a monitor is made for; a farm has ten lifecycles.
const MOST_AT_ONCE: usize = 32;

/// One monitor and whose turn it is.
pub struct Reader {
    monitor: PrbMonitor,
    turns: Turns,
}

impl Reader {
    /// `before` is what read the same PRB until the configuration changed: whose turn it is outlives that.
    pub fn new(monitor: PrbMonitor, before: Option<&Self>) -> Self {
        let turns = before.map(|before| before.turns.handed_on()).unwrap_or_default();
        Self { monitor, turns }
    }

    /// Reads beside another one, in turns with it.
    pub const fn beside(monitor: PrbMonitor, turns: Turns) -> Self {
        Self { monitor, turns }
    }

    /// Whose turn it is, for those who call the same peers for another reason.
    pub fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// Data providers.
    pub async fn providers(&self, within: Duration) -> Result<Heard, Fault> {
        let end = Instant::now() + within;
        let peers = self.discover().await?;
        let asked = of(&peers, |peer| peer.role == Role::DataProvider);
        let calls = asked.into_iter().map(|peer| async move {
            let call = self.ask(&peer, PrbCall::GetDataProviderInfo, answers::provider);
            self.until(end, &peer, call).await
        });
        let said = Said::Providers(all(calls.collect()).await);
        Ok(self.reading(peers, said))
    }

    /// Workers of the lifecycles that are wanted.
    pub async fn workers(&self, within: Duration, wanted: impl Fn(&Peer) -> bool) -> Result<Heard, Fault> {
        let end = Instant::now() + within;
        let peers = self.discover().await?;
        let asked = of(&peers, |peer| peer.role == Role::Lifecycle && wanted(peer));
        let calls = asked
            .into_iter()
            .map(|peer| async move { self.until(end, &peer, self.states(&peer)).await });
        let said = Said::Workers(all(calls.collect()).await);
        Ok(self.reading(peers, said))
    }

    /// What is configured in the lifecycles that are wanted.
    pub async fn inventories(&self, within: Duration, wanted: impl Fn(&Peer) -> bool) -> Result<Heard, Fault> {
        let end = Instant::now() + within;
        let peers = self.discover().await?;
        let asked = of(&peers, |peer| peer.role == Role::Lifecycle && wanted(peer));
        let calls = asked
            .into_iter()
            .map(|peer| async move { self.until(end, &peer, self.inventory(&peer)).await });
        let said = all(calls.collect()).await;
        // Only when nobody says anything the round has failed: of one the others tell already.
        if let Some((_, Err(fault))) = said.first()
            && said.iter().all(|(_, outcome)| outcome.is_err())
        {
            return Err(fault.clone());
        }
        Ok(self.reading(peers, Said::Inventories(said)))
    }

    async fn inventory(&self, peer: &Peer) -> Result<Inventory, Fault> {
        Ok(Inventory {
            workers: self.ask(peer, PrbCall::ListWorker, answers::workers).await?,
            pools: self
                .ask(peer, PrbCall::ListPool, answers::pools)
                .await
                .map_err(unquoted)?,
        })
    }

    fn reading(&self, peers: Vec<Peer>, said: Said) -> Heard {
        let words = "the monitor no longer lists this peer; it was restarted and finds it within 20s".to_owned();
        Heard {
            peers,
            gone: Fault::new(self.monitor.who(), "discover", Why::NotFound(words)),
            said,
        }
    }

    /// The peers that the monitor lists.
    pub async fn discover(&self) -> Result<Vec<Peer>, Fault> {
        let answer = self.monitor.discover().await?;
        answers::discovered(&answer).map_err(|why| Fault::new(self.monitor.who(), "discover", why))
    }

    /// What a peer says until `end`; later it is given up.
    async fn until<T>(
        &self,
        end: Instant,
        peer: &Peer,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> (PeerId, Result<T, Fault>) {
        let began = Instant::now();
        let outcome = tokio::time::timeout_at(end, call).await;
        let outcome = outcome.unwrap_or_else(|_| Err(self.fault(peer, "call", Why::Timeout(began.elapsed()))));
        (peer.id.clone(), outcome)
    }

    /// One call to one peer.
    async fn ask<T>(&self, peer: &Peer, call: PrbCall, parse: fn(&[u8]) -> Result<T, Why>) -> Result<T, Fault> {
        let answer = self
            .in_turn(peer, call, self.monitor.ask(peer.id.as_str(), call))
            .await?;
        parse(&answer).map_err(|why| self.fault(peer, call.name(), why))
    }

    async fn states(&self, peer: &Peer) -> Result<Listed<Box<Worker>>, Fault> {
        let call = PrbCall::GetWorkerStatus;
        let mut states = States::default();
        let answer = self.monitor.ask_each(peer.id.as_str(), call, |json| states.take(json));
        let envelope = self.in_turn(peer, call, answer).await?;
        let listed = states.finish(&envelope);
        listed.map_err(|why| self.fault(peer, call.name(), why))
    }

    /// Waits until it is the peer's turn.
    async fn in_turn<T>(
        &self,
        peer: &Peer,
        call: PrbCall,
        answer: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let Some(mut turn) = self.turns.take(&peer.id).await else {
            let rest = crate::values::Duration::from(REST);
            let words = format!("its last call got no answer; it is left alone for {rest}");
            return Err(self.fault(peer, call.name(), Why::Unreachable(words)));
        };
        turn.begin();
        let answer = answer.await;
        // Nothing came: the monitor may still be waiting for the peer.
        if !matches!(&answer, Err(fault) if matches!(fault.why, Why::Timeout(_))) {
            turn.answered();
        }
        answer.map_err(|fault| self.fault(peer, call.name(), fault.why))
    }

    fn fault(&self, peer: &Peer, operation: &str, why: Why) -> Fault {
        let place = if peer.hostname.is_empty() {
            peer.id.as_str()
        } else {
            &peer.hostname
        };
        Fault::new(format!("{} ({place})", self.monitor.who()), operation, why)
    }
}

/// An answer about pools has their owners' keys around it, and so may the words of its error.
fn unquoted(fault: Fault) -> Fault {
    match fault.why {
        Why::Upstream(_) => Fault {
            why: Why::upstream("it could not list its pools; its log says why"),
            ..fault
        },
        _ => fault,
    }
}

fn of(peers: &[Peer], asked: impl Fn(&Peer) -> bool) -> Vec<Peer> {
    peers.iter().filter(|peer| asked(peer)).cloned().collect()
}

/// Different peers at once.
async fn all<T>(calls: Vec<impl Future<Output = T>>) -> Vec<T> {
    stream::iter(calls).buffer_unordered(MOST_AT_ONCE).collect().await
}
