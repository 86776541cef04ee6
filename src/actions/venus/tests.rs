use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::actions::Effect;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::amount::AttoFil;
use crate::values::SecretSource;

/// Section 8.6 of the contract: what must never be automated, and what else writes.
const NEVER: [&str; 15] = [
    "UpdateMessageStateByID",
    "ClearUnFillMessage",
    "UpdateNonce",
    "DeleteAddress",
    "ForbiddenAddress",
    "ActiveAddress",
    "SetSharedParams",
    "SetFeeParams",
    "SetSelectMsgNum",
    "RecoverFailedMsg",
    "UpdateAllFilledMessage",
    "Send",
    "Stop",
    "Shutdown",
    "ChainSetHead",
];

fn all<'a>(miner: &'a Address, max_fee: &'a AttoFil) -> Vec<Change<'a>> {
    let id = "4b1c";
    let replace = |form| Change::Replace { id, max_fee, form };
    let start = |form| Change::Start { miner, form };
    vec![
        Change::UpdateFilled { id },
        Change::Republish { id },
        replace(ReplaceForm::Object),
        replace(ReplaceForm::Positions),
        Change::MarkBad { id },
        start(StartForm::List),
        start(StartForm::Single),
        Change::ReloadMiners,
    ]
}

#[test]
fn these_calls_and_no_others_can_be_made() {
    let (miner, fee) = ("f01000".parse().unwrap(), AttoFil::of_u128(7));
    let changes = all(&miner, &fee);
    let calls = changes
        .iter()
        .map(|change| format!("{} {}", change.method(), change.params()));
    let calls: Vec<String> = calls.collect();
    assert_eq!(
        calls,
        [
            r#"UpdateFilledMessageByID ["4b1c"]"#,
            r#"RepublishMessage ["4b1c"]"#,
            r#"ReplaceMessage [{"ID":"4b1c","Auto":true,"MaxFee":"7"}]"#,
            r#"ReplaceMessage ["4b1c",true,"7",0,"0","0"]"#,
            r#"MarkBadMessage ["4b1c"]"#,
            r#"Start [["f01000"]]"#,
            r#"Start ["f01000"]"#,
            "UpdateAddress [0,0]",
        ]
    );
    for file in [
        include_str!("change.rs"),
        include_str!("mod.rs"),
        include_str!("answers.rs"),
    ] {
        assert!(NEVER.iter().all(|method| !file.contains(&format!("\"{method}\""))));
    }
}

fn said(status: u16, body: &str) -> Result<(), answers::Refusal> {
    let reply = Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    answers::read(&reply)
}

fn error(code: i64, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}).to_string()
}

#[test]
fn success_has_a_result_or_none() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","result":{},"id":1}"#,
        r#"{"jsonrpc":"2.0","result":null,"id":1}"#,
    ] {
        assert_eq!(said(200, body), Ok(()));
    }
}

#[test]
fn what_is_refused_before_anything_is_done_is_known_and_the_rest_is_not() {
    for (status, body) in [
        (401, String::new()),
        (404, "404 page not found".to_owned()),
        (400, "host key(MINER) : no reverse proxy registered".to_owned()),
        (500, error(-32601, "method 'Message.ReplaceMessage' not found")),
        (
            500,
            error(-32602, "(error code -32602) wrong param count (method 'x'): 1 != 6"),
        ),
        (500, error(-32700, "unmarshaling params for 'x' (param: string): json")),
        (
            200,
            error(1, "missing permission to invoke 'RepublishMessage'  (need 'admin')"),
        ),
        (200, error(1, "signer f1 not exist in user li: permission deny")),
        (200, error(1, "need FillMsg got UnFillMsg")),
        (200, error(1, "message already on chain")),
        (200, error(1, "get message by id error: record not found")),
        (
            200,
            error(1, "rate-limit,user:li, host:h, method:M is limited, cap=1, used=1"),
        ),
    ] {
        assert_eq!(said(status, &body).unwrap_err().effect, Effect::Nothing, "{body}");
    }
    for (status, body) in [
        (200, String::new()),
        (200, "<html>".to_owned()),
        (502, String::new()),
        (504, String::new()),
        (500, error(0, "fatal error calling 'x': panic in rpc method 'x'")),
        (200, error(1, "dial tcp 127.0.0.1:3306: connect: connection refused")),
        (200, error(-32603, "internal")),
    ] {
        assert_eq!(said(status, &body).unwrap_err().effect, Effect::Unknown, "{body}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_taken_or_refused(status in 200_u16..600, body in ".*") {
        drop(said(status, &body));
    }
}

/// Takes requests and closes each connection without an answer, or with an empty one of this status.
async fn deaf(answer: Option<u16>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut piece = [0; 4096];
                match stream.read(&mut piece).await {
                    Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            log.lock().unwrap().push(String::from_utf8(request).unwrap());
            if let Some(status) = answer {
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    (url, heard)
}

fn messager(url: &str, token: &std::path::Path, through_gateway: bool) -> Service {
    std::fs::write(token, "eyJ.first").unwrap();
    let mut instance = Instance::at(url.parse().unwrap());
    instance.through_gateway = through_gateway;
    let token = Token::read("test", SecretSource::File(token.to_owned())).unwrap();
    let upstream = Upstream::from_system().unwrap();
    Service::new(&upstream, VenusService::Messager, &instance, token)
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_sent_once_and_its_effect_is_not_known() {
    let directory = tempfile::tempdir().unwrap();
    let (url, heard) = deaf(None).await;
    let service = messager(&url, &directory.path().join("token"), true);
    let failed = service.make(&Change::MarkBad { id: "4b1c" }).await.unwrap_err();
    assert_eq!(failed.effect, Effect::Unknown);
    let heard = heard.lock().unwrap();
    let [request] = &heard[..] else { panic!("{heard:?}") };
    for part in [
        "POST /rpc/v0 ",
        "authorization: Bearer eyJ.first",
        "x-venus-api-namespace: messager.IMessager",
        "Message.MarkBadMessage",
    ] {
        assert!(request.contains(part), "{request}");
    }
}

#[tokio::test]
async fn a_refused_token_is_read_again_and_sent_only_if_it_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let (url, heard) = deaf(Some(401)).await;
    let service = messager(&url, &file, false);
    let change = Change::Republish { id: "4b1c" };
    let failed = service.make(&change).await.unwrap_err();
    assert_eq!((failed.effect, heard.lock().unwrap().len()), (Effect::Nothing, 1));
    std::fs::write(&file, "eyJ.second").unwrap();
    let failed = service.make(&change).await.unwrap_err();
    let heard = heard.lock().unwrap();
    assert_eq!((failed.effect, heard.len()), (Effect::Nothing, 3));
    assert!(heard[2].contains("eyJ.second") && !failed.to_string().contains("eyJ"));
}

#[tokio::test]
async fn a_service_is_told_nothing_that_is_for_another() {
    let directory = tempfile::tempdir().unwrap();
    let (url, heard) = deaf(None).await;
    let service = messager(&url, &directory.path().join("token"), false);
    let failed = service.make(&Change::ReloadMiners).await.unwrap_err();
    assert!(failed.effect == Effect::Nothing && heard.lock().unwrap().is_empty());
}
