//! The section `journal` of the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::JournalSettings;
use crate::values::{Duration, Size};

/// Where it is recorded what was asked, decided and done. Without a directory nothing is recorded, and so nothing is
/// repaired. A change of this section takes effect at the next start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournalSection {
    /// An absolute path on a disk of this machine. The directory is made, for the own user alone; the one above it must
    /// be there.
    #[schemars(example = &"/var/lib/farmwarden/journal", extend("x-off" = true))]
    pub directory: Option<PathBuf>,
    /// A file that would grow beyond it is ended, and the next one begun.
    pub rotate_size: Size,
    /// So is one whose first record is older.
    pub rotate_after: Duration,
    /// Older files beyond this number are deleted. What is younger than 8 days never is: budgets and cool-downs are
    /// counted from it.
    pub keep_files: u32,
    /// So are those whose records are all older.
    pub keep_for: Duration,
}

impl Default for JournalSection {
    fn default() -> Self {
        Self {
            directory: None,
            rotate_size: Size::from_bytes(16 << 20),
            rotate_after: Duration::from_secs(7 * 86_400),
            keep_files: 64,
            keep_for: Duration::from_secs(366 * 86_400),
        }
    }
}

impl JournalSection {
    /// What contradicts itself: the key, and what is wrong with it.
    pub fn contradictions(&self) -> Vec<(&'static str, String)> {
        let relative = self.directory.as_ref().filter(|directory| !directory.is_absolute());
        let words = |directory: &PathBuf| format!("{} is no absolute path", directory.display());
        relative
            .map(|directory| ("directory", words(directory)))
            .into_iter()
            .collect()
    }

    /// Nothing without a directory.
    pub fn settings(&self) -> Option<JournalSettings> {
        let defaults = JournalSettings::in_directory(self.directory.clone()?);
        Some(JournalSettings {
            rotate_size: self.rotate_size,
            rotate_after: self.rotate_after.get(),
            keep_files: usize::try_from(self.keep_files).unwrap_or(usize::MAX),
            keep_for: self.keep_for.get(),
            ..defaults
        })
    }
}
