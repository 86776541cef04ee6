//! `farmwarden probe-mount`: a child of the serving process that touches mounts for it. Not for people.

use std::process::ExitCode;
use std::{fs, io};

use nix::sys::prctl;
use nix::sys::signal::Signal;

use crate::collectors::mounts;

/// Answers on standard output what is asked on standard input, and ends with it. Starts no runtime and no thread.
pub fn run() -> ExitCode {
    if !is_alone() {
        return ExitCode::FAILURE;
    }
    match mounts::answer_probes(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Lets go of everything but the two pipes to the parent, and of life when that ends; false where that cannot be had.
pub(super) fn is_alone() -> bool {
    // The kernel ends us with our parent even while we hang; where it cannot, we are harmless: no socket, no lock.
    if prctl::set_pdeathsig(Signal::SIGKILL).is_err() {
        return false;
    }
    close_what_was_inherited();
    true
}

/// Whoever started the service may have left descriptors open, of a listening socket even; held by a child that hangs
/// they would outlive the service.
pub(super) fn close_what_was_inherited() {
    const LAST_OF_OURS: i32 = 2;
    let Ok(open) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let numbers: Vec<i32> = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers.into_iter().filter(|number| *number > LAST_OF_OURS) {
        // The one of the listing itself is closed already.
        nix::unistd::close(number).ok();
    }
}
