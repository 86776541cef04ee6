//! Any program that takes JSON by POST: `{"version": 1, "lost": 0, "messages": [...]}`, each message as it was told.

use std::time::Duration;

use serde_json::json;

use super::message::Batch;
use super::pace::Pace;
use super::{Failure, Notifier, Piece};
use crate::upstream::{Fault, Http, Token, Upstream, Why};
use crate::values::{Endpoint, Name, Scheme, SecretSource, Size};

/// An answer is not read for more than its status.
const LARGEST_ANSWER: Size = Size::from_bytes(64 << 10);
const DEADLINE: Duration = Duration::from_secs(10);

/// Some hundred messages.
const ROOM: usize = 256 << 10;

const PACE: Pace = Pace {
    most: 60,
    within: Duration::from_secs(60),
    gather: Duration::from_millis(500),
};

/// Where to and with which token.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    pub name: Name,
    pub url: Endpoint,
    pub bearer_token: Option<SecretSource>,
}

/// 2xx is success; 5xx, 408 and 429 are tried again, other answers are not.
#[derive(Debug)]
pub struct Webhook {
    name: Name,
    url: Endpoint,
    http: Http,
}

impl Webhook {
    /// Reads the token; it is read again when it is refused.
    pub fn new(upstream: &Upstream, settings: WebhookSettings) -> Result<Self, Fault> {
        let WebhookSettings {
            name,
            url,
            bearer_token,
        } = settings;
        let who = format!("webhook {name} {url}");
        if !matches!(url.scheme(), Scheme::Http | Scheme::Https) {
            let words = "the URL must begin with http:// or https://".to_owned();
            return Err(Fault::new(who, "its URL", Why::Configuration(words)));
        }
        let token = bearer_token.map(|source| Token::read(&who, source)).transpose()?;
        let http = Http::new(upstream, who, DEADLINE, LARGEST_ANSWER).with_token(token);
        Ok(Self { name, url, http })
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn pace(&self) -> Pace {
        PACE
    }

    fn room(&self) -> usize {
        ROOM
    }

    fn pieces(&self, batch: &Batch) -> Vec<Piece> {
        let body = json!({"version": 1, "lost": batch.lost, "messages": batch.messages});
        vec![Piece(body.to_string().into_bytes())]
    }

    async fn send(&self, piece: &Piece) -> Result<(), Failure> {
        self.http.post_json(self.url.url(), "POST", piece.0.clone()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, message};
    use super::super::{Again, Severity};
    use super::*;

    fn webhook(url: &str, bearer_token: Option<SecretSource>) -> Result<Webhook, Fault> {
        let settings = WebhookSettings {
            name: "pager".parse().unwrap(),
            url: url.parse().unwrap(),
            bearer_token,
        };
        Webhook::new(&Upstream::from_system().unwrap(), settings)
    }

    fn batch() -> Batch {
        Batch {
            messages: vec![message("a", Severity::Warning), message("b", Severity::Critical)],
            lost: 7,
        }
    }

    #[tokio::test]
    async fn messages_arrive_as_they_were_told_with_the_token() {
        let server = Server::start(&[(204, "")]).await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        let webhook = webhook(&format!("{}/hook", server.url), Some(SecretSource::File(path))).unwrap();
        for piece in webhook.pieces(&batch()) {
            webhook.send(&piece).await.unwrap();
        }
        let [came] = &server.came()[..] else {
            panic!("one request");
        };
        assert_eq!(
            (came.path.as_str(), &came.headers["authorization"]),
            ("/hook", &"Bearer s3cret".parse().unwrap())
        );
        let body = came.json();
        assert_eq!((&body["version"], &body["lost"]), (&json!(1), &json!(7)));
        assert_eq!(
            body["messages"][1],
            json!({"title": "b", "text": "words of b", "severity": "critical", "thread": "incident-1", "time": "2023-11-14T22:13:20Z"})
        );
        assert!(!format!("{webhook:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn an_overload_is_tried_again_and_a_refusal_is_not() {
        for (status, again) in [
            (500, Again::Later),
            (503, Again::Later),
            (429, Again::Later),
            (400, Again::Never),
            (401, Again::Never),
            (404, Again::Never),
            (302, Again::Never),
        ] {
            let server = Server::start(&[(status, "")]).await;
            let webhook = webhook(&server.url, None).unwrap();
            let failure = webhook.send(&webhook.pieces(&batch())[0]).await.unwrap_err();
            assert_eq!(failure.again, again, "{status}: {}", failure.fault);
            assert!(!failure.fault.to_string().contains("JSON-RPC"), "{}", failure.fault);
        }
    }

    #[tokio::test]
    async fn nobody_there_is_tried_again() {
        let webhook = webhook("http://127.0.0.1:1", None).unwrap();
        let failure = webhook.send(&webhook.pieces(&batch())[0]).await.unwrap_err();
        assert_eq!(failure.again, Again::Later);
        assert_eq!(
            failure.fault.to_string(),
            "webhook pager http://127.0.0.1:1: POST: connection refused"
        );
    }

    #[test]
    fn a_websocket_is_no_webhook() {
        assert!(webhook("ws://127.0.0.1:1", None).is_err());
    }
}
