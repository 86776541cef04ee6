//! The boards, one file each.

mod broken;
mod chia;
mod costs;
mod feed;
mod harvester;
mod messager;
mod miners;
mod mounts;
mod nodes;
mod overview;
mod prb;
mod repairs;
mod venus;
mod warden;
mod worker;

use crate::board::Board;

pub(crate) const OVERVIEW: &str = "farmwarden-overview";
pub(crate) const NODES: &str = "farmwarden-nodes";
pub(crate) const PRB: &str = "farmwarden-prb";
pub(crate) const WORKER: &str = "farmwarden-worker";
pub(crate) const VENUS: &str = "farmwarden-venus";
pub(crate) const MESSAGER: &str = "farmwarden-messager";
pub(crate) const MINERS: &str = "farmwarden-miners";
pub(crate) const CHIA: &str = "farmwarden-chia";
pub(crate) const HARVESTER: &str = "farmwarden-harvester";
pub(crate) const MOUNTS: &str = "farmwarden-mounts";
pub(crate) const REPAIRS: &str = "farmwarden-repairs";
pub(crate) const SELF: &str = "farmwarden-self";

/// Every board, in the order in which a farm is looked through.
pub fn all() -> Vec<Board> {
    vec![
        overview::board(),
        nodes::board(),
        prb::board(),
        worker::board(),
        venus::board(),
        messager::board(),
        miners::board(),
        chia::board(),
        harvester::board(),
        mounts::board(),
        repairs::board(),
        warden::board(),
    ]
}
