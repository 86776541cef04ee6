//! A worker's session on chain: as 97 bytes of SCALE, and as PRB v2 shows it in `sessionInfoJson`.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{identity, text};
use crate::clock::unix_ms;

/// The state of a session; the index is the one in SCALE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    Ready,
    /// Healthy: computing.
    WorkerIdle,
    /// No longer used; `MiningActive` of old runtimes.
    Unused,
    WorkerUnresponsive,
    WorkerCoolingDown,
}

/// `SessionInfo` of `PhalaComputation`, `MinerInfo` of `PhalaMining`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub state: SessionState,
    /// V at the start, as U64F64 bits.
    pub ve: u128,
    /// V now, as U64F64 bits.
    pub v: u128,
    /// Unix seconds, as the other times.
    pub v_updated_at: u64,
    pub p_init: u32,
    pub p_instant: u32,
    pub iterations: u64,
    pub working_start_time: u64,
    pub challenge_time_last: u64,
    pub cool_down_start: u64,
    /// Plancks.
    pub total_reward: u128,
}

/// Which release names fields and states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    #[default]
    New,
    /// Before stake pool v2: "mining" and "miner".
    Old,
}

impl SessionState {
    pub fn index(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::WorkerIdle => 1,
            Self::Unused => 2,
            Self::WorkerUnresponsive => 3,
            Self::WorkerCoolingDown => 4,
        }
    }

    pub fn name(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (Self::Ready, _) => "Ready",
            (Self::WorkerIdle, Spelling::New) => "WorkerIdle",
            (Self::WorkerIdle, Spelling::Old) => "MiningIdle",
            (Self::Unused, Spelling::New) => "_Unused",
            (Self::Unused, Spelling::Old) => "MiningActive",
            (Self::WorkerUnresponsive, Spelling::New) => "WorkerUnresponsive",
            (Self::WorkerUnresponsive, Spelling::Old) => "MiningUnresponsive",
            (Self::WorkerCoolingDown, Spelling::New) => "WorkerCoolingDown",
            (Self::WorkerCoolingDown, Spelling::Old) => "MiningCoolingDown",
        }
    }
}

/// U64F64 bits of a number given in hundred-millionths.
pub fn bits_of_e8(e8: u64) -> u128 {
    (u128::from(e8) << 64) / 100_000_000
}

/// When this process first spoke of a session, in seconds: whoever tells of a worker says the same, and its sessions are
/// of today.
fn began() -> u64 {
    static BEGAN: OnceLock<u64> = OnceLock::new();
    *BEGAN.get_or_init(|| unix_ms() / 1000)
}

impl Session {
    /// A computing worker's; scores and rewards differ from worker to worker.
    pub fn healthy(worker: &str) -> Self {
        let [spice, more, ..] = identity::public_key(worker);
        let reward = u128::from(spice) * 1_000_000_000_000 + u128::from(more) * 100_000_000;
        Self {
            state: SessionState::WorkerIdle,
            ve: bits_of_e8(1_180_050_000_000),
            v: bits_of_e8(1_234_567_890_100 + u64::from(spice) * 1_000_000),
            v_updated_at: began() - 1200,
            p_init: 1650 + u32::from(more),
            p_instant: 1622 + u32::from(more),
            iterations: 987_654_321,
            working_start_time: began() - 30 * 86_400,
            challenge_time_last: began() - 900,
            cool_down_start: 0,
            total_reward: reward,
        }
    }

    /// The same in another state.
    #[must_use]
    pub fn in_state(self, state: SessionState) -> Self {
        let cool_down_start = match state {
            SessionState::WorkerCoolingDown => began() - 86_400,
            _ => 0,
        };
        Self {
            state,
            cool_down_start,
            ..self
        }
    }

    /// The 97 bytes of storage.
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = vec![self.state.index()];
        bytes.extend(self.ve.to_le_bytes());
        bytes.extend(self.v.to_le_bytes());
        bytes.extend(self.v_updated_at.to_le_bytes());
        bytes.extend(self.p_init.to_le_bytes());
        bytes.extend(self.p_instant.to_le_bytes());
        for number in [
            self.iterations,
            self.working_start_time,
            self.challenge_time_last,
            self.cool_down_start,
        ] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.total_reward.to_le_bytes());
        bytes
    }

    /// The members that PRB v2 puts before `runtimeInfo`.
    pub(crate) fn for_people(&self, spelling: Spelling) -> Map<String, Value> {
        let comma = |number: u64| json!(text::commas(number.into()));
        let reward = match spelling {
            Spelling::New => text::si_balance(self.total_reward),
            Spelling::Old => text::commas(self.total_reward),
        };
        let start = match spelling {
            Spelling::New => "workingStartTime",
            Spelling::Old => "miningStartTime",
        };
        let benchmark = |number: &dyn Fn(u64) -> Value| {
            json!({
                "pInit": number(self.p_init.into()),
                "pInstant": number(self.p_instant.into()),
                "iterations": number(self.iterations),
                start: number(self.working_start_time),
                "challengeTimeLast": number(self.challenge_time_last),
            })
        };
        let state = self.state.name(spelling);
        let raw = json!({
            "state": state,
            "ve": big(self.ve),
            "v": big(self.v),
            "vUpdatedAt": self.v_updated_at,
            "benchmark": benchmark(&|number| json!(number)),
            "coolDownStart": self.cool_down_start,
            "stats": {"totalReward": big(self.total_reward)},
        });
        let members = [
            ("state", json!(state)),
            ("ve", json!(text::fixed8(self.ve))),
            ("v", json!(text::fixed8(self.v))),
            ("vUpdatedAt", comma(self.v_updated_at)),
            ("benchmark", benchmark(&comma)),
            ("coolDownStart", comma(self.cool_down_start)),
            ("stats", json!({"totalReward": reward})),
            ("raw", raw),
        ];
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// What polkadot.js makes of a large integer: a number as long as a double holds it, else hex of its full width.
fn big(number: u128) -> Value {
    match u64::try_from(number) {
        Ok(small) if small < 1 << 53 => json!(small),
        _ => json!(format!("0x{number:032x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_chain() {
        let session = Session {
            state: SessionState::WorkerUnresponsive,
            ve: 3000 << 64,
            v: 0x0bee_35c9_adc5_dea0_0000,
            v_updated_at: 1_680_000_000,
            p_init: 1520,
            p_instant: 1490,
            iterations: 9_876_543_210,
            working_start_time: 1_670_000_000,
            challenge_time_last: 1_680_000_100,
            cool_down_start: 0,
            total_reward: 123_456_789_012_345,
        };
        let expected = concat!(
            "030000000000000000b80b0000000000000000a0dec5adc935ee0b00000000000000c4226400000000f0050000d2050000",
            "ea16b04c02000000802d8a630000000064c4226400000000000000000000000079df0d86487000000000000000000000"
        );
        assert_eq!(identity::hex(&session.encoded()), expected);
    }

    #[test]
    fn large_numbers_become_hex() {
        assert_eq!(big(9_007_199_254_740_991), json!(9_007_199_254_740_991_u64));
        assert_eq!(big(1 << 53), json!("0x00000000000000000020000000000000"));
    }
}
