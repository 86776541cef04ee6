//! A parachain's storage about workers, as raw keys and values for a chain node's setting `storage`.
//!
//! Only what a farm asks for: bindings, sessions, stakes, assignments, operators, and a few figures of the network.

use std::collections::BTreeMap;

use serde_json::Value;
use twox_hash::XxHash64;

use super::{
    identity::{self, hex},
    session::Session,
};

/// Which runtime's names the pallets have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pallets {
    /// `PhalaComputation` and `PhalaStakePoolv2`.
    New,
    /// `PhalaMining` and `PhalaStakePool`.
    Old,
}

/// What a chain knows of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnChain {
    pub public_key: [u8; 32],
    pub account: [u8; 32],
    /// Nothing for a worker that is not bound.
    pub session: Option<Session>,
    /// Plancks; nothing while it does not compute.
    pub stake: Option<u128>,
    /// The pool it is assigned to.
    pub pid: Option<u64>,
}

/// Figures of the whole network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub online_workers: u32,
    /// Nothing leaves the value out: paused for the new pallet, while the old one knows no pause.
    pub heartbeat_paused: Option<bool>,
    pub cool_down_seconds: u64,
    pub heartbeat_window: u32,
}

impl OnChain {
    /// A healthy worker of this name: the one that the stand-ins of PRB have.
    pub fn of(worker: &str, pid: u64) -> Self {
        Self {
            public_key: identity::public_key(worker),
            account: identity::session_account(worker),
            session: Some(Session::healthy(worker)),
            stake: Some(10_000_000_000_000),
            pid: Some(pid),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            online_workers: 24_000,
            heartbeat_paused: Some(false),
            cool_down_seconds: 604_800,
            heartbeat_window: 10,
        }
    }
}

/// Raw keys and values, to be given to a chain node as its `storage`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage(BTreeMap<String, String>);

impl Storage {
    /// What a chain with these pallets knows of these workers.
    pub fn of(pallets: Pallets, workers: &[OnChain]) -> Self {
        let mut storage = Self::default();
        for worker in workers {
            storage.worker(pallets, worker);
        }
        storage
    }

    /// As the setting has it.
    pub fn json(&self) -> Value {
        let entries = self.0.iter();
        entries
            .map(|(key, value)| (key.clone(), Value::String(value.clone())))
            .collect()
    }

    pub fn worker(&mut self, pallets: Pallets, worker: &OnChain) {
        let (computation, sessions, back) = match pallets {
            Pallets::New => ("PhalaComputation", "Sessions", "SessionBindings"),
            Pallets::Old => ("PhalaMining", "Miners", "MinerBindings"),
        };
        let stake_pool = match pallets {
            Pallets::New => "PhalaStakePoolv2",
            Pallets::Old => "PhalaStakePool",
        };
        let (key, account) = (&worker.public_key, &worker.account);
        if let Some(session) = &worker.session {
            self.put(&map_key(computation, "WorkerBindings", key), account);
            self.put(&map_key(computation, back, account), key);
            self.put(&map_key(computation, sessions, account), &session.encoded());
        }
        if let Some(stake) = worker.stake {
            self.put(&map_key(computation, "Stakes", account), &stake.to_le_bytes());
        }
        if let Some(pid) = worker.pid {
            self.put(&map_key(stake_pool, "WorkerAssignments", key), &pid.to_le_bytes());
        }
    }

    pub fn network(&mut self, pallets: Pallets, network: Network) {
        let (pallet, online) = match pallets {
            Pallets::New => ("PhalaComputation", "OnlineWorkers"),
            Pallets::Old => ("PhalaMining", "OnlineMiners"),
        };
        self.put(&value_key(pallet, online), &network.online_workers.to_le_bytes());
        if let Some(paused) = network.heartbeat_paused {
            self.put(&value_key(pallet, "HeartbeatPaused"), &[u8::from(paused)]);
        }
        let seconds = network.cool_down_seconds.to_le_bytes();
        self.put(&value_key(pallet, "CoolDownPeriod"), &seconds);
        // Eight fixed-point numbers before the window, five behind it.
        let mut tokenomic = [0; 8 * 16].to_vec();
        tokenomic.extend(network.heartbeat_window.to_le_bytes());
        tokenomic.extend([0; 5 * 16]);
        self.put(&value_key(pallet, "TokenomicParameters"), &tokenomic);
    }

    /// A stake pool of this owner, without stakers and workers.
    pub fn pool(&mut self, pallets: Pallets, pid: u64, owner: &[u8; 32]) {
        let (pallet, item, variant): (_, _, &[u8]) = match pallets {
            Pallets::New => ("PhalaBasePool", "Pools", &[0]),
            Pallets::Old => ("PhalaStakePool", "StakePools", &[]),
        };
        let mut value = [variant, &pid.to_le_bytes(), owner].concat();
        // Amounts, empty lists, accounts: nobody who asks for the owner reads on.
        value.extend([0; 140]);
        self.put(&map_key(pallet, item, &pid.to_le_bytes()), &value);
    }

    /// The account that pays for a pool, with its free plancks.
    pub fn operator(&mut self, account: &[u8; 32], free: u128) {
        let mut key = value_key("System", "Account");
        key.extend(identity::hash16(account));
        key.extend(account);
        // Nonce, consumers, providers, sufficients; free, reserved, and two more that differ between runtimes.
        let mut value = [7_u32, 0, 1, 0].map(u32::to_le_bytes).concat();
        value.extend(free.to_le_bytes());
        value.extend([0; 3 * 16]);
        self.put(&key, &value);
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(format!("0x{}", hex(key)), format!("0x{}", hex(value)));
    }
}

/// The key of a value that is no map.
pub fn value_key(pallet: &str, item: &str) -> Vec<u8> {
    let mut key = twox(pallet.as_bytes(), 2);
    key.extend(twox(item.as_bytes(), 2));
    key
}

/// The key of an entry of a map that is hashed with `Twox64Concat`.
pub fn map_key(pallet: &str, item: &str, entry: &[u8]) -> Vec<u8> {
    let mut key = value_key(pallet, item);
    key.extend(twox(entry, 1));
    key.extend(entry);
    key
}

/// 64 bits for each seed from 0 on.
fn twox(bytes: &[u8], seeds: u64) -> Vec<u8> {
    (0..seeds)
        .flat_map(|seed| XxHash64::oneshot(seed, bytes).to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_runtime() {
        let keys = [
            (
                "PhalaComputation",
                "Sessions",
                "b71c310d8c830d345ee1c1b84566a8d1028685274e698e781f7f2766cba0cc83",
            ),
            (
                "PhalaMining",
                "Miners",
                "42cbe4fedfc209225dad817c6d03820e3c8312b14d47df66cbccdda7f2601ff7",
            ),
            (
                "PhalaStakePoolv2",
                "WorkerAssignments",
                "75e3ed3f59e45643ed1149ad80929c1b19607b9c9a8737bdc9a8097e5575f8df",
            ),
        ];
        for (pallet, item, key) in keys {
            assert_eq!(hex(&value_key(pallet, item)), key, "{pallet}.{item}");
        }
        let entry = map_key("PhalaComputation", "Sessions", &[0x11; 32]);
        let suffix = format!("c99bd9a68183033a{}", "11".repeat(32));
        assert!(hex(&entry).ends_with(&suffix));
    }

    #[test]
    fn values_have_the_sizes_of_the_runtime() {
        let mut storage = Storage::of(Pallets::Old, &[OnChain::of("w", 88)]);
        storage.network(Pallets::Old, Network::default());
        storage.operator(&identity::operator_account(88), 5);
        let sizes: Vec<usize> = storage.0.values().map(|value| value.len() / 2 - 1).collect();
        // Five of the worker, four of the network, one of the operator, in the order of their keys.
        let mut sorted = sizes.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 4, 8, 8, 16, 32, 32, 80, 97, 212]);
    }
}
