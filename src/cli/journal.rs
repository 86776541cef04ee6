//! Where the journal lies, for commands that read it without a running farmwarden.

use std::path::PathBuf;

use super::source::{CONFIG_VARIABLE, Refused};
use crate::config::{Secrets, Settings};
use crate::journal::JournalError;
use crate::remedy::Remedies;

#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Configuration file whose `journal.directory` is read.
    #[arg(long = "config.file", value_name = "FILE", env = CONFIG_VARIABLE, hide_env_values = true)]
    config_file: Option<PathBuf>,
    /// Read the journal in this directory instead; a copy is as good.
    #[arg(long = "journal.directory", value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Place {
    pub(super) fn directory(&self) -> Result<PathBuf, Refused> {
        if let Some(directory) = &self.directory {
            return Ok(directory.clone());
        }
        let settings = self.settings()?;
        let directory = settings.and_then(|settings| settings.journal.directory);
        directory.ok_or_else(|| {
            let words = match &self.config_file {
                Some(file) => format!(
                    "{}: there is no `journal.directory`, so nothing is recorded",
                    file.display()
                ),
                None => "which journal? name it by --journal.directory, or by --config.file".to_owned(),
            };
            format!("{words} (docs/repairs.md)")
        })
    }

    /// What the configuration says of repairs; nothing without a file.
    pub(super) fn remedies(&self) -> Result<Option<Remedies>, Refused> {
        Ok(self.settings()?.map(|settings| settings.remedies))
    }

    fn settings(&self) -> Result<Option<Settings>, Refused> {
        let read = |file| Settings::read(file, Secrets::Ignored).map_err(|mistakes| mistakes.to_string());
        self.config_file.as_deref().map(read).transpose()
    }
}

/// What is wrong with a journal, and what to do where that is not plain.
pub(super) fn unreadable(error: &JournalError) -> String {
    match error {
        JournalError::Io { words, .. } if words == "permission denied" => {
            format!(
                "{error}; it is closed to all but the user that farmwarden runs as: run this as that user, or as root"
            )
        }
        _ => error.to_string(),
    }
}
