//! Every state that repairs can come to, in small farms: the shipped runner, decisions and books, played against a nature
//! that does whatever it likes, at every point at which it can.
//!
//! `laws.rs` is what must never be, `world.rs` how everything stands; `farm.rs` lies between it and the runner; `play.rs` lets
//! the runner live through a list of moves; `search.rs` looks for all of them; `cases.rs` and `asking.rs` are the farms.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod asked;
mod asking;
mod case;
mod cases;
mod farm;
mod laws;
mod moment;
mod play;
mod search;
mod signs;
mod world;
