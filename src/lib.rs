//! farmwarden: reads a mining farm into Prometheus metrics and says what is wrong and where. Repairs stand on that.
//!
//! The rooms, lowest first; a room uses only rooms below it (held by `tests/architecture.rs`, drawn in ARCHITECTURE.md).

pub mod clock;
pub mod logging;
pub mod process;
pub mod values;

pub mod alerts;
pub mod journal;

pub mod yaml;

pub mod exposition;
pub mod upstream;

pub mod collectors;

pub mod access;
pub mod actions;
pub mod notify;
pub mod relations;
pub mod store;

pub mod report;

pub mod remedy;

pub mod once;
pub mod schedule;
pub mod server;

pub mod config;

pub mod app;

pub mod cli;
