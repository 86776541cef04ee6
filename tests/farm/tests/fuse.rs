//! Real mounts. Needs root and /dev/fuse, so it runs only when asked for: `cargo test -p simfarm --test fuse`.
//!
//! Every look at a mount is a child process, as in farmwarden itself: a thread of this one could not be called back.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "a test starts programs")]

use std::{
    fs,
    io::Result,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use nix::{
    mount::{MntFlags, umount2},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use simfarm::{
    client::Farm,
    fuse::{Mount, Place},
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_simfarm");
const LONG: Duration = Duration::from_secs(20);

/// A directory of its own for each test, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("simfarm-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Not recursive: it must be empty once the mount on it is gone.
        fs::remove_dir(&self.0).ok();
    }
}

async fn mounted(directory: &Directory) -> Mount {
    Mount::start(&Place::new(&directory.0)).await.unwrap()
}

fn probe(mount: &Mount) -> Command {
    let mut command = Command::new("stat");
    command
        .args(["-f", "-c", "%b %f %a %S %c %d"])
        .arg(mount.mountpoint())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn ended(command: &mut Command) -> Output {
    timeout(LONG, command.output()).await.unwrap().unwrap()
}

/// The state letter of a process, as in `ps`.
fn state(child: &Child) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id().unwrap())).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < LONG, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn mount_table() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

#[tokio::test]
async fn free_space_is_as_set() {
    let directory = Directory::new("space");
    let mount = mounted(&directory).await;
    let set = json!({"bsize": 512, "blocks": 1000, "bfree": 100, "bavail": 90, "files": 10, "ffree": 4});
    mount.set(set).await.unwrap();
    let output = ended(&mut probe(&mount)).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1000 100 90 512 10 4\n");
    assert_eq!(mount.calls().methods.get("statfs"), Some(&1));
}

#[tokio::test]
async fn files_are_listed_with_their_sizes() {
    let directory = Directory::new("files");
    let mount = mounted(&directory).await;
    mount
        .set(json!({"entries": {"a.plot": 108_000_000_000_u64, "b.plot": 1}}))
        .await
        .unwrap();
    let list = || {
        let mut command = Command::new("find");
        command.arg(&directory.0).args(["-type", "f", "-printf", "%f %s\n"]);
        command
    };
    assert_eq!(
        String::from_utf8_lossy(&ended(&mut list()).await.stdout),
        "a.plot 108000000000\nb.plot 1\n"
    );
    let many: serde_json::Map<String, Value> = (0..1000).map(|n| (format!("plot-{n:064}"), json!(n))).collect();
    mount.set(json!({"entries": many})).await.unwrap();
    let output = ended(&mut list()).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1000);
}

#[tokio::test]
async fn a_probe_of_a_hanging_mount_outlives_sigterm_until_the_mount_answers() {
    let directory = Directory::new("hang");
    let mount = mounted(&directory).await;
    mount.set(json!({"incident": "hang"})).await.unwrap();
    let mut child = probe(&mount).spawn().unwrap();
    until("the request is read", || mount.calls().held == 1).await;
    assert!(matches!(state(&child), 'D' | 'S'));
    kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), Signal::SIGTERM).unwrap();
    until("the signal is taken and the process cannot die of it", || {
        state(&child) == 'D'
    })
    .await;
    assert!(timeout(Duration::from_millis(300), child.wait()).await.is_err());
    mount.set(json!({"incident": "ok"})).await.unwrap();
    let status = timeout(LONG, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.signal(), Some(15));
    assert_eq!(mount.calls().held, 0);
    assert!(ended(&mut probe(&mount)).await.status.success());
}

#[tokio::test]
async fn an_error_is_seen_at_once_and_gone_at_once() {
    let directory = Directory::new("errno");
    let mount = mounted(&directory).await;
    for (incident, words) in [
        (json!("eio"), "Input/output error"),
        (json!("estale"), "Stale file handle"),
        (json!("ehostdown"), "Host is down"),
        (json!(13), "Permission denied"),
    ] {
        mount.set(json!({"incident": incident})).await.unwrap();
        let mut attributes = Command::new("stat");
        for command in [&mut probe(&mount), attributes.arg(mount.mountpoint())] {
            let output = ended(command).await;
            assert!(!output.status.success());
            assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{output:?}");
        }
        mount.set(json!({"incident": "ok"})).await.unwrap();
        assert!(ended(&mut probe(&mount)).await.status.success());
    }
}

#[tokio::test]
async fn slow_answers_late() {
    let directory = Directory::new("slow");
    let mount = mounted(&directory).await;
    mount.set(json!({"incident": "slow", "delay_ms": 200})).await.unwrap();
    let start = Instant::now();
    assert!(ended(&mut probe(&mount)).await.status.success());
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn dropping_unmounts_and_frees_whoever_hangs() {
    let directory = Directory::new("drop");
    let mount = mounted(&directory).await;
    mount.set(json!({"incident": "hang"})).await.unwrap();
    let mut child = probe(&mount).spawn().unwrap();
    until("the request is read", || mount.calls().held == 1).await;
    drop(mount);
    assert!(!mount_table().contains(directory.0.to_str().unwrap()));
    assert!(!timeout(LONG, child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn the_mount_table_shows_the_type_and_source_asked_for() -> Result<()> {
    let directory = Directory::new("table");
    let path = directory.0.to_str().unwrap();
    let spec = format!("a={path},fstype=fuse.cifs,source=//nas/share");
    let farm = Farm::spawn(PROGRAM, &["--fuse", &spec]).await?;
    assert_eq!(farm.place("a"), Some(path));
    let line = mount_table()
        .lines()
        .find(|line| line.contains(path))
        .map(str::to_owned)
        .unwrap();
    assert!(line.contains(" - fuse.cifs //nas/share "), "{line}");
    let after = farm.set("fuse/a", &json!({"incident": 112})).await?;
    assert_eq!(after["settings"]["incident"], "ehostdown");
    farm.stop().await?;
    assert!(!mount_table().contains(path));
    Ok(())
}

#[tokio::test]
async fn two_hundred_mounts_cost_no_thread_each() -> Result<()> {
    let directories: Vec<Directory> = (0..200).map(|n| Directory::new(&format!("many{n}"))).collect();
    let specs: Vec<String> = directories
        .iter()
        .enumerate()
        .map(|(n, d)| format!("m{n}={}", d.0.display()))
        .collect();
    let args: Vec<&str> = specs.iter().flat_map(|spec| ["--fuse", spec]).collect();
    let farm = Farm::spawn(PROGRAM, &args).await?;
    let status = fs::read_to_string(format!("/proc/{}/status", farm.pid().unwrap()))?;
    let number = |key: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    let processors = std::thread::available_parallelism()?.get();
    assert!(number("Threads:") <= u64::try_from(processors).unwrap() + 4, "{status}");
    assert!(number("VmRSS:") < 64 * 1024, "{status}");
    let mut command = Command::new("stat");
    command
        .args(["-f", "-c", "%b"])
        .args(directories.iter().map(|directory| &directory.0));
    let output = ended(&mut command).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 200);
    farm.stop().await
}

#[tokio::test]
async fn a_killed_farm_leaves_a_mount_without_a_server() -> Result<()> {
    let directory = Directory::new("killed");
    let spec = format!("a={}", directory.0.display());
    let farm = Farm::spawn(PROGRAM, &["--fuse", &spec]).await?;
    kill(farm.pid().unwrap(), Signal::SIGKILL)?;
    farm.stop().await?;
    let output = ended(Command::new("stat").arg("-f").arg(&directory.0)).await;
    umount2(&directory.0, MntFlags::MNT_DETACH)?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("Transport endpoint is not connected"));
    Ok(())
}
