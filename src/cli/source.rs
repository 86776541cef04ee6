//! What the commands for people look at: the targets of a configuration file, or those of this machine.

use std::path::PathBuf;

use super::near;
use crate::collectors::{Here, Sections, Tools};
use crate::config::{Secrets, Settings};
use crate::exposition::Own;
use crate::upstream::Upstream;

/// The variable that names the configuration file for every command.
pub(super) const CONFIG_VARIABLE: &str = "FARMWARDEN_CONFIG_FILE";

/// Options that all these commands share.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// Configuration file. Without it: this machine's mounts, and chain nodes on 127.0.0.1:9944 and :9945.
    #[arg(long = "config.file", value_name = "FILE", env = CONFIG_VARIABLE, hide_env_values = true)]
    config_file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Where the machine's own trees are.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Where the host's /proc is mounted; in a container.
    #[arg(long = "path.procfs", value_name = "DIR", default_value = "/proc")]
    procfs: PathBuf,
    /// Where the host's / is mounted; in a container.
    #[arg(long = "path.rootfs", value_name = "DIR", default_value = "/")]
    rootfs: PathBuf,
}

/// Why a command did not begin, for a person; the exit code is that of wrong usage.
pub(super) type Refused = String;

impl Place {
    pub(super) fn here(&self) -> Here {
        Here {
            procfs: self.procfs.clone(),
            rootfs: self.rootfs.clone(),
        }
    }
}

impl Source {
    pub(super) fn here(&self) -> Here {
        self.place.here()
    }

    /// The file; `None` without one.
    pub(super) fn settings(&self) -> Result<Option<Settings>, Refused> {
        let read = |file| Settings::read(file, Secrets::Ignored).map_err(|mistakes| mistakes.to_string());
        self.config_file.as_deref().map(read).transpose()
    }

    /// The targets of the file; `None` without a file.
    pub(super) fn configured(&self) -> Result<Option<Sections>, Refused> {
        Ok(self.settings()?.map(|settings| settings.collectors))
    }

    /// The targets of the file, or of this machine.
    pub(super) async fn targets(&self, tools: &Tools) -> Result<Sections, Refused> {
        match self.configured()? {
            Some(sections) => Ok(sections),
            None => Ok(Sections::local(&self.here(), tools).await),
        }
    }

    pub(super) const fn has_file(&self) -> bool {
        self.config_file.is_some()
    }

    /// Where the names come from, for sentences.
    pub(super) fn words(&self) -> String {
        match &self.config_file {
            Some(file) => file.display().to_string(),
            None => "what this machine has (no --config.file is given)".to_owned(),
        }
    }
}

/// What every look needs.
pub(super) fn tools() -> Result<Tools, String> {
    Ok(Tools {
        upstream: Upstream::from_system()?,
        own: Own::default(),
    })
}

/// Leaves only the targets that are named; a name that nobody has is refused with those that are near.
pub(super) fn only(sections: &mut Sections, names: &[String], source: &Source) -> Result<(), Refused> {
    if names.is_empty() {
        return Ok(());
    }
    let all = sections.names();
    for name in names {
        if !all.iter().any(|(_, known)| known.as_str() == name) {
            let known = all.iter().map(|(_, known)| known.as_str());
            return Err(near::unknown("target", name, known, &format!("in {}", source.words())));
        }
    }
    sections.retain(|_, known| names.iter().any(|name| known.as_str() == name));
    Ok(())
}
