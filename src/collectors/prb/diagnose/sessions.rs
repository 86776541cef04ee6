//! What the chain has against a worker, by its own word or as PRB passes it on; and who cannot pay much longer.

use std::collections::HashSet;
use std::time::Duration;

use super::super::amount::Plancks;
use super::super::on_chain::{Picture, Source, Word};
use super::super::session::SessionState;
use super::super::snapshot::{PeerView, Row};
use super::super::symptoms::{
    OPERATOR_GAS_LOW, Thresholds, WORKER_NOT_COMPUTING, WORKER_SETTLED_LONG_AGO, WORKER_UNRESPONSIVE, WORKER_WRONG_POOL,
};
use super::super::worker_samples::unresponsive;
use super::{Ill, Looker, ill, whole_seconds};
use crate::collectors::Diagnosis;

impl Looker<'_> {
    /// `in_state` is how long PRB has it in the state that it has.
    pub(super) fn session<'a>(&mut self, row: &'a Row, in_state: Duration) -> Option<Ill<'a>> {
        let wrong_pool = self.wrong_pool(row);
        let chain = self.chain;
        let word = chain.word(&row.worker);
        let Some(state) = word.state() else {
            return wrong_pool;
        };
        self.looked_at(&[&WORKER_UNRESPONSIVE, &WORKER_NOT_COMPUTING]);
        if wrong_pool.is_none() && state != SessionState::Unresponsive {
            self.well.push(&WORKER_UNRESPONSIVE);
        }
        if wrong_pool.is_none() && state == SessionState::Idle {
            self.well.push(&WORKER_NOT_COMPUTING);
        }
        wrong_pool.or_else(|| match state {
            SessionState::Unresponsive => self.unresponsive(row, word),
            SessionState::Ready => self.not_computing(row, word, in_state),
            SessionState::Idle => self.settled_long_ago(row, word),
            SessionState::CoolingDown => None,
        })
    }

    fn wrong_pool<'a>(&mut self, row: &'a Row) -> Option<Ill<'a>> {
        let here = row.worker.identity.pool?;
        let there = self.chain.worker(&row.worker)?.pool?;
        self.looked_at(&[&WORKER_WRONG_POOL]);
        if here == there {
            self.well.push(&WORKER_WRONG_POOL);
        }
        (here != there).then(|| {
            let evidence = format!("the chain has it in pool {there}, PRB in pool {here}");
            ill(&WORKER_WRONG_POOL, row, None, evidence)
        })
    }

    fn unresponsive<'a>(&self, row: &'a Row, word: Word<'_>) -> Option<Ill<'a>> {
        unresponsive(row, self.chain).then(|| {
            let status = row.worker.status.label();
            let evidence = match word.source {
                Source::Prb => format!("its session on the chain is unresponsive; PRB says {status}"),
                Source::Chain => {
                    let told = row.worker.info.session.and_then(|session| session.state);
                    let told = told.map_or("not known", SessionState::label);
                    format!("the chain has it as unresponsive; PRB says {status}, and its session {told}")
                }
            };
            ill(&WORKER_UNRESPONSIVE, row, None, evidence)
        })
    }

    /// A worker that has still to reach the tip, or is meant to stay there only, has no reason to compute.
    fn not_computing<'a>(&self, row: &'a Row, word: Word<'_>, in_state: Duration) -> Option<Ill<'a>> {
        let (worker, identity) = (&row.worker, &row.worker.identity);
        let idle = identity.sync_only || identity.pool.is_some_and(|pool| self.idle_pools.contains(&pool));
        if !identity.enabled || idle || !worker.status.follows() {
            return None;
        }
        let since = match word.source {
            Source::Prb => Some(row.watch.session_since),
            Source::Chain => self.chain.ready_since(worker),
        };
        // While it was on its way to the tip the session could not be otherwise.
        let ready = self.now.monotonic.saturating_duration_since(since?).min(in_state);
        let limit = self.thresholds.not_computing_after;
        (ready >= limit.get()).then(|| {
            let evidence = format!(
                "PRB says {}, but its session is only bound for {} (limit {limit})",
                worker.status.label(),
                whole_seconds(ready)
            );
            ill(&WORKER_NOT_COMPUTING, row, None, evidence)
        })
    }

    fn settled_long_ago<'a>(&mut self, row: &'a Row, word: Word<'_>) -> Option<Ill<'a>> {
        let settled = word.session?.v_updated?;
        self.looked_at(&[&WORKER_SETTLED_LONG_AGO]);
        let ago = settled.age_at(self.now.wall);
        let limit = self.thresholds.settled_long_ago_after;
        if ago < limit.get() {
            self.well.push(&WORKER_SETTLED_LONG_AGO);
        }
        (ago >= limit.get() && !self.chain.heartbeat_paused()).then(|| {
            let evidence = format!(
                "it computes, but V was settled {} ago (limit {limit})",
                whole_seconds(ago)
            );
            ill(&WORKER_SETTLED_LONG_AGO, row, None, evidence)
        })
    }
}

/// As far as the lifecycle's database is known.
pub(super) fn idle_pools(view: &PeerView) -> HashSet<u64> {
    let pools = view.inventory.iter().flat_map(|seen| &seen.value.pools);
    pools
        .filter(|pool| pool.sync_only)
        .filter_map(|pool| pool.number)
        .collect()
}

pub(super) fn operators(chain: &Picture, thresholds: &Thresholds, diagnosis: &mut Diagnosis) {
    let limit = thresholds.operator_gas_below_pha;
    let operators = chain.state().into_iter().flat_map(|state| &state.operators);
    for (pool, operator) in operators {
        let low = operator.free.map(|free| free < Plancks::of_pha(limit));
        diagnosis.judge(&OPERATOR_GAS_LOW, &format!("pool/{pool}"), low, || {
            let free = operator.free.unwrap_or(Plancks(0));
            format!("its owner {} has {free} PHA free (limit {limit} PHA)", operator.account)
        });
    }
}

#[cfg(test)]
mod tests;
