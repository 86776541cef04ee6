//! The real binary among real programs: Prometheus and Alertmanager, containers and systemd, a Substrate runtime, a Chia farm,
//! filesystems that hang, fill, fail and vanish.
//!
//! `./test e2e` brings the programs and runs this in namespaces of its own (`tests/e2e/namespace`), so ports and mounts
//! here collide with nothing. What is missing is a failure, never a skipped test.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(clippy::indexing_slicing, reason = "a test ends at what it did not expect")]
#![expect(clippy::panic, reason = "a test ends at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "these tests start programs and wait for them")]
#![expect(clippy::print_stderr, reason = "what programs said is shown when a test fails")]

mod alerting;
mod alone;
mod chia;
mod containers;
mod dashboards;
mod demo;
mod image;
mod mounts;
mod on_chain;
mod page;
mod prometheus;
mod reload;
mod repairs;
mod replay;
mod secrets;
mod service;
mod status_page;
mod substrate;
mod support;
mod trade_queue;
mod units;
