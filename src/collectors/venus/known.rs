//! What one part of a target has found out and another needs to ask its questions: senders, the base fee, whose head is
//! best. It is no memory: whatever is shown or judged lives in the snapshot.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::address::Address;
use super::amount::AttoFil;
use super::miner::wins::Seen;

/// A sender as the messager had it when it was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownSender {
    pub address: Address,
    /// The next nonce that the messager hands out.
    pub nonce: Option<u64>,
    /// The lowest nonce of its filled messages, where all of them are known.
    pub lowest_filled: Option<u64>,
    /// When that was heard.
    pub at: Instant,
}

/// Shared by all parts of a target, and by those who read it after the configuration changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    senders: watch::Sender<Option<Arc<[KnownSender]>>>,
    miners: watch::Sender<Option<Arc<[Address]>>>,
    rest: Mutex<Rest>,
}

#[derive(Clone, Debug, Default)]
struct Rest {
    base_fee: Option<AttoFil>,
    /// Labels of nodes, the best head first.
    heads: Vec<Arc<str>>,
    epoch: Option<u64>,
    wins: Seen,
}

impl Known {
    pub(super) fn publish_senders(&self, senders: Vec<KnownSender>) {
        self.0.senders.send_replace(Some(senders.into()));
    }

    /// Waits for the first list for so long, and goes on without one then.
    pub(super) async fn senders(&self, within: Duration) -> Arc<[KnownSender]> {
        first(&self.0.senders, within).await
    }

    /// The messagers do not answer: who waits for the first list goes on.
    pub(super) fn no_senders(&self) {
        self.0.senders.send_if_modified(nobody);
    }

    pub(super) fn publish_miners(&self, miners: Vec<Address>) {
        self.0.miners.send_replace(Some(miners.into()));
    }

    /// Miners that the miner services list; waits for the first list for so long.
    pub(super) async fn miners_within(&self, within: Duration) -> Arc<[Address]> {
        first(&self.0.miners, within).await
    }

    /// The miner services do not answer: who waits for the first list goes on.
    pub(super) fn no_miners(&self) {
        self.0.miners.send_if_modified(nobody);
    }

    /// Labels of nodes, the best head first, with its epoch and base fee.
    pub(super) fn publish_heads(&self, heads: Vec<Arc<str>>, epoch: Option<u64>, base_fee: Option<AttoFil>) {
        let mut rest = self.0.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.heads = heads;
        rest.epoch = epoch;
        rest.base_fee = base_fee;
    }

    /// Miners, and up to which epoch their wins were counted.
    pub(super) fn publish_wins(&self, wins: Seen) {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner).wins = wins;
    }

    pub(super) fn base_fee(&self) -> Option<AttoFil> {
        self.rest().base_fee
    }

    /// Labels of nodes, the best head first.
    pub(super) fn heads(&self) -> Vec<Arc<str>> {
        self.rest().heads
    }

    /// Miners that the miner services list, as far as is known now.
    pub(super) fn miners(&self) -> Arc<[Address]> {
        self.0.miners.borrow().clone().unwrap_or_default()
    }

    /// The newest epoch, and up to which one wins were counted.
    pub(super) fn epochs(&self) -> (Option<u64>, Seen) {
        let rest = self.rest();
        (rest.epoch, rest.wins)
    }

    fn rest(&self) -> Rest {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn first<T>(list: &watch::Sender<Option<Arc<[T]>>>, within: Duration) -> Arc<[T]> {
    let mut list = list.subscribe();
    let waited = tokio::time::timeout(within, list.wait_for(Option::is_some)).await;
    let list = waited.ok().and_then(Result::ok).and_then(|list| list.clone());
    list.unwrap_or_default()
}

/// An empty list where there is none; true when that is new.
fn nobody<T>(list: &mut Option<Arc<[T]>>) -> bool {
    let is_first = list.is_none();
    if is_first {
        *list = Some(Arc::default());
    }
    is_first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_before_there_is_a_list_waits_for_it_and_not_for_ever() {
        let known = Known::default();
        assert!(known.senders(Duration::from_secs(5)).await.is_empty());
        let asked = tokio::spawn({
            let known = known.clone();
            async move { known.senders(Duration::from_secs(5)).await }
        });
        let sender = KnownSender {
            address: "f01000".parse().unwrap(),
            nonce: Some(1),
            lowest_filled: None,
            at: Instant::now(),
        };
        known.publish_senders(vec![sender.clone()]);
        assert_eq!(asked.await.unwrap().as_ref(), [sender]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_list_that_nobody_tells_goes_on_and_no_list_is_lost() {
        let known = Known::default();
        let started = Instant::now();
        let (miners, ()) = tokio::join!(known.miners_within(Duration::from_secs(60)), async {
            known.no_miners();
        });
        assert!(miners.is_empty() && started.elapsed() < Duration::from_secs(60));
        let miner: Address = "f01000".parse().unwrap();
        known.publish_miners(vec![miner.clone()]);
        known.no_miners();
        assert_eq!(known.miners().as_ref(), [miner]);
    }
}
