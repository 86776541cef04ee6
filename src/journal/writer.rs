//! Writes batches behind the end of the chain: into the newest file, flushed to disk, or not at all.
//!
//! After a failure nothing is written before the file was looked at again: a half-written line is cut off, and the last
//! line must be the one that the chain stands on.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use super::error::JournalError;
use super::files::{self, Lock, Named};
use super::record::{Body, Hash, Head, Unfit};
use super::settings::JournalSettings;
use super::walk::{LONGEST_LINE, Seen, Walked};
use crate::clock::UnixTime;

/// One rotation makes one file. With two a smaller `keep_files` takes effect by and by, while a wall clock that jumps
/// ahead cannot make everything old at once.
const MOST_DELETED_AT_ONCE: usize = 2;

/// A file that is written; tests put a disk without room behind it.
pub(super) trait Medium: Send {
    fn file(&self) -> &File;

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file().write_all(bytes)
    }

    /// Returns when everything is on the disk.
    fn sync(&mut self) -> io::Result<()> {
        self.file().sync_data()
    }
}

impl Medium for File {
    fn file(&self) -> &File {
        self
    }
}

/// Opens a file of the journal, and makes it if the flag says so.
pub(super) type Opener = Box<dyn Fn(&Path, bool) -> io::Result<Box<dyn Medium>> + Send>;

/// The real one.
pub(super) fn on_disk() -> Opener {
    Box::new(|path, create| Ok(Box::new(files::open(path, create)?)))
}

pub(super) struct Writer {
    settings: JournalSettings,
    opener: Opener,
    schema: u32,
    lock: Lock,
    /// Ended files, oldest first.
    ended: Vec<Seen>,
    active: Option<Active>,
    head: Head,
    /// False after a failure, until the file is found as it should be.
    sound: bool,
}

struct Active {
    seen: Seen,
    medium: Box<dyn Medium>,
}

impl Writer {
    /// Goes on where the walk ended. A torn line must be set aside by now.
    pub(super) fn new(
        settings: JournalSettings,
        opener: Opener,
        schema: u32,
        lock: Lock,
        walked: Walked,
    ) -> Result<Self, JournalError> {
        let mut ended = walked.files;
        let active = match ended.pop() {
            None => None,
            Some(seen) => {
                let medium = opener(&seen.named.path, false)
                    .map_err(|e| JournalError::io("the file cannot be opened to write", &seen.named.path, &e))?;
                Some(Active { seen, medium })
            }
        };
        let writer = Self {
            settings,
            opener,
            schema,
            lock,
            ended,
            active,
            head: walked.head,
            sound: true,
        };
        Ok(writer)
    }

    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// Of all files that are kept.
    pub(super) fn bytes(&self) -> u64 {
        let active = self.active.as_ref().map(|active| &active.seen);
        self.ended.iter().chain(active).map(|seen| seen.bytes).sum()
    }

    /// Records all of it or nothing, and says where the chain ended after each step. On the disk when it returns.
    pub(super) fn write(&mut self, batch: &[(UnixTime, Body)]) -> Result<Vec<Head>, JournalError> {
        if !self.sound {
            self.recover()?;
        }
        let outcome = self.try_write(batch);
        if outcome.is_err() {
            self.sound = false;
            // At once, so that a replay after a crash finds no half of it; what fails here fails again, and is told, before
            // the next batch.
            drop(self.recover());
        }
        outcome
    }

    fn try_write(&mut self, batch: &[(UnixTime, Body)]) -> Result<Vec<Head>, JournalError> {
        let mut bytes = Vec::new();
        let mut heads = Vec::with_capacity(batch.len());
        let mut head = self.head;
        for (time, body) in batch {
            let line = body.line(self.schema, head, *time);
            head = head.after(line.as_bytes());
            heads.push(head);
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        let Some((first, _)) = batch.first() else {
            return Ok(heads);
        };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let began_new = self.make_room(length, *first)?;
        let Some(active) = &mut self.active else {
            return Ok(Vec::new());
        };
        active.write(&bytes)?;
        active.seen.bytes += length;
        active.seen.began = active.seen.began.or(Some(*first));
        let latest = batch.iter().map(|(time, _)| *time).max();
        active.seen.latest = active.seen.latest.max(latest);
        self.head = head;
        if began_new {
            self.delete_old(*first);
        }
        Ok(heads)
    }

    /// Begins the next file where one is due.
    fn make_room(&mut self, length: u64, now: UnixTime) -> Result<bool, JournalError> {
        if self.active.as_ref().is_some_and(|active| {
            let full = active.seen.bytes.saturating_add(length) > self.settings.rotate_size.bytes();
            let began = active.seen.began;
            let old = began.is_some_and(|began| began.age_at(now) >= self.settings.rotate_after);
            // A file without records has the number of the next one already.
            began.is_none() || !(full || old)
        }) {
            return Ok(false);
        }
        let named = Named::new(&self.settings.directory, self.head.sequence + 1);
        let wrong = |e: io::Error| JournalError::io("the next file cannot be begun", &named.path, &e);
        if let Some(active) = &self.active {
            active.must_be_in_place()?;
        }
        let medium = (self.opener)(&named.path, true).map_err(wrong)?;
        // One that is left over from a failure is empty.
        let bytes = medium.file().metadata().map_err(wrong)?.len();
        if bytes > 0 {
            let unfit = Unfit::new("no file of this name", format!("{bytes} bytes"));
            return Err(JournalError::broken(&named.path, 0, unfit));
        }
        files::sync_directory(&self.settings.directory)?;
        let seen = Seen {
            named,
            bytes: 0,
            began: None,
            latest: None,
        };
        let before = self.active.replace(Active { seen, medium });
        self.ended.extend(before.map(|active| active.seen));
        Ok(true)
    }

    fn recover(&mut self) -> Result<(), JournalError> {
        self.lock.renew(&self.settings.directory)?;
        if let Some(active) = &mut self.active {
            active.reopen(&self.opener, self.head.hash)?;
        }
        self.sound = true;
        Ok(())
    }

    /// What cannot be deleted stays, and is tried again after the next rotation.
    fn delete_old(&mut self, now: UnixTime) {
        for _ in 0..MOST_DELETED_AT_ONCE {
            let older = |seen: &Seen, age: Duration| seen.latest.is_some_and(|latest| latest.age_at(now) > age);
            let (many, settings) = (self.ended.len(), &self.settings);
            let Some(oldest) = self.ended.first().filter(|oldest| {
                older(oldest, settings.needed_for) && (many >= settings.keep_files || older(oldest, settings.keep_for))
            }) else {
                return;
            };
            if let Err(error) = files::delete(&oldest.named) {
                let path = oldest.named.path.display();
                tracing::warn!("journal {path}: an old file cannot be deleted: {error}");
                return;
            }
            self.ended.remove(0);
        }
    }
}

impl Active {
    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        self.must_be_in_place()?;
        let path = &self.seen.named.path;
        self.medium
            .append(bytes)
            .map_err(|e| JournalError::io("it cannot be written", path, &e))?;
        self.medium
            .sync()
            .map_err(|e| JournalError::io("it cannot be flushed to disk", path, &e))
    }

    fn must_be_in_place(&self) -> Result<(), JournalError> {
        let path = &self.seen.named.path;
        match files::is_in_place(self.medium.file(), path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.gone("another file lies there")),
            Err(e) => Err(self.gone(&crate::values::io_words(&e))),
        }
    }

    fn gone(&self, words: &str) -> JournalError {
        let path = self.seen.named.path.clone();
        let words = format!("the file is gone ({words}); put it back, or restart farmwarden to go on without it");
        JournalError::Place { path, words }
    }

    /// Opens the file anew and cuts off what is behind the last line that counts.
    fn reopen(&mut self, opener: &Opener, hash: Hash) -> Result<(), JournalError> {
        let path = &self.seen.named.path;
        let medium = match opener(path, false) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(self.gone(&crate::values::io_words(&e))),
            other => other.map_err(|e| JournalError::io("the file cannot be opened to write", path, &e))?,
        };
        let again = |e: io::Error| JournalError::io("the file cannot be looked at again", path, &e);
        let length = medium.file().metadata().map_err(again)?.len();
        if length < self.seen.bytes {
            let unfit = Unfit::new(
                format!("{} bytes that were written", self.seen.bytes),
                format!("{length}"),
            );
            return Err(JournalError::broken(path, 0, unfit));
        }
        let last = last_line(medium.file(), self.seen.bytes).map_err(again)?;
        if last.is_some_and(|line| Hash::of(&line) != hash) {
            let unfit = Unfit::new(format!("a last line with the SHA-256 {hash}"), "another one");
            return Err(JournalError::broken(path, 0, unfit));
        }
        if length > self.seen.bytes {
            let cut = || {
                medium.file().set_len(self.seen.bytes)?;
                medium.file().sync_all()
            };
            cut().map_err(|e| JournalError::io("a half-written line cannot be cut off", path, &e))?;
        }
        self.medium = medium;
        Ok(())
    }
}

/// The last line before this length, without its line break; nothing in an empty file.
fn last_line(mut file: &File, length: u64) -> io::Result<Option<Vec<u8>>> {
    let from = length.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(length - from).read_to_end(&mut bytes)?;
    bytes.pop();
    let line = bytes.rsplit(|byte| *byte == b'\n').next();
    Ok(line.filter(|line| !line.is_empty()).map(<[u8]>::to_vec))
}
