//! Trust: the machine's certificate authorities first, the bundled Mozilla list where it has none.
//!
//! A verification is never switched off.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

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
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_client_can_be_built_whatever_the_machine_has() {
        assert!(super::client_config().is_ok());
    }
}
