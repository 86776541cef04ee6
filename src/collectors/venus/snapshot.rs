//! The picture of a chain service: what every process last said, and what must be remembered between rounds.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::address::Address;
use super::amount::AttoFil;
use super::auth::{AuthSeen, Standing};
use super::gateway::{AllShown, GatewaySeen, Shown};
use super::messager::{Book, MessagerSeen, Shared};
use super::miner::{self, MinerSeen, Mining, Tallies};
use super::node::{Claims, ClaimsSeen, HeadSeen, MinerState, NetworkSeen, Unusable, WalletSaid};
use super::role::Role;
use super::server::Said;
use super::target::{Target, Wallet};
use super::{STATE, WALLETS};
use crate::clock::Now;

/// Where the configuration names no miner, one that vanished from every list is missed for so long: whether it was taken
/// away on purpose cannot be seen there. A day leaves nobody asleep, and ends by itself.
const MISSED_FOR: Duration = Duration::from_secs(24 * 3600);
/// Miners that were seen open for mining are remembered up to here; the whole network has some thousands that win.
const MOST_OPEN: usize = 10_000;
/// Users that were seen enabled are remembered up to here.
const MOST_USERS: usize = 10_000;

/// All that is known of a chain service now.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(super) configured: Configured,
    pub heads: Role<HeadSeen>,
    /// The epoch of each node's head, and since when it is that.
    standing: BTreeMap<Arc<str>, (u64, Now)>,
    pub networks: Role<NetworkSeen>,
    pub messagers: Role<MessagerSeen>,
    pub miners: Role<MinerSeen>,
    pub gateways: Role<GatewaySeen>,
    pub auths: Role<AuthSeen>,
    /// Who was seen at each gateway.
    shown: AllShown,
    pub wallets: ClaimsSeen<WalletSaid>,
    pub states: ClaimsSeen<MinerState>,
    /// Nodes that did not tell what matters of wallets or of miners when they were last asked, by part.
    pub(super) unusable: BTreeMap<&'static str, Vec<Unusable>>,
    pub(super) tallies: Tallies,
    nonces: BTreeMap<Address, NonceWatch>,
    /// Miners that were mined for on purpose, and when each was last in a list.
    open: BTreeMap<Address, Instant>,
    /// Miners of the last round beyond the configured number: nothing is said of them.
    left_out: Arc<BTreeSet<Address>>,
    enabled: Arc<BTreeSet<String>>,
}

/// What the configuration expects.
#[derive(Clone, Debug, Default)]
pub(super) struct Configured {
    pub(super) miners: Arc<[Address]>,
    pub(super) most_miners: usize,
    /// Accounts of wallets at a gateway; each has senders.
    pub(super) most_accounts: usize,
    pub(super) wallets: Arc<[Wallet]>,
}

impl Configured {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            miners: target.miners.clone().into(),
            most_miners: target.most_miners(),
            most_accounts: target.most_senders,
            wallets: target.wallets.clone().into(),
        }
    }
}

/// A sender whose lowest filled message is beyond what the chain expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceWatch {
    pub chain: u64,
    pub lowest: u64,
    /// When the first and the last list that said so were heard.
    since: Instant,
    until: Instant,
}

impl NonceWatch {
    /// How long it has been so by the messager's lists: the chain may be asked more often than they come.
    pub fn lasted(&self) -> Duration {
        self.until.saturating_duration_since(self.since)
    }
}

impl Snapshot {
    /// Remembers since when each node's head is the same.
    pub(super) fn watch_heads(&mut self, now: Now) {
        let before = std::mem::take(&mut self.standing);
        for (view, seen) in self.heads.seen() {
            let epoch = seen.head.epoch;
            let since = before.get(&view.label).filter(|(known, _)| *known == epoch);
            let since = since.map_or(now, |(_, since)| *since);
            self.standing.insert(Arc::clone(&view.label), (epoch, since));
        }
    }

    /// For how long a node's head was seen to be the same; nothing if it is not known.
    pub fn head_stands(&self, label: &str, now: Now) -> Option<Duration> {
        let (_, since) = self.standing.get(label)?;
        Some(now.monotonic.saturating_duration_since(since.monotonic))
    }

    /// Senders and messages, with what is shared by them: of the messager that told them last.
    pub fn book(&self) -> Option<(&Book, Option<&Shared>)> {
        let (_, seen) = self.last_booked()?;
        Some((seen.book.as_ref()?, seen.shared.as_ref()))
    }

    /// The same with the time when it was heard.
    pub(super) fn book_with_time(&self) -> Option<(&Book, Now)> {
        let (at, seen) = self.last_booked()?;
        Some((seen.book.as_ref()?, at))
    }

    fn last_booked(&self) -> Option<(Now, &MessagerSeen)> {
        let seen = self.messagers.seen().filter(|(_, seen)| seen.book.is_some());
        let timed = seen.filter_map(|(view, seen)| Some((view.at()?, seen)));
        timed.max_by_key(|(at, _)| at.monotonic)
    }

    /// The same, if it is of the last round.
    pub fn current_book(&self) -> Option<(&Book, Option<&Shared>)> {
        let mut current = self.messagers.current();
        current.find_map(|(_, seen)| Some((seen.book.as_ref()?, seen.shared.as_ref())))
    }

    /// The furthest head of all nodes. One of another network than the first, given by mistake, has epochs of its own.
    pub fn best_head(&self) -> Option<&HeadSeen> {
        let mut networks = self.heads.current().filter_map(|(_, seen)| seen.chain.network.as_ref());
        let network = networks.next();
        let of_it = |seen: &&HeadSeen| seen.chain.network.is_none() || seen.chain.network.as_ref() == network;
        let heads = self.heads.current().map(|(_, seen)| seen).filter(of_it);
        heads.max_by_key(|seen| seen.head.epoch)
    }

    pub fn base_fee(&self) -> Option<&AttoFil> {
        self.best_head().and_then(|seen| seen.head.base_fee.as_ref())
    }

    /// The miners that shall mine, without those that were left out.
    pub fn expected(&self) -> Vec<&Address> {
        let all = self.all_expected();
        all.filter(|miner| !self.left_out.contains(*miner)).collect()
    }

    fn all_expected(&self) -> impl Iterator<Item = &Address> {
        let named = self.configured.miners.iter();
        let open = self.open.keys().filter(|_| self.configured.miners.is_empty());
        named.chain(open)
    }

    /// How many miners there are beyond the configured number.
    pub(super) fn miners_left_out(&self) -> usize {
        self.left_out.len()
    }

    /// Whether some wallet signs for it; `None` where one of the gateways that might know could not tell.
    pub fn signer_available(&self, address: &Address) -> Option<bool> {
        self.gateways.any(|seen| seen.signs_for(address))
    }

    /// Whether somebody who proves for it is connected to a gateway; `None` where that could not be told.
    pub fn prover_connected(&self, miner: &Address) -> Option<bool> {
        self.gateways.any(|seen| seen.proves_for(miner))
    }

    /// Whether its wallet was connected to a gateway that is away now.
    pub(super) fn signer_is_away(&self, address: &Address) -> bool {
        self.gateways.away_said(|seen| seen.signs_for(address))
    }

    /// Whether who proves for it was connected to a gateway that is away now.
    pub(super) fn prover_is_away(&self, miner: &Address) -> bool {
        self.gateways.away_said(|seen| seen.proves_for(miner))
    }

    /// Who is shown of a gateway.
    pub(super) fn shown_at(&self, gateway: &str) -> Option<&Shown> {
        self.shown.get(gateway)
    }

    pub fn nonce_watch(&self, address: &Address) -> Option<NonceWatch> {
        self.nonces.get(address).copied()
    }

    /// Users that were enabled when they were seen before.
    pub fn was_enabled(&self, user: &str) -> bool {
        self.enabled.contains(user)
    }

    /// The least balance of a wallet, where it has one of its own.
    pub(super) fn minimum(&self, address: &Address) -> Option<&AttoFil> {
        let mut wallets = self.configured.wallets.iter();
        let own = wallets.find(|wallet| wallet.address == *address)?;
        own.minimum.as_ref().map(super::amount::Fil::get)
    }

    pub(super) fn hear_miners(&mut self, mut said: Vec<Said<MinerSeen>>, stale: Duration, now: Now) {
        self.remember_open(&said, now);
        let expected: Vec<Address> = self.all_expected().cloned().collect();
        let configured = &self.configured;
        self.left_out = miner::cut(
            &mut said,
            &configured.miners,
            expected.into_iter(),
            configured.most_miners,
        );
        self.miners.absorb(said, stale, now);
    }

    /// Of all miners, before any is left out: one that vanishes is missed whatever its number. One that stopped and is
    /// still listed is missed until it mines again or is closed.
    fn remember_open(&mut self, said: &[Said<MinerSeen>], now: Now) {
        let services: Vec<&MinerSeen> = said.iter().filter_map(|one| one.outcome.as_ref().ok()).collect();
        for (miner, mining) in services.iter().flat_map(|seen| &seen.miners) {
            if let Some(at) = self.open.get_mut(miner) {
                *at = now.monotonic;
            } else if is_meant(mining) && self.open.len() < MOST_OPEN {
                self.open.insert(miner.clone(), now.monotonic);
            }
        }
        self.open.retain(|miner, _| {
            let of: Vec<&Mining> = services.iter().filter_map(|seen| seen.miners.get(miner)).collect();
            of.iter().all(|mining| mining.open != Some(false)) || of.iter().any(|mining| is_meant(mining))
        });
        if services.len() == said.len() {
            self.open
                .retain(|_, at| now.monotonic.saturating_duration_since(*at) < MISSED_FOR);
        } else {
            self.keep_open(now);
        }
    }

    /// While a service is away nobody can see whether a miner is in its list, so no time passes for it.
    pub(super) fn keep_open(&mut self, now: Now) {
        for at in self.open.values_mut() {
            *at = now.monotonic;
        }
    }

    pub(super) fn hear_gateways(&mut self, said: Vec<Said<GatewaySeen>>, stale: Duration, now: Now) {
        self.gateways.absorb(said, stale, now);
        let all = Arc::make_mut(&mut self.shown);
        for (view, seen) in self.gateways.current() {
            let shown = all.entry(Arc::clone(&view.label)).or_default();
            shown.hear(seen, self.configured.most_accounts, self.configured.most_miners);
        }
    }

    pub(super) fn hear_auths(&mut self, said: Vec<Said<AuthSeen>>, stale: Duration, now: Now) {
        self.auths.absorb(said, stale, now);
        let users = self
            .auths
            .current()
            .filter_map(|(_, seen)| seen.users.as_ref())
            .flatten();
        let enabled = users.filter(|user| user.standing == Standing::Enabled);
        let new: Vec<String> = enabled
            .filter(|user| !self.enabled.contains(&user.name))
            .map(|user| user.name.clone())
            .take(MOST_USERS.saturating_sub(self.enabled.len()))
            .collect();
        if !new.is_empty() {
            Arc::make_mut(&mut self.enabled).extend(new);
        }
    }

    pub(super) fn hear_states(&mut self, claims: Claims<MinerState>) {
        self.unusable.insert(STATE, claims.unusable.clone());
        self.states = Some(Arc::new(claims));
    }

    /// With what was concluded from them.
    pub(super) fn expire_wallets(&mut self) {
        self.wallets = None;
        self.nonces.clear();
    }

    pub(super) fn hear_wallets(&mut self, claims: Claims<WalletSaid>) {
        self.unusable.insert(WALLETS, claims.unusable.clone());
        let before = std::mem::take(&mut self.nonces);
        for (address, said) in &claims.rows {
            let chain = said.actor.as_ref().and_then(|actor| actor.nonce);
            let (Some(chain), Some(lowest), Some(heard)) = (chain, said.lowest_filled, said.heard) else {
                continue;
            };
            if lowest > chain {
                let same = before
                    .get(address)
                    .filter(|watch| (watch.chain, watch.lowest) == (chain, lowest));
                let watch = NonceWatch {
                    chain,
                    lowest,
                    since: same.map_or(heard, |watch| watch.since),
                    until: heard,
                };
                self.nonces.insert(address.clone(), watch);
            }
        }
        self.wallets = Some(Arc::new(claims));
    }
}

/// Mined for on purpose: open, or mined for where nothing says whether it is open.
fn is_meant(mining: &Mining) -> bool {
    mining.open.unwrap_or(mining.mining == Some(true))
}

impl WalletSaid {
    /// Messages that have a nonce and are not on chain.
    pub fn gap(&self) -> Option<u64> {
        let chain = self.actor.as_ref()?.nonce?;
        Some(self.next_nonce?.saturating_sub(chain))
    }
}
