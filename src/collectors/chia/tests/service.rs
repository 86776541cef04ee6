//! A service of a farm that gives fixed answers, behind the farm's own certificates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use crate::upstream::chia::testing::Door;

/// Answers by route; every other is a 404, as of an older release.
pub(super) struct Service {
    pub(super) place: String,
    asked: Arc<Mutex<Vec<String>>>,
    changes: Arc<Mutex<Changes>>,
    task: JoinHandle<()>,
}

/// What is otherwise than at the start.
#[derive(Default)]
struct Changes {
    answers: HashMap<&'static str, Vec<u8>>,
    /// A request with this text in it fails.
    failing: Option<String>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The next request with its body, in however many pieces it comes; `None` at the end of the connection.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let told = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            told.is_some_and(|told| told.parse() == Ok(body.len()))
        });
        if whole {
            return Some(text);
        }
    }
}

impl Service {
    pub(super) async fn with(answers: HashMap<&'static str, Vec<u8>>) -> Self {
        let door = Door::of("farm").await;
        let place = door.place().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let changes = Arc::<Mutex<Changes>>::default();
        let (told, now) = (Arc::clone(&asked), Arc::clone(&changes));
        let task = tokio::spawn(async move {
            loop {
                let mut stream = door.next().await;
                while let Some(text) = request(&mut stream).await {
                    let route = text.split([' ', '/']).nth(2).unwrap_or_default().to_owned();
                    let (status, body) = {
                        let now = now.lock().unwrap();
                        let answer = now.answers.get(route.as_str()).or(answers.get(route.as_str()));
                        match (answer, &now.failing) {
                            (_, Some(word)) if text.contains(word) => ("500 Internal Server Error", Vec::new()),
                            (Some(body), _) => ("200 OK", body.clone()),
                            (None, _) => ("404 Not Found", b"404: Not Found".to_vec()),
                        }
                    };
                    told.lock().unwrap().push(route);
                    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
                    drop(stream.write_all(head.as_bytes()).await);
                    drop(stream.write_all(&body).await);
                    drop(stream.flush().await);
                }
            }
        });
        Self {
            place,
            asked,
            changes,
            task,
        }
    }

    /// From now on.
    pub(super) fn answer(&self, route: &'static str, body: Vec<u8>) {
        self.changes.lock().unwrap().answers.insert(route, body);
    }

    /// From now on a request with this text in it is answered with HTTP 500.
    pub(super) fn fail(&self, word: &str) {
        self.changes.lock().unwrap().failing = Some(word.to_owned());
    }

    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}
