//! A shell pattern over paths: `*` and `?` stay within one component, `**` crosses them, `[ab]` is a choice.

use std::fmt;
use std::str::FromStr;

/// A pattern such as `/mnt/plots/*` or `/media/**`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(glob::Pattern);

impl Pattern {
    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        self.0.matches_with(text, options)
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing; leave it out, or write one like /mnt/plots/*".to_owned());
        }
        glob::Pattern::new(text)
            .map(Self)
            .map_err(|e| format!("{} is not a pattern: {}", super::repeated(text), e.msg))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

super::deserialize_from_str!(Pattern, "a pattern like /mnt/plots/* or /media/**");
super::serialize_as_str!(Pattern);

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_pattern_or_an_error(pattern in ".*", text in ".*") {
            if let Ok(pattern) = pattern.parse::<Pattern>() {
                pattern.matches(&text);
            }
        }
    }

    #[test]
    fn one_star_stays_within_a_directory_and_two_cross_it() {
        let fits = |pattern: &str, text: &str| pattern.parse::<Pattern>().unwrap().matches(text);
        assert!(fits("/mnt/*", "/mnt/a"));
        assert!(!fits("/mnt/*", "/mnt/a/b"));
        assert!(fits("/mnt/**", "/mnt/a/b"));
        assert!(fits("fuse.*", "fuse.sshfs"));
        assert!("/mnt/***".parse::<Pattern>().is_err());
    }
}
