//! The dashboards of farmwarden: typed panels, rows and variables, with their texts in every language beside each other.
//!
//! It writes JSON and nothing else: it knows neither farmwarden nor Grafana. `dashboards/en` and `dashboards/zh` are what it
//! says, and `tests/` holds every board against the rules of Grafana's linter and against the list of metrics.

mod board;
mod boards;
mod cells;
mod draw;
mod palette;
mod panel;
mod query;
mod states;
mod text;
mod variable;

pub use board::Board;
pub use boards::all;
pub use text::Language;
