//! The demo: the story that it tells, and that it leaves nothing behind.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::support::{Browser, Farmwarden, LONG, Process, directory, handed_over, wait_for};

/// It waits by itself for what it tells, and takes a minute and a half where nobody else works.
const PLAYED_WITHIN: Duration = Duration::from_secs(600);

/// Its files go to `place`.
fn demo(place: &Path, options: &[&str]) -> Process {
    let mut command = Command::new(handed_over("E2E_SIMFARM"));
    command.arg("demo").arg("--farmwarden").arg(Farmwarden::binary());
    command.args(options).env("TMPDIR", place);
    Process::start("the demo", &mut command)
}

/// Waits until it has ended; what it said.
fn ended(demo: &mut Process, within: Duration) -> String {
    wait_for("the demo has ended", within, || match demo.running() {
        Ok(()) => Err("it runs".to_owned()),
        Err(words) if words.contains("exit status: 0") => Ok(words),
        Err(words) => panic!("{words}"),
    })
}

fn left(place: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(place)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// No file, no mount, and nobody at the address that was told.
fn check_nothing_is_left(place: &Path, said: &str) {
    assert_eq!(left(place), Vec::<PathBuf>::new());
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    assert!(!mounts.contains(&place.display().to_string()), "{mounts}");
    let (_, rest) = said.split_once("http://").unwrap();
    let (address, _) = rest.split_once('/').unwrap();
    assert!(TcpStream::connect(address).is_err(), "{address}");
}

/// The picture of the README: the status page at the moment when all of these words were told in this order.
#[track_caller]
fn illustrate(demo: &mut Process, told: &[&str]) {
    let page = wait_for("the moment of the picture", PLAYED_WITHIN, || {
        demo.running()?;
        let log = demo.log();
        let said = plain(&log);
        let rest = told
            .iter()
            .try_fold(said.as_str(), |rest, word| Some(rest.split_once(word)?.1));
        let page = said.split_once("http://").and_then(|(_, rest)| rest.split_once(' '));
        match (rest, page) {
            (Some(_), Some((address, _))) => Ok(format!("http://{address}")),
            _ => Err(log),
        }
    });
    let mut browser = Browser::start();
    browser.look_like(1100, "light");
    browser.open(&page);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.illustrate("status");
}

/// Lines as one, without times: they are wrapped at the width of a terminal.
fn plain(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands in this order, with anything between.
#[track_caller]
fn check_order(said: &str, words: &[&str]) {
    let mut rest = said;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            panic!("`{word}` does not follow in:\n{said}");
        };
        rest = after;
    }
}

#[test]
fn each_incident_of_the_demo_is_seen_decided_and_done_or_held() {
    let place = directory();
    let mut demo = demo(place.path(), &["--share"]);
    illustrate(
        &mut demo,
        &["decided node-1 para: ", "restart phala-node at farm-1: done"],
    );
    let said = plain(&ended(&mut demo, PLAYED_WITHIN));
    let acts: Vec<&str> = said.split(" INCIDENT ").skip(1).collect();
    let [node, workers, all_workers, share, sender] = acts[..] else {
        panic!("{said}");
    };
    check_order(
        node,
        &[
            "seen node-1 para: node_stuck",
            "alert node-1 para: handed in; it asks for restart_node",
            "decided node-1 para: ",
            "(restart-stack)",
            "restart phala-node at farm-1: done",
            "the node was started anew",
            "wait for phala-node at farm-1: done",
            "restart pherry at farm-1: done",
            "done node-1 para: restarted the stack farm-1",
            "over node-1 para: the symptom is gone",
        ],
    );
    for worker in ["10.1.0.2", "10.1.0.6", "10.1.0.10"] {
        let line = |what: &str, words: &str| format!(" {what} prb-1 lifecycle/{worker}: {words}");
        check_order(
            workers,
            &[
                &line("seen", "worker_error"),
                &line("decided", ""),
                &line("done", &format!("restarted lifecycle/{worker} of prb-1")),
                &line("over", "the symptom is gone"),
            ],
        );
    }
    check_order(
        all_workers,
        &[
            "seen prb-1 lifecycle: workers_correlated: 12 of 12 workers",
            "asks for tell_of_workers",
            "(notify)",
            "told; nothing was changed",
            "chat prb-1 lifecycle: look at it",
            "no worker was restarted",
            "over prb-1 lifecycle: ",
        ],
    );
    check_order(
        share,
        &[
            "/nas: mount_stuck",
            "told; nothing was changed",
            "starts the share's server again",
            "its alerts have ended, and nothing is ill",
        ],
    );
    check_order(
        sender,
        &[
            "venus_message_filled_stuck",
            "asks for unblock_sender",
            "(update-filled-message)",
            "failed venus-1",
            "(republish-message)",
            "done venus-1",
            "in the pools again",
            "the symptom is gone",
            "every line fits the line before",
        ],
    );
    check_nothing_is_left(place.path(), &said);
}

#[test]
fn ctrl_c_ends_the_demo_and_leaves_nothing_behind() {
    let place = directory();
    let mut demo = demo(place.path(), &["--share", "--language", "zh"]);
    wait_for("the first incident is seen", LONG, || {
        demo.running()?;
        let said = demo.log();
        if said.contains("node_stuck") { Ok(()) } else { Err(said) }
    });
    demo.signal(Signal::SIGINT);
    let said = plain(&ended(&mut demo, LONG));
    assert!(said.contains("演示启动的一切都已结束"), "{said}");
    check_nothing_is_left(place.path(), &said);
}
