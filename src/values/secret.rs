//! A text that must not be seen: a password's hash, a token, a private key.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// Prints as `<secret>` wherever it ends up; [`Secret::expose`] is the only way to the text.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. It must go into no message, log line, label or page.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes the same time wherever two texts differ; only their length shows.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

super::deserialize_from_str!(Secret, "a text");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_the_word_and_nothing_else() {
        let secret = Secret::new("s3cret");
        let shown = format!("{secret} {secret:?} {:?} {:#?}", Some(&secret), [&secret]);
        assert!(
            !shown.contains("s3c") && shown.starts_with("<secret> <secret>"),
            "{shown}"
        );
        assert_eq!(secret.expose(), "s3cret");
    }

    #[test]
    fn only_the_same_text_is_equal() {
        let secret = Secret::new("s3cret");
        assert_eq!(secret, Secret::new("s3cret"));
        for other in ["", "s3cre", "s3creT", "s3crets"] {
            assert_ne!(secret, Secret::new(other), "{other}");
        }
        assert!(Secret::new("").is_empty());
    }
}
