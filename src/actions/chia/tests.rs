use std::ops::ControlFlow;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::testing::{daemon, daemon_called};
use super::*;
use crate::actions::Effect;
use crate::upstream::chia::testing::{Door, identity};

/// A harvester that gives one answer; it gives back what it was asked.
fn harvester(door: Door, status: &'static str, body: &'static str) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut stream = door.next().await;
        let (mut text, mut piece) = (String::new(), [0; 4096]);
        while !text.ends_with('}') {
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "{text}");
            text += std::str::from_utf8(&piece[..length]).unwrap();
        }
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        text
    })
}

#[tokio::test]
async fn a_harvester_is_told_to_look_for_its_plots_and_nothing_else() {
    let door = Door::of("farm").await;
    let upstream = Upstream::from_system().unwrap();
    let told = Harvester::new(&upstream, &identity("farm"), &door.place());
    let asked = harvester(door, "200 OK", r#"{"success": true}"#);
    told.refresh_plots().await.unwrap();
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("POST /refresh_plots HTTP/1.1\r\n") && asked.ends_with("\r\n\r\n{}"),
        "{asked}"
    );
}

#[tokio::test]
async fn what_a_harvester_refuses_has_changed_nothing() {
    for (status, body, words) in [
        (
            "200 OK",
            r#"{"success": false, "error": "no thread", "traceback": "/opt"}"#,
            "no thread",
        ),
        ("200 OK", r#"{"plots": []}"#, "whether it succeeded"),
        ("404 Not Found", "404: Not Found", "no harvester of chia"),
    ] {
        let door = Door::of("farm").await;
        let upstream = Upstream::from_system().unwrap();
        let told = Harvester::new(&upstream, &identity("farm"), &door.place());
        let asked = harvester(door, status, body);
        let failed = told.refresh_plots().await.unwrap_err();
        asked.await.unwrap();
        let said = failed.to_string();
        assert!(
            said.contains(words) && said.ends_with("nothing was changed") && !said.contains("/opt"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_stranger_is_refused_before_anything_is_changed() {
    let door = Door::of("farm").await;
    let upstream = Upstream::from_system().unwrap();
    let told = Harvester::new(&upstream, &identity("other"), &door.place());
    // Nobody is let in.
    let served = tokio::spawn(async move { drop(door.next().await) });
    let failed = told.refresh_plots().await.unwrap_err();
    served.abort();
    assert_eq!(failed.fault.reason().label(), "tls", "{failed}");
    assert_eq!(failed.effect, Effect::Nothing);
}

async fn restarted(
    answer: impl FnMut(&str) -> ControlFlow<(), Value> + Send + 'static,
) -> (Result<Restarted, Failed>, Vec<String>) {
    let door = Door::of("farm").await;
    let upstream = Upstream::from_system().unwrap();
    let told = Daemon::new(&upstream, &identity("farm"), &door.place());
    let served = daemon(door, answer);
    let outcome = told.restart(Service::Harvester).await;
    (outcome, served.await.unwrap())
}

#[tokio::test]
async fn a_service_is_stopped_and_started_again() {
    for (runs, expected, restarted_as) in [
        (
            true,
            &["is_running", "stop_service", "start_service"][..],
            Restarted::StoppedAndStarted,
        ),
        (false, &["is_running", "start_service"], Restarted::Started),
    ] {
        let (outcome, asked) =
            restarted(move |_| ControlFlow::Continue(json!({"success": true, "is_running": runs, "error": null})))
                .await;
        assert_eq!(outcome, Ok(restarted_as));
        let expected: Vec<String> = expected
            .iter()
            .map(|command| format!("{command} chia_harvester"))
            .collect();
        assert_eq!(asked, expected);
    }
}

#[tokio::test]
async fn a_service_that_somebody_else_started_is_left_alone() {
    let (outcome, asked) =
        restarted(|command| ControlFlow::Continue(json!({"success": command != "stop_service", "is_running": true})))
            .await;
    let words = outcome.unwrap_err().to_string();
    assert!(
        words.contains("`restart-unit`") && words.ends_with("nothing was changed"),
        "{words}"
    );
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_service_that_does_not_start_again_is_told_as_that() {
    let (outcome, _) = restarted(|command| {
        ControlFlow::Continue(
            json!({"success": command != "start_service", "is_running": true, "error": "start failed"}),
        )
    })
    .await;
    let words = outcome.unwrap_err().to_string();
    assert!(
        words.contains("start chia_harvester, which is stopped now (`chia start harvester` starts it): ")
            && words.contains("start failed")
            && words.ends_with("is not known"),
        "{words}"
    );
}

#[tokio::test]
async fn a_daemon_that_hangs_up_in_the_middle_leaves_it_open_what_became_of_the_service() {
    let (outcome, asked) = restarted(|command| match command {
        "stop_service" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(json!({"success": true, "is_running": true})),
    })
    .await;
    let failed = outcome.unwrap_err();
    assert_eq!((failed.effect, asked.len()), (Effect::Unknown, 2), "{failed}");
    let words = failed.to_string();
    assert!(
        words.contains("may be stopped now (once it is gone, `chia start harvester` starts it)"),
        "{words}"
    );
}

/// It hangs up where it is to start the service, the first times.
async fn lost_before_the_start(times: usize) -> (Result<Restarted, Failed>, Vec<String>) {
    let door = Door::of("farm").await;
    let upstream = Upstream::from_system().unwrap();
    let told = Daemon::new(&upstream, &identity("farm"), &door.place());
    let mut left = times;
    let served = daemon_called(2, door, move |command| {
        if command == "start_service" && left > 0 {
            left -= 1;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(json!({"success": true, "is_running": true, "error": null}))
    });
    let outcome = told.restart(Service::Harvester).await;
    let asked = served.await.unwrap();
    (outcome, asked)
}

#[tokio::test]
async fn a_connection_that_is_lost_between_stop_and_start_leaves_no_service_stopped() {
    let (outcome, asked) = lost_before_the_start(1).await;
    assert_eq!(outcome, Ok(Restarted::StoppedAndStarted));
    let expected = ["is_running", "stop_service", "start_service", "start_service"];
    assert_eq!(asked, expected.map(|command| format!("{command} chia_harvester")));
}

#[tokio::test]
async fn a_service_that_is_left_stopped_is_told_with_what_starts_it() {
    let (outcome, asked) = lost_before_the_start(2).await;
    let failed = outcome.unwrap_err();
    let words = failed.to_string();
    assert!(
        words.contains("start chia_harvester, which is stopped now (`chia start harvester` starts it): it ended"),
        "{words}"
    );
    assert_eq!((failed.effect, asked.len()), (Effect::Unknown, 4));
}
