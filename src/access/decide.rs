//! Whether a request may be answered: pure, over what is known before any password is looked at.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode, Version};

use super::Scope;
use super::hosts::{HostPort, Hosts};
use crate::exposition::Refused;

/// The way a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Tcp(Tcp),
    /// The control socket; `trusted` if root or our own user is at the other end.
    Socket {
        trusted: bool,
    },
    /// The socket for other farmwardens.
    Remote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    pub peer: IpAddr,
    /// It came to a loopback address: from this machine, or from a browser on it.
    pub to_loopback: bool,
    pub tls: bool,
}

impl Via {
    /// Who asks; nothing on the control socket.
    pub const fn peer(self) -> Option<IpAddr> {
        match self {
            Self::Tcp(tcp) => Some(tcp.peer),
            Self::Socket { .. } | Self::Remote => None,
        }
    }
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub scope: Scope,
    /// It is what `--web.enable-lifecycle` allows over TCP, like `POST /-/reload`.
    pub lifecycle: bool,
}

impl Need {
    pub const fn scope(scope: Scope) -> Self {
        Self {
            scope,
            lifecycle: false,
        }
    }

    pub const fn lifecycle() -> Self {
        Self {
            scope: Scope::Control,
            lifecycle: true,
        }
    }
}

/// What is known of a request.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) via: Via,
    pub(super) need: Need,
    /// Anything but GET, HEAD and OPTIONS.
    pub(super) changes: bool,
    pub(super) host: Host,
    pub(super) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`: browsers say with it where a request comes from.
    pub(super) fetch_site: Option<&'a str>,
}

/// The host that a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Allowed in HTTP/1.0 only.
    Absent,
    /// None where there must be one, two of them, or nonsense.
    Wrong,
    Asked(HostPort),
}

/// What the decision depends on besides the request.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) hosts: &'a Hosts,
    /// `--web.enable-lifecycle`
    pub(super) lifecycle: bool,
    /// Whether the needed scope has credentials.
    pub(super) has_credentials: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Answer,
    /// If it has credentials of the scope; `peer` is who waits while they are checked.
    AskForCredentials {
        peer: IpAddr,
    },
    Refuse(Refusal),
}

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// How it is counted; nothing for what the client alone can mend.
    pub why: Option<Refused>,
    pub words: String,
    /// To be added to the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self {
            status,
            why: None,
            words: words.into(),
            headers: Vec::new(),
        }
    }

    fn counted(status: StatusCode, why: Refused, words: &str) -> Self {
        Self {
            why: Some(why),
            ..Self::new(status, words)
        }
    }

    /// `why` says whether credentials came at all.
    pub(super) fn unauthorized(why: Refused, challenges: impl Iterator<Item = &'static str>) -> Self {
        let words = "this needs a user and password, or a token, that farmwarden knows (--web.config.file)";
        Self {
            headers: challenges
                .map(|challenge| (WWW_AUTHENTICATE, HeaderValue::from_static(challenge)))
                .collect(),
            ..Self::counted(StatusCode::UNAUTHORIZED, why, words)
        }
    }

    pub(super) fn busy() -> Self {
        Self {
            headers: vec![(RETRY_AFTER, HeaderValue::from_static("1"))],
            ..Self::counted(
                StatusCode::SERVICE_UNAVAILABLE,
                Refused::LoginsWaiting,
                "too many passwords are being checked; ask again",
            )
        }
    }

    pub(super) fn too_many() -> Self {
        let words = "more requests than rate_limit allows";
        Self::counted(StatusCode::TOO_MANY_REQUESTS, Refused::RateLimit, words)
    }
}

impl<'a> Facts<'a> {
    pub(super) fn of<B>(request: &'a Request<B>, via: Via, need: Need) -> Self {
        let headers = request.headers();
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
        Self {
            via,
            need,
            changes: ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()),
            host: host(request.uri().authority().map(AsRef::as_ref), headers, request.version()),
            origin: text(ORIGIN.as_str()),
            fetch_site: text("sec-fetch-site"),
        }
    }
}

/// The authority of an absolute request target counts more than the header (RFC 9112, 3.2.2).
fn host(target: Option<&str>, headers: &HeaderMap, version: Version) -> Host {
    let mut given = headers.get_all(HOST).iter();
    let header = match (given.next(), given.next()) {
        (None, _) if version < Version::HTTP_11 => None,
        (Some(host), None) => Some(host.to_str().unwrap_or_default()),
        _ => return Host::Wrong,
    };
    match target.or(header).map(str::parse) {
        None => Host::Absent,
        Some(Ok(asked)) => Host::Asked(asked),
        Some(Err(())) => Host::Wrong,
    }
}

pub(super) fn decide(facts: &Facts<'_>, rules: &Rules<'_>) -> Decision {
    match facts.via {
        Via::Socket { trusted: true } => Decision::Answer,
        Via::Socket { trusted: false } => Decision::Refuse(Refusal::new(
            StatusCode::FORBIDDEN,
            "only root and the user that farmwarden runs as may use this socket",
        )),
        Via::Remote if matches!(facts.need.scope, Scope::Remote | Scope::Open) => Decision::Answer,
        Via::Remote => Decision::Refuse(Refusal::new(
            StatusCode::FORBIDDEN,
            "this socket takes requests of other farmwardens and nothing else",
        )),
        Via::Tcp(tcp) => decide_tcp(facts, rules, tcp),
    }
}

fn decide_tcp(facts: &Facts<'_>, rules: &Rules<'_>, tcp: Tcp) -> Decision {
    let scope = facts.need.scope;
    if facts.host == Host::Wrong {
        return refuse(
            StatusCode::BAD_REQUEST,
            "exactly one Host header is needed, with a name or an address",
        );
    }
    if scope == Scope::Open {
        return Decision::Answer;
    }
    let acts = matches!(scope, Scope::Alerts | Scope::Control);
    if let Host::Asked(asked) = &facts.host
        && (tcp.to_loopback || acts)
        && !rules.hosts.knows(asked)
    {
        return foreign(
            StatusCode::MISDIRECTED_REQUEST,
            "the Host of this request is no address and no name of this machine; a name that people or a proxy use is allowed with --web.allowed-host NAME",
        );
    }
    if facts.changes && !comes_from_here(facts, rules.hosts, tcp.tls) {
        return foreign(
            StatusCode::FORBIDDEN,
            "a page of another site sent this (Origin, Sec-Fetch-Site); only this host's own pages and programs may change something here",
        );
    }
    if matches!(scope, Scope::Control | Scope::Remote) && !tcp.tls && !tcp.to_loopback {
        // Not configured so, but a connection can be older than the present file.
        return refuse(StatusCode::FORBIDDEN, "from the network only over TLS");
    }
    if facts.need.lifecycle && !rules.lifecycle {
        return refuse(
            StatusCode::NOT_FOUND,
            "not over TCP; use the control socket, send SIGHUP, or start with --web.enable-lifecycle",
        );
    }
    match (rules.has_credentials, scope) {
        (true, _) => Decision::AskForCredentials { peer: tcp.peer },
        (false, Scope::Control) if facts.need.lifecycle => Decision::Answer,
        (false, Scope::Open | Scope::Scrape | Scope::Remote) => Decision::Answer,
        (false, Scope::Alerts) => refuse(StatusCode::NOT_FOUND, "needs scopes.alerts in --web.config.file"),
        (false, Scope::Control) => refuse(
            StatusCode::NOT_FOUND,
            "not over TCP; use the control socket, or configure scopes.control in --web.config.file",
        ),
    }
}

/// Programs send neither header; a browser sends both with every request that can change something.
fn comes_from_here(facts: &Facts<'_>, hosts: &Hosts, tls: bool) -> bool {
    let site = facts
        .fetch_site
        .is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = match (facts.origin, &facts.host) {
        (None, _) => true,
        (Some(origin), Host::Asked(asked)) => hosts.is_same_origin(origin, asked, tls),
        (Some(_), _) => false,
    };
    site && origin
}

fn refuse(status: StatusCode, words: &str) -> Decision {
    Decision::Refuse(Refusal::new(status, words))
}

fn foreign(status: StatusCode, words: &str) -> Decision {
    Decision::Refuse(Refusal::counted(status, Refused::Foreign, words))
}
