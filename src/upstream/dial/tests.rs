//! Against a listener of our own that wants a certificate, as a Docker engine on the network does.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const WITHIN: Duration = Duration::from_secs(10);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `localhost` and its key.
fn issued(authority: &Authority) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (parameters.signed_by(&key, authority).unwrap(), key)
}

/// Says `well` to those who have a certificate of the authority; gives the port.
async fn server(authority: &Authority) -> u16 {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (certificate, key) = issued(authority);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        )
        .unwrap();
    says_well(config).await
}

/// Says `well` to whom this lets in; gives the port.
async fn says_well(config: ServerConfig) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let accepted = tokio_rustls::TlsAcceptor::from(Arc::new(config.clone()))
                .accept(stream)
                .await;
            if let Ok(mut stream) = accepted {
                stream.write_all(b"well").await.unwrap();
                stream.shutdown().await.unwrap();
            }
        }
    });
    port
}

struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn client(&self, authority: &Authority) -> (PathBuf, PathBuf) {
        let (certificate, key) = issued(authority);
        (
            self.write("cert.pem", &certificate.pem()),
            self.write("key.pem", &key.serialize_pem()),
        )
    }
}

async fn heard(port: u16, trust: &Trust) -> Result<String, String> {
    let upstream = Upstream::from_system().unwrap();
    let dialled = upstream.dial("engine", ("localhost", port), Some(trust), WITHIN).await;
    let mut stream = dialled.map_err(|fault| fault.to_string())?;
    let mut text = String::new();
    let read = stream.read_to_string(&mut text).await;
    read.map(|_| text).map_err(|e| tls::handshake_why(&e).to_string())
}

#[tokio::test]
async fn who_has_a_certificate_of_the_authority_is_let_in_and_nobody_else() {
    let (ours, other, files) = (authority(), authority(), Files::new());
    let port = server(&ours).await;
    let ca_file = files.write("ca.pem", &ours.pem());
    let read = |client| {
        let ca_file = ca_file.clone();
        Trust::read(&TrustFiles { ca_file, client }).unwrap()
    };
    assert_eq!(heard(port, &read(Some(files.client(&ours)))).await.unwrap(), "well");
    let refused = "it refused our client certificate".to_owned();
    assert_eq!(heard(port, &read(None)).await.unwrap_err(), refused);
    assert!(heard(port, &read(Some(files.client(&other)))).await.is_err());
}

#[tokio::test]
async fn only_the_authority_that_is_named_is_trusted() {
    let (ours, other, files) = (authority(), authority(), Files::new());
    let port = server(&ours).await;
    let ca_file = files.write("ca.pem", &other.pem());
    let trust = Trust::read(&TrustFiles { ca_file, client: None }).unwrap();
    let words = heard(port, &trust).await.unwrap_err();
    assert!(words.starts_with("engine: connect: its certificate is"), "{words}");
}

#[test]
fn files_that_hold_something_else_are_named_and_not_shown() {
    let (ours, files) = (authority(), Files::new());
    let ca_file = files.write("ca.pem", &ours.pem());
    let (certificate, key) = files.client(&ours);
    let wrong = files.write("s3cret.txt", "s3cret-words");
    for (ca_file, client, part) in [
        (wrong.clone(), None, "holds no certificate in PEM"),
        (
            ca_file.clone(),
            Some((certificate.clone(), wrong.clone())),
            "holds no private key",
        ),
        (
            ca_file.clone(),
            Some((wrong, key.clone())),
            "holds no certificate in PEM",
        ),
        (
            ca_file,
            Some((certificate, "/no/such/key.pem".into())),
            "cannot be read: no such file",
        ),
    ] {
        let words = Trust::read(&TrustFiles { ca_file, client }).unwrap_err();
        assert!(words.contains(part) && !words.contains("s3cret-words"), "{words}");
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_whatever_stands_in_it_and_no_other_is() {
    let (ours, files) = (authority(), Files::new());
    let key = PrivateKeyDer::from_pem_slice(ours.key().serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Its own authority and without a name, as people make them.
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![ours.der().clone()], key)
        .unwrap();
    let port = says_well(config).await;
    let pinned = Trust::pinned(&files.write("pinned.pem", &ours.pem())).unwrap();
    assert_eq!(heard(port, &pinned).await.unwrap(), "well");
    let both = format!("{}{}", authority().pem(), ours.pem());
    let renewed = Trust::pinned(&files.write("both.pem", &both)).unwrap();
    assert_eq!(heard(port, &renewed).await.unwrap(), "well");
    let other = Trust::pinned(&files.write("other.pem", &authority().pem())).unwrap();
    let words = heard(port, &other).await.unwrap_err();
    assert!(
        words.contains("another one than the one that it is known by"),
        "{words}"
    );
}
