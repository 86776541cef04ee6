//! One line of the journal: what stands in it, how it is written and read, and how it hangs on the line before.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::UnixTime;

/// What a record tells. It is written as a JSON object with the text `kind`, beside the journal's own keys: an enum with
/// `#[serde(tag = "kind", content = "data")]` is one.
pub trait Step: Serialize + DeserializeOwned + Send + 'static {
    /// Goes up when a program that knows only the schema before would misread what is written. Older records are read
    /// by the same type, so it must go on reading them.
    const SCHEMA: u32;
}

/// Any step as plain JSON, for whoever only shows or verifies.
impl Step for Value {
    const SCHEMA: u32 = u32::MAX;
}

/// SHA-256 of a line, without its line break.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; SHA256_OUTPUT_LEN]);

impl Hash {
    /// What the first record of all stands on.
    pub const NONE: Self = Self([0; SHA256_OUTPUT_LEN]);

    pub fn of(line: &[u8]) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, line).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a SHA-256 of 64 hexadecimal digits is expected".to_owned();
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        if text.len() != 2 * bytes.len() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of the last record; 0 before the first one.
    pub sequence: u64,
    /// Of its line.
    pub hash: Hash,
}

impl Head {
    pub const EMPTY: Self = Self {
        sequence: 0,
        hash: Hash::NONE,
    };

    /// After one more line.
    pub(super) fn after(self, line: &[u8]) -> Self {
        Self {
            sequence: self.sequence + 1,
            hash: Hash::of(line),
        }
    }
}

/// A line as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<S> {
    pub sequence: u64,
    /// Of the wall clock when the step was handed in, to the millisecond. It may go back where the clock did.
    pub time: UnixTime,
    /// The value of `kind`.
    pub kind: String,
    pub step: S,
    /// Of its own line.
    pub hash: Hash,
}

impl<S> Record<S> {
    /// The end of the chain with this record.
    pub const fn head(&self) -> Head {
        Head {
            sequence: self.sequence,
            hash: self.hash,
        }
    }
}

/// A step that is ready to be written.
#[derive(Debug)]
pub(super) struct Body(String);

/// The keys that are the journal's own.
const OWN_KEYS: [&str; 4] = ["v", "seq", "time", "prev"];

impl Body {
    /// The error says what a step must look like: it is a mistake of the program.
    pub(super) fn of<S: Step>(step: &S) -> Result<Self, String> {
        let text = serde_json::to_string(step).map_err(|e| e.to_string())?;
        let shape: Map<String, Value> =
            serde_json::from_str(&text).map_err(|_| "a step must be written as a JSON object".to_owned())?;
        if !shape.get("kind").is_some_and(Value::is_string) {
            return Err("a step must have the text `kind`".to_owned());
        }
        match OWN_KEYS.iter().find(|key| shape.contains_key(**key)) {
            Some(key) => Err(format!("the key `{key}` is the journal's own")),
            None => Ok(Self(text)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The line behind `head`, without its line break.
    pub(super) fn line(&self, schema: u32, head: Head, time: UnixTime) -> String {
        // It is an object with at least one key.
        let rest = self.0.strip_prefix('{').unwrap_or(&self.0);
        let (sequence, prev, time) = (head.sequence + 1, head.hash, time.in_full());
        format!(r#"{{"v":{schema},"seq":{sequence},"time":"{time}","prev":"{prev}",{rest}"#)
    }
}

/// What every line has, whatever the step is.
#[derive(Deserialize)]
struct Envelope {
    v: u32,
    seq: u64,
    time: UnixTime,
    prev: String,
    kind: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What a line should have been, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) expected: String,
    pub(super) found: String,
}

impl Unfit {
    pub(super) fn new(expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self {
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// Reads the line with this number in the chain. What it must hang on is unknown for the first one that is kept.
pub(super) fn read<S: Step>(line: &[u8], sequence: u64, prev: Option<Hash>) -> Result<Record<S>, Unfit> {
    let read: Envelope = serde_json::from_slice(line).map_err(|e| {
        Unfit::new(
            "a JSON object with v, seq, time, prev and kind",
            cleaned(&e.to_string()),
        )
    })?;
    if read.v > S::SCHEMA {
        let expected = format!("schema {} or older", S::SCHEMA);
        return Err(Unfit::new(expected, format!("schema {} of a newer farmwarden", read.v)));
    }
    if read.seq != sequence {
        let found = format!("seq {}", read.seq);
        return Err(Unfit::new(format!("seq {sequence}"), found));
    }
    let found: Hash = read
        .prev
        .parse()
        .map_err(|words| Unfit::new(words, "another text in prev"))?;
    if let Some(prev) = prev.filter(|prev| *prev != found) {
        let expected = format!("prev {prev}, the SHA-256 of the line before");
        return Err(Unfit::new(expected, format!("prev {found}")));
    }
    let mut step = read.rest;
    step.insert("kind".to_owned(), Value::String(read.kind.clone()));
    let step = serde_json::from_value(Value::Object(step)).map_err(|e| {
        let expected = format!("a step of kind `{}` as this farmwarden knows it", cleaned(&read.kind));
        Unfit::new(expected, cleaned(&e.to_string()))
    })?;
    Ok(Record {
        sequence,
        time: read.time,
        kind: read.kind,
        step,
        hash: Hash::of(line),
    })
}

/// Long enough for a message of the JSON reader.
const LONGEST: usize = 200;

/// Words that may quote the line, on one line of bounded length.
fn cleaned(words: &str) -> String {
    let clean = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn time() -> UnixTime {
        UnixTime::from_millis(1_700_000_000_250)
    }

    #[test]
    fn a_line_reads_in_the_order_in_which_people_ask() {
        let body = Body::of(&json!({"kind": "received", "data": {"alerts": 2}})).unwrap();
        let line = body.line(1, Head::EMPTY, time());
        let zeros = "0".repeat(64);
        assert!(
            line.starts_with(&format!(
                r#"{{"v":1,"seq":1,"time":"2023-11-14T22:13:20.250Z","prev":"{zeros}",""#
            )),
            "{line}"
        );
    }

    #[test]
    fn the_hash_is_that_of_sha256sum() {
        let hash = Hash::of(b"abc");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), known);
        assert_eq!(known.parse::<Hash>(), Ok(hash));
        for wrong in ["", "ba78", &"x".repeat(64), &"é".repeat(32)] {
            assert!(wrong.parse::<Hash>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_step_without_kind_or_with_a_key_of_ours_cannot_be_written() {
        for wrong in [
            json!(3),
            json!({}),
            json!({"kind": 1}),
            json!({"kind": "x", "seq": 1}),
            json!({"kind": "x", "prev": ""}),
        ] {
            assert!(Body::of(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_that_does_not_fit_says_what_was_expected() {
        let body = Body::of(&json!({"kind": "x"})).unwrap();
        let line = body.line(1, Head::EMPTY, time());
        let expected = |line: &str, sequence, prev| read::<Value>(line.as_bytes(), sequence, prev).unwrap_err();
        assert_eq!(expected(&line, 2, None), Unfit::new("seq 2", "seq 1"));
        let other = expected(&line, 1, Some(Hash::of(b"abc")));
        assert!(
            other.expected.starts_with("prev ba7816") && other.found.starts_with("prev 000"),
            "{other:?}"
        );
        assert!(expected("{\"v\":1", 1, None).expected.starts_with("a JSON object with"));
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", content = "data", rename_all = "snake_case")]
    enum Small {
        Began { words: String, count: u64 },
        Ended,
    }

    impl Step for Small {
        const SCHEMA: u32 = 2;
    }

    #[test]
    fn a_newer_schema_and_an_unknown_kind_are_refused_by_name() {
        let line = |schema, step| Body::of(&step).unwrap().line(schema, Head::EMPTY, time());
        let newer = read::<Small>(line(3, json!({"kind": "ended"})).as_bytes(), 1, None).unwrap_err();
        assert_eq!(newer.expected, "schema 2 or older");
        let unknown = read::<Small>(line(1, json!({"kind": "melted"})).as_bytes(), 1, None).unwrap_err();
        assert!(
            unknown.expected.contains("`melted`") && unknown.found.contains("began"),
            "{unknown:?}"
        );
        let older = read::<Small>(line(1, json!({"kind": "ended"})).as_bytes(), 1, None).unwrap();
        assert_eq!(older.step, Small::Ended);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(words in ".*", count: u64, sequence in 0_u64..u64::MAX, millis in 0_u64..253_402_300_799_999) {
            let step = Small::Began { words, count };
            let head = Head { sequence, hash: Hash::of(b"before") };
            let time = UnixTime::from_millis(millis);
            let line = Body::of(&step).unwrap().line(Small::SCHEMA, head, time);
            prop_assert!(!line.contains('\n'));
            let record = read::<Small>(line.as_bytes(), sequence + 1, Some(head.hash)).unwrap();
            prop_assert_eq!((record.step, record.time, record.kind.as_str()), (step, time, "began"));
            prop_assert_eq!(record.hash, head.after(line.as_bytes()).hash);
        }

        #[test]
        fn any_bytes_are_a_record_or_an_error(bytes: Vec<u8>) {
            prop_assert!(read::<Small>(&bytes, 1, None).is_err());
        }
    }
}
