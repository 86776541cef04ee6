use std::collections::BTreeSet;

use futures_util::SinkExt as _;
use std::ops::ControlFlow;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::super::testing::{Door, identity};
use super::*;

const REGISTERED: &str = r#"{"ack":true,"command":"register_service","data":{"success":true},"destination":"farmwarden","origin":"daemon","request_id":"1"}"#;

fn push(command: &str) -> String {
    format!(
        r#"{{"ack":false,"command":"{command}","data":{{"a":1}},"destination":"metrics","origin":"chia_farmer","request_id":"2"}}"#
    )
}

/// What the next client sends first, and the connection to it.
async fn next(door: &Door) -> (String, WebSocketStream<TlsStream<TcpStream>>) {
    let mut socket = tokio_tungstenite::accept_async(door.next().await).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    (first.into_text().unwrap().to_string(), socket)
}

/// What is heard of a daemon until `enough` says so.
async fn heard(place: &HostPort, mut enough: impl FnMut(&[String]) -> ControlFlow<()> + Send) -> Vec<String> {
    let events = DaemonEvents::new(&Upstream::from_system().unwrap(), &identity("farm"), place);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let listening = events.listen(move |heard| {
        let word = match heard {
            Heard::Connected => "connected".to_owned(),
            Heard::Pushed(push) => format!("{} {} {}", push.origin, push.command, push.data.unwrap().get()),
            Heard::Unreadable => "unreadable".to_owned(),
            Heard::Dropped => "dropped".to_owned(),
            Heard::Lost(fault) => fault.to_string(),
        };
        tell.send(word).unwrap();
    });
    let mut all = Vec::new();
    let listening = pin!(listening);
    let collecting = async {
        while let Some(word) = told.recv().await {
            all.push(word);
            if enough(&all).is_break() {
                return;
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = collecting => {}
    }
    all
}

fn after(number: usize) -> impl FnMut(&[String]) -> ControlFlow<()> {
    move |all| {
        if all.len() >= number {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

#[test]
fn nothing_but_a_registration_for_events_can_be_sent() {
    let sent: serde_json::Value = serde_json::from_str(REGISTER).unwrap();
    // The envelope of chia has these keys, always all of them.
    let keys: BTreeSet<_> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["ack", "command", "data", "destination", "origin", "request_id"];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!(
        (&sent["destination"], &sent["command"]),
        (&"daemon".into(), &"register_service".into())
    );
    assert_eq!(sent["data"], serde_json::json!({"service": "metrics"}));
}

#[tokio::test]
async fn events_come_after_the_registration_and_a_lost_connection_is_made_anew() {
    let door = Door::of("farm").await;
    let place = door.place();
    let served = tokio::spawn(async move {
        for round in 0..2 {
            let (first, mut socket) = next(&door).await;
            assert_eq!(first, REGISTER);
            for text in [REGISTERED, &push(&format!("event_{round}")), "[]"] {
                socket.send(Message::text(text)).await.unwrap();
            }
            socket.close(None).await.unwrap();
            while socket.next().await.is_some() {}
        }
    });
    let all = heard(&place, after(8)).await;
    served.await.unwrap();
    let lost = format!("wss://{place}: events: not what was asked for: the connection ended");
    let round = |number: u32| {
        [
            "connected".to_owned(),
            format!("chia_farmer event_{number} {{\"a\":1}}"),
            "unreadable".to_owned(),
            lost.clone(),
        ]
    };
    assert_eq!(all, [round(0), round(1)].concat());
}

#[test]
fn attempts_are_ever_further_apart_until_one_succeeds() {
    let pauses = std::iter::successors(Some(FIRST_PAUSE), |before| Some(pause_after(*before, false)));
    let seconds: Vec<u64> = pauses.take(9).map(|pause| pause.as_secs()).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(pause_after(LONGEST_PAUSE, true), FIRST_PAUSE);
}

/// From the registration on, time passes as soon as nobody has anything to do.
fn quickly_after(number: usize) -> impl FnMut(&[String]) -> ControlFlow<()> {
    let mut enough = after(number);
    move |all| {
        if all.len() == 1 {
            tokio::time::pause();
        }
        enough(all)
    }
}

#[tokio::test]
async fn a_daemon_that_answers_no_ping_is_given_up() {
    let door = Door::of("farm").await;
    let place = door.place();
    let served = tokio::spawn(async move {
        let (_, mut socket) = next(&door).await;
        socket.send(Message::text(REGISTERED)).await.unwrap();
        // It stays connected, reads nothing and says nothing.
        std::future::pending::<()>().await;
    });
    let all = heard(&place, quickly_after(2)).await;
    served.abort();
    assert_eq!(all[1], format!("wss://{place}: events: no answer within 1m30s"));
}

#[tokio::test]
async fn a_quiet_farm_is_listened_to_for_as_long_as_its_daemon_answers_pings() {
    let door = Door::of("farm").await;
    let place = door.place();
    let served = tokio::spawn(async move {
        let (_, mut socket) = next(&door).await;
        socket.send(Message::text(REGISTERED)).await.unwrap();
        // Ten minutes.
        for _ in 0..20 {
            assert!(socket.next().await.unwrap().unwrap().is_ping());
        }
        socket.send(Message::text(push("late"))).await.unwrap();
        while socket.next().await.is_some() {}
    });
    let all = heard(&place, quickly_after(2)).await;
    served.await.unwrap();
    assert_eq!(all, ["connected", "chia_farmer late {\"a\":1}"]);
}

#[tokio::test]
async fn a_refused_registration_is_no_connection() {
    let door = Door::of("farm").await;
    let place = door.place();
    let served = tokio::spawn(async move {
        let (_, mut socket) = next(&door).await;
        let refused = REGISTERED.replace("true}", "false}");
        socket.send(Message::text(refused)).await.unwrap();
        while socket.next().await.is_some() {}
    });
    let all = heard(&place, after(1)).await;
    served.await.unwrap();
    let words = format!("wss://{place}: register_service: ");
    assert!(
        all[0].starts_with(&words) && all[0].contains("refused the registration"),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_flood_is_counted_and_not_looked_at() {
    let door = Door::of("farm").await;
    let place = door.place();
    let most = usize::try_from(MOST_A_SECOND).unwrap();
    let served = tokio::spawn(async move {
        let (_, mut socket) = next(&door).await;
        socket.send(Message::text(REGISTERED)).await.unwrap();
        loop {
            if socket.send(Message::text(push("proof"))).await.is_err() {
                return;
            }
        }
    });
    let all = heard(&place, |all| match all.last() {
        Some(word) if word == "dropped" => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .await;
    served.await.unwrap();
    assert!(all.len() >= most, "{}", all.len());
}

#[tokio::test]
async fn a_frame_beyond_the_bound_ends_the_connection() {
    let door = Door::of("farm").await;
    let place = door.place();
    let served = tokio::spawn(async move {
        let (_, mut socket) = next(&door).await;
        socket.send(Message::text(REGISTERED)).await.unwrap();
        let large = "x".repeat(usize::try_from(LARGEST_FRAME).unwrap() + 1);
        // It hangs up in the middle.
        drop(socket.send(Message::text(large)).await);
    });
    let all = heard(&place, after(2)).await;
    assert!(all[1].contains("the answer is larger than"), "{all:?}");
    served.await.unwrap();
}

#[tokio::test]
async fn what_is_no_daemon_is_told_as_such() {
    let door = Door::of("farm").await;
    let place = door.place();
    let served = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = door.next().await;
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        let answer = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        // It reads the answer before it is closed.
        drop(stream.read(&mut [0; 16]).await);
    });
    let all = heard(&place, after(1)).await;
    assert!(all[0].contains("HTTP 405: no daemon of chia"), "{all:?}");
    served.abort();
}

#[tokio::test]
async fn a_refused_certificate_is_called_that() {
    let door = Door::of("farm").await;
    let place = door.place();
    let served = tokio::spawn(async move {
        use tokio::io::AsyncReadExt as _;
        let mut stream = door.next().await;
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        drop(stream.into_inner().0);
    });
    let all = heard(&place, after(1)).await;
    served.await.unwrap();
    assert!(all[0].ends_with("it refused our client certificate"), "{all:?}");
}

#[test]
fn any_text_is_heard_or_unreadable() {
    use proptest::prelude::*;
    proptest!(|(text in ".*|\\{\"origin\":\"[a-z]{0,3}\",\"command\":\"\\\\\\\\u00e9\",\"data\":.{0,5}\\}")| {
        drop(take(&text, &mut false, &mut |_| {}));
    });
}
