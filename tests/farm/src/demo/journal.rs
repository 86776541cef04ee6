//! What farmwarden wrote down, read while it writes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Reads every record once.
#[derive(Debug)]
pub(super) struct Journal {
    directory: PathBuf,
    read: u64,
}

impl Journal {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            read: 0,
        }
    }

    /// The records since the last look. The demo's are few, so all are read each time.
    pub(super) fn news(&mut self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        files.sort();
        let text: String = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
        // The last line may not be whole yet.
        let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
        let records = whole
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let sequence = |record: &Value| record.get("seq").and_then(Value::as_u64).unwrap_or_default();
        let news: Vec<Value> = records.filter(|record| sequence(record) > self.read).collect();
        self.read = news.last().map_or(self.read, sequence);
        news
    }
}
