//! What only several targets together can tell: pure joins over their last pictures.
//!
//! A relation may add symptoms, take back those whose cause lies elsewhere, and say on the page what it found. It asks
//! nothing and remembers nothing.

mod broken_links;
mod chains;
pub mod links;
mod plot_mounts;
mod provider_target;
#[cfg(test)]
mod testing;

pub use chains::CHAIN_HALTED;
pub use plot_mounts::{machine_of, mounts_below};

use crate::collectors::chia::DIRECTORY_UNMOUNTED;
use crate::collectors::prb::WITHOUT_BLOCKS;
use crate::collectors::{Link, Symptom, TargetView};
use crate::exposition::{Family, Page};

/// Every symptom that a relation can add and no collector has.
pub const SYMPTOMS: &[&Symptom] = &[&CHAIN_HALTED, &WITHOUT_BLOCKS, &DIRECTORY_UNMOUNTED];

/// Every family that a relation can write.
pub const FAMILIES: &[&Family] = &[
    broken_links::WORKERS.family(),
    broken_links::WORKER.family(),
    plot_mounts::DIRECTORIES.family(),
    plot_mounts::PLOTS.family(),
];

/// Corrects what each target found on its own by what the others show. What is a cause comes before what it causes.
pub fn judge(views: &mut [TargetView], links: &[Link], page: &mut Page) {
    chains::judge(views);
    provider_target::judge(views, links);
    broken_links::judge(views, links, page);
    plot_mounts::judge(views, links, page);
}
