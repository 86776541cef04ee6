//! The configuration file: from text to checked [`Settings`].
//!
//! Each room owns the type of its section; here they are put together and checked across keys. Nothing unchecked
//! leaves this room.

mod check;
mod example;
mod links;
mod proposed;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

pub use example::{example, schema};
pub use proposed::proposed;

use crate::collectors::mounts;
use crate::collectors::{Link, Sections};
use crate::journal::JournalSection;
use crate::notify::Way;
use crate::remedy::hands;
use crate::remedy::{Caller, Remedies};
use crate::values;
use crate::yaml::{self, Document, Mistake, Mistakes};

/// The file as it is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    /// The targets that are watched: a list for every kind.
    collectors: Sections,
    /// The record of what was asked, decided and done. Without a directory there is none, and nothing is repaired.
    journal: JournalSection,
    /// Repairs. Without policies nothing is ever changed.
    remedies: Remedies,
    /// Container engines, and the containers in them that repairs may touch.
    engines: Vec<hands::settings::Engine>,
    /// Units of systemd on this machine that repairs may touch.
    units: hands::settings::Units,
    /// What is stopped and started together, in order.
    stacks: Vec<hands::settings::Stack>,
    /// Programs that repairs may run.
    commands: hands::commands::Commands,
    /// Other farmwardens that may be asked for repairs.
    #[schemars(extend("x-off" = true))]
    remotes: Vec<hands::Remote>,
    /// Other farmwardens that may ask for repairs here.
    #[schemars(extend("x-off" = true))]
    callers: Vec<Caller>,
    /// Ways to people. Without one, repairs are told in the log and on the status page.
    #[schemars(extend("x-off" = true))]
    notify: Vec<Way>,
}

/// What a running farmwarden is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they were read, to be read again.
    pub file: Option<PathBuf>,
    pub collectors: Sections,
    /// Where it is recorded.
    pub journal: JournalSection,
    /// What is repaired, and how carefully.
    pub remedies: Remedies,
    /// What repairs may touch.
    pub hands: hands::Settings,
    /// Who may ask for repairs, besides alerts and people.
    pub callers: Vec<Caller>,
    /// Who is told.
    pub notify: Vec<Way>,
    /// Which target hangs on which: one link per target.
    pub links: Vec<Link>,
    /// Look for chain nodes on this machine: only without a configuration file.
    pub look_for_local_nodes: bool,
}

/// Whether the places that a configuration names for its secrets are looked at: somebody else may not be allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    MustBeThere,
    Ignored,
}

impl Settings {
    /// Which keys and tokens of repairs others than farmwarden have as well, a line each.
    pub fn exposed(&self) -> Vec<String> {
        let callers = self.callers.iter().filter_map(Caller::exposed);
        self.hands.exposed().into_iter().chain(callers).collect()
    }

    /// From a file.
    pub fn read(file: &Path, secrets: Secrets) -> Result<Self, Mistakes> {
        let shown = file.display().to_string();
        let opened = File::open(file).map_err(|e| unreadable(&shown, &e))?;
        let mut settings = Self::read_from(&shown, opened, secrets)?;
        settings.file = Some(file.to_owned());
        Ok(settings)
    }

    /// From what is open already, like standard input.
    pub fn read_from(name: &str, reader: impl Read, secrets: Secrets) -> Result<Self, Mistakes> {
        let mut text = String::new();
        // A byte more than is taken, so that what is too large is seen to be.
        let read = reader.take(yaml::LARGEST + 1).read_to_string(&mut text);
        read.map_err(|e| unreadable(name, &e))?;
        Self::checked(name, &text, secrets)
    }

    /// The text alone: nothing that it names is looked at. `file` stands in front of every mistake.
    pub fn parse(file: &str, text: &str) -> Result<Self, Mistakes> {
        Self::checked(file, text, Secrets::Ignored)
    }

    fn checked(file: &str, text: &str, secrets: Secrets) -> Result<Self, Mistakes> {
        let document = Document::parse(file, text)?;
        let mut read = document.read::<Raw>();
        let Raw {
            collectors,
            journal,
            mut remedies,
            engines,
            units,
            stacks,
            commands,
            remotes,
            callers,
            notify,
        } = read.value.take().unwrap_or_default();
        let hands = hands::Settings {
            engines,
            units,
            stacks,
            commands,
            remotes,
            targets: collectors
                .names()
                .into_iter()
                .map(|(kind, name)| (name, kind))
                .collect(),
            prbs: collectors.prb.clone(),
            venus: collectors.venus.clone(),
            chia: collectors.chia.clone(),
            machines: collectors.mounts.clone(),
        };
        let mut across = check::mistakes(&document, &read, &collectors, secrets);
        across.extend(check::remedies(&document, &read, &remedies));
        across.extend(check::hands(&document, &read, &hands, &remedies));
        across.extend(check::remotes(&document, &read, &hands, secrets));
        across.extend(check::callers(
            &document,
            &read,
            (&callers, &remedies, &journal),
            secrets,
        ));
        across.extend(check::journal(&document, &read, &journal, &remedies));
        across.extend(check::ways(&document, &read, &notify, secrets));
        read.mistakes.extend(across);
        if !read.mistakes.is_empty() {
            return Err(Mistakes::in_order(read.mistakes));
        }
        hands.spell_out(&mut remedies);
        Ok(Self {
            file: None,
            links: links::links(&collectors.check()),
            collectors,
            journal,
            remedies,
            hands,
            callers,
            notify,
            look_for_local_nodes: false,
        })
    }

    /// Without a file: the mounts of this machine, and chain nodes on their usual ports.
    pub fn of_this_machine(procfs: PathBuf, rootfs: PathBuf) -> Self {
        let collectors = Sections {
            mounts: vec![mounts::Target::local(procfs, rootfs)],
            ..Sections::default()
        };
        Self {
            file: None,
            links: links::links(&collectors.check()),
            collectors,
            journal: JournalSection::default(),
            remedies: Remedies::default(),
            hands: hands::Settings::default(),
            callers: Vec::new(),
            notify: Vec::new(),
            look_for_local_nodes: true,
        }
    }
}

fn unreadable(file: &str, error: &std::io::Error) -> Mistakes {
    let words = match error.kind() {
        std::io::ErrorKind::InvalidData => "it is not a text file in UTF-8".to_owned(),
        _ => values::io_words(error),
    };
    Mistakes(vec![Mistake::of_file(file, format!("cannot be read: {words}"))])
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
    fn a_wrong_form_is_said_in_words() {
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
