//! One child process and the task that talks to it. The task may wait for ever; nothing waits for the task.

use std::io;

use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;

use super::question::{Answer, Question};
use crate::process::Program;

/// An answer is some hundred bytes; a child that sends more than this is not ours.
const LONGEST_ANSWER: u64 = 64 << 10;

/// What a child's task reports.
#[derive(Debug)]
pub(super) enum News {
    Answer(Answer),
    /// It ended, or said what is no answer. The last word of every child.
    Ended,
}

/// Starts a child. Dropping the sender ends it: at once when idle, when its call returns otherwise.
pub(super) fn start(
    number: u64,
    program: &Program,
    news: mpsc::Sender<(u64, News)>,
    alive: Gauge,
) -> io::Result<mpsc::Sender<Question>> {
    let mut child = program.start()?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("a child without pipes"));
    };
    // One place: a child is asked only when it is idle.
    let (questions, asked) = mpsc::channel(1);
    alive.inc();
    tokio::spawn(async move {
        talk(number, &mut child, input, output, asked, &news).await;
        // The pool may be gone, and then nobody wants to know.
        drop(news.send((number, News::Ended)).await);
        // Without effect on a child that has ended or hangs; ends one that talks nonsense.
        drop(child.start_kill());
        drop(child.wait().await);
        alive.dec();
    });
    Ok(questions)
}

/// Until the pool lets go of the child, or the child ends.
async fn talk(
    number: u64,
    child: &mut Child,
    mut input: ChildStdin,
    output: ChildStdout,
    mut asked: mpsc::Receiver<Question>,
    news: &mpsc::Sender<(u64, News)>,
) {
    let mut output = BufReader::new(output);
    loop {
        let question = tokio::select! {
            question = asked.recv() => question,
            _ = child.wait() => None,
        };
        let Some(question) = question else { return };
        let answered = tokio::select! {
            answered = ask(&question, &mut input, &mut output) => answered,
            // While it is asked the pool asks nothing more, so this is the end of the pool.
            _ = asked.recv() => None,
        };
        let Some(answer) = answered else { return };
        if news.send((number, News::Answer(answer))).await.is_err() {
            return;
        }
    }
}

async fn ask(question: &Question, input: &mut ChildStdin, output: &mut BufReader<ChildStdout>) -> Option<Answer> {
    let mut line = serde_json::to_vec(question).ok()?;
    line.push(b'\n');
    input.write_all(&line).await.ok()?;
    line.clear();
    output.take(LONGEST_ANSWER).read_until(b'\n', &mut line).await.ok()?;
    let answer: Answer = serde_json::from_slice(&line).ok()?;
    (answer.id == question.id).then_some(answer)
}
