//! All ways to people: who is told what, and what became of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::message::{Language, Message};
use super::outbox::{Outbox, OutboxHealth, Told};
use super::settings::Way;
use crate::clock::Clock;
use crate::exposition::{Desc, Family, Page, Rendered};
use crate::upstream::{Fault, Upstream};

static SENT: Desc<1> = Desc::counter(
    "farmwarden_notifications_sent_total",
    "Messages that arrived, by the way to people that the configuration names.",
    &["way"],
);
static LOST: Desc<1> = Desc::counter(
    "farmwarden_notifications_lost_total",
    "Messages that nobody will get: refused, given up after an hour, or without a place in the queue.",
    &["way"],
);
static FAILURES: Desc<1> = Desc::counter(
    "farmwarden_notification_failures_total",
    "Tries to send that failed; most are tried again.",
    &["way"],
);
static WAITING: Desc<1> = Desc::gauge(
    "farmwarden_notifications_waiting",
    "Messages that wait to be sent.",
    &["way"],
);
static UP: Desc<1> = Desc::gauge(
    "farmwarden_notifier_up",
    "1 if the last try to send succeeded; 0 if it failed. Absent before the first try.",
    &["way"],
);

/// The families of [`Post::page`].
pub const FAMILIES: &[&Family] = &[
    SENT.family(),
    LOST.family(),
    FAILURES.family(),
    WAITING.family(),
    UP.family(),
];

/// What a way that is no longer configured gets to send what it has.
const FAREWELL: Duration = Duration::from_secs(10);

/// The ways, as they are configured now; cloning gives the same ones.
#[derive(Clone)]
pub struct Post {
    upstream: Upstream,
    clock: Clock,
    ways: Arc<Mutex<Vec<Open>>>,
}

#[derive(Clone)]
struct Open {
    way: Way,
    outbox: Arc<Outbox>,
}

impl Post {
    /// Without any way.
    pub fn new(upstream: Upstream, clock: Clock) -> Self {
        Self {
            upstream,
            clock,
            ways: Arc::default(),
        }
    }

    /// All of them or, with the fault of the first that cannot be, none is changed. A way that stays as it was keeps its
    /// queue. Must be called within the runtime.
    pub fn change_to(&self, ways: &[Way]) -> Result<(), Fault> {
        let mut open = self.open();
        let is_kept = |way: &Way| open.iter().any(|open| open.way == *way);
        let mut new = Vec::new();
        for way in ways.iter().filter(|way| !is_kept(way)) {
            new.push((way, way.ready(&self.upstream, &self.clock)?));
        }
        let (kept, gone): (Vec<Open>, Vec<Open>) = open.drain(..).partition(|open| ways.contains(&open.way));
        *open = kept;
        open.extend(new.into_iter().map(|(way, ready)| Open {
            way: way.clone(),
            outbox: Arc::new(ready.start()),
        }));
        drop(open);
        for Open { outbox, .. } in gone {
            tokio::spawn(async move { outbox.close(FAREWELL).await });
        }
        Ok(())
    }

    /// Tells everybody, each in his language, if there is something to tell. Never waits.
    pub fn tell(&self, message: impl Fn(Language) -> Option<Message>) {
        for Open { way, outbox } in self.open().iter() {
            if let Some(message) = message(way.language) {
                hand_in(way, outbox, message);
            }
        }
    }

    /// Tells one; nothing if there is no way of this name. Never waits.
    pub fn tell_one(&self, name: &str, message: impl Fn(Language) -> Message) -> Option<Told> {
        let open = self.open();
        let Open { way, outbox } = open.iter().find(|open| open.way.name.as_str() == name)?;
        Some(hand_in(way, outbox, message(way.language)))
    }

    /// Sends what waits, but no longer than `within`.
    pub async fn close(&self, within: Duration) {
        let open: Vec<Open> = self.open().clone();
        let closing = open.iter().map(|open| open.outbox.close(within));
        futures_util::future::join_all(closing).await;
    }

    /// How every way does, for the page of metrics.
    pub fn page(&self) -> Rendered {
        let mut page = Page::new(&[]);
        for Open { way, outbox } in self.open().iter() {
            let labels = [way.name.as_str()];
            let OutboxHealth {
                waiting,
                sent,
                requests,
                failures,
                lost,
                fault,
            } = outbox.health();
            page.add(&SENT, labels, sent);
            page.add(&LOST, labels, lost);
            page.add(&FAILURES, labels, failures);
            page.add(&WAITING, labels, waiting);
            page.add(&UP, labels, (requests > 0 || failures > 0).then_some(fault.is_none()));
        }
        page.finish()
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is not severe enough for a way counts as told: nobody misses it.
fn hand_in(way: &Way, outbox: &Outbox, message: Message) -> Told {
    if message.severity < way.least {
        return Told::Queued;
    }
    outbox.tell(message)
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::testing::{Server, message};
    use super::*;

    fn way(name: &str, server: &Server, more: &str) -> Way {
        let text = format!(
            r#"{{"name": "{name}", "kind": "webhook", "url": "{}"{more}}}"#,
            server.url
        );
        serde_json::from_str(&text).unwrap()
    }

    fn post() -> Post {
        Post::new(Upstream::from_system().unwrap(), Clock::system())
    }

    async fn arrived(server: &Server, requests: usize) {
        tokio::time::timeout(Duration::from_secs(20), async {
            while server.came().len() < requests {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn everybody_is_told_in_his_language_and_only_what_is_severe_enough() {
        let (all, severe) = (Server::start(&[(200, "")]).await, Server::start(&[(200, "")]).await);
        let post = post();
        let ways = [
            way("all", &all, ""),
            way("severe", &severe, r#", "language": "zh", "least": "critical""#),
        ];
        post.change_to(&ways).unwrap();
        let titled = |severity| {
            move |language| match language {
                Language::English => message("node-1", severity),
                Language::Chinese => message("节点", severity),
            }
        };
        post.tell(|language| Some(titled(Severity::Info)(language)));
        post.tell(|language| Some(titled(Severity::Critical)(language)));
        post.tell(|_| None);
        assert_eq!(post.tell_one("nobody", titled(Severity::Info)), None);
        post.close(Duration::from_secs(20)).await;
        arrived(&severe, 1).await;
        let told = severe.came()[0].json();
        assert_eq!(told["messages"].as_array().unwrap().len(), 1);
        assert_eq!(told["messages"][0]["title"], "节点");
        arrived(&all, 1).await;
    }

    #[tokio::test]
    async fn a_change_keeps_what_stays_and_is_whole_or_nothing() {
        let server = Server::start(&[(200, "")]).await;
        let post = post();
        let first = way("first", &server, "");
        post.change_to(std::slice::from_ref(&first)).unwrap();
        let before = Arc::clone(&post.open()[0].outbox);
        let second = way("second", &server, "");
        let broken = way("broken", &server, r#", "token_file": "/no/such/token""#);
        post.change_to(&[second.clone(), broken]).unwrap_err();
        assert_eq!(post.open().len(), 1, "nothing was changed");
        post.change_to(&[second, first]).unwrap();
        assert_eq!(post.open().len(), 2);
        assert!(post.open().iter().any(|open| Arc::ptr_eq(&open.outbox, &before)));
        post.change_to(&[]).unwrap();
        assert!(post.open().is_empty());
    }
}
