//! A distributed Chia farm: full node, farmer, harvesters and wallet by their RPCs, and the events of a daemon.
//!
//! Most of what is known of harvesters is known by the farmer, which they dial. Nothing here changes a farm, and neither
//! addresses nor paths of single plots are taken up. Which mounts a harvester's plots lie on is a relation.

mod details;
mod events;
mod farmer;
mod node;
mod plots;
mod root;
#[cfg(test)]
mod testing;
mod wallet;
mod wire;
