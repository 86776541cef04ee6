//! Authorisation services: whether tokens can be checked, and whose users are disabled.

mod answers;
mod reader;
pub(super) mod samples;

pub use answers::{Standing, User};
pub use reader::{AuthSeen, TokenSeen};
pub(super) use reader::{Auths, OwnToken};
