//! A program that ends with its test.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{LONG, PAUSE};

/// A running program; what it says goes to a file, which is shown when the test fails.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    _directory: tempfile::TempDir,
}

impl Process {
    /// Standard input stays open until the end, for programs that end with it.
    #[track_caller]
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let directory = super::directory();
        let log = directory.path().join("log");
        let file = File::create(&log).unwrap();
        let child = command
            .stdin(Stdio::piped())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .process_group(0)
            .spawn();
        let child = child.unwrap_or_else(|e| panic!("{name} does not start ({command:?}): {e}"));
        Self {
            name: name.to_owned(),
            child,
            log,
            _directory: directory,
        }
    }

    /// All that it has said so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Whether it has ended, as an error for `wait_for` while it has not.
    pub(crate) fn running(&mut self) -> Result<(), String> {
        match self.child.try_wait().unwrap() {
            None => Ok(()),
            Some(status) => Err(format!("{} has ended with {status}:\n{}", self.name, self.log())),
        }
    }

    /// As when the machine loses its power.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end; how it ended and how long that took.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> (ExitStatus, Duration) {
        self.signal(Signal::SIGTERM);
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, started.elapsed());
            }
            assert!(started.elapsed() < LONG, "{} does not end on SIGTERM", self.name);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}---", self.name, self.log());
        }
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        // Bounded: one that is stuck in a dead mount ends with the whole namespace instead.
        if !ended && self.child.kill().is_ok() {
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(5) && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(PAUSE);
            }
        }
    }
}
