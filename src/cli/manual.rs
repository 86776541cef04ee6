//! `farmwarden completions` and `farmwarden man`: what a shell and `man` want to know, from the same description as
//! `--help`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::{complain, terminal};
use crate::values;

pub(super) const COMPLETIONS_EXAMPLES: &str = "Examples:
  farmwarden completions bash > /etc/bash_completion.d/farmwarden
  farmwarden completions zsh > /usr/local/share/zsh/site-functions/_farmwarden
  farmwarden completions fish > ~/.config/fish/completions/farmwarden.fish";

pub(super) const MAN_EXAMPLES: &str = "Examples:
  farmwarden man | man -l -
      Read it.
  farmwarden man --dir /usr/local/share/man/man1
      Install the pages of all commands.";

#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// Whose language to write.
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Write a page for the program and one for each command into this directory, instead of printing the first.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs, command: &Command) -> ExitCode {
    let mut command = for_people(command);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "farmwarden", &mut script);
    printed(&script)
}

pub(super) fn man(args: &ManArgs, command: &Command) -> ExitCode {
    let pages = pages(for_people(command).disable_help_subcommand(true));
    let Some(directory) = &args.dir else {
        let first = pages.first().map(|(_, page)| page.as_slice()).unwrap_or_default();
        return printed(first);
    };
    match write(&pages, directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            complain(&words);
            ExitCode::FAILURE
        }
    }
}

fn printed(text: &[u8]) -> ExitCode {
    match terminal::print(&String::from_utf8_lossy(text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

/// Without what is hidden: generators for shells would list it.
fn for_people(command: &Command) -> Command {
    let visible: Vec<Command> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .cloned()
        .collect();
    let mut shown = Command::new("farmwarden")
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(true)
        .args(command.get_arguments().cloned());
    shown = match (command.get_about(), command.get_long_about()) {
        (Some(about), Some(long)) => shown.about(about.clone()).long_about(long.clone()),
        (Some(about), None) => shown.about(about.clone()),
        _ => shown,
    };
    if let Some(examples) = command.get_after_help() {
        shown = shown.after_help(examples.clone());
    }
    shown.subcommands(visible)
}

/// The page of the program, then one for each command, by file name; those of a command's own commands follow it.
fn pages(mut command: Command) -> Vec<(String, Vec<u8>)> {
    command.build();
    let mut commands = vec![command.clone()];
    for part in parts(&command) {
        let own = parts(&part);
        commands.push(part);
        commands.extend(own);
    }
    let mut pages = Vec::new();
    for command in commands {
        let man = Man::new(command)
            .source(concat!("farmwarden ", env!("CARGO_PKG_VERSION")))
            .manual("farmwarden");
        let mut page = Vec::new();
        // A Vec takes everything.
        if man.render(&mut page).is_ok() {
            pages.push((man.get_filename(), page));
        }
    }
    pages
}

fn parts(command: &Command) -> Vec<Command> {
    let parts = command.get_subcommands().filter(|part| part.get_name() != "help");
    parts.cloned().collect()
}

fn write(pages: &[(String, Vec<u8>)], directory: &Path) -> Result<(), String> {
    for (name, page) in pages {
        let path = directory.join(name);
        std::fs::write(&path, page)
            .map_err(|e| format!("{} was not written: {}", path.display(), values::io_words(&e)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, ValueEnum as _};

    use super::super::Cli;
    use super::*;

    fn visible() -> Vec<String> {
        let names = Cli::command();
        let names = names.get_subcommands().filter(|command| !command.is_hide_set());
        names.map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn completions_know_every_command_for_people_and_no_other() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut for_people(&Cli::command()), "farmwarden", &mut script);
            let script = String::from_utf8(script).unwrap();
            for name in visible() {
                assert!(script.contains(&name), "{shell}: {name}");
            }
            assert!(script.contains("config.file"), "{shell}");
            assert!(!script.contains("probe-mount"), "{shell}");
        }
    }

    #[test]
    fn every_command_for_people_has_a_page_with_examples() {
        let pages = pages(for_people(&Cli::command()).disable_help_subcommand(true));
        let mut expected = vec!["farmwarden.1".to_owned()];
        for name in visible() {
            expected.push(format!("farmwarden-{name}.1"));
            if name == "audit" {
                expected.extend(["show", "verify"].map(|own| format!("farmwarden-audit-{own}.1")));
            }
        }
        assert_eq!(pages.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), expected);
        for (name, page) in &pages {
            let page = String::from_utf8_lossy(page);
            assert!(page.contains("Examples:"), "{name}: {page}");
            assert!(!page.contains("probe\\-mount"), "{name}");
        }
    }

    #[test]
    fn the_help_of_every_command_has_examples() {
        let commands = Cli::command();
        for command in commands.get_subcommands().filter(|command| !command.is_hide_set()) {
            let help = command.clone().render_long_help().to_string();
            assert!(
                help.contains("\nExamples:\n  farmwarden "),
                "{}: {help}",
                command.get_name()
            );
        }
    }
}
