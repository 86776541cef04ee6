//! What a messager answers, for every era: pure, from bytes.
//!
//! Sections 2.2 and 2.4 of the contract. Bodies of messages are not read.

use base64::Engine as _;
use serde::Deserialize;

use crate::clock::UnixTime;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::amount::AttoFil;
use crate::collectors::venus::wire::{Number, Text, from_json, required};
use crate::upstream::Why;

/// Ids have up to 256 characters, all of which tell them apart. Error texts have at most 2,048; this much is shown.
const LONGEST_SHOWN: usize = 300;

/// A sender as the messager knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    pub address: Address,
    /// The next nonce that the messager hands out.
    pub nonce: Option<u64>,
    pub state: SenderState,
    /// Zero takes the shared limit.
    pub selection_limit: Option<u64>,
}

/// Whether a sender's messages are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderState {
    Active,
    Removing,
    Removed,
    /// Takes no new messages.
    Forbidden,
    Unknown,
}

impl SenderState {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Removing => "being removed",
            Self::Removed => "removed",
            Self::Forbidden => "forbidden",
            Self::Unknown => "in a state that is not known",
        }
    }
}

/// One of `ListAddress`; `None` where it is no address.
pub(super) fn sender(json: &[u8]) -> Option<Sender> {
    #[derive(Deserialize)]
    struct Said {
        addr: Text,
        #[serde(default)]
        nonce: Number,
        #[serde(default)]
        state: Number,
        #[serde(rename = "selMsgNum", default)]
        limit: Number,
    }
    let said: Said = from_json(json).ok()?;
    Some(Sender {
        address: said.addr.address()?,
        nonce: said.nonce.count(),
        state: match said.state.count() {
            Some(1) => SenderState::Active,
            Some(2) => SenderState::Removing,
            Some(3) => SenderState::Removed,
            Some(4) => SenderState::Forbidden,
            _ => SenderState::Unknown,
        },
        selection_limit: said.limit.count(),
    })
}

/// What holds for every sender that has nothing of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    pub selection_limit: Option<u64>,
    pub max_fee: Option<AttoFil>,
    pub gas_fee_cap: Option<AttoFil>,
    /// Only incubation has these parameters.
    pub is_of_incubation: bool,
}

pub(super) fn shared(json: Option<&[u8]>) -> Result<Shared, Why> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "selMsgNum", default)]
        limit: Number,
        #[serde(rename = "maxFee", default)]
        max_fee: Text,
        #[serde(rename = "gasFeeCap", default)]
        fee_cap: Text,
        #[serde(rename = "maxFeeCap")]
        older_fee_cap: Option<Text>,
        #[serde(rename = "scanInterval")]
        scan_interval: Option<serde::de::IgnoredAny>,
    }
    let said: Said = required(json)?;
    Ok(Shared {
        selection_limit: said.limit.count(),
        max_fee: said.max_fee.amount(),
        gas_fee_cap: said.fee_cap.amount(),
        is_of_incubation: said.older_fee_cap.is_some() || said.scan_interval.is_some(),
    })
}

/// A state in which a message waits; the others are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiting {
    /// Without a nonce: it waits to be selected, estimated and signed.
    Unfilled,
    /// Signed and pushed: it waits for a block.
    Filled,
}

impl Waiting {
    pub const ALL: [Self; 2] = [Self::Unfilled, Self::Filled];

    /// The label value `state`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unfilled => "unfilled",
            Self::Filled => "filled",
        }
    }

    /// The upstream's number.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Unfilled => 1,
            Self::Filled => 2,
        }
    }
}

/// A message without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub from: Address,
    pub to: Option<Address>,
    pub state: Waiting,
    /// Only of a filled one.
    pub nonce: Option<u64>,
    pub method: Option<u64>,
    pub fee_cap: Option<AttoFil>,
    pub created: Option<UnixTime>,
    /// Cut.
    pub error: Option<String>,
}

impl Message {
    /// Method 5 of a miner proves its sectors for a window; there is no other with that number that users send.
    pub fn is_window_post(&self) -> bool {
        self.method == Some(5) && self.to.as_ref().is_some_and(Address::may_be_miner)
    }

    /// What it does, for people: names of a miner's methods (`filecoin-project/go-state-types: builtin/methods.go`).
    pub fn action(&self) -> String {
        let to = self
            .to
            .as_ref()
            .map(|to| format!(" to {}", to.brief()))
            .unwrap_or_default();
        let of_miner = self.to.as_ref().is_some_and(Address::may_be_miner);
        let name = match self.method {
            Some(0) => "transfer",
            Some(4) if to == " to f05" => "PublishStorageDeals",
            Some(5) if of_miner => "SubmitWindowedPoSt",
            Some(6) if of_miner => "PreCommitSector",
            Some(7) if of_miner => "ProveCommitSector",
            Some(8) if of_miner => "ExtendSectorExpiration",
            Some(9) if of_miner => "TerminateSectors",
            Some(10) if of_miner => "DeclareFaults",
            Some(11) if of_miner => "DeclareFaultsRecovered",
            Some(16) if of_miner => "WithdrawBalance",
            Some(25) if of_miner => "PreCommitSectorBatch",
            Some(26) if of_miner => "ProveCommitAggregate",
            Some(27) if of_miner => "ProveReplicaUpdates",
            Some(28) if of_miner => "PreCommitSectorBatch2",
            Some(32) if of_miner => "ExtendSectorExpiration2",
            Some(34) if of_miner => "ProveCommitSectors3",
            Some(35) if of_miner => "ProveReplicaUpdates3",
            Some(36) if of_miner => "ProveCommitSectorsNI",
            Some(number) => return format!("method {number}{to}"),
            None => "message",
        };
        format!("{name}{to}")
    }
}

/// What is wrong with a row that cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collectors::venus) enum Odd {
    Malformed,
    /// In a state that is final, or none.
    NotWaiting,
}

/// A row of any list of messages.
pub(in crate::collectors::venus) fn message(json: &[u8]) -> Result<Message, Odd> {
    let said: Row = from_json(json).map_err(|_| Odd::Malformed)?;
    let state = match said.state.count() {
        Some(1) => Waiting::Unfilled,
        Some(2) => Waiting::Filled,
        _ => return Err(Odd::NotWaiting),
    };
    let error = said.error().map(|text| cut(&text));
    Ok(Message {
        id: said.id.0.as_deref().map(cut).ok_or(Odd::Malformed)?,
        from: said.from.address().ok_or(Odd::Malformed)?,
        to: said.to.address(),
        state,
        nonce: said.nonce.count().filter(|_| state == Waiting::Filled),
        method: said.method.count(),
        fee_cap: said.fee_cap.amount(),
        created: said.created.time(),
        error,
    })
}

/// The chain's own fields have small letters in incubation.
#[derive(Deserialize)]
pub(super) struct Row {
    #[serde(rename = "ID", alias = "id", default)]
    pub(super) id: Text,
    #[serde(rename = "From", alias = "from", default)]
    pub(super) from: Text,
    #[serde(rename = "To", alias = "to", default)]
    pub(super) to: Text,
    #[serde(rename = "Nonce", alias = "nonce", default)]
    pub(super) nonce: Number,
    #[serde(rename = "GasFeeCap", alias = "gasFeeCap", default)]
    pub(super) fee_cap: Text,
    #[serde(rename = "Method", alias = "method", default)]
    pub(super) method: Number,
    #[serde(rename = "State", alias = "state", default)]
    pub(super) state: Number,
    #[serde(rename = "ErrorMsg", alias = "errorMsg")]
    error: Option<Text>,
    #[serde(rename = "Receipt", alias = "receipt")]
    receipt: Option<Receipt>,
    #[serde(rename = "CreatedAt", alias = "createdAt", default)]
    pub(super) created: Text,
}

#[derive(Deserialize)]
struct Receipt {
    #[serde(rename = "Return", alias = "return", default)]
    returned: Text,
}

impl Row {
    /// Before 1.9 the text stands in the receipt, in base64.
    pub(super) fn error(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return error.0.clone();
        }
        // Of what has a receipt this is the call's own answer.
        if self.state.count() != Some(Waiting::Unfilled.number()) {
            return None;
        }
        let returned = self.receipt.as_ref()?.returned.0.as_ref()?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(returned).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.is_empty())
    }
}

pub(super) fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).take(LONGEST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::collectors::venus::address::samples::BLS;

    /// Section 2.4.
    fn modern() -> Value {
        json!({"ID": "4b1c9e3a-6a0e-4d7c-9a58-0d9a7e7d4a11", "UnsignedCid": {"/": "bafy2"}, "SignedCid": null, "Version": 0,
            "To": "f01000", "From": BLS, "Nonce": 42, "Value": "0", "GasLimit": 38_561_280, "GasFeeCap": "1500000000",
            "GasPremium": "100340", "Method": 5, "Params": "hQA=", "Signature": {"Type": 2, "Data": "Bw=="}, "Height": 0,
            "Receipt": {"ExitCode": -1, "Return": null, "GasUsed": 0}, "TipSetKey": [], "Meta": null, "WalletName": "",
            "State": 2, "ErrorMsg": "", "CreatedAt": "2024-06-13T19:01:04.31+08:00", "UpdatedAt": "2024-06-13T19:01:40.02+08:00"})
    }

    fn read(value: &Value) -> Result<Message, Odd> {
        message(value.to_string().as_bytes())
    }

    #[test]
    fn a_message_of_today_is_read() {
        let message = read(&modern()).unwrap();
        assert_eq!(
            (message.state, message.nonce, message.error.as_deref()),
            (Waiting::Filled, Some(42), None)
        );
        assert_eq!(message.created, Some(UnixTime::from_millis(1_718_276_464_310)));
        assert!(message.is_window_post());
        assert_eq!(message.action(), "SubmitWindowedPoSt to f01000");
    }

    #[test]
    fn a_message_of_incubation_has_small_letters_and_its_error_in_the_receipt() {
        let old = json!({"ID": "bafk4bza", "version": 0, "to": "t01000", "from": format!("t{}", BLS.trim_start_matches('f')), "nonce": 0,
            "value": "0", "gasFeeCap": "0", "method": 7, "params": null, "State": 1, "FromUser": "li",
            "Receipt": {"exitCode": -1, "return": "Z2FzIGVzdGltYXRlOiBleGl0IDE2", "gasUsed": 0},
            "CreatedAt": "2021-08-30T14:18:24.92+08:00"});
        let message = read(&old).unwrap();
        assert_eq!(message.from.as_str(), BLS);
        assert_eq!((message.state, message.nonce), (Waiting::Unfilled, None));
        assert_eq!(message.error.as_deref(), Some("gas estimate: exit 16"));
        assert_eq!(message.action(), "ProveCommitSector to f01000");
    }

    #[test]
    fn rows_that_do_not_wait_or_name_nobody_are_told_apart() {
        let with = |key: &str, value: Value| {
            let mut row = modern();
            row[key] = value;
            read(&row)
        };
        assert_eq!(with("State", json!(3)), Err(Odd::NotWaiting));
        assert_eq!(with("From", json!("<empty>")), Err(Odd::Malformed));
        assert_eq!(with("ID", json!("")), Err(Odd::Malformed));
        let id = |end: char| format!("{}{end}", "x".repeat(255));
        assert_ne!(
            with("ID", json!(id('a'))).unwrap().id,
            with("ID", json!(id('b'))).unwrap().id
        );
        assert_eq!(message(b"[]"), Err(Odd::Malformed));
        assert_eq!(with("CreatedAt", json!("0001-01-01T00:00:00Z")).unwrap().created, None);
        assert_eq!(with("GasFeeCap", json!("<nil>")).unwrap().fee_cap, None);
        assert!(!with("To", json!("f05")).unwrap().is_window_post());
        let long = with("ErrorMsg", json!("é\n".repeat(4000))).unwrap().error.unwrap();
        assert!(long.chars().count() == LONGEST_SHOWN && !long.contains('\n'));
    }

    #[test]
    fn senders_and_shared_parameters_of_every_era_are_read() {
        let said = json!({"id": "b", "addr": BLS, "nonce": 43, "weight": 0, "state": 4, "selMsgNum": 0, "maxFee": "0",
            "createAt": "2021-08-30T14:18:24.92+08:00"});
        let sender = sender(said.to_string().as_bytes()).unwrap();
        assert_eq!((sender.nonce, sender.state), (Some(43), SenderState::Forbidden));
        let today = br#"{"id":1,"selMsgNum":20,"gasOverEstimation":1.25,"maxFee":"7000000000000000","gasFeeCap":"0","baseFee":"0"}"#;
        let today = shared(Some(today)).unwrap();
        assert_eq!((today.selection_limit, today.is_of_incubation), (Some(20), false));
        assert_eq!(today.max_fee.unwrap().to_string(), "0.007 FIL");
        let old = br#"{"id":1,"expireEpoch":0,"maxFee":"0","maxFeeCap":"0","selMsgNum":"20","scanInterval":10}"#;
        assert!(shared(Some(old)).unwrap().is_of_incubation);
        assert!(super::sender(br#"{"addr":"<empty>"}"#).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            drop((message(&bytes), sender(&bytes), shared(Some(&bytes))));
        }
    }
}
