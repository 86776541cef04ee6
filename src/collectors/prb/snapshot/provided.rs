//! What the lifecycles' workers can be given: data providers, and whether they or the workers still get blocks.

use std::time::Duration;

use tokio::time::Instant;

use super::{PeerView, Snapshot};
use crate::clock::Now;
use crate::collectors::prb::peer::{Peer, Role};
use crate::collectors::prb::watch::furthest;
use crate::collectors::prb::worker::{Provider, Status};
use crate::values;

/// Since when a data provider's targets stand where they are; it begins anew when it was out of sight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Targets {
    para: Option<(u64, Instant)>,
    relay: Option<(u64, Instant)>,
    /// Since when it answers without knowing what its node has.
    unknown: Option<Instant>,
}

impl Targets {
    pub(super) fn next(self, provider: &Provider, now: Now) -> Self {
        let one = |before: Option<(u64, Instant)>, target: Option<u64>| {
            let target = target?;
            Some(
                before
                    .filter(|(same, _)| *same == target)
                    .unwrap_or((target, now.monotonic)),
            )
        };
        Self {
            para: one(self.para, provider.para.target),
            relay: one(self.relay, provider.relay.target),
            unknown: (provider.para.target.is_none() || provider.relay.target.is_none())
                .then(|| self.unknown.unwrap_or(now.monotonic)),
        }
    }
}

impl Snapshot {
    /// The data providers that a lifecycle can take blocks from: those of the same bridge and chain.
    pub fn providers_of<'a>(&'a self, lifecycle: &'a Peer) -> impl Iterator<Item = &'a PeerView> {
        let same = |own: &str, other: &str| own.is_empty() || other.is_empty() || own == other;
        self.peers().filter(move |view| {
            let peer = &view.peer;
            peer.role == Role::DataProvider
                && same(&peer.bridge, &lifecycle.bridge)
                && same(&peer.chain, &lifecycle.chain)
        })
    }

    /// What the workers of a lifecycle can be given: the height of the furthest provider. A worker manager has none, nor
    /// have workers without a PRB: there it is the height of the furthest worker.
    pub fn provided(&self, lifecycle: &Peer) -> Option<u64> {
        if !lifecycle.role.has_providers() {
            let view = self.peers.get(&lifecycle.id)?;
            let rows = &view.workers.as_ref()?.value.rows;
            return furthest(rows.iter().map(|row| row.worker.as_ref()));
        }
        let heights = self
            .providers_of(lifecycle)
            .filter_map(|view| view.provider.as_ref()?.value.para.processed);
        heights.max()
    }

    /// Whether a data provider has lost its node, in words: its target stands, while `finalized` (para, relay) is
    /// further. `None` where there is nothing to compare.
    pub fn stale_target(&self, provider: &PeerView, finalized: [Option<u64>; 2]) -> Option<Option<String>> {
        let seen = provider.provider.as_ref()?;
        let chains = [("para", provider.targets.para), ("relay", provider.targets.relay)];
        let compared = chains
            .into_iter()
            .zip(finalized)
            .filter_map(|((chain, target), finalized)| {
                let ((target, since), finalized) = (target?, finalized?);
                let stood = seen.at.monotonic.saturating_duration_since(since);
                let behind = finalized.saturating_sub(target);
                let stale = stood >= self.limits.after && behind > self.limits.blocks;
                Some(stale.then(|| {
                    let stood = values::Duration::from_secs(stood.as_secs());
                    format!("its {chain} target is {target} for {stood}, the node has finalized {behind} blocks more")
                }))
            });
        let compared: Vec<Option<String>> = compared.collect();
        let stale: Vec<String> = compared.iter().flatten().cloned().collect();
        (!compared.is_empty()).then(|| (!stale.is_empty()).then(|| stale.join(", ")))
    }

    /// Whether none of its workers gets new blocks although the node has `finalized` more, in words. `None` where it cannot
    /// be told; where there are data providers, they are judged instead.
    pub fn without_blocks(&self, lifecycle: &PeerView, finalized: Option<u64>) -> Option<Option<String>> {
        if lifecycle.peer.role.has_providers() {
            return None;
        }
        let seen = lifecycle.workers.as_ref()?;
        let (finalized, height) = (finalized?, self.provided(&lifecycle.peer)?);
        let rows = seen.value.rows.iter();
        let there = rows.filter(|row| row.worker.heights.para_block == Some(height));
        let since = there.map(|row| row.watch.height_since).max()?;
        let stood = seen.at.monotonic.saturating_duration_since(since);
        let behind = finalized.saturating_sub(height);
        Some((stood >= self.limits.after && behind > self.limits.blocks).then(|| {
            let stood = values::Duration::from_secs(stood.as_secs());
            format!("no worker has a block after {height} for {stood}, the node has finalized {behind} more")
        }))
    }

    /// Whether workers of a lifecycle are in states that they do not get into for lack of blocks.
    pub fn fails_by_itself(&self, lifecycle: &PeerView) -> bool {
        let rows = lifecycle.workers.iter().flat_map(|seen| &seen.value.rows);
        let mut states = rows.map(|row| row.worker.status);
        states.any(|status| matches!(status, Status::Error | Status::Kicked))
    }
}

impl PeerView {
    /// For how long a data provider has answered without knowing what its node has finalized.
    pub(in crate::collectors::prb) fn without_target(&self) -> Option<Duration> {
        let seen = self.provider.as_ref()?;
        Some(seen.at.monotonic.saturating_duration_since(self.targets.unknown?))
    }
}
