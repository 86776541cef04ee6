//! What is known of a node: its head, measured against the clock of its chain.

use std::time::Duration;

use super::answers::{Head, PublishPeers, SyncTargets};
use crate::clock::UnixTime;

/// A node's head and the chain that it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadSeen {
    pub head: Head,
    pub chain: Chain,
}

/// What does not change while a node runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    pub network: Option<String>,
    pub genesis: Option<UnixTime>,
    /// How long an epoch takes.
    pub epoch: Option<Duration>,
}

/// Peers and synchronisation; `None` is what the node does not offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSeen {
    pub peers: Option<u64>,
    pub syncs: Option<SyncTargets>,
    pub publish: Option<PublishPeers>,
}

/// An epoch of every public network.
const EPOCH: Duration = Duration::from_secs(30);

/// Networks whose beginning everybody knows (their genesis blocks). Calibration began anew in 2022; nodes of before
/// then say when.
const GENESIS: [(&str, u64); 2] = [("mainnet", 1_598_306_400), ("calibrationnet", 1_667_326_380)];

impl Chain {
    /// Fills in what public networks have and the node did not say.
    pub(super) fn completed(mut self) -> Self {
        let known = |(name, _): &&(&str, u64)| Some(*name) == self.network.as_deref();
        if let Some((_, genesis)) = GENESIS.iter().find(known) {
            let genesis = UnixTime::from_duration(Duration::from_secs(*genesis));
            self.genesis = self.genesis.or(Some(genesis));
            self.epoch = self.epoch.or(Some(EPOCH));
        }
        self
    }

    /// The epoch that it is by the clock; `None` before the chain begins.
    pub fn expected(&self, now: UnixTime) -> Option<u64> {
        let (genesis, epoch) = (self.genesis?, self.epoch?);
        if now < genesis {
            return None;
        }
        let epochs = genesis.age_at(now).as_millis().checked_div(epoch.as_millis())?;
        u64::try_from(epochs).ok()
    }

    /// How long so many epochs take.
    pub fn lasting(&self, epochs: u64) -> Option<Duration> {
        self.epoch?.checked_mul(u32::try_from(epochs).ok()?)
    }
}

impl HeadSeen {
    /// Epochs between its head and the clock: 1 is normal, 2 an epoch without a block.
    pub fn behind(&self, now: UnixTime) -> Option<u64> {
        let expected = self.chain.expected(now)?;
        Some(expected.saturating_sub(self.head.epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mainnet() -> Chain {
        let named = Chain {
            network: Some("mainnet".to_owned()),
            ..Chain::default()
        };
        named.completed()
    }

    fn seconds(seconds: u64) -> UnixTime {
        UnixTime::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn the_expected_epoch_is_counted_from_genesis() {
        // Section 1.1: the block of epoch 4,000,000 carries exactly genesis + 30 s for each.
        let made = 1_598_306_400 + 30 * 4_000_000;
        assert_eq!(mainnet().expected(seconds(made)), Some(4_000_000));
        assert_eq!(mainnet().expected(seconds(made + 29)), Some(4_000_000));
        assert_eq!(mainnet().expected(seconds(made + 30)), Some(4_000_001));
        assert_eq!(mainnet().expected(seconds(1_598_306_399)), None);
    }

    #[test]
    fn of_a_network_that_nobody_knows_nothing_is_expected() {
        let local = Chain {
            network: Some("2k".to_owned()),
            ..Chain::default()
        };
        assert_eq!(local.completed().expected(seconds(1_700_000_000)), None);
    }

    #[test]
    fn a_head_beyond_the_clock_is_not_behind() {
        let seen = HeadSeen {
            head: Head {
                epoch: 4_000_002,
                made: None,
                blocks: 1,
                base_fee: None,
            },
            chain: mainnet(),
        };
        assert_eq!(seen.behind(seconds(1_598_306_400 + 30 * 4_000_000)), Some(0));
    }
}
