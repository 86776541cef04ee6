//! The simulated farm: stand-ins of the systems that farmwarden reads, each with scripted incidents.
//!
//! The program `simfarm` serves many of them and takes orders on a control port; tests may also hold one in their
//! own process, for example a [`substrate::Node`]. A stand-in imitates what is seen on the wire, nothing behind it.

pub mod chia;
pub mod cli;
pub mod client;
pub mod clock;
pub mod control;
pub mod demo;
pub mod dingtalk;
pub mod engine;
pub mod fuse;
pub mod phala;
pub mod prb_v0;
pub mod prb_v2;
pub mod prb_v3;
pub mod pruntime;
pub mod standin;
pub mod substrate;
pub mod venus;
pub mod wire;
