//! Our own server over TLS: certificates of both sides, and clients that never finish a handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::{PATIENCE, Reply, Setup, Warden, exchange};

/// An authority and what it has signed.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.as_ref().der().clone()
    }

    fn sign(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        Identity {
            certificate: params.signed_by(&key, &self.0).unwrap().der().clone(),
            key,
        }
    }
}

/// A directory with the certificates of a server, and a web.yml.
struct Farm {
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Farm {
    /// `tls` is what follows in `tls_server_config`, `rest` what follows that; the authority is in `authority.crt`.
    fn new(tls: &str, rest: &str) -> Self {
        let farm = Self {
            directory: tempfile::tempdir().unwrap(),
            authority: Authority::new(),
        };
        std::fs::write(farm.path("authority.crt"), farm.authority.0.as_ref().pem()).unwrap();
        farm.renew();
        let text = format!("tls_server_config:\n  cert_file: farm.crt\n  key_file: farm.key\n{tls}{rest}");
        std::fs::write(farm.path("web.yml"), text).unwrap();
        farm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Another certificate for the server.
    fn renew(&self) {
        let server = self.authority.sign("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        write_pem(&self.path("farm.crt"), &server.certificate);
        std::fs::write(self.path("farm.key"), server.key.serialize_pem()).unwrap();
    }

    async fn start(&self) -> Warden {
        Setup::with_web(&self.path("web.yml")).start().await
    }

    fn client(
        &self,
        identity: Option<&Identity>,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
                builder
                    .with_client_auth_cert(vec![identity.certificate.clone()], key)
                    .unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

fn write_pem(path: &Path, certificate: &CertificateDer<'_>) {
    let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate);
    let text = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    std::fs::write(path, text).unwrap();
}

const VERSIONS: &[&rustls::SupportedProtocolVersion] = rustls::ALL_VERSIONS;

/// Nothing when the server ends the connection, in the handshake or (TLS 1.3) after it.
async fn ask(warden: &Warden, client: &TlsConnector, headers: &str) -> Option<Reply> {
    let stream = TcpStream::connect(warden.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio::time::timeout(PATIENCE, client.connect(name, stream))
        .await
        .unwrap()
        .ok()?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    exchange(stream, request.as_bytes()).await
}

#[tokio::test]
async fn every_client_auth_type_lets_in_whom_it_should() {
    const CA: &str = "  client_ca_file: authority.crt\n";
    let own_name = "  client_allowed_sans: [prometheus.farm]\n";
    let other_name = "  client_allowed_sans: [grafana.farm]\n";
    // Whom it lets in: without a certificate, with one of the authority, with one of a stranger.
    for (kind, more, expected) in [
        ("NoClientCert", String::new(), [true, true, true]),
        ("RequestClientCert", String::new(), [true, true, true]),
        ("RequireAnyClientCert", String::new(), [false, true, true]),
        ("RequireClientCert", String::new(), [false, true, true]),
        ("VerifyClientCertIfGiven", CA.to_owned(), [true, true, false]),
        ("RequireAndVerifyClientCert", CA.to_owned(), [false, true, false]),
        (
            "RequireAndVerifyClientCert",
            format!("{CA}{own_name}"),
            [false, true, false],
        ),
        (
            "RequireAndVerifyClientCert",
            format!("{CA}{other_name}"),
            [false, false, false],
        ),
        ("RequestClientCert", own_name.to_owned(), [false, true, true]),
        ("RequireAnyClientCert", other_name.to_owned(), [false, false, false]),
        // Authorities of this machine: ours is none of them.
        ("VerifyClientCertIfGiven", String::new(), [true, false, false]),
    ] {
        let farm = Farm::new(&format!("  client_auth_type: {kind}\n{more}"), "");
        let warden = farm.start().await;
        let known = farm
            .authority
            .sign("prometheus.farm", ExtendedKeyUsagePurpose::ClientAuth);
        let stranger = Authority::new().sign("prometheus.farm", ExtendedKeyUsagePurpose::ClientAuth);
        for version in VERSIONS {
            let mut answered = Vec::new();
            for identity in [None, Some(&known), Some(&stranger)] {
                let reply = ask(&warden, &farm.client(identity, &[version]), "").await;
                answered.push(reply.is_some_and(|reply| reply.status == 200));
            }
            assert_eq!(answered, expected, "{kind} {more} {version:?}");
        }
    }
}

#[tokio::test]
async fn versions_that_are_excluded_are_not_spoken() {
    let (twelve, thirteen) = (&rustls::version::TLS12, &rustls::version::TLS13);
    for (settings, expected) in [
        ("", [true, true]),
        ("  min_version: TLS13\n", [false, true]),
        ("  max_version: TLS12\n", [true, false]),
        ("  min_version: TLS10\n  max_version: TLS11\n", [true, false]),
    ] {
        let farm = Farm::new(settings, "");
        let warden = farm.start().await;
        let with_12 = ask(&warden, &farm.client(None, &[twelve]), "").await.is_some();
        let with_13 = ask(&warden, &farm.client(None, &[thirteen]), "").await.is_some();
        assert_eq!([with_12, with_13], expected, "{settings}");
    }
}

#[tokio::test]
async fn plain_http_is_told_to_write_https() {
    let farm = Farm::new("", "");
    let warden = farm.start().await;
    let reply = warden.get("/metrics").await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("https://"), "{}", reply.text());
    assert_eq!(
        ask(&warden, &farm.client(None, VERSIONS), "").await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_renewed_certificate_is_used_for_new_connections() {
    let farm = Farm::new("", "");
    let warden = farm.start().await;
    let certificate = async || {
        let stream = TcpStream::connect(warden.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = farm.client(None, VERSIONS).connect(name, stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let before = certificate().await;
    assert_eq!(certificate().await, before);
    farm.renew();
    let started = tokio::time::Instant::now();
    while certificate().await == before {
        assert!(started.elapsed() < PATIENCE, "the old certificate stays");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn slow_headers_and_half_open_handshakes_do_not_delay_a_scrape() {
    let users = format!("basic_auth_users: {{ada: '{}'}}\n", bcrypt::hash("right", 4).unwrap());
    let farm = Farm::new("", &users);
    let warden = farm.start().await;
    let client = farm.client(None, VERSIONS);
    let mut slow = Vec::new();
    let mut half_open = Vec::new();
    for number in 0..200 {
        let stream = TcpStream::connect(warden.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = client.connect(name, stream).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: lo").await.unwrap();
        slow.push(stream);
        let mut stream = TcpStream::connect(warden.address).await.unwrap();
        if number % 2 == 0 {
            // The beginning of a handshake record, and no more.
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        half_open.push(stream);
    }
    let authorization = "Authorization: Basic YWRhOnJpZ2h0\r\n";
    for _ in 0..20 {
        let reply = ask(&warden, &client, authorization).await.unwrap();
        assert_eq!(reply.status, 200);
        // All of them were there meanwhile: it was not waited until they had been sent away.
        let open = reply
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("farmwarden_http_connections "));
        let open: u32 = open.unwrap().parse().unwrap();
        assert!(open > 400, "{open}");
    }
}
