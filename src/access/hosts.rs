//! Names under which this server may be asked, and where a request that changes something may come from.
//!
//! A browser sends the name in the address bar as `Host`. A page of evil.example whose name is turned to 127.0.0.1 after
//! it was loaded (DNS rebinding) can ask us from inside, but still under the name evil.example.

use std::net::IpAddr;
use std::str::FromStr;

use hyper::http::uri::Authority;

/// A host and a port, if one was given; names in lower case, addresses without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostPort {
    host: String,
    port: Option<u16>,
}

impl FromStr for HostPort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let authority: Authority = text.parse().map_err(|_| ())?;
        let rest = authority.as_str().strip_prefix(authority.host()).ok_or(())?;
        let port = match rest {
            "" | ":" => None,
            _ => Some(rest.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or(())?),
        };
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host.is_empty() {
            Err(())
        } else {
            Ok(Self { host, port })
        }
    }
}

/// The names that are ours.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// Of this machine.
    own: Vec<String>,
    /// Given by `--web.allowed-host`, for reverse proxies and names of the farm's own DNS.
    allowed: Vec<String>,
}

impl Hosts {
    /// `own` is the machine's host name, short or full.
    pub(super) fn new(own: Option<&str>, allowed: &[String]) -> Self {
        let own = own.map(str::to_ascii_lowercase).filter(|name| !name.is_empty());
        let short = own.as_ref().and_then(|name| Some(name.split_once('.')?.0.to_owned()));
        Self {
            own: own.into_iter().chain(short).collect(),
            allowed: allowed.iter().map(|name| name.to_ascii_lowercase()).collect(),
        }
    }

    /// An address cannot be rebound; names under localhost never leave the machine.
    pub(super) fn knows(&self, asked: &HostPort) -> bool {
        let host = asked.host.as_str();
        host.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.own.iter().any(|own| own == host)
            || self.allowed.iter().any(|allowed| allowed == host)
    }

    /// Whether an `Origin` is the very host that was asked: scheme, name and port. Behind a proxy that has one of the
    /// allowed names, scheme and port are the proxy's and need not be ours.
    pub(super) fn is_same_origin(&self, origin: &str, asked: &HostPort, tls: bool) -> bool {
        let Some((scheme, rest)) = origin.split_once("://") else {
            return false;
        };
        let Ok(from) = rest.parse::<HostPort>() else {
            return false;
        };
        let default_port = |tls| if tls { 443 } else { 80 };
        let from_tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return false,
        };
        let exact =
            from_tls == tls && from.port.unwrap_or(default_port(from_tls)) == asked.port.unwrap_or(default_port(tls));
        from.host == asked.host && (exact || self.allowed.contains(&asked.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(Some("Farm-1.lan"), &["Farm.Example".to_owned()])
    }

    #[test]
    fn addresses_localhost_own_and_allowed_names_are_known_and_others_are_not() {
        for good in [
            "127.0.0.1:19977",
            "10.0.0.5",
            "[::1]:19977",
            "localhost",
            "LOCALHOST:1",
            "x.localhost",
            "farm-1",
            "farm-1.lan.:80",
            "farm.example:443",
        ] {
            assert!(hosts().knows(&good.parse().unwrap()), "{good}");
        }
        for bad in [
            "evil.example",
            "farm-1.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "lan",
        ] {
            assert!(!hosts().knows(&bad.parse().unwrap()), "{bad}");
        }
        for nonsense in ["", ":80", "a b", "user@127.0.0.1", "a:b", "a:99999", "[::1", "/"] {
            assert!(nonsense.parse::<HostPort>().is_err(), "{nonsense}");
        }
    }

    #[test]
    fn an_origin_must_be_the_host_that_was_asked() {
        let same = |origin: &str, asked: &str, tls| hosts().is_same_origin(origin, &asked.parse().unwrap(), tls);
        assert!(same("http://127.0.0.1:19977", "127.0.0.1:19977", false));
        assert!(same("https://farm-1", "farm-1:443", true));
        assert!(same("http://[::1]:80", "[::1]", false));
        assert!(
            same("https://farm.example", "farm.example:19977", false),
            "behind a proxy"
        );
        for (origin, asked, tls) in [
            ("http://evil.example", "127.0.0.1:19977", false),
            ("http://127.0.0.1:8080", "127.0.0.1:19977", false),
            ("https://127.0.0.1:19977", "127.0.0.1:19977", false),
            ("http://127.0.0.1", "127.0.0.1", true),
            ("https://evil.example", "farm.example", false),
            ("null", "127.0.0.1", false),
            ("", "127.0.0.1", false),
            ("ftp://127.0.0.1", "127.0.0.1", false),
        ] {
            assert!(!same(origin, asked, tls), "{origin} {asked}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_host_or_not(text in ".*") {
            drop(text.parse::<HostPort>());
            let asked = "a".parse().unwrap();
            hosts().is_same_origin(&text, &asked, false);
        }
    }
}
