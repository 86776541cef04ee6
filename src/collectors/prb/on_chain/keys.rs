//! Raw keys of the chain's storage, and the two kinds of 32 bytes that they speak of.
//!
//! A key is twox128 of the pallet's name, twox128 of the item's, and for a map its own key behind a hash of it. Source:
//! `phala-blockchain` `pallets/phala/src/compute` (every map there has `Twox64Concat`), polkadot-sdk
//! `substrate/frame/support/src/hash.rs`, `substrate/primitives/core/src/crypto.rs` for addresses.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use blake2::digest::consts::U16;
use blake2::{Blake2b, Blake2b512, Digest as _};
use xxhash_rust::xxh64::xxh64;

/// The public key of a worker's pRuntime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

/// An account; printed as an address of Khala and Phala.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account(pub [u8; 32]);

/// `ss58Format` of both chains.
const PREFIX: u8 = 30;

/// One place in storage, as bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(pub(super) Vec<u8>);

/// A storage item by its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item(pub(super) &'static str, pub(super) &'static str);

/// When the block was made.
pub(super) const TIMESTAMP: Item = Item("Timestamp", "Now");
const SYSTEM_ACCOUNT: Item = Item("System", "Account");

/// Under which names the runtime has what concerns workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pallets {
    /// `PhalaComputation`, `PhalaStakePoolv2`, `PhalaBasePool`: Khala since December 2022, Phala since April 2023.
    Computation,
    /// `PhalaMining`, `PhalaStakePool`: Khala before that.
    Mining,
}

impl Pallets {
    pub(super) const ALL: [Self; 2] = [Self::Computation, Self::Mining];

    const fn own(self) -> &'static str {
        match self {
            Self::Computation => "PhalaComputation",
            Self::Mining => "PhalaMining",
        }
    }

    /// Worker to session account.
    pub(super) const fn bindings(self) -> Item {
        Item(self.own(), "WorkerBindings")
    }

    /// Session account to session.
    pub(super) const fn sessions(self) -> Item {
        match self {
            Self::Computation => Item(self.own(), "Sessions"),
            Self::Mining => Item(self.own(), "Miners"),
        }
    }

    /// Session account to what is locked for it.
    pub(super) const fn stakes(self) -> Item {
        Item(self.own(), "Stakes")
    }

    /// Worker to pool.
    pub(super) const fn assignments(self) -> Item {
        match self {
            Self::Computation => Item("PhalaStakePoolv2", "WorkerAssignments"),
            Self::Mining => Item("PhalaStakePool", "WorkerAssignments"),
        }
    }

    /// Pool to its owner and the rest.
    pub(super) const fn pools(self) -> Item {
        match self {
            Self::Computation => Item("PhalaBasePool", "Pools"),
            Self::Mining => Item("PhalaStakePool", "StakePools"),
        }
    }

    /// Figures of the whole network.
    pub(super) const fn network(self) -> [Item; 4] {
        let online = match self {
            Self::Computation => "OnlineWorkers",
            Self::Mining => "OnlineMiners",
        };
        let own = self.own();
        [
            Item(own, online),
            Item(own, "HeartbeatPaused"),
            Item(own, "CoolDownPeriod"),
            Item(own, "TokenomicParameters"),
        ]
    }
}

impl Item {
    /// The key of a single value, and what every key of a map begins with.
    pub(super) fn key(self) -> Key {
        let mut key = twox(self.0.as_bytes(), 2);
        key.extend(twox(self.1.as_bytes(), 2));
        Key(key)
    }

    /// The key of an entry of a map with `Twox64Concat`.
    pub(super) fn of(self, entry: &[u8]) -> Key {
        let Key(mut key) = self.key();
        key.extend(twox(entry, 1));
        key.extend(entry);
        Key(key)
    }
}

impl Account {
    /// Where its balance lies; that map has `Blake2_128Concat`.
    pub(super) fn balance(&self) -> Key {
        let Key(mut key) = SYSTEM_ACCOUNT.key();
        key.extend(Blake2b::<U16>::digest(self.0));
        key.extend(self.0);
        Key(key)
    }
}

/// 64 bits for each seed from 0 on.
fn twox(bytes: &[u8], seeds: u64) -> Vec<u8> {
    let parts = (0..seeds).flat_map(|seed| xxh64(bytes, seed).to_le_bytes());
    parts.collect()
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PublicKey {
    type Err = ();

    /// 64 hexadecimal digits, with or without `0x`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = unhex(text.strip_prefix("0x").unwrap_or(text)).ok_or(())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

/// Pairs of hexadecimal digits.
pub(super) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![PREFIX];
        bytes.extend(self.0);
        let check = Blake2b512::new()
            .chain_update(b"SS58PRE")
            .chain_update(&bytes)
            .finalize();
        bytes.extend(check.iter().take(2));
        base58(&bytes).into_iter().try_for_each(|c| f.write_char(c))
    }
}

/// Of bytes that do not begin with zero.
fn base58(bytes: &[u8]) -> Vec<char> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    // The lowest digit first.
    let mut digits: Vec<usize> = Vec::new();
    for byte in bytes {
        let mut carry = usize::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let letters = digits.into_iter().rev().filter_map(|digit| ALPHABET.get(digit));
    letters.map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_those_of_the_runtime() {
        let [new, old] = Pallets::ALL;
        let [online, paused, cool_down, tokenomic] = new.network();
        for (item, key) in [
            (
                new.sessions(),
                "b71c310d8c830d345ee1c1b84566a8d1028685274e698e781f7f2766cba0cc83",
            ),
            (
                new.bindings(),
                "b71c310d8c830d345ee1c1b84566a8d129508a101b262c94ae3b928a07bb3cd5",
            ),
            (
                new.stakes(),
                "b71c310d8c830d345ee1c1b84566a8d199631790894601a7ff7dac1d1ca231bc",
            ),
            (
                online,
                "b71c310d8c830d345ee1c1b84566a8d10c4994f56a54991512c49a193d7df1a1",
            ),
            (
                paused,
                "b71c310d8c830d345ee1c1b84566a8d1252c677f6ef9505d26b2c6ffc28adf70",
            ),
            (
                cool_down,
                "b71c310d8c830d345ee1c1b84566a8d13621662dc0372018ee7c335e6740fdf0",
            ),
            (
                tokenomic,
                "b71c310d8c830d345ee1c1b84566a8d101fcc41548ec01285ffcc5b6baff016a",
            ),
            (
                new.assignments(),
                "75e3ed3f59e45643ed1149ad80929c1b19607b9c9a8737bdc9a8097e5575f8df",
            ),
            (
                new.pools(),
                "00f8eafbad3b4a32114491ad7e1249144c72016d74b63ae83d79b02efdb5528e",
            ),
            (
                old.sessions(),
                "42cbe4fedfc209225dad817c6d03820e3c8312b14d47df66cbccdda7f2601ff7",
            ),
            (
                old.bindings(),
                "42cbe4fedfc209225dad817c6d03820e29508a101b262c94ae3b928a07bb3cd5",
            ),
            (
                old.assignments(),
                "9708ddcf89326bf4f4428dd135287d5119607b9c9a8737bdc9a8097e5575f8df",
            ),
            (
                TIMESTAMP,
                "f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb",
            ),
        ] {
            assert_eq!(item.key().to_string(), format!("0x{key}"), "{item:?}");
        }
    }

    #[test]
    fn an_entry_stands_behind_its_hash() {
        let key = Pallets::Computation.sessions().of(&[0x11; 32]).to_string();
        assert!(key.ends_with(&format!("c99bd9a68183033a{}", "11".repeat(32))), "{key}");
        // Alice's, as every chain's documentation has it.
        let alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
        let account = Account(alice.parse::<PublicKey>().unwrap().0);
        let expected = format!(
            "0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9de1e86a9a8c739864cf3cc5ec2bea59f{alice}"
        );
        assert_eq!(account.balance().to_string(), expected);
    }

    #[test]
    fn an_account_is_printed_as_an_address_of_the_chain() {
        let zero = Account([0; 32]).to_string();
        assert_eq!(zero, "3zcnkmF6XjEogm8vAyPiL2ykPZHpeVtcfDcwTWJ2teqdSvjq");
        let address = |name| simfarm::phala::identity::ss58(PREFIX, &simfarm::phala::identity::session_account(name));
        for name in ["10.1.0.1", "10.1.0.2"] {
            let account = Account(simfarm::phala::identity::session_account(name));
            assert_eq!(account.to_string(), address(name));
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let good = "0f".repeat(32);
        assert_eq!(good.parse(), Ok(PublicKey([0x0f; 32])));
        assert_eq!(format!("0x{good}").parse(), Ok(PublicKey([0x0f; 32])));
        for bad in [
            "",
            "0x",
            "0f",
            &"0f".repeat(33),
            &"0g".repeat(32),
            good.trim_start_matches('0'),
            &"+f".repeat(32),
        ] {
            assert_eq!(bad.parse::<PublicKey>(), Err(()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let text = Key(bytes.clone()).to_string();
            prop_assert_eq!(unhex(text.trim_start_matches("0x")), Some(bytes));
        }

        #[test]
        fn any_text_is_hex_or_not(text in ".*") {
            prop_assert!(unhex(&text).is_none_or(|bytes| bytes.len() * 2 == text.len()));
        }

        #[test]
        fn every_account_has_an_address(bytes in any::<[u8; 32]>()) {
            let address = Account(bytes).to_string();
            prop_assert!(address.len() == 48 || address.len() == 49, "{}", address);
            prop_assert_eq!(address, simfarm::phala::identity::ss58(PREFIX, &bytes));
        }
    }
}
