//! Tells people: a message goes into the queue of each notifier and from there to a chat or another program.
//!
//! Nothing here decides what is told or waits for anybody: a notifier that is slow, down or muted costs its own messages,
//! which are merged, then dropped and counted. Secrets come from files or the environment and are never shown.

pub mod chat;
mod dingtalk;
mod message;
mod outbox;
mod pace;
mod post;
mod settings;
mod split;
#[cfg(test)]
mod testing;
mod webhook;

use std::time::Duration;

pub use dingtalk::{DingTalk, DingTalkSettings, Form};
pub use message::{Batch, Language, Message, Severity, escaped, link};
pub use outbox::{Outbox, OutboxHealth, Told};
pub use pace::Pace;
pub use post::{FAMILIES, Post};
pub use settings::{Kind, Way};
pub use webhook::{Webhook, WebhookSettings};

use crate::upstream::{Fault, Why};

/// A way to people. Its queue is an [`Outbox`], which decides when.
pub trait Notifier: Send + Sync + 'static {
    /// As the configuration names it.
    fn name(&self) -> &str;

    /// How often it may be used.
    fn pace(&self) -> Pace;

    /// Bytes of text that one request takes; more messages than that wait for the next one.
    fn room(&self) -> usize;

    /// The requests that tell these messages, in order.
    fn pieces(&self, batch: &Batch) -> Vec<Piece>;

    fn send(&self, piece: &Piece) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The body of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece(pub Vec<u8>);

/// Why a request failed, and whether it is worth another try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub fault: Fault,
    pub again: Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It will be refused every time.
    Never,
    /// After a pause that grows.
    Later,
    /// Not before.
    After(Duration),
}

/// A request that got no answer, or not one of success: what the network or an overload did passes.
impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let again = match &fault.why {
            Why::Status(408 | 429 | 500.., _)
            | Why::Unreachable(_)
            | Why::Timeout(_)
            | Why::Tls(_)
            | Why::Malformed(_)
            | Why::AuthDown => Again::Later,
            _ => Again::Never,
        };
        // The hints at a status are about chain nodes.
        let why = match fault.why {
            Why::Status(code, _) => Why::Status(code, ""),
            Why::Forbidden(_) => Why::Forbidden("answered HTTP 403: it does not allow this".to_owned()),
            why => why,
        };
        Self {
            fault: Fault { why, ..fault },
            again,
        }
    }
}
