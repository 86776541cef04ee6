//! How Go values come in JSON, read leniently: numbers that may be texts, times in any zone, `null` for an empty list.
//!
//! Section 0.8 of the contract.

use serde::de::{DeserializeOwned, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use super::address::Address;
use super::amount::AttoFil;
use super::time;
use crate::clock::UnixTime;
use crate::upstream::Why;

/// Names and versions become labels; real ones have at most 64 characters.
const LONGEST_TEXT: usize = 128;

/// A whole number, or the decimal text of one; `None` for everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<i128>);

impl Number {
    /// Epochs, nonces and counts; below zero is unknown.
    pub(super) fn count(self) -> Option<u64> {
        self.0.and_then(|number| u64::try_from(number).ok())
    }
}

/// A text, or the text of a number; `None` for everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Option<String>);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// As a label takes it.
    pub(super) fn cut(&self) -> String {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        self.as_str().chars().map(plain).take(LONGEST_TEXT).collect()
    }

    pub(super) fn amount(&self) -> Option<AttoFil> {
        AttoFil::read(self.as_str())
    }

    pub(super) fn address(&self) -> Option<Address> {
        Address::read(self.as_str())
    }

    pub(super) fn time(&self) -> Option<UnixTime> {
        time::read(self.as_str())
    }
}

/// A list, or `null` for an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|list| Self(list.unwrap_or_default()))
    }
}

/// How many elements a list has, whatever they are; `null` has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length(pub(super) u64);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counted;
        impl<'de> Visitor<'de> for Counted {
            type Value = Length;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Length, E> {
                Ok(Length(0))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Length, A::Error> {
                let mut length = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    length += 1;
                }
                Ok(Length(length))
            }
        }
        deserializer.deserialize_any(Counted)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        Ok(Self(text.and_then(|text| text.trim().parse().ok())))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient)
    }
}

struct Lenient;

impl<'de> Visitor<'de> for Lenient {
    type Value = Text;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        let empty = matches!(text, "" | "<nil>" | "<empty>");
        Ok(Text((!empty).then(|| text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

/// The parser's own words may repeat a part of the answer, which may be a secret.
pub(super) fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Why> {
    serde_json::from_slice(json).map_err(|e| {
        let what = match e.classify() {
            Category::Data => "JSON of another shape",
            Category::Eof => "JSON that ends too early",
            Category::Syntax | Category::Io => "no JSON",
        };
        Why::malformed(format!("{what} (line {}, column {})", e.line(), e.column()))
    })
}

/// What must not be nothing.
pub(super) fn required<T: DeserializeOwned>(json: Option<&[u8]>) -> Result<T, Why> {
    from_json(json.ok_or_else(|| Why::malformed("nothing where something was asked for"))?)
}

/// What may be `null`: a list, mostly.
pub(super) fn nullable<T: DeserializeOwned>(json: Option<&[u8]>) -> Result<T, Why> {
    from_json(json.unwrap_or(b"null"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: DeserializeOwned>(json: &str) -> T {
        from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_may_be_texts_and_everything_else_is_unknown() {
        let count = |json: &str| read::<Number>(json).count();
        assert_eq!(
            (count("12"), count("\"12\""), count("18446744073709551615")),
            (Some(12), Some(12), Some(u64::MAX))
        );
        for unknown in [
            "-1",
            "1.5",
            "\"<nil>\"",
            "null",
            "true",
            "[1]",
            "{\"a\":1}",
            "\"\"",
            "\"x\"",
        ] {
            assert_eq!(count(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn null_is_an_empty_list() {
        assert_eq!(read::<List<Number>>("null").0.len(), 0);
        assert_eq!(read::<Length>("null"), Length(0));
        assert_eq!(read::<Length>(r#"[1,{"a":[2,3]},null]"#), Length(3));
    }

    #[test]
    fn what_go_prints_for_nothing_is_nothing() {
        assert_eq!(read::<Text>(r#""\u003cnil\u003e""#).amount(), None);
        assert_eq!(read::<Text>(r#""<empty>""#).address(), None);
        assert_eq!(read::<Text>(r#""0001-01-01T00:00:00Z""#).time(), None);
        assert_eq!(read::<Text>("\"a\\nb\"").cut(), "a b");
    }

    #[test]
    fn a_malformed_answer_is_not_repeated() {
        let words = from_json::<List<Number>>(br#"{"token":"s3cret"}"#)
            .unwrap_err()
            .to_string();
        assert!(
            words.contains("JSON of another shape") && !words.contains("s3cret"),
            "{words}"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            drop((from_json::<Number>(&bytes), from_json::<Text>(&bytes), from_json::<Length>(&bytes)));
        }
    }
}
