//! What Alertmanager tells us, as checked values: payloads of its webhook, and what a message means after those before.
//!
//! Nothing here acts or remembers, and nothing of a payload is believed: a label is a name to look up, never a command, a
//! path or a host.

mod alert;
mod episode;
mod webhook;

pub use alert::{Alert, Fingerprint, Status};
pub use episode::{Change, Episode, hear};
pub use webhook::{Delivery, LARGEST_BODY, Malformed, Refused, parse};
