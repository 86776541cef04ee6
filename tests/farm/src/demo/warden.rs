//! The real farmwarden, as a child process on a free port, and what it answers.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

/// A busy machine starts it within this.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// It answers from memory; taking alerts waits for the disk.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// An action that runs is given 5 s.
const ENDS_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);

/// Ended with the demo, in whatever way that ends.
#[derive(Debug)]
pub(super) struct Warden {
    child: Child,
    program: PathBuf,
    /// Host and port.
    pub(super) address: String,
}

impl Warden {
    /// Starts it and waits until it serves. Its log goes to a file of `directory`.
    #[expect(clippy::disallowed_methods, reason = "the demo starts farmwarden as a user does")]
    pub(super) async fn start(program: &Path, directory: &Path, listen: &str) -> Result<Self, String> {
        let log = directory.join("farmwarden.log");
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let child = Command::new(program)
            .arg("--config.file")
            .arg(directory.join("farmwarden.yml"))
            .arg("--web.config.file")
            .arg(directory.join("web.yml"))
            .arg("--web.control-socket")
            .arg(directory.join("control.sock"))
            .args(["--web.listen-address", listen])
            .env_remove("FARMWARDEN_CONFIG_FILE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn();
        let child = child.map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let mut warden = Self {
            child,
            program: program.to_owned(),
            address: String::new(),
        };
        let serving = async {
            loop {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                if let Some(address) = serves(&said) {
                    return Ok(address);
                }
                if let Ok(Some(status)) = warden.child.try_wait() {
                    return Err(format!("farmwarden ended with {status}:\n{said}"));
                }
                sleep(PAUSE).await;
            }
        };
        let late = |_| format!("farmwarden does not serve within {STARTS_WITHIN:?}");
        warden.address = timeout(STARTS_WITHIN, serving).await.map_err(late)??;
        Ok(warden)
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// A JSON answer to a question.
    pub(super) async fn ask(&self, path: &str) -> Result<Value, String> {
        let (status, body) = self.exchange("GET", path, "", "").await?;
        let read = serde_json::from_str(&body).map_err(|error| error.to_string());
        match status {
            200 => read,
            _ => Err(format!("{path} is answered with {status}: {}", body.trim())),
        }
    }

    /// Hands something in, with a token.
    pub(super) async fn hand_in(&self, path: &str, token: &str, body: &Value) -> Result<(), String> {
        let authorization = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
        let (status, words) = self.exchange("POST", path, &authorization, &body.to_string()).await?;
        match status {
            200 => Ok(()),
            _ => Err(format!("{path} is answered with {status}: {}", words.trim())),
        }
    }

    /// What one of its commands prints.
    #[expect(clippy::disallowed_methods, reason = "the demo uses farmwarden as a user does")]
    pub(super) async fn command(&self, arguments: &[&str]) -> Result<String, String> {
        let ran = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ran = timeout(ANSWERS_WITHIN, ran).await;
        let output = ran.map_err(|_| format!("farmwarden {} does not end", arguments.join(" ")))?;
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid {
            kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        }
        // Killed when it is dropped, if it does not.
        drop(timeout(ENDS_WITHIN, self.child.wait()).await);
    }

    async fn exchange(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<(u16, String), String> {
        // Version 1.0: the body ends with the connection.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let asking = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer)
        };
        let answered = timeout(ANSWERS_WITHIN, asking).await;
        let answer = answered.map_err(|_| format!("farmwarden does not answer {path} within {ANSWERS_WITHIN:?}"))?;
        let answer = answer.map_err(|error: std::io::Error| format!("farmwarden does not answer {path}: {error}"))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| format!("{path} is not answered in HTTP"))?;
        Ok((status, body.to_owned()))
    }
}

/// The address in its log.
fn serves(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("serves http://")?;
    let (address, _) = rest.split_once('/')?;
    Some(address.to_owned())
}
