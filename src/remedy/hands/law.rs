//! What must be seen before something is stopped that others stand on: pure, over the pictures of collectors.
//!
//! The policy's own guards come before; these hold whatever a policy says. Source: phala contract, "Guards for
//! remediation".

use std::time::Duration;

use crate::clock::Now;
use crate::collectors::prb::{self, worker::Status};
use crate::collectors::venus::role::Role;
use crate::collectors::{Finding, phala, venus};
use crate::upstream::VenusService;
use crate::values;

/// With fewer peers a node may stand still for lack of them.
const FEW_PEERS: u64 = 3;
/// A best block that was made longer ago than this is old.
const OLD_HEAD: Duration = Duration::from_secs(300);
/// A height that rose within this time rises.
const RISES: Duration = Duration::from_secs(60);
/// A worker that got a block within this time is being fed: ten blocks of the parachain.
const FED: Duration = Duration::from_secs(120);
/// A node of Venus whose head is older than this stands still: 20 epochs.
const OLD_VENUS_HEAD: Duration = Duration::from_secs(600);
/// Targets of the third stage are what Venus synchronises.
const MESSAGE_SYNC: usize = 3;

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

/// A process of a chain service of Venus that is to be restarted.
pub(super) struct Restart<'a> {
    pub(super) service: VenusService,
    pub(super) label: &'a str,
    /// It gives no answer.
    pub(super) is_down: bool,
    /// Nothing listens in its place, so that nobody is cut off.
    pub(super) is_gone: bool,
}

/// Why a process of Venus is not restarted now. Source: venus contract, 8.5.
pub(super) fn venus_process(snapshot: &venus::Snapshot, restart: &Restart<'_>, now: Now) -> Result<(), String> {
    if let Some(before) = first_that_is_away(snapshot, restart.service) {
        return Err(format!("no {before} answers, which it needs: that comes first"));
    }
    match restart.service {
        VenusService::Auth | VenusService::Messager => Ok(()),
        VenusService::Gateway if restart.is_gone => Ok(()),
        VenusService::Gateway => no_proof_waits(snapshot),
        VenusService::Node if restart.is_down => Ok(()),
        VenusService::Node => venus_node(snapshot, restart.label, now),
        VenusService::Miner => nobody_took_over(snapshot, restart.label),
    }
}

/// What a service needs, in the order in which they are started; of several processes one is enough.
fn first_that_is_away(snapshot: &venus::Snapshot, service: VenusService) -> Option<&'static str> {
    fn is_away<T>(role: &Role<T>) -> bool {
        !role.views().is_empty() && role.views().iter().all(|view| view.up() != Some(true))
    }
    let needed = [
        ("auth", is_away(&snapshot.auths)),
        ("gateway", is_away(&snapshot.gateways)),
        ("node", is_away(&snapshot.heads)),
    ];
    let needs = match service {
        VenusService::Auth => 0,
        // A node pushes and answers without a gateway.
        VenusService::Gateway | VenusService::Node => 1,
        VenusService::Messager | VenusService::Miner => 3,
    };
    let mut away = needed.into_iter().take(needs).filter(|(_, is_away)| *is_away);
    away.next().map(|(name, _)| name)
}

/// A restart of the gateway cuts every wallet off for a moment.
fn no_proof_waits(snapshot: &venus::Snapshot) -> Result<(), String> {
    if snapshot.messagers.views().is_empty() {
        return Ok(());
    }
    let Some((book, _)) = snapshot.current_book() else {
        return Err("no messager tells whether a proof for a window waits".to_owned());
    };
    let waits = book.senders.iter().find(|view| view.queue.window_posts.count > 0);
    match waits {
        Some(view) => Err(format!(
            "a proof of {} for a window waits: nothing could be signed for a moment",
            view.address.brief()
        )),
        None => Ok(()),
    }
}

/// A node that answers is restarted only when it stands still and a restart is likely to help.
fn venus_node(snapshot: &venus::Snapshot, label: &str, now: Now) -> Result<(), String> {
    let network = snapshot.networks.current().find(|(view, _)| *view.label == *label);
    let head = snapshot.heads.current().find(|(view, _)| *view.label == *label);
    let (Some((_, network)), Some((_, head))) = (network, head) else {
        return Err("its peers, its synchronisation or its head are not known".to_owned());
    };
    let syncs = network.syncs.and_then(|syncs| syncs.get(MESSAGE_SYNC).copied());
    let syncs = syncs.ok_or_else(|| "it is not known what it synchronises".to_owned())?;
    if syncs > 0 {
        return Err(format!("it synchronises {syncs} targets: wait"));
    }
    // A head of yesterday that rises is one that catches up.
    if snapshot
        .head_stands(label, now)
        .is_none_or(|stands| stands < OLD_VENUS_HEAD)
    {
        return Err(format!(
            "its head is not seen to stand still for {}: wait",
            values::Duration::from(OLD_VENUS_HEAD)
        ));
    }
    if network.peers == Some(0)
        || head
            .head
            .made
            .is_some_and(|made| made.age_at(now.wall) >= OLD_VENUS_HEAD)
    {
        return Ok(());
    }
    Err(format!(
        "it has peers, and its head is not known to be older than {}: a restart is not likely to help",
        values::Duration::from(OLD_VENUS_HEAD)
    ))
}

/// While it was away another may have begun to mine for its miners: two are slashed.
fn nobody_took_over(snapshot: &venus::Snapshot, label: &str) -> Result<(), String> {
    for view in snapshot.miners.views().iter().filter(|view| *view.label != *label) {
        let Some(seen) = view.current() else {
            return Err(format!(
                "whether {} mines meanwhile is not known: two are slashed",
                view.label
            ));
        };
        let mines = |miner: &&_| seen.mines_for(miner) != Some(false);
        if let Some(miner) = snapshot.expected().into_iter().find(mines) {
            return Err(format!("{} mines for {miner} meanwhile: two are slashed", view.label));
        }
    }
    Ok(())
}
