//! `POST /alerts`: what Alertmanager sends. It is answered when it is on the disk, and worked on afterwards.
//!
//! | answer | when | Alertmanager then |
//! |---|---|---|
//! | 200 | recorded | is done |
//! | 400 | it is no payload of its webhook | drops it |
//! | 413 | it is larger than 8 MiB | drops it |
//! | 503 | it did not arrive in time, or cannot be recorded | asks again |
//!
//! `POST /chat/NAME` is answered alike: 200 it waits to be sent, 404 there is no such way to people, 503 it found no place.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::answer::Answer;
use super::api;
use super::table::CHAT;
use crate::alerts::{self, Delivery, LARGEST_BODY};
use crate::clock::UnixTime;
use crate::notify::{Post, Told, chat};
use crate::remedy::{Repairs, Unheard};

/// For a body to arrive, and before that for room. An Alertmanager sends its few kilobytes at once.
const RECEIVE_WITHIN: Duration = Duration::from_secs(10);
/// Bodies that are received and read at once, in KiB: eight of the largest. Without it many large ones together would
/// fill the memory.
const MOST_KIB: u32 = 64 << 10;
/// The same reason is logged again after so long.
const LOG_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Takes deliveries in.
pub(super) struct Inbox {
    repairs: Repairs,
    room: Arc<Semaphore>,
    /// Why a delivery was last refused, and when that was logged.
    logged: Mutex<Option<(String, Instant)>>,
}

enum Wrong {
    TooLarge,
    NotReceived(String),
    Malformed(String),
}

impl Wrong {
    /// How it is counted and answered.
    fn told(self) -> (Unheard, StatusCode, String) {
        match self {
            Self::TooLarge => {
                let words =
                    format!("a delivery of at most {LARGEST_BODY} is taken; is max_alerts set for this receiver?");
                (Unheard::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, words)
            }
            Self::NotReceived(words) => (Unheard::NotReceived, StatusCode::SERVICE_UNAVAILABLE, words),
            Self::Malformed(words) => (Unheard::Malformed, StatusCode::BAD_REQUEST, words),
        }
    }
}

fn late() -> Wrong {
    Wrong::NotReceived(format!(
        "it did not arrive, or found no room, within {RECEIVE_WITHIN:?}"
    ))
}

impl Inbox {
    pub(super) fn new(repairs: Repairs) -> Self {
        let room = usize::try_from(MOST_KIB).unwrap_or(usize::MAX);
        Self {
            repairs,
            room: Arc::new(Semaphore::new(room)),
            logged: Mutex::default(),
        }
    }

    pub(super) fn repairs(&self) -> &Repairs {
        &self.repairs
    }

    pub(super) async fn take(&self, body: Incoming) -> Answer {
        let received = tokio::time::timeout(RECEIVE_WITHIN, self.receive(body)).await;
        match received.unwrap_or_else(|_| Err(late())) {
            Ok(delivery) => self.hear(&delivery).await,
            Err(wrong) => self.refuse(wrong),
        }
    }

    /// What would be decided about a delivery: nothing of it is recorded or counted.
    pub(super) async fn foresee(&self, body: Incoming) -> Answer {
        let foreseen = match self.received(body).await {
            Ok(delivery) => self.repairs.foresee(&delivery),
            Err(answer) => return answer,
        };
        match foreseen {
            Ok(foresight) => Answer::page(api::JSON, api::foresight(&foresight), ()),
            Err(words) => Answer::words(StatusCode::SERVICE_UNAVAILABLE, words),
        }
    }

    /// Alerts as a message to people: Alertmanager itself cannot talk to every chat. It waits for nobody.
    pub(super) async fn tell(&self, post: &Post, request: Request<Incoming>, now: UnixTime) -> Answer {
        let way = request.uri().path().strip_prefix(CHAT).unwrap_or_default().to_owned();
        let delivery = match self.received(request.into_body()).await {
            Ok(delivery) => delivery,
            Err(answer) => return answer,
        };
        let message = |language| chat::message(&delivery, language, now);
        match post.tell_one(&way, message) {
            Some(Told::Queued) => Answer::words(StatusCode::OK, "queued"),
            Some(Told::Dropped) => {
                let words = "it found no place among the messages that wait; ask again";
                Answer::words(StatusCode::SERVICE_UNAVAILABLE, words)
            }
            None => {
                let words = "there is no such way to people: the section `notify` of the configuration names them";
                Answer::words(StatusCode::NOT_FOUND, words)
            }
        }
    }

    /// A delivery that is not counted among those that ask for repairs.
    async fn received(&self, body: Incoming) -> Result<Delivery, Answer> {
        let received = tokio::time::timeout(RECEIVE_WITHIN, self.receive(body)).await;
        let (_, status, words) = match received.unwrap_or_else(|_| Err(late())) {
            Ok(delivery) => return Ok(delivery),
            Err(wrong) => wrong.told(),
        };
        Err(Answer::words(status, words))
    }

    async fn hear(&self, delivery: &Delivery) -> Answer {
        if let Some(first) = delivery.refused.first() {
            tracing::warn!(
                "{} alerts of a delivery cannot be used, the others are; the first is alerts[{}].{}",
                delivery.refused.len(),
                first.index,
                first.words
            );
        }
        match self.repairs.hear(delivery).await {
            Ok(()) => Answer::words(StatusCode::OK, format!("{} alerts recorded", delivery.alerts.len())),
            Err(words) => {
                self.log_refusal(&words);
                Answer::words(StatusCode::SERVICE_UNAVAILABLE, words)
            }
        }
    }

    /// Alertmanager asks again and again: once, and then once a minute.
    fn log_refusal(&self, words: &str) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |(known, at): &(String, Instant)| known == words && at.elapsed() < LOG_AGAIN_AFTER;
        if !logged.as_ref().is_some_and(is_known) {
            tracing::error!("alerts are not taken, and Alertmanager is told to ask again: {words}");
            *logged = Some((words.to_owned(), Instant::now()));
        }
    }

    fn refuse(&self, wrong: Wrong) -> Answer {
        let (why, status, words) = wrong.told();
        tracing::warn!("a delivery of alerts was not taken ({status}): {words}");
        self.repairs.not_heard(why);
        Answer::words(status, words)
    }

    async fn receive(&self, body: Incoming) -> Result<Delivery, Wrong> {
        let limit = usize::try_from(LARGEST_BODY.bytes()).unwrap_or(usize::MAX);
        // One that does not say how large it is may be as large as any.
        let size = body.size_hint().exact().unwrap_or(LARGEST_BODY.bytes());
        if size > LARGEST_BODY.bytes() {
            return Err(Wrong::TooLarge);
        }
        let kib = u32::try_from(size / 1024 + 1).unwrap_or(MOST_KIB).min(MOST_KIB);
        let room = self.room.acquire_many(kib).await;
        let _room = room.map_err(|_| Wrong::NotReceived("farmwarden is stopping".to_owned()))?;
        let bytes = collect(Limited::new(body, limit)).await?;
        alerts::parse(&bytes).map_err(|error| Wrong::Malformed(error.to_string()))
    }
}

async fn collect(body: Limited<Incoming>) -> Result<Bytes, Wrong> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Wrong::TooLarge),
        Err(error) => Err(Wrong::NotReceived(format!("it broke off: {error}"))),
    }
}
