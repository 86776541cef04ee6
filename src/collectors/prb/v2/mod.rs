//! PRB v2 through its monitor: what it is asked, in which turns, and what its answers mean.

pub mod answers;
mod reader;
mod turns;

pub use reader::Reader;
pub use turns::{REST, Turn, Turns};
