//! Everything that can be set about a small Filecoin, and about each service that looks at it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{
    people::{Miner, Sender, Token, User},
    text,
    version::{Era, Role, Version},
};
use crate::{
    standin::over_numbered,
    wire::{Dials, Incident},
};

/// 2020-08-24 22:00:00 UTC, mainnet's.
const GENESIS: u64 = 1_598_306_400;

/// Settings of a [`super::Venus`]: what all its services look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Setting it gives every service the release that stands for the era.
    pub era: Era,
    pub network: String,
    /// Unix time in seconds.
    pub genesis: u64,
    pub block_time_ms: u64,
    /// The network's epoch. Setting it moves `genesis`, so that this epoch began just now.
    pub epoch: u64,
    /// Epochs come only by order; by the clock otherwise.
    pub by_hand: bool,
    /// So many epochs before the present one have no block: no node can have a younger head.
    pub null_rounds: u64,
    /// Blocks of a tipset.
    pub blocks: u64,
    /// In attoFIL, as are all amounts; a text that is no number is written as it stands.
    pub base_fee: String,
    /// The zone of the services' hosts, in hours east of Greenwich.
    pub zone_hours: i8,
    pub shared: Shared,
    #[serde(deserialize_with = "users")]
    pub users: Vec<User>,
    #[serde(deserialize_with = "tokens")]
    pub tokens: Vec<Token>,
    #[serde(deserialize_with = "miners")]
    pub miners: Vec<Miner>,
    #[serde(deserialize_with = "senders")]
    pub senders: Vec<Sender>,
}

/// What the messager holds for every sender that has no value of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shared {
    pub sel_msg_num: u64,
    pub max_fee: String,
    pub gas_fee_cap: String,
    pub base_fee: String,
    pub gas_over_estimation: f64,
    pub gas_over_premium: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            era: Era::C,
            network: "mainnet".to_owned(),
            genesis: GENESIS,
            block_time_ms: 30_000,
            epoch: 0,
            by_hand: false,
            null_rounds: 0,
            blocks: 5,
            base_fee: "100".to_owned(),
            zone_hours: 8,
            shared: Shared {
                sel_msg_num: 20,
                max_fee: "7000000000000000".to_owned(),
                gas_fee_cap: "0".to_owned(),
                base_fee: "0".to_owned(),
                gas_over_estimation: 1.25,
                gas_over_premium: 0.0,
            },
            users: vec![User::numbered(0)],
            tokens: (0..4).map(Token::numbered).collect(),
            miners: vec![Miner::numbered(0)],
            senders: (0..2).map(Sender::numbered).collect(),
        }
    }
}

fn users<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<User>, D::Error> {
    over_numbered(deserializer, User::numbered)
}

fn tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Token>, D::Error> {
    over_numbered(deserializer, Token::numbered)
}

fn miners<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Miner>, D::Error> {
    over_numbered(deserializer, Miner::numbered)
}

fn senders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Sender>, D::Error> {
    over_numbered(deserializer, Sender::numbered)
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.block_time_ms == 0 {
            return Err("block_time_ms: must not be 0; by_hand stops the clock".to_owned());
        }
        let senders = self.senders.iter().map(|sender| &sender.address);
        let miners = self.miners.iter().map(|miner| &miner.id);
        match senders.chain(miners).find(|address| !text::is_address(address)) {
            Some(address) => Err(format!("`{address}` is not an address")),
            None => Ok(()),
        }
    }
}

/// Incidents that only one kind of service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// A node whose head is `lag` epochs behind and which catches up with nobody; it has a sync target.
    Lagging,
    /// A node whose head stands since this was set.
    Stuck,
    /// A node without peers; its head stands.
    NoPeers,
    /// A gateway that lost the wallets in `lost`, or all.
    LostWallet,
    /// A gateway that lost the provers of the miners in `lost`, or all.
    LostProver,
    /// A messager or an auth service that cannot reach its database.
    DatabaseDown,
}

impl Own {
    fn of(self, role: Role) -> bool {
        match self {
            Self::Lagging | Self::Stuck | Self::NoPeers => role == Role::Node,
            Self::LostWallet | Self::LostProver => role == Role::Gateway,
            Self::DatabaseDown => matches!(role, Role::Messager | Role::Auth),
        }
    }
}

/// Settings of one [`super::Service`]. What a role has no use for changes nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    /// The release; set together with the others by `era`.
    pub version: Version,
    /// The first character of addresses: `f`, `t`, or empty for what the release has.
    pub prefix: String,
    /// How often the secret behind the service's own admin token was drawn anew. A restart does it too.
    pub drawn: u64,
    /// Where the service keeps its own token; empty for nowhere.
    pub token_file: String,
    /// Results by method, in place of the right ones.
    pub results: BTreeMap<String, Value>,
    /// How long calls of a method wait for their answer, by method, in milliseconds.
    pub waits_ms: BTreeMap<String, u64>,
    /// Methods that run and fail, with the text they fail with.
    pub errors: BTreeMap<String, String>,
    /// Methods that run and whose answer is lost: 504, as of a balancer that waited too long.
    pub answers_lost: Vec<String>,
    /// Node: speaks as Lotus does.
    pub lotus: bool,
    /// Node: for `lagging`.
    pub lag: u64,
    /// Node: peers.
    pub peers: u64,
    /// Miner: only these miners are known to it, as if each service had a list of its own.
    pub only: Option<Vec<String>>,
    /// Miner: how long a mining round keeps `StatesForMining` waiting.
    pub lock_ms: u64,
    /// Miner: whether `QueryRecord` is on.
    pub recorder: bool,
    /// Miner: whether `ListBlocks` has a database to list from.
    pub blocks_listed: bool,
    /// Gateway: for its incidents; empty for all.
    pub lost: Vec<String>,
}

impl Instance {
    pub(super) fn new(era: Era, role: Role) -> Self {
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            version: Version::of(era, role),
            prefix: String::new(),
            drawn: 0,
            token_file: String::new(),
            results: BTreeMap::new(),
            waits_ms: BTreeMap::new(),
            errors: BTreeMap::new(),
            answers_lost: Vec::new(),
            lotus: false,
            lag: 60,
            peers: 42,
            only: None,
            lock_ms: 0,
            recorder: false,
            blocks_listed: false,
            lost: Vec::new(),
        }
    }

    pub(super) fn check(&self, role: Role) -> Result<(), String> {
        self.dials.check(self.incident.fault())?;
        if !matches!(&*self.prefix, "" | "f" | "t") {
            return Err(format!("prefix: `{}` is not f, t or empty", self.prefix));
        }
        match self.incident {
            Incident::Own(own) if !own.of(role) => {
                let name = role.name();
                Err(format!("incident: {own:?} is not one that the role {name} has"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is(&self, own: Own) -> bool {
        self.incident == Incident::Own(own)
    }
}
