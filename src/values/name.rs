//! The name of a target: it becomes a label, a URL parameter and a word in chat messages.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// 1 to 64 letters, digits, `.`, `_`, `-`; it begins with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Longer names break tables, chat messages and nothing else; short ones are what people can say aloud.
const LONGEST: usize = 64;

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= LONGEST && text.chars().all(good) {
            Ok(Self(text.into()))
        } else {
            Err(format!(
                "{} is not a name; use 1 to {LONGEST} letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
                super::repeated(text)
            ))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

super::deserialize_from_str!(Name, "a name of letters, digits, `.`, `_` and `-`");
super::serialize_as_str!(Name);

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_name_or_an_error(text in ".*") {
            if let Ok(name) = text.parse::<Name>() {
                assert_eq!(name.as_str(), text);
            }
        }
    }

    #[test]
    fn names_that_would_break_a_label_or_a_link_are_refused() {
        for good in ["farm-1", "a", "Node_2.rack"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in ["", "-a", "a b", "a/b", "ü", "a\"", "a\n", long.as_str()] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
