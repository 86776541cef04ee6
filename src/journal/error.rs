//! What can be wrong with the journal, in words for whoever is woken by it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::record::Unfit;
use crate::values::{Size, io_words};

/// Why a journal cannot be opened, read or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JournalError {
    #[error("journal {}: {what}: {words}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        words: String,
    },
    #[error("journal {}: {words}", path.display())]
    Place { path: PathBuf, words: String },
    #[error(
        "journal {}: another farmwarden writes here; stop it, or give this one a directory of its own",
        directory.display()
    )]
    Locked { directory: PathBuf },
    /// The chain does not hold. Lines are counted from 1; 0 is the file as a whole.
    #[error("journal {}: {}: expected {expected}, found {found}", file.display(), Line(*.line))]
    Broken {
        file: PathBuf,
        line: u64,
        expected: String,
        found: String,
    },
}

struct Line(u64);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("the file"),
            line => write!(f, "line {line}"),
        }
    }
}

impl JournalError {
    pub(super) fn io(what: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            words: io_words(error),
        }
    }

    pub(super) fn broken(file: &Path, line: u64, unfit: Unfit) -> Self {
        Self::Broken {
            file: file.to_owned(),
            line,
            expected: unfit.expected,
            found: unfit.found,
        }
    }
}

/// Why a step was not recorded. Nothing of it is in the journal, unless the process ends before a half-written line is
/// cut off again: then a replay may find it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppendError {
    #[error("the journal is behind: {records} records wait for the disk; try again")]
    Busy { records: usize },
    #[error("a record of {} is too large for the journal; {} is the limit", Size::from_bytes(*.bytes), Size::from_bytes(*.limit))]
    TooLarge { bytes: u64, limit: u64 },
    #[error("a defect of farmwarden, please report it: {0}")]
    Step(String),
    #[error("{0}")]
    Disk(#[from] JournalError),
    #[error("the journal is closed")]
    Closed,
}
