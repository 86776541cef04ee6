//! The families of a worker, the same for every version of PRB. A worker costs some 30 series in full detail, 32 when it
//! cools down and is ill.

use super::on_chain::Picture;
use super::session::{Session, SessionState};
use super::snapshot::{Row, Workers};
use super::target::Detail;
use super::worker::Status;
use crate::exposition::{Desc, Page};

pub(super) static INFO: Desc<9> = Desc::info(
    "phala_worker_info",
    "A worker that its lifecycle has loaded: pRuntime's address and version, its key, the session account bound on the chain (GetWorkerStatus).",
    &[
        "lifecycle",
        "pool",
        "worker",
        "uuid",
        "endpoint",
        "public_key",
        "account",
        "pruntime_version",
        "sync_only",
    ],
);
pub(super) static STATE: Desc<4> = Desc::gauge(
    "phala_worker_state",
    "1 for the state in which PRB has the worker; unknown before the first report. PRB leaves a worker active that silently stopped: compare with its lag (GetWorkerStatus).",
    &["lifecycle", "pool", "worker", "state"],
);
pub(super) static SESSION_STATE: Desc<5> = Desc::gauge(
    "phala_worker_session_state",
    "1 for the state of the worker's session on the chain; idle is computing. Source is who says so: the chain where a node is configured and well, else PRB. Absent for a worker that is not bound (Sessions, GetWorkerStatus).",
    &["lifecycle", "pool", "worker", "state", "source"],
);
pub(super) static PARA_BLOCK: Desc<3> = Desc::gauge(
    "phala_worker_para_block_height",
    "Last parachain block given to the worker. Absent before synchronising began; while starting and after an error it is from before (GetWorkerStatus paraBlockDispatchedTo).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static PARA_HEADER: Desc<3> = Desc::gauge(
    "phala_worker_para_header_height",
    "Last parachain header given to the worker (GetWorkerStatus paraHeaderSynchedTo).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static RELAY_HEADER: Desc<3> = Desc::gauge(
    "phala_worker_relay_header_height",
    "Last relay chain header given to the worker (GetWorkerStatus parentHeaderSynchedTo).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static LAG: Desc<3> = Desc::gauge(
    "phala_worker_para_lag_blocks",
    "Parachain blocks that the data provider has and the worker has not, in v3 those that the furthest worker has; only while the worker synchronises or follows (GetDataProviderInfo, GetWorkerStatus).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static MESSAGE_TIME: Desc<3> = Desc::gauge(
    "phala_worker_last_message_timestamp_seconds",
    "When the worker's last message was written, since 1970; it is never cleared (GetWorkerStatus lastMessage).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static MESSAGE_INFO: Desc<4> = Desc::info(
    "phala_worker_last_message_info",
    "Kind of the worker's last message, which may be old (GetWorkerStatus lastMessage).",
    &["lifecycle", "pool", "worker", "kind"],
);
pub(super) static STAKE: Desc<3> = Desc::gauge(
    "phala_worker_stake_pha",
    "Stake that is configured for the worker in PRB (GetWorkerStatus).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static V: Desc<3> = Desc::gauge(
    "phala_worker_v",
    "The session's V now; what it earns is in proportion to it (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static VE: Desc<3> = Desc::gauge(
    "phala_worker_ve",
    "The session's V when computing began (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static P_INITIAL: Desc<3> = Desc::gauge(
    "phala_worker_p_init",
    "Benchmark at registration (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static P_INSTANT: Desc<3> = Desc::gauge(
    "phala_worker_p_instant",
    "Benchmark now; zero for a while after a restart of pRuntime (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static REWARD: Desc<3> = Desc::gauge(
    "phala_worker_reward_pha",
    "Rewards of the session so far; begins anew when the worker is bound again (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static V_UPDATED: Desc<3> = Desc::gauge(
    "phala_worker_v_updated_timestamp_seconds",
    "When V was last settled on the chain, since 1970 (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static CHALLENGED: Desc<3> = Desc::gauge(
    "phala_worker_challenge_timestamp_seconds",
    "When the worker was last challenged for its heartbeat, since 1970 (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static COOL_DOWN: Desc<3> = Desc::gauge(
    "phala_worker_cool_down_start_timestamp_seconds",
    "When the worker began to cool down, since 1970; only while it does (Sessions, sessionInfoJson).",
    &["lifecycle", "pool", "worker"],
);
pub(super) static CHAIN_STAKE: Desc<3> = Desc::gauge(
    "phala_worker_chain_stake_pha",
    "Stake that is locked for the worker on the chain; absent while it neither computes nor cools down (Stakes).",
    &["lifecycle", "pool", "worker"],
);

/// Of each lifecycle; without a limit a summary would be as long as everything when everything is ill.
const MOST_OFFENDERS: usize = 20;
/// From here on a lag is worth a line in a summary: ten blocks are the heartbeat window.
const NOTABLE_LAG: u64 = 10;

/// What stands around the workers of a lifecycle.
pub(super) struct Around<'a> {
    /// The block that they can be given.
    pub(super) provided: Option<u64>,
    pub(super) chain: &'a Picture,
}

pub(super) fn samples(lifecycle: &str, workers: &Workers, around: &Around<'_>, detail: Detail, page: &mut Page) {
    match detail {
        Detail::Full => {
            for row in &workers.rows {
                let names = Names::new(lifecycle, row);
                names.state(row, around, page);
                names.rest(row, around.chain, page);
            }
        }
        Detail::Summary => {
            for row in offenders(workers, around) {
                Names::new(lifecycle, row).state(row, around, page);
            }
        }
    }
}

/// The worst first.
fn offenders<'a>(workers: &'a Workers, around: &Around<'_>) -> Vec<&'a Row> {
    let provided = around.provided;
    let badness = |row: &Row| {
        let status = match row.worker.status {
            Status::Error => 3,
            Status::Kicked => 2,
            _ if unresponsive(row, around.chain) => 2,
            _ if lag(row, provided).is_some_and(|lag| lag > NOTABLE_LAG) => 1,
            _ => 0,
        };
        (status, lag(row, provided))
    };
    let mut ill: Vec<&Row> = workers.rows.iter().filter(|row| badness(row).0 > 0).collect();
    ill.sort_by(|a, b| badness(b).cmp(&badness(a)).then_with(|| a.label.cmp(&b.label)));
    ill.truncate(MOST_OFFENDERS);
    ill
}

/// While the network is asked for no heartbeats, the state says nothing about the worker.
pub(super) fn unresponsive(row: &Row, chain: &Picture) -> bool {
    !chain.heartbeat_paused() && chain.word(&row.worker).state() == Some(SessionState::Unresponsive)
}

/// Blocks behind the data provider. Heights of a worker that starts or has failed are those of an earlier life.
pub(super) fn lag(row: &Row, provided: Option<u64>) -> Option<u64> {
    let status = row.worker.status;
    let current = status.follows() || status == Status::Syncing;
    let height = row.worker.heights.para_block.filter(|_| current)?;
    // Asked at other moments, a worker may seem to be ahead.
    Some(provided?.saturating_sub(height))
}

/// The label value `pool`; empty when unknown.
pub fn pool(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

pub(super) const fn yes_no(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// The labels of a worker.
struct Names<'a> {
    lifecycle: &'a str,
    pool: String,
    worker: &'a str,
}

impl<'a> Names<'a> {
    fn new(lifecycle: &'a str, row: &'a Row) -> Self {
        Self {
            lifecycle,
            pool: pool(row.worker.identity.pool),
            worker: &row.label,
        }
    }

    fn own(&self) -> [&str; 3] {
        [self.lifecycle, &self.pool, self.worker]
    }

    fn and<'b>(&'b self, fourth: &'b str) -> [&'b str; 4] {
        [self.lifecycle, &self.pool, self.worker, fourth]
    }

    /// What tells a well worker from an ill one.
    fn state(&self, row: &Row, around: &Around<'_>, page: &mut Page) {
        let worker = &row.worker;
        for state in Status::ALL {
            page.add(&STATE, self.and(state.label()), worker.status == state);
        }
        let word = around.chain.word(worker);
        for state in SessionState::ALL {
            let [lifecycle, pool, name] = self.own();
            let labels = [lifecycle, pool, name, state.label(), word.source.label()];
            page.add(&SESSION_STATE, labels, word.state().map(|said| said == state));
        }
        page.add(&PARA_BLOCK, self.own(), worker.heights.para_block);
        page.add(&LAG, self.own(), lag(row, around.provided));
        page.add(&MESSAGE_INFO, self.and(worker.message.kind.label()), true);
    }

    fn rest(&self, row: &Row, chain: &Picture, page: &mut Page) {
        let worker = &row.worker;
        let identity = &worker.identity;
        let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let labels = [
            self.lifecycle,
            &self.pool,
            self.worker,
            &identity.uuid,
            &identity.endpoint,
            &text(&worker.public_key),
            &text(&worker.account),
            &text(&worker.info.pruntime_version),
            yes_no(identity.sync_only),
        ];
        page.add(&INFO, labels, true);
        page.add(&PARA_HEADER, self.own(), worker.heights.para_header);
        page.add(&RELAY_HEADER, self.own(), worker.heights.relay_header);
        page.add(&MESSAGE_TIME, self.own(), worker.message.at);
        page.add(&STAKE, self.own(), identity.stake);
        page.add(
            &CHAIN_STAKE,
            self.own(),
            chain.worker(worker).and_then(|known| known.stake),
        );
        if let Some(session) = chain.word(worker).session {
            self.session(session, page);
        }
    }

    fn session(&self, session: &Session, page: &mut Page) {
        page.add(&V, self.own(), session.v);
        page.add(&VE, self.own(), session.ve);
        page.add(&P_INITIAL, self.own(), session.p_initial);
        page.add(&P_INSTANT, self.own(), session.p_instant);
        page.add(&REWARD, self.own(), session.reward);
        page.add(&V_UPDATED, self.own(), session.v_updated);
        page.add(&CHALLENGED, self.own(), session.challenged);
        page.add(&COOL_DOWN, self.own(), session.cool_down_started);
    }
}
