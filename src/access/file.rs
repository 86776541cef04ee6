//! web.yml as it is written: the format of Prometheus' exporter-toolkit (`docs/web-configuration.md`), and `scopes`.
//!
//! Unknown keys are mistakes, as they are there. A key without a value counts as absent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use super::passwords::PasswordHash;
use super::tls_names::{Cipher, Curve, Version};
use crate::values::{self, Secret, deserialize_from_str};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebFile {
    pub(super) tls_server_config: Option<TlsSection>,
    pub(super) http_server_config: Option<HttpSection>,
    /// Users of the scope `scrape`.
    pub(super) basic_auth_users: Option<Users>,
    pub(super) rate_limit: Option<RateSection>,
    /// Ours; other programs that read the same file refuse it.
    pub(super) scopes: Option<ScopesSection>,
}

pub(super) type Users = BTreeMap<String, PasswordHash>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSection {
    pub(super) cert: Option<String>,
    pub(super) key: Option<Secret>,
    pub(super) client_ca: Option<String>,
    pub(super) cert_file: Option<PathBuf>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) client_ca_file: Option<PathBuf>,
    pub(super) client_auth_type: Option<ClientAuth>,
    pub(super) client_allowed_sans: Option<Vec<String>>,
    pub(super) min_version: Option<Version>,
    pub(super) max_version: Option<Version>,
    pub(super) cipher_suites: Option<Vec<Cipher>>,
    pub(super) curve_preferences: Option<Vec<Curve>>,
    pub(super) prefer_server_cipher_suites: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpSection {
    /// Read for the sake of the format: this server speaks HTTP/1.1 either way.
    pub(super) http2: Option<bool>,
    pub(super) headers: Option<HeadersSection>,
}

/// The headers that exporter-toolkit lets one set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HeadersSection {
    #[serde(rename = "Content-Security-Policy")]
    pub(super) content_security_policy: Option<String>,
    #[serde(rename = "Strict-Transport-Security")]
    pub(super) strict_transport_security: Option<String>,
    #[serde(rename = "X-Content-Type-Options")]
    pub(super) content_type_options: Option<ContentTypeOptions>,
    #[serde(rename = "X-Frame-Options")]
    pub(super) frame_options: Option<FrameOptions>,
    #[serde(rename = "X-XSS-Protection")]
    pub(super) xss_protection: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RateSection {
    pub(super) interval: Option<Interval>,
    pub(super) burst: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScopesSection {
    pub(super) scrape: Option<ScopeSection>,
    pub(super) alerts: Option<ScopeSection>,
    pub(super) control: Option<ScopeSection>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScopeSection {
    pub(super) basic_auth_users: Option<Users>,
    pub(super) bearer_token_file: Option<PathBuf>,
}

/// What is asked of a client's certificate, by Go's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ClientAuth {
    #[default]
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

impl FromStr for ClientAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" | "NoClientCert" => Ok(Self::None),
            "RequestClientCert" => Ok(Self::Request),
            // The second one is a mistake of old times that stayed valid.
            "RequireAnyClientCert" | "RequireClientCert" => Ok(Self::RequireAny),
            "VerifyClientCertIfGiven" => Ok(Self::VerifyIfGiven),
            "RequireAndVerifyClientCert" => Ok(Self::RequireAndVerify),
            other => Err(format!(
                "{} is no client_auth_type; NoClientCert, RequestClientCert, RequireAnyClientCert, \
                 VerifyClientCertIfGiven or RequireAndVerifyClientCert",
                values::repeated(other)
            )),
        }
    }
}

deserialize_from_str!(ClientAuth, "a client_auth_type like RequireAndVerifyClientCert");

#[derive(Clone, Copy, Debug)]
pub(super) struct ContentTypeOptions;

impl FromStr for ContentTypeOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "nosniff" => Ok(Self),
            other => Err(format!("{} is not possible here; nosniff is", values::repeated(other))),
        }
    }
}

deserialize_from_str!(ContentTypeOptions, "nosniff");

#[derive(Clone, Copy, Debug)]
pub(super) enum FrameOptions {
    Deny,
    SameOrigin,
}

impl FromStr for FrameOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "deny" => Ok(Self::Deny),
            "sameorigin" => Ok(Self::SameOrigin),
            other => Err(format!(
                "{} is not possible here; deny and sameorigin are",
                values::repeated(other)
            )),
        }
    }
}

deserialize_from_str!(FrameOptions, "deny or sameorigin");

/// A length of time as Go writes it: `1s`, `1m30s`, `1.5s`; a bare number counts nanoseconds. Zero is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval(pub(super) Duration);

/// Go's units in nanoseconds.
const UNITS: [(&str, f64); 7] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Longer ones are typing mistakes: no request would ever be answered.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{} is not an interval; write a number and a unit, like 1s or 100ms, or 0",
                values::repeated(text)
            )
        };
        let mut nanoseconds = 0.0_f64;
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
            let (number, tail) = rest.split_at(end.unwrap_or(rest.len()));
            let end = tail.find(|c: char| c.is_ascii_digit() || c == '.');
            let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
            let number: f64 = number.parse().map_err(|_| wrong())?;
            let known = UNITS.iter().find(|(name, _)| *name == unit);
            let factor = match known {
                Some((_, factor)) => *factor,
                None if unit.is_empty() && rest.len() == text.len() => 1.0,
                None => return Err(wrong()),
            };
            nanoseconds += number * factor;
            rest = tail;
        }
        let interval = Duration::try_from_secs_f64(nanoseconds / 1e9).map_err(|_| wrong())?;
        if text.is_empty() {
            Err(wrong())
        } else if interval > LONGEST_INTERVAL {
            Err(format!("{} is longer than a day", values::repeated(text)))
        } else {
            Ok(Self(interval))
        }
    }
}

deserialize_from_str!(Interval, "an interval like 1s or 100ms, or 0");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Document, Mistakes};

    fn read(text: &str) -> Result<WebFile, Mistakes> {
        let read = Document::parse("web.yml", text)?.read();
        match read.value {
            Some(file) if read.mistakes.is_empty() => Ok(file),
            _ => Err(Mistakes(read.mistakes)),
        }
    }

    fn mistake(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn empty_files_and_keys_without_a_value_are_read() {
        for text in [
            "",
            "# nothing\n",
            "basic_auth_users:\ntls_server_config:\n  cipher_suites:\nrate_limit:\n",
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn unknown_keys_and_values_are_mistakes_with_their_place() {
        let said = mistake("tls_server_config:\n  cert_flie: a\n");
        assert!(said.starts_with("web.yml:2:") && said.contains("cert_flie"), "{said}");
        let said = mistake("tls_server_config:\n  client_auth_type: Maybe\n");
        assert!(
            said.starts_with("web.yml:2:") && said.contains("`Maybe` is no client_auth_type"),
            "{said}"
        );
        let said = mistake("http_server_config:\n  headers:\n    X-Frame-Options: allow\n");
        assert!(
            said.starts_with("web.yml:3:") && said.contains("deny and sameorigin"),
            "{said}"
        );
        let said = mistake("http_server_config:\n  headers:\n    Server: x\n");
        assert!(said.contains("Server"), "{said}");
        assert!(mistake("wEiRd\nwords\n").starts_with("web.yml:1:"));
    }

    #[test]
    fn what_looks_like_a_number_is_read_as_the_text_it_is() {
        let text = "http_server_config: {headers: {X-XSS-Protection: 1}}\nrate_limit: {interval: 0, burst: 20}\n";
        let file = read(text).unwrap();
        let headers = file.http_server_config.unwrap().headers.unwrap();
        assert_eq!(headers.xss_protection.as_deref(), Some("1"));
        assert_eq!(file.rate_limit.unwrap().interval, Some(Interval(Duration::ZERO)));
    }

    #[test]
    fn intervals_are_read_as_go_reads_them() {
        let read = |text: &str| text.parse::<Interval>().map(|interval| interval.0);
        assert_eq!(read("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(read("1m1.5s"), Ok(Duration::from_millis(61_500)));
        assert_eq!(read("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(read("1000000"), Ok(Duration::from_millis(1)));
        for wrong in ["", "s", "-1s", "1 s", "1d", "fast", "1.2.3s", "48h"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_file_or_mistakes(text in ".{0,200}") {
            drop(read(&text));
        }

        #[test]
        fn any_text_gives_an_interval_or_an_error(text in ".*") {
            drop(text.parse::<Interval>());
        }
    }
}
