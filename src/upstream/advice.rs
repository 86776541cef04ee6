//! What to do about a fault, for a person who did not write the upstream. Rooms of collectors know better where the
//! words of an upstream allow it.

use super::{Fault, Reason, Why};

impl Fault {
    /// One or two sentences.
    pub fn advice(&self) -> &'static str {
        match &self.why {
            Why::Unreachable(words) | Why::Malformed(words) if words.contains("closed the connection") => {
                "It took the connection and cut it: is it restarting or overloaded, does it allow this address, and is this \
                 the right port and scheme? Its log says more."
            }
            Why::Unreachable(words) => unreachable_advice(words),
            Why::Outside(_) => {
                "If the address is right, add its network to the key that is named. If nobody of yours put it there, find \
                 out who did: whoever reaches a monitor can."
            }
            Why::NoCredentials(_) => {
                "Name its token in the entry of this target (bearer_token_file, bearer_token_env); farmwarden \
                 example-config has the keys."
            }
            Why::Status(code, _) => status_advice(*code),
            Why::Configuration(_) => "Correct the file or variable that is named.",
            why => why.reason().advice(),
        }
    }
}

/// The system's own words tell apart what needs different hands.
fn unreachable_advice(words: &str) -> &'static str {
    let says = |part: &str| words.contains(part);
    if says("does not resolve") || says("no address") {
        "Is the name written right, and does this machine's name server (/etc/resolv.conf) or /etc/hosts know it? \
         An address in its place needs neither."
    } else if says("looked up") {
        "This machine's name server does not answer: see /etc/resolv.conf. An address needs no name server."
    } else if says("refused") {
        "The machine is there, but nothing listens on this port: is the service running, is the port the right one, \
         and does it listen on more than 127.0.0.1?"
    } else if says("no route") || says("unreachable") {
        "This machine knows no way there: is the other one switched on, is the cable in, is the address right?"
    } else {
        Reason::Unreachable.advice()
    }
}

/// Who answers, as far as the number tells.
fn status_advice(code: u16) -> &'static str {
    match code {
        300..=399 => {
            "It points to another address, which is never followed: name the right one here (https in place of http?). A \
             sign-in page in front of it answers like this, too."
        }
        429 => "It limits its clients: ask less often (`interval`), or have this machine excepted.",
        502..=504 => {
            "It is starting or overloaded, or what answers is a proxy in front of it that does not reach it: look at the \
             service first, then at the proxy."
        }
        500..=599 => "The service is there and in trouble: its log says more.",
        _ => Reason::Status.advice(),
    }
}

impl Reason {
    /// What helps in general.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => "Is the service running, and is the address the right one?",
            Self::Timeout => {
                "Nothing came back in time: a firewall that drops packets, a machine that is off, or a service that \
                 hangs. Try it from the machine itself."
            }
            Self::Tls => {
                "Is the scheme right (https only where there is TLS)? An authority of your own is trusted when its \
                 certificate is in the machine's list (/usr/local/share/ca-certificates and update-ca-certificates)."
            }
            Self::ClientCertRefused => "Does the certificate that is configured belong to this service's authority?",
            Self::Unauthorized => "Is the token or password the right one, and does it still hold?",
            Self::AuthDown => "Look at the authorisation service first.",
            Self::Forbidden => "It knows who asks and refuses: which addresses, names or permissions does it allow?",
            Self::NotFound => "Is this the right port and path, and the service in the expected version?",
            Self::Status => "Something answers, but not the service that is expected: is this the right port?",
            Self::TooLarge => "Is this the right port? No answer that is asked for is that large.",
            Self::Malformed => "Something else answers there: is this the right port, and the right scheme?",
            Self::Upstream => "The service itself is in trouble: its log says more.",
            Self::InProgress => "It answers too slowly for its interval: raise `interval`, or find out what loads it.",
            Self::Internal => "Please report it, with these lines.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(words: &str) -> &'static str {
        Fault::new("http://farm:1", "connect", Why::Unreachable(words.to_owned())).advice()
    }

    #[test]
    fn advice_follows_the_words_of_the_system() {
        assert!(advice("connection refused").contains("nothing listens"));
        assert!(advice("the name `farm` does not resolve").contains("/etc/hosts"));
        assert!(advice("no route to host").contains("cable"));
        assert_eq!(advice("something new"), Reason::Unreachable.advice());
        assert!(advice("it closed the connection without an answer").contains("cut it"));
    }

    #[test]
    fn advice_follows_the_status() {
        let advice = |code| Fault::new("http://farm:1", "GET", Why::Status(code, "")).advice();
        assert!(advice(307).contains("points to another address"));
        assert!(advice(503).contains("a proxy in front of it"));
        assert!(advice(500).contains("its log"));
        assert_eq!(advice(418), Reason::Status.advice());
    }
}
