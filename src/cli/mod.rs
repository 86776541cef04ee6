//! The command line: one file per command, each thin.

mod check_config;
mod example_config;
mod metrics;
pub mod probe_mount;
mod serve;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Wrong arguments or a wrong configuration; everything else that ends the process is 1.
const EXIT_USAGE: u8 = 2;

/// Watches a mining farm (Phala, its mounts; Venus and Chia to come) and serves one page of Prometheus metrics.
///
/// Without a command it serves. Without a configuration file it serves this machine's mounts and the chain nodes that
/// it finds on their usual local ports.
#[derive(Debug, Parser)]
#[command(name = "farmwarden", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

const EXAMPLES: &str = "Examples:
  farmwarden                                      serve http://127.0.0.1:19977/ about this machine
  farmwarden --config.file /etc/farmwarden.yml    serve what the file names
  farmwarden --web.listen-address 10.0.0.5:19977  let a Prometheus on another machine scrape
  farmwarden --web.config.file /etc/farmwarden/web.yml
                                                  with TLS and passwords (docs/access.md)
  farmwarden check-config /etc/farmwarden.yml     say every mistake of the file, or what it comes to
  farmwarden metrics                              list every metric with its meaning";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the page (the default).
    Serve(Box<serve::Args>),
    /// Check configuration files: every mistake with its line, exit code 2.
    #[command(after_help = check_config::EXAMPLES)]
    CheckConfig(check_config::Args),
    /// Print an example configuration with every key, its explanation and its default.
    #[command(after_help = example_config::EXAMPLES)]
    ExampleConfig(example_config::Args),
    /// List every metric family with type, labels and meaning, as Markdown.
    Metrics,
    /// Touch mounts on behalf of the serving process. Not for people.
    #[command(hide = true)]
    ProbeMount,
}

/// Runs the command of the process.
pub fn main() -> ExitCode {
    match Cli::parse() {
        Cli {
            command: None, serve, ..
        } => serve::run(serve),
        Cli {
            command: Some(command), ..
        } => match command {
            Command::Serve(args) => serve::run(*args),
            Command::CheckConfig(args) => check_config::run(&args),
            Command::ExampleConfig(args) => example_config::run(&args),
            Command::Metrics => metrics::run(),
            Command::ProbeMount => probe_mount::run(),
        },
    }
}

/// One line for a person, on standard error, before logging runs or where it should not.
fn complain(words: &str) {
    use std::io::Write as _;
    // Without standard error there is nobody to tell.
    drop(writeln!(std::io::stderr(), "farmwarden: {words}"));
}
