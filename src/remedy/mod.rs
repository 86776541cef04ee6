//! Repairs: which alert asks for one, what holds it back, and whether it helped.
//!
//! Nothing here changes anything outside.

pub mod settings;
mod share;
mod symptom_name;
mod window;

pub use settings::{Policy, Remedies};
pub use share::Share;
pub use symptom_name::SymptomName;
pub use window::Window;
