//! Who takes part: users and their tokens, miners, senders of messages. Each entry of a list has a number to follow from.

use serde::{Deserialize, Serialize};

use super::text;

/// What a token permits; each includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Perm {
    Read,
    Write,
    Sign,
    Admin,
}

impl Perm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sign => "sign",
            Self::Admin => "admin",
        }
    }
}

/// A user of the auth service, who is also the account of a wallet at the gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    pub enabled: bool,
    /// Connections of this account's wallet to the gateway.
    pub wallets: u64,
    /// Requests that wait in each of them (30 is full).
    pub requests: u64,
    /// For how long they have been connected.
    pub connected_s: u64,
}

/// A token that the auth service issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// Of the user.
    pub name: String,
    pub perm: Perm,
    /// Another number makes another token, and the one before worthless.
    pub drawn: u64,
}

/// What is the matter with one miner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Illness {
    #[default]
    Healthy,
    /// In no list of the miner service, as when its user is disabled.
    Vanished,
    /// Its rounds fail: `Err` holds `errors`.
    Errors,
    /// Open for mining, but its prover could not be built.
    NotBuilt,
    /// Has no connection at the gateway, so its rounds fail.
    NoProver,
}

/// A miner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Miner {
    /// `f0...`
    pub id: String,
    pub user: String,
    /// Which of `senders` signs its blocks.
    pub worker: usize,
    pub trouble: Illness,
    /// For `errors`, without the time that the service puts before each.
    pub errors: Vec<String>,
    /// Open for mining, in auth since 1.8 and in the memory of the miner service before.
    pub open: bool,
    pub raw_power: String,
    pub quality_power: String,
    pub has_min_power: bool,
    pub live: u64,
    pub active: u64,
    pub faulty: u64,
    pub available: String,
    /// Whether the node knows such a miner.
    pub on_chain: bool,
    /// The epoch at which its proving periods begin, from 0 to 2879.
    pub proving_offset: u64,
    /// Connections at the gateway.
    pub provers: u64,
    pub markets: u64,
    /// Requests that wait in each of them.
    pub requests: u64,
    pub connected_s: u64,
    /// It wins in every so-manieth epoch; 0 for never.
    pub wins_every: u64,
}

/// What is the matter with one sender. Setting it puts messages into its queue, healing it takes away what holds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    #[default]
    Healthy,
    /// Its lowest filled message is in no node's pool: the ones behind it wait. Republishing helps.
    StuckFilled,
    /// A filled message that is on chain, which the messager has not noticed. Updating it helps.
    Unnoticed,
    /// Its lowest filled message pays less than the base fee. Replacing helps.
    UnderPriced,
    /// Messages that fail gas estimation in each round, as many as the selection takes.
    FailedEstimation,
    /// A nonce that no message has: as many filled ones as the selection takes wait behind it.
    NonceGap,
}

/// A sender of messages: one address of the messager, one key of a wallet, one actor on chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sender {
    /// The key's address, `f1...` or `f3...`.
    pub address: String,
    /// Its user in auth and its account at the gateway.
    pub account: String,
    /// 1 alive, 2 removing, 3 removed, 4 forbidden.
    pub state: u64,
    /// 0 for the shared one, as with the amounts below.
    pub sel_msg_num: u64,
    pub gas_over_estimation: f64,
    pub gas_over_premium: f64,
    pub max_fee: String,
    pub gas_fee_cap: String,
    pub base_fee: String,
    /// None: there is no such actor.
    pub balance: Option<String>,
    /// The next nonce by the chain, and by the messager.
    pub chain_nonce: u64,
    pub nonce: u64,
    /// Messages on chain that the messager's table keeps. They are made up while they are listed.
    pub history: u64,
    /// Messages that come with each epoch.
    pub flow: u64,
    /// Bytes of the parameters of its messages.
    pub params_bytes: u64,
    pub trouble: Trouble,
    /// How many messages the trouble brings; 0 for as many as it takes.
    pub trouble_count: u64,
    /// How old the first of them is.
    pub trouble_age_s: u64,
    /// For `failed_estimation`, behind `gas estimate: `.
    pub trouble_error: String,
    /// Their method; 5 is a `WindowPoSt`.
    pub trouble_method: u64,
}

impl User {
    pub(super) fn numbered(at: u16) -> Self {
        Self {
            name: if at == 0 {
                "li".to_owned()
            } else {
                format!("user-{}", at + 1)
            },
            enabled: true,
            wallets: 1,
            requests: 0,
            connected_s: 3600,
        }
    }
}

impl Token {
    /// One for each permission, then more that only read.
    pub(super) fn numbered(at: u16) -> Self {
        let perm = match at {
            0 => Perm::Admin,
            1 => Perm::Sign,
            2 => Perm::Write,
            _ => Perm::Read,
        };
        Self {
            name: "li".to_owned(),
            perm,
            drawn: u64::from(at),
        }
    }

    pub(super) fn text(&self) -> String {
        text::jwt(&self.name, self.perm.name(), self.drawn)
    }
}

impl Miner {
    pub(super) fn numbered(at: u16) -> Self {
        Self {
            id: format!("f0{}", 1000 + u32::from(at)),
            user: "li".to_owned(),
            worker: 0,
            trouble: Illness::Healthy,
            errors: vec!["mining timeout!".to_owned()],
            open: true,
            raw_power: "3518437208883200".to_owned(),
            quality_power: "35184372088832000".to_owned(),
            has_min_power: true,
            live: 102_400,
            active: 102_400,
            faulty: 0,
            available: "123456789012345678901".to_owned(),
            on_chain: true,
            proving_offset: u64::from(at) * 97 % 2880,
            provers: 1,
            markets: 1,
            requests: 0,
            connected_s: 3600,
            wins_every: 120,
        }
    }
}

impl Sender {
    pub(super) fn numbered(at: u16) -> Self {
        // Workers sign with BLS keys, control addresses often with secp256k1.
        let protocol = if at % 4 == 3 { 1 } else { 3 };
        let nothing = || "0".to_owned();
        Self {
            address: text::key_address(protocol, &at.to_string()),
            account: "li".to_owned(),
            state: 1,
            sel_msg_num: 0,
            gas_over_estimation: 0.0,
            gas_over_premium: 0.0,
            max_fee: nothing(),
            gas_fee_cap: nothing(),
            base_fee: nothing(),
            balance: Some("50000000000000000000".to_owned()),
            chain_nonce: 1000,
            nonce: 1000,
            history: 20,
            flow: 0,
            params_bytes: 64,
            trouble: Trouble::Healthy,
            trouble_count: 0,
            trouble_age_s: 2400,
            trouble_error: "estimating gas limit: message execution failed: exit 16".to_owned(),
            trouble_method: 7,
        }
    }
}
