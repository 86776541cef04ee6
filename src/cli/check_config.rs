//! `farmwarden check-config`: all mistakes of configuration files, or what they come to.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::EXIT_USAGE;
use super::source::CONFIG_VARIABLE;
use crate::access::{self, Named};
use crate::config::{Secrets, Settings};
use crate::journal;
use crate::values::Name;
use crate::yaml::Mistakes;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden check-config /etc/farmwarden.yml
      Every mistake with its line, or what hangs on what.
  farmwarden check-config site-*/farmwarden.yml
      Several files; exit code 2 if one of them has a mistake.
  farmwarden check-config --web.config.file /etc/farmwarden/web.yml
      The file of TLS, passwords and tokens, alone or beside others.
  farmwarden example-config | farmwarden check-config -
      From standard input.

Nothing is asked of any target. Secrets and certificates that a file names must
be readable, and what repairs need on this machine (the journal's directory, the
sockets of engines and of systemd) is looked at and warned about; --syntax-only
leaves both out. Exit code: 0 without a mistake, 2 with one.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files to check; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present_any = ["config_file", "web_config_file"])]
    files: Vec<PathBuf>,
    /// The file to check when none is named, as the serving command takes it.
    #[arg(long = "config.file", value_name = "FILE", env = CONFIG_VARIABLE, hide_env_values = true)]
    config_file: Option<PathBuf>,
    /// A file of TLS, passwords and tokens to check, as the serving command takes it (docs/access.md).
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<PathBuf>,
    /// Do not look whether the secrets that a file names can be read: on another machine, or as another user.
    #[arg(long)]
    syntax_only: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let (secrets, named) = if args.syntax_only {
        (Secrets::Ignored, Named::Ignored)
    } else {
        (Secrets::MustBeThere, Named::MustBeThere)
    };
    // The variable names a file for those who name none.
    let files = if args.files.is_empty() {
        args.config_file.as_slice()
    } else {
        &args.files
    };
    let checked = files
        .iter()
        .map(|file| match read(file, secrets) {
            Ok(settings) => {
                if secrets == Secrets::MustBeThere {
                    warn(file, &settings);
                }
                Ok(summary(file, &settings))
            }
            Err(mistakes) => Err(mistakes.to_string()),
        })
        .chain(args.web_config_file.iter().map(|file| web(file, named)));
    let mut code = ExitCode::SUCCESS;
    for outcome in checked {
        // Mistakes and summary are the output itself; without a reader of it the exit code still says enough.
        match outcome {
            Ok(summary) => drop(std::io::stdout().write_all(summary.as_bytes())),
            Err(mistakes) => {
                code = ExitCode::from(EXIT_USAGE);
                drop(writeln!(std::io::stderr(), "{mistakes}"));
            }
        }
    }
    code
}

/// What a good web.yml comes to, with what is doubtful in it.
fn web(file: &Path, named: Named) -> Result<String, String> {
    let checked = access::check(file, named).map_err(|mistakes| mistakes.to_string())?;
    let mut parts = vec![format!("{}: good", file.display())];
    parts.extend(checked.summary);
    let mut lines = vec![parts.join("; ")];
    lines.extend(checked.warnings.iter().map(|warning| format!("warning: {warning}")));
    Ok(lines.join("\n") + "\n")
}

fn read(file: &Path, secrets: Secrets) -> Result<Settings, Mistakes> {
    if file == Path::new("-") {
        Settings::read_from("standard input", std::io::stdin().lock(), secrets)
    } else {
        Settings::read(file, secrets)
    }
}

/// What would stand in the way of repairs on this machine, of this user; the service may run as another one, or elsewhere.
fn warn(file: &Path, settings: &Settings) {
    let mut words = Vec::new();
    match settings.journal.settings().as_ref().map(journal::inspect) {
        Some(Ok(found)) => words.extend(found.doubts.into_iter().map(|doubt| format!("the journal: {doubt}"))),
        Some(Err(error)) => words.push(error.to_string()),
        None => {}
    }
    words.extend(settings.hands.unreachable());
    words.extend(settings.exposed());
    for words in words {
        drop(writeln!(std::io::stderr(), "{}: warning: {words}", file.display()));
    }
}

/// What a good file comes to: per farm every target, and what it hangs on.
fn summary(file: &Path, settings: &Settings) -> String {
    let targets = settings.collectors.check();
    let mut farms: Vec<_> = settings.links.iter().map(|link| &link.farm).collect();
    farms.sort();
    farms.dedup();
    let mut out = format!(
        "{}: good; {} in {}\n",
        file.display(),
        counted(targets.len(), "target"),
        counted(farms.len(), "farm")
    );
    for farm in farms {
        // Writing to a String cannot fail.
        let _infallible = writeln!(out, "farm {farm}:");
        for link in settings.links.iter().filter(|link| link.farm == *farm) {
            let _infallible = write!(out, "  {} ({})", link.target, link.collector);
            if !link.depends_on.is_empty() {
                let needed: Vec<_> = link.depends_on.iter().map(Name::as_str).collect();
                let said = targets
                    .iter()
                    .any(|target| target.name == link.target && target.depends_on.is_some());
                let how = if said { "" } else { " (inferred)" };
                let _infallible = write!(out, " hangs on {}{how}", needed.join(", "));
            }
            out.push('\n');
        }
    }
    out
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
