use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::testing::{Door, identity};
use super::*;
use crate::upstream::Reason;

const WITHIN: Duration = Duration::from_secs(5);
const CAP: Size = Size::from_bytes(1 << 20);

fn client(farm: &str, place: &HostPort) -> ChiaRpc {
    let upstream = Upstream::from_system().unwrap();
    ChiaRpc::new(&upstream, &identity(farm), Service::Farmer, place, (WITHIN, CAP))
}

fn response(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A farmer that gives these answers, one after the other, on one connection; it gives back what it was asked.
fn serve(door: Door, answers: Vec<String>) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut stream = door.next().await;
        let mut asked = Vec::new();
        for answer in answers {
            let mut request = String::new();
            // Head and body may come apart.
            while !request.ends_with('}') {
                let mut piece = [0; 4096];
                let length = stream.read(&mut piece).await.unwrap();
                assert!(length > 0, "the client hung up: {request}");
                request += std::str::from_utf8(&piece[..length]).unwrap();
            }
            asked.push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
        asked
    })
}

async fn refused(answer: String) -> Fault {
    let door = Door::of("farm").await;
    let rpc = client("farm", &door.place());
    let served = serve(door, vec![answer]);
    let fault = rpc.ask(&Call::HarvestersSummary).await.unwrap_err();
    served.await.unwrap();
    fault
}

#[tokio::test]
async fn calls_follow_one_another_on_one_connection() {
    let door = Door::of("farm").await;
    let rpc = client("farm", &door.place());
    let good = response("200 OK", r#"{"success": true, "harvesters": []}"#);
    let served = serve(door, vec![good.clone(), good]);
    let answer = rpc.ask(&Call::HarvestersSummary).await.unwrap();
    assert!(answer.starts_with(b"{\"success\""));
    rpc.ask(&Call::PoolState).await.unwrap();
    let asked = served.await.unwrap();
    assert!(
        asked[0].starts_with("POST /get_harvesters_summary HTTP/1.1\r\n"),
        "{}",
        asked[0]
    );
    assert!(asked[0].ends_with("\r\n\r\n{}"), "{}", asked[0]);
    assert!(asked[1].starts_with("POST /get_pool_state "), "{}", asked[1]);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_made_anew() {
    let door = Door::of("farm").await;
    let rpc = client("farm", &door.place());
    let served = tokio::spawn(async move {
        for _ in 0..2 {
            let mut stream = door.next().await;
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let good = response("200 OK", r#"{"success": true}"#);
            stream.write_all(good.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    for _ in 0..2 {
        rpc.ask(&Call::PoolState).await.unwrap();
    }
    served.await.unwrap();
}

#[tokio::test]
async fn a_refused_client_certificate_is_called_that() {
    let door = Door::of("farm").await;
    // Trusts the farm, but comes with a certificate of another.
    let mut stranger = Identity::clone(&identity("other"));
    stranger.tls = trusting_the_farm_as_the_other();
    let upstream = Upstream::from_system().unwrap();
    let place = door.place();
    let rpc = ChiaRpc::new(&upstream, &Arc::new(stranger), Service::Farmer, &place, (WITHIN, CAP));
    let turned_away = tokio::spawn(async move { door.next().await });
    let fault = rpc.ask(&Call::PoolState).await.unwrap_err();
    turned_away.abort();
    assert_eq!(fault.reason(), Reason::ClientCertRefused, "{fault}");
}

fn trusting_the_farm_as_the_other() -> Arc<rustls::ClientConfig> {
    use super::super::testing::fixture;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(fixture("farm-ca.crt")).unwrap())
        .unwrap();
    let chain = vec![CertificateDer::from_pem_file(fixture("other-leaf.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(fixture("other-leaf-pkcs8.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(config.with_client_auth_cert(chain, key).unwrap())
}

#[tokio::test]
async fn the_authority_of_another_farm_is_told_as_such() {
    let door = Door::of("farm").await;
    let rpc = client("other", &door.place());
    let turned_away = tokio::spawn(async move { door.next().await });
    let fault = rpc.ask(&Call::PoolState).await.unwrap_err();
    turned_away.abort();
    assert_eq!(fault.reason(), Reason::Tls);
    assert!(
        fault.to_string().contains("private_ca.crt of this very farm"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_connection_that_ends_without_a_byte_is_a_refusal() {
    let door = Door::of("farm").await;
    let rpc = client("farm", &door.place());
    let served = tokio::spawn(async move {
        let mut stream = door.next().await;
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        // As chia does: without a farewell of TLS.
        drop(stream.into_inner().0);
    });
    let fault = rpc.ask(&Call::PoolState).await.unwrap_err();
    served.await.unwrap();
    assert_eq!(fault.reason(), Reason::ClientCertRefused, "{fault}");
}

#[tokio::test]
async fn errors_of_every_release_are_told_without_paths_and_tracebacks() {
    for (body, expected) in [
        (
            r#"{"success": false, "error": "x: /home/u/plots/p.plot is gone"}"#,
            "x: … is gone",
        ),
        (
            include_str!("../fixtures/2.7.5/error.unknown_node_id.json"),
            "Receiver missing for …",
        ),
        (
            include_str!("../fixtures/2.7.5/error.structured.json"),
            "Invalid request. newer_block_header_hash and older_block_header_hash required",
        ),
        (r#"{"success": false}"#, "it says no success, and not why"),
    ] {
        let fault = refused(response("200 OK", body)).await;
        assert_eq!(fault.reason(), Reason::Upstream);
        assert!(fault.to_string().ends_with(expected), "{fault}");
    }
}

#[tokio::test]
async fn what_is_no_answer_has_its_own_reason() {
    for (answer, reason) in [
        (response("404 Not Found", "404: Not Found"), Reason::NotFound),
        (response("500 Internal Server Error", "500"), Reason::Status),
        (response("200 OK", "<html>"), Reason::Malformed),
        (response("200 OK", "{}"), Reason::Malformed),
        ("SSH-2.0-x\r\n\r\n".to_owned(), Reason::Malformed),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n".to_owned(),
            Reason::TooLarge,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{".to_owned(),
            Reason::Malformed,
        ),
    ] {
        assert_eq!(refused(answer.clone()).await.reason(), reason, "{answer}");
    }
}

#[tokio::test]
async fn a_service_that_is_frozen_takes_the_deadline_and_no_longer() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = silent.local_addr().unwrap().to_string().parse().unwrap();
    let rpc = client("farm", &place).with((Duration::from_millis(50), CAP));
    let fault = rpc.ask(&Call::PoolState).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::Timeout, "{fault}");
}

#[tokio::test]
async fn a_call_of_another_service_is_not_sent() {
    let rpc = client("farm", &"127.0.0.1:1".parse().unwrap());
    let fault = rpc.ask(&Call::WalletBalance).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::Internal);
}
