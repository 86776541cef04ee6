//! What answers of every PRB have in common: numbers that are sometimes texts, heights that are sometimes -1.

use serde::de::{DeserializeOwned, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use super::amount;
use crate::upstream::Why;

/// Texts become labels; real ones have at most 64 characters.
const LONGEST_TEXT: usize = 128;

/// A height; `None` for -1, also in the unsigned form of very old builds, and for what is no number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Height(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Height {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Number(number) = Number::deserialize(deserializer)?;
        let number = number.and_then(|number| u64::try_from(number).ok());
        Ok(Self(number.filter(|height| *height < u64::from(u32::MAX))))
    }
}

/// A number that is not negative, or the decimal text of one; `None` for everything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) Option<u128>);

impl Number {
    /// As a pool's number.
    pub(super) fn pool(&self) -> Option<u64> {
        self.0.and_then(|number| u64::try_from(number).ok())
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient)
    }
}

struct Lenient;

impl<'de> Visitor<'de> for Lenient {
    type Value = Number;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(Number(Some(number.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(Number(u128::try_from(number).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Number, E> {
        Ok(Number(amount::whole(text)))
    }

    fn visit_unit<E>(self) -> Result<Number, E> {
        Ok(Number(None))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Number, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number(None))
    }
}

/// A text; `None` for everything else, which costs only itself.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Loose::deserialize(deserializer)? {
        Loose::Text(text) => Some(text),
        Loose::Flag(_) | Loose::Other => None,
    })
}

/// Yes or no; `None` for everything else.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Loose::deserialize(deserializer)? {
        Loose::Flag(flag) => Some(flag),
        Loose::Text(_) | Loose::Other => None,
    })
}

enum Loose {
    Text(String),
    Flag(bool),
    Other,
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Loose, E> {
        Ok(Loose::Text(text))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Loose, E> {
        Ok(Loose::Flag(flag))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

/// `None` for what is empty.
pub(super) fn shown(text: Option<String>) -> Option<String> {
    Some(cut(text)).filter(|text| !text.is_empty())
}

/// A text as a label takes it.
pub(super) fn cut(text: Option<String>) -> String {
    text.map_or_else(String::new, |text| text.chars().take(LONGEST_TEXT).collect())
}

/// The whole of an answer.
pub(super) fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Why> {
    serde_json::from_slice(json).map_err(|e| unreadable(&e))
}

/// Without the parser's own words: they may repeat a part of the answer, which may be a secret.
pub(super) fn unreadable(error: &serde_json::Error) -> Why {
    let what = match error.classify() {
        Category::Data => "JSON of another shape",
        Category::Eof => "JSON that ends too early",
        Category::Syntax | Category::Io => "no JSON",
    };
    Why::malformed(format!("{what} (line {}, column {})", error.line(), error.column()))
}
