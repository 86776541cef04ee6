//! The HTTP side: formats, limits, start and stop.

use std::io::Read as _;
use std::time::Duration;

use farmwarden::clock::Clock;
use simfarm::substrate::Node;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{PATIENCE, Setup, Warden, exchange, from_elsewhere};

#[tokio::test]
async fn the_format_follows_the_accept_header_and_always_has_its_content_type() {
    let warden = Warden::start("").await;
    let plain = warden.get("/metrics").await;
    assert_eq!(
        plain.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert!(
        plain.text().contains("# TYPE farmwarden_build_info gauge\n"),
        "{}",
        plain.text()
    );
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";
    let open = warden.ask("GET", "/metrics", accept).await;
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text().contains("# TYPE farmwarden_build info\n") && open.text().ends_with("# EOF\n"));
    assert_eq!(open.text().matches("# EOF").count(), 1);
}

#[tokio::test]
async fn gzip_is_sent_to_those_who_accept_it() {
    let warden = Warden::start("").await;
    let packed = warden.ask("GET", "/metrics", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.contains("farmwarden_build_info{"));
    assert_eq!(warden.get("/metrics").await.header("content-encoding"), None);
}

#[tokio::test]
async fn head_has_the_length_and_no_body_and_other_routes_say_what_there_is() {
    let warden = Warden::start("").await;
    let head = warden.ask("HEAD", "/-/healthy", "").await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (200, Some("16"), 0)
    );
    let missing = warden.get("/metric").await;
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("/metrics"));
    let post = warden.ask("POST", "/metrics", "").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn large_headers_and_bodies_are_refused() {
    let warden = Warden::start("").await;
    let long = format!("X-Long: {}\r\n", "x".repeat(100_000));
    assert_eq!(warden.ask("GET", "/metrics", &long).await.status, 431);
    assert_eq!(
        warden
            .ask("GET", "/metrics", "Content-Length: 10000000\r\n")
            .await
            .status,
        413
    );
    assert_eq!(warden.raw(b"nonsense\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn it_is_ready_after_the_first_round_of_every_target_and_not_before() {
    let silent = Node::start("127.0.0.1:0").await.unwrap();
    silent.set(serde_json::json!({"incident": "silent"})).await.unwrap();
    let config = format!(
        "collectors:\n  phala:\n    - name: silent\n      para: http://{}\n      interval: 4s\n      timeout: 3s\n",
        silent.addr()
    );
    let warden = Warden::start(&config).await;
    let before = warden.get("/-/ready").await;
    assert_eq!(before.status, 503);
    assert!(before.text().contains("silent/para"), "{}", before.text());
    assert_eq!(warden.get("/-/healthy").await.status, 200);
    warden
        .page_with("farmwarden_target_up{collector=\"phala\",target=\"silent\",part=\"para\"} 0")
        .await;
    assert_eq!(warden.get("/-/ready").await.status, 200);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let first = Warden::start("").await;
    let second = Setup {
        listen: first.address,
        ..Setup::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let words = second.app(directory.path()).await.err().unwrap();
    let expected = format!(
        "cannot listen on {}: address already in use: another program",
        first.address
    );
    assert!(words.starts_with(&expected), "{words}");
}

#[tokio::test]
async fn it_stops_within_a_second_whatever_hangs_and_the_port_is_free_at_once() {
    let silent = Node::start("127.0.0.1:0").await.unwrap();
    silent.set(serde_json::json!({"incident": "silent"})).await.unwrap();
    let config = format!(
        "collectors:\n  phala:\n    - name: a\n      para: http://{0}\n      relay: ws://{0}\n",
        silent.addr()
    );
    let warden = Warden::start(&config).await;
    let address = warden.address;
    let mut half_open = TcpStream::connect(address).await.unwrap();
    half_open.write_all(b"GET /metrics HTTP/1.1\r\nHost:").await.unwrap();
    let idle = TcpStream::connect(address).await.unwrap();
    warden.page_with("reason=\"timeout\"} 0").await;
    let took = warden.stop().await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let again = Warden::start_at(address, "", Clock::system()).await;
    assert_eq!(again.get("/-/healthy").await.status, 200);
    drop((half_open, idle));
}

#[tokio::test]
async fn clients_that_only_connect_do_not_keep_others_out_for_long() {
    let warden = Warden::start("").await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(warden.address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").await.unwrap();
        idle.push(stream);
    }
    assert_eq!(warden.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn clients_that_ask_and_do_not_read_are_bounded_and_do_not_keep_others_out() {
    let mut config = String::from("collectors:\n  phala:\n");
    // A page larger than what the kernel takes from us for a client that does not read.
    for number in 0..4_000 {
        let entry = format!(
            "    - {{name: a-name-that-is-as-long-as-it-may-be-for-a-large-page-{number:04}, para: 'http://127.0.0.1:1'}}\n"
        );
        config += &entry;
    }
    let warden = Warden::start(&config).await;
    let size = warden.page().await.len();
    assert!(size > 6_000_000, "{size}");
    let mut greedy = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(warden.address).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        // The first byte of the answer says that the page is on its way.
        stream.readable().await.unwrap();
        greedy.push(stream);
    }
    // From another address at once, and without waiting for any of them to go.
    let scrape = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for _ in 0..3 {
        let page = exchange(from_elsewhere(&warden).await, scrape).await.unwrap();
        assert_eq!((page.status, page.body.len() > size / 2), (200, true));
    }
    let cut = "farmwarden_http_requests_refused_total{reason=\"slow_reader\"} ";
    let page = exchange(from_elsewhere(&warden).await, scrape).await.unwrap();
    assert!(!page.text().contains(&format!("{cut}0\n")), "nobody was cut");
    // From their own as soon as they have had their time.
    let started = tokio::time::Instant::now();
    while warden.get("/metrics").await.status != 200 {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(greedy);
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_and_counted() {
    let warden = Warden::start("").await;
    let mut open = Vec::new();
    for _ in 0..512 {
        open.push(TcpStream::connect(warden.address).await.unwrap());
    }
    let mut refused = TcpStream::connect(warden.address).await.unwrap();
    let mut nothing = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, refused.read_to_end(&mut nothing))
        .await
        .unwrap();
    assert!(nothing.is_empty(), "{ended:?}");
    drop(open);
    warden
        .page_where("a refused connection", |page| {
            !page.contains("connections_refused_total 0\n")
        })
        .await;
}
