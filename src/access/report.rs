//! What is collected while web.yml is looked at: mistakes, warnings, and the files that it names.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::values;
use crate::yaml::{self, Document, Mistake, Read};

/// Certificates, keys and tokens are far smaller; without it, a wrong path would be read into memory as a whole.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Whether the files that web.yml names are looked at: somebody else may not be allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    MustBeThere,
    Ignored,
}

/// A look at web.yml under way.
pub(super) struct Report {
    file: PathBuf,
    named: Named,
    /// Knows where everything stands; nothing before the file was read.
    document: Option<Document>,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
    seen: Fingerprint,
}

/// A finished look.
pub(super) struct Findings {
    /// In the order of the file.
    pub(super) mistakes: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// Every file that was looked at, as it was just before it was read.
    pub(super) seen: Fingerprint,
}

impl Report {
    pub(super) fn new(file: &Path, named: Named) -> Self {
        Self {
            file: file.to_owned(),
            named,
            document: None,
            mistakes: Vec::new(),
            warnings: Vec::new(),
            seen: Fingerprint::default(),
        }
    }

    /// `key` is the path of the key: `tls_server_config.cert_file`.
    pub(super) fn mistake(&mut self, key: &str, words: impl Into<String>) {
        let mistake = self.placed(key, words);
        self.mistakes.push(mistake);
    }

    /// How many were found so far.
    pub(super) fn mistakes(&self) -> usize {
        self.mistakes.len()
    }

    pub(super) fn warning(&mut self, key: &str, words: impl Into<String>) {
        let warning = self.placed(key, words);
        self.warnings.push(warning);
    }

    fn placed(&self, key: &str, words: impl Into<String>) -> Mistake {
        match &self.document {
            Some(document) => document.mistake(key, words),
            None => self.of_file(words),
        }
    }

    fn of_file(&self, words: impl Into<String>) -> Mistake {
        Mistake::of_file(&self.file.display().to_string(), words)
    }

    /// Reads web.yml itself. What could not be read of it is noted, and left out of what is returned.
    pub(super) fn read_itself<T: DeserializeOwned>(&mut self) -> Option<Read<T>> {
        self.seen.add(&self.file);
        let text = match read(&self.file) {
            Ok(text) => text,
            Err(words) => {
                let mistake = self.of_file(format!("cannot be read: {words}"));
                self.mistakes.push(mistake);
                return None;
            }
        };
        match Document::parse(&self.file.display().to_string(), &text) {
            Ok(document) => {
                let read = document.read();
                self.mistakes.extend(read.mistakes.iter().cloned());
                self.document = Some(document);
                Some(read)
            }
            Err(yaml::Mistakes(mistakes)) => {
                self.mistakes.extend(mistakes);
                None
            }
        }
    }

    /// Reads a file that web.yml names, from beside it unless the path is absolute. Nothing where that failed, or where
    /// such files are not to be looked at.
    pub(super) fn read(&mut self, key: &str, path: &Path) -> Option<String> {
        // A key or token pasted where its file should be named.
        let pasted = path.to_string_lossy();
        if pasted.contains(char::is_control) || pasted.contains("-----BEGIN") {
            self.mistake(key, "the path of a file is expected here, never the secret itself");
            return None;
        }
        if self.named == Named::Ignored {
            return None;
        }
        let place = self.file.parent().unwrap_or(Path::new("")).join(path);
        self.seen.add(&place);
        match read(&place) {
            Ok(text) => Some(text),
            Err(words) if is_path(&pasted) => {
                self.mistake(key, format!("{}: cannot be read: {words}", place.display()));
                None
            }
            Err(words) => {
                self.mistake(
                    key,
                    format!(
                        "{}, where the path of a file is expected: {words}",
                        values::repeated(&pasted)
                    ),
                );
                None
            }
        }
    }

    pub(super) fn finish(self) -> Findings {
        let lines = |mistakes| {
            let yaml::Mistakes(mistakes) = yaml::Mistakes::in_order(mistakes);
            mistakes.iter().map(ToString::to_string).collect()
        };
        Findings {
            mistakes: lines(self.mistakes),
            warnings: lines(self.warnings),
            seen: self.seen,
        }
    }
}

/// Whether a text reads like a path; a token that was pasted in place of its file does not, and is not repeated.
fn is_path(text: &str) -> bool {
    text.split(['/', '.']).all(values::is_harmless)
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|e| values::io_words(&e))?;
    // A pipe would be waited for, a directory gives an obscure error.
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut text = String::new();
    let mut file = File::open(path)
        .map_err(|e| values::io_words(&e))?
        .take(MAX_FILE_BYTES + 1);
    file.read_to_string(&mut text).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => "it is not a text file in UTF-8".to_owned(),
        _ => values::io_words(&e),
    })?;
    if file.limit() == 0 {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    Ok(text)
}

/// Files, each with what changes when it is written, replaced, or its link led elsewhere; nothing in place of that while
/// it cannot be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<(PathBuf, Option<[i64; 6]>)>);

impl Fingerprint {
    fn add(&mut self, path: &Path) {
        if !self.0.iter().any(|(known, _)| known == path) {
            self.0.push((path.to_owned(), marks(path)));
        }
    }

    /// The same files as they are now.
    pub(super) fn again(&self) -> Self {
        Self(self.0.iter().map(|(path, _)| (path.clone(), marks(path))).collect())
    }
}

/// Also the time of the last change of the inode: a writer may set the time of modification back.
fn marks(path: &Path) -> Option<[i64; 6]> {
    let file = std::fs::metadata(path).ok()?;
    Some([
        file.ino().cast_signed(),
        file.size().cast_signed(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_files_are_looked_for_beside_the_file_and_remembered_even_when_missing() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), "t").unwrap();
        let mut report = Report::new(&directory.path().join("web.yml"), Named::MustBeThere);
        assert_eq!(report.read("a.b", Path::new("token")).as_deref(), Some("t"));
        assert_eq!(report.read("a.b", Path::new("missing")), None);
        assert_eq!(report.read("a.b", Path::new("/dev/null")), None);
        let findings = report.finish();
        let words = findings.mistakes.join("\n");
        assert!(
            words.contains("web.yml: ") && words.contains("missing: cannot be read: no such file"),
            "{words}"
        );
        assert!(
            words.contains("/dev/null: cannot be read: it is not a regular file"),
            "{words}"
        );
        assert_eq!(findings.seen.0.len(), 3);
    }

    #[test]
    fn a_fingerprint_follows_every_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        std::fs::write(file("a"), "one").unwrap();
        let mut before = Fingerprint::default();
        for name in ["a", "b", "a"] {
            before.add(&file(name));
        }
        assert_eq!(before.0.len(), 2);
        assert_eq!(before, before.again());
        std::fs::write(file("b"), "").unwrap();
        let with_both = before.again();
        assert_ne!(before, with_both);
        // The same text and size by way of another file, as editors and Kubernetes write.
        std::fs::write(file("c"), "one").unwrap();
        std::fs::rename(file("c"), file("a")).unwrap();
        assert_ne!(with_both, with_both.again());
    }
}
