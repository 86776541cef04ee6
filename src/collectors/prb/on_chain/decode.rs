//! Values of the chain's storage, from bytes; integers are little-endian. What has another length than in every runtime
//! that is known is an error, never a guess.
//!
//! Sources: `phala-blockchain` `pallets/phala/src/compute/{base_pool,pool_proxy,computation}.rs`, `stakepool.rs` for old
//! pools, `crates/phala-types` for the tokenomic parameters; polkadot-sdk `substrate/frame/{system,balances}` for accounts.

use super::keys::{Account, Pallets};
use crate::clock::UnixTime;
use crate::collectors::prb::amount::Plancks;

pub(super) fn number32(bytes: &[u8]) -> Result<u32, String> {
    exactly(bytes).map(u32::from_le_bytes)
}

pub(super) fn number64(bytes: &[u8]) -> Result<u64, String> {
    exactly(bytes).map(u64::from_le_bytes)
}

pub(super) fn plancks(bytes: &[u8]) -> Result<Plancks, String> {
    exactly(bytes).map(u128::from_le_bytes).map(Plancks)
}

pub(super) fn flag(bytes: &[u8]) -> Result<bool, String> {
    match bytes {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err("no truth value".to_owned()),
    }
}

pub(super) fn account(bytes: &[u8]) -> Result<Account, String> {
    exactly(bytes).map(Account)
}

pub(super) fn timestamp(bytes: &[u8]) -> Result<UnixTime, String> {
    number64(bytes).map(UnixTime::from_millis)
}

/// Blocks in which a heartbeat must arrive. Eight fixed-point numbers stand before it, and four or (since the slash has
/// a parameter of its own) five behind it; a first layout of 2021 had fewer before it and has another length.
pub(super) fn heartbeat_window(bytes: &[u8]) -> Result<u32, String> {
    const FIXED_POINT: usize = 16;
    const BEFORE: usize = 8 * FIXED_POINT;
    const LENGTHS: [usize; 2] = [BEFORE + 4 + 4 * FIXED_POINT, BEFORE + 4 + 5 * FIXED_POINT];
    if !LENGTHS.contains(&bytes.len()) {
        return Err(format!("tokenomic parameters of {} bytes", bytes.len()));
    }
    field(bytes, BEFORE).map(u32::from_le_bytes)
}

/// Who owns the pool of this number. Behind the owner come lists of any length, which are not looked at.
pub(super) fn owner(pallets: Pallets, pool: u64, bytes: &[u8]) -> Result<Account, String> {
    let too_short = || "a pool that ends before its owner".to_owned();
    let rest = match (pallets, bytes.split_first()) {
        // A stake pool, or a vault: both begin alike.
        (Pallets::Computation, Some((0 | 1, rest))) => rest,
        (Pallets::Computation, _) => return Err("neither a stake pool nor a vault".to_owned()),
        (Pallets::Mining, _) => bytes,
    };
    let (number, rest) = rest.split_first_chunk().ok_or_else(too_short)?;
    let number = u64::from_le_bytes(*number);
    if number != pool {
        return Err(format!("it says that it is pool {number}"));
    }
    let (owner, _) = rest.split_first_chunk().ok_or_else(too_short)?;
    Ok(Account(*owner))
}

/// An account's free balance. Four counters stand before it, and three amounts behind it, which differ between runtimes.
pub(super) fn free(bytes: &[u8]) -> Result<Plancks, String> {
    const BEFORE: usize = 4 * 4;
    const AMOUNT: usize = 16;
    if bytes.len() != BEFORE + 4 * AMOUNT {
        return Err(format!("an account of {} bytes", bytes.len()));
    }
    field(bytes, BEFORE).map(u128::from_le_bytes).map(Plancks)
}

fn field<const LENGTH: usize>(bytes: &[u8], offset: usize) -> Result<[u8; LENGTH], String> {
    exactly(bytes.get(offset..offset + LENGTH).unwrap_or_default())
}

fn exactly<const LENGTH: usize>(bytes: &[u8]) -> Result<[u8; LENGTH], String> {
    let wrong = |_| format!("{} bytes, not {LENGTH}", bytes.len());
    bytes.try_into().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parameters of Phala's test network at its genesis.
    const TOKENOMIC: &str = "00000000000000000100000000000000fd7eb4062f0b0000010000000000000000000000000000006400000000000000\
        00000000000000003075000000000000bf960fed430000000000000000000000f2bc1dac9535020000000000000000006d5ec28eec3700\
        000000000000000000333333333333333300000000000000000a000000cdcccccccccccc4c0000000000000000000000000000000000000\
        00000000000cdcccccccccccc4c01000000000000000000000000000000640000000000000000000000000000000100000000000000";

    #[test]
    fn the_heartbeat_window_of_a_real_network_is_found() {
        let bytes = super::super::keys::unhex(TOKENOMIC).unwrap();
        assert_eq!(heartbeat_window(&bytes), Ok(10));
        assert_eq!(heartbeat_window(&bytes[..196]), Ok(10));
        assert!(heartbeat_window(&bytes[..180]).is_err());
        assert!(heartbeat_window(&[]).is_err());
    }

    #[test]
    fn a_pool_names_its_owner_behind_its_number() {
        let mut old = 88_u64.to_le_bytes().to_vec();
        old.extend([7; 32]);
        let vault = [&[1][..], &old, &[0; 300]].concat();
        let owned = Ok(Account([7; 32]));
        assert_eq!(owner(Pallets::Mining, 88, &old), owned);
        assert_eq!(owner(Pallets::Computation, 88, &vault), owned);
        assert_eq!(owner(Pallets::Computation, 88, &[&[0][..], &old].concat()), owned);
        assert!(owner(Pallets::Computation, 89, &vault).is_err());
        assert!(owner(Pallets::Computation, 88, &[&[2][..], &old].concat()).is_err());
        assert!(owner(Pallets::Mining, 88, &old[..39]).is_err());
        assert!(owner(Pallets::Computation, 88, &[]).is_err());
    }

    #[test]
    fn a_free_balance_stands_behind_the_counters() {
        let mut bytes = vec![9; 16];
        bytes.extend(2_500_000_000_000_u128.to_le_bytes());
        bytes.extend([1; 48]);
        assert_eq!(free(&bytes), Ok(Plancks(2_500_000_000_000)));
        assert!(free(&bytes[..79]).is_err());
    }

    #[test]
    fn another_length_is_an_error() {
        assert_eq!(number32(&[1, 0, 0, 0]), Ok(1));
        assert_eq!(number64(&[1, 0, 0, 0]), Err("4 bytes, not 8".to_owned()));
        assert_eq!((flag(&[0]), flag(&[1])), (Ok(false), Ok(true)));
        assert!(flag(&[2]).is_err() && flag(&[]).is_err() && account(&[0; 33]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..260), pool in any::<u64>()) {
            prop_assert_eq!(free(&bytes).is_ok(), bytes.len() == 80);
            prop_assert_eq!(heartbeat_window(&bytes).is_ok(), [196, 212].contains(&bytes.len()));
            drop(owner(Pallets::Computation, pool, &bytes));
            drop(owner(Pallets::Mining, pool, &bytes));
        }
    }
}
