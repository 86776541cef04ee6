//! From numbers to bytes: families, pages of rendered samples, and the two text formats.
//!
//! A sample line reads the same in both formats, so it is rendered once, at the end of a round; only the family
//! headers differ, and they are written at scrape time. Nothing here knows what is being measured.

mod desc;
mod format;
#[cfg(test)]
pub(crate) mod golden;
mod histogram;
mod own;
mod page;
mod process_usage;
mod value;

pub use desc::{Desc, Family, Kind};
pub use format::{Format, write_families};
pub use histogram::Histogram;
pub use own::{Own, Refused, RequestLabels};
pub use page::{Page, Rendered};
pub use process_usage::ProcessUsage;
pub use value::Value;
