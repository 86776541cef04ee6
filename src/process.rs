//! The only place that starts a child process: absolute path, given arguments, clean environment, no shell.
//!
//! A child gets two pipes. Every other descriptor that we opened is close-on-exec; those that somebody left open for us
//! when we were started are not, and a child that may hang closes them itself (`cli/probe_mount.rs`).

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// All that a program that is waited for has of an environment.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What is kept of the end of each of its two outputs; the rest is read and thrown away, so that it never waits for us.
const MOST_OUTPUT: usize = 64 << 10;
/// What was killed is gone by then, unless it hangs in the kernel.
const GONE_WITHIN: Duration = Duration::from_secs(5);

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

    /// Runs it to its end, without input. When its time is over, or the future is dropped, it is killed with its whole
    /// process group; what it leaves running in that group ends with it, too. What has a session of its own (`setsid`, a
    /// daemon) is out of reach. An error means that it was not started.
    pub async fn finish(&self, within: Duration) -> io::Result<Finished> {
        let mut command = self.command()?;
        command.env("PATH", PATH).env("LANG", "C.UTF-8");
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
        let (out, err) = (Tail::default(), Tail::default());
        let (from_out, from_err) = (child.stdout.take(), child.stderr.take());
        let reading = async { tokio::join!(out.read(from_out), err.read(from_err)) };
        tokio::pin!(reading);
        let mut is_read = false;
        let ending = async {
            loop {
                tokio::select! {
                    _ = &mut reading, if !is_read => is_read = true,
                    status = child.wait() => return status,
                }
            }
        };
        let ended = timeout(within, ending).await;
        drop(group);
        let status = match ended {
            Ok(status) => Some(status?),
            Err(_) => None,
        };
        let is_gone = status.is_some() || timeout(GONE_WITHIN, child.wait()).await.is_ok();
        is_read = is_read || timeout(GONE_WITHIN, reading).await.is_ok();
        Ok(Finished {
            status,
            is_gone,
            is_left: !is_read,
            out: out.taken(),
            err: err.taken(),
        })
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

/// A program that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Nothing if its time was over and it was killed.
    pub status: Option<ExitStatus>,
    /// It no longer runs; what hangs in the kernel cannot be killed.
    pub is_gone: bool,
    /// Something that it started has left its process group and holds its output open.
    pub is_left: bool,
    /// The ends of what it wrote.
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

/// Killed when it is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It fails when nobody of it is left, which is what is wanted.
            let _gone_already = killpg(group, Signal::SIGKILL);
        }
    }
}

/// The end of an output, as far as it was read.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    /// Until its end.
    async fn read(&self, output: Option<impl AsyncRead + Unpin>) {
        let mut buffer = [0; 4096];
        let Some(mut output) = output else { return };
        while let Ok(count @ 1..) = output.read(&mut buffer).await {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(buffer.iter().take(count));
            let beyond = kept.len().saturating_sub(MOST_OUTPUT);
            kept.drain(..beyond);
        }
    }

    fn taken(&self) -> Vec<u8> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *kept).into()
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

    fn shell(script: &str) -> Program {
        Program::new("/bin/sh", ["-c", script])
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_program_that_is_waited_for_says_how_it_ended_and_what_it_wrote() {
        let ended = shell("echo out; echo err >&2; exit 3").finish(LONG).await.unwrap();
        assert_eq!(ended.status.unwrap().code(), Some(3));
        assert_eq!(
            (ended.out.as_slice(), ended.err.as_slice()),
            (&b"out\n"[..], &b"err\n"[..])
        );
        let seen = shell("/usr/bin/env; cat").finish(LONG).await.unwrap().out;
        let seen = String::from_utf8(seen).unwrap();
        let names: Vec<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        assert!(
            names
                .iter()
                .all(|name| ["PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)),
            "{seen}"
        );
        let not_there = Program::new("/nowhere/at/all", ["x"]).finish(LONG).await;
        assert_eq!(not_there.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn of_much_output_the_end_is_kept_and_nobody_waits() {
        let ended = shell("head -c 10000000 /dev/zero; echo the end")
            .finish(LONG)
            .await
            .unwrap();
        assert!(ended.status.unwrap().success());
        assert!(!ended.is_left && ended.out.ends_with(b"the end\n"));
        assert_eq!(ended.out.len(), MOST_OUTPUT);
    }

    #[tokio::test]
    async fn what_it_wrote_is_kept_where_something_with_a_session_of_its_own_holds_its_output() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let script = format!(
            "echo before; setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600' & \
             until [ -e {0} ]; do sleep 0.01; done; exit 3",
            pid.display()
        );
        let ended = shell(&script).finish(LONG).await.unwrap();
        let left: i32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        nix::sys::signal::kill(Pid::from_raw(left), Signal::SIGKILL).unwrap();
        assert_eq!(ended.status.unwrap().code(), Some(3));
        assert!(ended.is_left && ended.out == b"before\n", "{ended:?}");
    }

    #[tokio::test]
    async fn when_its_time_is_over_it_is_killed_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let script = format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", pid.display());
        let program = shell(&script);
        // Long enough for it to begin; then it is only waited for.
        let ended = program.finish(Duration::from_secs(3)).await.unwrap();
        assert_eq!((ended.status, ended.is_gone), (None, true));
        let child: i32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        gone(child).await;
    }

    #[tokio::test]
    async fn what_it_leaves_running_ends_with_it() {
        let ended = shell("sleep 600 & echo $!").finish(LONG).await.unwrap();
        let child: i32 = String::from_utf8(ended.out).unwrap().trim().parse().unwrap();
        gone(child).await;
    }

    /// Whoever adopts it collects it at his own pace; until then it is a zombie.
    async fn gone(pid: i32) {
        let stat = format!("/proc/{pid}/stat");
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        let began = tokio::time::Instant::now();
        while runs() {
            assert!(began.elapsed() < LONG, "{pid} still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_bare_name_is_refused() {
        let error = Program::new("sh", ["-c", "true"]).start().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
