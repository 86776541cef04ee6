//! What a daemon pushes: one websocket, one registration, then events as they come.
//!
//! The daemon waits for every subscriber in turn, so one that does not read delays the farm's own messages: frames are
//! handed on where they are read, there is no queue that could fill, and beyond a rate they are counted and not looked
//! at. A daemon also takes commands that stop services and give away keys; the list here has those that read.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jsonrpsee::client_transport::ws::{WsHandshakeError, WsTransportClientBuilder};
use jsonrpsee::core::client::{ReceivedMessage, TransportReceiverT, TransportSenderT};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use super::super::{Fault, Upstream, Why};
use super::Identity;
use super::way::{self, Way};
use crate::values::HostPort;

/// What may be sent: the whole frame, as there is nothing to be filled in. To be registered as `metrics` is to be sent
/// events, and nothing more; there is no way to unregister but to hang up.
const REGISTER: &str = r#"{"command":"register_service","ack":false,"data":{"service":"metrics"},"request_id":"1","destination":"daemon","origin":"farmwarden"}"#;

/// Largest event: a day's partials of a large farm are below 1 MB. What is larger ends the connection.
const LARGEST_FRAME: u32 = 8 << 20;
/// A farm of 100 harvesters has some 15 events a second, and bursts of some hundred.
const MOST_A_SECOND: u32 = 1_000;
/// For connection, handshake and registration together.
const WITHIN: Duration = Duration::from_secs(10);
/// A ping of ours goes out this often, so that a dead link is noticed on a quiet farm as well.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Without a frame or an answer to a ping for this long, the link is dead.
const DEAD_AFTER: Duration = Duration::from_secs(90);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Something that happened on the way of events.
#[derive(Debug)]
pub enum Heard<'a> {
    /// Registered; events follow. What was pushed before is lost.
    Connected,
    Pushed(Push<'a>),
    /// A frame that is no event of a known shape.
    Unreadable,
    /// Events that came too fast to be looked at.
    Dropped,
    /// The connection ended or could not be made.
    Lost(Fault),
}

/// One event.
#[derive(Debug, Deserialize)]
pub struct Push<'a> {
    /// The service that it is of, like `chia_farmer`.
    #[serde(borrow)]
    pub origin: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    pub command: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
    #[serde(default)]
    ack: bool,
}

/// The events of one daemon.
#[derive(Clone, Debug)]
pub struct DaemonEvents {
    way: Way,
}

impl DaemonEvents {
    pub fn new(upstream: &Upstream, identity: &Arc<Identity>, place: &HostPort) -> Self {
        Self {
            way: Way::new(upstream, identity, "wss", place),
        }
    }

    /// How faults name it.
    pub fn who(&self) -> &str {
        &self.way.who
    }

    /// Listens for ever, and connects again whenever the connection was lost. `hear` must not block.
    pub async fn listen(&self, mut hear: impl FnMut(Heard<'_>) + Send) {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut connected = false;
            let fault = self
                .once(&mut |heard| {
                    connected |= matches!(heard, Heard::Connected);
                    hear(heard);
                })
                .await;
            hear(Heard::Lost(fault));
            pause = pause_after(pause, connected);
            tokio::time::sleep(pause).await;
        }
    }

    /// One connection from its beginning to its end.
    async fn once(&self, hear: &mut (impl FnMut(Heard<'_>) + Send)) -> Fault {
        let opened = tokio::time::timeout(WITHIN, self.open()).await;
        let (mut sender, receiver) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(fault)) => return fault,
            Err(_) => return self.way.fault("register_service", Why::Timeout(WITHIN)),
        };
        // A reading that is given up in the middle would lose its place in the stream, so it lives as long as the stream.
        let messages = futures_util::stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.receive().await, receiver))
        });
        let mut messages = pin!(messages);
        let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        let mut last = Instant::now();
        let mut rate = Rate::default();
        let mut registered = false;
        loop {
            let message = tokio::select! {
                message = messages.next() => message,
                _ = ping.tick() => {
                    if last.elapsed() >= DEAD_AFTER || !matches!(tokio::time::timeout(WITHIN, sender.send_ping()).await, Ok(Ok(()))) {
                        return self.way.fault("events", Why::Timeout(DEAD_AFTER));
                    }
                    continue;
                }
            };
            last = Instant::now();
            match message {
                Some(Ok(ReceivedMessage::Text(text))) if rate.allows(last) => {
                    if let Err(why) = take(&text, &mut registered, hear) {
                        return self.way.fault("register_service", why);
                    }
                }
                Some(Ok(ReceivedMessage::Text(_))) => hear(Heard::Dropped),
                Some(Ok(ReceivedMessage::Bytes(_))) => hear(Heard::Unreadable),
                Some(Ok(ReceivedMessage::Pong)) => {}
                Some(Err(error)) => return self.way.fault("events", lost_why(&error, registered)),
                None => return self.way.fault("events", Why::malformed("it ended the events")),
            }
        }
    }

    async fn open(&self) -> Result<(impl TransportSenderT, impl TransportReceiverT), Fault> {
        let fault = |operation, why| self.way.fault(operation, why);
        let stream = self.way.dial(WITHIN).await?;
        let words = |e: url::ParseError| fault("websocket handshake", Why::Internal(e.to_string()));
        let url: Url = format!("ws://{}/", self.way.place).parse().map_err(words)?;
        let builder = WsTransportClientBuilder::default()
            .max_response_size(LARGEST_FRAME)
            .max_frame_size(LARGEST_FRAME)
            .max_redirections(0);
        let opened = builder.build_with_stream(url, stream).await;
        let (mut sender, receiver) = opened.map_err(|e| fault("websocket handshake", handshake_why(&e)))?;
        let sent = sender.send(REGISTER.to_owned()).await;
        sent.map_err(|e| fault("register_service", lost_why(&e, false)))?;
        Ok((sender, receiver))
    }
}

/// How long to wait after an attempt: longer each time, until one of them has led to a connection.
fn pause_after(before: Duration, connected: bool) -> Duration {
    if connected {
        FIRST_PAUSE
    } else {
        (before * 2).min(LONGEST_PAUSE)
    }
}

/// The answer to our registration comes among the events.
fn take(text: &str, registered: &mut bool, hear: &mut (impl FnMut(Heard<'_>) + Send)) -> Result<(), Why> {
    match serde_json::from_str::<Push<'_>>(text) {
        Ok(push) if push.ack => {
            if push.command == "register_service" && !*registered {
                accepted(&push)?;
                *registered = true;
                hear(Heard::Connected);
            }
        }
        Ok(push) => hear(Heard::Pushed(push)),
        Err(_) => hear(Heard::Unreadable),
    }
    Ok(())
}

/// What it says is not quoted: words of a daemon may hold paths.
fn accepted(answer: &Push<'_>) -> Result<(), Why> {
    #[derive(serde::Deserialize)]
    struct Outcome {
        success: Option<bool>,
    }
    let outcome = answer
        .data
        .and_then(|data| serde_json::from_str::<Outcome>(data.get()).ok());
    match outcome.and_then(|outcome| outcome.success) {
        Some(false) => Err(Why::upstream("it refused the registration for events")),
        _ => Ok(()),
    }
}

/// How many events of a second are looked at.
#[derive(Default)]
struct Rate {
    second: Option<Instant>,
    taken: u32,
}

impl Rate {
    fn allows(&mut self, now: Instant) -> bool {
        let running = self
            .second
            .is_some_and(|began| now.duration_since(began) < Duration::from_secs(1));
        if !running {
            self.second = Some(now);
            self.taken = 0;
        }
        self.taken = self.taken.saturating_add(1);
        self.taken <= MOST_A_SECOND
    }
}

/// Before the first word came, an end is how a daemon refuses a certificate.
fn lost_why(error: &(dyn std::error::Error + 'static), heard: bool) -> Why {
    match way::ended_unheard(error) {
        Some(why) if !heard => why,
        _ if error.to_string().to_lowercase().contains("too large") => {
            Why::TooLarge(crate::values::Size::from_bytes(LARGEST_FRAME.into()))
        }
        _ => Why::malformed("the connection ended"),
    }
}

fn handshake_why(error: &WsHandshakeError) -> Why {
    match error {
        WsHandshakeError::Rejected { status_code } | WsHandshakeError::Redirected { status_code, .. } => Why::Status(
            *status_code,
            "no daemon of chia: is this the daemon_port (usually 55400)?",
        ),
        WsHandshakeError::Timeout(limit) => Why::Timeout(*limit),
        other => way::ended_unheard(other)
            .unwrap_or_else(|| Why::malformed(format!("it does not speak websocket on this port ({other})"))),
    }
}

#[cfg(test)]
mod tests;
