//! Versions, cipher suites and curves by the names that Go gives them, as web.yml has them.
//!
//! Names that Go knows and rustls lacks are read, so that an existing file works; `tls.rs` leaves them out.

use std::str::FromStr;

use rustls::SupportedCipherSuite;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::{cipher_suite, kx_group};

use crate::values::{self, deserialize_from_str};

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "TLS10" => Ok(Self::Tls10),
            "TLS11" => Ok(Self::Tls11),
            "TLS12" => Ok(Self::Tls12),
            "TLS13" => Ok(Self::Tls13),
            other => Err(format!("{} is no TLS version; TLS12 or TLS13", values::repeated(other))),
        }
    }
}

deserialize_from_str!(Version, "a TLS version, TLS12 or TLS13");

/// A cipher suite that Go knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cipher {
    pub(super) name: &'static str,
    /// Nothing where rustls lacks it: CBC and RSA key exchange.
    pub(super) suite: Option<SupportedCipherSuite>,
}

/// Those that `tls.CipherSuites()` of any Go of the last years lists, which is what exporter-toolkit accepts.
const CIPHERS: [(&str, Option<SupportedCipherSuite>); 17] = [
    ("TLS_AES_128_GCM_SHA256", Some(cipher_suite::TLS13_AES_128_GCM_SHA256)),
    ("TLS_AES_256_GCM_SHA384", Some(cipher_suite::TLS13_AES_256_GCM_SHA384)),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        Some(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        Some(cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        Some(cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Some(cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", None),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", None),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", None),
];

impl FromStr for Cipher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        CIPHERS
            .into_iter()
            .find(|(name, _)| *name == text)
            .map(|(name, suite)| Self { name, suite })
            .ok_or_else(|| {
                format!(
                    "{} is no cipher suite that Go knows, like TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                    values::repeated(text)
                )
            })
    }
}

deserialize_from_str!(Cipher, "a cipher suite by Go's name");

/// An elliptic curve that exporter-toolkit knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    /// Nothing where ring lacks it.
    pub(super) group: Option<&'static dyn SupportedKxGroup>,
}

impl FromStr for Curve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, group): (_, Option<&'static dyn SupportedKxGroup>) = match text {
            "X25519" => ("X25519", Some(kx_group::X25519)),
            "CurveP256" => ("CurveP256", Some(kx_group::SECP256R1)),
            "CurveP384" => ("CurveP384", Some(kx_group::SECP384R1)),
            "CurveP521" => ("CurveP521", None),
            other => {
                return Err(format!(
                    "{} is no curve; X25519, CurveP256 or CurveP384",
                    values::repeated(other)
                ));
            }
        };
        Ok(Self { name, group })
    }
}

deserialize_from_str!(Curve, "a curve like X25519 or CurveP256");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_names_are_known_and_invented_ones_are_not() {
        assert!("TLS_AES_128_GCM_SHA256".parse::<Cipher>().unwrap().suite.is_some());
        assert!(
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
                .parse::<Cipher>()
                .unwrap()
                .suite
                .is_none()
        );
        assert!("TLS_ECDHE_RSA_WITH_AES_512_GCM_SHA384".parse::<Cipher>().is_err());
        assert!("CurveP256".parse::<Curve>().unwrap().group.is_some());
        assert!("CurveP521".parse::<Curve>().unwrap().group.is_none());
        assert!("CurveP255".parse::<Curve>().is_err());
        assert!("TLS13".parse::<Version>() > "TLS12".parse::<Version>() && "TLS14".parse::<Version>().is_err());
    }

    #[test]
    fn every_suite_that_rustls_has_is_named() {
        let all = rustls::crypto::ring::ALL_CIPHER_SUITES;
        assert_eq!(CIPHERS.iter().filter(|(_, suite)| suite.is_some()).count(), all.len());
    }
}
