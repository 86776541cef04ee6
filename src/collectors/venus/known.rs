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
    rest: Mutex<Rest>,
}

#[derive(Clone, Debug, Default)]
struct Rest {
    base_fee: Option<AttoFil>,
    /// Labels of nodes, the best head first.
    heads: Vec<Arc<str>>,
    epoch: Option<u64>,
    miners: Vec<Address>,
    wins: Seen,
}

impl Known {
    pub(super) fn publish_senders(&self, senders: Vec<KnownSender>) {
        self.0.senders.send_replace(Some(senders.into()));
    }

    /// Waits for the first list for so long, and goes on without one then.
    pub(super) async fn senders(&self, within: Duration) -> Arc<[KnownSender]> {
        let mut list = self.0.senders.subscribe();
        let waited = tokio::time::timeout(within, list.wait_for(Option::is_some)).await;
        let list = waited.ok().and_then(Result::ok).and_then(|list| list.clone());
        list.unwrap_or_default()
    }

    /// Labels of nodes, the best head first, with its epoch and base fee.
    pub(super) fn publish_heads(&self, heads: Vec<Arc<str>>, epoch: Option<u64>, base_fee: Option<AttoFil>) {
        let mut rest = self.0.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.heads = heads;
        rest.epoch = epoch;
        rest.base_fee = base_fee;
    }

    /// Miners, and up to which epoch their wins were counted.
    pub(super) fn publish_miners(&self, miners: Vec<Address>, wins: Seen) {
        let mut rest = self.0.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.miners = miners;
        rest.wins = wins;
    }

    pub(super) fn base_fee(&self) -> Option<AttoFil> {
        self.rest().base_fee
    }

    /// Labels of nodes, the best head first.
    pub(super) fn heads(&self) -> Vec<Arc<str>> {
        self.rest().heads
    }

    /// Miners that the miner services list.
    pub(super) fn miners(&self) -> Vec<Address> {
        self.rest().miners
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
}
