//! `farmwarden example-config`: every key with its explanation and default. docs/example.yml is its output.

use std::io::Write as _;
use std::process::ExitCode;

use crate::config;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden example-config > /etc/farmwarden.yml
      A file to begin with.
  farmwarden example-config --schema > farmwarden.schema.json
      For editors that complete and check while one types.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The JSON Schema instead.
    #[arg(long)]
    schema: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let text = if args.schema {
        format!("{:#}\n", config::schema())
    } else {
        config::example()
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough (`| head`) is no failure worth words.
        Err(_) => ExitCode::FAILURE,
    }
}
