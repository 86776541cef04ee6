//! The way against listeners of our own: nothing there, no TLS there, certificates of every wrong kind.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;

use super::*;
use crate::upstream::{dns, http};

/// 2026-01-01.
const NOW: UnixTime = UnixTime::from_millis(1_767_225_600_000);

/// An authority, and a client that trusts it.
struct Trust {
    authority: CertifiedIssuer<'static, KeyPair>,
    upstream: Upstream,
}

fn trust() -> Trust {
    trust_in("Farm authority")
}

fn trust_in(authority: &str) -> Trust {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, authority);
    let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let tls = tls::trusting(roots).unwrap();
    let resolver = dns::Resolver::from_system().unwrap();
    let http = http::client(&resolver, &tls, http::Connections::Kept).unwrap();
    Trust {
        authority,
        upstream: Upstream {
            resolver,
            http,
            tls,
            large: Arc::new(tokio::sync::Semaphore::new(1)),
        },
    }
}

/// Serves one handshake with a certificate of the authority; gives the endpoint.
async fn server(trust: &Trust, name: &str, last_year: i32) -> Endpoint {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(last_year, 12, 31);
    let certificate = parameters.signed_by(&key, &trust.authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        drop(tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream).await);
    });
    format!("https://localhost:{port}").parse().unwrap()
}

/// The last step as `name: words`.
async fn last(upstream: &Upstream, endpoint: &Endpoint) -> String {
    let step = walk(upstream, endpoint, NOW).await.pop().unwrap();
    match step.outcome {
        Ok(words) => format!("{}: {words}", step.name),
        Err(fault) => format!("{} fails: {}", step.name, fault.why),
    }
}

#[tokio::test]
async fn a_trusted_certificate_is_described() {
    let trust = trust();
    let words = last(&trust.upstream, &server(&trust, "localhost", 2099).await).await;
    // 2026-01-01 to 2099-12-31.
    assert_eq!(
        words,
        "tls: TLS 1.3, issued by Farm authority, for localhost, expires in 27027 days"
    );
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_said() {
    let words = last(
        &trust().upstream,
        &server(&trust_in("Another"), "localhost", 2099).await,
    )
    .await;
    assert_eq!(
        words,
        "tls fails: its certificate is signed by nobody whom this machine trusts"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_names_both() {
    let trust = trust();
    let words = last(&trust.upstream, &server(&trust, "farm.test", 2099).await).await;
    assert_eq!(
        words,
        "tls fails: its certificate is not for localhost but for farm.test"
    );
}

#[tokio::test]
async fn an_expired_certificate_says_since_when() {
    let trust = trust();
    let words = last(&trust.upstream, &server(&trust, "localhost", 2021).await).await;
    assert!(
        words.starts_with("tls fails: its certificate expired ") && words.ends_with(" days ago"),
        "{words}"
    );
}

#[tokio::test]
async fn nothing_there_ends_with_the_connection() {
    let words = last(&trust().upstream, &"http://127.0.0.1:1".parse().unwrap()).await;
    assert_eq!(words, "connect fails: connection refused");
}

#[tokio::test]
async fn without_tls_the_way_has_two_steps() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let steps = walk(&trust().upstream, &format!("ws://{address}").parse().unwrap(), NOW).await;
    let names: Vec<_> = steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["name", "connect"]);
    assert_eq!(steps[0].outcome.as_deref(), Ok("an address, nothing to look up"));
    assert_eq!(steps[1].outcome, Ok(format!("to {address}")));
}

#[tokio::test]
async fn a_name_that_nobody_knows_ends_the_way_at_once() {
    let steps = walk(
        &trust().upstream,
        &"http://no-such-host.invalid:80".parse().unwrap(),
        NOW,
    )
    .await;
    assert_eq!(steps.len(), 1);
    assert!(steps[0].outcome.is_err(), "{steps:?}");
}

#[tokio::test]
async fn plain_http_is_told_from_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
    });
    let words = last(&trust().upstream, &format!("https://{address}").parse().unwrap()).await;
    assert_eq!(
        words,
        "tls fails: it does not speak TLS on this port (is it plain http?)"
    );
}
