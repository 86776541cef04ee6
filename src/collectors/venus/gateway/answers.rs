//! What a gateway answers, for every era: pure, from bytes.
//!
//! Section 4 of the contract. Addresses of peers and channels are not read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::clock::UnixTime;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::wire::{List, Number, Text, nullable};
use crate::upstream::Why;

/// The connections of one account or miner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    pub count: u64,
    /// Requests that the other side has not taken yet, over all connections.
    pub pending: u64,
    /// The same of the connection that has the most: each has a channel of its own.
    pub most_pending: u64,
    /// When the oldest of them was made.
    pub since: Option<UnixTime>,
}

/// A wallet's account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub connections: Connections,
    /// What it can sign for.
    pub addresses: BTreeSet<Address>,
}

#[derive(Deserialize)]
struct Connection {
    #[serde(rename = "Addrs", default)]
    addresses: List<Text>,
    #[serde(rename = "RequestCount", default)]
    pending: Number,
    #[serde(rename = "CreateTime", default)]
    since: Text,
}

impl Connections {
    fn add(&mut self, connection: &Connection) {
        self.count += 1;
        let pending = connection.pending.count().unwrap_or_default();
        self.pending = self.pending.saturating_add(pending);
        self.most_pending = self.most_pending.max(pending);
        let since = connection.since.time();
        self.since = match (self.since, since) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    fn of(connections: &[Connection]) -> Self {
        let mut all = Self::default();
        for connection in connections {
            all.add(connection);
        }
        all
    }
}

/// `ListWalletInfo`, by account.
pub(super) fn wallets(json: Option<&[u8]>) -> Result<BTreeMap<String, Account>, Why> {
    #[derive(Deserialize)]
    struct Wallet {
        #[serde(rename = "Account", default)]
        account: Text,
        #[serde(rename = "ConnectStates", default)]
        connections: List<Connection>,
    }
    let wallets: List<Wallet> = nullable(json)?;
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for wallet in wallets.0 {
        let account = accounts.entry(wallet.account.cut()).or_default();
        for connection in &wallet.connections.0 {
            account.connections.add(connection);
            let addresses = connection.addresses.0.iter().filter_map(Text::address);
            account.addresses.extend(addresses);
        }
    }
    Ok(accounts)
}

/// `ListConnectedMiners`.
pub(super) fn provers(json: Option<&[u8]>) -> Result<Vec<Address>, Why> {
    let miners: List<Text> = nullable(json)?;
    Ok(miners.0.iter().filter_map(Text::address).collect())
}

#[derive(Deserialize)]
struct MinerConnections {
    #[serde(rename = "Connections", default)]
    connections: List<Connection>,
}

/// `ListMinerConnection`.
pub(super) fn connections(json: Option<&[u8]>) -> Result<Connections, Why> {
    let said: Option<MinerConnections> = nullable(json)?;
    Ok(said
        .map(|said| Connections::of(&said.connections.0))
        .unwrap_or_default())
}

/// `ListMarketConnectionsState`, by miner.
pub(super) fn markets(json: Option<&[u8]>) -> Result<BTreeMap<Address, Connections>, Why> {
    #[derive(Deserialize)]
    struct Market {
        #[serde(rename = "Addr", default)]
        address: Text,
        #[serde(rename = "Conn")]
        connections: Option<MinerConnections>,
    }
    let markets: List<Market> = nullable(json)?;
    let read = markets.0.into_iter().filter_map(|market| {
        let connections = market.connections.map(|said| Connections::of(&said.connections.0));
        Some((market.address.address()?, connections.unwrap_or_default()))
    });
    Ok(read.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collectors::venus::address::samples::BLS;

    #[test]
    fn wallets_are_read_with_what_they_sign_for() {
        let json = format!(
            r#"[{{"Account":"li_sealer","SupportAccounts":["li_sealer"],"ConnectStates":[
            {{"Addrs":["{BLS}","<empty>"],"ChannelId":"c9","Ip":"127.0.0.1:1","RequestCount":2,"CreateTime":"2021-09-10T13:29:22.411062263+08:00"}},
            {{"Addrs":null,"RequestCount":"3","CreateTime":"0001-01-01T00:00:00Z"}}]}},
            {{"Account":"idle","ConnectStates":null}}]"#
        );
        let wallets = wallets(Some(json.as_bytes())).unwrap();
        let sealer = &wallets["li_sealer"];
        assert_eq!((sealer.connections.count, sealer.connections.pending), (2, 5));
        assert_eq!(sealer.addresses.len(), 1);
        assert_eq!(
            sealer.connections.since,
            Some(UnixTime::from_duration(std::time::Duration::new(
                1_631_251_762,
                411_062_263
            )))
        );
        assert_eq!(wallets["idle"], Account::default());
    }

    #[test]
    fn connections_of_miners_are_read_and_null_is_none() {
        assert!(
            wallets(None).unwrap().is_empty() && provers(None).unwrap().is_empty() && markets(None).unwrap().is_empty()
        );
        assert_eq!(provers(Some(br#"["f01561","t01562"]"#)).unwrap().len(), 2);
        let one = br#"{"Connections":[{"Addrs":null,"Channel":"c","RequestCount":30}],"ConnectionCount":1}"#;
        let one = connections(Some(one)).unwrap();
        assert_eq!((one.count, one.pending), (1, 30));
        let markets = markets(Some(
            br#"[{"Addr":"f01561","Conn":{"Connections":[{}],"ConnectionCount":1}},{"Addr":"f01562","Conn":null}]"#,
        ));
        let counts: Vec<u64> = markets.unwrap().values().map(|connections| connections.count).collect();
        assert_eq!(counts, [1, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            drop((wallets(Some(&bytes)), provers(Some(&bytes)), connections(Some(&bytes)), markets(Some(&bytes))));
        }
    }
}
