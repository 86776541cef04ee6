//! Answers of pRuntimes, from bytes: pure. Fields: `phala-blockchain` `crates/phactory/api/proto/pruntime_rpc.proto`,
//! of which old releases have fewer. A field of another type costs only itself.

use std::time::Duration;

use serde_json::Value;

use crate::clock::UnixTime;
use crate::collectors::prb::amount;
use crate::collectors::prb::wire::{from_json, shown};
use crate::collectors::prb::worker::Heights;
use crate::upstream::{Answer, Why};

/// What a pRuntime says of itself; `None` is what it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    pub version: Option<String>,
    pub git_revision: Option<String>,
    /// 64 hexadecimal digits; none before it is initialized.
    pub public_key: Option<String>,
    pub initialized: Option<bool>,
    /// On the chain.
    pub registered: Option<bool>,
    /// Those that it has reached.
    pub heights: Heights,
    /// Messages for the chain that it has not yet seen there.
    pub pending_messages: Option<u64>,
    /// Its own benchmark: iterations in 6 s.
    pub score: Option<u64>,
    pub gatekeeper: Option<Gatekeeper>,
    pub memory: Memory,
    /// Has relay headers for which headers of the parachain are missing.
    pub waiting_for_paraheaders: Option<bool>,
    /// 0 is normal; 1 follows without executing blocks, 2 without storing anything.
    pub safe_mode_level: Option<u64>,
    pub dev_mode: Option<bool>,
    /// Of the last block that it executed.
    pub block_time: Option<UnixTime>,
}

/// What a worker does besides computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gatekeeper {
    None,
    /// Has the keys, decides nothing.
    Dummy,
    Active,
}

impl Gatekeeper {
    pub const ALL: [Self; 3] = [Self::None, Self::Dummy, Self::Active];

    /// The value of the label `role`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dummy => "dummy",
            Self::Active => "active",
        }
    }
}

/// Memory in the enclave, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub rust_used: Option<u64>,
    pub rust_peak_used: Option<u64>,
    pub total_peak_used: Option<u64>,
    /// Since 2023, as is the next one.
    pub free: Option<u64>,
    pub rust_spike: Option<u64>,
}

impl Memory {
    /// Each with the value of the label `kind`.
    pub const fn named(self) -> [(&'static str, Option<u64>); 5] {
        [
            ("rust_used", self.rust_used),
            ("rust_peak_used", self.rust_peak_used),
            ("total_peak_used", self.total_peak_used),
            ("free", self.free),
            ("rust_spike", self.rust_spike),
        ]
    }
}

/// What newer releases count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub uptime: Option<Duration>,
    pub cores: Option<u64>,
}

/// Of any release, in any form.
pub(super) fn info(answer: &Answer) -> Result<Info, Why> {
    match answer {
        Answer::Info(body) => told(&object(body)?),
        Answer::Wrapped(body) => told(&unwrapped(&object(body)?)?),
        // With an error inside it ends there; without one it is no answer either.
        Answer::Refusal(body) => object(body).and(Err(Why::malformed("an error without words"))),
    }
}

pub(super) fn statistics(body: &[u8]) -> Result<Statistics, Why> {
    let whole = object(body)?;
    Ok(Statistics {
        uptime: number(&whole, "uptime").map(Duration::from_secs),
        cores: number(&whole, "cores"),
    })
}

/// A JSON object; `{"error": ..}` is the upstream's own failure, also without its closing brace: that is how it says
/// that its lock could not be had.
fn object(body: &[u8]) -> Result<Value, Why> {
    let parsed = from_json(body).or_else(|why| match body.trim_ascii() {
        open if open.starts_with(b"{\"error\"") => from_json(&[open, b"}"].concat()).map_err(|_| why),
        _ => Err(why),
    });
    let whole: Value = parsed?;
    if let Some(words) = whole.get("error").and_then(Value::as_str) {
        return Err(Why::upstream(plain(words)));
    }
    if !whole.is_object() {
        return Err(Why::malformed("JSON, but no object"));
    }
    Ok(whole)
}

/// `ProtoError { message: "Runtime not initialized" }` is Rust's way to print it.
fn plain(words: &str) -> &str {
    let inner = words.strip_prefix("ProtoError { message: \"");
    inner.and_then(|inner| inner.strip_suffix("\" }")).unwrap_or(words)
}

/// What is inside of `{"payload": "<JSON>", "status": "ok"}`.
fn unwrapped(envelope: &Value) -> Result<Value, Why> {
    let Some(Value::String(payload)) = envelope.get("payload") else {
        return Err(Why::malformed("JSON without a text `payload`"));
    };
    if envelope.get("status").and_then(Value::as_str) == Some("ok") {
        return object(payload.as_bytes());
    }
    let error = serde_json::from_str::<Value>(payload).unwrap_or_default();
    // Below the application an error is plain text.
    let words = error.get("message").and_then(Value::as_str).unwrap_or(payload);
    Err(Why::upstream(words))
}

fn told(whole: &Value) -> Result<Info, Why> {
    if ["initialized", "headernum", "blocknum"]
        .iter()
        .all(|key| whole.get(key).is_none())
    {
        return Err(Why::malformed("JSON, but not what a pRuntime says of itself"));
    }
    // Newer releases have the same a second time, of the system that runs after initialisation.
    let system = whole.get("system").unwrap_or(&Value::Null);
    let memory = whole.get("memory_usage").unwrap_or(&Value::Null);
    let role = |of: &Value| gatekeeper(of.pointer("/gatekeeper/role")?);
    Ok(Info {
        version: text(whole, "version"),
        git_revision: text(whole, "git_revision"),
        public_key: key(whole).or_else(|| key(system)),
        initialized: flag(whole, "initialized"),
        registered: flag(whole, "registered").or_else(|| flag(system, "registered")),
        heights: Heights {
            relay_header: reached(whole, "headernum"),
            para_header: reached(whole, "para_headernum"),
            para_block: reached(whole, "blocknum"),
        },
        pending_messages: number(whole, "pending_messages"),
        score: number(whole, "score"),
        gatekeeper: role(whole).or_else(|| role(system)),
        memory: Memory {
            rust_used: number(memory, "rust_used"),
            rust_peak_used: number(memory, "rust_peak_used"),
            total_peak_used: number(memory, "total_peak_used"),
            free: number(memory, "free"),
            rust_spike: number(memory, "rust_spike"),
        },
        waiting_for_paraheaders: flag(whole, "waiting_for_paraheaders"),
        safe_mode_level: number(whole, "safe_mode_level"),
        dev_mode: flag(whole, "dev_mode"),
        block_time: moment(number(whole, "current_block_time")),
    })
}

/// It gives the numbers that it expects next; zero is none yet.
fn reached(whole: &Value, key: &str) -> Option<u64> {
    let next = u32::try_from(number(whole, key)?).ok()?;
    next.checked_sub(1).map(u64::from)
}

/// Before the first block it is 0.
fn moment(millis: Option<u64>) -> Option<UnixTime> {
    /// The year 9999.
    const LAST: u64 = 253_402_300_799_999;
    millis
        .filter(|millis| (1..=LAST).contains(millis))
        .map(UnixTime::from_millis)
}

fn gatekeeper(role: &Value) -> Option<Gatekeeper> {
    match role.as_u64()? {
        0 => Some(Gatekeeper::None),
        1 => Some(Gatekeeper::Dummy),
        2 => Some(Gatekeeper::Active),
        _ => None,
    }
}

fn key(of: &Value) -> Option<String> {
    let text = of.get("public_key")?.as_str()?;
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let sound = digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    sound.then(|| digits.to_ascii_lowercase())
}

fn text(of: &Value, key: &str) -> Option<String> {
    shown(of.get(key)?.as_str().map(ToOwned::to_owned))
}

fn flag(of: &Value, key: &str) -> Option<bool> {
    of.get(key)?.as_bool()
}

/// A number that is not negative, or the decimal text of one.
fn number(of: &Value, key: &str) -> Option<u64> {
    match of.get(key)? {
        Value::String(text) => amount::whole(text).and_then(|number| u64::try_from(number).ok()),
        other => other.as_u64(),
    }
}

#[cfg(test)]
mod tests;
