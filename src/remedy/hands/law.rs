//! What must be seen before something is stopped that others stand on: pure, over the pictures of collectors.
//!
//! The policy's own guards come before; these hold whatever a policy says. Source: phala contract, "Guards for
//! remediation".

use std::time::Duration;

use crate::clock::Now;
use crate::collectors::prb::{self, worker::Status};
use crate::collectors::{Finding, phala};
use crate::values;

/// With fewer peers a node may stand still for lack of them.
const FEW_PEERS: u64 = 3;
/// A best block that was made longer ago than this is old.
const OLD_HEAD: Duration = Duration::from_secs(300);
/// A height that rose within this time rises.
const RISES: Duration = Duration::from_secs(60);
/// A worker that got a block within this time is being fed: ten blocks of the parachain.
const FED: Duration = Duration::from_secs(120);

/// Whether a node may be restarted: it stands still, something else says so too, and it is not catching up. The evidence,
/// or why not.
pub(super) fn node(snapshot: &phala::Snapshot, findings: &[Finding], now: Now) -> Result<String, String> {
    let seen: Vec<_> = snapshot
        .chains()
        .into_iter()
        .filter_map(|(chain, view)| Some((chain.name(), view.head.as_ref(), view.watch?)))
        .collect();
    for (chain, head, watch) in &seen {
        let syncing = head
            .and_then(|head| head.health)
            .is_some_and(|health| health.is_syncing);
        if syncing && watch.still_for(now) < RISES {
            return Err(format!("its {chain} chain synchronises and its height rises: wait"));
        }
    }
    let Some(stuck) = findings.iter().find(|finding| *finding.symptom == phala::NODE_STUCK) else {
        return Err("it is not stuck (node_stuck), and a node is restarted for nothing else".to_owned());
    };
    let confirmed = seen.iter().find_map(|(chain, head, _)| {
        let Some(head) = head else {
            return Some(format!("its {chain} chain does not answer"));
        };
        let peers = head
            .health
            .filter(|health| health.should_have_peers)
            .map(|health| health.peers);
        let age = head.timestamp.map(|made| made.age_at(now.wall));
        if let Some(peers) = peers.filter(|peers| *peers < FEW_PEERS) {
            return Some(format!("its {chain} chain has {peers} peers"));
        }
        let old = age.filter(|age| *age > OLD_HEAD)?;
        let old = values::Duration::from_secs(old.as_secs());
        Some(format!("the last block of its {chain} chain is {old} old"))
    });
    match confirmed {
        Some(confirmed) => Ok(format!("{}; {confirmed}", stuck.evidence)),
        None => Err(format!(
            "it is stuck ({}), but it has peers, its head is not older than {} and it answers: a restart is not \
             what it needs",
            stuck.evidence,
            values::Duration::from(OLD_HEAD)
        )),
    }
}

/// Which lifecycle gives most of its workers new blocks, in words; nothing if none is seen to. `which` is the only one that
/// counts, where one is named.
pub(super) fn feeds_well(snapshot: &prb::Snapshot, which: Option<&str>, now: Now) -> Option<String> {
    let counted = |label: &str| which.is_none_or(|which| which == label);
    let lifecycles = snapshot.lifecycles().filter(|view| counted(&view.label));
    for view in lifecycles.filter(|view| view.up() == Some(true)) {
        let rows = view.workers.iter().flat_map(|seen| &seen.value.rows);
        let (mut fed, mut all) = (0_usize, 0_usize);
        for row in rows {
            all += 1;
            let runs = row.worker.status == Status::Syncing || row.worker.status.follows();
            let recent = now.monotonic.saturating_duration_since(row.watch.height_since) < FED;
            // Without a height there is nothing that could have risen.
            fed += usize::from(runs && recent && row.worker.heights.para_block.is_some());
        }
        if fed * 2 > all {
            return Some(format!(
                "{} feeds blocks: {fed} of its {all} workers had a new one within {}; stopping it then has destroyed checkpoints",
                view.label,
                values::Duration::from(FED)
            ));
        }
    }
    None
}
