//! Connections of gateways, as samples.

use super::{Connections, GatewaySeen};
use crate::collectors::venus::snapshot::Snapshot;
use crate::exposition::{Desc, Page};

pub(in crate::collectors::venus) static WALLETS: Desc<2> = Desc::gauge(
    "venus_gateway_wallet_connections",
    "Connections of wallets by account; 0 for one that was seen since the start and has none now (ListWalletInfo).",
    &["process", "account"],
);
pub(in crate::collectors::venus) static ADDRESSES: Desc<2> = Desc::gauge(
    "venus_gateway_wallet_addresses",
    "Addresses that the wallets of an account sign for (ListWalletInfo).",
    &["process", "account"],
);
pub(in crate::collectors::venus) static SIGNER: Desc<1> = Desc::gauge(
    "venus_gateway_signer_available",
    "1 if a wallet that signs for this active sender is connected to one of the gateways; absent when that may not be asked (ListWalletInfo, ListAddress of the messager).",
    &["address"],
);
pub(in crate::collectors::venus) static PROVERS: Desc<2> = Desc::gauge(
    "venus_gateway_miner_connections",
    "Connections of those who prove for a miner; 0 for one that is expected and has none (ListConnectedMiners, ListMinerConnection).",
    &["process", "miner"],
);
pub(in crate::collectors::venus) static MARKETS: Desc<2> = Desc::gauge(
    "venus_gateway_market_connections",
    "Connections of a miner's market; 0 for one that was seen since the start and has none now; from 1.2 (ListMarketConnectionsState).",
    &["process", "miner"],
);
pub(in crate::collectors::venus) static PENDING: Desc<2> = Desc::gauge(
    "venus_gateway_pending_requests",
    "Requests that the other sides have not taken yet; each connection holds 30 (RequestCount).",
    &["process", "kind"],
);
pub(in crate::collectors::venus) static SINCE: Desc<2> = Desc::gauge(
    "venus_gateway_oldest_connection_timestamp_seconds",
    "When the oldest connection of a kind was made, since 1970; a young one that keeps changing flaps (CreateTime).",
    &["process", "kind"],
);

/// The label values `kind`, each with its connections; nothing for what may not be asked.
pub(in crate::collectors::venus) fn kinds(seen: &GatewaySeen) -> [(&'static str, Option<Connections>); 3] {
    let sum = |all: &mut dyn Iterator<Item = Connections>| {
        all.fold(Connections::default(), |sum, one| Connections {
            count: sum.count + one.count,
            pending: sum.pending.saturating_add(one.pending),
            most_pending: sum.most_pending.max(one.most_pending),
            since: match (sum.since, one.since) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        })
    };
    let wallets = seen.wallets.as_ref();
    let wallets = wallets.map(|all| sum(&mut all.values().map(|account| account.connections)));
    let miners = seen
        .provers
        .as_ref()
        .map(|all| sum(&mut all.values().flatten().copied()));
    let markets = seen.markets.as_ref().map(|all| sum(&mut all.values().copied()));
    [("wallet", wallets), ("miner", miners), ("market", markets)]
}

pub(in crate::collectors::venus) fn samples(snapshot: &Snapshot, page: &mut Page) {
    for (view, seen) in snapshot.gateways.seen() {
        let instance = &*view.label;
        let shown = snapshot.shown_at(&view.label);
        for (account, connections, addresses) in shown.iter().flat_map(|shown| shown.accounts(seen)) {
            page.add(&WALLETS, [instance, account], connections.count);
            page.add(&ADDRESSES, [instance, account], addresses);
        }
        for (miner, connections) in seen.provers.iter().flatten() {
            page.add(&PROVERS, [instance, miner.as_str()], connections.map(|all| all.count));
        }
        for (miner, connections) in shown.iter().flat_map(|shown| shown.markets(seen)) {
            page.add(&MARKETS, [instance, miner.as_str()], connections.count);
        }
        for (kind, connections) in kinds(seen) {
            page.add(&PENDING, [instance, kind], connections.map(|all| all.pending));
            page.add(&SINCE, [instance, kind], connections.and_then(|all| all.since));
        }
    }
    let Some((book, _)) = snapshot.book() else { return };
    for view in book.senders.iter().filter(|view| view.is_active() == Some(true)) {
        page.add(
            &SIGNER,
            [view.address.as_str()],
            snapshot.signer_available(&view.address),
        );
    }
}
