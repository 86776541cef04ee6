//! The farm as a child process, for tests of other crates.

use std::{
    io::{Error, Result},
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use crate::wire::Calls;

/// Longer than a farm of hundreds needs to start on a busy machine.
const READY: Duration = Duration::from_secs(30);

/// For one order, and for the end.
const ANSWER: Duration = Duration::from_secs(10);

/// A running farm. Dropping it ends the process, which then unmounts what it mounted.
#[derive(Debug)]
pub struct Farm {
    child: Child,
    ready: Value,
}

impl Drop for Farm {
    fn drop(&mut self) {
        // Not SIGKILL: that would leave its mounts behind. It also ends with its standard input.
        if let Some(pid) = self.pid() {
            kill(pid, Signal::SIGTERM).ok();
        }
    }
}

impl Farm {
    /// Starts `simfarm serve` from the file `program` with `args` and waits until all of it is up.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test program starts the farm; nothing of farmwarden does"
    )]
    pub async fn spawn(program: impl AsRef<Path>, args: &[&str]) -> Result<Self> {
        let mut child = Command::new(program.as_ref())
            .args(["serve", "--exit-with-parent"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| Error::other("the farm has no standard output"))?;
        let mut line = String::new();
        let mut farm = Self {
            child,
            ready: Value::Null,
        };
        timeout(READY, BufReader::new(stdout).read_line(&mut line)).await??;
        if line.is_empty() {
            return Err(Error::other(
                "the farm ended before it was up; its standard error says why",
            ));
        }
        farm.ready = serde_json::from_str(&line)?;
        Ok(farm)
    }

    /// The address of a stand-in, as `para` or, where kinds share a name, `substrate/para`.
    pub fn addr(&self, name: &str) -> Option<SocketAddr> {
        self.place(name)?.parse().ok()
    }

    /// Where a stand-in is: address or mount point.
    pub fn place(&self, name: &str) -> Option<&str> {
        let (kind, name) = name
            .split_once('/')
            .map_or((None, name), |(kind, name)| (Some(kind), name));
        let kinds = self.ready.as_object()?;
        let mut found = kinds.iter().filter(|(key, _)| kind.is_none_or(|kind| kind == *key));
        found.find_map(|(_, names)| names.get(name)?.as_str())
    }

    pub fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
    }

    /// `POST /path`: changes settings (`substrate/para`) or acts (`substrate/para/block`). Gives the settings after it.
    pub async fn set(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("POST", path, &body.to_string()).await
    }

    /// `GET /path`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, "").await
    }

    /// What a chain node was asked so far.
    pub async fn calls(&self, name: &str) -> Result<Calls> {
        Ok(serde_json::from_value(
            self.get(&format!("substrate/{name}/calls")).await?,
        )?)
    }

    /// Ends the farm and waits until its ports and mounts are gone.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        timeout(ANSWER, self.child.wait()).await??;
        Ok(())
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let control = self.ready.get("control").and_then(Value::as_str).unwrap_or_default();
        let request = format!(
            "{method} /{path} HTTP/1.1\r\nhost: {control}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len(),
        );
        let mut answer = String::new();
        timeout(ANSWER, async {
            let mut stream = TcpStream::connect(control).await?;
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_string(&mut answer).await
        })
        .await??;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        if !head.starts_with("HTTP/1.1 200") {
            return Err(Error::other(format!("{method} /{path}: {}", body.trim())));
        }
        Ok(serde_json::from_str(body)?)
    }
}
