//! What answers and events of chia have in common: optional fields, seconds with a fraction, numbers beyond 64 bits.

use std::time::Duration;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};

use crate::clock::UnixTime;
use crate::upstream::Why;

/// An answer as a type. Unknown fields are no mistake: every release adds some.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Why> {
    serde_json::from_slice(body).map_err(|e| Why::malformed(e.to_string()))
}

/// Seconds since 1970, with or without a fraction; `None` for what is no time.
pub(super) fn time(seconds: f64) -> Option<UnixTime> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    (since < LATEST).then(|| UnixTime::from_duration(since))
}

/// The year 9999; later ones are damage.
const LATEST: Duration = Duration::from_secs(253_402_300_800);

/// A number that is not negative: weights, space and balances go beyond 64 bits. `None` for everything else, so that
/// one strange figure does not cost the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figure(pub(super) Option<u128>);

impl Figure {
    pub(super) fn small(self) -> Option<u64> {
        self.0.and_then(|number| u64::try_from(number).ok())
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&serde_json::value::RawValue>::deserialize(deserializer)?.get();
        Ok(Self(text.parse().ok()))
    }
}

/// What is of another form than expected is unknown, and costs nothing beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lenient<T>(pub(super) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&serde_json::value::RawValue>::deserialize(deserializer)?.get();
        Ok(Self(serde_json::from_str(text).ok()))
    }
}

/// A list, without the entries that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed<T> {
    pub(super) all: Vec<T>,
    /// How many those were.
    pub(super) skipped: usize,
}

impl<T> Listed<T> {
    /// The first so many. A list of which nothing could be read is of another form.
    pub(super) fn of(entries: Vec<Lenient<T>>, most: usize) -> Result<Self, Why> {
        let there = entries.len().min(most);
        let all: Vec<T> = entries.into_iter().take(most).filter_map(|entry| entry.0).collect();
        let skipped = there - all.len();
        if all.is_empty() && skipped > 0 {
            return Err(Why::malformed(format!("none of {skipped} entries can be read")));
        }
        Ok(Self { all, skipped })
    }
}

/// A text that becomes a label, cut to a length that no real one has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Short(pub(super) String);

const LONGEST_TEXT: usize = 100;

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cut;
        impl Visitor<'_> for Cut {
            type Value = Short;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, text: &str) -> Result<Short, E> {
                let printable = text.chars().filter(|c| !c.is_control());
                Ok(Short(printable.take(LONGEST_TEXT).collect()))
            }
            fn visit_unit<E>(self) -> Result<Short, E> {
                Ok(Short::default())
            }
        }
        deserializer.deserialize_any(Cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Space {
        #[serde(default)]
        space: Figure,
    }

    fn space(text: &str) -> Option<u128> {
        parse::<Space>(text.as_bytes()).unwrap().space.0
    }

    #[test]
    fn numbers_beyond_64_bits_keep_their_digits() {
        let mojo = 21_000_042_000_000_000_000_000;
        assert_eq!(space(&format!(r#"{{"space": {mojo}}}"#)), Some(mojo));
        for none in [
            "{}",
            r#"{"space": null}"#,
            r#"{"space": -1}"#,
            r#"{"space": 1.5}"#,
            r#"{"space": "7"}"#,
            r#"{"space": 1e60}"#,
            r#"{"space": [1]}"#,
        ] {
            assert_eq!(space(none), None, "{none}");
        }
    }

    #[test]
    fn a_time_that_is_none_is_unknown() {
        assert_eq!(time(1.5), Some(UnixTime::from_millis(1_500)));
        for none in [f64::NAN, f64::INFINITY, -1.0, 1e300, 1e12] {
            assert_eq!(time(none), None, "{none}");
        }
    }
}
