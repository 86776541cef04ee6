use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::time::Instant;

use super::super::testing::{Server, message};
use super::*;
use crate::clock::Now;

const OK: (u16, &str) = (200, r#"{"errcode":0,"errmsg":"ok"}"#);

/// A robot's settings, with its secrets in files.
struct Robot {
    directory: TempDir,
    settings: DingTalkSettings,
}

impl Robot {
    fn at(url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            SecretSource::File(path)
        };
        let settings = DingTalkSettings {
            name: "ops".parse().unwrap(),
            url: format!("{url}/robot/send").parse().unwrap(),
            access_token: file("token", "t0ken"),
            secret: Some(file("secret", "SEC123")),
            keyword: None,
            form: Form::Markdown,
            at_mobiles: Vec::new(),
            language: Language::English,
        };
        Self { directory, settings }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn connected(&self) -> Result<DingTalk, Fault> {
        let clock = Clock::from_fn(|| Now {
            wall: UnixTime::from_millis(1_700_000_000_000),
            monotonic: Instant::now(),
        });
        DingTalk::new(&Upstream::from_system().unwrap(), self.settings.clone(), clock)
    }
}

fn batch(text: &str, severity: Severity) -> Batch {
    let mut message = message("node-1 is stuck", severity);
    message.text = text.to_owned();
    Batch {
        messages: vec![message],
        lost: 0,
    }
}

fn only(robot: &DingTalk, batch: &Batch) -> Piece {
    let mut pieces = robot.pieces(batch);
    assert_eq!(pieces.len(), 1);
    pieces.remove(0)
}

fn json(piece: &Piece) -> Value {
    serde_json::from_slice(&piece.0).unwrap()
}

#[tokio::test]
async fn a_message_is_signed_and_posted() {
    let server = Server::start(&[OK]).await;
    let robot = Robot::at(&server.url).connected().unwrap();
    robot
        .send(&only(&robot, &batch("it *stands* still", Severity::Warning)))
        .await
        .unwrap();
    let [came] = &server.came()[..] else {
        panic!("one request");
    };
    assert_eq!(came.path, "/robot/send");
    assert_eq!(came.headers["content-type"], "application/json");
    assert_eq!(came.parameter("access_token"), Some("t0ken"));
    assert_eq!(came.parameter("timestamp"), Some("1700000000000"));
    // By Python: base64.b64encode(hmac.digest(b'SEC123', b'1700000000000\nSEC123', 'sha256')).
    assert_eq!(
        came.parameter("sign"),
        Some("lkcPI1uoxBY1gUnCnnPH1Kkru0Hqjo7rFpA3haIVhEQ=")
    );
    assert_eq!(
        came.json(),
        json!({
            "msgtype": "markdown",
            "markdown": {"title": "node-1 is stuck", "text": "#### node-1 is stuck\n\nit \\*stands\\* still"},
            "at": {"atMobiles": [], "isAtAll": false},
        })
    );
}

#[tokio::test]
async fn a_robot_without_a_secret_is_asked_without_a_signature() {
    let server = Server::start(&[OK]).await;
    let mut robot = Robot::at(&server.url);
    robot.settings.secret = None;
    robot.settings.form = Form::Text;
    let robot = robot.connected().unwrap();
    robot
        .send(&only(&robot, &batch("it stands still", Severity::Warning)))
        .await
        .unwrap();
    let came = server.came().remove(0);
    assert_eq!(came.query.len(), 1);
    assert_eq!(came.json()["text"]["content"], "node-1 is stuck\nit stands still");
}

#[tokio::test]
async fn only_errcode_0_is_success() {
    for (status, body, again) in [
        (
            200,
            r#"{"errcode":310000,"errmsg":"keywords not in content"}"#,
            Again::Never,
        ),
        (200, r#"{"errcode":300001,"errmsg":"token is not exist"}"#, Again::Never),
        (
            200,
            r#"{"errcode":460101,"errmsg":"message too long, exceed 20000 bytes"}"#,
            Again::Never,
        ),
        (
            200,
            r#"{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}"#,
            Again::After(MUTE),
        ),
        (200, r#"{"errcode":410100,"errmsg":"x"}"#, Again::After(MUTE)),
        (200, r#"{"errcode":-1,"errmsg":"system busy"}"#, Again::Later),
        (200, "{}", Again::Later),
        (200, "<html>", Again::Later),
        (502, "", Again::Later),
        (404, "", Again::Never),
    ] {
        let server = Server::start(&[(status, body)]).await;
        let robot = Robot::at(&server.url).connected().unwrap();
        let failure = robot
            .send(&only(&robot, &batch("x", Severity::Info)))
            .await
            .unwrap_err();
        assert_eq!(failure.again, again, "{body}: {}", failure.fault);
        assert!(
            failure.fault.to_string().starts_with("dingtalk ops http://127.0.0.1:"),
            "{}",
            failure.fault
        );
    }
}

#[tokio::test]
async fn a_refusal_reads_the_secrets_again_once() {
    let refused = (200, r#"{"errcode":310000,"errmsg":"sign not match"}"#);
    let server = Server::start(&[refused, refused, OK]).await;
    let settings = Robot::at(&server.url);
    let robot = settings.connected().unwrap();
    let piece = only(&robot, &batch("x", Severity::Info));
    robot.send(&piece).await.unwrap_err();
    assert_eq!(server.came().len(), 1, "the secrets are still the same");
    std::fs::write(settings.path().join("token"), "t0ken-2").unwrap();
    robot.send(&piece).await.unwrap();
    let tokens: Vec<_> = server
        .came()
        .iter()
        .map(|came| came.parameter("access_token").unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["t0ken", "t0ken", "t0ken-2"]);
}

#[tokio::test]
async fn no_secret_is_ever_shown() {
    let server = Server::start(&[(200, "{}")]).await;
    let robot = Robot::at(&server.url).connected().unwrap();
    let piece = only(&robot, &batch("x", Severity::Info));
    robot.send(&piece).await.unwrap_err();
    let came = server.came().remove(0);
    let sign = came.parameter("sign").unwrap();
    let encoded: String = url::form_urlencoded::byte_serialize(sign.as_bytes()).collect();
    let echo = json!({"errcode": 1, "errmsg": format!("/?access_token=t0ken&sign={encoded} SEC123 {sign}")});
    let mut shown = format!("{robot:?}");
    for body in [echo.to_string(), "<a href=/?access_token=t0ken>".to_owned()] {
        let server = Server::start(&[(200, &body)]).await;
        let robot = Robot::at(&server.url).connected().unwrap();
        let failure = robot.send(&piece).await.unwrap_err();
        shown = format!("{shown} {failure:?} {}", failure.fault);
    }
    let gone = Robot::at("http://127.0.0.1:1").connected().unwrap();
    shown = format!("{shown} {:?}", gone.send(&piece).await);
    for secret in ["t0ken", "SEC123", sign, &encoded] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("<secret>"));
}

#[tokio::test]
async fn settings_that_would_show_the_token_are_refused() {
    let words = |change: fn(&mut DingTalkSettings)| {
        let mut robot = Robot::at("https://oapi.dingtalk.com");
        change(&mut robot.settings);
        robot.connected().unwrap_err().to_string()
    };
    let pasted = words(|settings| {
        let url = "https://oapi.dingtalk.com/robot/send?access_token=t0ken";
        settings.url = url.parse().unwrap();
    });
    assert!(
        pasted.contains("before the `?`") && !pasted.contains("t0ken"),
        "{pasted}"
    );
    assert!(
        words(|settings| settings.url = "http://oapi.dingtalk.com/robot/send".parse().unwrap()).contains("https://")
    );
    assert!(words(|settings| settings.access_token = SecretSource::File("/no/such".into())).contains("/no/such"));
    assert!(words(|settings| settings.keyword = Some(String::new())).contains("keyword"));
    assert!(words(|settings| settings.at_mobiles = vec!["@all".to_owned()]).contains("mobile"));
    Robot::at("https://oapi.dingtalk.com").connected().unwrap();
}

#[tokio::test]
async fn a_long_text_goes_out_in_parts_that_each_have_the_keyword() {
    let mut robot = Robot::at("https://oapi.dingtalk.com");
    robot.settings.keyword = Some("矿场".to_owned());
    robot.settings.at_mobiles = vec!["13800000000".to_owned()];
    let robot = robot.connected().unwrap();
    let long = "一行 \"words\" of a long story\n".repeat(1200);
    let pieces = robot.pieces(&batch(&long, Severity::Critical));
    assert!((2..=5).contains(&pieces.len()), "{}", pieces.len());
    for (piece, number) in pieces.iter().zip(1..) {
        assert!(piece.0.len() <= 20_000, "{}", piece.0.len());
        let body = json(piece);
        let text = body["markdown"]["text"].as_str().unwrap();
        assert!(
            text.starts_with(&format!("矿场\n\n({number}/{})", pieces.len())),
            "{text:.40}"
        );
        assert!(
            body["markdown"]["title"]
                .as_str()
                .unwrap()
                .contains(&format!("({number}/"))
        );
        let called = number == 1;
        assert_eq!(text.contains("@13800000000"), called);
        assert_eq!(body["at"]["atMobiles"].as_array().unwrap().len(), usize::from(called));
    }
}

#[tokio::test]
async fn nobody_is_called_for_what_can_wait() {
    let mut robot = Robot::at("https://oapi.dingtalk.com");
    robot.settings.at_mobiles = vec!["13800000000".to_owned()];
    let robot = robot.connected().unwrap();
    let piece = only(&robot, &batch("x", Severity::Warning));
    assert!(!String::from_utf8(piece.0).unwrap().contains("138"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_body_is_too_large(
        title in ".{0,400}",
        text in "(?s).{1,300}|[\u{0}-\u{1f}\"]{1,300}",
        times in 1_usize..400,
        keyword in proptest::option::of("\\PC{1,20}"),
        mobiles in 0_usize..=50,
        plain: bool,
    ) {
        let mut robot = Robot::at("https://oapi.dingtalk.com");
        robot.settings.keyword = keyword.clone();
        robot.settings.form = if plain { Form::Text } else { Form::Markdown };
        robot.settings.at_mobiles = vec!["+852-60000000".to_owned(); mobiles];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let robot = robot.connected().unwrap();
        let mut batch = batch(&text.repeat(times), Severity::Critical);
        batch.messages[0].title = title;
        batch.messages = batch.messages.into_iter().map(super::super::Message::bounded).collect();
        let pieces = robot.pieces(&batch);
        prop_assert!(!pieces.is_empty() && pieces.len() <= MOST_PARTS);
        for piece in pieces {
            prop_assert!(piece.0.len() <= 20_000, "{}", piece.0.len());
            let body = json(&piece);
            let text = body["markdown"]["text"].as_str().or(body["text"]["content"].as_str()).unwrap();
            prop_assert!(keyword.as_ref().is_none_or(|keyword| text.contains(keyword)));
        }
    }
}
