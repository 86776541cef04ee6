//! web.yml, checked: what the server works with until the file changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use rustls::ServerConfig;

use super::credentials::{Credentials, Scopes};
use super::file::{FrameOptions, HeadersSection, RateSection, ScopeSection, Users, WebFile};
use super::report::{Findings, Fingerprint, Named, Report};
use super::{Mistakes, Scope, tls};
use crate::values::Secret;
use crate::yaml::{self, Read};

/// The key of users, of the whole file or of a scope.
const USERS: &str = "basic_auth_users";
/// Shorter tokens can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// What stands in web.yml, and in the files that it names.
#[derive(Default)]
pub(super) struct WebSettings {
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// They replace ours of the same name.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) scopes: Scopes,
    pub(super) rate: Option<Rate>,
}

/// A request each `interval` in the long run, and `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) interval: Duration,
    pub(super) burst: u32,
}

/// One look at the file: what came of it, what to warn of, and the files that it depends on.
pub(super) struct Look {
    pub(super) settings: Result<WebSettings, Mistakes>,
    pub(super) warnings: Vec<String>,
    pub(super) seen: Fingerprint,
}

impl WebSettings {
    /// A protection that was there before and is not any more. Without credentials for alerts there are no alerts, so
    /// those are none.
    pub(super) fn lost_since(&self, before: &Self) -> Option<&'static str> {
        let lost = [
            (before.tls.is_some() && self.tls.is_none(), "certificate"),
            (
                !before.scopes.scrape.is_empty() && self.scopes.scrape.is_empty(),
                "credentials for reading",
            ),
            (
                !before.scopes.control.is_empty() && self.scopes.control.is_empty(),
                "credentials for control",
            ),
        ];
        lost.into_iter().find_map(|(lost, what)| lost.then_some(what))
    }
}

impl WebSettings {
    /// How it is spoken and who may do what, in a few words.
    pub(super) fn summary(&self) -> String {
        let mut words = vec![if self.tls.is_some() { "HTTPS" } else { "plain HTTP" }.to_owned()];
        if self.scopes.scrape.is_empty() {
            words.push("everybody may read".to_owned());
        }
        for scope in [Scope::Scrape, Scope::Alerts, Scope::Control] {
            let credentials = self.scopes.of(scope).filter(|credentials| !credentials.is_empty());
            words.extend(credentials.map(|credentials| format!("{scope}: {}", credentials.summary())));
        }
        words.join("; ")
    }
}

impl Look {
    /// Reads the file and, if they are to be there, all that it names.
    pub(super) fn at(file: &Path, named: Named) -> Self {
        let mut report = Report::new(file, named);
        let settings = report
            .read_itself()
            .and_then(|mut read| Some(checked(read.value.take()?, &read, &mut report)));
        let Findings {
            mistakes,
            warnings,
            seen,
        } = report.finish();
        Self {
            settings: match settings {
                Some(settings) if mistakes.is_empty() => Ok(settings),
                _ => Err(Mistakes(mistakes)),
            },
            warnings,
            seen,
        }
    }
}

/// A section in which something could not be read is not judged: what is missing there may be what was wrong.
fn checked(raw: WebFile, read: &Read<WebFile>, report: &mut Report) -> WebSettings {
    let http = raw.http_server_config.unwrap_or_default();
    let tls = raw.tls_server_config.filter(|_| !read.is_wrong(tls::SECTION));
    let sections = raw.scopes.unwrap_or_default();
    let top_level = raw.basic_auth_users.filter(|_| !read.is_wrong(USERS));
    let mut scope = |scope: Scope, top_level, section: Option<ScopeSection>| {
        let section = section.filter(|_| !read.is_wrong(&format!("scopes.{scope}")));
        credentials(scope, top_level, section, report)
    };
    let scopes = Scopes {
        scrape: scope(Scope::Scrape, top_level, sections.scrape),
        alerts: scope(Scope::Alerts, None, sections.alerts),
        control: scope(Scope::Control, None, sections.control),
    };
    shared(&scopes, report);
    WebSettings {
        tls: tls::server_config(&tls.unwrap_or_default(), http.http2.unwrap_or(true), report),
        headers: headers(http.headers.unwrap_or_default(), report),
        rate: rate(&raw.rate_limit.unwrap_or_default(), report),
        scopes,
    }
}

/// Empty ones are not set, so ours stay.
fn headers(section: HeadersSection, report: &mut Report) -> Vec<(HeaderName, HeaderValue)> {
    let frame_options = section.frame_options.map(|options| match options {
        FrameOptions::Deny => "deny".to_owned(),
        FrameOptions::SameOrigin => "sameorigin".to_owned(),
    });
    let given = [
        (
            "Content-Security-Policy",
            CONTENT_SECURITY_POLICY,
            section.content_security_policy,
        ),
        (
            "Strict-Transport-Security",
            STRICT_TRANSPORT_SECURITY,
            section.strict_transport_security,
        ),
        (
            "X-Content-Type-Options",
            X_CONTENT_TYPE_OPTIONS,
            section.content_type_options.map(|_| "nosniff".to_owned()),
        ),
        ("X-Frame-Options", X_FRAME_OPTIONS, frame_options),
        ("X-XSS-Protection", X_XSS_PROTECTION, section.xss_protection),
    ];
    let mut headers = Vec::new();
    for (key, name, value) in given {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            continue;
        };
        match HeaderValue::from_str(&value) {
            Ok(value) => headers.push((name, value)),
            Err(_) => report.mistake(
                &format!("http_server_config.headers.{key}"),
                "a header is one line of ASCII",
            ),
        }
    }
    headers
}

fn rate(section: &RateSection, report: &mut Report) -> Option<Rate> {
    let interval = section.interval.map(|interval| interval.0).unwrap_or_default();
    if interval.is_zero() {
        return None;
    }
    let burst = section.burst.unwrap_or(0);
    if burst == 0 {
        report.warning(
            "rate_limit.burst",
            "with a burst of 0 every request is refused; set burst to 20 or so",
        );
    }
    Some(Rate { interval, burst })
}

fn credentials(
    scope: Scope,
    top_level: Option<Users>,
    section: Option<ScopeSection>,
    report: &mut Report,
) -> Credentials {
    let key = format!("scopes.{scope}");
    let mut users = top_level.unwrap_or_default();
    doubtful(USERS, &users, report);
    let mut token = None;
    if let Some(section) = section {
        let own = section.basic_auth_users.unwrap_or_default();
        if own.is_empty() && section.bearer_token_file.is_none() {
            report.mistake(
                &key,
                "names no credentials; give basic_auth_users or bearer_token_file, or leave it out",
            );
        }
        doubtful(&format!("{key}.{USERS}"), &own, report);
        for (name, hash) in own {
            if users.insert(name.clone(), hash).is_some() {
                report.mistake(
                    &yaml::below(&format!("{key}.{USERS}"), &name),
                    "this user also stands in the basic_auth_users of the whole file; keep one",
                );
            }
        }
        token = section
            .bearer_token_file
            .and_then(|path| read_token(&format!("{key}.bearer_token_file"), &path, report));
    }
    Credentials { users, token }
}

/// Users who could not log in, or not soon.
fn doubtful(key: &str, users: &Users, report: &mut Report) {
    for (name, hash) in users {
        let key = yaml::below(key, name);
        if name.contains(':') {
            report.mistake(&key, "a name with a colon cannot be sent in basic authentication");
        }
        if hash.is_slow() {
            let words = format!(
                "a hash of cost {} makes the first login after each change take many seconds; 10 is usual",
                hash.cost()
            );
            report.warning(&key, words);
        }
    }
}

fn read_token(key: &str, path: &Path, report: &mut Report) -> Option<Secret> {
    let text = report.read(key, path)?;
    let token = text.trim();
    if token.len() < SHORTEST_TOKEN {
        let words = format!(
            "the token is shorter than {SHORTEST_TOKEN} characters and could be guessed; `openssl rand -hex 32` makes a good one"
        );
        report.mistake(key, words);
        return None;
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        report.mistake(
            key,
            "a token is one word of printable ASCII; spaces, line breaks and other characters cannot be sent",
        );
        return None;
    }
    Some(Secret::new(token))
}

/// What opens one scope may not open another: a scraper's password would restart the farm.
fn shared(scopes: &Scopes, report: &mut Report) {
    let all = [
        (Scope::Scrape, &scopes.scrape),
        (Scope::Alerts, &scopes.alerts),
        (Scope::Control, &scopes.control),
    ];
    for (index, (scope, credentials)) in all.iter().enumerate() {
        for (other, others) in all.iter().skip(index + 1) {
            if credentials.token.is_some() && credentials.token == others.token {
                report.mistake(
                    &format!("scopes.{other}.bearer_token_file"),
                    format!("holds the token of {scope}; each scope needs its own"),
                );
            }
            for (name, hash) in &others.users {
                if credentials.users.get(name) == Some(hash) {
                    report.mistake(
                        &yaml::below(&format!("scopes.{other}.{USERS}"), name),
                        format!("this user has the password of {scope}; each scope needs its own"),
                    );
                }
            }
        }
    }
}
