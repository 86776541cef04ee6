//! A program of the operator's, with fixed arguments: run to its end, with what it wrote in words.
//!
//! Nothing of an alert reaches it. What it does is its own business; whether it helped is seen by looking.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use super::{Effect, Failed};
use crate::process::{Finished, Program};
use crate::upstream::{Fault, Why};
use crate::values;

/// What is told of its output, in bytes: its end, where programs say what went wrong.
const MOST_TOLD: usize = 1000;

/// Runs it; `who` is how failures name it. The words are how it ended and what it wrote.
pub async fn run(who: &str, argv: &[String], within: Duration) -> Result<String, Failed> {
    let before = |why| Failed::before(who, "run", why);
    let Some((path, arguments)) = argv.split_first() else {
        return Err(before(Why::Configuration("it has no program".to_owned())));
    };
    trusted(Path::new(path)).map_err(before)?;
    let ended = Program::new(path, arguments).finish(within).await;
    // Between the fork and the program nothing of it has run.
    let ended = ended.map_err(|e| before(Why::NotFound(format!("{path}: {}", values::io_words(&e)))))?;
    let left = if ended.is_left {
        "; something that it started has left its process group, holds its output open and may still run"
    } else {
        ""
    };
    let wrote = format!("{left}{}", wrote(&ended));
    match ended.status {
        Some(status) if status.success() => Ok(format!("{who}: exit code 0{wrote}")),
        Some(status) => {
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("ended by signal {signal}"),
                (None, None) => "ended in a way that is not known".to_owned(),
            };
            Err(undone(who, Why::Upstream(format!("{how}{wrote}"))))
        }
        None if ended.is_gone => {
            let limit = values::Duration::from(within);
            let words = format!("not done within {limit}; it was killed with its process group{wrote}");
            Err(undone(who, Why::Upstream(words)))
        }
        None => {
            let words = format!("it hangs in the kernel and cannot be killed{wrote}");
            Err(undone(who, Why::Upstream(words)))
        }
    }
}

fn undone(who: &str, why: Why) -> Failed {
    Failed {
        fault: Fault::new(who, "run", why),
        effect: Effect::Unknown,
    }
}

/// Whoever may write it, or put another one in its place, may have anything run as us.
pub fn trusted(path: &Path) -> Result<(), Why> {
    let missing = |e: std::io::Error| Why::NotFound(format!("{}: {}", path.display(), values::io_words(&e)));
    let found = fs::metadata(path).map_err(missing)?;
    let real = fs::canonicalize(path).map_err(missing)?;
    let mode = found.mode();
    let wrong = if !found.is_file() {
        "is no file"
    } else if mode & 0o111 == 0 {
        "is not executable"
    } else if mode & 0o002 != 0 {
        "may be changed by anybody (chmod o-w)"
    } else if mode & 0o020 != 0 && found.gid() != 0 {
        "may be changed by its group (chmod g-w)"
    } else if !is_ours(&found) {
        "belongs to neither root nor farmwarden's user (chown root)"
    } else if !says_what_runs_it(path) {
        "is neither a program nor a script whose first line says by `#!` what runs it"
    } else {
        // Where it is written, and where links lead.
        let places = path.ancestors().skip(1).chain(real.ancestors().skip(1));
        return places.into_iter().try_for_each(in_trusted_directory);
    };
    Err(Why::Configuration(format!("{} {wrong}", path.display())))
}

fn is_ours(found: &fs::Metadata) -> bool {
    found.uid() == 0 || found.uid() == nix::unistd::geteuid().as_raw()
}

/// Who may write a directory may rename what is in it; where it is sticky, only what is his own.
fn in_trusted_directory(directory: &Path) -> Result<(), Why> {
    let wrong = |words: &str| Why::Configuration(format!("the directory {} {words}", directory.display()));
    let found = fs::metadata(directory).map_err(|e| wrong(&values::io_words(&e)))?;
    let is_sticky = found.mode() & 0o1000 != 0;
    if !is_ours(&found) {
        return Err(wrong(
            "belongs to neither root nor farmwarden's user: its owner may put another program there",
        ));
    }
    let (by_anybody, by_group) = (found.mode() & 0o002 != 0, found.mode() & 0o020 != 0 && found.gid() != 0);
    if (by_anybody || by_group) && !is_sticky {
        return Err(wrong(
            "may be changed by others: they may put another program there (chmod go-w)",
        ));
    }
    Ok(())
}

/// Else a shell would be tried on it.
fn says_what_runs_it(path: &Path) -> bool {
    let mut begins = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(4).read_to_end(&mut begins));
    // Who may run and not read it cannot tell, and the kernel runs no script like that.
    read.is_err() || begins.starts_with(b"#!") || begins.starts_with(b"\x7fELF")
}

/// Without what looks like a secret, in one line.
fn wrote(ended: &Finished) -> String {
    let both = [("wrote", &ended.out), ("and to standard error", &ended.err)];
    let told = both.iter().filter_map(|(how, bytes)| {
        let text = String::from_utf8_lossy(bytes);
        let text = values::redacted(text.trim(), &[]);
        let from = text.ceil_char_boundary(text.len().saturating_sub(MOST_TOLD));
        let end = text.get(from..).filter(|end| !end.is_empty())?;
        let cut = if from > 0 { "..." } else { "" };
        Some(format!("{how}: {cut}{}", values::clean(end)))
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return String::new();
    }
    format!("; {}", told.join("; "))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn shell(script: &str) -> Result<String, Failed> {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        run("command test", &argv, LONG).await
    }

    #[tokio::test]
    async fn a_program_says_how_it_ended_and_what_it_wrote_without_secrets() {
        let words = shell("echo 'token=abcdefgh done'; echo hm >&2").await.unwrap();
        assert_eq!(
            words,
            "command test: exit code 0; wrote: token=<secret> done; and to standard error: hm"
        );
        let failed = shell("printf 'two\\nlines'; exit 4").await.unwrap_err();
        assert_eq!(failed.effect, Effect::Unknown);
        let words = failed.fault.to_string();
        assert!(words.ends_with("exit code 4; wrote: two\\nlines"), "{words}");
        let killed = shell("kill -9 $$").await.unwrap_err().to_string();
        assert!(killed.contains("ended by signal 9"), "{killed}");
    }

    #[tokio::test]
    async fn of_much_output_the_end_is_told() {
        let words = shell("head -c 5000 /dev/zero | tr '\\0' a; echo the end")
            .await
            .unwrap();
        assert!(words.ends_with("the end") && words.contains("wrote: ...aaa"), "{words}");
        assert!(words.len() < MOST_TOLD + 100, "{}", words.len());
    }

    #[tokio::test]
    async fn what_anybody_may_change_or_is_not_there_is_not_run() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let ran = directory.path().join("ran");
        let text = format!("touch {}\n", ran.display());
        let argv = [path.display().to_string()];
        let script = format!("#!/bin/sh\n{text}");
        for (text, mode, around, words) in [
            (&script, 0o644, 0o755, "is not executable"),
            (&script, 0o757, 0o755, "may be changed by anybody"),
            (&script, 0o755, 0o777, "may put another program there"),
            (&text, 0o755, 0o755, "says by `#!` what runs it"),
        ] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(around)).unwrap();
            let failed = run("command test", &argv, LONG).await.unwrap_err();
            assert_eq!(failed.effect, Effect::Nothing);
            assert!(failed.to_string().contains(words), "{failed}");
        }
        let linked = tempfile::tempdir().unwrap();
        let link = linked.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(&path, &script).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let failed = run("command test", &[link.display().to_string()], LONG)
            .await
            .unwrap_err();
        assert!(failed.to_string().contains("may put another program there"), "{failed}");
        let failed = run("command test", &["/nowhere".to_owned()], LONG).await.unwrap_err();
        assert_eq!(failed.effect, Effect::Nothing);
        assert!(!ran.exists());
    }

    #[tokio::test]
    async fn a_program_whose_time_is_over_is_killed_and_nobody_knows_what_it_did() {
        let argv = ["/bin/sh", "-c", "sleep 600"].map(str::to_owned);
        let failed = run("command test", &argv, Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(failed.effect, Effect::Unknown);
        assert!(failed.to_string().contains("killed with its process group"), "{failed}");
    }
}
