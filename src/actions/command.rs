//! A program of the operator's, with fixed arguments: run to its end, with what it wrote in words.
//!
//! Nothing of an alert reaches it. What it does is its own business; whether it helped is seen by looking.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::keeper::{How, Keeper, Kept};
use super::{Effect, Failed};
use crate::upstream::{Fault, Why};
use crate::values;

/// What is told of its output, in bytes: its end, where programs say what went wrong.
const MOST_TOLD: usize = 1000;

/// Runs it; `who` is how failures name it. The words are how it ended and what it wrote.
pub async fn run(keeper: &Keeper, who: &str, argv: &[String], within: Duration) -> Result<String, Failed> {
    let before = |why| Failed::before(who, "run", why);
    let Some(path) = argv.first() else {
        return Err(before(Why::Configuration("it has no program".to_owned())));
    };
    trusted(Path::new(path)).map_err(before)?;
    let kept = keeper.run(argv, within).await;
    let kept = kept.map_err(|e| before(Why::NotFound(format!("{path}: {}", values::io_words(&e)))))?;
    let left = if kept.is_left {
        "; something that it started cannot be killed and may still run"
    } else {
        ""
    };
    let how = match kept.how {
        How::Code(code) => format!("exit code {code}"),
        How::Signal(signal) => format!("ended by signal {signal}"),
        How::NotStarted(_) => "not started".to_owned(),
        How::TimeOver => {
            let limit = values::Duration::from(within);
            format!("not done within {limit}; it was killed with all that it had started")
        }
        How::Lost => "the process of farmwarden that looked after it was killed, how it ended is not known".to_owned(),
    };
    let words = format!("{how}{left}{}", wrote(&kept));
    if kept.how == How::Code(0) {
        return Ok(format!("{who}: {words}"));
    }
    Err(undone(who, Why::Upstream(words)))
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
fn wrote(ended: &Kept) -> String {
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
            let failed = run(&Keeper::own(), "command test", &argv, LONG).await.unwrap_err();
            assert_eq!(failed.effect, Effect::Nothing);
            assert!(failed.to_string().contains(words), "{failed}");
        }
        let linked = tempfile::tempdir().unwrap();
        let link = linked.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fs::write(&path, &script).unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let failed = run(&Keeper::own(), "command test", &[link.display().to_string()], LONG)
            .await
            .unwrap_err();
        assert!(failed.to_string().contains("may put another program there"), "{failed}");
        let failed = run(&Keeper::own(), "command test", &["/nowhere".to_owned()], LONG)
            .await
            .unwrap_err();
        assert_eq!(failed.effect, Effect::Nothing);
        assert!(!ran.exists());
    }
}
