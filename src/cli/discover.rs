//! `farmwarden discover`: looks around on this machine and proposes a configuration.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::source::{self, Place};
use super::{complain, runtime, terminal};
use crate::{collectors, config, values};

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden discover
      Print a configuration.
  farmwarden discover --write /etc/farmwarden.yml
      Write it. A file that is there is left as it is.

It asks this machine only (chain nodes on 127.0.0.1:9944 and :9945, the mount
table) and opens no credential.
Exit code: 0 something was found, 1 nothing was, or it could not be written.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write the configuration to this file, readable by owner and group, instead of printing it.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Every look has a limit of its own; this one is for all of them together.
const WITHIN: Duration = Duration::from_secs(15);

pub(super) fn run(args: &Args) -> ExitCode {
    runtime(async {
        let tools = source::tools()?;
        let here = args.place.here();
        let found = tokio::time::timeout(WITHIN, collectors::discover(&here, &tools)).await;
        let found = found.map_err(|_| format!("the look around took longer than {WITHIN:?} and was given up"))?;
        let nothing = found.iter().all(|(_, discovery)| discovery.proposals.is_empty());
        let text = config::proposed(&found);
        let written = match &args.write {
            None => terminal::print(&text),
            Some(_) if nothing => Ok(()),
            Some(file) => {
                write_new(file, &text)?;
                let file = file.display();
                let mut words = String::new();
                for (kind, discovery) in &found {
                    for looked in &discovery.looked {
                        words += &[kind, ": ", looked, "\n"].concat();
                    }
                }
                let next = format!("{file} is written; look at it, then: farmwarden --config.file {file}\n");
                terminal::print(&(words + &next))
            }
        };
        if let Err(code) = written {
            return Ok(code);
        }
        if nothing {
            complain("nothing was found on this machine that could be watched");
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A file that we made and could not fill goes again: half a configuration, or none, would pass for one.
fn filled(file: &Path, mut opened: impl Write, text: &str) -> io::Result<()> {
    let written = opened.write_all(text.as_bytes()).and_then(|()| opened.flush());
    if written.is_err() {
        // What is wrong with the disk is told; that this fails, too, adds nothing.
        std::fs::remove_file(file).ok();
    }
    written
}

/// Never over a file that is there; whoever reads it learns where credentials lie, so others may not.
fn write_new(file: &Path, text: &str) -> Result<(), String> {
    const OWNER_AND_GROUP: u32 = 0o640;
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(OWNER_AND_GROUP)
        .open(file);
    let written = opened.and_then(|opened| filled(file, opened, text));
    written.map_err(|e| {
        let words = match e.kind() {
            io::ErrorKind::AlreadyExists => "it is there already and is left as it is".to_owned(),
            _ => values::io_words(&e),
        };
        format!("{} was not written: {words}", file.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_leaves_no_file_behind() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("farm.yml");
        std::fs::write(&file, "").unwrap();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = filled(&file, full, "collectors:\n").unwrap_err();
        assert_eq!(values::io_words(&error), "no space left on device");
        assert!(!file.exists());
        assert!(write_new(&file, "collectors:\n").is_ok() && file.exists());
        assert!(write_new(&file, "").unwrap_err().contains("is left as it is"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "collectors:\n");
    }
}
