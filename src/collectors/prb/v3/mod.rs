//! PRB v3 through its worker manager (`prb-wm`): what it is asked, and what its answers mean.
//!
//! It has no data provider: what its workers can be given is as far as the furthest of them.

pub mod answers;
mod reader;
pub mod transactions;

pub use reader::{PEER, Reader};
