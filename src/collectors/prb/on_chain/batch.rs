//! Values of storage by raw key, many in one call, all at one block.

use std::collections::HashMap;

use serde::Deserialize;
use subxt_rpcs::client::rpc_params;

use super::keys::{Key, unhex};
use crate::collectors::prb::wire;
use crate::upstream::{Fault, Substrate, Why};

/// Keys of one call: some 40 kB to ask and 90 kB of answer, and a few milliseconds of the node. With all keys of a large
/// farm in one call a node that serves others as well would keep them waiting.
pub(super) const KEYS_PER_CALL: usize = 250;

const MANY: &str = "state_queryStorageAt";
const ONE: &str = "state_getStorage";

/// The storage of a node at one block.
pub(super) struct Storage<'a> {
    node: &'a Substrate,
    block: &'a str,
    /// Whether it answers for many keys at once; known after the first call.
    many: bool,
}

impl<'a> Storage<'a> {
    pub(super) const fn at(node: &'a Substrate, block: &'a str) -> Self {
        Self {
            node,
            block,
            many: true,
        }
    }

    /// Whether every key costs a call of its own.
    pub(super) const fn is_slow(&self) -> bool {
        !self.many
    }

    /// The values in the order of the keys; `None` where nothing is stored.
    pub(super) async fn values(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let mut values = Vec::with_capacity(keys.len());
        for some in keys.chunks(KEYS_PER_CALL) {
            values.extend(self.some(some).await?);
        }
        Ok(values)
    }

    async fn some(&mut self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        if self.many {
            let written: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let answer = self.node.call(MANY, rpc_params![written, self.block]).await?;
            if let Some(answer) = answer {
                let values = changes(answer.get().as_bytes(), keys);
                return values.map_err(|why| Fault::new(self.node.who(), MANY, why));
            }
            self.many = false;
        }
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            values.push(self.one(key).await?);
        }
        Ok(values)
    }

    async fn one(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        let fault = |why| Fault::new(self.node.who(), ONE, why);
        let answer = self.node.call(ONE, rpc_params![key.to_string(), self.block]).await?;
        let Some(answer) = answer else {
            let words = "it lets nobody read storage: neither state_queryStorageAt nor state_getStorage";
            return Err(fault(Why::malformed(words)));
        };
        let value: Option<String> = wire::from_json(answer.get().as_bytes()).map_err(fault)?;
        value.map(|value| bytes(&value)).transpose().map_err(fault)
    }
}

/// What a node says to many keys: one set for the block, with every key that was asked for, `null` where nothing is
/// stored; no set at all for a block that it does not have.
#[derive(Deserialize)]
struct Changes {
    changes: Vec<(String, Option<String>)>,
}

/// A key that is left out is no empty value: the answer then says nothing at all.
fn changes(json: &[u8], keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, Why> {
    let sets: Vec<Changes> = wire::from_json(json)?;
    let mut stored = HashMap::with_capacity(keys.len());
    for (key, value) in sets.iter().flat_map(|set| &set.changes) {
        let value = value.as_ref().map(|value| bytes(value)).transpose()?;
        stored.insert(Key(bytes(key)?), value);
    }
    let found = keys.iter().map(|key| stored.get(key).cloned());
    let found: Option<Vec<Option<Vec<u8>>>> = found.collect();
    found.ok_or_else(|| {
        let words = format!("of {} keys it answered {}", keys.len(), stored.len());
        Why::malformed(words)
    })
}

fn bytes(text: &str) -> Result<Vec<u8>, Why> {
    let bytes = text.strip_prefix("0x").and_then(unhex);
    bytes.ok_or_else(|| Why::malformed("a key or value that is not hexadecimal"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(keys: &[u8]) -> Vec<Key> {
        keys.iter().map(|byte| Key(vec![*byte])).collect()
    }

    #[test]
    fn values_come_in_the_order_of_the_keys() {
        let json = r#"[{"block":"0x07","changes":[["0x0B",null],["0x0a","0xFf01"]]}]"#;
        let values = changes(json.as_bytes(), &keys(&[0x0a, 0x0b, 0x0a]));
        assert_eq!(values, Ok(vec![Some(vec![0xff, 1]), None, Some(vec![0xff, 1])]));
        assert_eq!(changes(b"[]", &[]), Ok(Vec::new()));
    }

    #[test]
    fn an_answer_without_a_key_that_was_asked_for_is_none() {
        let without = r#"[{"block":"0x07","changes":[["0x0a","0x01"]]}]"#;
        for json in ["[]", without] {
            let why = changes(json.as_bytes(), &keys(&[0x0a, 0x0b])).unwrap_err();
            assert!(why.to_string().contains("of 2 keys it answered "), "{why}");
        }
    }

    #[test]
    fn what_is_not_hexadecimal_is_malformed() {
        for changed in [
            r#"["0a","0x01"]"#,
            r#"["0x0a","01"]"#,
            r#"["0x0a","0x1"]"#,
            r#"["0x0a",1]"#,
            r#"["0x0a"]"#,
        ] {
            let json = format!(r#"[{{"changes":[{changed}]}}]"#);
            assert!(changes(json.as_bytes(), &keys(&[0x0a])).is_err(), "{changed}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_values_or_an_error(json in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(changes(&json, &keys(&[1])));
        }

        #[test]
        fn what_is_stored_is_found(stored in proptest::collection::hash_map(any::<u8>(), proptest::option::of(any::<[u8; 3]>()), 0..50)) {
            let written = stored.iter().map(|(key, value)| {
                (format!("0x{key:02x}"), value.map(|value| Key(value.to_vec()).to_string()))
            });
            let json = serde_json::json!([{"block": "0x00", "changes": written.collect::<Vec<_>>()}]);
            let asked: Vec<u8> = stored.keys().copied().collect();
            let expected: Vec<Option<Vec<u8>>> = stored.values().map(|value| value.map(|value| value.to_vec())).collect();
            prop_assert_eq!(changes(json.to_string().as_bytes(), &keys(&asked)), Ok(expected));
        }
    }
}
