//! The families of what the chain says beside the workers' own, and the pure map to samples.

use super::Picture;
use crate::exposition::{Desc, Page};

pub(in crate::collectors::prb) static HEIGHT: Desc<0> = Desc::gauge(
    "phala_chain_block_height",
    "The finalized block at which the chain was asked about the workers (chain_getFinalizedHead).",
    &[],
);
pub(in crate::collectors::prb) static TIME: Desc<0> = Desc::gauge(
    "phala_chain_block_timestamp_seconds",
    "When that block was made, since 1970. Older than ten minutes it is not the present: the figures read at it are then left out (Timestamp.Now).",
    &[],
);
pub(in crate::collectors::prb) static ONLINE: Desc<0> = Desc::gauge(
    "phala_chain_online_workers",
    "Workers of the whole network that compute or are unresponsive (OnlineWorkers, older OnlineMiners).",
    &[],
);
pub(in crate::collectors::prb) static PAUSED: Desc<0> = Desc::gauge(
    "phala_chain_heartbeat_paused",
    "1 while nobody in the network is asked for heartbeats; nobody leaves the state unresponsive then. Absent for PhalaMining, which knows no pause (HeartbeatPaused).",
    &[],
);
pub(in crate::collectors::prb) static WINDOW: Desc<0> = Desc::gauge(
    "phala_chain_heartbeat_window_blocks",
    "Blocks within which a heartbeat must arrive (TokenomicParameters).",
    &[],
);
pub(in crate::collectors::prb) static COOL_DOWN: Desc<0> = Desc::gauge(
    "phala_chain_cool_down_seconds",
    "How long the stake of a worker stays locked after it was stopped (CoolDownPeriod).",
    &[],
);
pub(in crate::collectors::prb) static UNREADABLE: Desc<0> = Desc::gauge(
    "phala_chain_unreadable_values",
    "Values of another form than in every runtime that is known, in the last round. PRB's word stands for the workers that they belong to (state_queryStorageAt).",
    &[],
);
pub(in crate::collectors::prb) static BALANCE: Desc<2> = Desc::gauge(
    "phala_pool_operator_free_balance_pha",
    "What the owner of a pool has free, for fees among other things. Where PRB pays by a proxy account this is not it (Pools, System.Account).",
    &["pool", "account"],
);

pub(in crate::collectors::prb) fn samples(picture: &Picture, page: &mut Page) {
    if let Some(last) = picture.last() {
        page.add(&HEIGHT, [], last.height);
        page.add(&TIME, [], last.time);
    }
    let Some(state) = picture.state() else { return };
    page.add(&ONLINE, [], state.network.online_workers);
    page.add(&PAUSED, [], state.network.heartbeat_paused);
    page.add(&WINDOW, [], state.network.heartbeat_window);
    page.add(&COOL_DOWN, [], state.network.cool_down_seconds);
    page.add(&UNREADABLE, [], state.unreadable);
    for (pool, operator) in &state.operators {
        page.add(
            &BALANCE,
            [&pool.to_string(), &operator.account.to_string()],
            operator.free,
        );
    }
}
