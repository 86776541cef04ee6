//! Where a secret lies: in a file, or in an environment variable. Never in the configuration itself.

use std::path::{Path, PathBuf};

use super::{Secret, io_words};

/// A place that the configuration names, by a key that ends in `_file` or `_env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Env(String),
}

/// Tokens have some hundred characters. Without it a wrong path (a log, a disk) would be read to its end.
const LARGEST: u64 = 64 << 10;

impl SecretSource {
    /// Reads it as it is now, without the white space around it. The error names the place and never what is there.
    pub fn read(&self) -> Result<Secret, String> {
        // What stands there may be the secret itself, pasted in the wrong place: then it is not repeated.
        match self {
            Self::File(path) if !path.is_absolute() || path.to_string_lossy().contains(char::is_control) => {
                return Err("the absolute path of a file is expected here, never the secret itself".to_owned());
            }
            Self::Env(name)
                if !name
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') =>
            {
                return Err(
                    "the name of an environment variable in capitals is expected here, never the secret itself"
                        .to_owned(),
                );
            }
            _ => {}
        }
        let (text, place) = match self {
            Self::File(path) => (read_file(path)?, path.display().to_string()),
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|error| {
                    let words = match error {
                        std::env::VarError::NotPresent => "is not set",
                        std::env::VarError::NotUnicode(_) => "is no text in UTF-8",
                    };
                    format!("the environment variable {name} {words}")
                })?;
                (text, format!("the environment variable {name}"))
            }
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            Err(format!("{place} is empty"))
        } else if !trimmed.chars().all(|c| c.is_ascii_graphic()) {
            Err(format!("{place} must hold one token without spaces, in ASCII"))
        } else {
            Ok(Secret::new(trimmed))
        }
    }
}

/// What every user of the machine may do with a file.
const BY_ALL: u32 = 0o006;

impl SecretSource {
    /// That others than its owner and group have it as well, and what to do; nothing where that is not so or cannot be seen.
    pub fn exposed(&self) -> Option<String> {
        use std::os::unix::fs::MetadataExt as _;
        let Self::File(path) = self else { return None };
        let mode = std::fs::metadata(path).ok()?.mode();
        let shown = path.display();
        (mode & BY_ALL != 0).then(|| {
            format!(
                "every user of this machine can read or change {shown} (mode {:03o}): chmod o= {shown}",
                mode & 0o777
            )
        })
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let shown = path.display();
    let wrong = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::InvalidData => format!("{shown} is no text in UTF-8"),
        _ => format!("{shown} cannot be read: {}", io_words(&e)),
    };
    // A FIFO or a device would be waited for without end.
    if !std::fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(format!("{shown} is no regular file"));
    }
    let mut text = String::new();
    let mut file = std::fs::File::open(path).map_err(wrong)?.take(LARGEST + 1);
    file.read_to_string(&mut text).map_err(wrong)?;
    if text.len() > usize::try_from(LARGEST).unwrap_or(usize::MAX) {
        return Err(format!("{shown} is too large to hold a token"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_everybody_can_read_is_told_with_what_to_do() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "s3cret").unwrap();
        let source = SecretSource::File(path.clone());
        for (mode, is_told) in [(0o600, false), (0o440, false), (0o644, true), (0o602, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(source.exposed().is_some(), is_told, "{mode:o}");
        }
        let words = source.exposed().unwrap();
        assert!(
            words.contains("(mode 602): chmod o= ") && !words.contains("s3cret"),
            "{words}"
        );
        assert_eq!(SecretSource::File(directory.path().join("none")).exposed(), None);
    }

    fn read(bytes: &[u8]) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, bytes).unwrap();
        let read = SecretSource::File(path).read();
        read.map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn a_file_holds_one_token_and_white_space() {
        assert_eq!(read(b"\n abc.d-e \r\n").unwrap(), "abc.d-e");
        assert!(read(b" \n").unwrap_err().ends_with("is empty"));
        assert!(read(&vec![b'x'; 70_000]).unwrap_err().contains("too large"));
        for wrong in [
            &b"s3cret two"[..],
            b"s3cret\nX: y",
            "s3crét".as_bytes(),
            b"s3cret\0",
            b"s3cret\xff",
        ] {
            let words = read(wrong).unwrap_err();
            assert!(!words.contains("s3c"), "{words}");
        }
    }

    #[test]
    fn a_missing_place_is_named() {
        let missing = SecretSource::File("/no/such/token".into()).read().unwrap_err();
        assert_eq!(missing, "/no/such/token cannot be read: no such file or directory");
        let unset = SecretSource::Env("FARMWARDEN_NO_SUCH_VARIABLE".to_owned())
            .read()
            .unwrap_err();
        assert_eq!(unset, "the environment variable FARMWARDEN_NO_SUCH_VARIABLE is not set");
    }
}
