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
}

/// 1 is enabled in every version; disabled is 0 up to 1.8 and 2 from 1.9.
pub(super) fn users(json: &[u8]) -> Result<Vec<User>, Why> {
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
        standing: if user.state.count() == Some(1) {
            Standing::Enabled
        } else {
            Standing::Disabled
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
        let json =
            br#"[{"id":"1","name":"li","state":1},{"name":"wu","state":2},{"name":"old","state":0,"sourceType":1}]"#;
        let users = users(json).unwrap();
        let enabled: Vec<bool> = users.iter().map(|user| user.standing == Standing::Enabled).collect();
        assert_eq!(enabled, [true, false, false]);
        assert!(super::users(b"null").unwrap().is_empty() && super::users(b"<html>").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            drop(users(&bytes));
        }
    }
}
