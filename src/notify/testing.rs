//! For the tests of this room: messages, and a server on loopback that answers as it is told and remembers what came.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{Message, Severity};
use crate::clock::UnixTime;

pub(super) fn message(title: &str, severity: Severity) -> Message {
    Message {
        title: title.to_owned(),
        text: format!("words of {title}"),
        markdown: None,
        severity,
        thread: "incident-1".to_owned(),
        time: UnixTime::from_millis(1_700_000_000_000),
    }
}

#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Came {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

type Answer = (u16, String);

#[derive(Clone, Default)]
pub(super) struct Server {
    pub(super) url: String,
    came: Arc<Mutex<Vec<Came>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Server {
    /// Answers in this order, and with the last one from then on.
    pub(super) async fn start(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned()));
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            came: Arc::default(),
            answers: Arc::new(Mutex::new(answers.collect())),
        };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| own.answer(request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    drop(connection.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        server
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default().as_bytes();
        let came = Came {
            path: head.uri.path().to_owned(),
            query: url::form_urlencoded::parse(query).into_owned().collect(),
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        self.came.lock().unwrap().push(came);
        let mut answers = self.answers.lock().unwrap();
        let (status, body) = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        Ok(Response::builder().status(status).body(Full::from(body)).unwrap())
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}
