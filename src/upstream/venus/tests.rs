use std::sync::Mutex;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::upstream::Reason;
use crate::values::SecretSource;

/// A service that gives these answers, one request after another, and what it was asked.
async fn service(answers: &[(u16, &str)]) -> (Endpoint, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    let answers: Vec<String> = answers
        .iter()
        .map(|(status, body)| {
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        })
        .collect();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let request = request(&mut stream).await;
            told.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (endpoint, asked)
}

/// Head and body of one request.
async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase();
            let length = length
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
            if body.len() >= length || read == 0 {
                return text;
            }
        }
    }
}

/// A token from a file that lives as long as the guard.
fn token(text: &str) -> (tempfile::TempDir, Token) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, text).unwrap();
    let token = Token::read("test", SecretSource::File(path)).unwrap();
    (directory, token)
}

fn place(endpoint: &Endpoint, token: Option<&Token>) -> VenusPlace {
    VenusPlace {
        endpoint: endpoint.clone(),
        token: token.cloned(),
        through_gateway: false,
        deadline: Duration::from_secs(5),
    }
}

fn messager(endpoint: &Endpoint, token: Option<&Token>, auth: Vec<VenusAuth>) -> Venus {
    let upstream = Upstream::from_system().unwrap();
    Venus::new(&upstream, VenusService::Messager, place(endpoint, token), auth.into())
}

#[expect(clippy::unnecessary_wraps, reason = "a parser may fail")]
fn text(result: Option<&[u8]>) -> Result<Option<String>, Why> {
    Ok(result.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()))
}

/// What one call against one answer comes to.
async fn said(status: u16, body: &str) -> Result<Option<String>, Refusal> {
    let (endpoint, _) = service(&[(status, body)]).await;
    let client = messager(&endpoint, None, Vec::new());
    client.call(VenusCall::LIST_SENDERS, &json!([]), text).await
}

#[tokio::test]
async fn a_request_has_an_integer_id_positional_parameters_and_the_bearer_token() {
    let (endpoint, asked) = service(&[(200, r#"{"jsonrpc":"2.0","result":[],"id":1}"#)]).await;
    let (_guard, token) = token("s3cret");
    let client = messager(&endpoint, Some(&token), Vec::new());
    let params = json!(["<empty>", 60_000_000_000_u64]);
    assert!(!client.list(VenusCall::LIST_BLOCKED, &params, |_| true).await.unwrap());
    let asked = asked.lock().unwrap()[0].clone();
    assert!(asked.starts_with("POST /rpc/v0 HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.to_lowercase().contains("authorization: bearer s3cret\r\n"),
        "{asked}"
    );
    let body: Value = serde_json::from_str(asked.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        body,
        json!({"jsonrpc": "2.0", "id": 1, "method": "Message.ListBlockedMessage", "params": params})
    );
}

#[tokio::test]
async fn a_missing_result_and_null_are_nothing() {
    let nothing = said(200, r#"{"jsonrpc":"2.0","id":1}"#).await;
    assert_eq!(nothing.unwrap(), None);
    assert_eq!(
        said(200, r#"{"jsonrpc":"2.0","result":null,"id":1}"#).await.unwrap(),
        None
    );
    assert_eq!(
        said(200, r#"{"jsonrpc":"2.0","result":false,"id":1}"#)
            .await
            .unwrap()
            .as_deref(),
        Some("false")
    );
}

#[tokio::test]
async fn errors_are_told_apart_by_code_and_by_a_part_of_the_text() {
    let error =
        |code: i64, message: &str| json!({"jsonrpc":"2.0","id":1,"error":{"code":code,"message":message}}).to_string();
    let kind = async |status: u16, code: i64, message: &str| {
        let refusal = said(status, &error(code, message)).await.unwrap_err();
        (refusal.kind, refusal.fault.reason())
    };
    assert_eq!(
        kind(500, -32601, "method 'Message.ListAddress' not found").await,
        (Refused::NoSuchMethod, Reason::NotFound)
    );
    for words in [
        "wrong param count (method 'Message.Foo'): 6 != 5",
        "(error code -32602) wrong param count (method 'Message.Foo'): 6 != 5",
    ] {
        assert_eq!(kind(500, -32602, words).await.0, Refused::Arity(5));
    }
    for words in [
        "missing permission to invoke 'ListWalletInfo'  (need 'admin')",
        "missing permission to invoke 'ListMessage', need 'admin'",
    ] {
        assert_eq!(kind(200, 1, words).await, (Refused::Forbidden, Reason::Forbidden));
    }
    assert_eq!(
        kind(200, 1, "actor not found").await,
        (Refused::Said("actor not found".to_owned()), Reason::Upstream)
    );
    assert_eq!(
        kind(500, 0, "fatal error calling 'Message.Foo': panic").await.1,
        Reason::Upstream
    );
    assert_eq!(kind(500, -32700, "unmarshaling params").await.1, Reason::Upstream);
    let reason = |refusal: Result<_, Refusal>| refusal.unwrap_err().fault.reason();
    assert_eq!(reason(said(500, "").await), Reason::Status);
    assert_eq!(reason(said(200, "<html>").await), Reason::Malformed);
    assert_eq!(reason(said(200, "{}").await), Reason::Malformed);
    assert_eq!(reason(said(401, "").await), Reason::Unauthorized);
    let proxy = said(400, "host key(MINER) : no reverse proxy registered")
        .await
        .unwrap_err();
    assert!(proxy.fault.to_string().contains("no reverse proxy registered"));
}

#[tokio::test]
async fn a_node_without_the_newer_path_is_asked_on_the_older_one_and_that_is_remembered() {
    let version = r#"{"jsonrpc":"2.0","result":{"Version":"1.1.0"},"id":1}"#;
    let (endpoint, asked) = service(&[(404, "404 page not found\n"), (200, version), (200, version)]).await;
    let upstream = Upstream::from_system().unwrap();
    let node = Venus::new(&upstream, VenusService::Node, place(&endpoint, None), Arc::new([]));
    for _ in 0..2 {
        let call = VenusCall::version(VenusService::Node);
        node.call(call, &json!([]), text).await.unwrap();
    }
    let paths: Vec<String> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|text| text.split("HTTP").next().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["POST /rpc/v1 ", "POST /rpc/v0 ", "POST /rpc/v0 "]);
}

#[tokio::test]
async fn a_service_behind_the_gateway_is_asked_for_by_name() {
    let (endpoint, asked) = service(&[(200, r#"{"jsonrpc":"2.0","result":1,"id":1}"#)]).await;
    let upstream = Upstream::from_system().unwrap();
    let place = VenusPlace {
        through_gateway: true,
        ..place(&endpoint, None)
    };
    let node = Venus::new(&upstream, VenusService::Node, place, Arc::new([]));
    node.call(VenusCall::BLOCK_TIME, &json!([]), text).await.unwrap();
    let asked = asked.lock().unwrap()[0].to_lowercase();
    assert!(asked.contains("x-venus-api-namespace: v1.fullnode\r\n"), "{asked}");
}

/// The fault of a call that is refused with 401, and what auth was asked.
async fn refused(verify: Option<(u16, &str)>) -> (Fault, Vec<String>) {
    let (endpoint, _) = service(&[(401, "")]).await;
    let (_guard, token) = token("s3cret");
    let upstream = Upstream::from_system().unwrap();
    let (auth, asked) = match verify {
        Some(answer) => service(&[answer]).await,
        None => ("http://127.0.0.1:1".parse().unwrap(), Arc::default()),
    };
    let auth = VenusAuth::new(&upstream, place(&auth, None));
    let client = messager(&endpoint, Some(&token), vec![auth]);
    let refusal = client
        .call(VenusCall::LIST_SENDERS, &json!([]), text)
        .await
        .unwrap_err();
    let asked = asked.lock().unwrap().clone();
    (refusal.fault, asked)
}

#[tokio::test]
async fn a_bad_token_and_a_dead_auth_are_two_faults() {
    let (bad, asked) = refused(Some((401, r#"{"error":"A non-registered token"}"#))).await;
    assert_eq!(bad.why, Why::Unauthorized(401));
    assert!(asked[0].starts_with("POST /verify ") && asked[0].ends_with(r#"{"token":"s3cret"}"#));
    assert_eq!(refused(None).await.0.why, Why::AuthDown);
    let (database, _) = refused(Some((400, r#"{"error":"get token: invalid connection"}"#))).await;
    assert_eq!(database.why, Why::AuthDown);
    let (known, _) = refused(Some((200, r#"{"name":"li","perm":"read","ext":""}"#))).await;
    assert_eq!(
        (known.why.clone(), known.reason()),
        (Why::Disbelieved, Reason::Unauthorized)
    );
    assert!(!known.to_string().contains("s3cret"));
}

#[tokio::test]
async fn a_token_file_that_changed_is_read_again() {
    let ok = r#"{"jsonrpc":"2.0","result":[],"id":1}"#;
    let (endpoint, asked) = service(&[(401, ""), (200, ok)]).await;
    let (guard, token) = token("old");
    std::fs::write(guard.path().join("token"), "new").unwrap();
    let client = messager(&endpoint, Some(&token), Vec::new());
    client.call(VenusCall::LIST_SENDERS, &json!([]), text).await.unwrap();
    let asked = asked.lock().unwrap();
    assert!(asked[0].contains("Bearer old") && asked[1].contains("Bearer new"));
}

#[tokio::test]
async fn a_list_is_cut_where_enough_was_seen_and_an_error_in_its_place_is_told() {
    let list = r#"{"jsonrpc":"2.0","result":[{"ID":"1"},{"ID":"2"},{"ID":"3"}],"id":1}"#;
    let failed = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"database is locked"}}"#;
    let (endpoint, _) = service(&[(200, list), (200, list), (200, failed)]).await;
    let client = messager(&endpoint, None, Vec::new());
    let nothing = json!([]);
    let mut seen = 0;
    let cut = client.list(VenusCall::LIST_FAILED, &nothing, |_| {
        seen += 1;
        seen < 2
    });
    assert!(cut.await.unwrap());
    assert_eq!(seen, 2);
    let mut all = Vec::new();
    let whole = client.list(VenusCall::LIST_FAILED, &nothing, |element| {
        all.push(element.to_vec());
        true
    });
    assert!(!whole.await.unwrap());
    assert_eq!(all.len(), 3);
    let locked = client
        .list(VenusCall::LIST_FAILED, &nothing, |_| true)
        .await
        .unwrap_err();
    assert!(
        locked
            .fault
            .to_string()
            .ends_with("it reports an error: database is locked")
    );
}

#[tokio::test]
async fn users_of_auth_are_refused_in_words_without_an_admin_token() {
    let (endpoint, asked) = service(&[
        (400, r#"{"error":"need admin prem: permission not found"}"#),
        (200, "[]"),
    ])
    .await;
    let upstream = Upstream::from_system().unwrap();
    let auth = VenusAuth::new(&upstream, place(&endpoint, None));
    assert_eq!(auth.users(0, 1000).await.unwrap_err().reason(), Reason::Forbidden);
    assert_eq!(&auth.users(1000, 1000).await.unwrap()[..], b"[]");
    let asked = asked.lock().unwrap();
    assert!(
        asked[1].starts_with("GET /user/list?skip=1000&limit=1000&state=0 "),
        "{asked:?}"
    );
}

/// Messages of a list that comes in pieces: how many, with bodies of so many bytes. The rest is sent when the first was read.
async fn flood(count: usize, body: usize) -> (Endpoint, Arc<tokio::sync::Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let read = Arc::new(tokio::sync::Notify::new());
    let was_read = Arc::clone(&read);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        let head = "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[";
        stream.write_all(head.as_bytes()).await.unwrap();
        let row = format!("{{\"ID\":\"1\",\"Params\":\"{}\"}}", "A".repeat(body));
        for number in 0..count {
            let comma = if number == 0 { "" } else { "," };
            // Whoever has enough hangs up.
            if stream.write_all(format!("{comma}{row}").as_bytes()).await.is_err() {
                return;
            }
            if number == 1 {
                was_read.notified().await;
            }
        }
        drop(stream.write_all(b"]}").await);
    });
    (endpoint, read)
}

/// How many messages are handed over of such a list, the largest of them, and whether it was cut.
async fn taken(count: usize, body: usize) -> (usize, usize, bool) {
    let (endpoint, read) = flood(count, body).await;
    let upstream = Upstream::from_system().unwrap();
    let patient = VenusPlace {
        deadline: Duration::from_secs(600),
        ..place(&endpoint, None)
    };
    let client = Venus::new(&upstream, VenusService::Messager, patient, Arc::new([]));
    let (mut rows, mut largest) = (0, 0);
    let nothing = json!([]);
    let list = client.list(VenusCall::LIST_BLOCKED, &nothing, |element| {
        read.notify_one();
        rows += 1;
        largest = largest.max(element.len());
        true
    });
    let cut = list.await.unwrap();
    (rows, largest, cut)
}

const MEGABYTE: usize = 1 << 20;

#[tokio::test]
async fn a_list_of_fifty_megabytes_is_taken_as_it_comes_without_its_bodies() {
    let (rows, largest, cut) = taken(50, MEGABYTE).await;
    assert_eq!((rows, cut), (50, false));
    assert!(largest < 100, "{largest}");
}

#[tokio::test]
async fn a_list_ends_at_sixty_four_megabytes_and_keeps_what_came_before() {
    let (rows, _, cut) = taken(80, MEGABYTE).await;
    assert!(cut && (60..64).contains(&rows), "{rows}");
}
