//! Gateways: who is connected to sign and to prove.

mod answers;
mod known;
mod reader;
pub(super) mod samples;

pub use answers::{Account, Connections};
pub(super) use known::AllShown;
pub use known::Shown;
pub use reader::GatewaySeen;
pub(super) use reader::Gateways;
