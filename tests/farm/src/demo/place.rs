//! The directory of the demo: its files belong to nobody else and go with it.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::clock::unix_ms;

/// Dropping it deletes it.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        // What is left is small, and in a directory for temporary files.
        fs::remove_dir_all(&self.0).ok();
    }
}

impl Directory {
    pub(super) fn new() -> Result<Self, String> {
        // In a namespace of its own every demo has the same process id; what stands here is shown in many lines.
        let path = std::env::temp_dir().join(format!("farmwarden-demo-{}", unix_ms() % 1_000_000));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A new file that nobody else can read.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.at(name);
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}
