//! The families of pRuntimes, and the pure map from their picture to samples.

use super::answers::Gatekeeper;
use super::group::Named;
use super::picture::{State, View};
use super::symptoms::is_notable;
use crate::collectors::prb::snapshot::Snapshot;
use crate::collectors::prb::target::Detail;
use crate::collectors::prb::worker_samples::pool;
use crate::exposition::{Desc, Family, Page};

const OWN: [&str; 3] = ["lifecycle", "pool", "worker"];

static COUNT: Desc<2> = Desc::gauge(
    "phala_prb_pruntimes",
    "Workers by what became of asking their pRuntime; not_asked has an address that is not connected to, unknown was not reached yet (GetInfo).",
    &["lifecycle", "state"],
);
static UP: Desc<3> = Desc::gauge(
    "phala_pruntime_up",
    "1 if the worker's pRuntime answered the last request with what it knows, 0 also when it reported an error. Absent for an address that is not asked (GetInfo).",
    &OWN,
);
static INFO: Desc<5> = Desc::info(
    "phala_pruntime_info",
    "Release of pRuntime (GetInfo version, git_revision).",
    &["lifecycle", "pool", "worker", "version", "git_revision"],
);
static INITIALIZED: Desc<3> = Desc::gauge(
    "phala_pruntime_initialized",
    "1 if pRuntime is initialized (GetInfo).",
    &OWN,
);
static REGISTERED: Desc<3> = Desc::gauge(
    "phala_pruntime_registered",
    "1 if pRuntime has seen its registration on the chain (GetInfo).",
    &OWN,
);
static RELAY_HEADER: Desc<3> = Desc::gauge(
    "phala_pruntime_relay_header_height",
    "Last relay chain header that pRuntime has; absent before the first (GetInfo headernum - 1).",
    &OWN,
);
static PARA_HEADER: Desc<3> = Desc::gauge(
    "phala_pruntime_para_header_height",
    "Last parachain header that pRuntime has; absent before the first (GetInfo para_headernum - 1).",
    &OWN,
);
static BLOCK: Desc<3> = Desc::gauge(
    "phala_pruntime_block_height",
    "Last parachain block that pRuntime has executed; absent before the first (GetInfo blocknum - 1).",
    &OWN,
);
static BLOCK_TIME: Desc<3> = Desc::gauge(
    "phala_pruntime_current_block_timestamp_seconds",
    "Time of the last block that pRuntime has executed, since 1970; since release 2.2 (GetInfo current_block_time).",
    &OWN,
);
static PENDING: Desc<3> = Desc::gauge(
    "phala_pruntime_pending_messages",
    "Messages for the chain that pRuntime has not yet seen there; growing without end, transactions do not land (GetInfo).",
    &OWN,
);
static SCORE: Desc<3> = Desc::gauge(
    "phala_pruntime_score",
    "pRuntime's own benchmark: iterations in 6 s (GetInfo).",
    &OWN,
);
static CORES: Desc<3> = Desc::gauge(
    "phala_pruntime_cores",
    "Cores that pRuntime uses; since 2023 (Statistics).",
    &OWN,
);
static MEMORY: Desc<4> = Desc::gauge(
    "phala_pruntime_memory_bytes",
    "Memory in pRuntime's enclave; free and rust_spike since 2023 (GetInfo memory_usage).",
    &["lifecycle", "pool", "worker", "kind"],
);
static GATEKEEPER: Desc<4> = Desc::gauge(
    "phala_pruntime_gatekeeper_role",
    "1 for the worker's role among gatekeepers; none for all but a few of the network (GetInfo).",
    &["lifecycle", "pool", "worker", "role"],
);
static WAITING: Desc<3> = Desc::gauge(
    "phala_pruntime_waiting_for_paraheaders",
    "1 if pRuntime has relay chain headers for which those of the parachain are missing (GetInfo).",
    &OWN,
);
static SAFE_MODE: Desc<3> = Desc::gauge(
    "phala_pruntime_safe_mode_level",
    "0 is normal; 1 follows without executing blocks, 2 without storing anything (GetInfo).",
    &OWN,
);
static DEV_MODE: Desc<3> = Desc::gauge(
    "phala_pruntime_dev_mode",
    "1 if pRuntime was set up for development, which may not be in production (GetInfo).",
    &OWN,
);
static STARTED: Desc<3> = Desc::gauge(
    "phala_pruntime_start_timestamp_seconds",
    "When pRuntime began to run, since 1970, to about 5 s; since 2023 (Statistics uptime).",
    &OWN,
);

pub(in crate::collectors::prb) const FAMILIES: [&Family; 18] = [
    COUNT.family(),
    UP.family(),
    INFO.family(),
    INITIALIZED.family(),
    REGISTERED.family(),
    RELAY_HEADER.family(),
    PARA_HEADER.family(),
    BLOCK.family(),
    BLOCK_TIME.family(),
    PENDING.family(),
    SCORE.family(),
    CORES.family(),
    MEMORY.family(),
    GATEKEEPER.family(),
    WAITING.family(),
    SAFE_MODE.family(),
    DEV_MODE.family(),
    STARTED.family(),
];

/// Of each lifecycle in a summary; without a limit it would be as long as everything when everything is ill.
const MOST_OFFENDERS: usize = 20;

pub(in crate::collectors::prb) fn samples(snapshot: &Snapshot, page: &mut Page) {
    for group in snapshot.pruntimes() {
        let mut counts = [("up", 0_u64), ("down", 0), ("not_asked", 0), ("unknown", 0)];
        for (_, view) in &group.workers {
            let state = match view.map(|view| &view.state) {
                Some(State::Up) => "up",
                Some(State::Down(_)) => "down",
                Some(State::Refused(_)) => "not_asked",
                None => "unknown",
            };
            for (_, count) in counts.iter_mut().filter(|(name, _)| *name == state) {
                *count += 1;
            }
        }
        for (state, count) in counts {
            page.add(&COUNT, [group.lifecycle, state], count);
        }
        let mut shown: Vec<(&Named<'_>, &View)> = group
            .workers
            .iter()
            .filter_map(|(name, view)| Some((name, (*view)?)))
            .collect();
        if snapshot.detail == Detail::Summary {
            shown.retain(|(_, view)| is_notable(view));
            // Those that do not answer first.
            shown.sort_by_key(|(_, view)| view.up());
            shown.truncate(MOST_OFFENDERS);
        }
        for (named, view) in shown {
            let number = pool(named.pool);
            one([group.lifecycle, &number, named.worker], view, page);
        }
    }
}

fn one(own: [&str; 3], view: &View, page: &mut Page) {
    let [lifecycle, pool, worker] = own;
    page.add(&UP, own, view.up());
    page.add(&STARTED, own, view.told.as_ref().and(view.watch.started));
    let Some(told) = &view.told else { return };
    let info = &told.info;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let release = (text(&info.version), text(&info.git_revision));
    page.add(&INFO, [lifecycle, pool, worker, &release.0, &release.1], true);
    page.add(&INITIALIZED, own, info.initialized);
    page.add(&REGISTERED, own, info.registered);
    page.add(&RELAY_HEADER, own, info.heights.relay_header);
    page.add(&PARA_HEADER, own, info.heights.para_header);
    page.add(&BLOCK, own, info.heights.para_block);
    page.add(&BLOCK_TIME, own, info.block_time);
    page.add(&PENDING, own, info.pending_messages);
    page.add(&SCORE, own, info.score);
    page.add(&CORES, own, told.statistics.cores);
    for (kind, bytes) in info.memory.named() {
        page.add(&MEMORY, [lifecycle, pool, worker, kind], bytes);
    }
    for role in Gatekeeper::ALL {
        let is = info.gatekeeper.map(|own| own == role);
        page.add(&GATEKEEPER, [lifecycle, pool, worker, role.label()], is);
    }
    page.add(&WAITING, own, info.waiting_for_paraheaders);
    page.add(&SAFE_MODE, own, info.safe_mode_level);
    page.add(&DEV_MODE, own, info.dev_mode);
}
