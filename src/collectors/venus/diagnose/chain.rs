//! Nodes, wallets, and what the chain says of miners.

use super::{Look, whole_seconds};
use crate::collectors::Diagnosis;
use crate::collectors::venus::node::HeadSeen;
use crate::collectors::venus::symptoms::{
    BASE_FEE_HIGH, FAULTY_SECTORS, FEW_PEERS, HEAD_STALLED, NO_POWER, NODE_BEHIND, NODE_LAGGING, WALLET_LOW,
};

/// How a node stands; only the worst is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Well,
    Lagging,
    Behind,
    Stalled,
}

impl Look<'_> {
    /// Whether no node is near enough to the head to be believed about what is on chain.
    pub(super) fn all_behind(&self) -> bool {
        // One whose lag is not known may be near enough.
        let mut standings = self.snapshot.heads.current().map(|(view, seen)| {
            let behind = seen.behind(view.at()?.wall)?;
            Some(self.standing(seen, behind))
        });
        let far = |standing| matches!(standing, Some(Standing::Behind | Standing::Stalled));
        standings.next().is_some_and(far) && standings.all(far)
    }

    fn standing(&self, seen: &HeadSeen, behind: u64) -> Standing {
        let stalled_after = self.thresholds.head_stalled_after.get();
        if seen
            .head
            .made
            .is_some_and(|made| made.age_at(self.now.wall) > stalled_after)
        {
            Standing::Stalled
        } else if behind > self.thresholds.behind_epochs {
            Standing::Behind
        } else if behind > self.thresholds.lagging_epochs {
            Standing::Lagging
        } else {
            Standing::Well
        }
    }

    pub(super) fn nodes(&self, diagnosis: &mut Diagnosis) {
        for (view, seen) in self.snapshot.heads.current() {
            self.head(
                &view.label,
                seen,
                view.at().and_then(|at| seen.behind(at.wall)),
                diagnosis,
            );
        }
        let fee = self.snapshot.base_fee();
        let limit = self.thresholds.base_fee.get();
        diagnosis.judge(&BASE_FEE_HIGH, "", fee.map(|fee| fee > limit), || {
            let fee = fee.map(|fee| fee.attofil().to_string()).unwrap_or_default();
            format!("{fee} attoFIL (limit {})", limit.attofil())
        });
        for (view, seen) in self.snapshot.networks.current() {
            let limit = self.thresholds.min_peers;
            let publish = seen.publish.map(|publish| [publish.messages, publish.blocks]);
            let cut_off = publish.is_some_and(|topics| topics.contains(&Some(0)));
            let few = seen.peers.map(|peers| peers < limit || cut_off);
            diagnosis.judge(&FEW_PEERS, &view.label, few, || {
                let nobody = if cut_off { ", none takes what it publishes" } else { "" };
                format!("{} peers (at least {limit}){nobody}", seen.peers.unwrap_or_default())
            });
        }
    }

    fn head(&self, label: &str, seen: &HeadSeen, behind: Option<u64>, diagnosis: &mut Diagnosis) {
        let standing = behind.map(|behind| self.standing(seen, behind));
        let epochs = behind.unwrap_or_default();
        let limits = self.thresholds;
        let head = seen.head.epoch;
        let words = |limit: u64| format!("head {head} is {epochs} epochs behind the clock (limit {limit})");
        // A worse standing hides whether the milder one is over.
        let lagging = match standing {
            None | Some(Standing::Behind | Standing::Stalled) => None,
            Some(standing) => Some(standing == Standing::Lagging),
        };
        diagnosis.judge(&NODE_LAGGING, label, lagging, || words(limits.lagging_epochs));
        let is_behind = match standing {
            None | Some(Standing::Stalled) => None,
            Some(standing) => Some(standing == Standing::Behind),
        };
        diagnosis.judge(&NODE_BEHIND, label, is_behind, || words(limits.behind_epochs));
        let age = seen.head.made.map(|made| made.age_at(self.now.wall));
        let stalled = age.map(|age| age > limits.head_stalled_after.get());
        diagnosis.judge(&HEAD_STALLED, label, stalled, || {
            format!(
                "head {head} was made {} ago (limit {})",
                whole_seconds(age.unwrap_or_default()),
                limits.head_stalled_after
            )
        });
    }

    pub(super) fn wallets(&self, diagnosis: &mut Diagnosis) {
        let Some(claims) = self.snapshot.wallets.as_ref().filter(|_| !self.behind) else {
            return;
        };
        for (address, said) in &claims.rows {
            let balance = said.actor.as_ref().and_then(|actor| actor.balance.as_ref());
            let own = self.snapshot.minimum(address);
            let minimum = own.unwrap_or(self.thresholds.wallet_minimum.get());
            let low = balance.map(|balance| balance < minimum);
            diagnosis.judge(&WALLET_LOW, address.as_str(), low, || {
                let balance = balance.map(ToString::to_string).unwrap_or_default();
                format!("{balance} (limit {minimum})")
            });
        }
    }

    pub(super) fn claims(&self, diagnosis: &mut Diagnosis) {
        let Some(claims) = &self.snapshot.states else { return };
        for (miner, state) in &claims.rows {
            let miner = miner.as_str();
            let power = state.power.and_then(|power| power.has_minimum);
            diagnosis.judge(&NO_POWER, miner, power.map(|has| !has), || {
                let raw = state.power.and_then(|power| power.raw).unwrap_or_default();
                format!("{raw} bytes of raw power are below the minimum")
            });
            let faulty = state.sectors.and_then(|sectors| sectors.faulty);
            diagnosis.judge(&FAULTY_SECTORS, miner, faulty.map(|faulty| faulty > 0), || {
                let live = state.sectors.and_then(|sectors| sectors.live).unwrap_or_default();
                format!("{} of {live} sectors are faulty", faulty.unwrap_or_default())
            });
        }
    }
}
