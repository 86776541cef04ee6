//! The command line: one file per command, each thin.

pub mod probe_mount;
