//! What was done and why, line by line, so that it is known after a crash and nobody can change it unseen: JSON Lines,
//! each line with the SHA-256 of the line before, flushed to disk before whoever handed it in goes on.
//!
//! It does not know what the steps mean, and it never changes a line that counts. What the chain cannot show is that its
//! end was cut off, or its last line changed: for that its head is told elsewhere (metrics, chat) and compared by
//! [`verify`].

mod error;
mod files;
mod inspect;
mod queue;
mod record;
mod section;
mod settings;
mod walk;
mod writer;

use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;

pub use error::{AppendError, JournalError};
pub use inspect::{Inspected, inspect};
pub use record::{Hash, Head, Record, Step};
pub use section::JournalSection;
pub use settings::JournalSettings;

use crate::clock::{Clock, UnixTime};
use queue::Queue;
use record::Body;
use walk::LONGEST_LINE;
use writer::{Opener, Writer};

/// Room in a line for what the journal adds to a step.
const OVERHEAD: u64 = 256;

/// A journal that is open for writing; the only one on its directory. Cloning gives another handle.
pub struct Journal<S> {
    handle: Arc<Handle>,
    step: PhantomData<fn(S)>,
}

struct Handle {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A step that is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The chain's end with this step, whatever followed.
    pub head: Head,
    pub time: UnixTime,
}

/// How the journal is, for metrics and messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The end of what is on the disk.
    pub head: Head,
    /// Of all its files.
    pub bytes: u64,
    /// Steps that wait for the disk.
    pub waiting: usize,
    /// Steps that were recorded, and that were not, since the start.
    pub recorded: u64,
    pub refused: u64,
    /// Why the last batch was not recorded; nothing while all is well.
    pub failure: Option<JournalError>,
}

/// What was found at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    pub records: u64,
    pub files: usize,
    /// A last line that was being written when everything stopped; it counts as never written.
    pub torn: Option<TornLine>,
}

/// Where a torn line was, and where it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornLine {
    pub file: PathBuf,
    pub bytes: usize,
    pub moved_to: PathBuf,
}

impl fmt::Display for TornLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, moved_to) = (self.file.display(), self.moved_to.display());
        write!(
            f,
            "journal {file}: its last line was being written when farmwarden or the machine stopped; the {} bytes were \
             moved to {moved_to} and count as never written",
            self.bytes
        )
    }
}

impl<S: Step> Journal<S> {
    /// Takes the lock, hands every kept record to `each` in order, sets a torn last line aside, and goes on behind it.
    /// Anything else that is wrong is an error that names file and line. Blocks on the disk.
    pub fn open(
        settings: JournalSettings,
        clock: Clock,
        each: impl FnMut(Record<S>),
    ) -> Result<(Self, Replayed), JournalError> {
        Self::open_with(settings, clock, writer::on_disk(), each)
    }

    fn open_with(
        settings: JournalSettings,
        clock: Clock,
        opener: Opener,
        mut each: impl FnMut(Record<S>),
    ) -> Result<(Self, Replayed), JournalError> {
        let directory = settings.directory.clone();
        files::prepare(&directory)?;
        let lock = files::Lock::take(&directory)?;
        let mut walked = walk::walk(&directory, |record| {
            each(record);
            ControlFlow::Continue(())
        })?;
        let torn = walked.torn.take().map(|torn| {
            let moved_to = files::set_aside(&torn.named, torn.offset, &torn.bytes)?;
            Ok(TornLine {
                file: torn.named.path,
                bytes: torn.bytes.len(),
                moved_to,
            })
        });
        let replayed = Replayed {
            records: walked.records,
            files: walked.files.len(),
            torn: torn.transpose()?,
        };
        let writer = Writer::new(settings, opener, S::SCHEMA, lock, walked)?;
        let (queue, thread) = Queue::start(writer, clock)
            .map_err(|e| JournalError::io("the thread that writes cannot be started", &directory, &e))?;
        let handle = Handle {
            queue,
            thread: Mutex::new(Some(thread)),
        };
        let journal = Self {
            handle: Arc::new(handle),
            step: PhantomData,
        };
        Ok((journal, replayed))
    }

    /// Hands in a step at once; the future is ready when it is on the disk, or why it is not. Whoever drops the future
    /// does not take the step back.
    pub fn append(&self, step: &S) -> impl Future<Output = Result<Appended, AppendError>> + Send + use<S> {
        let handed_in = self.hand_in(step);
        async move { handed_in?.await.unwrap_or(Err(AppendError::Closed)) }
    }

    fn hand_in(&self, step: &S) -> Result<tokio::sync::oneshot::Receiver<Result<Appended, AppendError>>, AppendError> {
        let body = Body::of(step).map_err(AppendError::Step)?;
        let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let limit = LONGEST_LINE - OVERHEAD;
        if bytes > limit {
            return Err(AppendError::TooLarge { bytes, limit });
        }
        self.handle.queue.push(body)
    }
}

impl<S> Journal<S> {
    pub fn health(&self) -> Health {
        self.handle.queue.health()
    }

    /// The end of what is on the disk.
    pub fn head(&self) -> Head {
        self.health().head
    }

    /// Writes what waits and gives the directory back; other handles are closed, too. Blocks on the disk.
    pub fn close(self) {
        self.handle.queue.close();
        let thread = self.handle.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in it was printed, and there is nothing left to close.
            drop(thread.join());
        }
    }
}

impl<S> Clone for Journal<S> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
            step: PhantomData,
        }
    }
}

impl<S> fmt::Debug for Journal<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A chain that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub files: usize,
    pub records: u64,
    /// The first record that is kept.
    pub first: u64,
    pub head: Head,
    /// The record whose line has the hash that was asked for.
    pub found: Option<u64>,
    /// The journal ends in the middle of a line: it is being written, or farmwarden stopped while it was.
    pub torn: bool,
}

/// Reads every file and holds each line against the one before; the error says where the chain breaks first. `known`
/// is a head that somebody noted: the chain still holds what it stood for if it is found. Changes nothing, needs no lock.
pub fn verify(directory: &Path, known: Option<Hash>) -> Result<Verified, JournalError> {
    let mut first = None;
    let mut found = None;
    let walked = walk::walk(directory, |record: Record<Value>| {
        first = first.or(Some(record.sequence));
        if known == Some(record.hash) {
            found = Some(record.sequence);
        }
        ControlFlow::Continue(())
    })?;
    Ok(Verified {
        files: walked.files.len(),
        records: walked.records,
        first: first.unwrap_or_default(),
        head: walked.head,
        found,
        torn: walked.torn.is_some(),
    })
}

/// Hands the records from `from` on and before `until` to `each`, oldest first, until it has enough. All files are
/// read, because a clock may have gone back. Changes nothing, needs no lock.
pub fn read_range<S: Step>(
    directory: &Path,
    from: Option<UnixTime>,
    until: Option<UnixTime>,
    mut each: impl FnMut(Record<S>) -> ControlFlow<()>,
) -> Result<(), JournalError> {
    walk::walk(directory, |record: Record<S>| {
        let after = from.is_none_or(|from| record.time >= from);
        let before = until.is_none_or(|until| record.time < until);
        if after && before {
            each(record)
        } else {
            ControlFlow::Continue(())
        }
    })
    .map(drop)
}

#[cfg(test)]
mod tests;
