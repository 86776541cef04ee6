//! What a wallet says of itself. Amounts only where the configuration asks for them.

use serde::Deserialize;

use super::node::Peers;
use super::wire::{Figure, parse, time};
use crate::clock::UnixTime;
use crate::upstream::Why;

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalletState {
    pub synced: Option<bool>,
    pub height: Option<u64>,
    /// `None` where that call failed.
    pub peers: Option<Peers>,
    /// Only with `wallet_amounts`.
    pub balance: Option<Balance>,
}

/// What lies in the first wallet, that of chia itself; amounts in mojo, 10^12 of which are an XCH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    pub confirmed: Option<u128>,
    pub spendable: Option<u128>,
    /// The most that one transaction can take.
    pub max_send: Option<u128>,
    pub pending_removals: Option<u64>,
    pub coins: Option<u64>,
    /// Of the key that is logged in.
    pub fingerprint: Option<u64>,
}

/// What the farm has won, as far as the wallet knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Farmed {
    /// In mojo; only with `wallet_amounts`.
    pub amount: Option<u128>,
    pub last_height: Option<u64>,
    /// Since 2.0.
    pub last_time: Option<UnixTime>,
    /// Since 2.0.
    pub blocks: Option<u64>,
}

#[derive(Deserialize)]
struct Sync {
    synced: Option<bool>,
}

#[derive(Deserialize)]
struct Height {
    #[serde(default)]
    height: Figure,
}

#[derive(Deserialize)]
struct Answer {
    wallet_balance: RawBalance,
}

#[derive(Deserialize)]
struct RawBalance {
    #[serde(default)]
    confirmed_wallet_balance: Figure,
    #[serde(default)]
    spendable_balance: Figure,
    #[serde(default)]
    max_send_amount: Figure,
    #[serde(default)]
    pending_coin_removal_count: Figure,
    #[serde(default)]
    unspent_coin_count: Figure,
    #[serde(default)]
    fingerprint: Figure,
}

#[derive(Deserialize)]
struct RawFarmed {
    #[serde(default)]
    farmed_amount: Figure,
    #[serde(default)]
    last_height_farmed: Figure,
    last_time_farmed: Option<f64>,
    #[serde(default)]
    blocks_won: Figure,
}

/// An answer of `get_sync_status`.
pub(super) fn synced(body: &[u8]) -> Result<Option<bool>, Why> {
    parse::<Sync>(body).map(|sync| sync.synced)
}

/// An answer of `get_height_info`.
pub(super) fn height(body: &[u8]) -> Result<Option<u64>, Why> {
    parse::<Height>(body).map(|info| info.height.small())
}

/// An answer of `get_wallet_balance`.
pub(super) fn balance(body: &[u8]) -> Result<Balance, Why> {
    let Answer { wallet_balance: raw } = parse(body)?;
    Ok(Balance {
        confirmed: raw.confirmed_wallet_balance.0,
        spendable: raw.spendable_balance.0,
        max_send: raw.max_send_amount.0,
        pending_removals: raw.pending_coin_removal_count.small(),
        coins: raw.unspent_coin_count.small(),
        fingerprint: raw.fingerprint.small(),
    })
}

/// An answer of `get_farmed_amount`. Zero is what it says when nothing was won.
pub(super) fn farmed(body: &[u8]) -> Result<Farmed, Why> {
    let raw: RawFarmed = parse(body)?;
    Ok(Farmed {
        amount: raw.farmed_amount.0,
        last_height: raw.last_height_farmed.small().filter(|height| *height > 0),
        last_time: raw.last_time_farmed.filter(|at| *at > 0.0).and_then(time),
        blocks: raw.blocks_won.small(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::recorded;
    use super::*;

    #[test]
    fn a_synced_wallet_is_read() {
        assert_eq!(synced(&recorded("wallet.get_sync_status")), Ok(Some(true)));
        assert_eq!(height(&recorded("wallet.get_height_info")), Ok(Some(25)));
        let mojo = Some(48_000_000_000_000);
        let balance = balance(&recorded("wallet.get_wallet_balance")).unwrap();
        assert_eq!(
            (balance.confirmed, balance.spendable, balance.max_send),
            (mojo, mojo, mojo)
        );
        assert_eq!((balance.coins, balance.pending_removals), (Some(48), Some(0)));
        let expected = Farmed {
            amount: mojo,
            last_height: Some(24),
            last_time: Some(UnixTime::from_millis(1_795_191_797_000)),
            blocks: Some(24),
        };
        assert_eq!(farmed(&recorded("wallet.get_farmed_amount")), Ok(expected));
    }

    #[test]
    fn amounts_beyond_64_bits_and_an_old_release_are_read() {
        let rich = br#"{"wallet_balance": {"confirmed_wallet_balance": 21000042000000000000000}}"#;
        let rich = balance(rich).unwrap();
        assert_eq!(
            (rich.confirmed, rich.spendable),
            (Some(21_000_042_000_000_000_000_000), None)
        );
        let old = br#"{"farmed_amount": 0, "last_height_farmed": 0}"#;
        let expected = Farmed {
            amount: Some(0),
            ..Farmed::default()
        };
        assert_eq!(farmed(old), Ok(expected));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_picture_or_a_fault(bytes: Vec<u8>) {
            drop((synced(&bytes), height(&bytes), balance(&bytes), farmed(&bytes)));
        }
    }
}
