//! Who was seen at a gateway: it forgets accounts and markets with their last connection, so who is lost is remembered
//! here, and shown with nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Account, Connections, GatewaySeen};
use crate::collectors::venus::address::Address;

/// What is shown of one gateway: who is connected or was, as far as there is room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    accounts: BTreeSet<String>,
    markets: BTreeSet<Address>,
    /// Accounts and markets of the last round for which there was no room.
    left_out: [usize; 2],
}

/// By the label value `process`.
pub(in crate::collectors::venus) type AllShown = Arc<BTreeMap<Arc<str>, Shown>>;

impl Shown {
    /// Takes up a round; at most so many accounts and markets.
    pub(in crate::collectors::venus) fn hear(&mut self, seen: &GatewaySeen, accounts: usize, markets: usize) {
        if let Some(wallets) = &seen.wallets {
            self.left_out[0] = remember(&mut self.accounts, wallets, accounts);
        }
        if let Some(connected) = &seen.markets {
            self.left_out[1] = remember(&mut self.markets, connected, markets);
        }
    }

    /// How many accounts and markets are left out.
    pub(in crate::collectors::venus) const fn left_out(&self) -> [usize; 2] {
        self.left_out
    }

    /// Every account, without connections where it is lost.
    pub(super) fn accounts<'a>(&'a self, seen: &'a GatewaySeen) -> impl Iterator<Item = (&'a str, Connections, usize)> {
        let wallets = seen.wallets.iter();
        wallets.flat_map(|wallets| {
            self.accounts.iter().map(|name| {
                let of = wallets.get(name);
                let addresses = of.map_or(0, |account: &Account| account.addresses.len());
                let connections = of.map(|account| account.connections).unwrap_or_default();
                (name.as_str(), connections, addresses)
            })
        })
    }

    /// The market of every miner, likewise.
    pub(super) fn markets<'a>(&'a self, seen: &'a GatewaySeen) -> impl Iterator<Item = (&'a Address, Connections)> {
        let markets = seen.markets.iter();
        markets.flat_map(|markets| {
            let of = |miner| markets.get(miner).copied().unwrap_or_default();
            self.markets.iter().map(move |miner| (miner, of(miner)))
        })
    }
}

/// Who is lost makes room for who is new. Gives back how many of those who are there have none.
fn remember<K: Ord + Clone, V>(known: &mut BTreeSet<K>, now: &BTreeMap<K, V>, most: usize) -> usize {
    let new: Vec<&K> = now.keys().filter(|key| !known.contains(key)).collect();
    let room = most.saturating_sub(known.len());
    let lost: Vec<K> = known.iter().filter(|key| !now.contains_key(key)).cloned().collect();
    let makes_room = new.len().saturating_sub(room);
    for gone in lost.iter().take(makes_room) {
        known.remove(gone);
    }
    let room = most.saturating_sub(known.len());
    let left_out = new.len().saturating_sub(room);
    known.extend(new.into_iter().take(room).cloned());
    left_out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(accounts: &[&str]) -> GatewaySeen {
        let one = Account {
            connections: Connections {
                count: 1,
                ..Connections::default()
            },
            ..Account::default()
        };
        let accounts = accounts.iter().map(|name| ((*name).to_owned(), one.clone()));
        GatewaySeen {
            wallets: Some(accounts.collect()),
            ..GatewaySeen::default()
        }
    }

    fn counts(shown: &Shown, seen: &GatewaySeen) -> Vec<(String, u64)> {
        let all = shown.accounts(seen);
        all.map(|(name, of, _)| (name.to_owned(), of.count)).collect()
    }

    #[test]
    fn who_is_lost_is_shown_with_nothing_until_its_place_is_needed() {
        let of = |name: &str, count: u64| (name.to_owned(), count);
        let mut shown = Shown::default();
        shown.hear(&seen(&["li", "wu"]), 2, 2);
        let later = seen(&["wu"]);
        shown.hear(&later, 2, 2);
        assert_eq!(counts(&shown, &later), [of("li", 0), of("wu", 1)]);
        let hidden = GatewaySeen::default();
        shown.hear(&hidden, 2, 2);
        assert!(counts(&shown, &hidden).is_empty());
        let new = seen(&["wu", "xi", "yu"]);
        shown.hear(&new, 2, 2);
        assert_eq!(counts(&shown, &new), [of("wu", 1), of("xi", 1)]);
        assert_eq!(shown.left_out(), [1, 0]);
    }

    proptest! {
        #[test]
        fn never_more_are_shown_and_who_is_there_is_shown_or_counted(
            rounds in prop::collection::vec(prop::collection::btree_map(0_u8..30, Just(()), 0..20), 1..6),
            most in 0_usize..12,
        ) {
            let mut known = BTreeSet::new();
            for now in rounds {
                let left_out = remember(&mut known, &now, most);
                prop_assert!(known.len() <= most);
                let shown = now.keys().filter(|key| known.contains(key)).count();
                prop_assert_eq!(shown + left_out, now.len());
            }
        }
    }
}
