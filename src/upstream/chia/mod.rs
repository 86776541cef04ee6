//! A Chia farm: the RPCs of its services and the events of its daemons, over mutual TLS.
//!
//! Any certificate of a farm opens every RPC of every service, the wallet's spending and the keychain included. So what
//! can be asked is a fixed list here (`call.rs`, `daemon.rs`), without any way to name another route; nothing on these
//! types changes a farm. Observed with chia-blockchain 2.7.5, differences of older releases where they are noted.

mod call;
mod daemon;
mod identity;
mod node_id;
mod rpc;
mod way;

pub use call::{Call, Service};
pub use daemon::{DaemonEvents, Heard, Push};
pub use identity::{Certificates, Identity};
pub use node_id::NodeId;
pub use rpc::ChiaRpc;
pub use way::{Way, ended_unheard};

#[cfg(test)]
pub(crate) mod testing;
