//! What every stand-in can do for the command line and the control port, and the one list of them.
//!
//! Adding a stand-in: its own file or folder with a `KIND`, and one line in [`KINDS`].

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize as _, Deserializer, Serialize, de, de::DeserializeOwned};
use serde_json::Value;

/// Every kind of stand-in; its name is both the command line option and the first part of the control path.
pub const KINDS: &[Kind] = &[
    crate::substrate::KIND,
    crate::prb_v0::KIND,
    crate::prb_v2::KIND,
    crate::prb_v3::KIND,
    crate::pruntime::KIND,
    crate::venus::KIND,
    crate::chia::KIND,
    crate::dingtalk::KIND,
    crate::engine::KIND,
    crate::fuse::KIND,
];

/// A started stand-in, or the sentence that says why there is none.
pub type Starting = BoxFuture<'static, Result<Box<dyn StandIn>, String>>;

/// One kind of stand-in.
pub struct Kind {
    pub name: &'static str,
    /// What follows `--name NAME=` on the command line, for the help text.
    pub spec: &'static str,
    pub about: &'static str,
    pub start: fn(String) -> Starting,
}

/// A running stand-in. Dropping it stops it and gives back what it holds: ports, mounts.
pub trait StandIn: Send + Sync {
    /// Where it is: an address or a mount point.
    fn place(&self) -> String;
    /// Stand-ins that came up with this one, by what is put behind its name. Asked once, before it is used.
    fn others(&mut self) -> Vec<(String, Box<dyn StandIn>)> {
        Vec::new()
    }
    /// Incident and settings as they are now.
    fn settings(&self) -> Value;
    /// Changes the named settings; when it returns, the change is in force.
    fn set(&self, patch: Value) -> BoxFuture<'_, Result<(), String>>;
    /// `POST /kind/name/verb`; nothing if there is no such verb.
    fn act(&self, _verb: &str, _body: &Value) -> Option<Result<(), String>> {
        None
    }
    /// `GET /kind/name/calls`: what it was asked so far, if it counts that.
    fn calls(&self) -> Option<Value> {
        None
    }
    /// `GET /kind/name/noun`, for other nouns; nothing if there is no such noun.
    fn ask(&self, _noun: &str) -> Option<Value> {
        None
    }
}

/// The usual way to start one that listens at an address.
pub(crate) fn listening<T, F>(address: String, start: impl FnOnce(String) -> F + Send + 'static) -> Starting
where
    T: StandIn + 'static,
    F: Future<Output = io::Result<T>> + Send,
{
    async move {
        let started = start(address.clone()).await;
        let stand_in: Box<dyn StandIn> = Box::new(started.map_err(|error| format!("listening on {address}: {error}"))?);
        Ok(stand_in)
    }
    .boxed()
}

/// What those that listen at an address do alike as a [`StandIn`], by their own `addr`, `settings`, `set` and `calls`.
macro_rules! served {
    () => {
        fn place(&self) -> String {
            self.addr().to_string()
        }

        fn settings(&self) -> serde_json::Value {
            serde_json::to_value(self.settings()).unwrap_or_default()
        }

        fn set(&self, patch: serde_json::Value) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
            Box::pin(self.set(patch))
        }

        fn calls(&self) -> Option<serde_json::Value> {
            serde_json::to_value(self.calls()).ok()
        }
    };
}
pub(crate) use served;

/// `current` with the members of `patch` in place of its own. A member that `current` does not have is an error.
///
/// Works on the serialized form, so that one struct is settings, patch and report at once.
pub fn patched<T: Serialize + DeserializeOwned>(current: &T, patch: &Value) -> Result<T, String> {
    let patch = patch
        .as_object()
        .ok_or("the settings to change must be a JSON object")?;
    let mut whole = serde_json::to_value(current).map_err(|error| error.to_string())?;
    for (key, value) in patch {
        match whole.get_mut(key) {
            Some(place) => *place = value.clone(),
            None => return Err(format!("unknown setting `{key}`, known are {}", keys(&whole))),
        }
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}

/// A list whose entries name only what differs from the one that would stand there; a number is so many of these.
pub fn over_numbered<'de, D, T>(deserializer: D, numbered: fn(u16) -> T) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Serialize + DeserializeOwned,
{
    let entries = match Value::deserialize(deserializer)? {
        Value::Array(entries) => entries,
        Value::Number(count) => {
            let count = count.as_u64().and_then(|count| u16::try_from(count).ok());
            let count = count.ok_or_else(|| de::Error::custom("not a list and not a number up to 65535"))?;
            vec![Value::Object(serde_json::Map::new()); usize::from(count)]
        }
        _ => return Err(de::Error::custom("not a list and not a number up to 65535")),
    };
    (0..)
        .zip(entries)
        .map(|(at, entry)| patched(&numbered(at), &entry).map_err(de::Error::custom))
        .collect()
}

fn keys(whole: &Value) -> String {
    let names: Vec<&str> = whole
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    names.join(", ")
}

/// The lock, also after a thread died holding it: a stand-in must go on answering the test that killed it.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Two {
        left: u8,
        right: Option<u8>,
    }

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let current = Two {
            left: 1,
            right: Some(2),
        };
        assert_eq!(
            patched(&current, &json!({"right": null})),
            Ok(Two { left: 1, right: None })
        );
    }

    #[test]
    fn an_unknown_or_unfit_setting_is_refused_with_words() {
        let current = Two { left: 1, right: None };
        let unknown = patched(&current, &json!({"lefft": 1})).unwrap_err();
        assert_eq!(unknown, "unknown setting `lefft`, known are left, right");
        assert!(
            patched(&current, &json!({"left": "x"}))
                .unwrap_err()
                .contains("expected u8")
        );
        assert!(
            patched(&current, &json!([]))
                .unwrap_err()
                .contains("must be a JSON object")
        );
    }
}
