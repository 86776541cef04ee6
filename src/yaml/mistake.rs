//! What is wrong in a file, where, and in words.

use std::fmt;

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// It reads `farm.yml:14:10: collectors.chia[0].url: scheme must be https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    file: String,
    pub(super) place: Option<Place>,
    path: String,
    words: String,
}

impl Mistake {
    pub(super) fn new(file: &str, place: Option<Place>, path: &str, words: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place,
            path: path.to_owned(),
            words: words.into(),
        }
    }

    /// One that concerns the file as a whole.
    pub fn of_file(file: &str, words: impl Into<String>) -> Self {
        Self::new(file, None, "", words)
    }

    pub(super) fn lies_in(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        if !self.path.is_empty() {
            write!(f, " {}:", self.path)?;
        }
        write!(f, " {}", self.words)
    }
}

/// All mistakes of a file, one line each, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    pub fn in_order(mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| mistake.place);
        Self(mistakes)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Longer pieces of a file say nothing more.
const LONGEST: usize = 60;

/// A piece of the file for a message: short, on one line.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    // Quotes need no escape here.
    short = short.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// Whether a value under this key may be a secret, to be kept out of messages: also where it was pasted by mistake.
pub(super) fn smells_of_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let words = [
        "pass",
        "token",
        "secret",
        "private",
        "mnemonic",
        "seed",
        "credential",
        "users",
    ];
    words.iter().any(|word| key.contains(word))
}
