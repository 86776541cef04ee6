//! The services of a real farm, and what they say of themselves.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{PATIENCE, is_above};
use crate::support::{Process, handed_over, own, wait_for};

/// What was killed is gone in a moment, unless it waits in the kernel.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(50);
/// Its services listen at the usual ports, so there is one at a time.
static ONLY: Mutex<()> = Mutex::new(());

/// A farm in a directory, with its services.
pub(crate) struct Farm {
    pub(crate) directory: PathBuf,
    asker: RefCell<Asker>,
    pub(super) daemon: Option<Process>,
    pub(crate) nas: Option<Process>,
    _nas_daemon: Process,
    node: Process,
    _pool: Process,
    _wallet: Process,
    pub(super) farmer: Process,
    pub(super) harvester: Option<Process>,
    _only: MutexGuard<'static, ()>,
}

impl Farm {
    /// Its processes, also those that a daemon started.
    fn processes(&self) -> Vec<Pid> {
        let root = format!("CHIA_ROOT={}/", self.directory.display());
        let own_number = nix::unistd::getpid().as_raw();
        let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let is_own = |line: &[u8]| line.starts_with(root.as_bytes());
            // A service writes its name over its environment; its log is open.
            let open = std::fs::read_dir(entry.path().join("fd"))
                .into_iter()
                .flatten()
                .flatten();
            let mut open = open.filter_map(|one| std::fs::read_link(one.path()).ok());
            let is_ours =
                environment.split(|byte| *byte == 0).any(is_own) || open.any(|path| path.starts_with(&self.directory));
            (is_ours && number != own_number).then(|| Pid::from_raw(number))
        });
        all.collect()
    }
}

/// A daemon leaves behind what it started, and the next farm needs its ports.
impl Drop for Farm {
    fn drop(&mut self) {
        let started = Instant::now();
        while started.elapsed() < ENDS_WITHIN {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            for process in processes {
                kill(process, Signal::SIGKILL).ok();
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Asks the services by chia's own means. One for all questions: each new one costs a second of a processor.
struct Asker {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Asker {
    fn start(directory: &Path) -> Self {
        let mut command = farm_py(directory, &[Path::new("ask")]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self {
            questions: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn ask(&mut self, port: u16, route: &str, body: &Value) -> Result<Value, String> {
        writeln!(self.questions, "{port} {route} {body}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut said: Value = serde_json::from_str(&line).map_err(|e| format!("{route}: {e}: {line}"))?;
        match said.get_mut("answer") {
            Some(answer) => Ok(answer.take()),
            None => Err(said.to_string()),
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A program of chia's.
pub(super) fn program(directory: &Path, installation: &str, name: &str) -> Command {
    let python = handed_over("E2E_CHIA");
    let mut command = Command::new(python.with_file_name(name));
    command.env("CHIA_ROOT", directory.join(installation));
    command.env("CHIA_KEYS_ROOT", directory.join("keys"));
    // A daemon finds the services that it starts there.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", python.parent().unwrap().display()));
    command
}

fn farm_py(directory: &Path, arguments: &[&Path]) -> Command {
    let mut command = program(directory, "farm", "python");
    command.arg(own("chia/farm.py")).args(arguments);
    command
}

/// Those of daemons, peers and RPCs.
const PORTS: [u16; 10] = [55400, 55401, 8447, 8448, 8449, 8555, 8559, 8560, 8570, 9256];

impl Farm {
    /// With the plots of the second harvester in `share`.
    pub(crate) fn start(directory: &Path, share: &Path) -> Self {
        let only = ONLY.lock().unwrap_or_else(PoisonError::into_inner);
        // Who is killed lets go of them a moment later; a service that finds one taken never tries again.
        for port in PORTS {
            wait_for(&format!("port {port} is free"), PATIENCE, || {
                let bound = TcpListener::bind(("127.0.0.1", port));
                bound.map(drop).map_err(|e| e.to_string())
            });
        }
        let output = farm_py(directory, &[Path::new("prepare"), directory, share])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let start = |installation, name| Process::start(name, &mut program(directory, installation, name));
        let (daemon, nas_daemon) = (Some(start("farm", "chia_daemon")), start("nas", "chia_daemon"));
        let installation = directory.join("farm");
        let node = Process::start("node", &mut farm_py(directory, &[Path::new("node"), &installation]));
        let pool = Process::start("pool", &mut farm_py(directory, &[Path::new("pool")]));
        let farm = Self {
            _nas_daemon: nas_daemon,
            _pool: pool,
            _wallet: start("farm", "chia_wallet"),
            farmer: start("farm", "chia_farmer"),
            harvester: Some(start("farm", "chia_harvester")),
            nas: Some(start("nas", "chia_harvester")),
            asker: RefCell::new(Asker::start(directory)),
            daemon,
            node,
            directory: directory.to_owned(),
            _only: only,
        };
        wait_for(
            "both harvesters have loaded their plots, the wallet knows the chain, and the node hands out signage points",
            PATIENCE,
            || {
                farm.is_whole()?;
                let farmed = farm.rpc(9256, "get_farmed_amount")?;
                is_above("blocks won", farmed["blocks_won"].as_f64().unwrap_or_default(), 0.0)
            },
        );
        farm
    }

    pub(crate) fn is_whole(&self) -> Result<(), String> {
        let summary = self.rpc(8559, "get_harvesters_summary")?;
        let harvesters = summary["harvesters"].as_array().ok_or("no harvesters")?;
        let loaded = harvesters
            .iter()
            .filter(|one| one["plots"].as_u64() > Some(0) && !one["last_sync_time"].is_null());
        if loaded.count() != 2 {
            return Err(summary.to_string());
        }
        match self.handed_out() {
            0 => Err("the node has handed out no signage point".to_owned()),
            _ => Ok(()),
        }
    }

    /// What a service says.
    pub(crate) fn rpc(&self, port: u16, route: &str) -> Result<Value, String> {
        self.ask(port, route, &json!({}))
    }

    pub(super) fn ask(&self, port: u16, route: &str, body: &Value) -> Result<Value, String> {
        self.asker.borrow_mut().ask(port, route, body)
    }

    /// How many signage points the node has handed out.
    pub(super) fn handed_out(&self) -> usize {
        self.node.log().matches("signage point\n").count()
    }

    /// By which certificate the farmer knows the second harvester.
    pub(crate) fn nas_id(&self) -> String {
        let summary = self.rpc(8559, "get_harvesters_summary").unwrap();
        let harvesters = summary["harvesters"].as_array().unwrap();
        let nas = harvesters.iter().find(|one| one["plots"] == 2).unwrap();
        nas["connection"]["node_id"].as_str().unwrap().to_owned()
    }

    pub(super) fn start_nas(&mut self) {
        let mut command = program(&self.directory, "nas", "chia_harvester");
        self.nas = Some(Process::start("chia_harvester", &mut command));
    }

    pub(super) fn start_daemon(&mut self) {
        let mut command = program(&self.directory, "farm", "chia_daemon");
        self.daemon = Some(Process::start("chia_daemon", &mut command));
    }
}
