//! Between us and a program of the operator's: a small process of ours that runs it, and ends with it whatever it has started.
//!
//! A program may put what it starts into a session or a process group of its own, and farmwarden may be killed while it runs.
//! The keeper is the subreaper (`prctl(2)`) of all of it, so whoever loses its parent becomes a child of the keeper and can be
//! found; and it holds one end of a pipe whose other end ends with farmwarden. Whichever comes first, the end of the program or
//! of the pipe, all of it is killed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::process::Program;
use crate::values;

/// The hidden command of our binary that a child runs.
pub const COMMAND: &str = "keep";
/// What is kept of the end of each of its two outputs; the rest is read and thrown away, so that it never waits for us.
const MOST_OUTPUT: usize = 64 << 10;
/// What was killed is gone by then, unless it hangs in the kernel or belongs to somebody else.
const GONE_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// For the keeper to find that out, and say so.
const TOLD_WITHIN: Duration = Duration::from_secs(7);
/// Of a number that nobody guesses, in bytes.
const MARK: usize = 16;

#[derive(Serialize, Deserialize)]
struct Question {
    argv: Vec<String>,
    /// Before the answer, which comes behind what the program wrote to standard error.
    mark: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Code(i32),
    Signal(i32),
    /// By the number of the system's error. Nothing of it has run.
    NotStarted(i32),
    /// Its time was over, and it was killed.
    #[serde(skip)]
    TimeOver,
    /// The keeper was killed.
    #[serde(skip)]
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    how: How,
    /// Something that it started could not be killed.
    is_left: bool,
}

/// Runs the one program that it is asked for, until that or the question ends.
pub fn serve(mut question: impl BufRead + Send + 'static) -> io::Result<()> {
    prctl::set_child_subreaper(true)?;
    let mut line = String::new();
    question.read_line(&mut line)?;
    let Question { argv, mark } = serde_json::from_str(&line)?;
    let mut argv = argv.into_iter().map(OsString::from);
    let program = Program::new(argv.next().unwrap_or_default(), argv);
    let how = match program.start_beside_us() {
        Ok(child) => kept(child, question)?.into(),
        Err(e) => How::NotStarted(e.raw_os_error().unwrap_or_default()),
    };
    let answer = Answer {
        how,
        is_left: !end_all(),
    };
    let answer = serde_json::to_string(&answer)?;
    io::stderr().write_all(format!("{mark}{answer}").as_bytes())
}

/// Until the program ends; it is killed when the question does.
fn kept(program: Child, mut question: impl BufRead + Send + 'static) -> io::Result<ExitStatus> {
    let program = Arc::new(Mutex::new(program));
    let same = Arc::clone(&program);
    thread::spawn(move || {
        // Nothing more is said; it ends with whoever asked.
        drop(io::copy(&mut question, &mut io::sink()));
        // Of one that has ended meanwhile nothing is killed.
        drop(same.lock().unwrap_or_else(PoisonError::into_inner).kill());
    });
    loop {
        let ended = program.lock().unwrap_or_else(PoisonError::into_inner).try_wait()?;
        match ended {
            Some(status) => return Ok(status),
            None => pause(),
        }
    }
}

impl From<ExitStatus> for How {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

/// Kills whatever is below us, level by level: who loses its parent becomes a child of ours. Whether nothing is left.
fn end_all() -> bool {
    let began = Instant::now();
    loop {
        for child in children() {
            let _gone_already = kill(child, Signal::SIGKILL);
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Err(Errno::ECHILD) => return true,
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if began.elapsed() >= GONE_WITHIN {
            return false;
        }
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the keeper has no runtime whose thread it could stop"
)]
fn pause() {
    thread::sleep(LOOK_EVERY);
}

/// Whose parent we are.
fn children() -> Vec<Pid> {
    let own = nix::unistd::getpid();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(Pid::from_raw)
        .filter(|pid| parent(*pid) == Some(own))
        .collect()
}

/// `proc_pid_stat(5)`: behind the name in brackets, which may have brackets in it, come state and parent.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_ascii_whitespace().nth(1)?.parse().ok().map(Pid::from_raw)
}

/// What runs programs.
#[derive(Clone, Debug)]
pub struct Keeper {
    program: Program,
}

/// A program that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub how: How,
    /// Something of it may still run: it hangs in the kernel, or belongs to somebody else.
    pub is_left: bool,
    /// The ends of what it wrote.
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

impl Keeper {
    /// This very binary.
    pub fn own() -> Self {
        Self {
            program: Program::own(COMMAND),
        }
    }

    /// Another copy of it, run with [`COMMAND`].
    pub const fn by(program: Program) -> Self {
        Self { program }
    }

    /// Runs a program to its end, without input. When its time is over, or the future is dropped, it is killed with all that
    /// it has started; what it leaves running ends with it, too. An error means that nothing of it has run.
    pub async fn run(&self, argv: &[String], within: Duration) -> io::Result<Kept> {
        let mark = mark()?;
        let question = Question {
            argv: argv.to_vec(),
            mark: mark.clone(),
        };
        let mut line = serde_json::to_vec(&question)?;
        line.push(b'\n');
        let mut child = self.program.start_with_errors()?;
        // As long as it is there, the program runs.
        let mut asking = child.stdin.take();
        if let Some(asking) = &mut asking {
            asking.write_all(&line).await?;
        }
        let (out, err) = (Tail::default(), Tail::default());
        let reading = {
            let (from_out, from_err) = (child.stdout.take(), child.stderr.take());
            async { tokio::join!(out.read(from_out), err.read(from_err)) }
        };
        tokio::pin!(reading);
        let mut is_read = false;
        let mut ending = async || {
            loop {
                tokio::select! {
                    _ = &mut reading, if !is_read => is_read = true,
                    _ = child.wait() => return,
                }
            }
        };
        let is_over = timeout(within, ending()).await.is_ok();
        drop(asking);
        if !is_over {
            // What it hangs in is told below.
            drop(timeout(TOLD_WITHIN, ending()).await);
        }
        // Who is left may hold them open.
        if !is_read {
            drop(timeout(TOLD_WITHIN, reading).await);
        }
        let (wrote, answer) = answered(err.taken(), &mark);
        let how = match answer.map(|answer| answer.how) {
            Some(How::NotStarted(number)) => return Err(io::Error::from_raw_os_error(number)),
            Some(How::Signal(9)) | None if !is_over => How::TimeOver,
            Some(how) => how,
            None => How::Lost,
        };
        Ok(Kept {
            how,
            is_left: answer.is_none_or(|answer| answer.is_left),
            out: out.taken(),
            err: wrote,
        })
    }
}

fn mark() -> io::Result<String> {
    let mut bytes = [0; MARK];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("there is no randomness"))?;
    Ok(values::hex(&bytes))
}

/// What the program wrote itself, and what the keeper wrote behind it.
fn answered(mut err: Vec<u8>, mark: &str) -> (Vec<u8>, Option<Answer>) {
    let at = err.windows(mark.len()).rposition(|window| window == mark.as_bytes());
    let Some(at) = at else {
        return (err, None);
    };
    let answer = err.split_off(at);
    let text = answer.get(mark.len()..).unwrap_or_default();
    // Whoever is left may have written behind it.
    let answer = serde_json::Deserializer::from_slice(text).into_iter().next();
    (err, answer.and_then(Result::ok))
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
