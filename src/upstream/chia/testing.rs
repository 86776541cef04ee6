//! For tests: certificates of two farms, and a service that is spoken to over mutual TLS.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Certificates, Identity};
use crate::values::HostPort;

pub(crate) fn fixture(name: &str) -> PathBuf {
    let room = concat!(env!("CARGO_MANIFEST_DIR"), "/src/upstream/chia/fixtures");
    PathBuf::from(room).join(name)
}

/// Those of `farm` or of `other`.
pub(crate) fn certificates(farm: &str) -> Certificates {
    Certificates {
        authority: fixture(&format!("{farm}-ca.crt")),
        certificate: fixture(&format!("{farm}-leaf.crt")),
        key: fixture(&format!("{farm}-leaf-pkcs8.key")),
    }
}

pub(crate) fn identity(farm: &str) -> Arc<Identity> {
    Arc::new(Identity::read("farm-1", &certificates(farm)).unwrap())
}

/// A listener of a farm that accepts its own certificates only, as chia's services do.
pub(crate) struct Door {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Door {
    pub(crate) async fn of(farm: &str) -> Self {
        let pem = |name: String| CertificateDer::from_pem_file(fixture(&name)).unwrap();
        let (authority, leaf) = (pem(format!("{farm}-ca.crt")), pem(format!("{farm}-leaf.crt")));
        let key = PrivateKeyDer::from_pem_file(fixture(&format!("{farm}-leaf-pkcs8.key"))).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(vec![leaf, authority], key)
            .unwrap();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    pub(crate) fn place(&self) -> HostPort {
        self.listener.local_addr().unwrap().to_string().parse().unwrap()
    }

    /// The next client that is let in.
    pub(crate) async fn next(&self) -> TlsStream<TcpStream> {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return stream;
            }
        }
    }
}
