//! The messager: which messages of which sender wait, for how long, and why.

mod answers;
mod book;
mod one;
mod reader;
pub(super) mod samples;
mod tally;

pub(super) use answers::message;
pub use answers::{Message, Sender, SenderState, Shared, Waiting};
pub use book::{Book, MessagerSeen, SenderView, Sight, Sights};
pub(super) use one::whole;
pub use one::{State, Whole};
pub(super) use reader::Messagers;
pub use tally::{Pile, Queue};
