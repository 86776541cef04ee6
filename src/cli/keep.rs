//! `farmwarden keep`: a child of the serving process that runs a program for it. Not for people.

use std::io;
use std::process::ExitCode;

use super::probe_mount;
use crate::actions::keeper;

/// Answers one question on standard error, behind what the program wrote there. Starts no runtime.
pub(super) fn run() -> ExitCode {
    // Not of life with its parent: first it ends what it has started.
    probe_mount::close_what_was_inherited();
    match keeper::serve(io::BufReader::new(io::stdin())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
