//! For tests: an HTTP server on a unix socket that remembers what was asked.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::UnixListener;

/// What a request is answered with.
pub(crate) enum Answer {
    Status(u16, String),
    /// The connection is closed instead.
    Hangup,
    /// Nothing comes, ever.
    Silence,
}

/// Gives the answer to a method and a path with its query.
type Script = Box<dyn FnMut(&str, &str) -> Answer + Send>;

pub(crate) struct Socket {
    pub(crate) path: PathBuf,
    _directory: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socket {
    pub(crate) fn serve(script: impl FnMut(&str, &str) -> Answer + Send + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(&log, &script, request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    drop(connection.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self {
            path,
            _directory: directory,
            asked,
        }
    }

    /// `POST /v1.41/containers/…`, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Those that change something.
    pub(crate) fn posted(&self) -> Vec<String> {
        let asked = self.asked();
        asked.into_iter().filter(|line| line.starts_with("POST")).collect()
    }
}

async fn answer(
    log: &Mutex<Vec<String>>,
    script: &Mutex<Script>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let path = request.uri().to_string();
    let method = request.method().to_string();
    log.lock().unwrap().push(format!("{method} {path}"));
    let answer = (script.lock().unwrap())(&method, &path);
    match answer {
        Answer::Status(status, body) => Ok(Response::builder()
            .status(status)
            .header("Api-Version", "1.41")
            .body(Full::from(body))
            .unwrap()),
        Answer::Hangup => Err("hung up".into()),
        Answer::Silence => Ok::<_, Infallible>(std::future::pending().await).map_err(Into::into),
    }
}
