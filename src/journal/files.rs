//! The journal's directory: names and modes of its files, the lock, what a crash left behind.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::error::JournalError;

/// What is done stands in the journal, with names of machines and people: nobody else's business.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// A file of the journal, by the number of its first record: so the names sort, and no file is ever renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) first: u64,
    pub(super) path: PathBuf,
}

impl Named {
    pub(super) fn new(directory: &Path, first: u64) -> Self {
        Self {
            first,
            path: directory.join(format!("journal-{first:020}.jsonl")),
        }
    }

    /// Where a torn line goes that began at this byte.
    fn torn(&self, offset: u64) -> PathBuf {
        self.path.with_extension(format!("torn-{offset}"))
    }
}

/// The files of the journal, oldest first. Whatever else lies there is nobody's concern.
pub(super) fn list(directory: &Path) -> Result<Vec<Named>, JournalError> {
    let wrong = |e| JournalError::io("the directory cannot be read", directory, &e);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name();
        let first = name
            .to_str()
            .and_then(|name| name.strip_prefix("journal-")?.strip_suffix(".jsonl"))
            .filter(|digits| digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()));
        if let Some(first) = first.and_then(|digits| digits.parse().ok()) {
            found.push(Named::new(directory, first));
        }
    }
    found.sort_by_key(|named| named.first);
    Ok(found)
}

/// Makes the directory where it is not there (never the ones above it), and closes it to others.
pub(super) fn prepare(directory: &Path) -> Result<(), JournalError> {
    if !directory.is_absolute() {
        return Err(JournalError::Place {
            path: directory.to_owned(),
            words: "an absolute path is expected".to_owned(),
        });
    }
    match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        Ok(()) => sync_directory(directory.parent().unwrap_or(directory)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => close_to_others(directory, DIRECTORY_MODE).map_err(|e| {
            JournalError::io(
                "the directory is open to others and cannot be closed (0700)",
                directory,
                &e,
            )
        }),
        Err(e) => Err(JournalError::io("the directory cannot be made", directory, &e)),
    }
}

fn close_to_others(path: &Path, mode: u32) -> io::Result<()> {
    if is_open_to_others(&fs::metadata(path)?) {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn is_open_to_others(metadata: &Metadata) -> bool {
    metadata.mode() & 0o077 != 0
}

/// Opens a file to append to; no link is followed, and nobody else may read it.
pub(super) fn open(path: &Path, create: bool) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(create)
        .mode(FILE_MODE)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)?;
    if is_open_to_others(&file.metadata()?) {
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(file)
}

/// Makes names of new files last.
pub(super) fn sync_directory(directory: &Path) -> Result<(), JournalError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| JournalError::io("the directory cannot be flushed to disk", directory, &e))
}

/// Whether the path still leads to the file that is held open: a file that was deleted takes every write and keeps none.
pub(super) fn is_in_place(file: &File, path: &Path) -> io::Result<bool> {
    let (held, there) = (file.metadata()?, fs::symlink_metadata(path)?);
    Ok(held.dev() == there.dev() && held.ino() == there.ino())
}

/// Held while this process may write. The kernel gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    pub(super) fn take(directory: &Path) -> Result<Self, JournalError> {
        let path = directory.join("lock");
        let file = open(&path, true).map_err(|e| JournalError::io("the lock cannot be opened", &path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, file }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked {
                directory: directory.to_owned(),
            }),
            Err(TryLockError::Error(e)) => Err(JournalError::io("the lock cannot be taken", &path, &e)),
        }
    }

    /// Takes it again if another file is there now: the directory may have been away.
    pub(super) fn renew(&mut self, directory: &Path) -> Result<(), JournalError> {
        // Making it anew in an empty directory (a mount that is missing) would be no lock at all.
        let in_place = is_in_place(&self.file, &self.path);
        if !in_place.map_err(|e| JournalError::io("the lock cannot be found", &self.path, &e))? {
            *self = Self::take(directory)?;
        }
        Ok(())
    }
}

/// Writes a torn line into a file of its own, and cuts it off the journal.
pub(super) fn set_aside(named: &Named, offset: u64, bytes: &[u8]) -> Result<PathBuf, JournalError> {
    let aside = named.torn(offset);
    let wrong = |e| JournalError::io("a torn last line cannot be moved aside", &aside, &e);
    let mut file = open(&aside, true).map_err(wrong)?;
    // It is there already when the process was ended in the middle of this.
    file.set_len(0).map_err(wrong)?;
    file.write_all(bytes).map_err(wrong)?;
    file.sync_all().map_err(wrong)?;
    if let Some(directory) = aside.parent() {
        sync_directory(directory)?;
    }
    let cut = || {
        let file = open(&named.path, false)?;
        file.set_len(offset)?;
        file.sync_all()
    };
    cut().map_err(|e| JournalError::io("a torn last line cannot be cut off", &named.path, &e))?;
    Ok(aside)
}

/// Deletes a file and what was torn off it.
pub(super) fn delete(named: &Named) -> io::Result<()> {
    let prefix = format!("journal-{:020}.torn-", named.first);
    let directory = named.path.parent().unwrap_or(&named.path);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_file(&named.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn directory_and_files_are_closed_to_others_even_if_they_were_not() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("journal");
        prepare(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        prepare(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        let path = directory.join("x");
        drop(open(&path, true).unwrap());
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        drop(open(&path, false).unwrap());
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn directories_above_are_never_made_and_links_never_followed() {
        let parent = tempfile::tempdir().unwrap();
        let error = prepare(&parent.path().join("a/b")).unwrap_err().to_string();
        assert!(error.contains("cannot be made: no such file or directory"), "{error}");
        assert!(prepare(Path::new("relative")).is_err());
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(parent.path().join("x"), &link).unwrap();
        assert!(open(&link, true).is_err());
    }

    #[test]
    fn other_files_in_the_directory_are_nobodys_concern() {
        let directory = tempfile::tempdir().unwrap();
        let named = Named::new(directory.path(), 17);
        for name in ["lock", "journal-17.jsonl", "journal-x.jsonl", "notes"] {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        fs::write(&named.path, "").unwrap();
        assert_eq!(list(directory.path()).unwrap(), [named]);
    }

    #[test]
    fn one_lock_is_held_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Lock::take(directory.path()).unwrap();
        let error = Lock::take(directory.path()).unwrap_err().to_string();
        assert!(error.contains("another farmwarden"), "{error}");
        drop(lock);
        Lock::take(directory.path()).unwrap();
    }
}
