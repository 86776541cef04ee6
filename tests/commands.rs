//! Programs of an operator as farmwarden runs them: by a process of the real binary that looks after them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::time::Duration;

use farmwarden::actions::keeper::{How, Keeper, Kept};
use farmwarden::actions::{Effect, Failed, command};
use farmwarden::process::Program;

const LONG: Duration = Duration::from_secs(60);

fn keeper() -> Keeper {
    Keeper::by(Program::new(env!("CARGO_BIN_EXE_farmwarden"), ["keep"]))
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

async fn kept(script: &str, within: Duration) -> Kept {
    keeper().run(&shell(script), within).await.unwrap()
}

async fn told(script: &str, within: Duration) -> Result<String, Failed> {
    command::run(&keeper(), "command test", &shell(script), within).await
}

#[tokio::test]
async fn a_program_says_how_it_ended_and_what_it_wrote_without_secrets() {
    let words = told("echo 'token=abcdefgh done'; echo hm >&2", LONG).await.unwrap();
    assert_eq!(
        words,
        "command test: exit code 0; wrote: token=<secret> done; and to standard error: hm"
    );
    let failed = told("printf 'two\\nlines'; exit 4", LONG).await.unwrap_err();
    assert_eq!(failed.effect, Effect::Unknown);
    let words = failed.fault.to_string();
    assert!(words.ends_with("exit code 4; wrote: two\\nlines"), "{words}");
    let killed = told("kill -9 $$", LONG).await.unwrap_err().to_string();
    assert!(killed.contains("ended by signal 9"), "{killed}");
}

#[tokio::test]
async fn it_has_no_input_and_nothing_of_our_environment() {
    let seen = String::from_utf8(kept("/usr/bin/env; cat", LONG).await.out).unwrap();
    let names: Vec<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let known = ["PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(
        names.contains(&"PATH") && names.iter().all(|name| known.contains(name)),
        "{seen}"
    );
}

#[tokio::test]
async fn what_cannot_be_started_has_done_nothing() {
    let nowhere = keeper().run(&["/nowhere/at/all".to_owned()], LONG).await;
    assert_eq!(nowhere.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "#!/nowhere/at/all\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let argv = [script.to_str().unwrap().to_owned()];
    let failed = command::run(&keeper(), "command test", &argv, LONG).await.unwrap_err();
    assert_eq!(failed.effect, Effect::Nothing, "{failed}");
}

#[tokio::test]
async fn of_much_output_the_end_is_told_and_nobody_waits() {
    let ended = kept("head -c 10000000 /dev/zero; echo the end", LONG).await;
    assert_eq!(ended.how, How::Code(0));
    assert!(ended.out.ends_with(b"the end\n") && ended.out.len() == 64 << 10);
    let words = told("head -c 5000 /dev/zero | tr '\\0' a; echo the end", LONG)
        .await
        .unwrap();
    assert!(words.ends_with("the end") && words.contains("wrote: ...aaa"), "{words}");
    assert!(words.len() < 1100, "{}", words.len());
}

/// Starts one in a session of its own, which holds the output open, and writes its number.
fn with_a_daemon(pid: &Path, then: &str) -> String {
    format!(
        "echo before; setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600' & until [ -e {0} ]; do sleep 0.01; done; {then}",
        pid.display()
    )
}

fn runs(pid: &Path) -> bool {
    let pid = std::fs::read_to_string(pid).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    // Whoever is dead and not collected yet runs no more.
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn whatever_it_leaves_running_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    let ended = kept(&with_a_daemon(&pid, "exit 3"), LONG).await;
    assert_eq!((ended.how, ended.is_left), (How::Code(3), false));
    assert_eq!(ended.out, b"before\n");
    assert!(!runs(&pid));
}

#[tokio::test]
async fn when_its_time_is_over_it_is_killed_with_all_that_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    // Long enough for it to begin on a slow machine; then it is only waited for.
    let failed = told(&with_a_daemon(&pid, "wait; wait"), Duration::from_secs(12)).await;
    let words = failed.unwrap_err().to_string();
    assert!(
        words.contains("not done within 12s; it was killed with all that it had started; wrote: before"),
        "{words}"
    );
    assert!(!runs(&pid));
}

#[tokio::test]
async fn it_ends_with_whoever_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let pid = directory.path().join("pid");
    let argv = shell(&with_a_daemon(&pid, "wait"));
    let keeper = keeper();
    let until = async |is_so: &dyn Fn() -> bool| {
        let waiting = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, waiting).await.unwrap();
    };
    let is_there = || pid.exists();
    tokio::select! {
        _ = keeper.run(&argv, LONG) => unreachable!("it waits for ten minutes"),
        () = until(&is_there) => {}
    }
    // The future is gone, as it is when farmwarden is killed: its end of the pipe is closed.
    until(&|| !runs(&pid)).await;
}
