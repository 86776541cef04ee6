//! What the stand-ins of Phala's systems have in common: made-up identities, sessions, and a fleet of workers.
//!
//! Everything about a worker follows from its name, so that a PRB, a pRuntime and a chain that know nothing of one
//! another tell of the same public key, account and session.

pub mod beat;
pub mod fleet;
pub mod identity;
pub mod merge;
pub mod phactory;
pub mod session;
pub mod storage;
pub mod text;
