//! What the pool asks its children and what they answer: one JSON value per line, in both directions.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::table;

/// One question. A child is asked the next one only after it has answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Question {
    /// Comes back with the answer.
    pub id: u64,
    pub path: RawPath,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// Size and room of the filesystem.
    Space,
    /// Files in the directory and two levels below it.
    Files {
        /// Directories that are mounts of their own: opening them could hang on another server.
        skip: Vec<RawPath>,
        /// After this time the count is given up, so that a slow disk does not look like a dead one.
        budget_millis: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub id: u64,
    pub found: Found,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Found {
    Space(Space),
    Files(Files),
    /// The number of the system's error.
    Failed(i32),
}

/// What `statvfs` says, in bytes. A filesystem without a figure has `None`: FUSE may say no size, CIFS counts no inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    pub size: Option<u64>,
    /// What an ordinary user can still write; ext4 keeps 5 % for root.
    pub avail: Option<u64>,
    /// What is written, root's reserve not counted.
    pub used: Option<u64>,
    pub inodes: Option<u64>,
    pub inodes_free: Option<u64>,
    /// The device that the path really lies on, to notice when it is not the mount.
    pub device: Option<(u32, u32)>,
}

/// What lies in a directory and up to two levels below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Regular files of any name.
    pub files: u64,
    /// Names that end in `.plot` or `.plot2`.
    pub plot_files: u64,
    pub plot_bytes: u64,
    /// Names that end in `.tmp`: plots that are being made or copied.
    pub temp_files: u64,
    pub temp_bytes: u64,
    /// Of them, what is written so far.
    pub temp_written_bytes: u64,
    /// Different plots that the `.tmp` files belong to.
    pub temp_plots: u64,
    /// A bound was reached: the true figures are higher.
    pub incomplete: bool,
    /// There are directories that were not looked into: too deep, or not to be read by farmwarden's user.
    pub unseen: bool,
}

/// A path of any bytes as JSON text, escaped as in the mount table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct RawPath(PathBuf);

impl RawPath {
    pub(super) fn as_path(&self) -> &Path {
        &self.0
    }
}

impl From<PathBuf> for RawPath {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl From<String> for RawPath {
    fn from(text: String) -> Self {
        Self(path(table::unescape(text.as_bytes())))
    }
}

impl From<RawPath> for String {
    fn from(path: RawPath) -> Self {
        table::escape(path.0.as_os_str().as_bytes())
    }
}

/// Bytes of a mount table as a path.
pub(super) fn path(bytes: Vec<u8>) -> PathBuf {
    std::ffi::OsString::from_vec(bytes).into()
}

/// Bytes as a borrowed path.
pub(super) fn path_ref(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_question_about_any_path_is_read_back(
            id: u64,
            name in proptest::collection::vec(any::<u8>(), 0..64),
            skip in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let what = What::Files { skip: vec![path(skip).into()], budget_millis: 7 };
            let question = Question { id, path: path(name).into(), what };
            let line = serde_json::to_vec(&question).unwrap();
            prop_assert!(!line.contains(&b'\n'));
            prop_assert_eq!(serde_json::from_slice::<Question>(&line).unwrap(), question);
        }
    }
}
