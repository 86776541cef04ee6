//! Workers without a PRB: each has a pRuntime and a pherry that drives it, and pRuntime is all there is to ask.
//!
//! What it says is put into the form in which a lifecycle reports its workers, so that the same families exist for both.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::message::Message;
use super::peer::{Peer, PeerId, Role};
use super::reading::Listed;
use super::runtime::{Info, Outcome, Picture, Round, State, Told};
use super::session;
use super::worker::{Identity, Status, Worker};
use crate::values::{Endpoint, Name, Scheme};

/// The label value `lifecycle` of all of them.
pub const LIFECYCLE: &str = "solo";

/// A worker without a PRB.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What metrics call the worker.
    #[schemars(example = &"solo-1")]
    pub name: Name,
    /// Its pRuntime: http or https, without a path. Usual port 8000. Networks need not be named for it.
    #[schemars(example = &"http://10.0.0.31:8000")]
    pub pruntime: Endpoint,
}

/// What is wrong with the list.
pub(super) fn contradictions(entries: &[Entry]) -> Option<(&'static str, String)> {
    for (number, entry) in entries.iter().enumerate() {
        let name = &entry.name;
        if !matches!(entry.pruntime.scheme(), Scheme::Http | Scheme::Https) {
            return Some((
                "solo",
                format!("`{name}`: a pRuntime speaks http or https, no websocket"),
            ));
        }
        if entry.pruntime.url().path() != "/" {
            let words = "a pRuntime has no path; write its address like http://10.0.0.31:8000";
            return Some(("solo", format!("`{name}`: {words}")));
        }
        let before = entries.iter().take(number);
        if before.clone().any(|other| other.name == *name) {
            return Some(("solo", format!("two workers are called `{name}`")));
        }
        let same = |other: &&Entry| other.pruntime.to_string() == entry.pruntime.to_string();
        if let Some(other) = before.clone().find(same) {
            return Some(("solo", format!("`{name}` and `{}` have the same pRuntime", other.name)));
        }
    }
    None
}

/// Where to ask.
pub(super) fn endpoints(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.pruntime.to_string()).collect()
}

/// What stands in for the lifecycle that they do not have.
pub(super) fn peer() -> Option<Peer> {
    Some(Peer {
        id: PeerId::read(LIFECYCLE).ok()?,
        role: Role::Solo,
        hostname: LIFECYCLE.to_owned(),
        address: String::new(),
        bridge: String::new(),
        chain: String::new(),
    })
}

/// The workers whose pRuntime answers, as far as a picture knows.
pub(super) fn workers(entries: &[Entry], picture: &Picture) -> Listed<Box<Worker>> {
    listed(entries, |endpoint| {
        let view = picture.of(endpoint)?;
        matches!(view.state, State::Up).then(|| view.told.clone())?
    })
}

/// The same of a round that is not yet in a picture.
pub(super) fn answered(entries: &[Entry], round: &Round) -> Listed<Box<Worker>> {
    listed(entries, |endpoint| {
        round.said.iter().find_map(|(asked, outcome)| match outcome {
            Outcome::Answered(told) if asked == endpoint => Some(Arc::clone(told)),
            _ => None,
        })
    })
}

fn listed(entries: &[Entry], told: impl Fn(&str) -> Option<Arc<Told>>) -> Listed<Box<Worker>> {
    let rows = entries.iter().filter_map(|entry| {
        let told = told(&entry.pruntime.to_string())?;
        Some(Box::new(worker(entry, &told.info)))
    });
    Listed {
        rows: rows.collect(),
        duplicates: 0,
        nameless: 0,
    }
}

fn worker(entry: &Entry, info: &Info) -> Worker {
    Worker {
        identity: Identity {
            // There is none; the name is unique too.
            uuid: entry.name.to_string(),
            name: entry.name.to_string(),
            pool: None,
            endpoint: entry.pruntime.to_string(),
            stake: None,
            enabled: true,
            sync_only: false,
        },
        status: status(info),
        heights: info.heights,
        public_key: info.public_key.clone(),
        account: None,
        message: Message::read(""),
        info: session::Info {
            session: None,
            pruntime_version: info.version.clone(),
        },
    }
}

/// The way of a worker, in the words that PRB has for it.
const fn status(info: &Info) -> Status {
    match (info.initialized, info.registered) {
        (Some(false), _) => Status::Starting,
        (_, Some(true)) => Status::Active,
        (Some(true), Some(false)) => Status::PreActive,
        _ => Status::Unknown,
    }
}

#[cfg(test)]
mod tests;
