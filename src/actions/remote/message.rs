//! What two farmwardens say to one another: the request that is signed, and the answer.

use std::fmt;
use std::str::FromStr;

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::values::{self, Name};

/// One request for one action. It is repeated as often as it takes to learn what became of it, and recorded by the other side
/// as it stands, so it names the incident on whose behalf it is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Who asks, as the other side lists it.
    pub caller: Name,
    /// The request itself: however often it comes, it is the same one.
    pub nonce: Nonce,
    /// When it was signed, by the clock of whoever asks.
    pub time: UnixTime,
    pub wants: Wants,
    /// A policy of the other side.
    pub policy: Name,
    pub target: Name,
    /// Empty for the target as a whole.
    pub entity: String,
    /// What is to be cured.
    pub symptom: String,
    /// The incident there, and its rung, from 1.
    pub incident: String,
    pub rung: usize,
    /// Nothing is begun for it after this.
    pub until: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wants {
    /// The repair, and to know how it stands.
    Repair,
    /// That nothing is begun any more.
    Nothing,
    /// To know whether it would be taken. Nothing is recorded, and nothing follows.
    ToKnow,
}

/// The longest that the texts of a request may be, as those of an alert's labels.
const LONGEST_ENTITY: usize = 512;
const LONGEST_WORD: usize = 128;

impl Request {
    /// What is longer than it may be; nothing if all is well.
    pub fn wrong(&self) -> Option<String> {
        let texts = [
            ("entity", &self.entity, LONGEST_ENTITY),
            ("symptom", &self.symptom, LONGEST_WORD),
            ("incident", &self.incident, LONGEST_WORD),
        ];
        let long = texts.iter().find(|(_, text, most)| text.len() > *most);
        long.map(|(name, _, most)| format!("`{name}` has at most {most} bytes"))
    }

    pub fn id(&self) -> RequestId {
        RequestId {
            caller: self.caller.clone(),
            nonce: self.nonce,
        }
    }
}

/// A request, among those of all callers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    pub caller: Name,
    pub nonce: Nonce,
}

/// A number that is used for one request, ever. It is written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// One that nobody can guess. It fails where the machine has no random numbers.
    pub fn random() -> Result<Self, String> {
        let mut bytes = [0; 16];
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| "the system gives no random numbers".to_owned())?;
        Ok(Self(bytes))
    }

    pub const fn of(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&values::hex(&self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Nonce {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = from_hex(text).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        bytes
            .map(Self)
            .ok_or_else(|| "32 hexadecimal digits are expected".to_owned())
    }
}

values::deserialize_from_str!(Nonce, "32 hexadecimal digits");
values::serialize_as_str!(Nonce);

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| u8::try_from(c.to_digit(16)?).ok())
        .collect();
    let pairs = digits.chunks_exact(2);
    Some(
        pairs
            .filter_map(|pair| Some(pair.first()? * 16 + pair.last()?))
            .collect(),
    )
}

/// How a request stands. Fields may be added; none may go or change its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub course: Course,
    /// The incident of the side that was asked; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// The guard that holds it there, and until when at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    /// Since when the journal there goes; left out while it is empty. What was asked for before is not known there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembers_since: Option<UnixTime>,
    pub words: String,
}

impl Answer {
    /// As it is told and recorded here: whoever answers may be broken.
    pub(super) fn in_short(self) -> Self {
        Self {
            incident: self.incident.as_deref().map(in_short),
            guard: self.guard.as_deref().map(in_short),
            words: in_short(&self.words),
            ..self
        }
    }
}

/// Words are a line or two; a page of somebody else's is cut.
const LONGEST_WORDS: usize = 500;

/// One line without what looks like a secret, cut.
pub(super) fn in_short(text: &str) -> String {
    let text = values::redacted(text.trim(), &[]);
    let text = values::clean(&text);
    let end = text.floor_char_boundary(LONGEST_WORDS);
    text.get(..end).unwrap_or_default().to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Nothing was decided yet.
    Waits,
    /// A guard holds it.
    Held,
    Runs,
    /// The action came to its end, or did not, as it says.
    Done,
    Failed,
    /// It found itself a reason not to touch anything.
    Refused,
    /// It was begun, and what it did is not known.
    Unknown,
    /// A dry run: it would have been done.
    Rehearsed,
    /// There was, or is, nothing to do any more.
    Over,
    /// Nothing was begun, and nothing will be.
    Withdrawn,
    /// It is not in the journal there, and will not be taken: nothing was done.
    Declined,
    /// It would be taken, and is not: that was all that was asked.
    Welcome,
}

impl Course {
    /// Whether it may still change.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Waits | Self::Held | Self::Runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_written_in_hex_is_read_back(bytes: [u8; 16]) {
            proptest::prop_assert_eq!(Nonce::of(bytes).to_string().parse(), Ok(Nonce::of(bytes)));
        }

        #[test]
        fn any_text_is_a_nonce_or_an_error(text in ".{0,40}") {
            if let Ok(nonce) = text.parse::<Nonce>() {
                proptest::prop_assert_eq!(nonce.to_string(), text.to_lowercase());
            }
        }
    }

    #[test]
    fn two_nonces_are_never_the_same() {
        assert_ne!(Nonce::random().unwrap(), Nonce::random().unwrap());
    }
}
