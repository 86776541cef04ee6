//! The configuration file: from text to checked [`Settings`].
//!
//! Each room owns the type of its section; here they are put together and checked across keys. Nothing unchecked
//! leaves this room.

mod check;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::collectors::mounts;
use crate::collectors::{Link, Sections};
use crate::values;

/// The file as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    /// What is read, by kind.
    collectors: Sections,
}

/// What a running farmwarden is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they were read, to be read again.
    pub file: Option<PathBuf>,
    pub collectors: Sections,
    /// Which target hangs on which: one link per target.
    pub links: Vec<Link>,
    /// Look for chain nodes on this machine: only without a configuration file.
    pub look_for_local_nodes: bool,
}

/// All mistakes of a file, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

impl Settings {
    /// From a file.
    pub fn read(file: &Path) -> Result<Self, Mistakes> {
        let shown = file.display();
        let text = std::fs::read_to_string(file).map_err(|e| {
            let words = match e.kind() {
                std::io::ErrorKind::InvalidData => "it is not a text file in UTF-8".to_owned(),
                _ => values::io_words(&e),
            };
            Mistakes(vec![format!("{shown}: cannot be read: {words}")])
        })?;
        let mut settings = Self::parse(&shown.to_string(), &text)?;
        settings.file = Some(file.to_owned());
        Ok(settings)
    }

    /// `file` is the name that stands in front of every mistake.
    pub fn parse(file: &str, text: &str) -> Result<Self, Mistakes> {
        // An empty file is a configuration without targets, not a mistake of syntax.
        let raw: Option<Raw> = serde_saphyr::from_str(text).map_err(|e| Mistakes(vec![yaml_mistake(file, &e)]))?;
        let collectors = raw.unwrap_or_default().collectors;
        let mistakes = check::mistakes(file, &collectors);
        if !mistakes.is_empty() {
            return Err(Mistakes(mistakes));
        }
        Ok(Self {
            file: None,
            links: Vec::new(),
            collectors,
            look_for_local_nodes: false,
        })
    }

    /// Without a file: the mounts of this machine, and chain nodes on their usual ports.
    pub fn of_this_machine(procfs: PathBuf, rootfs: PathBuf) -> Self {
        Self {
            file: None,
            links: Vec::new(),
            collectors: Sections {
                mounts: vec![mounts::Target::local(procfs, rootfs)],
                ..Sections::default()
            },
            look_for_local_nodes: true,
        }
    }
}

/// `file:line:column: what is wrong`, without the lines around it: they may hold what is nobody's business.
fn yaml_mistake(file: &str, error: &serde_saphyr::Error) -> String {
    let words = error.without_snippet().to_string();
    let words = words.lines().next().unwrap_or_default();
    match error.location() {
        Some(location) => {
            let words = &in_words(words);
            let (line, column) = (location.line(), location.column());
            let tail = format!(" at line {line}, column {column}");
            format!("{file}:{line}:{column}: {}", words.strip_suffix(&tail).unwrap_or(words))
        }
        None => format!("{file}: {words}"),
    }
}

/// The parser's own terms, as an operator would say them.
fn in_words(parser: &str) -> String {
    let said = [
        (
            "expected sequence start",
            "a list is expected here; begin each entry with `- `",
        ),
        (
            "expected mapping start",
            "keys and values are expected here, like `name: node-1`",
        ),
        ("invalid u64", "a whole number is expected here"),
        ("invalid usize", "a whole number is expected here"),
        ("invalid bool", "true or false is expected here"),
    ];
    let known = said.iter().find(|(term, _)| parser.contains(term));
    known.map_or_else(|| parser.to_owned(), |(_, words)| (*words).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        Settings::parse("farm.yml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_small_file_is_read() {
        let text = "collectors:\n  phala:\n    - name: node-1\n      para: http://127.0.0.1:9944\n";
        let settings = Settings::parse("farm.yml", text).unwrap();
        assert_eq!(settings.collectors.phala.len(), 1);
        assert!(Settings::parse("farm.yml", "").is_ok());
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let wrong = "collectors:\n  phala:\n    - name: node-1\n      para: ftp://127.0.0.1\n";
        let words = mistakes(wrong);
        assert!(
            words.starts_with("farm.yml:4:") && words.contains("scheme must be http"),
            "{words}"
        );
    }

    #[test]
    fn an_unknown_key_is_a_mistake() {
        let words = mistakes("collectors:\n  phala:\n    - name: a\n      pura: http://127.0.0.1\n");
        assert!(words.starts_with("farm.yml:4:") && words.contains("pura"), "{words}");
    }

    #[test]
    fn the_parsers_terms_are_said_in_words() {
        let words = mistakes("collectors:\n  phala:\n    name: node-1\n");
        assert!(
            words.starts_with("farm.yml:3:") && words.contains("begin each entry with `- `"),
            "{words}"
        );
        let words = mistakes("collectors:\n  mounts:\n    - {name: a, max_children: many}\n");
        assert!(words.contains("a whole number is expected here"), "{words}");
    }

    #[test]
    fn mistakes_across_keys_come_all_at_once() {
        let words =
            mistakes("collectors:\n  phala:\n    - name: a\n    - name: a\n      para: http://h\n      timeout: 1m\n");
        assert_eq!(words.lines().count(), 3, "{words}");
        assert!(
            words.contains("twice") && words.contains("neither `para` nor `relay`") && words.contains("timeout"),
            "{words}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_settings_or_mistakes(text in ".{0,200}") {
            drop(Settings::parse("farm.yml", &text));
        }
    }
}
