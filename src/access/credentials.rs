//! Who a request says it comes from, and who is known in each scope.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};

use super::Scope;
use super::passwords::{PasswordHash, Passwords, Proof};
use crate::values::Secret;

/// What a scope accepts: any of these.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub(super) users: BTreeMap<String, PasswordHash>,
    pub(super) token: Option<Secret>,
}

/// The credentials of every scope that can have some.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    pub(super) scrape: Credentials,
    pub(super) alerts: Credentials,
    pub(super) control: Credentials,
}

impl Scopes {
    /// Nothing for routes that need none.
    pub(super) const fn of(&self, scope: Scope) -> Option<&Credentials> {
        match scope {
            Scope::Open | Scope::Remote => None,
            Scope::Scrape => Some(&self.scrape),
            Scope::Alerts => Some(&self.alerts),
            Scope::Control => Some(&self.control),
        }
    }

    pub(super) fn has(&self, scope: Scope) -> bool {
        self.of(scope).is_some_and(|credentials| !credentials.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.scrape.is_empty() && self.alerts.is_empty() && self.control.is_empty()
    }
}

impl Credentials {
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.token.is_none()
    }

    /// How many they are, in words.
    pub(super) fn summary(&self) -> String {
        let users = match self.users.len() {
            0 => None,
            1 => Some("1 user".to_owned()),
            count => Some(format!("{count} users")),
        };
        let token = self.token.is_some().then(|| "a token".to_owned());
        let both: Vec<String> = users.into_iter().chain(token).collect();
        both.join(" and ")
    }

    /// Whether these are the credentials of somebody known here.
    pub(super) async fn check(&self, presented: &Presented, peer: IpAddr, passwords: &Passwords) -> Proof {
        match presented {
            Presented::Bearer(token) if self.token.as_ref() == Some(token) => Proof::Fits,
            // Without users there is nobody whose existence the time could tell.
            Presented::Basic { user, password } if !self.users.is_empty() => {
                let like = self.users.values().map(PasswordHash::cost).max().unwrap_or_default();
                passwords.check(peer, user, password, self.users.get(user), like).await
            }
            _ => Proof::Wrong,
        }
    }

    /// The values of `WWW-Authenticate`.
    pub(super) fn challenges(&self) -> impl Iterator<Item = &'static str> {
        let basic = (!self.users.is_empty()).then_some("Basic realm=\"farmwarden\", charset=\"UTF-8\"");
        let bearer = self.token.is_some().then_some("Bearer realm=\"farmwarden\"");
        basic.into_iter().chain(bearer)
    }
}

/// The credentials of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

impl Presented {
    /// From `Authorization` (RFC 7617, RFC 6750); nothing where there is none or it is not understood.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = text.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer(Secret::new(rest)));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Self::Basic {
            user: user.to_owned(),
            password: Secret::new(password),
        })
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn presented(value: &str) -> Option<Presented> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).ok()?);
        Presented::of(&headers)
    }

    #[test]
    fn basic_and_bearer_are_understood_in_any_case() {
        let basic = Presented::Basic {
            user: "alice".to_owned(),
            password: Secret::new("a:b"),
        };
        assert_eq!(
            presented(&format!("bAsIc {}", STANDARD.encode("alice:a:b"))),
            Some(basic)
        );
        assert_eq!(
            presented("Bearer  token "),
            Some(Presented::Bearer(Secret::new("token")))
        );
        for wrong in ["", "Basic", "Basic !!!", "Basic YWxpY2U=", "Digest a=b", "token"] {
            assert_eq!(presented(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_token_opens_its_own_scope_only() {
        let with = |token: &str| Credentials {
            users: BTreeMap::new(),
            token: Some(Secret::new(token)),
        };
        let scopes = Scopes {
            scrape: with("0123456789abcdef"),
            control: with("fedcba9876543210"),
            ..Scopes::default()
        };
        let passwords = Passwords::default();
        let token = presented("Bearer 0123456789abcdef").unwrap();
        for (scope, expected) in [
            (Scope::Scrape, Proof::Fits),
            (Scope::Alerts, Proof::Wrong),
            (Scope::Control, Proof::Wrong),
        ] {
            let credentials = scopes.of(scope).unwrap();
            let peer = IpAddr::from([127, 0, 0, 1]);
            assert_eq!(credentials.check(&token, peer, &passwords).await, expected, "{scope:?}");
        }
        assert!(scopes.of(Scope::Open).is_none() && scopes.has(Scope::Control) && !scopes.has(Scope::Alerts));
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(value in "(?i)(basic|bearer) .*") {
            drop(presented(&value));
        }
    }
}
