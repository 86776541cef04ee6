//! Nodes: their heads, peers and synchronisation, and what the chain has of wallets and miners.

mod answers;
mod chain_state;
mod picture;
mod reader;
pub(super) mod samples;

pub use answers::{Actor, Deadline, Head, Power, PublishPeers, STAGES, Sectors, SyncTargets};
pub use chain_state::{Claims, ClaimsSeen, MinerState, Unusable, WalletSaid};
pub use picture::{Chain, HeadSeen, NetworkSeen};
pub(super) use reader::Nodes;
