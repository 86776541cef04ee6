//! The section `commands` of the configuration: programs with fixed arguments that repairs may run.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use super::sections::Misplaced;
use crate::actions::command;
use crate::values::Name;

/// Programs that repairs may run. The last resort: what another action can do, it does with more care.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Commands {
    /// Nothing is run until this says `true`, whatever policies say.
    pub enabled: bool,
    /// What the action `run-command` may name.
    #[schemars(example = serde_json::json!([
        {"name": "cycle-power", "argv": ["/usr/local/sbin/power", "cycle", "rack-3"]}
    ]), extend("x-off" = true))]
    pub allowed: Vec<Command>,
}

/// A program. It gets these arguments and no others, no input, and an environment of `PATH` and `LANG` alone; nothing of an
/// alert reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// What actions and messages call it.
    #[schemars(example = &"cycle-power")]
    pub name: Name,
    /// The absolute path of the program, and its arguments, one by one: there is no shell that would take them apart.
    #[schemars(example = ["/usr/local/sbin/power", "cycle", "rack-3"])]
    pub argv: Vec<String>,
}

impl Commands {
    /// The one of this name, or why it is not run.
    pub(super) fn find(&self, name: &Name) -> Result<&Command, String> {
        if !self.enabled {
            return Err("commands are switched off; `commands.enabled: true` allows those that are listed".to_owned());
        }
        let found = self.allowed.iter().find(|command| command.name == *name);
        found.ok_or_else(|| format!("no command is called `{name}`; list it in `commands.allowed`"))
    }

    pub(super) fn wrong(&self) -> Vec<Misplaced> {
        let mut wrong = Vec::new();
        for (number, command) in self.allowed.iter().enumerate() {
            let mut say = |key: &str, words: String| {
                wrong.push(Misplaced {
                    list: "commands",
                    number: None,
                    key: format!("allowed[{number}].{key}"),
                    words,
                });
            };
            if self.allowed.iter().take(number).any(|other| other.name == command.name) {
                say("name", format!("the command `{}` stands twice", command.name));
            }
            match command.argv.first() {
                None => say("argv", "the absolute path of a program is expected first".to_owned()),
                Some(path) if !Path::new(path).is_absolute() => {
                    let words = format!("`{path}` is not an absolute path, and nothing looks for it");
                    say("argv", words);
                }
                Some(_) if command.argv.iter().any(|argument| argument.contains('\0')) => {
                    say("argv", "an argument cannot hold a zero byte".to_owned());
                }
                Some(_) => {}
            }
        }
        wrong
    }

    /// Those that would not be run as they are now, in words.
    pub(super) fn unusable(&self) -> Vec<(String, String)> {
        let used = self.allowed.iter().filter(|_| self.enabled);
        let trusted = |command: &Command| {
            let path = command.argv.first()?;
            let why = command::trusted(Path::new(path)).err()?;
            Some((command.who(), why.to_string()))
        };
        used.filter_map(trusted).collect()
    }
}

impl Command {
    /// As failures name it.
    pub(super) fn who(&self) -> String {
        format!("command {}", self.name)
    }
}
