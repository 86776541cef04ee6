//! farmwarden: reads a mining farm into Prometheus metrics and repairs what can be repaired safely.

pub mod clock;
pub mod process;
pub mod values;

pub mod exposition;
pub mod upstream;

pub mod collectors;

pub mod relations;
pub mod store;

pub mod schedule;

pub mod cli;
