//! What the farmwarden that runs on this machine says: a question over its control socket or its port.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::values::{self, Endpoint};

/// Where a farmwarden may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Socket(PathBuf),
    Address(Endpoint),
}

/// A symptom that the running farmwarden sees. Members that are not needed here are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Seen {
    pub target: String,
    pub symptom: String,
    pub evidence: String,
}

/// What it tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub seen: Vec<Seen>,
    /// Targets of which some part has no data: nothing can be said of those.
    pub in_the_dark: Vec<String>,
}

#[derive(Deserialize)]
struct Report {
    symptoms: Vec<Seen>,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    has_data: bool,
}

const ROUTE: &str = "/api/v1/targets";
/// It answers from memory.
const WITHIN: Duration = Duration::from_secs(3);
/// Beyond the report of the largest farm known.
const LARGEST: usize = 64 << 20;

/// In the order in which they are tried: what was said explicitly, else the usual sockets, then the address.
pub(super) fn places(socket: Option<PathBuf>, url: &Endpoint) -> Vec<Place> {
    if let Some(path) = socket {
        return vec![Place::Socket(path)];
    }
    let mut directories = vec![PathBuf::from("/run/farmwarden")];
    directories.extend(std::env::var_os("XDG_RUNTIME_DIR").map(|path| PathBuf::from(path).join("farmwarden")));
    let sockets = directories.into_iter().map(|path| path.join("control.sock"));
    // A socket that is not there is nobody's fault and would only lengthen the words.
    let mut places: Vec<Place> = sockets.filter(|path| path.exists()).map(Place::Socket).collect();
    places.push(Place::Address(url.clone()));
    places
}

/// What is ill, and who said so. Nobody answering is an error in words, one line.
pub(super) async fn symptoms(places: &[Place]) -> Result<(String, Told), String> {
    let mut faults = Vec::new();
    for place in places {
        let shown = match place {
            Place::Socket(path) => path.display().to_string(),
            Place::Address(endpoint) => endpoint.to_string(),
        };
        match tokio::time::timeout(WITHIN, ask(place)).await {
            Ok(Ok(told)) => return Ok((shown, told)),
            Ok(Err(words)) => faults.push(format!("{shown}: {words}")),
            Err(_) => faults.push(format!("{shown}: no answer within {WITHIN:?}")),
        }
    }
    Err(faults.join("; "))
}

async fn ask(place: &Place) -> Result<Told, String> {
    let body = match place {
        Place::Socket(path) => {
            let stream = UnixStream::connect(path).await.map_err(|e| values::io_words(&e))?;
            exchange(stream, "localhost").await?
        }
        Place::Address(endpoint) => {
            let address = (endpoint.host(), endpoint.port());
            let stream = TcpStream::connect(address).await.map_err(|e| values::io_words(&e))?;
            let host = endpoint.to_string();
            exchange(stream, host.trim_start_matches("http://")).await?
        }
    };
    let report: Report =
        serde_json::from_slice(&body).map_err(|_| "it answers, but not like a farmwarden".to_owned())?;
    let dark = report
        .targets
        .into_iter()
        .filter(|target| target.parts.iter().any(|part| !part.has_data));
    Ok(Told {
        in_the_dark: dark.map(|target| target.name).collect(),
        seen: report.symptoms,
    })
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, host: &str) -> Result<Bytes, String> {
    let no_http = |_| "it does not speak HTTP".to_owned();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
    // It ends with the exchange, and says nothing that the exchange does not say.
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::get(ROUTE).header(HOST, host).body(Empty::<Bytes>::new());
    let request = request.map_err(|e| format!("no request can be made: {e}"))?;
    let answer = sender.send_request(request).await.map_err(no_http)?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err("it wants credentials; ask through its control socket".to_owned());
        }
        StatusCode::NOT_FOUND => return Err("it has no such list; is it an older farmwarden?".to_owned()),
        status => return Err(format!("it answers HTTP {}", status.as_u16())),
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    Ok(body.map_err(|_| "its answer broke off".to_owned())?.to_bytes())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    /// Answers one request on a unix socket.
    async fn said(answer: &'static str) -> Result<Told, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).await.unwrap();
            assert!(asked[..length].starts_with(b"GET /api/v1/targets HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let shown = path.display().to_string();
        match symptoms(&[Place::Socket(path)]).await {
            Ok((place, told)) => {
                assert_eq!(place, shown);
                Ok(told)
            }
            Err(words) => Err(words.strip_prefix(&format!("{shown}: ")).unwrap().to_owned()),
        }
    }

    #[tokio::test]
    async fn symptoms_come_over_the_socket_and_strange_members_do_not_matter() {
        let seen = said(
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\
             {\"new\":1,\"targets\":[{\"name\":\"b\",\"parts\":[{\"has_data\":true},{\"has_data\":false}]},\
             {\"name\":\"a\",\"parts\":[{\"has_data\":true}]}],\"symptoms\":[{\"target\":\"a\",\"entity\":\"para\",\"symptom\":\"node_stuck\",\"evidence\":\"para: no blocks\"}]}",
        );
        let expected = Seen {
            target: "a".to_owned(),
            symptom: "node_stuck".to_owned(),
            evidence: "para: no blocks".to_owned(),
        };
        let expected = Told {
            seen: vec![expected],
            in_the_dark: vec!["b".to_owned()],
        };
        assert_eq!(seen.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn every_other_answer_is_a_line_of_words() {
        for (answer, words) in [
            (
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
                "it wants credentials",
            ),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no such list"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                "not like a farmwarden",
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}", "broke off"),
            ("SSH-2.0-OpenSSH\r\n", "does not speak HTTP"),
        ] {
            let said = said(answer).await.unwrap_err();
            assert!(said.contains(words) && said.lines().count() == 1, "{said}");
        }
        let nobody = symptoms(&[Place::Address("http://127.0.0.1:1".parse().unwrap())]).await;
        assert_eq!(nobody.unwrap_err(), "http://127.0.0.1:1: connection refused");
    }
}
