//! The command line: one file per command, each thin.

mod audit;
mod check_config;
mod collect;
mod decide;
mod discover;
mod doctor;
mod example_config;
mod explain;
mod healthy;
mod incidents;
mod journal;
mod keep;
mod manual;
mod metrics;
mod near;
mod orders;
pub mod probe_mount;
mod replay;
mod report;
mod running;
mod serve;
mod source;
mod terminal;
mod unmount;
mod web;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::values;

/// Wrong arguments or a wrong configuration; everything else that ends the process is 1.
const EXIT_USAGE: u8 = 2;

/// Watches mining farms (Phala, Venus, Chia and their mounts) and serves one page of Prometheus metrics.
///
/// Without a command it serves. Without a configuration file it serves this machine's mounts and the chain nodes that
/// it finds on their usual local ports. The options below are those of serving; commands have their own.
#[derive(Debug, Parser)]
#[command(name = "farmwarden", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

const EXAMPLES: &str = "Examples:
  farmwarden
      Serve http://127.0.0.1:19977/ about this machine.
  farmwarden --config.file /etc/farmwarden.yml
      Serve what the file names.
  farmwarden --web.listen-address 10.0.0.5:19977
      Let a Prometheus on another machine scrape.
  farmwarden --web.config.file /etc/farmwarden/web.yml
      Serve with TLS and passwords (docs/access.md).
  farmwarden discover --write /etc/farmwarden.yml
      Propose a configuration from what is on this machine.
  farmwarden check-config /etc/farmwarden.yml
      Say every mistake of the file, or what it comes to.
  farmwarden doctor
      Is everything reached, and if not, what to do?
  farmwarden explain mount_stuck
      What a symptom means, and where it is seen.
  farmwarden audit show --last 6h
      What was repaired in this night, and why nothing more was.
  farmwarden help doctor
      More about a command.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the page (the default).
    #[command(after_help = serve::EXAMPLES)]
    Serve(Box<serve::Args>),
    /// Walk to targets step by step and say what to do.
    ///
    /// The steps: the name resolves, it connects, TLS is agreed on, we are authorised, it answers, the answer can be read,
    /// what it says is fresh.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Args),
    /// Run one round of one target and print its samples.
    #[command(after_help = collect::EXAMPLES)]
    Collect(collect::Args),
    /// Say what a symptom means and where it is seen now.
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Args),
    /// Say whether a farmwarden runs here, as an exit code.
    #[command(after_help = healthy::EXAMPLES)]
    Healthy(healthy::Args),
    /// Say what is being repaired, or not, and why.
    #[command(after_help = incidents::EXAMPLES)]
    Incidents(incidents::Args),
    /// Say what would be done about a payload of Alertmanager now.
    #[command(after_help = decide::EXAMPLES)]
    Decide(decide::Args),
    /// Hold back all repairs, or those of a group or a target, for some time.
    #[command(after_help = orders::PAUSE_EXAMPLES)]
    Pause(orders::Pause),
    /// End a pause.
    #[command(after_help = orders::RESUME_EXAMPLES)]
    Resume(orders::Resume),
    /// Allow what an incident waits to do.
    #[command(after_help = orders::APPROVE_EXAMPLES)]
    Approve(orders::Approve),
    /// Ask for a repair without an alert; all guards hold.
    #[command(after_help = orders::RUN_EXAMPLES)]
    Run(orders::Run),
    /// Read the journal of repairs: what was heard, decided and done, and whether nobody changed it.
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::Args),
    /// Look back at repairs: what was done, what a dry run would have done, and what to do next.
    #[command(after_help = report::EXAMPLES)]
    Report(report::Args),
    /// Look around on this machine and propose a configuration.
    #[command(after_help = discover::EXAMPLES)]
    Discover(discover::Args),
    /// Check configuration files: every mistake with its line, exit code 2.
    #[command(after_help = check_config::EXAMPLES)]
    CheckConfig(check_config::Args),
    /// Print an example configuration with every key, its explanation and its default.
    #[command(after_help = example_config::EXAMPLES)]
    ExampleConfig(example_config::Args),
    /// List every metric with type, labels and meaning, as Markdown.
    #[command(after_help = metrics::EXAMPLES)]
    Metrics,
    /// Print completions for a shell.
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
    Completions(manual::CompletionsArgs),
    /// Print the manual page, or write those of all commands.
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(manual::ManArgs),
    /// Touch mounts on behalf of the serving process. Not for people.
    #[command(hide = true)]
    ProbeMount,
    /// Let go of a mount on behalf of the serving process. Not for people.
    #[command(hide = true)]
    Unmount,
    /// Run a program on behalf of the serving process, and end all that it starts. Not for people.
    #[command(hide = true)]
    Keep,
}

/// Runs the command of the process.
pub fn main() -> ExitCode {
    match Cli::try_parse().unwrap_or_else(|error| discreet(error).exit()) {
        Cli {
            command: None, serve, ..
        } => serve::run(serve),
        Cli {
            command: Some(command), ..
        } => match command {
            Command::Serve(args) => serve::run(*args),
            Command::Doctor(args) => doctor::run(&args),
            Command::Collect(args) => collect::run(&args),
            Command::Explain(args) => explain::run(&args),
            Command::Healthy(args) => healthy::run(&args),
            Command::Incidents(args) => incidents::run(&args),
            Command::Decide(args) => decide::run(&args),
            Command::Pause(args) => orders::pause(&args),
            Command::Resume(args) => orders::resume(&args),
            Command::Approve(args) => orders::approve(&args),
            Command::Run(args) => orders::run(&args),
            Command::Audit(args) => audit::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Discover(args) => discover::run(&args),
            Command::CheckConfig(args) => check_config::run(&args),
            Command::ExampleConfig(args) => example_config::run(&args),
            Command::Completions(args) => manual::completions(&args, &Cli::command()),
            Command::Man(args) => manual::man(&args, &Cli::command()),
            Command::Metrics => metrics::run(),
            Command::ProbeMount => probe_mount::run(),
            Command::Unmount => unmount::run(),
            Command::Keep => keep::run(),
        },
    }
}

/// clap repeats what it refuses; not every value may be.
fn discreet(mut error: clap::Error) -> clap::Error {
    for kind in [
        ContextKind::InvalidValue,
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidArg,
    ] {
        if let Some(ContextValue::String(text)) = error.get(kind)
            && !text.starts_with('-')
            && !values::is_harmless(text)
        {
            let shape = values::repeated(text);
            error.insert(kind, ContextValue::String(shape));
        }
    }
    error
}

/// Runs a command that asks upstreams. What still hangs at its end is not waited for.
fn runtime(work: impl Future<Output = Result<ExitCode, String>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => {
            complain(&format!("cannot start: {e}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome.unwrap_or_else(|words| {
        complain(&words);
        ExitCode::FAILURE
    })
}

/// One line for a person, on standard error, before logging runs or where it should not.
fn complain(words: &str) {
    use std::io::Write as _;
    // Without standard error there is nobody to tell.
    drop(writeln!(std::io::stderr(), "farmwarden: {words}"));
}
