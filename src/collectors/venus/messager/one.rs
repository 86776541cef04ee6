//! One message in whatever state it is, with what decides whether something may be done about it: pure, from bytes.
//!
//! Section 2.4 of the contract.

use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::answers::{Message, Row, Waiting, cut};
use crate::clock::UnixTime;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::amount::AttoFil;
use crate::collectors::venus::wire::{Number, Text, required};
use crate::upstream::Why;

/// Longer ids do not exist (`service/message_service.go`), and this one is sent back.
const LONGEST_ID: usize = 256;

/// A message as its messager has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// As the messager has it.
    pub id: String,
    pub from: Address,
    pub to: Option<Address>,
    pub state: State,
    pub nonce: Option<u64>,
    pub method: Option<u64>,
    pub value: Option<AttoFil>,
    pub gas_limit: Option<u64>,
    pub fee_cap: Option<AttoFil>,
    /// Another one after each signature; `None` before the first.
    pub signed: Option<String>,
    /// Cut.
    pub error: Option<String>,
    pub created: Option<UnixTime>,
    /// Of the last attempt, signature or change.
    pub updated: Option<UnixTime>,
}

/// Section 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Unfilled,
    Filled,
    OnChain,
    /// Marked bad.
    Failed,
    /// Its nonce went to another message.
    Replaced,
    /// One that no version has, or none.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unfilled => "unfilled",
            Self::Filled => "filled",
            Self::OnChain => "on chain",
            Self::Failed => "marked bad",
            Self::Replaced => "replaced by another with its nonce",
            Self::Unknown => "in a state that is not known",
        })
    }
}

/// `GetMessageByUid`.
pub(in crate::collectors::venus) fn whole(json: Option<&[u8]>) -> Result<Whole, Why> {
    let row: Row = required(json)?;
    let more: More = required(json)?;
    let error = row.error().map(|text| cut(&text));
    let id = row
        .id
        .0
        .filter(|id| id.chars().count() <= LONGEST_ID && !id.contains(char::is_control));
    let malformed = |what: &str| Why::malformed(format!("a message without {what}"));
    Ok(Whole {
        id: id.ok_or_else(|| malformed("an id"))?,
        from: row.from.address().ok_or_else(|| malformed("a sender"))?,
        to: row.to.address(),
        state: match row.state.count() {
            Some(1) => State::Unfilled,
            Some(2) => State::Filled,
            Some(3) => State::OnChain,
            Some(4) => State::Failed,
            Some(5) => State::Replaced,
            _ => State::Unknown,
        },
        nonce: row.nonce.count(),
        method: row.method.count(),
        value: more.value.amount(),
        gas_limit: more.gas_limit.count(),
        fee_cap: row.fee_cap.amount(),
        signed: more.signed.and_then(|cid| cid.text.0),
        error,
        created: row.created.time(),
        updated: more.updated.time(),
    })
}

#[derive(Deserialize)]
struct More {
    #[serde(rename = "SignedCid", alias = "signedCid")]
    signed: Option<Cid>,
    #[serde(rename = "Value", alias = "value", default)]
    value: Text,
    #[serde(rename = "GasLimit", alias = "gasLimit", default)]
    gas_limit: Number,
    #[serde(rename = "UpdatedAt", alias = "updatedAt", default)]
    updated: Text,
    /// It is read by nobody: a part of what is signed.
    #[serde(rename = "Params", alias = "params")]
    _params: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Cid {
    #[serde(rename = "/", default)]
    text: Text,
}

impl Whole {
    /// What it does, for people: `SubmitWindowedPoSt to f01000`.
    pub fn action(&self) -> String {
        self.as_waiting().action()
    }

    /// Whether it proves a miner's sectors for a window.
    pub fn is_window_post(&self) -> bool {
        self.as_waiting().is_window_post()
    }

    fn as_waiting(&self) -> Message {
        Message {
            id: String::new(),
            from: self.from.clone(),
            to: self.to.clone(),
            state: Waiting::Filled,
            nonce: self.nonce,
            method: self.method,
            fee_cap: None,
            created: None,
            error: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::collectors::venus::address::samples::BLS;

    fn read(value: &Value) -> Result<Whole, Why> {
        whole(Some(value.to_string().as_bytes()))
    }

    #[test]
    fn a_message_of_every_era_is_read_in_every_state() {
        let new = json!({"ID": "4b1c", "SignedCid": {"/": "bafy2"}, "To": "f01000", "From": BLS, "Nonce": 42, "Value": "1",
            "GasLimit": 38, "GasFeeCap": "1500", "Method": 5, "State": 3, "ErrorMsg": "", "Receipt": {"Return": "Z2Fz"},
            "CreatedAt": "2024-06-13T19:01:04Z", "UpdatedAt": "2024-06-13T19:01:40Z"});
        let said = read(&new).unwrap();
        assert_eq!(
            (said.state, said.signed.as_deref(), said.error),
            (State::OnChain, Some("bafy2"), None)
        );
        let old = json!({"ID": "bafk", "SignedCid": null, "to": "t01000", "from": BLS, "nonce": 0, "value": "0", "gasLimit": 7,
            "gasFeeCap": "0", "method": 5, "State": 1, "Receipt": {"return": "Z2FzIGVzdGltYXRlOiBleGl0IDE2"}});
        let said = read(&old).unwrap();
        assert_eq!(
            (said.state, said.signed, said.gas_limit),
            (State::Unfilled, None, Some(7))
        );
        assert_eq!(said.error.as_deref(), Some("gas estimate: exit 16"));
        // What a call that landed gave back is no error.
        let landed = json!({"ID": "bafk", "from": BLS, "State": 3, "Receipt": {"return": "Z2FzIGVzdGltYXRl"}});
        assert_eq!(read(&landed).unwrap().error, None);
        assert_eq!(
            read(&json!({"ID": "x", "From": BLS, "State": 9})).unwrap().state,
            State::Unknown
        );
    }

    #[test]
    fn what_could_not_be_sent_back_or_has_no_sender_is_no_message() {
        for (id, from) in [("", BLS), ("a\u{1b}b", BLS), ("x", "<empty>"), (&*"x".repeat(257), BLS)] {
            assert!(read(&json!({"ID": id, "From": from, "State": 2})).is_err(), "{id}");
        }
        assert!(whole(None).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            drop(whole(Some(&bytes)));
        }
    }
}
