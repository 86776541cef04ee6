//! How a text of somebody else is shown: what an operator wrote where it does not fit, and what an upstream said.
//!
//! A value in the wrong place may be a secret that was pasted there, so only what is short is repeated. A terminal or a
//! page obeys some characters instead of showing them, so those are written out.

use std::borrow::Cow;
use std::fmt::Write as _;

/// In characters. Durations, sizes, names and numbers are shorter; tokens and hashes are longer.
const LONGEST: usize = 24;

/// Whether a value may be repeated to a person. `@` stands behind a password in a URL.
pub fn is_harmless(text: &str) -> bool {
    !text.contains('@') && text.chars().nth(LONGEST).is_none()
}

/// A value in a message: `` `15x` ``, or `a text of 40 characters`.
pub fn repeated(text: &str) -> String {
    if is_harmless(text) {
        format!("`{}`", clean(text))
    } else {
        format!("a text of {} characters", text.chars().count())
    }
}

/// Whether a character does something to the text around it instead of being seen: control characters, line and
/// paragraph separators, marks of writing direction, spaces of no width.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// The text with what is not seen written out: `\n`, `\u202e`. Two texts that differ stay different to the eye.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Four digits are enough for all of them, and are how JSON writes them, too.
            c if is_unseen(c) => {
                // Writing to a String cannot fail.
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_values_without_an_at_are_repeated() {
        assert_eq!(repeated("15x"), "`15x`");
        assert_eq!(repeated(&"é".repeat(24)), format!("`{}`", "é".repeat(24)));
        assert_eq!(repeated(&"x".repeat(25)), "a text of 25 characters");
        assert_eq!(repeated("u:pw@h"), "a text of 6 characters");
        assert_eq!(repeated("a\u{1b}[31m"), "`a\\u001b[31m`");
    }

    #[test]
    fn what_is_obeyed_instead_of_seen_is_written_out() {
        assert_eq!(clean("Khala é 中"), "Khala é 中");
        assert_eq!(clean("a\n\tb\u{7}\u{85}"), "a\\n\\tb\\u0007\\u0085");
        assert_eq!(
            clean("\u{202e}evil\u{2066}\u{200b}\u{feff}"),
            "\\u202eevil\\u2066\\u200b\\ufeff"
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_unseen_is_left(text: String) {
            proptest::prop_assert!(!clean(&text).contains(is_unseen));
        }
    }
}
