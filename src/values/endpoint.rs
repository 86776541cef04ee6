//! The address of an upstream: `http`, `https`, `ws` or `wss`, without credentials.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
    Ws,
    Wss,
}

/// A checked URL. It prints as scheme, host and port only: a path or query may carry somebody's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Endpoint {
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name or an address; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated: it may hold a password by mistake. Without a scheme, a host with a port is one.
        if !text.contains("://") {
            return Err("a URL begins with http://, https://, ws:// or wss://, like http://127.0.0.1:9944".to_owned());
        }
        let url = Url::parse(text).map_err(|e| format!("not a URL ({e}); write it like http://127.0.0.1:9944"))?;
        let (scheme, default_port) = match url.scheme() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "ws" => (Scheme::Ws, 80),
            "wss" => (Scheme::Wss, 443),
            other => {
                return Err(format!(
                    "scheme must be http, https, ws or wss, not {}",
                    super::repeated(other)
                ));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL may not hold a user name or password: it would end up in logs".to_owned());
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => name.to_owned(),
            Some(url::Host::Ipv4(address)) => address.to_string(),
            Some(url::Host::Ipv6(address)) => address.to_string(),
            None => return Err("the URL names no host".to_owned()),
        };
        let port = url.port().unwrap_or(default_port);
        Ok(Self {
            url,
            scheme,
            host,
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.scheme();
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

super::deserialize_from_str!(Endpoint, "a URL like http://127.0.0.1:9944 or ws://127.0.0.1:9944");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_endpoint_prints_without_path_and_query() {
        let endpoint: Endpoint = "wss://rpc.example:443/v1?apikey=s3cret".parse().unwrap();
        assert_eq!(endpoint.to_string(), "wss://rpc.example:443");
        let six: Endpoint = "http://[::1]:9944".parse().unwrap();
        assert_eq!(
            (six.host(), six.port(), six.to_string().as_str()),
            ("::1", 9944, "http://[::1]:9944")
        );
    }

    #[test]
    fn other_schemes_credentials_and_bare_words_are_refused_without_being_repeated() {
        for bad in ["ftp://a", "http://u:s3cret@a", "s3cret", "http://", "unix:///run/x"] {
            let error = bad.parse::<Endpoint>().unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".*") {
            drop(text.parse::<Endpoint>());
        }
    }
}
