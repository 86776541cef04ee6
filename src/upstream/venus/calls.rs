//! What may be asked of the services of a Venus chain service: calls that read, and no others.
//!
//! Source of names and permissions: `filecoin-project/venus: venus-shared/api`.

/// One of the five services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VenusService {
    Auth,
    Gateway,
    Node,
    Messager,
    Miner,
}

impl VenusService {
    pub const ALL: [Self; 5] = [Self::Auth, Self::Gateway, Self::Node, Self::Messager, Self::Miner];

    /// The label value `component`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Gateway => "gateway",
            Self::Node => "node",
            Self::Messager => "messager",
            Self::Miner => "miner",
        }
    }

    /// Where it listens unless told otherwise.
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Auth => 8989,
            Self::Gateway => 45132,
            Self::Node => 3453,
            Self::Messager => 39812,
            Self::Miner => 12308,
        }
    }

    /// In front of its methods; auth speaks no JSON-RPC.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Auth => "",
            Self::Gateway => "Gateway",
            Self::Node | Self::Miner => "Filecoin",
            Self::Messager => "Message",
        }
    }

    /// The versions of its path, the preferred one first; the first that is not answered with 404 is kept.
    pub(super) const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Auth => &[],
            Self::Gateway | Self::Node => &["v1", "v0"],
            Self::Messager | Self::Miner => &["v0"],
        }
    }

    /// What the gateway's reverse proxy (1.13 and later) is told, by the version of the path.
    pub fn behind_gateway(self, path: &str) -> Option<&'static str> {
        Some(match (self, path) {
            (Self::Node, "v1") => "v1.FullNode",
            (Self::Node, _) => "v0.FullNode",
            (Self::Messager, _) => "messager.IMessager",
            (Self::Miner, _) => "miner.MinerAPI",
            (Self::Auth, _) => "auth.IAuthClient",
            (Self::Gateway, _) => return None,
        })
    }
}

/// A call that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenusCall {
    pub(super) service: VenusService,
    method: &'static str,
}

impl VenusCall {
    /// As the upstream spells it, without the namespace.
    pub const fn method(self) -> &'static str {
        self.method
    }

    /// The version of a service that speaks JSON-RPC.
    pub const fn version(service: VenusService) -> Self {
        Self::new(service, "Version")
    }

    const fn new(service: VenusService, method: &'static str) -> Self {
        Self { service, method }
    }
}

macro_rules! reading {
    ($($(#[$doc:meta])* $name:ident = $service:ident $method:literal,)*) => {
        impl VenusCall {
            $($(#[$doc])* pub const $name: Self = Self::new(VenusService::$service, $method);)*

            /// All of them, without `Version`.
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

reading! {
    CHAIN_HEAD = Node "ChainHead",
    CHAIN_GENESIS = Node "ChainGetGenesis",
    BLOCK_TIME = Node "BlockTime",
    NETWORK_NAME = Node "StateNetworkName",
    SYNC_STATE = Node "SyncState",
    /// Node 1.9 and later, on `/rpc/v1` only.
    NODE_STATUS = Node "NodeStatus",
    /// Node 1.7 and later.
    NET_PEERS = Node "NetPeers",
    /// Node 1.6 and before.
    NETWORK_PEERS = Node "NetworkPeers",
    GET_ACTOR = Node "StateGetActor",
    MINER_POWER = Node "StateMinerPower",
    MINER_SECTORS = Node "StateMinerSectorCount",
    MINER_BALANCE = Node "StateMinerAvailableBalance",
    MINER_DEADLINE = Node "StateMinerProvingDeadline",
    MINER_INFO = Node "StateMinerInfo",
    /// The key behind the number of an account.
    ACCOUNT_KEY = Node "StateAccountKey",
    LIST_SENDERS = Messager "ListAddress",
    SHARED_PARAMS = Messager "GetSharedParams",
    LIST_BLOCKED = Messager "ListBlockedMessage",
    LIST_FAILED = Messager "ListFailedMessage",
    /// One message in whatever state it is; it needs the messager's node.
    GET_MESSAGE = Messager "GetMessageByUid",
    /// Of one state, page by page; its number of parameters differs between versions.
    LIST_BY_STATE = Messager "ListMessageByFromState",
    MINING_STATES = Miner "StatesForMining",
    LIST_MINERS = Miner "ListAddress",
    /// Miner 1.13 and later, and only where its records are switched on.
    QUERY_RECORD = Miner "QueryRecord",
    /// Miner 1.13 and later, and only with a database on a server.
    LIST_BLOCKS = Miner "ListBlocks",
    LIST_WALLETS = Gateway "ListWalletInfo",
    LIST_PROVERS = Gateway "ListConnectedMiners",
    PROVER_CONNECTIONS = Gateway "ListMinerConnection",
    /// Gateway 1.2 and later.
    LIST_MARKETS = Gateway "ListMarketConnectionsState",
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 8.6 of the contract and everything that sends, signs, starts or stops.
    const CHANGING: [&str; 16] = [
        "Add",
        "Active",
        "Clear",
        "Compute",
        "Delete",
        "Forbidden",
        "Mark",
        "Recover",
        "Replace",
        "Republish",
        "Send",
        "Set",
        "Shutdown",
        "Start",
        "Stop",
        "Update",
    ];

    #[test]
    fn no_call_begins_with_a_word_that_changes_something() {
        for call in VenusCall::ALL {
            let method = call.method();
            let reads = ["List", "Get", "State", "Chain", "Net", "Sync", "Node", "Block", "Query"];
            assert!(reads.iter().any(|word| method.starts_with(word)), "{method}");
            assert!(!CHANGING.iter().any(|word| method.starts_with(word)), "{method}");
        }
    }

    #[test]
    fn no_call_walks_whole_tables_or_signs() {
        for costly in [
            "ListMessage",
            "ListMessageByAddress",
            "CountWinners",
            "MpoolPending",
            "WalletSign",
            "ListNode",
        ] {
            assert!(VenusCall::ALL.iter().all(|call| call.method() != costly), "{costly}");
        }
    }
}
