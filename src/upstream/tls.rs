//! Trust: the machine's certificate authorities first, the bundled Mozilla list where it has none; and what rustls
//! says when it refuses, in an operator's words.
//!
//! A verification is never switched off.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WantsClientCert;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, ConfigBuilder, Error, ProtocolVersion, RootCertStore};

use super::Why;
use super::pinned::Pinned;

pub(super) fn client_config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        // An empty chroot or a minimal container: plain http must work there, and https as well as it can.
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(CertificateDer::as_ref);
        roots.add_parsable_certificates(bundled.map(|der| CertificateDer::from(der.to_vec())));
    }
    trusting(roots)
}

/// A client that trusts these authorities.
pub(super) fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    Ok(Arc::new(builder(roots)?.with_no_client_auth()))
}

/// The same, and says who it is.
pub(super) fn presenting(
    roots: RootCertStore,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ClientConfig>, String> {
    let config = builder(roots)?.with_client_auth_cert(chain, key);
    Ok(Arc::new(config.map_err(|e| format!("TLS: {e}"))?))
}

/// A client that believes these certificates and no others.
pub(super) fn pinning(certificates: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?;
    let pinned = Arc::new(Pinned::new(certificates, provider));
    let config = builder.dangerous().with_custom_certificate_verifier(pinned);
    Ok(Arc::new(config.with_no_client_auth()))
}

fn builder(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?;
    Ok(builder.with_root_certificates(roots))
}

/// Why a handshake failed.
pub(super) fn handshake_why(error: &std::io::Error) -> Why {
    match inside(error) {
        Some(error) => why(error),
        None => Why::Tls(format!(
            "it ended the TLS handshake ({})",
            crate::values::io_words(error)
        )),
    }
}

/// rustls' errors travel inside io errors, sometimes two deep, and `source()` looks past them.
pub(super) fn inside(error: &std::io::Error) -> Option<&Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| inside(inner.downcast_ref()?))
}

/// What rustls found, in words.
pub(super) fn why(error: &Error) -> Why {
    match error {
        Error::InvalidMessage(_) => Why::Tls("it does not speak TLS on this port (is it plain http?)".to_owned()),
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied,
        ) => Why::ClientCertRefused,
        Error::InvalidCertificate(refused) => Why::Tls(certificate_words(refused)),
        other => Why::Tls(format!("TLS: {other}")),
    }
}

fn certificate_words(refused: &CertificateError) -> String {
    match refused {
        CertificateError::ExpiredContext { time, not_after } => {
            let since = time.as_secs().saturating_sub(not_after.as_secs());
            format!("its certificate expired {} ago", days(Duration::from_secs(since)))
        }
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; is the clock of this machine right?".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for {} but for {}",
            expected.to_str(),
            presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ")
        ),
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::ApplicationVerificationFailure => {
            "its certificate is another one than the one that it is known by; was it renewed?".to_owned()
        }
        CertificateError::UnknownIssuer => "its certificate is signed by nobody whom this machine trusts".to_owned(),
        other => format!("its certificate is refused: {other}"),
    }
}

/// rustls writes presented names as `DnsName("farm.test")`.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

/// The day is the unit of certificates.
pub(super) fn days(length: Duration) -> String {
    match length.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

pub(super) const fn version(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_3 => "TLS 1.3",
        ProtocolVersion::TLSv1_2 => "TLS 1.2",
        _ => "TLS",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_client_can_be_built_whatever_the_machine_has() {
        assert!(super::client_config().is_ok());
    }
}
