//! Alertmanager's webhook, version 4, from bytes to alerts.
//!
//! Fields that are not known are passed over: newer Alertmanagers add some. One alert that cannot be used does not cost
//! the others of its group; only what no Alertmanager sends costs the whole payload. Source: prometheus/alertmanager
//! `notify/webhook/webhook.go`, `template/template.go`, 0.25 to 0.34.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::alert::{Alert, Fingerprint, Status};
use crate::clock::UnixTime;
use crate::values::Size;

/// A storm of some thousand alerts, which Alertmanager sends in one piece. Without it anybody who may hand in alerts may
/// fill the memory.
pub const LARGEST_BODY: Size = Size::from_bytes(8 << 20);

/// Alerts beyond it are only counted, as those that Alertmanager cut off itself.
const MOST_ALERTS: usize = 10_000;

/// Without these an alert could make a record that the journal does not take, and a message that nobody reads. A rule has
/// some ten labels. A label is never cut, because a part of it would be another name; an annotation is.
const MOST_LABELS: usize = 64;
const LONGEST_NAME: usize = 128;
const LONGEST_LABEL: usize = 512;
const MOST_ANNOTATIONS: usize = 16;
const LONGEST_ANNOTATION: usize = 2048;

/// Of group key, receiver and addresses, which are shown and recorded.
const LONGEST_WORDS: usize = 1024;

/// What one request brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Of the group: firing while one of its alerts does.
    pub status: Status,
    pub group_key: String,
    /// Escaped as a regular expression by Alertmanager.
    pub receiver: String,
    /// Where this Alertmanager is found.
    pub external_url: String,
    /// In the order of the payload, one of a fingerprint.
    pub alerts: Vec<Alert>,
    /// Alerts of the group that were not sent (`truncatedAlerts`) or not taken. That an alert is absent never means that
    /// it ended.
    pub missing: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

/// An alert that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its place in the payload, from 0.
    pub index: usize,
    /// What was expected.
    pub words: String,
}

/// A payload that will never be understood, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no payload of an Alertmanager webhook (version 4): {0}")]
pub struct Malformed(String);

/// Reads one payload; the caller has bounded its size ([`LARGEST_BODY`]).
pub fn parse(body: &[u8]) -> Result<Delivery, Malformed> {
    let payload: Payload = serde_json::from_slice(body).map_err(|e| Malformed(cut(&e.to_string(), LONGEST_ERROR)))?;
    if payload.version != "4" {
        let found = cut(&payload.version, LONGEST_ERROR);
        return Err(Malformed(format!("version `{found}`; only 4 is known")));
    }
    let status = payload.status.parse().map_err(|e| Malformed(format!("status: {e}")))?;
    let mut alerts = Vec::new();
    let mut refused = Vec::new();
    for (index, raw) in payload.alerts.kept.into_iter().enumerate() {
        match raw.checked() {
            Ok(alert) => alerts.push(alert),
            Err(words) => refused.push(Refused { index, words }),
        }
    }
    if let (true, Some(Refused { index, words })) = (alerts.is_empty(), refused.first()) {
        return Err(Malformed(format!("alerts[{index}].{words}")));
    }
    Ok(Delivery {
        status,
        group_key: cut(&payload.group_key, LONGEST_WORDS),
        receiver: cut(&payload.receiver, LONGEST_WORDS),
        external_url: cut(&payload.external_url, LONGEST_WORDS),
        alerts: one_each(alerts),
        missing: payload.truncated_alerts.saturating_add(payload.alerts.beyond),
        refused,
    })
}

/// Of an alert that stands there twice the later word counts: the newer episode, and of one episode its end.
fn one_each(alerts: Vec<Alert>) -> Vec<Alert> {
    let mut places: HashMap<Fingerprint, usize> = HashMap::with_capacity(alerts.len());
    let mut kept: Vec<Alert> = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let next = kept.len();
        let place = *places.entry(alert.fingerprint).or_insert(next);
        match kept.get_mut(place) {
            None => kept.push(alert),
            Some(other) if (other.starts_at, other.status) < (alert.starts_at, alert.status) => *other = alert,
            Some(_) => {}
        }
    }
    kept
}

#[derive(Deserialize)]
struct Payload {
    version: String,
    status: String,
    #[serde(rename = "groupKey")]
    group_key: String,
    alerts: Alerts,
    #[serde(rename = "truncatedAlerts", default)]
    truncated_alerts: u64,
    #[serde(default)]
    receiver: String,
    #[serde(rename = "externalURL", default)]
    external_url: String,
}

#[derive(Deserialize)]
struct RawAlert {
    status: String,
    labels: Texts<MOST_LABELS>,
    #[serde(default)]
    annotations: Option<Texts<MOST_ANNOTATIONS>>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt", default)]
    ends_at: Option<String>,
    #[serde(rename = "generatorURL", default)]
    generator_url: String,
    fingerprint: String,
}

impl RawAlert {
    fn checked(self) -> Result<Alert, String> {
        let status = self.status.parse().map_err(|e| format!("status: {e}"))?;
        let fingerprint = self.fingerprint.parse().map_err(|e| format!("fingerprint: {e}"))?;
        let starts_at = UnixTime::from_rfc3339(&self.starts_at)
            .ok_or_else(|| "startsAt: a time since 1970 as in RFC 3339 is expected".to_owned())?;
        // While it fires Go's zero time stands there, in the year 1; older Alertmanagers tell when it would time out.
        let ends_at = self.ends_at.as_deref().and_then(UnixTime::from_rfc3339);
        let ends_at = match status {
            Status::Firing => None,
            Status::Resolved if ends_at.is_none() => {
                return Err("endsAt: a time is expected, because it is resolved".to_owned());
            }
            Status::Resolved => ends_at,
        };
        let annotations = self.annotations.unwrap_or_default().kept.into_iter();
        Ok(Alert {
            status,
            fingerprint,
            starts_at,
            ends_at,
            labels: self.labels.into_labels()?,
            annotations: annotations
                .map(|(name, words)| (cut(&name, LONGEST_NAME), cut(&words, LONGEST_ANNOTATION)))
                .collect(),
            generator_url: cut(&self.generator_url, LONGEST_WORDS),
        })
    }
}

/// The first alerts, and how many there are beyond.
#[derive(Default)]
struct Alerts {
    kept: Vec<RawAlert>,
    beyond: u64,
}

impl<'de> Deserialize<'de> for Alerts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker;
        impl<'de> Visitor<'de> for Taker {
            type Value = Alerts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of alerts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Alerts, A::Error> {
                let mut alerts = Alerts::default();
                while alerts.kept.len() < MOST_ALERTS {
                    match list.next_element()? {
                        Some(alert) => alerts.kept.push(alert),
                        None => return Ok(alerts),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    alerts.beyond += 1;
                }
                Ok(alerts)
            }
        }
        deserializer.deserialize_seq(Taker)
    }
}

/// The first texts by name, and whether there are more.
#[derive(Default)]
struct Texts<const MOST: usize> {
    kept: BTreeMap<String, String>,
    more: bool,
}

impl<const MOST: usize> Texts<MOST> {
    fn into_labels(self) -> Result<BTreeMap<String, String>, String> {
        if self.more {
            return Err(format!("labels: at most {MOST} are expected"));
        }
        if self.kept.is_empty() {
            return Err("labels: at least one is expected".to_owned());
        }
        for (name, value) in &self.kept {
            if name.len() > LONGEST_NAME || value.len() > LONGEST_LABEL {
                let name = cut(name, LONGEST_NAME).escape_debug().to_string();
                return Err(format!(
                    "labels: `{name}`: names of up to {LONGEST_NAME} and values of up to {LONGEST_LABEL} bytes are expected"
                ));
            }
        }
        Ok(self.kept)
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Texts<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker<const MOST: usize>;
        impl<'de, const MOST: usize> Visitor<'de> for Taker<MOST> {
            type Value = Texts<MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts<MOST>, A::Error> {
                let mut texts = Texts::default();
                while texts.kept.len() < MOST {
                    match map.next_entry()? {
                        Some((name, value)) => drop(texts.kept.insert(name, value)),
                        None => return Ok(texts),
                    }
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    texts.more = true;
                }
                Ok(texts)
            }
        }
        deserializer.deserialize_map(Taker)
    }
}

/// An answer of one line.
const LONGEST_ERROR: usize = 200;

/// At most so many bytes, cut between characters and marked. In one line for errors, because what the JSON reader quotes
/// is already escaped or cut here.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(longest.saturating_sub('…'.len_utf8()));
    let mut short = text.get(..end).unwrap_or_default().to_owned();
    short.push('…');
    short
}

#[cfg(test)]
mod tests;
