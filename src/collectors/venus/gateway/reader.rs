//! Asks gateways.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::answers::{self, Account, Connections};
use crate::collectors::venus::address::Address;
use crate::collectors::venus::server::{Asking, Said, Server};
use crate::upstream::{Fault, Refusal, Refused, VenusCall};

/// Questions about single miners at once.
const AT_ONCE: usize = 4;

/// What a gateway said; `None` is what the token may not ask or the version does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewaySeen {
    /// By account.
    pub wallets: Option<BTreeMap<String, Account>>,
    /// Miners with somebody who proves for them, and by which connections, where that was told; those that should have
    /// somebody have 0 connections when nobody does.
    pub provers: Option<BTreeMap<Address, Option<Connections>>>,
    pub markets: Option<BTreeMap<Address, Connections>>,
    /// Miners beyond the configured number.
    pub left_out: usize,
}

impl GatewaySeen {
    /// Whether some wallet signs for it; `None` where that may not be asked.
    pub fn signs_for(&self, address: &Address) -> Option<bool> {
        let mut accounts = self.wallets.as_ref()?.values();
        Some(accounts.any(|account| account.addresses.contains(address)))
    }

    /// By kind, as in the label `kind`, whose connection has the most requests that were not taken, and how many; nothing
    /// for what may not be asked.
    pub fn fullest(&self) -> [(&'static str, Option<(&str, u64)>); 3] {
        fn most<'a>(all: impl Iterator<Item = (&'a str, Connections)>) -> (&'a str, u64) {
            let pending = all.map(|(name, of)| (name, of.most_pending));
            pending.max_by_key(|(_, pending)| *pending).unwrap_or_default()
        }
        let wallets = self.wallets.as_ref().map(|all| {
            let accounts = all.iter();
            most(accounts.map(|(name, account)| (name.as_str(), account.connections)))
        });
        let miners = self.provers.as_ref().map(|all| {
            let known = all.iter().filter_map(|(miner, of)| Some((miner.as_str(), (*of)?)));
            most(known)
        });
        let markets = self
            .markets
            .as_ref()
            .map(|all| most(all.iter().map(|(miner, of)| (miner.as_str(), *of))));
        [("wallet", wallets), ("miner", miners), ("market", markets)]
    }

    /// Whether somebody proves for it; `None` where that may not be asked or was left out.
    pub fn proves_for(&self, miner: &Address) -> Option<bool> {
        match self.provers.as_ref()?.get(miner) {
            Some(connections) => Some(connections.is_none_or(|connections| connections.count > 0)),
            None => (self.left_out == 0).then_some(false),
        }
    }
}

/// All gateways of a target. They are asked side by side.
pub(in crate::collectors::venus) struct Gateways {
    servers: Vec<Server>,
    most_miners: usize,
}

impl Gateways {
    pub(in crate::collectors::venus) const fn new(servers: Vec<Server>, most_miners: usize) -> Self {
        Self { servers, most_miners }
    }

    /// `miners` are those that should have a prover.
    pub(in crate::collectors::venus) async fn read(&self, miners: &[Address]) -> Vec<Said<GatewaySeen>> {
        let ask = async |asking: &mut Asking<'_>| self.gateway(asking, miners).await;
        join_all(self.servers.iter().map(|server| server.ask(ask))).await
    }

    async fn gateway(&self, asking: &mut Asking<'_>, miners: &[Address]) -> Result<GatewaySeen, Fault> {
        let wallets = asking.may(VenusCall::LIST_WALLETS, json!([]), answers::wallets).await?;
        let connected = asking.may(VenusCall::LIST_PROVERS, json!([]), answers::provers).await?;
        asking.is_of_its_service()?;
        let mut seen = GatewaySeen {
            wallets,
            markets: asking.may(VenusCall::LIST_MARKETS, json!([]), answers::markets).await?,
            ..GatewaySeen::default()
        };
        if let Some(connected) = connected {
            let mut provers: BTreeMap<Address, Option<Connections>> = BTreeMap::new();
            for miner in miners {
                provers.insert(miner.clone(), Some(Connections::default()));
            }
            let connected: BTreeSet<Address> = connected.into_iter().collect();
            let (asked, left_out) = self.asked(&connected, miners);
            let asked: Vec<_> = asked.iter().map(|miner| prover(asking.server, miner)).collect();
            let said: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
            for (miner, outcome) in said {
                provers.insert(miner.clone(), asking.note(VenusCall::PROVER_CONNECTIONS, outcome)?);
            }
            seen.left_out = left_out;
            seen.provers = Some(provers);
        }
        Ok(seen)
    }

    /// Miners that are asked about, and how many are not. Those that should have a prover are never left out: they
    /// would look as if they had none.
    fn asked<'a>(&self, connected: &'a BTreeSet<Address>, expected: &[Address]) -> (Vec<&'a Address>, usize) {
        let expected: BTreeSet<&Address> = expected.iter().collect();
        let (mut asked, others): (Vec<&Address>, Vec<&Address>) =
            connected.iter().partition(|miner| expected.contains(miner));
        let room = self.most_miners.saturating_sub(asked.len());
        let left_out = others.len().saturating_sub(room);
        asked.extend(others.into_iter().take(room));
        (asked, left_out)
    }
}

/// The connections of a miner that the list has; one that is gone since has none.
async fn prover<'a>(server: &Server, miner: &'a Address) -> (&'a Address, Result<Connections, Refusal>) {
    let params = json!([miner.as_str()]);
    let asked = server
        .client
        .call(VenusCall::PROVER_CONNECTIONS, &params, answers::connections);
    let connections = match asked.await {
        Err(Refusal {
            kind: Refused::Said(words),
            ..
        }) if words.contains("not exit") || words.contains("not exist") => Ok(Connections::default()),
        asked => asked,
    };
    (miner, connections)
}
