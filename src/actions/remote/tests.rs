//! Against a stand-in on a unix socket.

use super::super::Effect;
use super::super::testing::{Answer as Answers, Socket};
use super::testing::request;
use super::*;

async fn said(answer: Answers) -> (Result<Said, Failed>, Vec<String>) {
    let mut answer = Some(answer);
    let socket = Socket::serve(move |_, _| answer.take().unwrap());
    let key = socket.path.with_file_name("key");
    std::fs::write(&key, "k".repeat(40)).unwrap();
    let settings = RemoteSettings {
        name: "rack-2".parse().unwrap(),
        place: Place::Socket(socket.path.clone()),
        caller: "control".parse().unwrap(),
        key: SecretSource::File(key),
    };
    let remote = Remote::new(&Upstream::from_system().unwrap(), &settings).unwrap();
    (remote.ask(&request()).await, socket.asked())
}

#[tokio::test]
async fn an_answer_is_read_whatever_its_status_and_members_that_are_new_do_not_matter() {
    let told = r#"{"course": "held", "incident": "9.0", "guard": "pause", "words": "li paused it", "new": 1}"#;
    for status in [200, 403] {
        let (said, asked) = said(Answers::Status(status, told.to_owned())).await;
        let Ok(Said::Told(answer)) = said else {
            panic!("{said:?}")
        };
        assert_eq!((answer.course, answer.words.as_str()), (Course::Held, "li paused it"));
        assert_eq!(asked, ["POST /-/remote"]);
    }
}

#[tokio::test]
async fn a_refusal_says_whether_it_may_pass_and_repeats_no_secret() {
    for (status, passes) in [(401, false), (403, false), (404, false), (409, false), (429, true)] {
        let words = "no\npassword=hunter2".to_owned();
        let (said, _) = said(Answers::Status(status, words)).await;
        let Ok(Said::Refused {
            words,
            passes: may_pass,
        }) = said
        else {
            panic!("{said:?}")
        };
        assert_eq!(may_pass, passes, "{status}");
        assert!(!words.contains("hunter2") && words.lines().count() == 1, "{words}");
        assert_eq!(words.contains("`key_file`"), status == 401, "{words}");
    }
}

#[tokio::test]
async fn an_error_of_a_server_or_of_a_proxy_on_the_way_does_not_say_that_it_has_not_arrived() {
    for status in [500, 502, 503, 504] {
        let (said, _) = said(Answers::Status(status, "password=hunter2".to_owned())).await;
        let Ok(Said::Unclear(words)) = said else {
            panic!("{said:?}")
        };
        assert!(words.starts_with(&format!("HTTP {status}: ")), "{words}");
        assert!(!words.contains("hunter2"), "{words}");
    }
}

#[tokio::test]
async fn what_says_nothing_is_not_taken_for_a_farmwarden() {
    let (said, _) = said(Answers::Status(302, String::new())).await;
    let Ok(Said::Refused { words, passes: false }) = said else {
        panic!("{said:?}")
    };
    assert!(words.contains("is there a proxy in between?"), "{words}");
}

#[tokio::test]
async fn of_an_answer_a_line_is_kept_without_secrets() {
    let long = format!("password=hunter2\n{}", "x".repeat(100_000));
    let told = serde_json::json!({"course": "held", "incident": long, "guard": long, "words": long});
    let (said, _) = said(Answers::Status(200, told.to_string())).await;
    let Ok(Said::Told(answer)) = said else {
        panic!("{said:?}")
    };
    for text in [answer.incident.unwrap(), answer.guard.unwrap(), answer.words] {
        assert!(text.len() <= 500 && text.lines().count() == 1, "{}", text.len());
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn without_an_answer_it_is_not_known_whether_it_arrived() {
    for answer in [Answers::Hangup, Answers::Status(200, "<html>".to_owned())] {
        let failed = said(answer).await.0.unwrap_err();
        assert_eq!(failed.effect, Effect::Unknown);
        assert!(failed.to_string().starts_with("farmwarden rack-2 /"), "{failed}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "k".repeat(40)).unwrap();
    let settings = |place| RemoteSettings {
        name: "rack-2".parse().unwrap(),
        place,
        caller: "control".parse().unwrap(),
        key: SecretSource::File(key.clone()),
    };
    let upstream = Upstream::from_system().unwrap();
    let nobody = Place::Socket(directory.path().join("none"));
    let failed = Remote::new(&upstream, &settings(nobody)).unwrap().ask(&request()).await;
    assert_eq!(failed.unwrap_err().effect, Effect::Nothing);
    let unread = Place::Tls {
        address: "https://rack-2:19977".parse().unwrap(),
        believes: Believes::Certificate(key.clone()),
    };
    let words = Remote::new(&upstream, &settings(unread)).unwrap_err().to_string();
    assert!(
        words.contains("holds no certificate in PEM") && !words.contains("kkk"),
        "{words}"
    );
}
