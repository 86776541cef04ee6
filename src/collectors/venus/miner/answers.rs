//! What a miner service answers, for every era: pure, from bytes.
//!
//! Section 3 of the contract. Version 1.0 lists tokens beside miners: there is no place for them here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use crate::collectors::venus::address::Address;
use crate::collectors::venus::wire::{List, Text, nullable};
use crate::upstream::Why;

/// It keeps about 20; this many are shown.
const MOST_ERRORS: usize = 20;
const LONGEST_ERROR: usize = 300;

/// All miners of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MinerSeen {
    pub miners: BTreeMap<Address, Mining>,
    /// Miners beyond the configured number, of all services of the round.
    pub left_out: Arc<BTreeSet<Address>>,
    /// Whether the service says which miners are open for mining; from 1.8.
    pub says_open: bool,
}

/// One miner of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mining {
    /// In the set that is mined for; it does not say that proofs work. `None` where only the list has it.
    pub mining: Option<bool>,
    /// Errors of the last minute (before 1.8: since the start), the newest last, cut.
    pub errors: Vec<String>,
    /// Whether it shall be mined for, as stored in auth.
    pub open: Option<bool>,
}

/// `StatesForMining`. `Err` is a list or null; one text in 1.0.
pub(super) fn states(json: Option<&[u8]>) -> Result<Vec<(Address, Mining)>, Why> {
    #[derive(Deserialize)]
    struct State {
        #[serde(rename = "Addr", default)]
        address: Text,
        #[serde(rename = "IsMining")]
        mining: Option<bool>,
        #[serde(rename = "Err", default)]
        errors: Errors,
    }
    let states: List<State> = nullable(json)?;
    let read = states.0.into_iter().filter_map(|state| {
        let mining = Mining {
            mining: state.mining,
            errors: state.errors.texts(),
            open: None,
        };
        Some((state.address.address()?, mining))
    });
    Ok(read.collect())
}

/// `ListAddress`: which miners there are, and which of them are open for mining.
pub(super) fn miners(json: Option<&[u8]>) -> Result<Vec<(Address, Option<bool>)>, Why> {
    #[derive(Deserialize)]
    struct Miner {
        #[serde(rename = "Addr", default)]
        address: Text,
        #[serde(rename = "OpenMining")]
        open: Option<bool>,
    }
    let miners: List<Miner> = nullable(json)?;
    let read = miners
        .0
        .into_iter()
        .filter_map(|miner| Some((miner.address.address()?, miner.open)));
    Ok(read.collect())
}

#[derive(Default)]
struct Errors(Vec<Text>);

impl Errors {
    fn texts(self) -> Vec<String> {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let cut = |text: String| text.chars().map(plain).take(LONGEST_ERROR).collect::<String>();
        let mut texts: Vec<String> = self.0.into_iter().filter_map(|text| text.0).map(cut).collect();
        texts.drain(..texts.len().saturating_sub(MOST_ERRORS));
        texts
    }
}

impl<'de> Deserialize<'de> for Errors {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Several;
        impl<'de> serde::de::Visitor<'de> for Several {
            type Value = Errors;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("texts")
            }

            fn visit_unit<E>(self) -> Result<Errors, E> {
                Ok(Errors::default())
            }

            fn visit_str<E>(self, text: &str) -> Result<Errors, E> {
                let text = Some(text.to_owned()).filter(|text| !text.is_empty());
                Ok(Errors(vec![Text(text)]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Errors, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Errors(texts))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Errors, A::Error> {
                use serde::de::IgnoredAny;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Errors::default())
            }
        }
        deserializer.deserialize_any(Several)
    }
}

impl MinerSeen {
    /// Whether it is mined for; what is in no list is not. `None` for what was left out.
    pub fn mines_for(&self, miner: &Address) -> Option<bool> {
        let of = self.miners.get(miner);
        let is_so = of.is_some_and(|mining| mining.mining == Some(true));
        (!self.left_out.contains(miner)).then_some(is_so)
    }

    /// Puts both lists together.
    pub(super) fn of(states: Vec<(Address, Mining)>, listed: Option<Vec<(Address, Option<bool>)>>) -> Self {
        let says_open = listed.iter().flatten().any(|(_, open)| open.is_some());
        let mut miners: BTreeMap<Address, Mining> = states.into_iter().collect();
        for (address, open) in listed.into_iter().flatten() {
            miners.entry(address).or_default().open = open;
        }
        Self {
            miners,
            left_out: Arc::default(),
            says_open,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn states_of_every_era_are_read() {
        let today = br#"[{"Addr":"f01000","IsMining":true,"Err":null},
            {"Addr":"t01008","IsMining":true,"Err":["2024-06-13 19:20:51 mining timeout!"]}]"#;
        let today = states(Some(today)).unwrap();
        assert_eq!(
            today[0],
            (
                address("f01000"),
                Mining {
                    mining: Some(true),
                    ..Mining::default()
                }
            )
        );
        assert_eq!(today[1].0, address("f01008"));
        assert_eq!(today[1].1.errors, ["2024-06-13 19:20:51 mining timeout!"]);
        let old =
            br#"[{"Addr":"t01000","IsMining":false,"Err":"no wallet"},{"Addr":"<empty>"},{"Addr":"f01","Err":""}]"#;
        let old = states(Some(old)).unwrap();
        assert_eq!((old.len(), old[0].1.errors.len(), old[1].1.errors.len()), (2, 1, 0));
        assert!(states(None).unwrap().is_empty());
    }

    #[test]
    fn both_lists_come_together_without_the_tokens_in_them() {
        let listed =
            br#"[{"Addr":"f01000","Id":"x","Name":"li","OpenMining":true},{"Addr":"f01009","OpenMining":false}]"#;
        let listed = miners(Some(listed)).unwrap();
        let mined = states(Some(br#"[{"Addr":"f01000","IsMining":true}]"#)).unwrap();
        let seen = MinerSeen::of(mined, Some(listed));
        assert_eq!((seen.miners.len(), seen.says_open), (2, true));
        assert_eq!(seen.miners[&address("f01009")].mining, None);
        let tokens = br#"[{"Addr":"f01000","Sealer":{"Token":"s3cret"}}]"#;
        assert!(!format!("{:?}", miners(Some(tokens)).unwrap()).contains("s3cret"));
    }

    #[test]
    fn no_more_errors_are_kept_than_the_service_keeps() {
        let many: Vec<String> = (0..100).map(|number| format!("error {number}")).collect();
        let json = serde_json::json!([{"Addr": "f01000", "IsMining": true, "Err": many}]).to_string();
        let errors = &states(Some(json.as_bytes())).unwrap()[0].1.errors;
        assert_eq!((errors.len(), errors[19].as_str()), (20, "error 99"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            drop((states(Some(&bytes)), miners(Some(&bytes))));
        }
    }
}
