//! The running app in this process, on port 0, against stand-ins that are healthy, slow, silent, wrong and huge.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod access;
mod approvals;
mod chain_node;
mod chia;
mod chia_repairs;
mod courses;
mod harness;
mod on_chain;
mod orders;
mod phala_farm;
mod prb;
mod prb_doors;
mod probe;
mod pruntimes;
mod reload;
mod remote;
mod repairs;
mod secrets;
mod serving;
mod status;
mod tls;
mod venus;
