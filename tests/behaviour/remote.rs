//! Two farmwardens: one asks the other for a repair, over a socket of this machine and over TLS, also where the link is cut.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use farmwarden::access::Options;
use farmwarden::actions::remote::{
    Answer, Believes, Course, Nonce, Place, Remote, RemoteSettings, Request, Said, Wants,
};
use farmwarden::clock::{Clock, UnixTime};
use farmwarden::upstream::Upstream;
use farmwarden::values::SecretSource;
use serde_json::{Value, json};
use simfarm::substrate::Node;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::harness::{PATIENCE, Reply, Setup, Warden, exchange};

/// A container engine with one container, which may take its time to start it.
struct Engine {
    starts: Arc<AtomicUsize>,
    /// One for each start that may come to its end.
    may_end: Arc<Semaphore>,
}

impl Engine {
    fn serve(path: PathBuf) -> Self {
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

    fn starts(&self) -> usize {
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

    /// How a request stands that somebody makes by hand.
    async fn asks(&self, request: &Request) -> Answer {
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

#[tokio::test]
async fn one_asks_the_other_over_a_socket_and_both_write_down_who_and_why() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    engine.may_end.add_permits(1);
    let callee = farm.start("start_node", &farm.callee()).await;
    let socket = format!("socket: '{}'", farm.path("remote.sock").display());
    let control = farm.start("repair_node", &farm.caller(&socket)).await;
    farm.runs().await;
    let finished = farm.until_step("repair_node", "finished").await;
    let words = finished["words"].as_str().unwrap();
    assert_eq!(finished["outcome"], "done", "{finished}");
    assert!(
        words.starts_with("rack-2 did it (incident ") && words.contains("started node at rack-2"),
        "{words}"
    );
    farm.node.set(json!({"block_time_ms": 200})).await.unwrap();
    farm.until_step("repair_node", "cured").await;
    farm.until_step("start_node", "cured").await;
    let asked = farm.until_step("start_node", "asked").await;
    let begun = farm.until_step("repair_node", "started").await;
    assert_eq!(
        (&asked["caller"], &asked["incident"]),
        (&"control".into(), &begun["incident"])
    );
    let noted = farm.steps("repair_node", "noted");
    let nonce = asked["nonce"].as_str().unwrap();
    assert!(noted[0]["words"].as_str().unwrap().contains(nonce), "{noted:?}");
    assert_eq!(engine.starts(), 1);
    for who in ["repair_node", "start_node"] {
        assert!(!farm.told(who).contains("kkkk"), "a key is in the journal of {who}");
    }
    control.stop().await;
    callee.stop().await;
}

/// A link between the two that can be cut: then what is open ends, and what is new is hung up on.
struct Link {
    port: u16,
    is_cut: Arc<AtomicBool>,
}

impl Link {
    async fn to(address: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Self {
            port: listener.local_addr().unwrap().port(),
            is_cut: Arc::default(),
        };
        let is_cut = Arc::clone(&link.is_cut);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let is_cut = Arc::clone(&is_cut);
                tokio::spawn(async move {
                    let cut = async {
                        while !is_cut.load(Ordering::SeqCst) {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    };
                    let through = async {
                        let mut far = TcpStream::connect(address).await.unwrap();
                        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                    };
                    tokio::select! {
                        () = cut => {}
                        () = through => {}
                    }
                });
            }
        });
        link
    }

    fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn over_tls_a_link_that_is_cut_in_the_middle_of_the_action_costs_no_second_one() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    // As people make it: its own authority, for a name that nobody dials.
    let certificate = rcgen::generate_simple_self_signed(vec!["farm".to_owned()]).unwrap();
    std::fs::write(farm.path("farm.crt"), certificate.cert.pem()).unwrap();
    std::fs::write(farm.path("farm.key"), certificate.signing_key.serialize_pem()).unwrap();
    let web = "tls_server_config: {cert_file: farm.crt, key_file: farm.key}\n";
    std::fs::write(farm.path("web.yml"), web).unwrap();
    let config = farm.callee();
    let callee = Setup {
        config: &config,
        from_file: true,
        access: Options {
            config_file: Some(farm.path("web.yml")),
            ..Options::default()
        },
        control_socket: Some(farm.path("start_node.control")),
        ..Setup::default()
    };
    let callee = farm.ready("start_node", callee.start().await).await;
    let link = Link::to(callee.address).await;
    let place = format!(
        "address: 'https://127.0.0.1:{}', certificate_file: '{}'",
        link.port,
        farm.path("farm.crt").display()
    );
    let control = farm.start("repair_node", &farm.caller(&place)).await;
    farm.runs().await;
    farm.until("the action runs", async || engine.starts() == 1).await;
    link.cut(true);
    farm.until("it is told that the link is away", async || {
        farm.told("repair_node").contains("rack-2 cannot be asked: ")
    })
    .await;
    engine.may_end.add_permits(10);
    farm.until_step("start_node", "finished").await;
    assert!(farm.steps("repair_node", "finished").is_empty());
    link.cut(false);
    let finished = farm.until_step("repair_node", "finished").await;
    assert_eq!(finished["outcome"], "done", "{finished}");
    assert_eq!((engine.starts(), farm.steps("start_node", "asked").len()), (1, 1));
    control.stop().await;
    callee.stop().await;
}

#[tokio::test]
async fn a_request_that_is_repeated_is_the_same_one_also_after_a_restart() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    engine.may_end.add_permits(10);
    let callee = farm.start("start_node", &farm.callee()).await;
    let first = request(1);
    let _waits = tokio::join!(farm.asks(&first), farm.asks(&first), farm.asks(&first));
    farm.until("it is done", async || farm.asks(&first).await.course == Course::Done)
        .await;
    callee.stop().await;
    let callee = farm.start("start_node", &farm.callee()).await;
    let again = Request {
        time: now(),
        ..first.clone()
    };
    let answer = farm.asks(&again).await;
    assert_eq!(answer.course, Course::Done, "{answer:?}");
    assert!(answer.words.contains("started node at rack-2"), "{answer:?}");
    // It cannot be taken back either.
    let taken_back = Request {
        wants: Wants::Nothing,
        ..again
    };
    assert_eq!(farm.asks(&taken_back).await.course, Course::Done);
    assert_eq!(engine.starts(), 1);
    callee.stop().await;
}

#[tokio::test]
async fn what_holds_it_there_is_told_and_what_was_taken_back_is_never_begun() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    let freeze = farm.path("freeze");
    std::fs::write(&freeze, "hands off").unwrap();
    let config = farm.callee();
    let frozen = format!("remedies:\n  freeze_file: '{}'\n", freeze.display());
    let callee = farm.start("start_node", &config.replace("remedies:\n", &frozen)).await;
    let one = request(1);
    farm.until("it is held", async || farm.asks(&one).await.course == Course::Held)
        .await;
    let answer = farm.asks(&one).await;
    assert_eq!(answer.guard.as_deref(), Some("freeze"));
    assert!(
        answer.words.contains("hands off") && answer.incident.is_some(),
        "{answer:?}"
    );
    let taken_back = Request {
        wants: Wants::Nothing,
        ..one.clone()
    };
    assert_eq!(farm.asks(&taken_back).await.course, Course::Withdrawn);
    // One that was taken back before it came.
    let late = request(2);
    let before = Request {
        wants: Wants::Nothing,
        ..late.clone()
    };
    assert_eq!(farm.asks(&before).await.course, Course::Withdrawn);
    std::fs::remove_file(&freeze).unwrap();
    assert_eq!(farm.asks(&late).await.course, Course::Withdrawn);
    farm.until("nobody asks any more", async || {
        farm.steps("start_node", "decided")
            .iter()
            .any(|step| step["guard"] == "two_keys")
    })
    .await;
    assert_eq!(farm.asks(&one).await.course, Course::Withdrawn);
    assert_eq!(engine.starts(), 0);
    callee.stop().await;
}

#[tokio::test]
async fn whoever_is_restarted_takes_back_what_it_asked_for_before_it_goes_on() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    let freeze = farm.path("freeze");
    std::fs::write(&freeze, "hands off").unwrap();
    let frozen = format!("remedies:\n  freeze_file: '{}'\n", freeze.display());
    let config = farm.callee().replace("remedies:\n", &frozen);
    let callee = farm.start("start_node", &config).await;
    let socket = format!("socket: '{}'", farm.path("remote.sock").display());
    let control = farm.start("repair_node", &farm.caller(&socket)).await;
    farm.runs().await;
    farm.until("it is held there", async || {
        farm.told("repair_node").contains("rack-2 holds it back by freeze")
    })
    .await;
    control.stop().await;
    assert!(farm.steps("start_node", "withdrawn").is_empty());
    // Nothing else is begun: there is no other rung, and this one is paused.
    let paused = farm.caller(&socket).replace("mode: act", "mode: dry_run");
    let control = farm.start("repair_node", &paused).await;
    let withdrawn = farm.until_step("start_node", "withdrawn").await;
    assert_eq!(withdrawn["nonce"], farm.steps("start_node", "asked")[0]["nonce"]);
    let finished = farm.until_step("repair_node", "finished").await;
    assert_eq!(finished["outcome"], "refused", "{finished}");
    assert!(farm.steps("repair_node", "interrupted").is_empty());
    std::fs::remove_file(&freeze).unwrap();
    farm.until("nobody asks any more", async || {
        farm.steps("start_node", "decided")
            .iter()
            .any(|step| step["guard"] == "two_keys")
    })
    .await;
    assert_eq!(engine.starts(), 0);
    control.stop().await;
    callee.stop().await;
}

/// What is wrong with a request.
type Change = fn(&mut Request);

#[tokio::test]
async fn a_request_is_declined_in_words_and_nothing_of_it_is_recorded() {
    let farm = Farm::new().await;
    let _engine = Engine::serve(farm.path("docker.sock"));
    let other = "    - {name: other, symptom: node_stuck, targets: [node-1], rungs: [{action: notify}]}\n";
    let callee = farm.callee().replace("engines:", &format!("{other}engines:"));
    let callee = callee.replace("policies: [start_node]}", "policies: [start_node, other]}");
    let callee = farm.start("start_node", &callee).await;
    let wrong: [(Change, &str); 5] = [
        (
            |asked| asked.policy = "dance".parse().unwrap(),
            "may not ask for dance here, only for start_node, other",
        ),
        (
            |asked| asked.target = "node-2".parse().unwrap(),
            "is not allowed for node-2 here",
        ),
        (|asked| asked.symptom = "no_peers".to_owned(), "cures node_stuck here"),
        (|asked| asked.until = now(), "it has lapsed"),
        (
            |asked| asked.until = now().plus(Duration::from_secs(100_000)),
            "at most 1d are taken",
        ),
    ];
    for (number, (change, words)) in (1..).zip(wrong) {
        let mut asked = request(number);
        change(&mut asked);
        let answer = farm.asks(&asked).await;
        assert_eq!(answer.course, Course::Declined, "{answer:?}");
        assert!(answer.words.contains(words), "{words}: {answer:?}");
    }
    assert!(farm.journal("start_node").is_empty());
    callee.stop().await;
}

#[tokio::test]
async fn who_cannot_sign_is_told_nothing_and_the_socket_takes_nothing_else() {
    let farm = Farm::new().await;
    let _engine = Engine::serve(farm.path("docker.sock"));
    let callee = farm.start("start_node", &farm.callee()).await;
    let socket = || Place::Socket(farm.path("remote.sock"));
    let mut told = Vec::new();
    for (key, caller) in [("wrong-key", "control"), ("key", "nobody"), ("wrong-key", "nobody")] {
        let asked = Request {
            caller: caller.parse().unwrap(),
            ..request(1)
        };
        told.push(farm.remote(key, caller, socket()).ask(&asked).await.unwrap());
    }
    let Said::Refused { words, passes: false } = &told[0] else {
        panic!("{told:?}")
    };
    assert!(words.starts_with("HTTP 401: "), "{words}");
    for (said, caller) in told.iter().zip(["control", "nobody", "nobody"]) {
        let same = words.replace("a caller control ", &format!("a caller {caller} "));
        assert_eq!(
            *said,
            Said::Refused {
                words: same,
                passes: false
            }
        );
    }
    let old = Request {
        time: now().minus(Duration::from_secs(100)),
        ..request(1)
    };
    let said = farm.remote("key", "control", socket()).ask(&old).await.unwrap();
    let Said::Refused { words, .. } = &said else {
        panic!("{said:?}")
    };
    assert!(
        words.contains("the clocks of both machines") && words.contains(&old.time.to_string()),
        "{words}"
    );
    let ask = |line: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for (line, status) in [
        ("GET /metrics", 403),
        ("POST /-/reload", 403),
        ("POST /-/repairs/pause", 403),
        ("POST /alerts", 403),
        ("GET /-/remote", 405),
        ("GET /-/healthy", 200),
    ] {
        let reply = farm.over("remote.sock", ask(line).as_bytes()).await;
        assert_eq!(reply.status, status, "{line}: {}", reply.text());
    }
    let large = "POST /-/remote HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 40000\r\n\r\n";
    assert_eq!(farm.over("remote.sock", large.as_bytes()).await.status, 413);
    assert!(farm.journal("start_node").is_empty());
    callee.stop().await;
    // Where nobody may ask, there is no such route.
    let nobody = farm.config("start_node", "{action: notify}", "");
    let callee = farm.start("start_node", &nobody).await;
    let reply = farm.over("remote.sock", ask("POST /-/remote").as_bytes()).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    callee.stop().await;
}

/// Kept for the words of a mistake: over the network a wrong certificate is refused before anything is sent.
#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_sent_nothing() {
    let farm = Farm::new().await;
    let ours = rcgen::generate_simple_self_signed(vec!["farm".to_owned()]).unwrap();
    std::fs::write(farm.path("pinned.crt"), ours.cert.pem()).unwrap();
    let theirs = rcgen::generate_simple_self_signed(vec!["farm".to_owned()]).unwrap();
    std::fs::write(farm.path("farm.crt"), theirs.cert.pem()).unwrap();
    std::fs::write(farm.path("farm.key"), theirs.signing_key.serialize_pem()).unwrap();
    let web = "tls_server_config: {cert_file: farm.crt, key_file: farm.key}\n";
    std::fs::write(farm.path("web.yml"), web).unwrap();
    let warden = Setup::with_web(&farm.path("web.yml")).start().await;
    let place = Place::Tls {
        address: format!("https://127.0.0.1:{}", warden.address.port()).parse().unwrap(),
        believes: Believes::Certificate(farm.path("pinned.crt")),
    };
    let failed = farm.remote("key", "control", place).ask(&request(1)).await.unwrap_err();
    let words = failed.to_string();
    assert!(
        words.contains("another one than the one that it is known by"),
        "{words}"
    );
    assert!(words.ends_with("nothing was changed"), "{words}");
    warden.stop().await;
}
