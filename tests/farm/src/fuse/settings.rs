//! Everything that can be set about a mount.

use std::collections::BTreeMap;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kernel takes no larger error from a FUSE server.
const LARGEST_ERRNO: i32 = 511;

/// What happens to every request but the greeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Incident {
    #[default]
    Ok,
    /// Read, and answered when this is over.
    Hang,
    /// Answered after `delay_ms`.
    Slow,
    /// Answered with this error; in JSON its number or its name, such as `"estale"`.
    Errno(i32),
}

impl TryFrom<Value> for Incident {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let named = |name: &str| (1..=LARGEST_ERRNO).find(|errno| name_of(*errno).as_deref() == Some(name));
        let errno = match &value {
            Value::String(word) => match word.as_str() {
                "ok" => return Ok(Self::Ok),
                "hang" => return Ok(Self::Hang),
                "slow" => return Ok(Self::Slow),
                name => named(name),
            },
            number => number.as_i64().and_then(|number| i32::try_from(number).ok()),
        };
        let errno = errno
            .filter(|errno| (1..=LARGEST_ERRNO).contains(errno))
            .map(Self::Errno);
        errno.ok_or_else(|| {
            format!("incident: {value} is neither ok, hang, slow, the name of an error (eio) nor its number (1..={LARGEST_ERRNO})")
        })
    }
}

impl From<Incident> for Value {
    fn from(incident: Incident) -> Self {
        match incident {
            Incident::Ok => "ok".into(),
            Incident::Hang => "hang".into(),
            Incident::Slow => "slow".into(),
            Incident::Errno(errno) => name_of(errno).map_or_else(|| errno.into(), Value::String),
        }
    }
}

/// `eio` for 5.
fn name_of(errno: i32) -> Option<String> {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => None,
        known => Some(format!("{known:?}").to_ascii_lowercase()),
    }
}

/// Settings of a [`super::Mount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub incident: Incident,
    pub delay_ms: u64,
    /// `statfs`, in blocks of `bsize` bytes.
    pub bsize: u32,
    pub blocks: u64,
    pub bfree: u64,
    pub bavail: u64,
    /// Inodes.
    pub files: u64,
    pub ffree: u64,
    /// What is in the directory: names and sizes in bytes.
    pub entries: BTreeMap<String, u64>,
}

impl Default for Settings {
    fn default() -> Self {
        let plot = |day: u8| {
            (
                format!("plot-k32-2023-01-{day:02}-00-00-{day:064x}.plot"),
                108_800_000_000,
            )
        };
        Self {
            incident: Incident::Ok,
            delay_ms: 1000,
            bsize: 4096,
            blocks: 4_000_000_000,
            bfree: 1_000_000_000,
            bavail: 900_000_000,
            files: 1_000_000,
            ffree: 999_997,
            entries: BTreeMap::from([plot(1), plot(2)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn an_error_has_a_name_and_a_number() {
        for (written, read, shown) in [
            (json!("estale"), Incident::Errno(116), json!("estale")),
            (json!(112), Incident::Errno(112), json!("ehostdown")),
            (json!(500), Incident::Errno(500), json!(500)),
            (json!("hang"), Incident::Hang, json!("hang")),
        ] {
            assert_eq!(from_value::<Incident>(written).unwrap(), read);
            assert_eq!(to_value(read).unwrap(), shown);
        }
        for bad in [json!("eoi"), json!(0), json!(512), json!(-5), json!(null), json!("")] {
            assert!(
                from_value::<Incident>(bad)
                    .unwrap_err()
                    .to_string()
                    .contains("neither ok")
            );
        }
    }
}
