//! `farmwarden unmount`: a child of the serving process that lets go of a mount for it. Not for people.

use std::io;
use std::process::ExitCode;

use super::probe_mount;
use crate::actions::unmount;

/// Answers one question on standard output. Starts no runtime and no thread.
pub(super) fn run() -> ExitCode {
    if !probe_mount::is_alone() {
        return ExitCode::FAILURE;
    }
    match unmount::serve(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
