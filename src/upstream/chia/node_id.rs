//! How the services of a farm name one another: by the SHA-256 of a certificate.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use ring::digest::{SHA256, digest};

/// The digest of the certificate that a service uses; another one after `chia init -c` was run again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 32]);

impl NodeId {
    /// Of the service whose certificate this is, in DER.
    pub fn of(der: &[u8]) -> Option<Self> {
        digest(&SHA256, der).as_ref().try_into().ok().map(Self)
    }

    /// Of the service whose certificate lies there in PEM; `None` where none can be read.
    pub fn of_file(path: &std::path::Path) -> Option<Self> {
        let own = super::identity::certificates(path).ok()?;
        Self::of(own.first()?)
    }

    /// Eight digits: enough to tell the harvesters of a farm apart.
    pub fn short(&self) -> String {
        self.digits().chars().take(8).collect()
    }

    /// Whether a person who wrote this means it: the whole id or its beginning, with or without `0x`.
    pub fn is_meant_by(&self, text: &str) -> bool {
        let digits = bare(text).to_ascii_lowercase();
        digits.len() >= SHORTEST && self.digits().starts_with(&digits)
    }

    /// Without `0x`.
    pub fn digits(&self) -> String {
        let mut digits = String::with_capacity(64);
        for byte in self.0 {
            // Writing to a String cannot fail.
            let _infallible = write!(digits, "{byte:02x}");
        }
        digits
    }
}

/// Fewer digits may mean several.
const SHORTEST: usize = 8;

/// Chia writes `0x` in most places and leaves it out in some.
fn bare(text: &str) -> &str {
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text)
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", self.digits())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for NodeId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a node id of 64 hexadecimal digits is expected".to_owned();
        let digits = bare(text);
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

crate::values::deserialize_from_str!(NodeId, "a node id of 64 hexadecimal digits");

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "51a08231c1fb3f845c1c69897522206460972cac703c3f6c81673fc570b59561";

    #[test]
    fn an_id_is_the_same_with_and_without_0x_and_in_capitals() {
        let id: NodeId = DIGITS.parse().unwrap();
        for same in [format!("0x{DIGITS}"), DIGITS.to_uppercase()] {
            assert_eq!(same.parse(), Ok(id));
        }
        assert_eq!(id.to_string(), format!("0x{DIGITS}"));
        assert_eq!(id.short(), "51a08231");
    }

    #[test]
    fn a_person_may_write_the_beginning() {
        let id: NodeId = DIGITS.parse().unwrap();
        for meant in ["51a08231", "0x51A08231c1", DIGITS] {
            assert!(id.is_meant_by(meant), "{meant}");
        }
        for other in ["51a0823", "", "0x", "51a08232"] {
            assert!(!id.is_meant_by(other), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_an_id_that_reads_back_or_an_error(text in ".*|(0x)?[0-9a-fA-F]{64}|[0-9a-f]{62}é") {
            if let Ok(id) = text.parse::<NodeId>() {
                proptest::prop_assert_eq!(id.to_string().parse(), Ok(id));
            }
        }
    }
}
