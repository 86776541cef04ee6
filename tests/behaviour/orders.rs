//! What people see of repairs and order, with the commands they use and over HTTP.

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use farmwarden::remedy::Overview;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{PATIENCE, Reply, Warden};
use crate::repairs::{Farm, NO_WARM_UP, STUCK, TOKEN, alert, delivery, hands_in};

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command against the farmwarden of the farm, without waiting on the thread that serves it.
pub(crate) async fn command(farm: &Farm, arguments: &[&str]) -> Said {
    #[expect(clippy::disallowed_methods, reason = "the binary itself is under test")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
    command
        .args(arguments)
        .arg(format!("--web.control-socket={}", farm.path("control.sock").display()))
        .env_remove("FARMWARDEN_CONFIG_FILE");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, stderr } = output.await.unwrap();
    let text = |bytes| {
        String::from_utf8(bytes)
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    Said {
        code: status.code(),
        out: text(stdout),
        err: text(stderr),
    }
}

async fn overview(warden: &Warden) -> Overview {
    let reply = warden.get("/api/v1/incidents").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    serde_json::from_slice(&reply.body).unwrap()
}

/// Asks until the overview is like that.
pub(crate) async fn overview_where(warden: &Warden, fits: impl Fn(&Overview) -> bool) -> Overview {
    let waiting = async {
        loop {
            let overview = overview(warden).await;
            if fits(&overview) {
                return overview;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap()
}

fn is_held_by(overview: &Overview, guard: &str) -> bool {
    let by = |incident: &farmwarden::remedy::IncidentSeen| incident.guard.is_some_and(|held| held.label() == guard);
    overview.incidents.iter().any(by)
}

#[tokio::test]
async fn a_pause_holds_until_it_is_ended_and_everybody_is_told_why() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    warden.page_with(STUCK).await;
    let pause = [
        "pause",
        "target",
        "node-1",
        "--for",
        "2h",
        "--reason",
        "moving the rack",
    ];
    let said = command(&farm, &pause).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("target node-1 is paused by "), "{}", said.out);
    hands_in(&warden, "http://am", &alert(7, "node-1", "firing")).await;
    overview_where(&warden, |overview| is_held_by(overview, "pause")).await;
    let said = command(&farm, &["incidents"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    for words in [
        "HOLD target node-1 is paused by ",
        "of the policies 1 only rehearses.",
        "restart_node for para of node-1",
        "its alert fires",
        "seen ill since ",
        "next rung 1 of 1, start-unit, is next; held back by pause until ",
        "moving the rack",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    let said = command(&farm, &["resume", "target", "node-1"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    let proving = |overview: &Overview| overview.incidents.iter().any(|incident| incident.phase == "proving");
    let overview = overview_where(&warden, proving).await;
    assert!(
        overview.pauses.is_empty() && overview.incidents[0].rehearsed,
        "{overview:?}"
    );
    let said = command(&farm, &["incidents"]).await;
    let words = "start-unit, is over (dry run: nothing was done); it is watched until 20";
    assert!(said.out.contains(words), "{}", said.out);
    // How often it was decided is a matter of when it was looked.
    let mut kinds: Vec<Value> = farm.journal().iter().map(|record| record["kind"].clone()).collect();
    kinds.retain(|kind| kind != "decided");
    assert_eq!(kinds, ["paused", "received", "resumed", "rehearsed"]);
}

#[tokio::test]
async fn an_order_that_cannot_be_followed_is_declined_in_words() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    warden.page_with(STUCK).await;
    for (arguments, words) in [
        (&["resume", "all"][..], "everything is not paused"),
        (
            &["pause", "group", "nowhere", "--for", "1h", "--reason", "x"],
            "there is no group nowhere",
        ),
        (
            &["pause", "all", "--for", "1h", "--reason", " "],
            "a pause needs a reason",
        ),
        (
            &["pause", "all", "--for", "31d", "--reason", "x"],
            "a pause ends between now and ",
        ),
        (&["approve", "99.0"], "there is no open incident 99.0"),
        (
            &["run", "restart_node", "node-7"],
            "policy restart_node is not allowed for node-7",
        ),
        (&["run", "dance", "node-1"], "no policy is called dance"),
    ] {
        let said = command(&farm, arguments).await;
        assert_eq!(said.code, Some(1), "{arguments:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    }
    for arguments in [
        &["pause", "everything", "--for", "1h", "--reason", "x"][..],
        &["resume", "target"],
    ] {
        assert_eq!(command(&farm, arguments).await.code, Some(2), "{arguments:?}");
    }
    assert!(farm.journal().is_empty());
    let said = command(&farm, &["run", "restart_node", "node-1", "para"]).await;
    assert!(
        said.code == Some(0)
            && said
                .out
                .starts_with("incident 1.0: restart_node for para of node-1 is asked for by "),
        "{}",
        said.out
    );
    warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"dry_run\"} 1\n")
        .await;
    warden.stop().await;
    let said = command(&farm, &["resume", "all"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("nobody to ask: "), "{}", said.err);
}

pub(crate) const CONTROL: &str = "a-token-for-control-only";

pub(crate) async fn post(warden: &Warden, token: Option<&str>, path: &str, body: &str) -> Reply {
    let token = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    warden.raw(request.as_bytes()).await
}

#[tokio::test]
async fn orders_over_http_need_the_scope_control_and_say_who_gave_them() {
    let farm = Farm::new().await;
    let order = json!({"scope": "all", "for": "1h", "reason": "a test"}).to_string();
    let without = farm.start(&farm.config(NO_WARM_UP)).await;
    let reply = post(&without, None, "/-/repairs/pause", &order).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    without.stop().await;
    std::fs::write(farm.path("control"), CONTROL).unwrap();
    std::fs::write(
        farm.path("web.yml"),
        "scopes: {control: {bearer_token_file: control}}\n",
    )
    .unwrap();
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    assert_eq!(post(&warden, None, "/-/repairs/pause", &order).await.status, 401);
    for (path, body, status) in [
        ("/-/repairs/pause", "{}", 400),
        ("/-/repairs/pause", "pause everything", 400),
        (
            "/-/repairs/pause",
            r#"{"scope": "all", "for": "1h", "reason": ""}"#,
            409,
        ),
        ("/-/repairs/resume", r#"{"scope": {"group": "nowhere"}}"#, 404),
        ("/-/repairs/approve", r#"{"incident": "1.0", "rung": 0}"#, 400),
        ("/-/repairs/approve", r#"{"incident": "1.0"}"#, 404),
        (
            "/-/repairs/run",
            r#"{"policy": "restart_node", "target": "node-2"}"#,
            404,
        ),
        ("/-/repairs/run", r#"{"policy": "a b", "target": "node-2"}"#, 400),
        ("/-/repairs/dance", "{}", 404),
    ] {
        let reply = post(&warden, Some(CONTROL), path, body).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text());
    }
    let long = json!({"policy": "restart_node", "target": "node-1", "entity": "x".repeat(513)}).to_string();
    let reply = post(&warden, Some(CONTROL), "/-/repairs/run", &long).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    let large = format!("{{\"scope\": \"{}\"}}", "x".repeat(70_000));
    assert_eq!(
        post(&warden, Some(CONTROL), "/-/repairs/resume", &large).await.status,
        413
    );
    let reply = post(&warden, Some(CONTROL), "/-/repairs/pause", &order).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let overview = overview(&warden).await;
    assert_eq!(overview.pauses[0].by, "whoever has the token, from 127.0.0.1");
    assert_eq!(warden.get("/-/repairs/pause").await.status, 401);
}

#[tokio::test]
async fn without_a_journal_an_order_is_503_and_the_overview_says_why() {
    let farm = Farm::new().await;
    let warden = farm.start_at_once("{}").await;
    let said = command(&farm, &["pause", "all", "--for", "1h", "--reason", "x"]).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.err.contains("journal.directory"), "{}", said.err);
    let seen = overview(&warden).await;
    assert!(!seen.journal.up && seen.incidents.is_empty());
}

#[tokio::test]
async fn what_would_be_decided_is_told_and_nothing_of_it_is_recorded() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    warden.page_with(STUCK).await;
    let mut asks_nothing = alert(9, "node-1", "firing");
    asks_nothing["labels"].as_object_mut().unwrap().remove("remedy");
    let mut unusable = alert(10, "node-1", "firing");
    unusable["fingerprint"] = "x".into();
    let alerts = [
        alert(7, "node-1", "firing"),
        alert(8, "node-7", "firing"),
        asks_nothing,
        unusable,
    ];
    let payload = farm.path("payload.json");
    std::fs::write(&payload, delivery("http://am", "firing", &alerts)).unwrap();
    let payload = payload.display().to_string();
    let decided = |said: &Said, words: &str| said.out.contains(words);
    // The symptom must have been seen for a moment.
    let deciding = async {
        loop {
            let said = command(&farm, &["decide", &payload]).await;
            if !decided(&said, "hold by still_ill") {
                return said;
            }
        }
    };
    let said = tokio::time::timeout(PATIENCE, deciding).await.unwrap();
    assert_eq!(said.code, Some(0), "{}", said.err);
    for words in [
        "NodeStuck (firing) asks for restart_node for para of node-1 seen ill since ",
        "decision hold by dry_run restart_node for para of node-1: start-unit would be done now",
        "asks for restart_node for para of node-7 seen it cannot be told whether it is ill decision hold by known_target",
        "decision nothing it asks for no repair",
        "cannot be used alerts[3].",
    ] {
        assert!(decided(&said, words), "{words}: {}", said.out);
    }
    assert!(farm.journal().is_empty() && overview(&warden).await.incidents.is_empty());
    let page = warden.page().await;
    assert!(page.contains("farmwarden_remediation_deliveries_total{result=\"recorded\"} 0\n"));
    std::fs::write(farm.path("payload.json"), "{}").unwrap();
    let said = command(&farm, &["decide", &payload]).await;
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(
        said.err.contains("no payload of an Alertmanager webhook"),
        "{}",
        said.err
    );
    std::fs::write(farm.path("payload.json"), delivery("http://am", "firing", &[])).unwrap();
    assert_eq!(post(&warden, None, "/api/v1/decide", "{}").await.status, 404);
    warden.stop().await;
    let said = command(&farm, &["decide", &payload]).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.err.contains("only a running farmwarden can tell"), "{}", said.err);
}

/// A program that takes messages and keeps what it was told.
pub(crate) struct Listener {
    pub(crate) url: String,
    pub(crate) heard: Arc<Mutex<String>>,
}

impl Listener {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut bytes = vec![0; 64 << 10];
                    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                        kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
                        // Bodies end with a brace, heads never.
                        if bytes[..read].trim_ascii_end().ends_with(b"}") {
                            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                            stream.write_all(answer).await.unwrap();
                        }
                    }
                });
            }
        });
        Self { url, heard }
    }

    pub(crate) async fn hears(&self, words: &str) {
        let waiting = async {
            while !self.heard.lock().unwrap().contains(words) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(heard.is_ok(), "{words}: {}", self.heard.lock().unwrap());
    }
}

#[tokio::test]
async fn people_are_told_of_repairs_and_of_alerts_that_alertmanager_hands_on() {
    let farm = Farm::new().await;
    let people = Listener::start().await;
    let config = farm.config(NO_WARM_UP);
    let with_people = format!(
        "{config}notify: [{{name: operators, kind: webhook, url: '{}'}}]\n",
        people.url
    );
    let warden = farm.start(&with_people).await;
    warden.page_with(STUCK).await;
    let group = delivery("http://am", "firing", &[alert(7, "node-1", "firing")]);
    for (way, body, status) in [
        ("operators", group.as_str(), 200),
        ("operators", "{}", 400),
        ("nobody", group.as_str(), 404),
        ("", group.as_str(), 404),
    ] {
        let reply = post(&warden, Some(TOKEN), &format!("/chat/{way}"), body).await;
        assert_eq!(reply.status, status, "{way}: {}", reply.text());
    }
    assert_eq!(post(&warden, None, "/chat/operators", &group).await.status, 401);
    people.hears("warning: NodeStuck on node-1").await;
    warden
        .page_with("farmwarden_notifications_sent_total{way=\"operators\"} 1\n")
        .await;
    assert!(farm.journal().is_empty(), "a message is no order");
    hands_in(&warden, "http://am", &alert(7, "node-1", "firing")).await;
    people.hears("node-1 para: dry run: this would be done").await;
    warden.reload(&config).await.unwrap();
    let reply = post(&warden, Some(TOKEN), "/chat/operators", &group).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    assert!(!warden.page().await.contains("farmwarden_notifications_sent_total{"));
}
