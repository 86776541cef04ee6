//! Two farmwardens: one asks the other for a repair, over a socket of this machine and over TLS, also where the link is cut.

mod doors;
mod pair;
mod requests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use farmwarden::actions::remote::{Answer, Course, Nonce, Place, Remote, RemoteSettings, Request, Said, Wants};
use farmwarden::clock::{Clock, UnixTime};
use farmwarden::upstream::Upstream;
use farmwarden::values::SecretSource;
use serde_json::{Value, json};
use simfarm::substrate::Node;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::harness::{PATIENCE, Reply, Setup, Warden, exchange};

/// A container engine with one container, which may take its time to start it.
pub(crate) struct Engine {
    starts: Arc<AtomicUsize>,
    /// One for each start that may come to its end.
    pub(crate) may_end: Arc<Semaphore>,
}

impl Engine {
    pub(crate) fn serve(path: PathBuf) -> Self {
        let engine = Self {
            starts: Arc::default(),
            may_end: Arc::new(Semaphore::new(0)),
        };
        let (starts, may_end) = (Arc::clone(&engine.starts), Arc::clone(&engine.may_end));
        let listener = UnixListener::bind(path).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&starts), Arc::clone(&may_end)));
            }
        });
        engine
    }

    pub(crate) fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }
}

async fn answer(mut stream: UnixStream, starts: Arc<AtomicUsize>, may_end: Arc<Semaphore>) {
    let mut asked = vec![0; 4096];
    let length = stream.read(&mut asked).await.unwrap();
    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
    let body = if asked.starts_with("POST") {
        starts.fetch_add(1, Ordering::SeqCst);
        may_end.acquire().await.unwrap().forget();
        String::new()
    } else if asked.starts_with("GET /_ping") {
        "OK".to_owned()
    } else {
        let status = if starts.load(Ordering::SeqCst) > 0 {
            "running"
        } else {
            "exited"
        };
        let state = json!({"Status": status, "StartedAt": "2026-11-21T14:00:00Z", "ExitCode": 0});
        json!({"Id": "a".repeat(64), "Name": "/node", "State": state}).to_string()
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // Whoever asked may be gone.
    drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
}

/// A stuck node, whom both watch, and the files of both.
struct Farm {
    node: Node,
    directory: TempDir,
}

impl Farm {
    async fn new() -> Self {
        let node = Node::start("127.0.0.1:0").await.unwrap();
        node.set(json!({"block_time_ms": 0})).await.unwrap();
        let farm = Self {
            node,
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::write(farm.path("key"), "k".repeat(40)).unwrap();
        std::fs::write(farm.path("wrong-key"), "x".repeat(40)).unwrap();
        farm
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self, who: &str, rung: &str, more: &str) -> String {
        format!(
            "collectors:\n  phala:\n    - {{name: node-1, para: 'http://{}', interval: 1s, timeout: 900ms, \
             thresholds: {{stuck_after: 1s, head_age: 1000d}}}}\n\
             journal: {{directory: '{}'}}\n\
             remedies:\n  warm_up: 1ms\n  policies:\n    - {{name: {who}, symptom: node_stuck, targets: [node-1], mode: act, \
             ill_for: 1ms, rungs: [{rung}]}}\n{more}\n",
            self.node.addr(),
            self.path(who).display(),
        )
    }

    /// The one that can start the node.
    fn callee(&self) -> String {
        let more = format!(
            "engines: [{{name: rack-2, socket: '{}', containers: [node]}}]\n\
             callers: [{{name: control, key_file: '{}', policies: [start_node]}}]",
            self.path("docker.sock").display(),
            self.path("key").display()
        );
        let rung = "{action: start-container, with: {container: node}, timeout: 1h, gone_for: 1s}";
        self.config("start_node", rung, &more)
    }

    /// The one that asks it, at a place.
    fn caller(&self, place: &str) -> String {
        let more = format!(
            "remotes: [{{name: rack-2, {place}, key_file: '{}', caller: control}}]",
            self.path("key").display()
        );
        let rung =
            "{action: remote, with: {remote: rack-2, policy: start_node}, within: 5m, timeout: 1h, gone_for: 1s}";
        self.config("repair_node", rung, &more)
    }

    async fn start(&self, who: &str, config: &str) -> Warden {
        let setup = Setup {
            config,
            from_file: true,
            control_socket: Some(self.path(&format!("{who}.control"))),
            remote_socket: (who == "start_node").then(|| self.path("remote.sock")),
            ..Setup::default()
        };
        self.ready(who, setup.start().await).await
    }

    /// It takes orders once its journal is read.
    async fn ready(&self, who: &str, warden: Warden) -> Warden {
        let ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        self.until("the journal is open and the node seen to be stuck", async || {
            let reply = self.over(&format!("{who}.control"), ask).await;
            let page = reply.text().to_owned();
            page.contains("farmwarden_journal_up 1\n") && page.contains("symptom=\"node_stuck\",entity=\"para\"} 1\n")
        })
        .await;
        warden
    }

    async fn over(&self, socket: &str, request: &[u8]) -> Reply {
        let stream = UnixStream::connect(self.path(socket)).await.unwrap();
        exchange(stream, request).await.unwrap()
    }

    async fn until(&self, what: &str, fits: impl AsyncFn() -> bool) {
        let waiting = async {
            while !fits().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(
            came.is_ok(),
            "never: {what}\n{}\n{}",
            self.told("repair_node"),
            self.told("start_node")
        );
    }

    /// A person asks the one that asks the other.
    async fn runs(&self) {
        let body = json!({"policy": "repair_node", "target": "node-1", "entity": "para"}).to_string();
        let request = format!(
            "POST /-/repairs/run HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = self.over("repair_node.control", request.as_bytes()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn journal(&self, who: &str) -> Vec<Value> {
        let files = std::fs::read_dir(self.path(who)).into_iter().flatten();
        let mut files: Vec<PathBuf> = files
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        files.sort();
        let text: String = files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect();
        // The last line may be under way.
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn told(&self, who: &str) -> String {
        let lines: Vec<String> = self.journal(who).iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    fn steps(&self, who: &str, kind: &str) -> Vec<Value> {
        let mut records = self.journal(who);
        records.retain(|record| record["kind"] == kind);
        records.into_iter().map(|mut record| record["data"].take()).collect()
    }

    async fn until_step(&self, who: &str, kind: &str) -> Value {
        self.until(&format!("{kind} of {who}"), async || !self.steps(who, kind).is_empty())
            .await;
        self.steps(who, kind).remove(0)
    }

    fn remote(&self, key: &str, caller: &str, place: Place) -> Remote {
        let settings = RemoteSettings {
            name: "rack-2".parse().unwrap(),
            place,
            caller: caller.parse().unwrap(),
            key: SecretSource::File(self.path(key)),
        };
        Remote::new(&Upstream::from_system().unwrap(), &settings).unwrap()
    }

    /// How a request stands that somebody makes by hand. It is signed anew, as farmwarden does when it asks again.
    async fn asks(&self, request: &Request) -> Answer {
        let request = &Request {
            time: now(),
            ..request.clone()
        };
        let remote = self.remote("key", request.caller.as_str(), Place::Socket(self.path("remote.sock")));
        let said = remote.ask(request).await.unwrap();
        let told = match &said {
            Said::Told(answer) => Some(answer.clone()),
            Said::Refused { .. } | Said::Unclear(_) => None,
        };
        assert!(told.is_some(), "{said:?}");
        told.unwrap()
    }
}

fn now() -> UnixTime {
    Clock::system().now().wall
}

fn request(number: u8) -> Request {
    Request {
        caller: "control".parse().unwrap(),
        nonce: Nonce::of([number; 16]),
        time: now(),
        wants: Wants::Repair,
        policy: "start_node".parse().unwrap(),
        target: "node-1".parse().unwrap(),
        entity: "para".to_owned(),
        symptom: "node_stuck".to_owned(),
        incident: "412.0".to_owned(),
        rung: 2,
        until: now().plus(Duration::from_secs(600)),
    }
}
