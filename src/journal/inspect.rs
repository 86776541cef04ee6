//! How a journal's directory is, for whoever asks before anything is recorded there. It changes nothing and takes no lock.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::error::JournalError;
use super::settings::JournalSettings;
use super::{Verified, files, verify};
use crate::values::{self, Size};

/// Names of strangers that are told.
const MOST_STRANGERS: usize = 5;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Nothing while the directory is not there yet; it will be made.
    pub verified: Option<Verified>,
    /// What this user may still write on its disk.
    pub free: Size,
    /// What does not stand in the way and should be known.
    pub doubts: Vec<String>,
}

/// The error says what would stand in the way of a start, of this user. Waits for the disk.
pub fn inspect(settings: &JournalSettings) -> Result<Inspected, JournalError> {
    let directory = &settings.directory;
    let is_there = match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => true,
        Ok(_) => return Err(place(directory, "it is no directory".to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        Err(e) => return Err(JournalError::io("the directory cannot be seen", directory, &e)),
    };
    let written = if is_there {
        directory
    } else {
        directory.parent().unwrap_or(directory)
    };
    let may_write = access(written, AccessFlags::W_OK | AccessFlags::X_OK);
    may_write.map_err(|e| {
        let what = if is_there {
            "this user may not write in the directory"
        } else {
            "the directory is not there, and this user may not make it"
        };
        JournalError::io(what, written, &e.into())
    })?;
    let space =
        statvfs(written).map_err(|e| JournalError::io("its disk cannot be asked for its space", written, &e.into()))?;
    let free = Size::from_bytes(space.blocks_available().saturating_mul(space.fragment_size()));
    let verified = is_there.then(|| verify(directory, None)).transpose()?;
    let mut doubts = Vec::new();
    // What is being written needs room beside what is kept.
    if free < settings.rotate_size {
        doubts.push(format!(
            "only {free} are free on its disk, less than one file (`journal.rotate_size`)"
        ));
    }
    if verified.as_ref().is_some_and(|verified| verified.torn) {
        doubts.push(
            "it ends in the middle of a line: it is being written, or farmwarden stopped while it was".to_owned(),
        );
    }
    if is_there {
        doubts.extend(strangers(directory)?);
    }
    Ok(Inspected { verified, free, doubts })
}

fn place(path: &Path, words: String) -> JournalError {
    JournalError::Place {
        path: path.to_owned(),
        words,
    }
}

/// Torn lines that were moved aside, and files that are none of the journal's.
fn strangers(directory: &Path) -> Result<Vec<String>, JournalError> {
    let wrong = |e: &io::Error| JournalError::io("the directory cannot be read", directory, e);
    let own: Vec<_> = files::list(directory)?.into_iter().map(|named| named.path).collect();
    let (mut torn, mut foreign) = (0_usize, Vec::new());
    for entry in fs::read_dir(directory).map_err(|e| wrong(&e))? {
        let path = entry.map_err(|e| wrong(&e))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if own.contains(&path) || name == "lock" {
            continue;
        }
        if name.starts_with("journal-") && name.contains(".torn-") {
            torn += 1;
        } else {
            foreign.push(values::clean(&name).into_owned());
        }
    }
    foreign.sort();
    let mut words = Vec::new();
    if torn > 0 {
        words.push(format!(
            "{torn} torn lines were moved aside at starts before: did the machine lose power?"
        ));
    }
    if !foreign.is_empty() {
        let shown: Vec<&str> = foreign.iter().take(MOST_STRANGERS).map(String::as_str).collect();
        words.push(format!(
            "{} files are not of the journal ({}): give it a directory of its own",
            foreign.len(),
            shown.join(", ")
        ));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(directory: &Path) -> JournalSettings {
        JournalSettings {
            rotate_size: Size::from_bytes(1),
            ..JournalSettings::in_directory(directory.to_owned())
        }
    }

    #[test]
    fn a_directory_that_will_be_made_is_well_and_one_without_the_one_above_is_not() {
        let above = tempfile::tempdir().unwrap();
        let found = inspect(&settings(&above.path().join("journal"))).unwrap();
        assert_eq!((found.verified, found.doubts), (None, vec![]));
        let words = inspect(&settings(&above.path().join("a/journal")))
            .unwrap_err()
            .to_string();
        assert!(words.contains("is not there, and this user may not make it"), "{words}");
    }

    #[test]
    fn what_does_not_belong_there_and_what_was_torn_is_told() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["notes.txt", "lock", "journal-00000000000000000001.torn-99"] {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        let found = inspect(&settings(directory.path())).unwrap();
        assert_eq!(found.verified.unwrap().records, 0);
        let [torn, foreign] = found.doubts.as_slice() else {
            panic!("{:?}", found.doubts)
        };
        assert!(
            torn.starts_with("1 torn lines") && foreign.contains("(notes.txt)"),
            "{torn} {foreign}"
        );
    }

    #[test]
    fn a_full_disk_and_a_broken_chain_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let full = JournalSettings {
            rotate_size: Size::from_bytes(u64::MAX),
            ..settings(directory.path())
        };
        assert!(inspect(&full).unwrap().doubts[0].contains("are free on its disk"));
        let file = directory.path().join("journal-00000000000000000001.jsonl");
        fs::write(&file, "{}\n").unwrap();
        assert!(matches!(inspect(&full), Err(JournalError::Broken { line: 1, .. })));
        fs::remove_file(&file).unwrap();
        let no_directory = directory.path().join("file");
        fs::write(&no_directory, "").unwrap();
        let words = inspect(&settings(&no_directory)).unwrap_err().to_string();
        assert!(words.ends_with("it is no directory"), "{words}");
    }
}
