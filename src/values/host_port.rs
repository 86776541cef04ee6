//! A host and a port, for protocols that have no path.

use std::fmt;
use std::str::FromStr;

/// `10.0.0.9:6379`, `redis-q:6379` or `[fd00::9]:6379`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// A name or an address; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated: it may hold a password by mistake.
        let wrong = || "a host and a port are expected, like 10.0.0.9:6379, without a password or path".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').filter(|inner| inner.contains(':')),
            None => Some(host).filter(|host| !host.contains(':')),
        };
        let sound = |host: &&str| match host.parse::<std::net::IpAddr>() {
            Ok(_) => true,
            Err(_) => host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
        };
        let host = host.filter(|host| (1..=253).contains(&host.len()) && sound(host));
        match (host, port.parse()) {
            (Some(host), Ok(port)) if port != 0 => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

super::deserialize_from_str!(HostPort, "a host and a port like 10.0.0.9:6379");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_of_every_kind_are_read() {
        for good in ["10.0.0.9:6379", "redis-q:63792", "[fd00::9]:1"] {
            assert_eq!(good.parse::<HostPort>().unwrap().to_string(), good);
        }
    }

    #[test]
    fn anything_else_is_refused_without_being_repeated() {
        for bad in [
            "s3cret",
            "redis://s3cret@h:1",
            "s3cret@h:1",
            "fd00::9:1",
            "[h]:1",
            "h:0",
            "h:65536",
            ":1",
            "h:",
        ] {
            let error = bad.parse::<HostPort>().unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_value_that_is_read_back_or_an_error(text in ".*") {
            if let Ok(place) = text.parse::<HostPort>() {
                prop_assert_eq!(place.to_string().parse::<HostPort>(), Ok(place));
            }
        }
    }
}
