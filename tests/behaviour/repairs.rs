//! From an alert to the end of its incident, and what is answered when it cannot be taken.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use farmwarden::access::Options;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use simfarm::substrate::Node;
use tempfile::TempDir;

use crate::harness::{Reply, Setup, Warden};

pub(crate) const TOKEN: &str = "a-token-for-alerts-only";

/// A node that stands still, a journal, and who may hand in alerts.
pub(crate) struct Farm {
    pub(crate) node: Node,
    directory: TempDir,
}

impl Farm {
    pub(crate) async fn new() -> Self {
        let node = Node::start("127.0.0.1:0").await.unwrap();
        node.set(json!({"block_time_ms": 0})).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), TOKEN).unwrap();
        let web = "scopes: {alerts: {bearer_token_file: token}}\n";
        std::fs::write(directory.path().join("web.yml"), web).unwrap();
        Self { node, directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// With keys of the section `remedies` besides the policy.
    pub(crate) fn config(&self, more: &str) -> String {
        let mut text = format!(
            "collectors:\n  phala:\n    - {{name: node-1, para: 'http://{}', interval: 1s, timeout: 900ms, \
             thresholds: {{stuck_after: 1s, head_age: 1000d}}}}\n",
            self.node.addr()
        );
        writeln!(text, "journal: {{directory: '{}'}}", self.path("journal").display()).unwrap();
        write!(
            text,
            "remedies:\n  {more}\n  policies:\n    - name: restart_node\n      symptom: node_stuck\n      targets: [node-1]\n      \
             ill_for: 1ms\n      rungs: [{{action: start-unit, with: {{unit: node.service}}, timeout: 1h, gone_for: 1s}}]\n\
             units: {{allowed: [node.service]}}\n"
        )
        .unwrap();
        text
    }

    pub(crate) async fn start(&self, config: &str) -> Warden {
        let warden = self.start_at_once(config).await;
        warden.page_with("farmwarden_journal_up 1\n").await;
        warden
    }

    pub(crate) async fn start_at_once(&self, config: &str) -> Warden {
        let setup = Setup {
            config,
            from_file: true,
            access: Options {
                config_file: Some(self.path("web.yml")),
                ..Options::default()
            },
            control_socket: Some(self.path("control.sock")),
            ..Setup::default()
        };
        setup.start().await
    }

    pub(crate) fn journal(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.path("journal"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        files.sort();
        let text: String = files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What was recorded besides deliveries.
    fn steps(&self) -> Vec<String> {
        let records = self.journal();
        let kinds = records.iter().map(|record| record["kind"].as_str().unwrap().to_owned());
        kinds.filter(|kind| kind != "received").collect()
    }
}

pub(crate) const NO_WARM_UP: &str = "warm_up: 1ms";

pub(crate) fn alert(number: u64, target: &str, status: &str) -> Value {
    json!({
        "status": status,
        "labels": {
            "alertname": "NodeStuck", "remedy": "restart_node", "target": target, "symptom": "node_stuck", "entity": "para",
        },
        "annotations": {},
        "startsAt": "2026-11-21T09:00:00Z",
        "endsAt": if status == "resolved" { "2026-11-21T10:00:00Z" } else { "0001-01-01T00:00:00Z" },
        "generatorURL": "",
        "fingerprint": format!("{number:016x}"),
    })
}

pub(crate) fn delivery(from: &str, status: &str, alerts: &[Value]) -> String {
    let delivery = json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "farmwarden",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": from, "alerts": alerts,
    });
    delivery.to_string()
}

async fn post(warden: &Warden, token: &str, body: &str) -> Reply {
    let request = format!(
        "POST /alerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    warden.raw(request.as_bytes()).await
}

pub(crate) async fn hands_in(warden: &Warden, from: &str, alert: &Value) {
    let status = alert["status"].as_str().unwrap();
    let reply = post(warden, TOKEN, &delivery(from, status, std::slice::from_ref(alert))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

pub(crate) const STUCK: &str = "farmwarden_symptom{target=\"node-1\",symptom=\"node_stuck\",entity=\"para\"} 1\n";

#[tokio::test]
async fn a_stuck_node_is_heard_of_four_times_rehearsed_once_and_over_when_it_is_well() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    warden.page_with(STUCK).await;
    let firing = alert(7, "node-1", "firing");
    for from in [
        "http://am-1:9093",
        "http://am-2:9093",
        "http://am-1:9093",
        "http://am-2:9093",
    ] {
        hands_in(&warden, from, &firing).await;
    }
    let page = warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"dry_run\"} 1\n")
        .await;
    for line in [
        "farmwarden_remediation_deliveries_total{result=\"recorded\"} 4\n",
        "farmwarden_remediation_alerts_total{result=\"asks\"} 4\n",
        "farmwarden_remediation_actions_begun_total{action=\"start-unit\"} 0\n",
        "farmwarden_remediation_budget_left{policy=\"restart_node\",within=\"1h\"} 9\n",
        "farmwarden_remediation_incidents{phase=\"proving\"} 1\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    farm.node.set(json!({"block_time_ms": 200})).await.unwrap();
    hands_in(&warden, "http://am-1:9093", &alert(7, "node-1", "resolved")).await;
    let page = warden
        .page_with("farmwarden_remediation_incidents_closed_total{why=\"well\"} 1\n")
        .await;
    assert!(
        page.contains("farmwarden_remediation_incidents{phase=\"proving\"} 0\n"),
        "{page}"
    );
    // One decision more would be one too many: nothing was held twice, nothing rehearsed again.
    assert_eq!(farm.steps().iter().filter(|kind| *kind == "rehearsed").count(), 1);
    assert_eq!(farm.steps().last().unwrap(), "closed");
    let records = farm.journal();
    let rehearsed = records.iter().find(|record| record["kind"] == "rehearsed").unwrap();
    let words = rehearsed["data"]["words"].as_str().unwrap();
    assert!(
        words.contains("start-unit would be done now") && words.contains("has not risen"),
        "{words}"
    );
    let last = records.last().unwrap();
    let head = format!("farmwarden_journal_head_info{{sequence=\"{}\"", last["seq"]);
    assert!(page.contains(&head), "{head}\n{page}");
    warden.stop().await;
    let verified = farmwarden::journal::verify(&farm.path("journal"), None).unwrap();
    assert_eq!(verified.records, u64::try_from(records.len()).unwrap());
}

#[tokio::test]
async fn every_answer_says_what_alertmanager_is_to_do() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    let good = delivery("http://am", "firing", &[alert(1, "node-7", "firing")]);
    assert_eq!(post(&warden, TOKEN, &good).await.status, 200);
    assert_eq!(post(&warden, "another-token-of-nobody", &good).await.status, 401);
    let without = format!("Content-Length: {}\r\n", good.len());
    assert_eq!(warden.ask("POST", "/alerts", &without).await.status, 401);
    let wrong = post(&warden, TOKEN, "{\"version\": \"3\"").await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text().contains("no payload of an Alertmanager webhook"),
        "{}",
        wrong.text()
    );
    let empty = delivery("http://am", "firing", &[]);
    assert_eq!(post(&warden, TOKEN, &empty).await.status, 200);
    let head =
        format!("POST /alerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n");
    let announced = format!("{head}Content-Length: 67108864\r\n\r\n");
    assert_eq!(warden.raw(announced.as_bytes()).await.status, 413);
    let mut unannounced = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let chunk = [b"100000\r\n".to_vec(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat();
    for _ in 0..9 {
        unannounced.extend_from_slice(&chunk);
    }
    unannounced.extend_from_slice(b"0\r\n\r\n");
    // The answer may be lost when the server closes on bytes that it never read; that it was counted is not.
    if let Some(reply) = try_raw(&warden, &unannounced).await {
        assert_eq!(reply.status, 413);
    }
    let asked = warden
        .ask("GET", "/alerts", &format!("Authorization: Bearer {TOKEN}\r\n"))
        .await;
    assert_eq!((asked.status, asked.header("allow")), (405, Some("POST")));
    let page = warden
        .page_with("farmwarden_remediation_deliveries_total{result=\"too_large\"} 2\n")
        .await;
    assert!(page.contains("farmwarden_remediation_deliveries_total{result=\"malformed\"} 1\n"));
    assert!(page.contains("farmwarden_http_requests_total{route=\"/alerts\",code=\"200\"} 2\n"));
    // A target of nobody is an incident that says so.
    warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"known_target\"} 1\n")
        .await;
}

async fn try_raw(warden: &Warden, request: &[u8]) -> Option<Reply> {
    let stream = tokio::net::TcpStream::connect(warden.address).await.unwrap();
    crate::harness::exchange(stream, request).await
}

#[tokio::test]
async fn without_credentials_there_is_no_such_route_and_without_a_journal_nothing_is_taken() {
    let body = delivery("http://am", "firing", &[alert(1, "node-1", "firing")]);
    let warden = Warden::start("").await;
    let reply = post(&warden, TOKEN, &body).await;
    assert_eq!(reply.status, 404);
    assert!(reply.text().contains("scopes.alerts"), "{}", reply.text());
    assert!(!warden.page().await.contains("farmwarden_journal_up"));
    let farm = Farm::new().await;
    let warden = farm.start_at_once("{}").await;
    let reply = post(&warden, TOKEN, &body).await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("journal.directory"), "{}", reply.text());
}

#[tokio::test]
async fn a_reload_and_a_restart_keep_what_is_open() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config("warm_up: 1h")).await;
    warden.page_with(STUCK).await;
    hands_in(&warden, "http://am", &alert(7, "node-1", "firing")).await;
    warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"warm_up\"} 1\n")
        .await;
    warden.stop().await;
    let warden = farm.start(&farm.config("warm_up: 1h")).await;
    warden
        .page_with("farmwarden_remediation_incidents{phase=\"open\"} 1\n")
        .await;
    let bad = warden.reload("remedies: {policies: [{}]}").await;
    assert!(bad.is_err(), "{bad:?}");
    warden
        .page_with("farmwarden_remediation_incidents{phase=\"open\"} 1\n")
        .await;
    warden.reload(&farm.config(NO_WARM_UP)).await.unwrap();
    warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"dry_run\"} 1\n")
        .await;
    let records = farm.journal();
    let of = |kind: &str| {
        let found = records.iter().find(|record| record["kind"] == kind);
        found.unwrap()["data"]["incident"].clone()
    };
    assert_eq!(of("decided"), of("rehearsed"));
    let elsewhere = farm.config(NO_WARM_UP).replace("/journal'", "/elsewhere'");
    let words = warden.reload(&elsewhere).await.unwrap();
    assert!(
        words.ends_with("the change of `journal` takes effect at the next start"),
        "{words}"
    );
    assert!(!Path::new(&farm.path("elsewhere")).exists());
}

#[tokio::test]
async fn a_journal_that_is_away_costs_alerts_and_never_the_page() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    warden.page_with(STUCK).await;
    // It has a file only once something was recorded.
    hands_in(&warden, "http://am", &alert(1, "node-7", "firing")).await;
    std::fs::rename(farm.path("journal"), farm.path("away")).unwrap();
    let body = delivery("http://am", "firing", &[alert(7, "node-1", "firing")]);
    let reply = post(&warden, TOKEN, &body).await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("journal"), "{}", reply.text());
    let page = warden.page_with("farmwarden_journal_up 0\n").await;
    assert!(
        page.contains(STUCK) && !page.contains("farmwarden_journal_records_refused_total 0\n"),
        "{page}"
    );
    assert_eq!(warden.get("/-/ready").await.status, 200);
    std::fs::rename(farm.path("away"), farm.path("journal")).unwrap();
    assert_eq!(post(&warden, TOKEN, &body).await.status, 200);
    let page = warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"dry_run\"} 1\n")
        .await;
    assert!(page.contains("farmwarden_journal_up 1\n"), "{page}");
}

#[tokio::test]
async fn a_journal_that_cannot_be_opened_is_told_and_everything_else_works() {
    let farm = Farm::new().await;
    let config = farm.config(NO_WARM_UP).replace("/journal'", "/no/such/place'");
    let warden = farm.start_at_once(&config).await;
    let page = warden.page_with(STUCK).await;
    assert!(page.contains("farmwarden_journal_up 0\n"), "{page}");
    assert!(
        !page.contains("farmwarden_remediation_incidents{"),
        "unknown is never zero: {page}"
    );
    let body = delivery("http://am", "firing", &[alert(7, "node-1", "firing")]);
    let reply = post(&warden, TOKEN, &body).await;
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("/no/such/place"), "{}", reply.text());
}

#[tokio::test]
async fn a_storm_of_a_thousand_alerts_is_answered() {
    let farm = Farm::new().await;
    let warden = farm.start(&farm.config(NO_WARM_UP)).await;
    let alerts: Vec<Value> = (0..1000)
        .map(|number| alert(number, &format!("node-{}", 100 + number), "firing"))
        .collect();
    // All in one piece, as Alertmanager sends a group; then each by itself, some at a time.
    let whole = delivery("http://am-1", "firing", &alerts);
    assert_eq!(post(&warden, TOKEN, &whole).await.status, 200);
    let answers = futures_util::stream::iter(&alerts).map(|alert| {
        let body = delivery("http://am-2", "firing", std::slice::from_ref(alert));
        let warden = &warden;
        async move { post(warden, TOKEN, &body).await.status }
    });
    let answers: Vec<u16> = answers.buffer_unordered(50).collect().await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    let page = warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"known_target\"} 1000\n")
        .await;
    assert!(
        page.contains("farmwarden_remediation_incidents{phase=\"open\"} 1000\n"),
        "{page}"
    );
    assert!(
        page.contains("farmwarden_remediation_deliveries_total{result=\"recorded\"} 1001\n"),
        "{page}"
    );
}
