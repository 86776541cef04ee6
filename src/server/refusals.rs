//! What was refused: counted by reason, and told in the log at most once a minute for each, with the last address.
//!
//! A flood must leave a trace and must not become a flood of log lines.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::exposition::{Own, Refused};

/// Between two lines about the same.
const TELL_EVERY: Duration = Duration::from_mins(1);
/// How often what came after a line is looked at, so that the end of a flood is told, too.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// One for the server.
#[derive(Debug)]
pub(super) struct Refusals {
    own: Own,
    kinds: Mutex<HashMap<Kind, Untold>>,
}

/// What is told in a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Connection,
    Request(Refused),
}

/// What has come since the last line.
#[derive(Debug, Default)]
struct Untold {
    count: u64,
    last: Option<IpAddr>,
    told: Option<Instant>,
}

impl Refusals {
    pub(super) fn new(own: Own) -> Self {
        Self {
            own,
            kinds: Mutex::default(),
        }
    }

    /// A connection was closed unread; `peer` is nothing on the control socket.
    pub(super) fn connection(&self, peer: Option<IpAddr>) {
        self.own.connections_refused.inc();
        self.note(Kind::Connection, peer);
    }

    /// A request was refused.
    pub(super) fn request(&self, why: Refused, peer: Option<IpAddr>) {
        self.own.refused(why);
        self.note(Kind::Request(why), peer);
    }

    /// Tells what came after a line, when its time has come. Never ends.
    pub(super) async fn keep_telling(&self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            let now = look.tick().await;
            for line in self.due(now) {
                line.log();
            }
        }
    }

    fn note(&self, kind: Kind, peer: Option<IpAddr>) {
        let line = {
            let mut kinds = self.kinds();
            let untold = kinds.entry(kind).or_default();
            untold.count += 1;
            untold.last = peer;
            untold.line(kind, Instant::now())
        };
        if let Some(line) = line {
            line.log();
        }
    }

    fn due(&self, now: Instant) -> Vec<Line> {
        let mut kinds = self.kinds();
        let lines = kinds.iter_mut().filter_map(|(kind, untold)| untold.line(*kind, now));
        lines.collect()
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Kind, Untold>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Untold {
    /// What there is to tell now; it then counts as told.
    fn line(&mut self, kind: Kind, now: Instant) -> Option<Line> {
        let silent = self
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY);
        if silent || self.count == 0 {
            return None;
        }
        self.told = Some(now);
        Some(Line {
            kind,
            count: std::mem::take(&mut self.count),
            peer: self.last,
        })
    }
}

/// A line for the log.
#[derive(Debug)]
struct Line {
    kind: Kind,
    count: u64,
    peer: Option<IpAddr>,
}

impl Line {
    fn log(&self) {
        let reason = match self.kind {
            Kind::Connection => "connections",
            Kind::Request(why) => why.reason(),
        };
        // A browser asks without a password first, every time.
        if self.kind == Kind::Request(Refused::NoCredentials) {
            tracing::info!(reason, count = self.count, "{}", self.words());
        } else {
            tracing::warn!(reason, count = self.count, "{}", self.words());
        }
    }

    fn words(&self) -> String {
        let what = match self.kind {
            Kind::Connection => "connection",
            Kind::Request(_) => "request",
        };
        let happened = match self.kind {
            Kind::Connection => "closed unread because too many were open",
            Kind::Request(Refused::NoCredentials) => "refused (401): no password or token came with it",
            Kind::Request(Refused::WrongCredentials) => {
                "refused (401): the password, the token or a farmwarden's signature (`callers`) is wrong"
            }
            Kind::Request(Refused::LoginsWaiting) => "refused (503): too many passwords wait to be checked",
            Kind::Request(Refused::AnswersWaiting) => {
                "refused (503): too many answers are on their way to slow readers"
            }
            Kind::Request(Refused::SlowReader) => "cut: its reader was slow and others waited",
            Kind::Request(Refused::RateLimit) => "refused (429): more than rate_limit in the web configuration allows",
            Kind::Request(Refused::Foreign) => {
                "refused (421, 403): asked under a name that is not ours (--web.allowed-host), or sent by another site's page"
            }
        };
        let (count, plural) = (self.count, if self.count == 1 { "" } else { "s" });
        let from = self
            .peer
            .map_or_else(|| "a socket of this machine".to_owned(), |peer| peer.to_string());
        let last = if self.count == 1 { "" } else { "the last " };
        format!("{count} {what}{plural} {happened}; {last}from {from}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9)));
    const KIND: Kind = Kind::Request(Refused::WrongCredentials);

    #[test]
    fn the_first_is_told_at_once_and_the_others_together_a_minute_later() {
        let start = Instant::now();
        let mut untold = Untold::default();
        let mut refuse = |after: Duration| {
            untold.count += 1;
            untold.last = PEER;
            untold.line(KIND, start + after).map(|line| line.words())
        };
        let first = refuse(Duration::ZERO).unwrap();
        assert_eq!(
            first,
            "1 request refused (401): the password, the token or a farmwarden's signature (`callers`) is wrong; from 10.0.0.9"
        );
        for second in 1..=40 {
            assert_eq!(refuse(Duration::from_secs(second)), None);
        }
        let line = untold.line(KIND, start + TELL_EVERY).unwrap();
        assert_eq!(
            line.words(),
            "40 requests refused (401): the password, the token or a farmwarden's signature (`callers`) is wrong; the last from 10.0.0.9"
        );
        assert!(untold.line(KIND, start + 2 * TELL_EVERY).is_none(), "nothing came");
    }

    #[tokio::test]
    async fn kinds_are_told_and_counted_apart() {
        let own = Own::default();
        let refusals = Refusals::new(own.clone());
        for _ in 0..3 {
            refusals.connection(PEER);
            refusals.request(Refused::RateLimit, PEER);
        }
        assert!(refusals.due(Instant::now()).is_empty(), "both said their first");
        let mut lines: Vec<String> = refusals
            .due(Instant::now() + TELL_EVERY)
            .iter()
            .map(Line::words)
            .collect();
        lines.sort();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("2 connections closed") && lines[1].starts_with("2 requests refused (429)"));
        let mut page = String::new();
        own.write(None, crate::exposition::Format::Text, &mut page);
        for line in [
            "http_requests_refused_total{reason=\"rate_limit\"} 3\n",
            "http_requests_refused_total{reason=\"wrong_credentials\"} 0\n",
            "http_connections_refused_total 3\n",
        ] {
            assert!(page.contains(line), "{line}: {page}");
        }
    }
}
