//! One message of a sender, and how the messager's releases write it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{people::Sender, text, version::Version};
use crate::phala::merge::merge;

pub(super) const UNFILLED: u64 = 1;
pub(super) const FILLED: u64 = 2;
pub(super) const ON_CHAIN: u64 = 3;
pub(super) const FAILED: u64 = 4;
pub(super) const REPLACED: u64 = 5;

/// A list goes out in pieces of about this size.
const PIECE: usize = 64 * 1024;

/// Why a filled message does not land.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    #[default]
    No,
    /// In no node's pool, until it is published again.
    Unpublished,
    /// It has landed, and the messager does not know.
    Unnoticed,
    /// Nothing helps.
    ForEver,
}

/// A message as the stand-in remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    pub id: String,
    /// Which of `senders` it is from.
    pub sender: usize,
    /// 1 unfilled, 2 filled, 3 on chain, 4 failed, 5 replaced (its nonce went to another).
    pub state: u64,
    pub nonce: u64,
    pub to: String,
    pub method: u64,
    pub value: String,
    pub gas_limit: u64,
    pub fee_cap: String,
    pub premium: String,
    pub max_fee: String,
    pub params_bytes: u64,
    /// How often it was signed: each signature makes another cid.
    pub signed: u64,
    /// The epoch in which it was filled, and the one it landed in.
    pub filled: u64,
    pub height: u64,
    pub exit_code: i64,
    /// Unix time in milliseconds; 0 is written as Go's zero time.
    pub created_ms: u64,
    pub updated_ms: u64,
    /// `ErrorMsg`.
    pub error: String,
    /// What gas estimation says in each round; empty if it succeeds.
    pub fails: String,
    pub held: Held,
    /// Brought by the trouble of its sender.
    pub ill: bool,
    /// A JSON merge patch of what is written of it.
    pub patch: Value,
}

/// What decides how messages are written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    pub(super) version: Version,
    pub(super) prefix: char,
    pub(super) zone_hours: i8,
    pub(super) head: u64,
    /// Address and account of every sender.
    pub(super) senders: Arc<Vec<(String, String)>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(rename = "ID")]
    id: String,
    unsigned_cid: Value,
    signed_cid: Value,
    version: u64,
    to: String,
    from: String,
    nonce: u64,
    value: String,
    gas_limit: u64,
    gas_fee_cap: String,
    gas_premium: String,
    method: u64,
    params: Option<String>,
    signature: Value,
    height: u64,
    confidence: u64,
    receipt: Value,
    tip_set_key: Vec<Value>,
    meta: Value,
    wallet_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_user: Option<String>,
    state: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_msg: Option<String>,
    created_at: String,
    updated_at: String,
}

impl Message {
    pub(super) fn new(sender: usize, of: &Sender, number: u64, now_ms: u64) -> Self {
        Self {
            id: text::uuid(u64::try_from(sender).unwrap_or_default(), number),
            sender,
            state: UNFILLED,
            nonce: 0,
            to: "f01000".to_owned(),
            method: 7,
            value: "0".to_owned(),
            gas_limit: 0,
            fee_cap: "0".to_owned(),
            premium: "0".to_owned(),
            max_fee: "7000000000000000".to_owned(),
            params_bytes: of.params_bytes,
            signed: 0,
            filled: 0,
            height: 0,
            exit_code: -1,
            created_ms: now_ms,
            updated_ms: now_ms,
            error: String::new(),
            fails: String::new(),
            held: Held::No,
            ill: false,
            patch: json!({}),
        }
    }

    /// Number `at` of the messages on chain that nobody remembers; a day of them for each 2880, before `until_ms`.
    pub(super) fn of_history(sender: usize, of: &Sender, at: u64, until_ms: u64) -> Self {
        let back = of.history.saturating_sub(at);
        let then = until_ms.saturating_sub(back * 30_000);
        let mut message = Self {
            id: format!("{sender:08x}-0000-4000-8000-{at:012x}"),
            state: ON_CHAIN,
            nonce: of.chain_nonce.saturating_sub(back),
            height: 1 + at,
            exit_code: 0,
            ..Self::new(sender, of, 0, then)
        };
        message.sign(100);
        message
    }

    /// Which sender's, and which one, if the id is one that [`Self::of_history`] gives.
    pub(super) fn in_history(id: &str) -> Option<(usize, u64)> {
        let (sender, at) = id.split_once("-0000-4000-8000-")?;
        Some((
            usize::from_str_radix(sender, 16).ok()?,
            u64::from_str_radix(at, 16).ok()?,
        ))
    }

    /// Gas and a signature, with room for the base fee to rise by half.
    pub(super) fn sign(&mut self, base_fee: u128) {
        let premium = text::amount(&self.premium).max(100_340);
        let cap = text::amount(&self.fee_cap).max(base_fee * 3 / 2 + premium);
        self.premium = premium.to_string();
        self.fee_cap = cap.to_string();
        self.gas_limit = self.gas_limit.max(38_561_280);
        self.signed += 1;
    }

    /// What messages are sorted by.
    pub(super) fn key(&self) -> (u64, &str) {
        (self.created_ms, &self.id)
    }

    pub(super) fn cid(&self, signed: u64) -> Value {
        // FNV-1a: ids are texts of any kind.
        let seed = self.id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        json!({"/": text::cid(seed, signed)})
    }

    /// As JSON in the style of a release.
    pub(super) fn written(&self, style: &Style) -> String {
        let row = self.row(style);
        let patched = self.patch.as_object().is_some_and(|patch| !patch.is_empty());
        if style.version.from(4) && !patched {
            return serde_json::to_string(&row).unwrap_or_default();
        }
        self.value(style).to_string()
    }

    pub(super) fn value(&self, style: &Style) -> Value {
        let mut value = serde_json::to_value(self.row(style)).unwrap_or_default();
        if !style.version.from(4) {
            value = lowered(value);
        }
        merge(&mut value, &self.patch);
        value
    }

    fn row(&self, style: &Style) -> Row {
        let signed = self.signed > 0;
        let (from, account) = style.senders.get(self.sender).cloned().unwrap_or_default();
        let when = |ms| text::time(ms, style.zone_hours);
        Row {
            id: self.id.clone(),
            unsigned_cid: if signed { self.cid(0) } else { Value::Null },
            signed_cid: if signed { self.cid(self.signed) } else { Value::Null },
            version: 0,
            to: text::on_network(&self.to, style.prefix),
            from: text::on_network(&from, style.prefix),
            nonce: self.nonce,
            value: self.value.clone(),
            gas_limit: self.gas_limit,
            gas_fee_cap: self.fee_cap.clone(),
            gas_premium: self.premium.clone(),
            method: self.method,
            params: base64_of(self.params_bytes),
            signature: if signed {
                json!({"Type": 2, "Data": "Bw=="})
            } else {
                Value::Null
            },
            height: self.height,
            confidence: match self.state {
                ON_CHAIN => style.head.saturating_sub(self.height),
                _ => 0,
            },
            receipt: self.receipt(style.version),
            tip_set_key: match self.state {
                ON_CHAIN => vec![json!({"/": text::cid(0, self.height)})],
                _ => Vec::new(),
            },
            meta: self.meta(style.version),
            wallet_name: "",
            from_user: (!style.version.from(9)).then_some(account),
            state: self.state,
            error_msg: style.version.from(9).then(|| self.error.clone()),
            created_at: when(self.created_ms),
            updated_at: when(self.updated_ms),
        }
    }

    /// Before 1.9 the receipt is also where errors are told.
    fn receipt(&self, version: Version) -> Value {
        let told = !self.error.is_empty() && !version.from(9);
        let told = told.then(|| text::base64(self.error.as_bytes()));
        let gas = if self.state == ON_CHAIN { self.gas_limit } else { 0 };
        let mut receipt = json!({"ExitCode": self.exit_code, "Return": told, "GasUsed": gas});
        if let (true, Some(members)) = (version.from(9), receipt.as_object_mut()) {
            members.insert("EventsRoot".to_owned(), Value::Null);
        }
        receipt
    }

    fn meta(&self, version: Version) -> Value {
        if version.from(4) {
            json!({"expireEpoch": 0, "gasOverEstimation": 1.25, "maxFee": self.max_fee, "gasOverPremium": 0})
        } else {
            json!({"expireEpoch": 0, "gasOverEstimation": 1.25, "maxFee": self.max_fee, "maxFeeCap": "0"})
        }
    }
}

/// So many bytes of parameters; what they are is nobody's business here.
fn base64_of(bytes: u64) -> Option<String> {
    let letters = usize::try_from(bytes.div_ceil(3) * 4).unwrap_or_default();
    (bytes > 0).then(|| "A".repeat(letters))
}

/// Era A: the chain's message and the receipt inside have lower camel keys.
fn lowered(row: Value) -> Value {
    const INNER: &[&str] = &[
        "Version",
        "To",
        "From",
        "Nonce",
        "Value",
        "GasLimit",
        "GasFeeCap",
        "GasPremium",
        "Method",
        "Params",
    ];
    let Value::Object(members) = row else { return row };
    let members = members.into_iter().map(|(key, value)| match (&*key, value) {
        ("Receipt", Value::Object(inner)) => {
            let inner: Map<String, Value> = inner
                .into_iter()
                .map(|(key, value)| (text::camel(&key), value))
                .collect();
            (key, Value::Object(inner))
        }
        (_, value) if INNER.contains(&&*key) => (text::camel(&key), value),
        (_, value) => (key, value),
    });
    Value::Object(members.collect())
}

/// The pieces of an answer whose result is a list of `messages`, written while it is sent.
pub(super) fn pieces(
    messages: impl Iterator<Item = Message> + Send + 'static,
    style: Style,
    head: String,
    tail: String,
) -> Box<dyn Iterator<Item = Bytes> + Send> {
    let mut messages = messages.peekable();
    let mut open = Some(head);
    let mut close = Some(tail);
    Box::new(std::iter::from_fn(move || {
        let mut piece = open.take().unwrap_or_default();
        while piece.len() < PIECE {
            match messages.next() {
                Some(message) => piece.push_str(&message.written(&style)),
                None => piece.push_str(&close.take().unwrap_or_default()),
            }
            match (messages.peek().is_some(), close.is_some()) {
                (true, _) => piece.push(','),
                (false, true) => (),
                (false, false) => break,
            }
        }
        (!piece.is_empty()).then(|| Bytes::from(piece))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(version: Version) -> Style {
        let senders = vec![("f1abc".to_owned(), "li".to_owned())];
        Style {
            version,
            prefix: 't',
            zone_hours: 8,
            head: 100,
            senders: Arc::new(senders),
        }
    }

    #[test]
    fn a_list_in_pieces_is_one_list() {
        let sender = Sender::numbered(0);
        for count in [0, 1, 2, 5000] {
            let rows = (0..count).map(|number| Message::new(0, &Sender::numbered(0), number, 1));
            let text: Vec<u8> = pieces(rows, style(Version(1, 20)), "[".to_owned(), "]".to_owned())
                .flatten()
                .collect();
            let list: Vec<Value> = serde_json::from_slice(&text).unwrap();
            assert_eq!(list.len(), usize::try_from(count).unwrap());
        }
        let old = Message::of_history(0, &sender, 7, 1_718_277_664_310);
        assert_eq!(Message::in_history(&old.id), Some((0, 7)));
        assert_eq!(old.nonce, 1000 - 13);
    }

    #[test]
    fn each_era_writes_a_message_in_its_own_way() {
        let sender = Sender::numbered(0);
        let mut message = Message::new(0, &sender, 1, 1_718_277_664_310);
        message.error = "gas estimate: exit 16".to_owned();
        let new = message.value(&style(Version(1, 20)));
        assert_eq!(
            (&new["From"], &new["ErrorMsg"]),
            (&json!("t1abc"), &json!("gas estimate: exit 16"))
        );
        assert_eq!(new["SignedCid"], Value::Null);
        let middle = message.value(&style(Version(1, 8)));
        assert_eq!((&middle["FromUser"], middle.get("ErrorMsg")), (&json!("li"), None));
        assert_eq!(middle["Receipt"]["Return"], text::base64(b"gas estimate: exit 16"));
        let old = message.value(&style(Version(1, 2)));
        assert_eq!((&old["from"], old.get("From")), (&json!("t1abc"), None));
        assert_eq!(
            (&old["receipt"], &old["Receipt"]["exitCode"]),
            (&Value::Null, &json!(-1))
        );
        assert_eq!(old["Meta"]["maxFeeCap"], "0");
    }
}
