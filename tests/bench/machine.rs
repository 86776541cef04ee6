//! What the whole program costs on a machine: start-up time, memory, and 1,500 mounts of which 100 hang, beside
//! Debian's node_exporter in the same run.
//!
//! Needs root and a mount namespace of its own; `tests/bench/run` gives it both. Ends by itself within five minutes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first surprise"
)]
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use simfarm::fuse::{Mount, Place};

const MOUNTS: usize = 1_500;
const HANGING: usize = 100;
const WATCHED: Duration = Duration::from_secs(90);
/// Chain targets that bring the page beyond 60,000 series together with the mounts.
const CHAIN_TARGETS: usize = 480;
const CHAIN_NODES: usize = 20;
/// Plots of the official plotter by compression level.
const PLOT_SIZES: [(&str, &str); 6] = [
    ("k32-c0", "108.9GB"),
    ("k32-c1", "94.0GB"),
    ("k32-c3", "90.8GB"),
    ("k32-c5", "87.4GB"),
    ("k32-c7", "83.8GB"),
    ("k32-c9", "80.8GB"),
];

/// A program that ends with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        // A thread in a dead mount may keep it; it is not waited for.
        drop(self.0.try_wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "the programs under test")]
fn start(program: &Path, arguments: &[&str]) -> Running {
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Running(command.spawn().unwrap_or_else(|e| panic!("{}: {e}", program.display())))
}

fn farmwarden() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_farmwarden"))
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// One request; `None` when no whole answer comes in time.
fn get(address: SocketAddr, path: &str, within: Duration) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, within).ok()?;
    stream.set_read_timeout(Some(within)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

/// Asks until it answers; the time since `started`.
fn until_answer(address: SocketAddr, path: &str, started: Instant) -> Duration {
    while get(address, path, Duration::from_secs(1)).is_none() {
        assert!(started.elapsed() < Duration::from_secs(60), "{path} never answered");
    }
    started.elapsed()
}

fn status_field(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
}

fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && status_field(child, "PPid") == Some(u64::from(pid))
        {
            found.push(child);
        }
    }
    found
}

fn series(page: &str) -> usize {
    page.lines()
        .filter(|line| line.contains(' ') && !line.starts_with('#'))
        .count()
}

fn row(what: &str, figure: impl std::fmt::Display) {
    println!("| {what} | {figure} |");
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

fn start_up() {
    let mut times = Vec::new();
    for _ in 0..20 {
        let address = free_address();
        let started = Instant::now();
        let _running = start(&farmwarden(), &["--web.listen-address", &address.to_string()]);
        times.push(until_answer(address, "/-/healthy", started));
    }
    times.sort();
    row("start-up: process start to first answer, best of 20", millis(times[0]));
    row("start-up: the same, median", millis(times[10]));
}

fn idle() {
    let address = free_address();
    let running = start(&farmwarden(), &["--web.listen-address", &address.to_string()]);
    until_answer(address, "/-/ready", Instant::now());
    pause(Duration::from_secs(5));
    let pid = running.0.id();
    row(
        "idle, without configuration: RSS",
        format!("{} kB", status_field(pid, "VmRSS").unwrap()),
    );
    let children = children(pid);
    let memory: u64 = children
        .iter()
        .filter_map(|child| status_field(*child, "RssAnon"))
        .sum();
    row(
        "idle: probe children and their private memory together",
        format!("{}, {memory} kB", children.len()),
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "no runtime here, and the time is what is measured"
)]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// 1,400 small file systems and 100 that hang.
struct Farm {
    root: tempfile::TempDir,
    _hanging: Vec<Mount>,
    runtime: tokio::runtime::Runtime,
}

impl Farm {
    fn build() -> Self {
        let root = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        for number in HANGING..MOUNTS {
            let directory = root.path().join(format!("d{number:04}"));
            fs::create_dir(&directory).unwrap();
            mount(
                Some("bench"),
                &directory,
                Some("tmpfs"),
                MsFlags::empty(),
                Some("size=64k,nr_inodes=16"),
            )
            .unwrap_or_else(|e| panic!("mounting (root and a mount namespace are needed): {e}"));
        }
        let hanging = runtime.block_on(async {
            let mut hanging = Vec::new();
            for number in 0..HANGING {
                let directory = root.path().join(format!("h{number:04}"));
                fs::create_dir(&directory).unwrap();
                let mount = Mount::start(&Place::new(directory)).await.unwrap();
                mount.set(serde_json::json!({"incident": "hang"})).await.unwrap();
                hanging.push(mount);
            }
            hanging
        });
        // The table of PID 1 is that of the machine, not of the namespace that this runs in.
        fs::create_dir(root.path().join("proc")).unwrap();
        std::os::unix::fs::symlink("/proc/self", root.path().join("proc/1")).unwrap();
        Self {
            root,
            _hanging: hanging,
            runtime,
        }
    }

    fn config(&self) -> String {
        format!(
            "collectors:\n  mounts:\n    - name: host\n      include: ['{0}/**']\n      exclude: []\n      \
             exclude_types: []\n      plots: ['{0}/**']\n      procfs: {0}/proc\n      \
             plot_sizes: [{1}]\n",
            self.root.path().display(),
            PLOT_SIZES
                .map(|(name, size)| format!("{{name: {name}, size: {size}}}"))
                .join(", ")
        )
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.root.path()).unwrap().flatten() {
            umount2(&entry.path(), MntFlags::MNT_DETACH).ok();
        }
    }
}

fn with_config(farm: &Farm, config: &str) -> (Running, SocketAddr) {
    let file = farm.root.path().join("farm.yml");
    fs::write(&file, config).unwrap();
    let address = free_address();
    let listen = address.to_string();
    let running = start(
        &farmwarden(),
        &["--config.file", file.to_str().unwrap(), "--web.listen-address", &listen],
    );
    until_answer(address, "/-/healthy", Instant::now());
    (running, address)
}

/// Scrapes of both programs side by side, from the first second on.
fn dead_mounts(farm: &Farm, node_exporter: Option<&Path>) {
    let (running, address) = with_config(farm, &farm.config());
    let other = node_exporter.map(|program| {
        let address = free_address();
        let listen = format!("--web.listen-address={address}");
        (
            start(
                program,
                &["--collector.disable-defaults", "--collector.filesystem", &listen],
            ),
            address,
        )
    });
    let theirs = other.as_ref().map(|(_, address)| {
        let address = *address;
        std::thread::spawn(move || {
            let limit = Duration::from_secs(10);
            let answered = (0..7).filter(|_| get(address, "/metrics", limit).is_some()).count();
            format!("{answered} of 7")
        })
    });
    let pid = running.0.id();
    let started = Instant::now();
    let (mut times, mut most_children, mut most_threads, mut all_seen) = (Vec::new(), 0, 0, None);
    while started.elapsed() < WATCHED {
        let asked = Instant::now();
        let page = get(address, "/metrics", Duration::from_secs(10)).expect("every scrape is answered");
        times.push(asked.elapsed());
        let stuck = page
            .lines()
            .filter(|line| line.starts_with("mount_stuck{") && line.ends_with(" 1"))
            .count();
        let sized = page
            .lines()
            .filter(|line| line.starts_with("mount_size_bytes{"))
            .count();
        if all_seen.is_none() && stuck == HANGING && sized >= MOUNTS - HANGING {
            all_seen = Some(started.elapsed());
        }
        most_children = most_children.max(children(pid).len());
        most_threads = most_threads.max(status_field(pid, "Threads").unwrap());
        pause(Duration::from_millis(250));
    }
    times.sort();
    let scrapes = times.len();
    row(
        &format!("{MOUNTS} mounts, {HANGING} hang: scrapes answered"),
        format!("{scrapes} of {scrapes}"),
    );
    row("the slowest of them", millis(times[scrapes - 1]));
    row("their median", millis(times[scrapes / 2]));
    let seen = all_seen.map_or("never".to_owned(), |after| {
        format!("{:.0} s after the start", after.as_secs_f64())
    });
    row("all hanging mounts shown as stuck and all others with their size", seen);
    row(
        "threads and probe children at most",
        format!("{most_threads}, {most_children}"),
    );
    row(
        "RSS of the serving process",
        format!("{} kB", status_field(pid, "VmRSS").unwrap()),
    );
    let memory: u64 = children(pid)
        .iter()
        .filter_map(|child| status_field(*child, "RssAnon"))
        .sum();
    row("private memory of all probe children together", format!("{memory} kB"));
    if let (Some(theirs), Some((other, _))) = (theirs, &other) {
        row(
            "node_exporter beside it, 10 s a scrape: scrapes answered",
            theirs.join().unwrap(),
        );
        row(
            "node_exporter: threads at the end",
            status_field(other.0.id(), "Threads").unwrap(),
        );
    }
    let stopping = Instant::now();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()),
        nix::sys::signal::SIGTERM,
    )
    .unwrap();
    let mut running = running;
    running.0.wait().unwrap();
    row("SIGTERM to the end of the process", millis(stopping.elapsed()));
}

fn large_page(farm: &Farm) {
    let nodes: Vec<_> = (0..CHAIN_NODES)
        .map(|_| {
            farm.runtime
                .block_on(simfarm::substrate::Node::start("127.0.0.1:0"))
                .unwrap()
        })
        .collect();
    let mut config = farm.config() + "  phala:\n";
    for (number, node) in (0..CHAIN_TARGETS).zip(nodes.iter().cycle()) {
        writeln!(
            config,
            "    - {{name: node-{number}, para: 'http://{0}', relay: 'http://{0}'}}",
            node.addr()
        )
        .unwrap();
    }
    let (running, address) = with_config(farm, &config);
    let started = Instant::now();
    let mut page = String::new();
    while series(&page) < 60_000 && started.elapsed() < Duration::from_secs(60) {
        pause(Duration::from_secs(1));
        page = get(address, "/metrics", Duration::from_secs(10)).unwrap();
    }
    pause(Duration::from_secs(30));
    row("series on the page of mounts and chain nodes", series(&page));
    let rss = |field| status_field(running.0.id(), field).unwrap();
    row(
        "RSS with them, now and at most",
        format!("{} kB, {} kB", rss("VmRSS"), rss("VmHWM")),
    );
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let asked = Instant::now();
            get(address, "/metrics", Duration::from_secs(10)).unwrap();
            asked.elapsed()
        })
        .collect();
    times.sort();
    row("scrape of them while rounds go on, median", millis(times[10]));
}

fn main() {
    println!("| what | figure |\n|---|---|");
    start_up();
    idle();
    let farm = Farm::build();
    let node_exporter = std::env::var_os("NODE_EXPORTER").map(PathBuf::from);
    dead_mounts(&farm, node_exporter.as_deref());
    large_page(&farm);
}
