//! Where the journal lies and how much of it is kept.

use std::path::PathBuf;
use std::time::Duration;

use crate::values::Size;

/// The settings, checked by whoever read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// An absolute path; the directory itself is made (0700), those above it must exist.
    pub directory: PathBuf,
    /// A file that would grow beyond it is ended, and the next one begun.
    pub rotate_size: Size,
    /// So is one whose first record is older.
    pub rotate_after: Duration,
    /// Older files beyond this number are deleted, and those whose records are all older than `keep_for`.
    pub keep_files: usize,
    pub keep_for: Duration,
    /// Records younger than this are never deleted, whatever the number of files: cool-downs and budgets are replayed
    /// from them.
    pub needed_for: Duration,
}

impl JournalSettings {
    /// A year, in at most some 1 GiB.
    pub fn in_directory(directory: PathBuf) -> Self {
        Self {
            directory,
            rotate_size: Size::from_bytes(16 << 20),
            rotate_after: Duration::from_secs(7 * 86_400),
            keep_files: 64,
            keep_for: Duration::from_secs(366 * 86_400),
            needed_for: Duration::from_secs(8 * 86_400),
        }
    }
}
