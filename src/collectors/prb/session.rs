//! A worker's session on the chain: as PRB passes it on in `sessionInfoJson`, and as the chain stores it.
//!
//! Sources: `runtime-bridge` `src/lifecycle/runner/worker.js` for the text, `phala-blockchain`
//! `pallets/phala/src/compute/computation.rs` for the 97 bytes, which are the same in every runtime.

use std::time::Duration;

use serde_json::Value;

use super::amount::{self, Plancks};
use crate::clock::UnixTime;

/// Where a worker stands on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Bound, not computing.
    Ready,
    /// Computing: the healthy state. Older runtimes call it `MiningIdle`, and `MiningActive` is the same.
    Idle,
    /// It missed a heartbeat and loses V.
    Unresponsive,
    /// Stopped; the stake is locked.
    CoolingDown,
}

impl SessionState {
    pub const ALL: [Self; 4] = [Self::Ready, Self::Idle, Self::Unresponsive, Self::CoolingDown];

    /// The value of the label `state`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Idle => "idle",
            Self::Unresponsive => "unresponsive",
            Self::CoolingDown => "cooling_down",
        }
    }

    /// `None` for a state that this version does not know.
    pub fn named(name: &str) -> Option<Self> {
        let bare = name.trim_start_matches("Worker").trim_start_matches("Mining");
        match bare {
            "Ready" => Some(Self::Ready),
            "Idle" | "Active" => Some(Self::Idle),
            "Unresponsive" => Some(Self::Unresponsive),
            "CoolingDown" => Some(Self::CoolingDown),
            _ => None,
        }
    }

    const fn numbered(index: u8) -> Option<Self> {
        match index {
            0 => Some(Self::Ready),
            1 | 2 => Some(Self::Idle),
            3 => Some(Self::Unresponsive),
            4 => Some(Self::CoolingDown),
            _ => None,
        }
    }
}

/// A session; `None` is what was not said.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Session {
    /// `None` also for a state that this version does not know.
    pub state: Option<SessionState>,
    pub v: Option<f64>,
    /// V when computing began.
    pub ve: Option<f64>,
    pub v_updated: Option<UnixTime>,
    pub p_initial: Option<u128>,
    /// Zero for a while after a restart of pRuntime.
    pub p_instant: Option<u128>,
    pub challenged: Option<UnixTime>,
    /// Only while cooling down.
    pub cool_down_started: Option<UnixTime>,
    /// Begins anew when the worker is bound again.
    pub reward: Option<Plancks>,
}

/// What `sessionInfoJson` (before 2022-12-19 `minerInfoJson`) holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Info {
    /// `None` for a worker that is not bound on the chain.
    pub session: Option<Session>,
    /// pRuntime's own version.
    pub pruntime_version: Option<String>,
}

/// Longest version that is shown.
const LONGEST_VERSION: usize = 64;

impl Info {
    /// Numbers of `raw` come first: the others are rounded and written for people. A field of another type costs only
    /// itself; what is no JSON object is an error.
    pub fn read(json: &str) -> Result<Self, String> {
        let whole: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
        if !whole.is_object() {
            return Err("a session that is no JSON object".to_owned());
        }
        let shown = fields(&whole, Form::Shown);
        let raw = whole.get("raw").and_then(|raw| fields(raw, Form::Raw));
        let session = match (raw, shown) {
            (Some(raw), shown) => Some(raw.or(shown.unwrap_or_default())),
            (None, shown) => shown,
        };
        let version = whole.pointer("/runtimeInfo/version").and_then(Value::as_str);
        Ok(Self {
            session,
            pruntime_version: version.map(|version| version.chars().take(LONGEST_VERSION).collect()),
        })
    }
}

impl Session {
    /// The value of the storage map `Sessions` (older runtimes: `Miners`).
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = Bytes(bytes);
        let [index] = rest.take()?;
        let state = SessionState::numbered(index);
        let ve = u128::from_le_bytes(rest.take()?);
        let v = u128::from_le_bytes(rest.take()?);
        let v_updated = u64::from_le_bytes(rest.take()?);
        let p_initial = u32::from_le_bytes(rest.take()?);
        let p_instant = u32::from_le_bytes(rest.take()?);
        let _iterations: [u8; 8] = rest.take()?;
        let _working_since: [u8; 8] = rest.take()?;
        let challenged = u64::from_le_bytes(rest.take()?);
        let cool_down = u64::from_le_bytes(rest.take()?);
        let reward = u128::from_le_bytes(rest.take()?);
        if !rest.0.is_empty() {
            return Err(format!("a session of {} bytes, not 97", bytes.len()));
        }
        Ok(Self::from(Numbers {
            state,
            v: Some(v),
            ve: Some(ve),
            v_updated: Some(v_updated.into()),
            p_initial: Some(p_initial.into()),
            p_instant: Some(p_instant.into()),
            challenged: Some(challenged.into()),
            cool_down: Some(cool_down.into()),
            reward: Some(reward),
        }))
    }

    fn or(self, other: Self) -> Self {
        Self {
            state: self.state.or(other.state),
            v: self.v.or(other.v),
            ve: self.ve.or(other.ve),
            v_updated: self.v_updated.or(other.v_updated),
            p_initial: self.p_initial.or(other.p_initial),
            p_instant: self.p_instant.or(other.p_instant),
            challenged: self.challenged.or(other.challenged),
            cool_down_started: self.cool_down_started.or(other.cool_down_started),
            reward: self.reward.or(other.reward),
        }
    }
}

/// A session as the chain keeps it, also told by PRB v3: V as the bits of U64F64, the reward in plancks, times in seconds.
pub struct Numbers {
    pub state: Option<SessionState>,
    pub v: Option<u128>,
    pub ve: Option<u128>,
    pub v_updated: Option<u128>,
    pub p_initial: Option<u128>,
    pub p_instant: Option<u128>,
    pub challenged: Option<u128>,
    pub cool_down: Option<u128>,
    pub reward: Option<u128>,
}

impl From<Numbers> for Session {
    fn from(numbers: Numbers) -> Self {
        Self {
            state: numbers.state,
            v: numbers.v.map(amount::fixed_point),
            ve: numbers.ve.map(amount::fixed_point),
            v_updated: numbers.v_updated.and_then(moment),
            p_initial: numbers.p_initial,
            p_instant: numbers.p_instant,
            challenged: numbers.challenged.and_then(moment),
            cool_down_started: started(numbers.state, numbers.cool_down),
            reward: numbers.reward.map(Plancks),
        }
    }
}

/// Taken from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], String> {
        let (first, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| "a session of fewer than 97 bytes".to_owned())?;
        self.0 = rest;
        Ok(*first)
    }
}

/// Zero is never; so is what no calendar holds.
fn moment(seconds: u128) -> Option<UnixTime> {
    /// The year 9999.
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(seconds).ok()?;
    (1..=LAST)
        .contains(&seconds)
        .then(|| UnixTime::from_duration(Duration::from_secs(seconds)))
}

/// An old cool-down stays in storage.
fn started(state: Option<SessionState>, seconds: Option<u128>) -> Option<UnixTime> {
    (state == Some(SessionState::CoolingDown))
        .then(|| seconds.and_then(moment))
        .flatten()
}

/// How the numbers of a session are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// V as the bits of U64F64, the reward in plancks.
    Raw,
    /// V with decimals, the reward with its unit, commas between thousands.
    Shown,
}

/// A session without a state is none: PRB writes none for a worker that is not bound.
fn fields(written: &Value, form: Form) -> Option<Session> {
    let state = SessionState::named(written.get("state")?.as_str()?);
    let at = |path: &str| written.pointer(path);
    let fixed_point = |path: &str| match form {
        Form::Raw => at(path).and_then(number).map(amount::fixed_point),
        Form::Shown => at(path)?.as_str()?.parse().ok().filter(|v: &f64| v.is_finite()),
    };
    let time = |path: &str| at(path).and_then(number).and_then(moment);
    Some(Session {
        state,
        v: fixed_point("/v"),
        ve: fixed_point("/ve"),
        v_updated: time("/vUpdatedAt"),
        p_initial: at("/benchmark/pInit").and_then(number),
        p_instant: at("/benchmark/pInstant").and_then(number),
        challenged: time("/benchmark/challengeTimeLast"),
        cool_down_started: started(state, at("/coolDownStart").and_then(number)),
        reward: at("/stats/totalReward").and_then(|reward| match (form, reward.as_str()) {
            (Form::Shown, Some(text)) => Plancks::read(text),
            _ => number(reward).map(Plancks),
        }),
    })
}

/// A number, the hexadecimal text of one that is too large for JSON, or one with commas.
fn number(value: &Value) -> Option<u128> {
    match value {
        Value::Number(number) => number.as_u64().map(u128::from),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(digits) if !digits.starts_with('+') => u128::from_str_radix(digits, 16).ok(),
            Some(_) => None,
            None => amount::whole(text),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = hex.as_bytes().chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    const STORED: &str = "030000000000000000b80b0000000000000000a0dec5adc935ee0b00000000000000c4226400000000f0050000d2050000\
        ea16b04c02000000802d8a630000000064c4226400000000000000000000000079df0d86487000000000000000000000";

    const TOLD: &str = r#"{"state":"WorkerUnresponsive","ve":"11800.50000000","v":"12345.67890100","vUpdatedAt":"1,670,000,000",
        "benchmark":{"pInit":"1,650","pInstant":"1,622","challengeTimeLast":"1,670,000,300"},"coolDownStart":"0",
        "stats":{"totalReward":"9.0071 kPHA"}}"#;

    fn seconds(time: Option<UnixTime>) -> Option<f64> {
        time.map(UnixTime::as_secs_f64)
    }

    #[test]
    fn the_bytes_of_the_chain_are_read() {
        let session = Session::decode(&bytes(STORED)).unwrap();
        assert_eq!(session.state, Some(SessionState::Unresponsive));
        assert_eq!(session.ve, Some(3000.0));
        assert!((session.v.unwrap() - 3_054.210_108_6).abs() < 1e-6);
        assert_eq!(seconds(session.v_updated), Some(1_680_000_000.0));
        assert_eq!((session.p_initial, session.p_instant), (Some(1520), Some(1490)));
        assert_eq!(seconds(session.challenged), Some(1_680_000_100.0));
        assert_eq!(session.cool_down_started, None);
        assert_eq!(session.reward, Some(Plancks(123_456_789_012_345)));
    }

    #[test]
    fn bytes_of_another_length_are_an_error() {
        let stored = bytes(STORED);
        assert!(Session::decode(stored.get(..96).unwrap()).is_err());
        assert!(Session::decode(&[stored, vec![0]].concat()).is_err());
    }

    #[test]
    fn what_is_written_for_people_is_read_where_nothing_else_is() {
        let session = Info::read(TOLD).unwrap().session.unwrap();
        assert_eq!(session.state, Some(SessionState::Unresponsive));
        assert_eq!((session.v, session.ve), (Some(12_345.678_901), Some(11_800.5)));
        assert_eq!(seconds(session.v_updated), Some(1_670_000_000.0));
        assert_eq!((session.p_initial, session.p_instant), (Some(1650), Some(1622)));
        assert_eq!(session.reward, Some(Plancks(9_007_100_000_000_000)));
    }

    #[test]
    fn raw_numbers_come_first_and_what_they_lack_is_filled_in() {
        let raw = r#","raw":{"state":"MiningCoolingDown","v":"0x0000000000002e188000000000000000","ve":4,
            "coolDownStart":1670000000,"stats":{"totalReward":"0x00000000000000000020000000000001"}}}"#;
        let text = format!("{}{raw}", TOLD.strip_suffix('}').unwrap());
        let session = Info::read(&text).unwrap().session.unwrap();
        assert_eq!(session.state, Some(SessionState::CoolingDown));
        assert_eq!(session.v, Some(11_800.5));
        assert!(session.ve.unwrap() < 1e-15);
        assert_eq!(seconds(session.cool_down_started), Some(1_670_000_000.0));
        assert_eq!(session.reward, Some(Plancks(9_007_199_254_740_993)));
        assert_eq!(session.p_instant, Some(1622));
    }

    #[test]
    fn older_states_have_the_same_meaning_and_unknown_ones_none() {
        let state = |name: &str| {
            Info::read(&format!(r#"{{"state":"{name}"}}"#))
                .unwrap()
                .session
                .unwrap()
                .state
        };
        assert_eq!(state("MiningIdle"), Some(SessionState::Idle));
        assert_eq!(state("MiningActive"), Some(SessionState::Idle));
        assert_eq!(state("MiningUnresponsive"), Some(SessionState::Unresponsive));
        assert_eq!(state("Ready"), Some(SessionState::Ready));
        assert_eq!(state("Sleeping"), None);
    }

    #[test]
    fn a_worker_that_is_not_bound_has_no_session() {
        let info = Info::read(r#"{"runtimeInfo":{"version":"0.2.3"}}"#).unwrap();
        assert_eq!((info.session, info.pruntime_version.as_deref()), (None, Some("0.2.3")));
        assert_eq!(Info::read("{}").unwrap(), Info::default());
        for bad in ["", "x", "[]", "null", "7"] {
            assert!(Info::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_field_of_another_type_costs_only_itself() {
        let session = Info::read(r#"{"state":"Ready","v":{},"benchmark":[],"stats":{"totalReward":-1},"raw":7}"#);
        let ready = Session {
            state: Some(SessionState::Ready),
            ..Session::default()
        };
        assert_eq!(session.unwrap().session, Some(ready));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".*") {
            drop(Info::read(&text));
        }

        #[test]
        fn any_strings_in_the_fields_are_read_without_panic(a in ".*", b in ".*", c in ".*") {
            let json = serde_json::json!({"state": a, "v": b, "vUpdatedAt": c, "stats": {"totalReward": b},
                "raw": {"state": c, "v": a, "coolDownStart": b, "stats": {"totalReward": c}}});
            prop_assert!(Info::read(&json.to_string()).is_ok());
        }

        #[test]
        fn exactly_97_bytes_are_a_session(bytes in proptest::collection::vec(any::<u8>(), 90..110)) {
            prop_assert_eq!(Session::decode(&bytes).is_ok(), bytes.len() == 97);
        }
    }
}
