//! A network mount that is mounted anew, in the order in which whoever hangs in it comes free: abort, detach, mount, verify,
//! then the harvesters look for their plots.
//!
//! Mounting is systemd's: its unit has options and credentials from fstab, and mounts where the machine sees it. Source:
//! chia contract, 13, 14 and 17.

mod check;
mod law;
mod remount;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::catalogue::{self, Action};
pub(super) use remount::unit_of;

pub(super) static ACTIONS: [Action; 1] = [Action {
    name: "remount",
    does: "aborts and detaches the network mount that is ill, mounts it by its unit, and has harvesters look for plots",
    keys: &[],
    read: |_| Some(catalogue::Order::Remount),
}];

/// Every step at its longest: two looks, letting go, the unit's job, plots.
pub(super) const NEEDS: Duration = Duration::from_secs(300);
