//! The first thing that a reading met: where it is, and how it is told and taken out.

use std::fmt::{self, Display};

use serde::de::{self, Unexpected};

use super::mistake::{Mistake, shown_key};
use super::tree::{Id, Tree, Value, entries, join};
use crate::values;

/// The first thing that was wrong.
#[derive(Debug)]
pub(super) struct Wrong {
    what: What,
    at: Option<At>,
}

#[derive(Debug)]
enum What {
    /// The type's own sentence, which may repeat the value.
    Words(String),
    /// Another form than the type has.
    Form(String),
    Unknown {
        key: String,
        known: &'static [&'static str],
    },
    Missing(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    Node(Id),
    /// A key of a map, by its number.
    Key(Id, usize),
}

impl Wrong {
    pub(super) fn form(words: impl Into<String>) -> Self {
        Self {
            what: What::Form(words.into()),
            at: None,
        }
    }

    /// The innermost place wins.
    pub(super) fn or_at(mut self, at: At) -> Self {
        self.at.get_or_insert(at);
        self
    }

    /// As a mistake; none if it only follows from one that is told already.
    pub(super) fn mistake(&self, file: &str, tree: &Tree) -> Option<Mistake> {
        let (place, path, secret) = match self.at {
            Some(At::Node(id)) => {
                let node = tree.get(id)?;
                if let What::Missing(key) = self.what
                    && node.taken_out.iter().any(|gone| gone == key)
                {
                    return None;
                }
                (Some(node.place), tree.path(id), tree.secret(id))
            }
            Some(At::Key(id, number)) => {
                let entry = entries(tree, id).get(number)?;
                let mut path = tree.path(id);
                join(&mut path, &entry.key);
                (Some(entry.place), path, None)
            }
            None => (None, String::new(), None),
        };
        let words = match &self.what {
            What::Words(words) if secret.is_some_and(|secret| words.contains(secret)) => {
                "this value does not fit here; it is not repeated, because the key may hold a secret".to_owned()
            }
            What::Words(words) => match self.at.and_then(|at| text_at(tree, at)) {
                Some(text) => safe(words, text),
                None => words.clone(),
            },
            _ => self.to_string(),
        };
        Some(Mistake::new(file, place, &path, words))
    }

    /// Takes the wrong piece out of the tree; false if nothing is left then.
    pub(super) fn take_out(&self, tree: &mut Tree) -> bool {
        match self.at {
            Some(At::Node(id)) => tree.take_out(id),
            Some(At::Key(id, number)) => {
                let value = entries(tree, id).get(number).map(|entry| entry.value);
                value.is_some_and(|value| tree.take_out(value))
            }
            None => false,
        }
    }
}

/// Types repeat the value that they refuse; not every value may be.
fn safe(words: &str, text: &str) -> String {
    if values::is_harmless(text) {
        return words.to_owned();
    }
    let shape = values::repeated(text);
    words.replace(&format!("`{text}`"), &shape).replace(text, &shape)
}

fn unknown(key: &str, known: &[&str]) -> String {
    /// Below it two words are not alike.
    const ALIKE: f64 = 0.55;
    let alike = known
        .iter()
        .map(|other| (strsim::normalized_damerau_levenshtein(key, other), other));
    let nearest = alike.max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((likeness, near)) if likeness >= ALIKE => {
            format!("unknown key `{}`; did you mean `{near}`?", shown_key(key))
        }
        Some(_) => format!("unknown key `{}`; known here: {}", shown_key(key), known.join(", ")),
        None => format!("unknown key `{}`; no key is expected here", shown_key(key)),
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Words(words) | What::Form(words) => f.write_str(words),
            What::Unknown { key, known } => f.write_str(&unknown(key, known)),
            What::Missing(key) => write!(f, "`{key}` is missing"),
        }
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: Display>(words: T) -> Self {
        Self {
            what: What::Words(words.to_string()),
            at: None,
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::form(format!("{expected} is expected here"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::form(format!("{expected} is expected here"))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::form(format!("{expected} is expected here, not {length} entries"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!(
            "one of {} is expected here, not {}",
            expected.join(", "),
            values::repeated(variant)
        ))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self {
            what: What::Unknown {
                key: key.to_owned(),
                known,
            },
            at: None,
        }
    }

    fn missing_field(key: &'static str) -> Self {
        Self {
            what: What::Missing(key),
            at: None,
        }
    }
}

/// What a type may have repeated: the value, or the key that is none. An empty text is everywhere.
fn text_at(tree: &Tree, at: At) -> Option<&str> {
    let text = match at {
        At::Node(id) => match &tree.get(id)?.value {
            Value::Scalar { text, .. } => text,
            _ => return None,
        },
        At::Key(id, number) => &entries(tree, id).get(number)?.key,
    };
    (!text.is_empty()).then_some(text)
}
