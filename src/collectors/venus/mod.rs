//! Filecoin through the Venus chain services: node, messager, miner, gateway and auth of one chain service.

pub mod address;
pub mod amount;
mod era;
pub mod error_class;
mod time;
mod wire;
