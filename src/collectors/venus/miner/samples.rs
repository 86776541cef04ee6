//! Miners of miner services, as samples.

use crate::collectors::venus::snapshot::Snapshot;
use crate::exposition::{Desc, Page};

pub(in crate::collectors::venus) static EXPECTED: Desc<1> = Desc::gauge(
    "venus_miner_expected",
    "1 for a miner that shall mine: named in the configuration or, where it names none, seen open for mining, until it is closed or a day after it left every list.",
    &["miner"],
);
pub(in crate::collectors::venus) static MINING: Desc<2> = Desc::gauge(
    "venus_miner_mining",
    "1 if a miner service mines for a miner, 0 if it knows the miner and does not; it does not say that proofs work (StatesForMining).",
    &["process", "miner"],
);
pub(in crate::collectors::venus) static OPEN: Desc<2> = Desc::gauge(
    "venus_miner_open_for_mining",
    "1 if a miner shall be mined for, as stored in auth; from 1.8 (ListAddress).",
    &["process", "miner"],
);
pub(in crate::collectors::venus) static ERRORS: Desc<2> = Desc::gauge(
    "venus_miner_errors",
    "Errors that a miner service reports for a miner: of the last minute from 1.8 on, before that the last 20 (StatesForMining).",
    &["process", "miner"],
);

pub(in crate::collectors::venus) fn samples(snapshot: &Snapshot, page: &mut Page) {
    if snapshot.miners.seen().next().is_some() {
        for miner in snapshot.expected() {
            page.add(&EXPECTED, [miner.as_str()], true);
        }
    }
    for (view, seen) in snapshot.miners.seen() {
        for (miner, mining) in &seen.miners {
            let labels = [&*view.label, miner.as_str()];
            page.add(&MINING, labels, mining.mining);
            page.add(&OPEN, labels, mining.open);
            page.add(&ERRORS, labels, mining.mining.map(|_| mining.errors.len()));
        }
    }
}
