//! The file that freezes all repairs while it exists. It is read apart from decisions, because a file can hang; what
//! cannot be read in time freezes, too.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::values;

/// How often it is looked for: so long at the most something may be begun after it was made.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A file of this machine is read within milliseconds.
const READ_WITHIN: Duration = Duration::from_secs(2);
/// What is shown of it.
const MOST_BYTES: u64 = 500;

pub(super) struct Freeze(Mutex<Inner>);

struct Inner {
    file: Option<PathBuf>,
    /// Why nothing is done.
    words: Option<String>,
    reading: Option<JoinHandle<Option<String>>>,
}

impl Freeze {
    /// Frozen until the file was looked for, if there may be one.
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self(Mutex::new(Inner {
            words: file.is_some().then(|| NOT_YET.to_owned()),
            file,
            reading: None,
        }))
    }

    /// Why nothing may be done; nothing while all may be.
    pub(super) fn words(&self) -> Option<String> {
        self.inner().words.clone()
    }

    pub(super) fn change_to(&self, file: Option<PathBuf>) {
        let mut inner = self.inner();
        if inner.file != file {
            inner.words = file.is_some().then(|| NOT_YET.to_owned());
            inner.file = file;
            inner.reading = None;
        }
    }

    /// Looks once; true when it is another state than before.
    pub(super) async fn look(&self) -> bool {
        let (file, reading) = {
            let mut inner = self.inner();
            let Some(file) = inner.file.clone() else {
                return false;
            };
            (file, inner.reading.take())
        };
        // One thread waits for a file that hangs, and not one more every second.
        let named = file.clone();
        let mut reading = reading.unwrap_or_else(|| tokio::task::spawn_blocking(move || read(&named)));
        let read = tokio::time::timeout(READ_WITHIN, &mut reading).await;
        let (words, reading) = match read {
            Ok(Ok(words)) => (words, None),
            Ok(Err(_)) => (Some("it could not be looked for".to_owned()), None),
            Err(_) => (
                Some(format!("it could not be read within {READ_WITHIN:?}")),
                Some(reading),
            ),
        };
        let mut inner = self.inner();
        if inner.file.as_ref() != Some(&file) {
            return false;
        }
        inner.reading = reading;
        let is_other = inner.words != words;
        inner.words = words;
        is_other
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOT_YET: &str = "it was not looked for yet";

/// Nothing where there is none.
fn read(file: &Path) -> Option<String> {
    let mut text = Vec::new();
    // To open a pipe without a writer would never end, not even when it is removed.
    let is_file = std::fs::metadata(file).map(|metadata| metadata.is_file());
    if matches!(is_file, Ok(false)) {
        return Some("it cannot be read: it is no regular file".to_owned());
    }
    let read = std::fs::File::open(file).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text));
    match read {
        Ok(_) => {
            let text = String::from_utf8_lossy(&text);
            let words = values::clean(text.trim());
            Some(if words.is_empty() {
                "no reason given".to_owned()
            } else {
                words.into_owned()
            })
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => Some(format!("it cannot be read: {}", values::io_words(&e))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_freezes_while_it_is_there_and_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("freeze");
        let freeze = Freeze::new(Some(file.clone()));
        assert_eq!(freeze.words().as_deref(), Some(NOT_YET));
        assert!(freeze.look().await);
        assert_eq!(freeze.words(), None);
        std::fs::write(&file, "moving the rack\n").unwrap();
        assert!(freeze.look().await && !freeze.look().await);
        assert_eq!(freeze.words().as_deref(), Some("moving the rack"));
        std::fs::write(&file, "").unwrap();
        freeze.look().await;
        assert_eq!(freeze.words().as_deref(), Some("no reason given"));
        std::fs::remove_file(&file).unwrap();
        freeze.look().await;
        assert_eq!(freeze.words(), None);
    }

    #[tokio::test]
    async fn a_pipe_freezes_only_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("freeze");
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let freeze = Freeze::new(Some(file.clone()));
        freeze.look().await;
        assert!(freeze.words().unwrap().contains("no regular file"));
        std::fs::remove_file(&file).unwrap();
        freeze.look().await;
        assert_eq!(freeze.words(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_read_freezes() {
        let directory = tempfile::tempdir().unwrap();
        // A directory in its place.
        let freeze = Freeze::new(Some(directory.path().to_owned()));
        freeze.look().await;
        assert!(freeze.words().unwrap().contains("cannot be read"));
        freeze.change_to(None);
        assert_eq!(freeze.words(), None);
    }
}
