//! The only place that starts a child process: absolute path, given arguments, clean environment, no shell.
//!
//! A child gets two pipes. Every other descriptor that we opened is close-on-exec; those that somebody left open for us
//! when we were started are not, and a child that may hang closes them itself (`cli/probe_mount.rs`).

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::{Child, Command};

/// All that a program of an operator has of an environment, with `LANG`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// A command of this very binary, which stays the same when the file on disk is replaced.
    pub fn own(command: &str) -> Self {
        Self::new("/proc/self/exe", [command])
    }

    /// Any program, by its absolute path.
    pub fn new<A: Into<OsString>>(path: impl Into<PathBuf>, arguments: impl IntoIterator<Item = A>) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        }
    }

    /// Starts it with pipes for its input and output. Dropping the [`Child`] neither kills nor waits for it: a child
    /// in a system call on a dead mount can do neither, and the runtime collects it when it ends.
    ///
    /// It gets a process group of its own, so that a Ctrl-C meant for us does not look like a crash of the child.
    pub fn start(&self) -> io::Result<Child> {
        self.command()?
            .arg0("farmwarden")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    /// The same for one that says why, and starts programs that look for others.
    pub fn start_with_errors(&self) -> io::Result<Child> {
        self.command()?
            .arg0("farmwarden")
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Starts it with our own outputs, and without input. Waits for nothing and needs no runtime.
    pub fn start_beside_us(&self) -> io::Result<std::process::Child> {
        let mut command = self.command()?.into_std();
        command
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::inherit())
            .spawn()
    }

    fn command(&self) -> io::Result<Command> {
        if !self.path.is_absolute() {
            let words = format!("`{}` is not an absolute path", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        }
        #[expect(clippy::disallowed_methods, reason = "the one place that starts a child")]
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(false);
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_child_sees_an_empty_environment_and_nothing_that_we_have_open() {
        let open = tempfile::NamedTempFile::new().unwrap();
        let script = "/usr/bin/env | /usr/bin/grep -cv ^PWD=; ls -l /proc/$$/fd";
        let mut child = Program::new("/bin/sh", ["-c", script]).start().unwrap();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).await.unwrap();
        child.wait().await.unwrap();
        let (variables, descriptors) = output.split_once('\n').unwrap();
        // The shell itself sets _ and OLDPWD.
        assert!(variables.parse::<u32>().unwrap() <= 2, "{output}");
        assert!(
            descriptors.contains("pipe:") && !descriptors.contains(open.path().to_str().unwrap()),
            "{output}"
        );
    }

    #[tokio::test]
    async fn a_bare_name_is_refused() {
        let error = Program::new("sh", ["-c", "true"]).start().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
