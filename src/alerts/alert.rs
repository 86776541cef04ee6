//! One alert as a delivery holds it, checked and bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::values::{deserialize_from_str, serialize_as_str};

/// An alert. Its texts came from outside: they select among configured names and are shown, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub status: Status,
    pub fingerprint: Fingerprint,
    pub starts_at: UnixTime,
    /// When it ended; nothing while it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixTime>,
    pub labels: BTreeMap<String, String>,
    /// Words for people; long ones are cut.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Where its rule is shown; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
}

impl Alert {
    /// The value of a label. Prometheus does not tell an empty one from one that is not there.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Firing,
    Resolved,
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "firing" => Ok(Self::Firing),
            "resolved" => Ok(Self::Resolved),
            _ => Err("`firing` or `resolved` is expected".to_owned()),
        }
    }
}

/// Alertmanager's hash of an alert's labels: the same alert has the same one, whichever Alertmanager sends it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl From<u64> for Fingerprint {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sound = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = sound.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number
            .map(Self)
            .ok_or_else(|| "16 hexadecimal digits are expected".to_owned())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

deserialize_from_str!(Fingerprint, "16 hexadecimal digits");
serialize_as_str!(Fingerprint);
