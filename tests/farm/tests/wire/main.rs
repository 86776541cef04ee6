//! What the farm does on the wire, seen by plain TCP clients. One program, so that it is linked once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends at what it did not expect"
)]

mod chia;
mod common;
mod dingtalk;
mod engine;
mod node_http;
mod node_websocket;
mod prb_v0;
mod prb_v2;
mod prb_v2_workers;
mod prb_v3;
mod program;
mod pruntime;
mod venus;
mod venus_messager;
mod venus_node;
mod venus_people;
