//! PRB v0 through its monitor: what it is asked, and what its answers mean.

pub mod answers;
mod reader;

pub use reader::Reader;
