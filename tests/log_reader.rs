//! What the binary logs, and what it does while nobody reads that: it serves, it ends when told to, and what is lost is
//! counted and told.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "the binary itself is under test")]

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than anything here takes on a busy machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A farmwarden that was read up to its address, and no further.
struct Unread {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
    config: PathBuf,
    _directory: tempfile::TempDir,
}

impl Unread {
    fn start(web: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let web_file = directory.path().join("web.yml");
        std::fs::write(&web_file, web).unwrap();
        // Every mistake begins with the path of the file: a long one makes long lines.
        let deep = directory.path().join(format!("{0}/{0}/{0}/{0}", "x".repeat(250)));
        std::fs::create_dir_all(&deep).unwrap();
        let config = deep.join("farm.yml");
        std::fs::write(&config, "").unwrap();
        let mut child = serving()
            .args(["--web.control-socket=", "--web.enable-lifecycle", "--config.file"])
            .arg(&config)
            .arg("--web.config.file")
            .arg(&web_file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let line = line_with(&mut log, "serves http://");
        let address = line.split("http://").nth(1).unwrap();
        Self {
            child,
            address: address.split('/').next().unwrap().to_owned(),
            log,
            config,
            _directory: directory,
        }
    }

    /// Lines that are longer than a pipe and the queue together.
    fn make_it_log_more_than_it_can(&self) {
        let mistakes = "    - {name: a, no_such_key: 1}\n".repeat(100);
        std::fs::write(&self.config, format!("collectors:\n  phala:\n{mistakes}")).unwrap();
        let answer = self.ask("POST /-/reload", "");
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        let once = answer.len();
        for _ in 0..(4 << 20) / once {
            self.ask("POST /-/reload", "");
        }
    }

    fn ask(&self, what: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Everything from here to the end, which is asked for.
    fn rest_of_the_log(self) -> Vec<String> {
        let Self { child, log, .. } = self;
        let rest = thread::spawn(move || log.lines().map(Result::unwrap).collect());
        assert_eq!(terminate(child).code(), Some(0));
        rest.join().unwrap()
    }

    fn lost(&self) -> u64 {
        let page = self.ask("GET /metrics", "");
        let family = "\nfarmwarden_log_lines_dropped_total ";
        let number = page.split(family).nth(1).unwrap().lines().next().unwrap();
        number.parse().unwrap()
    }
}

/// On any port of loopback.
fn serving() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
    command.arg("--web.listen-address=127.0.0.1:0");
    command
}

fn line_with(log: &mut impl std::io::BufRead, words: &str) -> String {
    let mut lines = log.lines().map(Result::unwrap);
    lines.find(|line| line.contains(words)).unwrap()
}

/// Sends SIGTERM; an end that does not come within the patience fails, and leaves no process.
fn terminate(mut child: Child) -> ExitStatus {
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    let (ended, end) = mpsc::channel();
    let waiting = thread::spawn(move || ended.send(child.wait().unwrap()));
    let end = end.recv_timeout(PATIENCE);
    if end.is_err() {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    waiting.join().unwrap().unwrap();
    end.unwrap()
}

#[test]
fn a_log_that_nobody_reads_delays_neither_scrapes_nor_the_end() {
    let unread = Unread::start("");
    assert_eq!(unread.lost(), 0);
    unread.make_it_log_more_than_it_can();
    assert!(unread.lost() > 0);
    let Unread { child, log, .. } = unread;
    assert_eq!(terminate(child).code(), Some(0));
    // Held until here: a closed pipe would have failed instead of stalled.
    drop(log);
}

#[test]
fn a_reader_that_goes_on_is_told_how_many_lines_are_missing_and_gets_the_last_one() {
    let mut unread = Unread::start("");
    unread.make_it_log_more_than_it_can();
    let lost = unread.lost();
    let told = line_with(&mut unread.log, "log lines are missing here");
    assert!(
        told.contains(&format!("{lost} log lines")) && told.contains("level=warn"),
        "{lost}: {told}"
    );
    let rest = unread.rest_of_the_log();
    assert!(rest.last().unwrap().contains("stopping"), "{rest:?}");
}

#[test]
fn many_wrong_passwords_are_one_line_with_the_address() {
    let unread = Unread::start(&format!(
        "basic_auth_users: {{ada: '{}'}}\n",
        bcrypt::hash("right", 4).unwrap()
    ));
    for password in ["hunter1", "hunter2", "hunter3"] {
        let both = base64::engine::general_purpose::STANDARD.encode(format!("ada:{password}"));
        let answer = unread.ask("GET /metrics", &format!("Authorization: Basic {both}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let rest = unread.rest_of_the_log();
    let told: Vec<&String> = rest.iter().filter(|line| line.contains("wrong_credentials")).collect();
    assert_eq!(told.len(), 1, "{rest:?}");
    assert!(
        told[0].contains("level=warn") && told[0].contains("127.0.0.1"),
        "{told:?}"
    );
    assert!(!rest.join("").contains("hunter"), "{rest:?}");
}

/// Nothing before somebody listens there.
fn scrape_over(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    Some(page)
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_full_disk_under_the_log_is_no_reason_to_end() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("control.sock");
    let flag = format!("--web.control-socket={}", socket.display());
    // The log cannot say the address; what is printed goes to a disk that is full, too.
    let mut child = serving().arg(flag).stdout(full()).stderr(full()).spawn().unwrap();
    let started = Instant::now();
    let page = loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        let page = scrape_over(&socket).unwrap_or_default();
        if page.contains("log_lines_dropped_total") && !page.contains("log_lines_dropped_total 0\n") {
            break page;
        }
        assert!(started.elapsed() < PATIENCE, "{page}");
        thread::yield_now();
    };
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert_eq!(terminate(child).code(), Some(0));
}

#[test]
fn a_command_whose_words_find_no_room_says_so_without_panicking() {
    for arguments in [
        &["metrics"][..],
        &["example-config"],
        &["man"],
        &["completions", "bash"],
        &["explain"],
        &["--help"],
        &["--version"],
    ] {
        let run = |stderr: Stdio| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
            let output = command.args(arguments).stdout(full()).stderr(stderr).spawn().unwrap();
            let output = output.wait_with_output().unwrap();
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        let (code, said) = run(Stdio::piped());
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        if !arguments.iter().any(|argument| argument.starts_with("--")) {
            assert_eq!(code, Some(1), "{arguments:?}");
            assert!(said.contains("no space left"), "{arguments:?}: {said}");
        }
        let (silent, _) = run(full().into());
        assert_eq!(silent, code, "{arguments:?}");
    }
}
