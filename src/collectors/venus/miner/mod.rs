//! Miner services: which miners they really mine for.

mod answers;
mod cause;
mod cut;
mod reader;
pub(super) mod samples;
pub(super) mod wins;

pub use answers::{MinerSeen, Mining};
pub use cause::Cause;
pub(super) use cut::cut;
pub(super) use reader::MinerServices;
pub use wins::{Kept, Tallies};
