//! A serde reader over the tree, whose errors know the node: that is what lets one reading go on after another.

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};

use super::tree::{Entry, Id, Tree, Value, entries};
use super::wrong::{At, Wrong};
use crate::values;

/// Reads the document as one value; an empty one as keys and values of which there are none.
pub(super) fn whole<T: DeserializeOwned>(tree: &Tree) -> Result<T, Wrong> {
    match tree.root() {
        Some(id) => T::deserialize(Reader { tree, id }),
        None => T::deserialize(de::value::MapDeserializer::new(std::iter::empty::<(&str, &str)>())),
    }
}

/// Words of YAML 1.2's core schema for nothing.
fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Reader<'de> {
    tree: &'de Tree,
    id: Id,
}

const LIST: &str = "a list is expected here; begin each entry with `- `";
const MAP: &str = "keys and values are expected here, like `key: value`";
const WHOLE: &str = "a whole number is expected here";

impl<'de> Reader<'de> {
    fn value(self) -> Option<&'de Value> {
        self.tree.get(self.id).map(|node| &node.value)
    }

    /// A text without quotes, which may mean something else.
    fn plain(self) -> Option<&'de str> {
        match self.value() {
            Some(Value::Scalar { text, plain: true }) => Some(text),
            _ => None,
        }
    }

    fn is_nothing(self) -> bool {
        self.plain().is_some_and(is_nothing)
    }

    fn text(self) -> Result<&'de str, Wrong> {
        match self.value() {
            Some(Value::Scalar { .. }) if self.is_nothing() => {
                Err(Wrong::form("a value is expected here, and there is none"))
            }
            Some(Value::Scalar { text, .. }) => Ok(text),
            Some(Value::List(_)) => Err(Wrong::form("a single value is expected here, not a list")),
            _ => Err(Wrong::form("a single value is expected here, not keys and values")),
        }
    }

    /// `what` is expected, and this is something else.
    fn not(self, what: &str) -> Wrong {
        match self.value() {
            // Words and not form: it repeats what stands there.
            Some(Value::Scalar { text, .. }) if !self.is_nothing() => {
                let (what, hint) = what.split_at(what.find(';').unwrap_or(what.len()));
                de::Error::custom(format!("{what}, not {}{hint}", values::repeated(text)))
            }
            _ => Wrong::form(what),
        }
    }

    fn number<N: std::str::FromStr>(self, what: &str) -> Result<N, Wrong> {
        self.plain()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.not(what))
    }

    fn whole<N: std::str::FromStr>(self) -> Result<N, Wrong> {
        if self.number::<i128>(WHOLE)? < 0 {
            return self.number("a whole number from 0 is expected here");
        }
        self.number("a smaller number is expected here")
    }

    fn placed<T>(self, outcome: Result<T, Wrong>) -> Result<T, Wrong> {
        outcome.map_err(|wrong| wrong.or_at(At::Node(self.id)))
    }

    fn list<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value() {
            Some(Value::List(entries)) => visitor.visit_seq(Entries {
                tree: self.tree,
                left: entries.iter(),
            }),
            // `phala:` with every entry commented out.
            _ if self.is_nothing() => visitor.visit_seq(Entries {
                tree: self.tree,
                left: [].iter(),
            }),
            _ => Err(self.not(LIST)),
        }
    }

    fn map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value() {
            Some(Value::Map(_)) => visitor.visit_map(Pairs { reader: self, next: 0 }),
            _ if self.is_nothing() => visitor.visit_map(Pairs { reader: self, next: 0 }),
            _ => Err(self.not(MAP)),
        }
    }

    /// By YAML 1.2's core schema, for types that take anything.
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.value() {
            Some(Value::List(_)) => self.list(visitor),
            Some(Value::Map(_)) => self.map(visitor),
            _ => match self.plain() {
                Some(text) if is_nothing(text) => visitor.visit_unit(),
                Some(text) => match (
                    truth(text),
                    text.parse::<u64>(),
                    text.parse::<i64>(),
                    text.parse::<f64>(),
                ) {
                    (Some(truth), ..) => visitor.visit_bool(truth),
                    (_, Ok(number), ..) => visitor.visit_u64(number),
                    (_, _, Ok(number), _) => visitor.visit_i64(number),
                    (_, _, _, Ok(number)) if number.is_finite() => visitor.visit_f64(number),
                    _ => visitor.visit_borrowed_str(text),
                },
                None => visitor.visit_borrowed_str(self.text()?),
            },
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $read:ident($($what:expr)?);)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            self.placed(self.$read($($what)?).and_then(|number| visitor.$visit(number)))
        })*
    };
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Wrong;

    numbers! {
        deserialize_u8 visit_u8 whole();
        deserialize_u16 visit_u16 whole();
        deserialize_u32 visit_u32 whole();
        deserialize_u64 visit_u64 whole();
        deserialize_u128 visit_u128 whole();
        deserialize_i8 visit_i8 number(WHOLE);
        deserialize_i16 visit_i16 number(WHOLE);
        deserialize_i32 visit_i32 number(WHOLE);
        deserialize_i64 visit_i64 number(WHOLE);
        deserialize_i128 visit_i128 number(WHOLE);
        deserialize_f32 visit_f32 number("a number is expected here");
        deserialize_f64 visit_f64 number("a number is expected here");
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.placed(self.any(visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let read = self.plain().and_then(truth);
        let read = read.ok_or_else(|| self.not("true or false is expected here"));
        self.placed(read.and_then(|truth| visitor.visit_bool(truth)))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.placed(self.text().and_then(|text| visitor.visit_borrowed_str(text)))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.is_nothing() {
            return self.placed(visitor.visit_none());
        }
        self.placed(visitor.visit_some(self))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let nothing = self
            .is_nothing()
            .then_some(())
            .ok_or_else(|| self.not("nothing is expected here"));
        self.placed(nothing.and_then(|()| visitor.visit_unit()))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        self.placed(visitor.visit_newtype_struct(self))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.placed(self.list(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.placed(self.map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    /// Variants without content only: one word.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let word = self
            .text()
            .map_err(|_| self.not(&format!("one of {} is expected here", variants.join(", "))));
        self.placed(word.and_then(|word| visitor.visit_enum(IntoDeserializer::<Wrong>::into_deserializer(word))))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.placed(visitor.visit_unit())
    }

    serde::forward_to_deserialize_any! { char bytes byte_buf unit_struct }
}

/// The entries of a list that are left.
struct Entries<'de> {
    tree: &'de Tree,
    left: std::slice::Iter<'de, Id>,
}

impl<'de> de::SeqAccess<'de> for Entries<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let Some(id) = self.left.next() else { return Ok(None) };
        let entry = Reader {
            tree: self.tree,
            id: *id,
        };
        entry.placed(seed.deserialize(entry)).map(Some)
    }
}

/// The keys and values of a map, from the one that comes next.
struct Pairs<'de> {
    reader: Reader<'de>,
    next: usize,
}

impl<'de> Pairs<'de> {
    fn entry(&self) -> Option<&'de Entry> {
        entries(self.reader.tree, self.reader.id).get(self.next)
    }
}

impl<'de> de::MapAccess<'de> for Pairs<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some(entry) = self.entry() else { return Ok(None) };
        let key = de::value::BorrowedStrDeserializer::<Wrong>::new(&entry.key);
        let at = At::Key(self.reader.id, self.next);
        seed.deserialize(key).map(Some).map_err(|wrong| wrong.or_at(at))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let Some(entry) = self.entry() else {
            return Err(Wrong::form(MAP));
        };
        self.next += 1;
        let value = Reader {
            tree: self.reader.tree,
            id: entry.value,
        };
        value.placed(seed.deserialize(value))
    }
}
