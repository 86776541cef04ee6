//! The program: hands its arguments to [`simfarm::cli`] and turns the outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    simfarm::cli::main(std::env::args().skip(1).collect())
}
