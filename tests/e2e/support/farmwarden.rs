//! The binary under test and its page.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{LONG, Process, handed_over, http, wait_for};

/// What issue and manual promise is one second; the rest is for a busy machine.
const STOPS_WITHIN: Duration = Duration::from_millis(1500);
/// What a scrape may take although nothing is waited for: a busy machine again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

pub(crate) struct Farmwarden {
    pub(crate) address: String,
    pub(crate) process: Process,
    directory: tempfile::TempDir,
}

impl Farmwarden {
    /// With a configuration file, on a port that is free.
    #[track_caller]
    pub(crate) fn start(config: &str) -> Self {
        Self::start_at("127.0.0.1:0", config)
    }

    #[track_caller]
    pub(crate) fn start_at(address: &str, config: &str) -> Self {
        Self::start_with(config, &["--web.listen-address", address])
    }

    /// With these arguments; without an address it is the usual one.
    #[track_caller]
    pub(crate) fn start_with(config: &str, arguments: &[&str]) -> Self {
        let directory = super::directory();
        let file = directory.path().join("farmwarden.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Self::command();
        command.arg("--config.file").arg(&file).args(arguments);
        Self::run(&mut command, directory)
    }

    /// The configuration file as it is read with the next SIGHUP.
    pub(crate) fn change_file(&self, config: &str) {
        std::fs::write(self.directory.path().join("farmwarden.yml"), config).unwrap();
    }

    /// Started in any way; `directory` lives as long.
    #[track_caller]
    pub(crate) fn run(command: &mut Command, directory: tempfile::TempDir) -> Self {
        let mut process = Process::start("farmwarden", command);
        let address = wait_for("farmwarden says where it serves", LONG, || {
            process.running()?;
            serving_address(&process.log()).ok_or_else(|| format!("its log is:\n{}", process.log()))
        });
        Self {
            address,
            process,
            directory,
        }
    }

    /// Ends it without a chance to do anything, and starts another in its place; `command` says the same address.
    #[track_caller]
    pub(crate) fn kill_and_start(&mut self, command: &mut Command) {
        self.process.kill();
        self.process = Process::start("farmwarden", command);
        wait_for("farmwarden serves again", LONG, || {
            self.process.running()?;
            serving_address(&self.process.log()).ok_or_else(|| self.process.log())
        });
    }

    pub(crate) fn command() -> Command {
        let mut command = Command::new(Self::binary());
        // Several run beside one another, and the usual socket is one of the machine.
        command.arg("--web.control-socket=");
        command
    }

    pub(crate) fn binary() -> impl AsRef<Path> + AsRef<std::ffi::OsStr> {
        handed_over("E2E_FARMWARDEN")
    }

    /// The page in text form, in time: a scrape waits for no upstream.
    #[track_caller]
    pub(crate) fn samples(&self) -> Samples {
        let started = Instant::now();
        let answer = http::get(&self.address, "/metrics", &[]).unwrap();
        let took = started.elapsed();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(took < ANSWERS_WITHIN, "a scrape took {took:?}");
        Samples(answer.text())
    }

    /// Waits for a sample that is as asked; `is` says what it is instead.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, mut is: impl FnMut(&Samples) -> Result<(), String>) -> Samples {
        wait_for(what, LONG, || {
            let samples = self.samples();
            is(&samples).map(|()| samples)
        })
    }

    /// A client that sends this much of a request and no more.
    #[track_caller]
    pub(crate) fn begin(&self, beginning: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        stream
    }

    /// SIGTERM ends it in time whatever hangs, and its port can be bound again in the same instant.
    #[track_caller]
    pub(crate) fn stops_at_once(mut self) {
        let (status, took) = self.process.stop();
        assert!(status.success(), "it ended with {status}");
        assert!(took < STOPS_WITHIN, "it took {took:?} to end");
        let next = Self::start_at(&self.address, "");
        assert_eq!(next.address, self.address);
    }
}

fn serving_address(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("serves http://")?;
    let (address, _) = rest.split_once('/')?;
    Some(address.to_owned())
}

/// A page in text form.
pub(crate) struct Samples(pub(crate) String);

impl Samples {
    /// The value of the sample that has all of these labels (and may have more).
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let line = self.lines(name).find(|line| {
            let has = |(key, value): &(&str, &str)| {
                let label = format!("{key}=\"{value}\"");
                line.contains(&format!("{{{label}")) || line.contains(&format!(",{label}"))
            };
            labels.iter().all(has)
        })?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// All sample lines of a metric.
    pub(crate) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_this_name = move |line: &&str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        self.0.lines().filter(of_this_name)
    }

    /// For `wait_for`: whether a sample has this value.
    pub(crate) fn is(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        expected: impl Into<Option<f64>>,
    ) -> Result<(), String> {
        let (seen, expected) = (self.get(name, labels), expected.into());
        if seen == expected {
            return Ok(());
        }
        let lines: Vec<&str> = self.lines(name).collect();
        Err(format!(
            "{name}{labels:?} is {seen:?}, not {expected:?}; there is:\n{}",
            lines.join("\n")
        ))
    }
}
