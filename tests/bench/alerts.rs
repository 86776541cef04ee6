//! How soon an alert is acknowledged: from the request to the answer, with the record on the disk in between. Beside it
//! stands what the disk alone takes to write and flush as much.
//!
//! farmwarden is a process of its own, over loopback. The directory is the working directory's `target`, because a
//! temporary one may lie in memory; `ALERTS_DIRECTORY` names another. Ends by itself within a minute.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

/// Alerts one after the other while nothing else happens.
const ONE_BY_ONE: u64 = 1000;
const STORM: u64 = 1000;
/// As many connections as a pair of Alertmanagers with many groups would open.
const TOGETHER: u64 = 32;
const TOKEN: &str = "a-token-of-the-benchmark";
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn main() {
    let place = std::env::var("ALERTS_DIRECTORY").unwrap_or_else(|_| "target".to_owned());
    let place = Path::new(&place).canonicalize().unwrap();
    let directory = tempfile::tempdir_in(place).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = start(directory.path(), address);
    wait_for(address);
    println!("\n## Alerts\n\n| what | best | median | p99 | most |\n|---|---|---|---|---|");
    let body = delivery(0, 1);
    row(
        "disk alone: write and flush as many bytes",
        disk(directory.path(), body.len()),
    );
    row("one alert, nothing else happens", one_by_one(address, 0, ONE_BY_ONE));
    let started = Instant::now();
    let times = storm(address);
    let all = started.elapsed();
    row(&format!("{STORM} deliveries over {TOGETHER} connections, each"), times);
    println!("| all of them | | | | {} |", shown(all));
    let one = Instant::now();
    hand_in(&mut connect(address), &delivery(1_000_000, STORM));
    println!("| one delivery of {STORM} alerts | | | | {} |", shown(one.elapsed()));
    drop(running);
}

fn one_by_one(address: SocketAddr, from: u64, count: u64) -> Vec<Duration> {
    let mut stream = connect(address);
    let bodies = (from..from + count).map(|number| delivery(number, 1));
    bodies.map(|body| hand_in(&mut stream, &body)).collect()
}

fn storm(address: SocketAddr) -> Vec<Duration> {
    let each = STORM / TOGETHER;
    let hands: Vec<_> = (0..TOGETHER)
        .map(|nth| {
            let more = u64::from(nth < STORM % TOGETHER);
            std::thread::spawn(move || one_by_one(address, 100_000 + nth * 1000, each + more))
        })
        .collect();
    hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
}

/// Alerts of workers that nobody repairs: there is a policy for their name, and no target.
fn delivery(from: u64, count: u64) -> String {
    let alerts: Vec<_> = (from..from + count)
        .map(|number| {
            json!({
                "status": "firing", "startsAt": "2026-11-21T09:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus.example/graph?g0.expr=farmwarden_symptom", "fingerprint": format!("{number:016x}"),
                "labels": {
                    "alertname": "WorkerStalled", "remedy": "restart_worker", "target": "prb-1", "severity": "warning",
                    "symptom": "worker_silent_stall", "entity": format!("worker-{number}"),
                },
                "annotations": {"summary": "A worker has stood still for 20 minutes and says nothing."},
            })
        })
        .collect();
    let delivery = json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "farmwarden",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am.example", "alerts": alerts,
    });
    delivery.to_string()
}

/// On a connection that is kept.
fn hand_in(stream: &mut TcpStream, body: &str) -> Duration {
    let request = format!(
        "POST /alerts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let started = Instant::now();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while !is_whole(&answer) {
        let got = stream.read(&mut piece).unwrap();
        assert!(got > 0, "closed: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(piece.get(..got).unwrap());
    }
    let took = started.elapsed();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    took
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    body.len() >= length.unwrap().trim().parse().unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What the journal's disk takes for as many bytes.
fn disk(directory: &Path, bytes: usize) -> Vec<Duration> {
    let mut file = File::create(directory.join("floor")).unwrap();
    let line = vec![b'x'; bytes];
    let write = |_| {
        let started = Instant::now();
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
        started.elapsed()
    };
    (0..ONE_BY_ONE).map(write).collect()
}

#[expect(clippy::disallowed_methods, reason = "the program under test")]
fn start(directory: &Path, address: SocketAddr) -> Running {
    let config = format!(
        "collectors: {{mounts: [{{name: host, include: ['/']}}]}}\njournal: {{directory: '{}'}}\n",
        directory.join("journal").display()
    );
    std::fs::write(directory.join("farm.yml"), config).unwrap();
    std::fs::write(directory.join("token"), TOKEN).unwrap();
    std::fs::write(
        directory.join("web.yml"),
        "scopes: {alerts: {bearer_token_file: token}}\n",
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
    command.arg("--config.file").arg(directory.join("farm.yml"));
    command.arg("--web.config.file").arg(directory.join("web.yml"));
    command.args(["--web.listen-address", &address.to_string()]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Running(child.spawn().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has no runtime to stop")]
fn wait_for(address: SocketAddr) {
    let started = Instant::now();
    loop {
        let ready = TcpStream::connect(address).is_ok_and(|mut stream| {
            let asked = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let mut page = String::new();
            asked.is_ok() && stream.read_to_string(&mut page).is_ok() && page.contains("farmwarden_journal_up 1\n")
        });
        if ready {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "farmwarden does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| shown(*times.get((times.len() - 1) * share / 100).unwrap());
    println!("| {what} | {} | {} | {} | {} |", at(0), at(50), at(99), at(100));
}

fn shown(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
