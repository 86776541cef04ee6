//! What went wrong with an upstream: who, what we were doing, and why, in words and as a fixed label value.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::values;

/// One failed operation. It reads `http://127.0.0.1:9944: system_health: no answer within 5s`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{who}: {operation}: {why}")]
pub struct Fault {
    /// The endpoint, mount or program, without credentials.
    pub who: String,
    /// The call as the upstream names it.
    pub operation: String,
    pub why: Why,
}

/// Why it went wrong. Text that came from the upstream is shortened and stripped of control characters and of what looks
/// like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Unreachable(String),
    Timeout(Duration),
    Tls(String),
    ClientCertRefused,
    Unauthorized(u16),
    /// It wants credentials, and we have none for it.
    NoCredentials(u16),
    /// The authorisation service knows the token, but the service that was asked refuses it.
    Disbelieved,
    AuthDown,
    Forbidden(String),
    NotFound(String),
    /// An HTTP status that is no answer, and what it hints at.
    Status(u16, &'static str),
    TooLarge(values::Size),
    Malformed(String),
    Upstream(String),
    InProgress(Duration),
    /// An address that somebody else gave and that is not asked; nothing was sent.
    Outside(String),
    /// What the configuration names is not there: found when a target is set up, never by a round.
    Configuration(String),
    Internal(String),
}

/// The fixed values of the label `reason`: one list for every upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    Unreachable,
    Timeout,
    Tls,
    ClientCertRefused,
    Unauthorized,
    AuthDown,
    Forbidden,
    NotFound,
    Status,
    TooLarge,
    Malformed,
    Upstream,
    InProgress,
    Internal,
}

impl Reason {
    pub const ALL: [Self; 14] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Tls,
        Self::ClientCertRefused,
        Self::Unauthorized,
        Self::AuthDown,
        Self::Forbidden,
        Self::NotFound,
        Self::Status,
        Self::TooLarge,
        Self::Malformed,
        Self::Upstream,
        Self::InProgress,
        Self::Internal,
    ];

    /// The label value.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::ClientCertRefused => "client_cert_refused",
            Self::Unauthorized => "unauthorized",
            Self::AuthDown => "auth_down",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Upstream => "upstream",
            Self::InProgress => "in_progress",
            Self::Internal => "internal",
        }
    }
}

impl Fault {
    pub fn new(who: impl Into<String>, operation: impl Into<String>, why: Why) -> Self {
        Self {
            who: who.into(),
            operation: operation.into(),
            why,
        }
    }

    pub const fn reason(&self) -> Reason {
        self.why.reason()
    }
}

impl Why {
    /// Something came, but not what the contract promises. `text` may hold words of the upstream.
    pub fn malformed(text: impl AsRef<str>) -> Self {
        Self::Malformed(shortened(text.as_ref()))
    }

    /// The upstream itself says that it failed.
    pub fn upstream(text: impl AsRef<str>) -> Self {
        Self::Upstream(shortened(text.as_ref()))
    }

    /// The same, by one who knows whether credentials went with the request.
    #[must_use]
    pub(super) fn knowing(self, credentials: bool) -> Self {
        match self {
            Self::Unauthorized(code) if !credentials => Self::NoCredentials(code),
            why => why,
        }
    }

    pub const fn reason(&self) -> Reason {
        match self {
            Self::Unreachable(_) => Reason::Unreachable,
            Self::Timeout(_) => Reason::Timeout,
            Self::Tls(_) => Reason::Tls,
            Self::ClientCertRefused => Reason::ClientCertRefused,
            Self::Unauthorized(_) | Self::NoCredentials(_) | Self::Disbelieved => Reason::Unauthorized,
            Self::AuthDown => Reason::AuthDown,
            Self::Forbidden(_) | Self::Outside(_) => Reason::Forbidden,
            Self::NotFound(_) => Reason::NotFound,
            Self::Status(..) => Reason::Status,
            Self::TooLarge(_) => Reason::TooLarge,
            Self::Malformed(_) => Reason::Malformed,
            Self::Upstream(_) => Reason::Upstream,
            Self::InProgress(_) => Reason::InProgress,
            // It never reaches a counter.
            Self::Configuration(_) | Self::Internal(_) => Reason::Internal,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(what)
            | Self::Tls(what)
            | Self::Forbidden(what)
            | Self::NotFound(what)
            | Self::Outside(what)
            | Self::Configuration(what) => f.write_str(what),
            Self::Timeout(limit) => write!(f, "no answer within {}", values::Duration::from(*limit)),
            Self::ClientCertRefused => f.write_str("it refused our client certificate"),
            Self::Unauthorized(code) => write!(f, "it refused our credentials (HTTP {code})"),
            Self::NoCredentials(code) => write!(f, "it wants credentials (HTTP {code}), and none are configured"),
            Self::Disbelieved => f.write_str(
                "it refused a token that its authorisation service knows: it does not reach that service, or takes only \
                 its own token",
            ),
            Self::AuthDown => f.write_str("its authorisation service does not answer"),
            Self::Status(code, "") => write!(f, "answered HTTP {code}"),
            Self::Status(code, hint) => write!(f, "answered HTTP {code}: {hint}"),
            Self::TooLarge(cap) => write!(f, "the answer is larger than {cap}; reading stopped"),
            Self::Malformed(what) => write!(f, "not what was asked for: {what}"),
            Self::Upstream(what) => write!(f, "it reports an error: {what}"),
            Self::InProgress(every) => write!(
                f,
                "the round before took longer than its interval of {}",
                values::Duration::from(*every)
            ),
            Self::Internal(what) => write!(f, "a defect of farmwarden, please report it: {what}"),
        }
    }
}

/// Long enough to recognise an error page, short enough for a chat message.
const LONGEST: usize = 160;
/// So much of a text is looked at: an upstream may send megabytes.
const LOOKED_AT: usize = 4 * LONGEST;

fn shortened(text: &str) -> String {
    let begin: String = text.chars().take(LOOKED_AT).collect();
    let text = values::redacted(&begin, &[]);
    let mut clean = text.chars().map(|c| if values::is_unseen(c) { ' ' } else { c });
    let mut short: String = clean.clone().take(LONGEST).collect();
    if clean.nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_one_sentence() {
        let fault = Fault::new(
            "http://127.0.0.1:9944",
            "system_health",
            Why::Timeout(Duration::from_secs(5)),
        );
        assert_eq!(
            fault.to_string(),
            "http://127.0.0.1:9944: system_health: no answer within 5s"
        );
        assert_eq!(fault.reason().label(), "timeout");
    }

    #[test]
    fn words_of_an_upstream_are_cut_and_cleaned() {
        let why = Why::malformed("<html>\n\u{1b}[31m\u{202e}".to_owned() + &"x".repeat(10_000));
        let text = why.to_string();
        assert!(
            text.chars().count() < 200 && !text.contains(values::is_unseen),
            "{text}"
        );
    }

    #[test]
    fn a_token_that_an_upstream_quotes_does_not_pass() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoibGki.Zm9v";
        for why in [Why::malformed(token), Why::upstream(format!("ws://h/?token={token}"))] {
            assert!(!why.to_string().contains("eyJ"), "{why}");
        }
        let at_the_edge = format!("{} {token}", "x".repeat(LONGEST - 20));
        assert!(!Why::upstream(at_the_edge).to_string().contains("eyJ"));
    }

    #[test]
    fn every_reason_has_its_own_label() {
        let labels: std::collections::HashSet<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), Reason::ALL.len());
    }
}
