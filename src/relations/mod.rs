//! What only several targets together can tell: pure joins over their last pictures.
//!
//! A relation may add symptoms and take back those whose cause lies elsewhere. It asks nothing and remembers nothing.

mod chains;
pub mod links;

pub use chains::CHAIN_HALTED;

use crate::collectors::{Symptom, TargetView};

/// Every symptom that a relation can add.
pub const SYMPTOMS: &[&Symptom] = &[&CHAIN_HALTED];

/// Corrects what each target found on its own by what the others show.
pub fn judge(views: &mut [TargetView]) {
    chains::judge(views);
}
