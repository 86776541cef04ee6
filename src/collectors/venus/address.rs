//! Addresses of the chain, with one spelling each.
//!
//! A process prints `t` or `f` in front as its library has it, whatever the network; so both are read, and `f` is
//! shown. The checksum is looked at where a person wrote the address (`checksum.rs`): services never print a wrong one.
//! Source: `filecoin-project/go-address`.

use std::fmt;
use std::str::FromStr;

use super::checksum;
use crate::values;

/// An address with the network's letter as `f`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Box<str>);

/// Text lengths behind the protocol's digit: base32 without padding of payload and four bytes of checksum.
const HASH_LENGTH: usize = 39;
const BLS_LENGTH: usize = 84;
/// Of a delegated address: at most 54 bytes and the checksum.
const DELEGATED_LENGTHS: std::ops::RangeInclusive<usize> = 7..=93;
/// Actors below are the network's own: rewards, power, the storage market.
const FIRST_OF_USERS: u64 = 100;

impl Address {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `None` for `<empty>` and everything that is no address.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let rest = text.strip_prefix(['f', 't'])?;
        let (protocol, payload) = rest.split_at_checked(1)?;
        let sound = match protocol {
            "0" => is_number(payload),
            "1" | "2" => payload.len() == HASH_LENGTH && is_base32(payload),
            "3" => payload.len() == BLS_LENGTH && is_base32(payload),
            "4" => is_delegated(payload),
            _ => false,
        };
        sound.then(|| Self(format!("f{rest}").into()))
    }

    /// Short enough for a sentence: the beginning and the end of a key.
    pub fn brief(&self) -> String {
        match (self.0.get(..6), self.0.get(self.0.len().saturating_sub(6)..)) {
            (Some(first), Some(last)) if self.0.len() > 20 => format!("{first}…{last}"),
            _ => self.0.to_string(),
        }
    }

    /// Whether a message to it can be one to a miner: neither the network's own actors nor an account's key.
    pub fn may_be_miner(&self) -> bool {
        match self.0.strip_prefix("f0") {
            Some(id) => id.parse::<u64>().is_ok_and(|id| id >= FIRST_OF_USERS),
            None => self.0.starts_with("f2"),
        }
    }
}

fn is_number(text: &str) -> bool {
    let canonical = text == "0" || !text.starts_with('0');
    canonical && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

fn is_base32(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

/// The namespace's number, an `f`, and the rest: `f410f…`.
fn is_delegated(text: &str) -> bool {
    let Some((namespace, rest)) = text.split_once('f') else {
        return false;
    };
    is_number(namespace) && is_base32(rest) && DELEGATED_LENGTHS.contains(&rest.len())
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = || text.escape_debug().take(100).collect::<String>();
        let address = Self::read(text).ok_or_else(|| {
            format!(
                "`{}` is not an address; it begins with f or t and a digit from 0 to 4, like f01000 or f3ttjh…",
                shown()
            )
        })?;
        if address.0.strip_prefix('f').is_some_and(checksum::fits) {
            Ok(address)
        } else {
            let shown = shown();
            Err(format!(
                "`{shown}` is mistyped: its checksum does not fit; copy the whole address again"
            ))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

values::deserialize_from_str!(Address, "an address like f01000");

#[cfg(test)]
pub(super) mod samples {
    /// Section 0.9 of the contract.
    pub(crate) const SECP: &str = "f1pxc22etg2rlkvq6lkri252tdnwduuirw2qodu5i";
    pub(crate) const BLS: &str =
        "f3ttjhclnhk6r4eevwegoitqh3l4cvqaq3od377g3uoz6vgozuu4osaozucgm5jbwrankgcc5uidmhcnhk26va";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::samples::{BLS, SECP};
    use super::*;

    #[test]
    fn every_protocol_is_read_and_the_network_letter_is_one() {
        let actor = format!("f2{}", "a".repeat(39));
        let delegated = format!("f410f{}", "b".repeat(39));
        for text in ["f01000", "f00", SECP, &actor, BLS, &delegated] {
            let other = format!("t{}", text.trim_start_matches('f'));
            assert_eq!(Address::read(text).unwrap().as_str(), text);
            assert_eq!(Address::read(&other).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_named() {
        let long = format!("{BLS}a");
        for text in [
            "",
            "f",
            "f0",
            "<empty>",
            "f5abc",
            "x01000",
            "f01000x",
            "f0-1",
            "f007",
            "f099999999999999999999",
            "F01000",
            "f1PXC22ETG2RLKVQ6LKRI252TDNWDUUIRW2QODU5I",
            "f1abc",
            "f3",
            "f410",
            "f4f",
            "f41f",
            "f4x0fabcdefgh",
            "fé0",
            &long,
        ] {
            assert_eq!(Address::read(text), None, "{text}");
        }
        assert!(
            "f5abc"
                .parse::<Address>()
                .unwrap_err()
                .contains("`f5abc` is not an address")
        );
    }

    #[test]
    fn an_address_that_was_mistyped_is_refused_where_a_person_wrote_it() {
        assert_eq!(SECP.parse::<Address>().unwrap().as_str(), SECP);
        let mistyped = SECP.replace("qodu5i", "qodu5j");
        let words = mistyped.parse::<Address>().unwrap_err();
        assert!(words.contains(&format!("`{mistyped}` is mistyped")), "{words}");
        assert!(Address::read(&mistyped).is_some(), "a service is believed");
    }

    #[test]
    fn a_key_is_cut_for_a_sentence_and_an_id_is_not() {
        let brief = |text: &str| Address::read(text).unwrap().brief();
        assert_eq!(
            (brief("t01000"), brief(BLS)),
            ("f01000".to_owned(), "f3ttjh…hk26va".to_owned())
        );
    }

    #[test]
    fn only_actors_of_users_may_be_miners() {
        let may = |text: &str| Address::read(text).unwrap().may_be_miner();
        assert!(may("f01000") && !may("f05") && !may(BLS) && !may(SECP));
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_that_is_read_back_or_none(text in "([ft][0-4][a-z0-9]{0,90})|.*") {
            if let Some(address) = Address::read(&text) {
                prop_assert_eq!(Address::read(address.as_str()), Some(address));
            }
        }
    }
}
