//! What a round over a whole farm costs: Phala with 2,000 workers in full detail and 30,000 in summary, on ten lifecycles;
//! a Venus chain service with 10,000 pending messages, 500 senders and 50 miners, and a million messages behind them; a
//! Chia farm with 200,000 plots on 20 harvesters, by its counts and plot by plot.
//!
//! The upstreams are the simulated farm's, in this process; farmwarden is a process of its own. Ends by itself within five
//! minutes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark stops at the first surprise"
)]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use simfarm::chia::Chia;
use simfarm::prb_v2::Monitor;
use simfarm::venus::{Perm, Service, Venus};
use simfarm::wire::Calls;
use tempfile::NamedTempFile;

const LIFECYCLES: usize = 10;
/// Rounds that are looked at, 15 or 30 s apart.
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("\n## Farms\n\n| what | figure |\n|---|---|");
    for (workers, detail) in [(200, "full"), (3000, "summary")] {
        let monitor = runtime.block_on(monitor(workers));
        let config = format!(
            "collectors:\n  prb:\n    - name: prb-1\n      monitor: http://{}\n      detail: {detail}\n      \
             workers_interval: 15s\n",
            monitor.addr()
        );
        let what = format!("{} workers, {detail}", workers * LIFECYCLES);
        measure(&what, &config, ("workers", ROUNDS), || sum(&[monitor.calls()]));
    }
    for history in [1000, 1_000_000] {
        let (venus, token) = runtime.block_on(venus(history));
        let config = venus_config(&venus, token.path());
        let calls = || sum(&[venus.messager.calls()]);
        measure(
            &format!("10,000 pending messages before {history} old ones"),
            &config,
            ("messager", ROUNDS),
            calls,
        );
    }
    let directory = tempfile::tempdir().unwrap();
    let chia = runtime.block_on(chia(directory.path()));
    let services = [&chia.full_node, &chia.farmer, &chia.harvester, &chia.daemon];
    for (how, detail, of) in [
        ("counts", "auto", ("farmer", ROUNDS)),
        ("plot by plot, all that is asked for the first look", "on", ("plots", 1)),
    ] {
        let config = chia_config(&chia, detail);
        let what = format!("200,000 plots on 20 harvesters, {how}");
        measure(&what, &config, of, || sum(&services.map(simfarm::chia::Service::calls)));
    }
}

/// Calls, and bytes of what was answered and pushed.
fn sum(services: &[Calls]) -> (u64, u64) {
    // Handshakes of websockets are requests, and what is sent over them is none.
    let requests = services.iter().map(|calls| calls.total().max(calls.http_requests));
    (requests.sum(), services.iter().map(|calls| calls.bytes_sent).sum())
}

/// 10,000 plots on each of 20 harvesters, on the usual number of disks of such a machine.
async fn chia(root: &Path) -> Chia {
    let chia = Chia::start("127.0.0.1", root).await.unwrap();
    let harvesters: Vec<_> = (0..20).map(|_| json!({"plots": 10_000, "disks": 60})).collect();
    chia.set(&json!({"harvesters": harvesters})).unwrap();
    chia
}

/// Everything at its usual pace.
fn chia_config(chia: &Chia, detail: &str) -> String {
    format!(
        "collectors:\n  chia:\n    - name: chia-1\n      root: {}\n      farmer: {}\n      full_node: {}\n      daemon: {}\n      \
         harvesters: [{{name: here, rpc: '{}'}}]\n      plot_detail: '{detail}'\n",
        chia.root().display(),
        chia.farmer.addr(),
        chia.full_node.addr(),
        chia.daemon.addr(),
        chia.harvester.addr()
    )
}

async fn monitor(workers: usize) -> Monitor {
    let monitor = Monitor::start("127.0.0.1:0").await.unwrap();
    let lifecycles: Vec<_> = (0..LIFECYCLES)
        .map(|_| json!({"workers": workers, "pools": 5}))
        .collect();
    monitor
        .set(json!({"dial_ms": 0, "lifecycles": lifecycles}))
        .await
        .unwrap();
    monitor
}

/// 500 senders of which 20 have 500 messages each that nothing sends.
async fn venus(history: u64) -> (Venus, NamedTempFile) {
    let venus = Venus::start("127.0.0.1").await.unwrap();
    venus.set(&json!({"era": "c", "miners": 50, "senders": 500})).unwrap();
    venus.sender(&json!({"at": 0, "history": history})).unwrap();
    for sender in 0..20 {
        let queue = json!({"sender": sender, "count": 500, "age_s": 900, "state": 2, "held": "for_ever"});
        venus.put(&queue).unwrap();
    }
    let token = NamedTempFile::new().unwrap();
    std::fs::write(token.path(), venus.token(Perm::Admin)).unwrap();
    (venus, token)
}

fn venus_config(venus: &Venus, token: &Path) -> String {
    let at = |service: &Service| format!("[{{url: 'http://{}'}}]", service.addr());
    format!(
        "collectors:\n  venus:\n    - name: venus-1\n      token_file: {}\n      nodes: {}\n      messagers: {}\n      \
         miner_services: {}\n      gateways: {}\n      auth_services: {}\n",
        token.display(),
        at(&venus.node),
        at(&venus.messager),
        at(&venus.miner),
        at(&venus.gateway),
        at(&venus.auth)
    )
}

/// Looks at some rounds of a part. `asked` is how many calls there were, and how many bytes they brought.
fn measure(what: &str, config: &str, (part, wanted): (&str, usize), asked: impl Fn() -> (u64, u64)) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("farm.yml");
    std::fs::write(&file, config).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let before = asked();
    let running = start(&file, address);
    let mut rounds: Vec<f64> = Vec::new();
    let mut last = String::new();
    let started = Instant::now();
    while rounds.len() < wanted {
        assert!(started.elapsed() < PATIENCE * 2, "no rounds of {what}: {last}");
        pause();
        let Some(page) = get(address) else { continue };
        let success = value(&page, "farmwarden_target_last_success_timestamp_seconds", part);
        let success = success.map(|success| success.to_string()).unwrap_or_default();
        if success != last {
            rounds.extend(value(&page, "farmwarden_target_round_duration_seconds", part));
            last = success;
        }
    }
    let after = asked();
    let (calls, bytes) = (float(after.0 - before.0), float(after.1 - before.1));
    let page = get(address).unwrap();
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    rounds.sort_by(f64::total_cmp);
    let slowest = rounds.last().unwrap();
    row(&format!("{what}: slowest round"), format!("{slowest:.2} s"));
    if wanted == 1 {
        row("requests and bytes of it", format!("{calls:.0}, {:.1} MB", bytes / 1e6));
    } else {
        let (calls, bytes) = (calls / minutes, bytes / 1e6 / minutes);
        row("requests and bytes a minute", format!("{calls:.0}, {bytes:.2} MB"));
    }
    row(
        "series on the page",
        page.lines().filter(|line| !line.starts_with('#')).count(),
    );
    row("page", format!("{} kB", page.len() / 1000));
    let (now, most) = (memory(&running, "VmRSS"), memory(&running, "VmHWM"));
    row("RSS, now and at most", format!("{now} kB, {most} kB"));
}

#[expect(clippy::disallowed_methods, reason = "the program under test")]
fn start(config: &Path, address: SocketAddr) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
    command.arg("--config.file").arg(config);
    command.args(["--web.listen-address", &address.to_string()]);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Running(child.unwrap_or_else(|e| panic!("farmwarden: {e}")))
}

fn get(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark has no runtime to stop")]
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

/// Of one part.
fn value(page: &str, family: &str, part: &str) -> Option<f64> {
    let label = format!("part=\"{part}\"}} ");
    let mut lines = page.lines().filter(|line| line.starts_with(family));
    lines.find_map(|line| line.split_once(&label)?.1.parse().ok())
}

fn memory(running: &Running, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

fn row(what: &str, figure: impl std::fmt::Display) {
    println!("| {what} | {figure} |");
}
