//! Who is answered: passwords, tokens, hosts, the control socket; and what a changed web.yml changes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use farmwarden::access::Options;
use tokio::net::{TcpStream, UnixStream};

use crate::harness::{Reply, Setup, Warden, exchange, from_elsewhere};

/// A directory with a web.yml in it.
struct Web(tempfile::TempDir);

impl Web {
    fn new(text: &str) -> Self {
        let web = Self(tempfile::tempdir().unwrap());
        web.write("web.yml", text);
        web
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// In one step, as careful editors do.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("new"), text).unwrap();
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    async fn start(&self) -> Warden {
        Setup::with_web(&self.path("web.yml")).start().await
    }
}

/// The cheapest that bcrypt has.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn basic(user: &str, password: &str) -> String {
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {both}\r\n")
}

async fn status(warden: &Warden, path: &str, headers: &str) -> u16 {
    warden.ask("GET", path, headers).await.status
}

#[tokio::test]
async fn with_users_everything_but_healthy_needs_one_of_them() {
    let web = Web::new(&format!("basic_auth_users: {{ada: '{}'}}\n", hash("right")));
    let warden = web.start().await;
    for path in ["/", "/metrics", "/-/ready", "/no/such/path"] {
        let refused = warden.get(path).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Basic realm=\"farmwarden\", charset=\"UTF-8\"")
        );
        assert!(!refused.text().contains("nothing here"), "{path}");
    }
    assert_eq!(status(&warden, "/-/healthy", "").await, 200);
    for (user, password, expected) in [
        ("ada", "right", 200),
        ("ada", "wrong", 401),
        ("ada", "", 401),
        ("eve", "right", 401),
        ("", "", 401),
        ("ada", "right", 200),
    ] {
        assert_eq!(
            status(&warden, "/metrics", &basic(user, password)).await,
            expected,
            "{user} {password}"
        );
    }
    assert_eq!(status(&warden, "/metrics", "Authorization: Basic ???\r\n").await, 401);
    assert_eq!(status(&warden, "/no/such/path", &basic("ada", "right")).await, 404);
}

#[tokio::test]
async fn a_token_opens_its_own_scope_and_no_other() {
    let web = Web::new(
        "scopes:\n  scrape: {bearer_token_file: scrape}\n  alerts: {bearer_token_file: alerts}\n  control: {bearer_token_file: control}\n",
    );
    for scope in ["scrape", "alerts", "control"] {
        web.write(scope, &format!("a-token-of-the-scope-{scope}\n"));
    }
    let warden = web.start().await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for (token, expected) in [
        ("a-token-of-the-scope-scrape", 200),
        ("a-token-of-the-scope-alerts", 401),
        ("a-token-of-the-scope-control", 401),
        ("a-token-of-the-scope-scrap", 401),
        ("", 401),
    ] {
        assert_eq!(status(&warden, "/metrics", &bearer(token)).await, expected, "{token}");
    }
    let refused = warden.ask("GET", "/metrics", &basic("ada", "right")).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.headers("www-authenticate").collect::<Vec<_>>(),
        ["Bearer realm=\"farmwarden\""]
    );
}

#[tokio::test]
async fn only_known_names_are_answered_on_loopback() {
    let setup = Setup {
        access: Options {
            allowed_hosts: vec!["farm.example".to_owned()],
            host_name: Some("farm-1.lan".to_owned()),
            ..Options::default()
        },
        ..Setup::default()
    };
    let warden = setup.start().await;
    let ask = async |request: String| warden.raw(request.as_bytes()).await.status;
    for (host, expected) in [
        ("localhost", 200),
        ("127.0.0.1:19977", 200),
        ("[::1]", 200),
        ("farm-1:19977", 200),
        ("farm-1.lan", 200),
        ("farm.example", 200),
        ("rebound.example", 421),
        ("farm-1.rebound.example", 421),
        ("", 400),
        ("a b", 400),
    ] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(ask(request).await, expected, "{host}");
    }
    assert_eq!(
        ask("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned()).await,
        400
    );
    assert_eq!(ask("GET /metrics HTTP/1.0\r\n\r\n".to_owned()).await, 200);
    let refused = warden
        .raw(b"GET / HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n")
        .await;
    assert!(refused.text().contains("--web.allowed-host"), "{}", refused.text());
}

#[tokio::test]
async fn what_other_sites_post_is_refused_before_anything_else_is_looked_at() {
    let warden = Warden::start("").await;
    let from = |site: &str| format!("Origin: {site}\r\n");
    for (headers, expected) in [
        (String::new(), 405),
        (from("http://localhost"), 405),
        (from("http://rebound.example"), 403),
        (from("null"), 403),
        ("Sec-Fetch-Site: cross-site\r\n".to_owned(), 403),
    ] {
        assert_eq!(
            warden.ask("POST", "/metrics", &headers).await.status,
            expected,
            "{headers}"
        );
    }
    let read = warden.ask("GET", "/metrics", &from("http://rebound.example")).await;
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, None));
}

async fn over_socket(path: &std::path::Path) -> Reply {
    let stream = UnixStream::connect(path).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n";
    exchange(stream, request).await.unwrap()
}

#[tokio::test]
async fn the_control_socket_needs_no_password_and_only_its_owner_can_open_it() {
    let web = Web::new(&format!(
        "basic_auth_users: {{ada: '{}'}}\nrate_limit: {{interval: 1h, burst: 1}}\n",
        hash("right")
    ));
    let path = web.path("run/control.sock");
    let setup = Setup {
        control_socket: Some(path.clone()),
        ..Setup::with_web(&web.path("web.yml"))
    };
    let warden = setup.start().await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(warden.get("/metrics").await.status, 401);
    for _ in 0..3 {
        assert_eq!(over_socket(&path).await.status, 200);
    }
    let second = Setup {
        control_socket: Some(path.clone()),
        ..Setup::default()
    };
    let directory = tempfile::tempdir().unwrap();
    let words = second.app(directory.path()).await.err().unwrap();
    assert!(words.contains("another farmwarden listens there"), "{words}");
    assert_eq!(over_socket(&path).await.status, 200);
    warden.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn the_control_socket_answers_while_the_network_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let setup = Setup {
        control_socket: Some(path.clone()),
        ..Setup::default()
    };
    let warden = setup.start().await;
    let mut flood = Vec::new();
    for _ in 0..600 {
        flood.push(TcpStream::connect(warden.address).await.unwrap());
    }
    assert_eq!(over_socket(&path).await.status, 200);
}

#[tokio::test]
async fn a_changed_file_takes_effect_and_a_broken_one_does_not() {
    let users = |password: &str| format!("basic_auth_users: {{ada: '{}'}}\n", hash(password));
    let web = Web::new(&users("one"));
    let socket = web.path("control.sock");
    let setup = Setup {
        control_socket: Some(socket.clone()),
        ..Setup::with_web(&web.path("web.yml"))
    };
    let warden = setup.start().await;
    let page = async || over_socket(&socket).await.text().to_owned();
    let until = async |needle: &str| {
        let started = tokio::time::Instant::now();
        while !page().await.contains(needle) {
            assert!(started.elapsed() < crate::harness::PATIENCE, "never: {needle}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let successful = "farmwarden_config_last_reload_successful{file=\"web\"}";
    until(&format!("{successful} 1")).await;
    assert!(
        page()
            .await
            .contains("farmwarden_config_last_reload_success_timestamp_seconds{file=\"web\"} 1")
    );
    assert_eq!(status(&warden, "/metrics", &basic("ada", "one")).await, 200);

    web.write("web.yml", "basic_auth_users: {ada: not-a-hash}\n");
    until(&format!("{successful} 0")).await;
    assert_eq!(status(&warden, "/metrics", &basic("ada", "one")).await, 200);

    web.write("web.yml", &users("two"));
    until(&format!("{successful} 1")).await;
    assert_eq!(status(&warden, "/metrics", &basic("ada", "one")).await, 401);
    assert_eq!(status(&warden, "/metrics", &basic("ada", "two")).await, 200);

    // A file that is being written looks like this for a moment.
    web.write("web.yml", "");
    until(&format!("{successful} 0")).await;
    assert_eq!(warden.get("/metrics").await.status, 401);

    web.write("token", "a-token-that-is-long-enough");
    web.write("web.yml", "scopes: {scrape: {bearer_token_file: token}}\n");
    until(&format!("{successful} 1")).await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!(
        status(&warden, "/metrics", &bearer("a-token-that-is-long-enough")).await,
        200
    );
    web.write("token", "short");
    until(&format!("{successful} 0")).await;
    web.write("token", "another-token-long-enough");
    until(&format!("{successful} 1")).await;
    assert_eq!(
        status(&warden, "/metrics", &bearer("a-token-that-is-long-enough")).await,
        401
    );
    assert_eq!(
        status(&warden, "/metrics", &bearer("another-token-long-enough")).await,
        200
    );
}

#[tokio::test]
async fn more_requests_than_the_rate_limit_allows_are_refused() {
    let web = Web::new("rate_limit: {interval: 1h, burst: 3}\n");
    let warden = web.start().await;
    for expected in [200, 200, 404, 429, 429] {
        let path = if expected == 404 { "/no/such/path" } else { "/metrics" };
        assert_eq!(warden.get(path).await.status, expected);
    }
    assert_eq!(warden.get("/-/healthy").await.status, 200);
}

/// A hash that keeps a processor busy for so long that many requests are answered meanwhile.
const SLOW: u32 = 13;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_wrong_passwords_does_not_delay_those_who_are_known() {
    let slow = bcrypt::hash("x", SLOW).unwrap();
    let web = Web::new(&format!(
        "basic_auth_users: {{ada: '{}', grace: '{slow}'}}\n",
        hash("right")
    ));
    let warden = std::sync::Arc::new(web.start().await);
    assert_eq!(status(&warden, "/metrics", &basic("ada", "right")).await, 200);
    let (answered, mut answers) = tokio::sync::mpsc::channel(64);
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (warden, answered) = (std::sync::Arc::clone(&warden), answered.clone());
        guesses.spawn(async move {
            let code = status(&warden, "/metrics", &basic("grace", &format!("guess {number}"))).await;
            answered.send(code).await.unwrap();
        });
    }
    // Those for whom there is no place in the line are told so; the line is then full.
    assert_eq!(answers.recv().await, Some(503));
    for _ in 0..20 {
        assert_eq!(status(&warden, "/metrics", &basic("ada", "right")).await, 200);
    }
    let mut checked = 0;
    while let Ok(code) = answers.try_recv() {
        checked += u32::from(code != 503);
    }
    assert!(checked < 4, "those who waited in the line have been overtaken");
    guesses.abort_all();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_guesses_does_not_keep_out_a_right_password_from_another_address() {
    let slow = bcrypt::hash("x", SLOW - 4).unwrap();
    let web = Web::new(&format!(
        "basic_auth_users: {{ada: '{}', grace: '{slow}'}}\n",
        hash("right")
    ));
    let warden = std::sync::Arc::new(web.start().await);
    let (refused, mut first_refused) = tokio::sync::mpsc::channel(1);
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (warden, refused) = (std::sync::Arc::clone(&warden), refused.clone());
        guesses.spawn(async move {
            loop {
                if status(&warden, "/metrics", &basic("grace", "guess")).await == 503 {
                    refused.try_send(()).ok();
                }
            }
        });
    }
    first_refused.recv().await.unwrap();
    let stream = from_elsewhere(&warden).await;
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
        basic("ada", "right")
    );
    let page = exchange(stream, request.as_bytes()).await.unwrap();
    guesses.abort_all();
    assert_eq!(page.status, 200, "{}", page.text());
    let waiting = "farmwarden_http_requests_refused_total{reason=\"logins_waiting\"} ";
    assert!(page.text().contains(waiting), "{}", page.text());
    assert!(!page.text().contains(&format!("{waiting}0\n")), "{}", page.text());
}

#[tokio::test]
async fn what_is_refused_is_counted_by_reason() {
    let web = Web::new(&format!("basic_auth_users: {{ada: '{}'}}\n", hash("right")));
    let warden = web.start().await;
    for (headers, expected) in [
        (String::new(), 401),
        (basic("ada", "wrong"), 401),
        (basic("eve", "right"), 401),
        ("Sec-Fetch-Site: cross-site\r\n".to_owned(), 403),
    ] {
        assert_eq!(warden.ask("POST", "/", &headers).await.status, expected, "{headers}");
    }
    let page = warden.ask("GET", "/metrics", &basic("ada", "right")).await;
    for (reason, count) in [
        ("no_credentials", 1),
        ("wrong_credentials", 2),
        ("foreign", 1),
        ("rate_limit", 0),
        ("logins_waiting", 0),
        ("answers_waiting", 0),
    ] {
        let line = format!("farmwarden_http_requests_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(page.text().contains(&line), "{line}: {}", page.text());
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_careful_and_the_file_may_replace_that() {
    let warden = Warden::start("").await;
    for path in ["/", "/metrics", "/-/healthy", "/no/such/path"] {
        let reply = warden.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
    }
    let web = Web::new(
        "http_server_config: {headers: {X-Frame-Options: sameorigin, Content-Security-Policy: \"default-src 'self'\", X-XSS-Protection: 1}}\n",
    );
    let warden = web.start().await;
    let reply = warden.get("/").await;
    for (name, value) in [
        ("x-frame-options", "sameorigin"),
        ("content-security-policy", "default-src 'self'"),
        ("x-xss-protection", "1"),
    ] {
        assert_eq!(reply.headers(name).collect::<Vec<_>>(), [value]);
    }
}
