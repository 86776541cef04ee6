//! Lets go of a mount: what `umount -f` and `umount -l` do, without the program.
//!
//! The call may hang like everything that touches a dead mount, so it is made in a child process of ours, which is left
//! alone when it does not come back; never in a thread of the process that serves. Only what the configuration expects
//! and fstab has is ever named. Source: chia contract 14; `umount(2)`.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Child;

use super::{Effect, Failed};
use crate::process::Program;
use crate::upstream::{Fault, Why};
use crate::values;

/// The hidden command of our binary that a child runs.
pub const COMMAND: &str = "unmount";

/// How it is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Requests that wait for the server end with an error; whoever hangs comes free. It may stay mounted.
    Abort,
    /// It leaves the tree; who has it open keeps the dead one.
    Detach,
}

#[derive(Serialize, Deserialize)]
struct Question {
    mount: String,
    how: How,
}

/// The number of the system's error, or none.
#[derive(Serialize, Deserialize)]
struct Answer {
    errno: Option<i32>,
}

/// Answers one question. An error means that it was none, or that nobody reads the answer.
pub fn serve(mut question: impl BufRead, mut answer: impl Write) -> io::Result<()> {
    let mut line = String::new();
    question.read_line(&mut line)?;
    let Question { mount, how } = serde_json::from_str(&line)?;
    let flag = match how {
        How::Abort => MntFlags::MNT_FORCE,
        How::Detach => MntFlags::MNT_DETACH,
    };
    let done = umount2(Path::new(&mount), flag | MntFlags::UMOUNT_NOFOLLOW);
    let errno = done.err().map(number);
    serde_json::to_writer(&mut answer, &Answer { errno })?;
    answer.write_all(b"\n")
}

fn number(error: Errno) -> i32 {
    io::Error::from(error).raw_os_error().unwrap_or_default()
}

/// Longer than the kernel needs to give up what can be given up.
const WITHIN: Duration = Duration::from_secs(15);
/// An answer is some bytes.
const LONGEST_ANSWER: u64 = 1_024;

/// What lets go.
#[derive(Clone, Debug)]
pub struct Unmounter {
    program: Program,
}

impl Unmounter {
    /// By this very binary.
    pub fn own() -> Self {
        Self {
            program: Program::own(COMMAND),
        }
    }

    /// By another copy of it, run with [`COMMAND`].
    pub const fn by(program: Program) -> Self {
        Self { program }
    }

    /// Comes back when the kernel has done it. That it is busy is no failure of an abort, nor that nothing is mounted.
    pub async fn let_go(&self, mount: &Path, how: How) -> Result<(), Failed> {
        let who = mount.display().to_string();
        let operation = match how {
            How::Abort => "abort its requests",
            How::Detach => "detach",
        };
        let asked = tokio::time::timeout(WITHIN, self.ask(mount, how)).await;
        let errno = match asked {
            Ok(Ok(errno)) => errno,
            Ok(Err(words)) => return Err(Failed::after(who, operation, Why::Internal(words))),
            Err(_) => return Err(Failed::after(who, operation, Why::Timeout(WITHIN))),
        };
        let refused = |why| Failed {
            fault: Fault::new(&who, operation, why),
            effect: Effect::Nothing,
        };
        match errno.map(Errno::from_raw) {
            None | Some(Errno::EINVAL) => Ok(()),
            Some(Errno::EBUSY) if how == How::Abort => Ok(()),
            Some(Errno::EPERM) => Err(refused(Why::Forbidden(
                "farmwarden may not: it needs CAP_SYS_ADMIN in the machine's own mount namespace (docs/actions.md)"
                    .to_owned(),
            ))),
            Some(error) => Err(refused(Why::upstream(error.desc()))),
        }
    }

    async fn ask(&self, mount: &Path, how: How) -> Result<Option<i32>, String> {
        let mount = mount.to_str().ok_or("a path that is no text")?.to_owned();
        let mut line = serde_json::to_vec(&Question { mount, how }).map_err(|e| e.to_string())?;
        line.push(b'\n');
        let io = |e: io::Error| format!("its child process: {}", values::io_words(&e));
        let mut child = Waited(Some(self.program.start().map_err(io)?));
        let (input, output) = child.pipes();
        let (Some(mut input), Some(output)) = (input, output) else {
            return Err("a child without pipes".to_owned());
        };
        input.write_all(&line).await.map_err(io)?;
        let mut text = Vec::new();
        let mut output = BufReader::new(tokio::io::AsyncReadExt::take(output, LONGEST_ANSWER));
        output.read_until(b'\n', &mut text).await.map_err(io)?;
        let answer: Answer =
            serde_json::from_slice(&text).map_err(|_| "its child process ended without an answer".to_owned())?;
        Ok(answer.errno)
    }
}

/// A child that somebody waits for when it ends, also one that hangs and was given up.
struct Waited(Option<Child>);

impl Waited {
    fn pipes(&mut self) -> (Option<tokio::process::ChildStdin>, Option<tokio::process::ChildStdout>) {
        match &mut self.0 {
            Some(child) => (child.stdin.take(), child.stdout.take()),
            None => (None, None),
        }
    }
}

impl Drop for Waited {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            tokio::spawn(async move { drop(child.wait().await) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(script: &str, how: How) -> Result<(), Failed> {
        let unmounter = Unmounter::by(Program::new("/bin/sh", ["-c", script]));
        unmounter.let_go(Path::new("/mnt/plots/d01"), how).await
    }

    #[tokio::test]
    async fn a_busy_mount_is_aborted_all_the_same_and_one_that_is_gone_is_let_go() {
        let busy = r#"read line; echo '{"errno": 16}'"#;
        assert!(asked(busy, How::Abort).await.is_ok());
        assert!(asked(busy, How::Detach).await.is_err());
        assert!(asked(r#"read line; echo '{"errno": 22}'"#, How::Detach).await.is_ok());
        assert!(asked(r#"read line; echo '{"errno": null}'"#, How::Detach).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_not_allowed_has_changed_nothing_and_says_what_is_needed() {
        let words = asked(r#"read line; echo '{"errno": 1}'"#, How::Abort)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            words.starts_with("/mnt/plots/d01: abort its requests: ") && words.contains("CAP_SYS_ADMIN"),
            "{words}"
        );
        assert!(words.ends_with("nothing was changed"), "{words}");
    }

    #[tokio::test]
    async fn a_child_that_ends_without_a_word_leaves_it_open_what_was_done() {
        let failed = asked("exit 0", How::Detach).await.unwrap_err();
        assert_eq!(failed.effect, Effect::Unknown, "{failed}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_given_up() {
        let failed = asked("read line; read more", How::Detach).await.unwrap_err();
        assert_eq!(failed.fault.reason().label(), "timeout", "{failed}");
    }

    #[test]
    fn the_child_tells_the_number_of_the_error() {
        let mut answer = Vec::new();
        let question = b"{\"mount\": \"/no/such/mount\", \"how\": \"abort\"}\n";
        serve(&question[..], &mut answer).unwrap();
        let Answer { errno } = serde_json::from_slice(&answer).unwrap();
        // Nothing there, or not allowed to ask.
        assert!(errno == Some(2) || errno == Some(1), "{errno:?}");
        assert!(serve(&b"nonsense\n"[..], Vec::new()).is_err());
    }
}
