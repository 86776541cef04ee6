//! What the farmwarden that runs on this machine says: a question or an order over its control socket or its port.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::values::{self, Endpoint, Scheme};

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
/// An order waits for the journal's disk, which the running one gives 5 seconds.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(15);
const NO_FARMWARDEN: &str = "it answers, but not like a farmwarden";
/// Beyond the report of the largest farm known.
const LARGEST: usize = 64 << 20;

/// Where to ask, as commands take it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct At {
    /// Ask the running farmwarden at this control socket. Without it: at the usual sockets, then at `--url`.
    #[arg(long = "web.control-socket", value_name = "PATH")]
    control_socket: Option<PathBuf>,
    /// Ask the running farmwarden at this address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:19977", value_parser = plain_http)]
    url: Endpoint,
}

fn plain_http(text: &str) -> Result<Endpoint, String> {
    let url: Endpoint = text.parse()?;
    match url.scheme() {
        Scheme::Http => Ok(url),
        _ => Err("only http is spoken here; ask through the control socket".to_owned()),
    }
}

impl At {
    /// In the order in which they are tried: what was said explicitly, else the usual sockets, then the address.
    pub(super) fn places(&self) -> Vec<Place> {
        if let Some(path) = &self.control_socket {
            return vec![Place::Socket(path.clone())];
        }
        let mut directories = vec![PathBuf::from("/run/farmwarden")];
        directories.extend(std::env::var_os("XDG_RUNTIME_DIR").map(|path| PathBuf::from(path).join("farmwarden")));
        let sockets = directories.into_iter().map(|path| path.join("control.sock"));
        // A socket that is not there is nobody's fault and would only lengthen the words.
        let mut places: Vec<Place> = sockets.filter(|path| path.exists()).map(Place::Socket).collect();
        places.push(Place::Address(self.url.clone()));
        places
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Address(endpoint) => endpoint.fmt(f),
        }
    }
}

/// What is ill, and who said so. Nobody answering is an error in words, one line.
pub(super) async fn symptoms(places: &[Place]) -> Result<(String, Told), String> {
    let read = |body: &Bytes| {
        let report: Report = serde_json::from_slice(body).ok()?;
        let dark = report
            .targets
            .into_iter()
            .filter(|target| target.parts.iter().any(|part| !part.has_data));
        Some(Told {
            in_the_dark: dark.map(|target| target.name).collect(),
            seen: report.symptoms,
        })
    };
    read_as(places, ROUTE, read).await
}

/// What can be read at a path, from the first place that answers as a farmwarden does, and which that is.
pub(super) async fn read<T: DeserializeOwned>(places: &[Place], path: &'static str) -> Result<(String, T), String> {
    read_as(places, path, |body| serde_json::from_slice(body).ok()).await
}

/// What the first place says of itself that answers as a farmwarden does; an error in words if it says that it is not so
/// yet, or if nobody answers.
pub(super) async fn state(places: &[Place], path: &'static str) -> Result<String, String> {
    let mut faults = Vec::new();
    for place in places {
        let answered = exchange(place, Method::GET, path, Bytes::new(), WITHIN).await;
        let (status, body) = match answered {
            Ok(answered) => answered,
            Err(failed) => {
                faults.push(format!("{place}: {}", failed.words));
                continue;
            }
        };
        let words = String::from_utf8_lossy(&body).trim_end().to_owned();
        match status {
            StatusCode::OK if words.starts_with("farmwarden ") => return Ok(format!("{words} ({place})")),
            // Before the first rounds have ended, and as long as one of them does not.
            StatusCode::SERVICE_UNAVAILABLE => return Err(format!("{place}: {words}")),
            status => {
                let words = refusal(status).unwrap_or_else(|| NO_FARMWARDEN.to_owned());
                faults.push(format!("{place}: {words}"));
            }
        }
    }
    Err(faults.join("; "))
}

async fn read_as<T>(
    places: &[Place],
    path: &'static str,
    read: impl Fn(&Bytes) -> Option<T>,
) -> Result<(String, T), String> {
    let mut faults = Vec::new();
    for place in places {
        let answered = exchange(place, Method::GET, path, Bytes::new(), WITHIN).await;
        let outcome = answered.map_err(|failed| failed.words).and_then(|(status, body)| {
            refusal(status).map_or(Ok(()), Err)?;
            read(&body).ok_or_else(|| NO_FARMWARDEN.to_owned())
        });
        match outcome {
            Ok(told) => return Ok((place.to_string(), told)),
            Err(words) => faults.push(format!("{place}: {words}")),
        }
    }
    Err(faults.join("; "))
}

/// Why nothing could be read; nothing if it could.
fn refusal(status: StatusCode) -> Option<String> {
    Some(match status {
        StatusCode::OK => return None,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "it wants credentials; ask through its control socket".to_owned()
        }
        StatusCode::NOT_FOUND => "it has no such list; is it an older farmwarden?".to_owned(),
        status => format!("it answers HTTP {}", status.as_u16()),
    })
}

/// Hands in an order. What is answered is the words of the farmwarden there, also where it declines.
pub(super) async fn order(places: &[Place], path: &'static str, body: Bytes) -> Result<(StatusCode, String), String> {
    post(places, path, body).await.map_err(|failed| {
        let all_the_same = if failed.sent {
            "; the order may have been followed all the same: farmwarden incidents says"
        } else {
            ""
        };
        format!("{}{all_the_same}", failed.words)
    })
}

/// Sends something to the first place that can be reached, and to no other: what was sent may have been followed.
pub(super) async fn post(places: &[Place], path: &'static str, body: Bytes) -> Result<(StatusCode, String), Failed> {
    let mut faults = Vec::new();
    for place in places {
        match exchange(place, Method::POST, path, body.clone(), FOLLOWED_WITHIN).await {
            Ok((status, body)) => {
                let words = String::from_utf8_lossy(&body).trim_end().to_owned();
                return Ok((status, words));
            }
            Err(Failed { words, sent }) => {
                let words = format!("{place}: {words}");
                if sent {
                    return Err(Failed { words, sent });
                }
                faults.push(words);
            }
        }
    }
    Err(Failed {
        words: faults.join("; "),
        sent: false,
    })
}

/// The words of an error of the API, which stand in an object.
pub(super) fn error_words(answer: &str) -> String {
    #[derive(Deserialize)]
    struct InJson {
        error: String,
    }
    serde_json::from_str(answer).map_or_else(|_| answer.to_owned(), |in_json: InJson| in_json.error)
}

/// No answer came.
pub(super) struct Failed {
    pub(super) words: String,
    /// Something was sent.
    sent: bool,
}

async fn exchange(
    place: &Place,
    method: Method,
    path: &'static str,
    body: Bytes,
    within: Duration,
) -> Result<(StatusCode, Bytes), Failed> {
    let unreachable = |words: String| Failed { words, sent: false };
    let late = |sent| Failed {
        words: format!("no answer within {within:?}"),
        sent,
    };
    let connecting = async {
        Ok::<_, std::io::Error>(match place {
            Place::Socket(path) => (Stream::Unix(UnixStream::connect(path).await?), "localhost".to_owned()),
            Place::Address(endpoint) => {
                let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await?;
                let host = endpoint.to_string();
                (Stream::Tcp(stream), host.trim_start_matches("http://").to_owned())
            }
        })
    };
    let connected = tokio::time::timeout(within, connecting).await;
    let connected = connected.map_err(|_| late(false))?;
    let (stream, host) = connected.map_err(|e| unreachable(values::io_words(&e)))?;
    let request = Request::builder().method(method).uri(path).header(HOST, host);
    let request = request.body(Full::new(body));
    let request = request.map_err(|e| unreachable(format!("no request can be made: {e}")))?;
    let asking = async {
        match stream {
            Stream::Unix(stream) => ask(stream, request).await,
            Stream::Tcp(stream) => ask(stream, request).await,
        }
    };
    let answered = tokio::time::timeout(within, asking).await.map_err(|_| late(true))?;
    answered.map_err(|words| Failed { words, sent: true })
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), String> {
    let no_http = |_| "it does not speak HTTP".to_owned();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
    // It ends with the exchange, and says nothing that the exchange does not say.
    tokio::spawn(async move { drop(connection.await) });
    let answer = sender.send_request(request).await.map_err(no_http)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    Ok((status, body.map_err(|_| "its answer broke off".to_owned())?.to_bytes()))
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
