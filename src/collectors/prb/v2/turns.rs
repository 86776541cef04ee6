//! Whose turn it is to call a peer. PRB's monitor shares one connection between calls to the same peer that begin at
//! about the same time, and the first to end closes it under the other: so calls to one peer come one after another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::collectors::prb::peer::PeerId;

/// How long a peer is left alone after a call without an answer. The monitor goes on waiting for it, 30 s for a
/// connection and for ever for an answer: asking at the usual pace would pile up calls there.
pub const REST: Duration = Duration::from_secs(30);

/// For this many peers it is remembered; more are a monitor that makes them up.
const MOST_PEERS: usize = 1000;

/// Shared by all parts of a target, and by those who read it after the configuration changed.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    peers: Arc<StdMutex<HashMap<PeerId, Arc<Mutex<Rest>>>>>,
    /// How often who reads changed: a call that such a change has cut off says nothing about the peer.
    reader: u64,
}

/// Until when a peer is left alone, and by which reader.
type Rest = Option<(Instant, u64)>;

/// The right to make one call.
#[derive(Debug)]
pub struct Turn {
    rest: OwnedMutexGuard<Rest>,
    reader: u64,
}

impl Turns {
    /// For the next reader of the same peers.
    pub(super) fn handed_on(&self) -> Self {
        Self {
            peers: Arc::clone(&self.peers),
            reader: self.reader + 1,
        }
    }

    /// Waits until no other call to the peer is under way; `None` while the peer is left alone.
    pub async fn take(&self, peer: &PeerId) -> Option<Turn> {
        let lock = {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            if peers.len() >= MOST_PEERS {
                peers.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(peers.entry(peer.clone()).or_default())
        };
        let guard = lock.lock_owned().await;
        let resting = guard.is_some_and(|(until, reader)| reader == self.reader && Instant::now() < until);
        (!resting).then_some(Turn {
            rest: guard,
            reader: self.reader,
        })
    }
}

impl Turn {
    /// The call begins. Should it be dropped without an answer, the peer is left alone.
    pub fn begin(&mut self) {
        *self.rest = Some((Instant::now() + REST, self.reader));
    }

    /// The call was answered, well or not.
    pub fn answered(mut self) {
        *self.rest = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> PeerId {
        PeerId::read("Qm1").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_call_waits_for_the_first() {
        let turns = Turns::default();
        let mut first = turns.take(&peer()).await.unwrap();
        first.begin();
        let second = tokio::time::timeout(Duration::from_secs(5), turns.take(&peer())).await;
        assert!(second.is_err());
        let other = PeerId::read("Qm2").unwrap();
        assert!(turns.take(&other).await.is_some());
        first.answered();
        assert!(turns.take(&peer()).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_did_not_answer_is_left_alone_for_a_while() {
        let turns = Turns::default();
        let mut call = turns.take(&peer()).await.unwrap();
        call.begin();
        drop(call);
        assert!(turns.take(&peer()).await.is_none());
        tokio::time::advance(REST).await;
        assert!(turns.take(&peer()).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_a_change_of_the_configuration_cut_off_says_nothing_of_the_peer() {
        let turns = Turns::default();
        let mut call = turns.take(&peer()).await.unwrap();
        call.begin();
        let next = turns.handed_on();
        drop(call);
        assert!(next.take(&peer()).await.is_some());
    }
}
