//! What an authorisation service answers: pure, from bytes.
//!
//! Section 5 of the contract.

use serde::Deserialize;

use crate::collectors::venus::wire::{List, Number, Text, nullable};
use crate::upstream::Why;

/// A user of the chain service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub standing: Standing,
}

/// Miners of a user that is not enabled silently drop out of the miner service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Enabled,
    Disabled,
    /// In a state that this version does not have, or none.
    Unknown,
}

/// 1 is enabled in every version; disabled is 0 up to 1.8 and 2 from 1.9, where 0 is no state.
pub(super) fn users(json: &[u8], is_since_9: bool) -> Result<Vec<User>, Why> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        name: Text,
        #[serde(default)]
        state: Number,
    }
    let users: List<Said> = nullable(Some(json))?;
    let read = users.0.into_iter().map(|user| User {
        name: user.name.cut(),
        standing: match (user.state.count(), is_since_9) {
            (Some(1), _) => Standing::Enabled,
            (Some(0), false) | (Some(2), true) => Standing::Disabled,
            _ => Standing::Unknown,
        },
    });
    Ok(read.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_of_every_version_are_enabled_or_not() {
        use Standing::{Disabled, Enabled, Unknown};
        let standings = |json: &[u8], is_since_9: bool| -> Vec<Standing> {
            let users = users(json, is_since_9).unwrap();
            users.iter().map(|user| user.standing).collect()
        };
        let new = br#"[{"id":"1","name":"li","state":1},{"name":"wu","state":2},{"name":"x","state":0},{"name":"y"}]"#;
        assert_eq!(standings(new, true), [Enabled, Disabled, Unknown, Unknown]);
        let old = br#"[{"name":"li","state":1,"sourceType":1},{"name":"wu","state":0},{"name":"x","state":"?"}]"#;
        assert_eq!(standings(old, false), [Enabled, Disabled, Unknown]);
        assert!(standings(b"null", true).is_empty() && users(b"<html>", true).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            drop((users(&bytes, true), users(&bytes, false)));
        }
    }
}
