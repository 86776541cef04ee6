//! What is wrong in a file, where, and in words.

use std::fmt;

use crate::values;

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
            words: one_line(&words.into()),
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

/// Longer than any key that is known.
const LONGEST_KEY: usize = 40;

/// A key of the file for a message, on one line. Words stand as they are; whatever else is long may be a secret with a
/// colon in it (`name:hash`), and only its length is told.
pub(super) fn shown_key(key: &str) -> String {
    let word = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-');
    if values::is_harmless(key) || (key.len() <= LONGEST_KEY && key.chars().all(word)) {
        values::clean(key).into_owned()
    } else {
        format!("<{} characters>", key.chars().count())
    }
}

/// Beyond the longest list of known keys.
const LONGEST_MESSAGE: usize = 1_000;

/// A whole message made fit for a terminal and a log: types repeat what they refuse.
fn one_line(words: &str) -> String {
    let short: String = without_userinfo(words).chars().take(LONGEST_MESSAGE).collect();
    values::clean(&short).into_owned()
}

/// Whatever stands between `://` and the last `@` of a word is nobody's business.
fn without_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\''))
            .unwrap_or(after.len());
        let (word, tail) = after.split_at(end);
        match word.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str("<hidden>@");
                out.push_str(host);
            }
            None => out.push_str(word),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
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
    key.ends_with("key") || words.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_of_a_url_are_never_shown() {
        assert_eq!(one_line("http://u:p@ss/w@h:1/x y"), "http://<hidden>@h:1/x y");
        assert_eq!(
            one_line("`ws://u:p@h` and `ws://u@g`\n"),
            "`ws://<hidden>@h` and `ws://<hidden>@g`\\n"
        );
    }

    #[test]
    fn keys_are_shown_unless_they_may_be_more_than_that() {
        for key in ["9GB", "prefer_server_cipher_suites", "ada:ops"] {
            assert_eq!(shown_key(key), key);
        }
        assert_eq!(shown_key("ada:$2y$10$q1w2e3r4t5z6u7i8o9p0"), "<31 characters>");
        assert_eq!(shown_key("ada@farm"), "<8 characters>");
    }
}
