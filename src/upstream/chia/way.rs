//! The way to a service of a farm: connection, mutual TLS, and what went wrong on it in an operator's words.

use std::io::ErrorKind as Kind;
use std::sync::Arc;
use std::time::Duration;

use rustls::{CertificateError, Error};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::{Fault, Upstream, Why, tls};
use super::Identity;
use super::identity::server_name;
use crate::values::{self, HostPort};

/// Who is dialled, and as whom. What is said on the connection is no matter of this.
#[derive(Clone, Debug)]
pub struct Way {
    pub(super) upstream: Upstream,
    pub(super) place: HostPort,
    pub(super) identity: Arc<Identity>,
    /// How faults name it.
    pub(super) who: String,
}

impl Way {
    pub fn new(upstream: &Upstream, identity: &Arc<Identity>, scheme: &str, place: &HostPort) -> Self {
        Self {
            upstream: upstream.clone(),
            place: place.clone(),
            identity: Arc::clone(identity),
            who: format!("{scheme}://{place}"),
        }
    }

    /// How faults name it.
    pub fn who(&self) -> &str {
        &self.who
    }

    pub fn place(&self) -> &HostPort {
        &self.place
    }

    pub(super) fn fault(&self, operation: &str, why: Why) -> Fault {
        Fault::new(&self.who, operation, why)
    }

    /// A connection. A farm's service refuses a client's certificate only after this.
    pub async fn dial(&self, within: Duration) -> Result<TlsStream<TcpStream>, Fault> {
        let (host, port) = (self.place.host(), self.place.port());
        let tcp = self.upstream.resolver.connect(&self.who, host, port, within).await?;
        let fault = |why| self.fault("TLS handshake", why);
        let connector = TlsConnector::from(Arc::clone(&self.identity.tls));
        let name = server_name().map_err(fault)?;
        let shaken = connector.connect(name, tcp).await;
        shaken.map_err(|error| fault(handshake_why(&error)))
    }
}

fn handshake_why(error: &std::io::Error) -> Why {
    match tls::inside(error) {
        // All authorities of chia have the same name, so a strange one does not look unknown but wrong.
        Some(Error::InvalidCertificate(CertificateError::BadSignature | CertificateError::UnknownIssuer)) => Why::Tls(
            "its certificate is not signed by the authority that is configured: is that the private_ca.crt of this \
             very farm?"
                .to_owned(),
        ),
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => {
            Why::Tls("its certificate is not one of chia, which are for chia.net: is this the right port?".to_owned())
        }
        _ => tls::handshake_why(error),
    }
}

/// What it means that a fresh connection ended before a single byte came. TLS 1.3 lets a client go on before the server
/// has looked at its certificate, so a refusal looks like this.
pub fn ended_unheard(error: &(dyn std::error::Error + 'static)) -> Option<Why> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<Error>() {
            return Some(refusal(error));
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if let Some(error) = tls::inside(io) {
                return Some(refusal(error));
            }
            return Some(match io.kind() {
                Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted => {
                    Why::ClientCertRefused
                }
                _ => Why::Unreachable(values::io_words(io)),
            });
        }
        next = cause.source();
    }
    None
}

/// The handshake was over for us, so what it still complains about is our certificate.
fn refusal(error: &Error) -> Why {
    match error {
        Error::AlertReceived(_) => Why::ClientCertRefused,
        other => tls::why(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::AlertDescription;
    use rustls::pki_types::UnixTime;

    use super::*;

    /// As a connection hands on what its TLS found.
    fn on_the_way(error: Error) -> io::Error {
        io::Error::new(Kind::InvalidData, error)
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_certificate_has_words_of_its_own() {
        let at = |days: u64| UnixTime::since_unix_epoch(Duration::from_secs(days * 86_400));
        let expired = CertificateError::ExpiredContext {
            time: at(90),
            not_after: at(20),
        };
        for (error, words) in [
            (
                CertificateError::BadSignature,
                "is that the private_ca.crt of this very farm?",
            ),
            (
                CertificateError::UnknownIssuer,
                "is that the private_ca.crt of this very farm?",
            ),
            (
                CertificateError::NotValidForName,
                "is not one of chia, which are for chia.net",
            ),
            (expired, "its certificate expired 70 days ago"),
            (
                CertificateError::NotValidYet,
                "its certificate is not valid yet; is the clock of this machine right?",
            ),
        ] {
            let told = handshake_why(&on_the_way(Error::InvalidCertificate(error)));
            assert!(
                matches!(&told, Why::Tls(_)) && told.to_string().contains(words),
                "{told}"
            );
        }
    }

    #[test]
    fn an_end_before_the_first_byte_is_a_refusal_of_our_certificate() {
        let refused = [
            io::Error::from(Kind::UnexpectedEof),
            io::Error::from(Kind::ConnectionReset),
            on_the_way(Error::AlertReceived(AlertDescription::CertificateRequired)),
        ];
        for error in refused {
            assert_eq!(ended_unheard(&error), Some(Why::ClientCertRefused), "{error}");
        }
        let other = io::Error::from(Kind::HostUnreachable);
        assert!(matches!(ended_unheard(&other), Some(Why::Unreachable(_))));
        assert_eq!(ended_unheard(&std::fmt::Error), None);
    }
}
