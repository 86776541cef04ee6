//! Steps on their way to the disk: one thread writes all that wait in one batch and flushes once, whoever handed in a step
//! waits for that.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::error::AppendError;
use super::record::Body;
use super::writer::Writer;
use super::{Appended, Health};
use crate::clock::{Clock, UnixTime};

/// Steps that wait for the disk: a storm of some thousand alerts. Without it a disk that hangs would cost memory for as
/// long as it hangs. As much again may be under way.
pub(super) const MOST_RECORDS: usize = 4096;
/// And their bytes, together.
pub(super) const MOST_BYTES: usize = 8 << 20;

type Outcome = Result<Appended, AppendError>;

struct Waiting {
    time: UnixTime,
    body: Body,
    told: oneshot::Sender<Outcome>,
}

struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    closing: bool,
    health: Health,
}

pub(super) struct Queue {
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// Starts the thread. It ends, and gives the lock on the directory back, when the queue is closed and empty.
    pub(super) fn start(writer: Writer, clock: Clock) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let health = Health {
            head: writer.head(),
            bytes: writer.bytes(),
            waiting: 0,
            recorded: 0,
            refused: 0,
            failure: None,
        };
        let queue = Arc::new(Self {
            clock,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                bytes: 0,
                closing: false,
                health,
            }),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || own.write_to(writer))?;
        Ok((queue, thread))
    }

    /// Takes a step, without waiting for the disk. Records have the order in which they were taken.
    pub(super) fn push(&self, body: Body) -> Result<oneshot::Receiver<Outcome>, AppendError> {
        let mut state = self.state();
        if state.closing {
            return Err(AppendError::Closed);
        }
        // One larger than all of it passes while nothing waits.
        if state.waiting.len() >= MOST_RECORDS || state.bytes >= MOST_BYTES {
            state.health.refused += 1;
            let records = state.waiting.len();
            return Err(AppendError::Busy { records });
        }
        state.bytes += body.len();
        let (told, telling) = oneshot::channel();
        state.waiting.push_back(Waiting {
            time: self.clock.now().wall.in_millis(),
            body,
            told,
        });
        self.changed.notify_all();
        Ok(telling)
    }

    pub(super) fn health(&self) -> Health {
        let state = self.state();
        Health {
            waiting: state.waiting.len(),
            ..state.health.clone()
        }
    }

    /// What waits is still written.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }

    fn write_to(&self, mut writer: Writer) {
        // Whatever ends the thread: nobody may wait for it.
        let _closing = Closing(self);
        while let Some(waiting) = self.take() {
            let (batch, told): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .map(|waiting| ((waiting.time, waiting.body), waiting.told))
                .unzip();
            let outcome = writer.write(&batch);
            let mut state = self.state();
            let count = u64::try_from(told.len()).unwrap_or(u64::MAX);
            match outcome {
                Ok(heads) => {
                    state.health.head = writer.head();
                    state.health.bytes = writer.bytes();
                    state.health.recorded += count;
                    state.health.failure = None;
                    drop(state);
                    for ((head, (time, _)), told) in heads.into_iter().zip(&batch).zip(told) {
                        // Whoever does not wait any more knows nothing of it, and the record stands.
                        drop(told.send(Ok(Appended { head, time: *time })));
                    }
                }
                Err(error) => {
                    state.health.refused += count;
                    state.health.failure = Some(error.clone());
                    drop(state);
                    for told in told {
                        drop(told.send(Err(AppendError::Disk(error.clone()))));
                    }
                }
            }
        }
    }

    /// All that waits, as soon as something does; nothing at the end.
    fn take(&self) -> Option<VecDeque<Waiting>> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closing;
        let mut state = self
            .changed
            .wait_while(self.state(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        state.bytes = 0;
        let waiting = std::mem::take(&mut state.waiting);
        (!waiting.is_empty()).then_some(waiting)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the queue when the thread ends, and lets go of whoever waits.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closing = true;
        state.waiting.clear();
    }
}
