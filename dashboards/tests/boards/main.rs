//! Every board against its files, its translation, the rules of Grafana's linter, the list of metrics, and our own rules.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "a test stops at the first surprise")]
#![expect(clippy::string_slice, reason = "queries are cut at ASCII letters")]

mod layout;
mod linter;
mod metrics;
mod promql;
mod support;
mod written;
