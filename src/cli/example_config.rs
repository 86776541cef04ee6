//! `farmwarden example-config`: every key with its explanation and default. docs/example.yml is its output.

use std::process::ExitCode;

use super::terminal;
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
    match terminal::print(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}
