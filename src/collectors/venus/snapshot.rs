//! The picture of a chain service: what every process last said, and what must be remembered between rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::address::Address;
use super::amount::AttoFil;
use super::auth::{AuthSeen, Standing};
use super::gateway::GatewaySeen;
use super::messager::{Book, MessagerSeen, Shared};
use super::miner::{MinerSeen, Mining, Tallies};
use super::node::{Claims, ClaimsSeen, HeadSeen, MinerState, NetworkSeen, WalletSaid};
use super::role::Role;
use super::server::Said;
use super::target::{Target, Wallet};
use crate::clock::Now;

/// A miner that was open for mining is expected for so long where the configuration names none.
const EXPECTED_FOR: Duration = Duration::from_secs(3600);
/// Users that were seen enabled are remembered up to here.
const MOST_USERS: usize = 10_000;

/// All that is known of a chain service now.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub(super) configured: Configured,
    pub heads: Role<HeadSeen>,
    pub networks: Role<NetworkSeen>,
    pub messagers: Role<MessagerSeen>,
    pub miners: Role<MinerSeen>,
    pub gateways: Role<GatewaySeen>,
    pub auths: Role<AuthSeen>,
    pub wallets: ClaimsSeen<WalletSaid>,
    pub states: ClaimsSeen<MinerState>,
    pub(super) tallies: Tallies,
    nonces: BTreeMap<Address, NonceWatch>,
    /// When a miner was last seen to be mined for on purpose.
    open: BTreeMap<Address, Instant>,
    enabled: Arc<BTreeSet<String>>,
}

/// What the configuration expects.
#[derive(Clone, Debug, Default)]
pub(super) struct Configured {
    pub(super) miners: Arc<[Address]>,
    pub(super) wallets: Arc<[Wallet]>,
}

impl Configured {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            miners: target.miners.clone().into(),
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

    /// The furthest head of all nodes.
    pub fn best_head(&self) -> Option<&HeadSeen> {
        self.heads
            .current()
            .map(|(_, seen)| seen)
            .max_by_key(|seen| seen.head.epoch)
    }

    pub fn base_fee(&self) -> Option<&AttoFil> {
        self.best_head().and_then(|seen| seen.head.base_fee.as_ref())
    }

    /// The miners that shall mine.
    pub fn expected(&self) -> Vec<&Address> {
        if self.configured.miners.is_empty() {
            self.open.keys().collect()
        } else {
            self.configured.miners.iter().collect()
        }
    }

    /// Whether some wallet signs for it; `None` where not every gateway could tell.
    pub fn signer_available(&self, address: &Address) -> Option<bool> {
        let mut told: Vec<Option<bool>> = self
            .gateways
            .current()
            .map(|(_, seen)| seen.signs_for(address))
            .collect();
        if !self.gateways.is_whole() {
            told.push(None);
        }
        if told.contains(&Some(true)) {
            return Some(true);
        }
        told.iter().all(Option::is_some).then_some(false)
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

    pub(super) fn hear_miners(&mut self, said: Vec<Said<MinerSeen>>, stale: Duration, now: Now) {
        self.miners.absorb(said, stale, now);
        for (_, seen) in self.miners.current() {
            for (miner, mining) in &seen.miners {
                if is_meant(mining) {
                    self.open.insert(miner.clone(), now.monotonic);
                } else if mining.open == Some(false) {
                    self.open.remove(miner);
                }
            }
        }
        self.open
            .retain(|_, at| now.monotonic.saturating_duration_since(*at) < EXPECTED_FOR);
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

    pub(super) fn hear_wallets(&mut self, claims: Claims<WalletSaid>) {
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
