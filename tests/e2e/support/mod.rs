//! What every test needs: programs that end with it, bounded waiting, a directory, a small HTTP client.

mod browser;
mod farmwarden;
pub(crate) mod http;
mod process;
mod simfarm;

use std::fmt::Display;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) use browser::Browser;
pub(crate) use farmwarden::{Farmwarden, Samples};
pub(crate) use process::Process;
pub(crate) use simfarm::Simfarm;

/// Far longer than anything here takes on a busy machine; nothing waits for it unless something is broken.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Between two looks at something awaited.
const PAUSE: Duration = Duration::from_millis(50);

/// A file or directory that `./test e2e` hands over.
pub(crate) fn handed_over(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    let value = value.unwrap_or_else(|| panic!("{variable} is not set; start these tests by ./test e2e"));
    // Not resolved: Python's virtual environment is known by the path of a symbolic link.
    let path = std::path::absolute(value).unwrap();
    assert!(path.exists(), "{variable} names what is not there: {}", path.display());
    path
}

/// A program out of the unpacked Debian packages.
pub(crate) fn debian(path: &str) -> PathBuf {
    let file = handed_over("E2E_DEBIAN").join(path);
    assert!(
        file.is_file(),
        "{} is missing; ./test install fetches it",
        file.display()
    );
    file
}

/// A program out of the unpacked Debian packages with the libraries from there.
pub(crate) fn with_libraries(program: &Path) -> Command {
    let libraries = ["lib", "usr/lib"].map(|directory| {
        let of_this_machine = format!("{directory}/{}-linux-gnu", std::env::consts::ARCH);
        handed_over("E2E_DEBIAN").join(of_this_machine).display().to_string()
    });
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", libraries.join(":"));
    command
}

/// A file of this directory.
pub(crate) fn own(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e").join(path)
}

pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A port that nothing uses. Nobody else lives in this network, so it stays free.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Looks until there is something to see, and says what was seen instead when there never is.
#[track_caller]
pub(crate) fn wait_for<T, E: Display>(what: &str, within: Duration, mut look: impl FnMut() -> Result<T, E>) -> T {
    let started = Instant::now();
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(instead) if started.elapsed() > within => panic!("not within {within:?}: {what}; instead {instead}"),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// For [`wait_for`]: whether something is as expected, and how it is instead.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(seen: &T, expected: &T) -> Result<(), String> {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("it is {seen:?}, not {expected:?}"))
    }
}
