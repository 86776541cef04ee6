//! The state beside the record it is made of: a step counts once it is on the disk, in the order of the journal.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::state::State;
use super::step::Step;
use super::tell::{self, Tell};
use crate::journal::{AppendError, Appended, Journal};

/// Where steps are recorded.
pub trait Record: Send + Sync + 'static {
    fn append(&self, step: &Step) -> impl Future<Output = Result<Appended, AppendError>> + Send + 'static;
}

impl Record for Journal<Step> {
    fn append(&self, step: &Step) -> impl Future<Output = Result<Appended, AppendError>> + Send + 'static {
        Self::append(self, step)
    }
}

/// The only one that writes to its record: it waits for every number in turn.
pub struct Ledger<R> {
    record: R,
    books: Arc<Books>,
}

struct Books {
    inner: Mutex<Inner>,
    /// The number of the last step that counts.
    applied: watch::Sender<u64>,
    tell: Arc<dyn Tell>,
}

struct Inner {
    state: State,
    last: u64,
    /// Steps that are on the disk and whose turn has not come.
    early: BTreeMap<u64, (Appended, Step)>,
}

impl Books {
    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, appended: Appended, step: Step) {
        let mut inner = self.locked();
        inner.early.insert(appended.head.sequence, (appended, step));
        while let Some(sequence) = inner.last.checked_add(1)
            && let Some((appended, step)) = inner.early.remove(&sequence)
        {
            self.apply(&mut inner.state, appended, &step);
            inner.last = sequence;
        }
        self.applied.send_replace(inner.last);
    }

    fn apply(&self, state: &mut State, Appended { head, time }: Appended, step: &Step) {
        tell::take(state, head, time, step, |told| {
            // The books must go on: every step that follows waits for this one.
            if catch_unwind(AssertUnwindSafe(|| self.tell.told(told))).is_err() {
                let number = head.sequence;
                tracing::error!(
                    number,
                    "step {number} of the journal was told in part or not at all: a defect of farmwarden, please report it"
                );
            }
        });
    }
}

impl<R: Record> Ledger<R> {
    /// Goes on behind a replay: the state that it gave, and the number of the record's last step.
    pub fn new(record: R, state: State, last: u64) -> Self {
        Self::telling(record, state, last, Arc::new(()))
    }

    /// The same, with somebody who hears of every step from now on.
    pub fn telling(record: R, state: State, last: u64, tell: Arc<dyn Tell>) -> Self {
        let inner = Inner {
            state,
            last,
            early: BTreeMap::new(),
        };
        let books = Books {
            inner: Mutex::new(inner),
            applied: watch::Sender::new(last),
            tell,
        };
        Self {
            record,
            books: Arc::new(books),
        }
    }

    /// Returns when the step is on the disk and counts. An error means that nothing is recorded and nothing may follow from
    /// it. Whoever drops the future does not take the step back.
    pub async fn record(&self, step: Step) -> Result<Appended, AppendError> {
        let appending = self.record.append(&step);
        let books = Arc::clone(&self.books);
        // In a task of its own: a step that is on the disk and not in the books would hold up all that follow.
        let recording = tokio::spawn(async move {
            let appended = appending.await?;
            books.take(appended, step);
            Ok(appended)
        });
        let appended = recording.await.unwrap_or(Err(AppendError::Closed))?;
        let mut applied = self.books.applied.subscribe();
        // It fails when the books are gone, and they are ours.
        drop(applied.wait_for(|last| *last >= appended.head.sequence).await);
        Ok(appended)
    }

    /// Looks at the state; nothing that waits may be done meanwhile.
    pub fn with<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.books.locked().state)
    }
}
