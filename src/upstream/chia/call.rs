//! The calls that read, and no others: there is no way to name a route that is not here.
//!
//! Source of routes and bodies: chia-blockchain 2.7.5, `chia/*/…_rpc_api.py`.

use super::NodeId;

/// A service with an RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    FullNode,
    Farmer,
    Harvester,
    Wallet,
}

impl Service {
    pub const ALL: [Self; 4] = [Self::FullNode, Self::Farmer, Self::Harvester, Self::Wallet];

    /// As section and directory names have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FullNode => "full_node",
            Self::Farmer => "farmer",
            Self::Harvester => "harvester",
            Self::Wallet => "wallet",
        }
    }

    /// The port of its RPC, unless configured otherwise.
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::FullNode => 8555,
            Self::Farmer => 8559,
            Self::Harvester => 8560,
            Self::Wallet => 9256,
        }
    }
}

/// A call that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Of any service, since 2.4.
    Version,
    /// Of any service since 2.3.1, before only of node and wallet.
    NetworkInfo,
    /// Of any service.
    Connections,
    BlockchainState,
    /// Counts for every harvester that is connected now; its cost does not grow with the plots.
    HarvestersSummary,
    PoolState,
    /// All plots of a harvester on one page of this size: many small pages cost the farmer far more.
    Plots(NodeId, u64),
    PlotDirectories,
    HarvesterConfig,
    SyncStatus,
    HeightInfo,
    /// Of the first wallet, that of chia itself.
    WalletBalance,
    FarmedAmount,
}

impl Call {
    /// As the upstream spells it.
    pub const fn route(&self) -> &'static str {
        match self {
            Self::Version => "get_version",
            Self::NetworkInfo => "get_network_info",
            Self::Connections => "get_connections",
            Self::BlockchainState => "get_blockchain_state",
            Self::HarvestersSummary => "get_harvesters_summary",
            Self::PoolState => "get_pool_state",
            Self::Plots(..) => "get_harvester_plots_valid",
            Self::PlotDirectories => "get_plot_directories",
            Self::HarvesterConfig => "get_harvester_config",
            Self::SyncStatus => "get_sync_status",
            Self::HeightInfo => "get_height_info",
            Self::WalletBalance => "get_wallet_balance",
            Self::FarmedAmount => "get_farmed_amount",
        }
    }

    /// Whose call it is.
    pub const fn services(&self) -> &'static [Service] {
        match self {
            Self::Version | Self::NetworkInfo | Self::Connections => &Service::ALL,
            Self::BlockchainState => &[Service::FullNode],
            Self::HarvestersSummary | Self::PoolState | Self::Plots(..) => &[Service::Farmer],
            Self::PlotDirectories | Self::HarvesterConfig => &[Service::Harvester],
            Self::SyncStatus | Self::HeightInfo | Self::WalletBalance | Self::FarmedAmount => &[Service::Wallet],
        }
    }

    /// An empty body is answered with HTTP 500, so there is always an object.
    pub(super) fn body(&self) -> Vec<u8> {
        match self {
            Self::Plots(harvester, size) => {
                format!(r#"{{"node_id":"{harvester}","page":0,"page_size":{}}}"#, (*size).max(1)).into_bytes()
            }
            Self::WalletBalance => br#"{"wallet_id":1}"#.to_vec(),
            _ => b"{}".to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In order; a call that is added does not compile until it has its place here.
    fn all() -> Vec<Call> {
        let id = "00".repeat(32).parse().unwrap();
        let all = std::iter::successors(Some(Call::Version), |call| match call {
            Call::Version => Some(Call::NetworkInfo),
            Call::NetworkInfo => Some(Call::Connections),
            Call::Connections => Some(Call::BlockchainState),
            Call::BlockchainState => Some(Call::HarvestersSummary),
            Call::HarvestersSummary => Some(Call::PoolState),
            Call::PoolState => Some(Call::Plots(id, 7)),
            Call::Plots(..) => Some(Call::PlotDirectories),
            Call::PlotDirectories => Some(Call::HarvesterConfig),
            Call::HarvesterConfig => Some(Call::SyncStatus),
            Call::SyncStatus => Some(Call::HeightInfo),
            Call::HeightInfo => Some(Call::WalletBalance),
            Call::WalletBalance => Some(Call::FarmedAmount),
            Call::FarmedAmount => None,
        });
        all.collect()
    }

    /// The list that a reviewer reads: whatever is added appears here.
    #[test]
    fn nothing_else_can_be_asked() {
        let told: Vec<String> = Service::ALL
            .iter()
            .map(|service| {
                let own = all().into_iter().filter(|call| call.services().contains(service));
                let routes: Vec<_> = own.map(|call| call.route()).collect();
                format!("{}: {}", service.name(), routes.join(" "))
            })
            .collect();
        let any = "get_version get_network_info get_connections";
        assert_eq!(
            told,
            [
                format!("full_node: {any} get_blockchain_state"),
                format!("farmer: {any} get_harvesters_summary get_pool_state get_harvester_plots_valid"),
                format!("harvester: {any} get_plot_directories get_harvester_config"),
                format!("wallet: {any} get_sync_status get_height_info get_wallet_balance get_farmed_amount"),
            ]
        );
    }

    #[test]
    fn every_body_is_an_object() {
        for call in all() {
            let body: serde_json::Value = serde_json::from_slice(&call.body()).unwrap();
            assert!(body.is_object(), "{call:?}");
        }
        let Call::Plots(id, _) = all()[6] else { panic!() };
        // A page of no size is an error upstream.
        let body = String::from_utf8(Call::Plots(id, 0).body()).unwrap();
        assert!(body.ends_with(r#""page":0,"page_size":1}"#), "{body}");
    }
}
