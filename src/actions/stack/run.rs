//! Carries a procedure out, step by step; the first failure ends it.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::{Part, Procedure, Progress, Step, What};
use crate::actions::handle::Look;
use crate::actions::{Effect, Failed};
use crate::upstream::{Fault, Why};

/// Who carries steps out and writes them down.
pub trait Hands: Sync {
    fn look(&self, part: &str) -> impl Future<Output = Result<Look, Failed>> + Send;
    fn stop(&self, part: &Part) -> impl Future<Output = Result<(), Failed>> + Send;
    fn start(&self, part: &Part) -> impl Future<Output = Result<(), Failed>> + Send;
    fn restart(&self, part: &Part) -> impl Future<Output = Result<(), Failed>> + Send;
    /// Comes back when the part works. It changes nothing and is dropped when its time is over.
    fn recovered(&self, part: &str) -> impl Future<Output = Result<(), Failed>> + Send;
    /// Has to be on the disk before it comes back: nothing is done that could not be written down.
    fn record(&self, event: &Event<'_>) -> impl Future<Output = Result<(), String>> + Send;
}

/// What happens, and where the procedure stands from now on.
#[derive(Debug)]
pub struct Event<'a> {
    /// From 0.
    pub index: usize,
    pub step: &'a Step,
    pub note: Note<'a>,
    pub progress: &'a Progress,
}

#[derive(Debug)]
pub enum Note<'a> {
    Began,
    Ended {
        took: Duration,
    },
    /// It was not needed, and why.
    PassedOver(&'static str),
    Failed {
        took: Duration,
        failed: &'a Failed,
    },
    /// After a failure: this part is started again.
    StartingAgain(&'a str),
    StartedAgain(&'a str),
    NotStartedAgain {
        part: &'a str,
        failed: &'a Failed,
    },
}

/// A procedure that did not come to its end, and what it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The step that failed, from 0, and in words.
    pub index: usize,
    pub step: String,
    pub steps: usize,
    pub failed: Failed,
    /// What had been stopped and was started again, because the node had not been touched.
    pub started_again: Vec<String>,
    /// What is still stopped, in the order in which it should be started.
    pub left_stopped: Vec<String>,
    /// No call that changes something can have arrived.
    pub is_untouched: bool,
}

impl Broken {
    /// Whether anything may be other than before.
    pub const fn effect(&self) -> Effect {
        if self.is_untouched {
            Effect::Nothing
        } else {
            Effect::Unknown
        }
    }
}

/// Takes a procedure from where it stands to its end. `progress` is the last that was recorded, or a new one.
pub async fn run(procedure: &Procedure, progress: &mut Progress, hands: &impl Hands) -> Result<(), Broken> {
    while let Some(step) = procedure.steps.get(progress.done) {
        let index = progress.done;
        if let Err(failed) = one(index, step, progress, hands).await {
            let started_again = if is_safe_to_undo(progress, &failed) {
                undo(index, step, progress, hands).await
            } else {
                Vec::new()
            };
            let is_untouched = failed.failed.effect == Effect::Nothing
                && progress.stopped.is_empty()
                && started_again.is_empty()
                && !progress.node_touched;
            return Err(Broken {
                index,
                is_untouched,
                step: step.to_string(),
                steps: procedure.steps.len(),
                failed: failed.failed,
                started_again,
                left_stopped: progress.stopped.iter().rev().cloned().collect(),
            });
        }
    }
    Ok(())
}

/// A step that failed.
struct Halt {
    failed: Failed,
    /// Nothing more may be done, not even what would be safe.
    unrecorded: bool,
}

impl From<Failed> for Halt {
    fn from(failed: Failed) -> Self {
        Self {
            failed,
            unrecorded: false,
        }
    }
}

/// As long as the node is what it was, so is what stands on it.
fn is_safe_to_undo(progress: &Progress, halt: &Halt) -> bool {
    !halt.unrecorded && !progress.node_touched
}

async fn one(index: usize, step: &Step, progress: &mut Progress, hands: &impl Hands) -> Result<(), Halt> {
    let interrupted = progress.under_way.take();
    if let Some(words) = passed_over(step, interrupted.as_ref(), progress, hands).await? {
        progress.done += 1;
        return record(hands, index, step, Note::PassedOver(words), progress).await;
    }
    let before = match interrupted {
        Some(before) => before,
        None if step.what == What::Await => nothing_seen(),
        None => hands.look(&step.part.name).await?,
    };
    let before_it = progress.clone();
    progress.under_way = Some(before);
    let touched = progress.node_touched;
    match step.what {
        What::Stop if !progress.stopped.contains(&step.part.name) => progress.stopped.push(step.part.name.clone()),
        What::Restart => progress.node_touched = true,
        _ => {}
    }
    if let Err(halt) = record(hands, index, step, Note::Began, progress).await {
        // It was not begun, and so it is told.
        *progress = before_it;
        return Err(halt);
    }
    let began = Instant::now();
    let outcome = act(step, hands).await;
    let took = began.elapsed();
    match outcome {
        Ok(()) => {
            progress.under_way = None;
            progress.done += 1;
            if step.what == What::Start {
                progress.stopped.retain(|name| *name != step.part.name);
            }
            record(hands, index, step, Note::Ended { took }, progress).await
        }
        Err(failed) => {
            if failed.effect == Effect::Nothing {
                progress.under_way = None;
                progress.node_touched = touched;
            }
            let failure = Note::Failed { took, failed: &failed };
            let written = record(hands, index, step, failure, progress).await;
            Err(Halt {
                failed,
                unrecorded: written.is_err(),
            })
        }
    }
}

/// Why a step is not needed, if it is not.
async fn passed_over(
    step: &Step,
    interrupted: Option<&Look>,
    progress: &mut Progress,
    hands: &impl Hands,
) -> Result<Option<&'static str>, Failed> {
    let name = &step.part.name;
    match (step.what, interrupted) {
        (What::Stop, None) if !hands.look(name).await?.up => {
            progress.found_down.push(name.clone());
            Ok(Some("it was stopped before, and is left so"))
        }
        (What::Start | What::Await | What::Restart, _) if progress.found_down.contains(name) => {
            Ok(Some("it was stopped before, and is left so"))
        }
        (What::Start, _) if !progress.stopped.contains(name) => Ok(Some("it was not stopped")),
        // Before the interruption it was sent; whether it took effect shows in what is there now.
        (What::Restart, Some(before)) => {
            let now = hands.look(name).await?;
            let restarted = now.up && now.started_at.is_some() && now.started_at != before.started_at;
            Ok(restarted.then_some("it was restarted before the interruption"))
        }
        _ => Ok(None),
    }
}

async fn act(step: &Step, hands: &impl Hands) -> Result<(), Failed> {
    match step.what {
        What::Stop => hands.stop(&step.part).await,
        What::Start => hands.start(&step.part).await,
        What::Restart => hands.restart(&step.part).await,
        What::Await => {
            let within = step.part.patience;
            let waited = tokio::time::timeout(within, hands.recovered(&step.part.name)).await;
            waited.unwrap_or_else(|_| {
                let within = crate::values::Duration::from(within);
                let words = format!("it does not work again within {within}");
                Err(Failed::before(&step.part.name, "wait", Why::Upstream(words)))
            })
        }
    }
}

/// Starts what was stopped, the last stopped first. A part that does not start is left to a person.
async fn undo(index: usize, step: &Step, progress: &mut Progress, hands: &impl Hands) -> Vec<String> {
    let mut started = Vec::new();
    for name in progress.stopped.clone().into_iter().rev() {
        let part = Part {
            name,
            patience: step.part.patience,
        };
        let begun = record(hands, index, step, Note::StartingAgain(&part.name), progress).await;
        if begun.is_err() {
            break;
        }
        let outcome = hands.start(&part).await;
        let note = match &outcome {
            Ok(()) => {
                progress.stopped.retain(|other| *other != part.name);
                started.push(part.name.clone());
                Note::StartedAgain(&part.name)
            }
            Err(failed) => Note::NotStartedAgain {
                part: &part.name,
                failed,
            },
        };
        if record(hands, index, step, note, progress).await.is_err() {
            break;
        }
    }
    started
}

async fn record(
    hands: &impl Hands,
    index: usize,
    step: &Step,
    note: Note<'_>,
    progress: &Progress,
) -> Result<(), Halt> {
    let event = Event {
        index,
        step,
        note,
        progress,
    };
    hands.record(&event).await.map_err(|words| Halt {
        failed: Fault::new("journal", step.to_string(), Why::Unreachable(words)).into(),
        unrecorded: true,
    })
}

/// Of a part that is only waited for.
const fn nothing_seen() -> Look {
    Look {
        up: false,
        started_at: None,
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "step {} of {}, {}: {}",
            self.index + 1,
            self.steps,
            self.step,
            self.failed
        )?;
        if !self.started_again.is_empty() {
            write!(f, "; started again: {}", self.started_again.join(", "))?;
        }
        if !self.left_stopped.is_empty() {
            let left = self.left_stopped.join(", ");
            write!(
                f,
                "; still stopped: {left}: start them in this order when the node follows the chain"
            )?;
        }
        Ok(())
    }
}
