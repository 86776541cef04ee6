//! Gateways: who is connected to sign and to prove.

mod answers;
mod reader;
pub(super) mod samples;

pub use answers::{Account, Connections};
pub use reader::GatewaySeen;
pub(super) use reader::Gateways;
