//! Everything that can be set about a monitor and the peers behind it.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    phala::{fleet::Fleet, identity, session::Spelling},
    standin::over_numbered,
    wire::{Dials, Incident},
};

/// Incidents only a monitor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Own {
    /// Just restarted, nothing discovered: an empty list, and every peer unknown.
    Restarted,
}

/// What is the matter with one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    #[default]
    Healthy,
    /// The process is gone: calls fail at once.
    Dead,
    /// The process ends during the next call, which then looks like success without data.
    Dies,
    /// Stopped: calls fail after `frozen_ms`.
    Frozen,
    /// Calls are taken and never answered.
    Hang,
    /// A lifecycle that is starting, or in config mode: it has no workers to speak of.
    Starting,
    /// A lifecycle whose runners have not reported yet: success without data.
    NoRunners,
    /// A provider without its node: target and heights stand.
    LostNode,
    /// A provider that no longer processes: the target goes on.
    Stuck,
    /// A provider that knows no heights yet.
    JustStarted,
}

/// What data providers and lifecycles have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Its host name, and how orders name it.
    pub name: String,
    /// Empty for one that follows from the name.
    pub peer_id: String,
    pub address: IpAddr,
    pub port: u16,
    pub bridge_identity: String,
    /// Whether the monitor has met it.
    pub listed: bool,
    pub trouble: Trouble,
    /// Methods that are never answered.
    pub hangs: Vec<String>,
    /// How long the peer itself thinks, by method; 0 for others.
    pub work_ms: BTreeMap<String, u64>,
}

/// A data provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    #[serde(flatten)]
    pub peer: Peer,
    pub para_id: u32,
    /// By how many blocks of the parachain the processed heights are behind the target.
    pub behind: i64,
}

/// A lifecycle manager with its workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    #[serde(flatten)]
    pub peer: Peer,
    #[serde(flatten)]
    pub fleet: Fleet,
}

/// Settings of a [`super::Monitor`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub incident: Incident<Own>,
    #[serde(flatten)]
    pub dials: Dials,
    /// How long the monitor takes to connect to a peer, for every call.
    pub dial_ms: u64,
    /// How long it tries with a frozen peer.
    pub frozen_ms: u64,
    pub spelling: Spelling,
    /// The time zone of `lastMessage`, in hours east of Greenwich.
    pub zone_hours: i8,
    /// Finalized heights of both chains now.
    pub para_height: i64,
    pub relay_height: i64,
    /// The parachain's; two blocks of the relay chain come with one of its own. 0: the chains stand.
    pub block_time_ms: u64,
    pub chain_identity: String,
    #[serde(deserialize_with = "providers")]
    pub data_providers: Vec<Provider>,
    #[serde(deserialize_with = "lifecycles")]
    pub lifecycles: Vec<Lifecycle>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            incident: Incident::default(),
            dials: Dials::default(),
            dial_ms: 300,
            frozen_ms: 30_000,
            spelling: Spelling::New,
            zone_hours: 0,
            para_height: 2_905_270,
            relay_height: 15_748_050,
            block_time_ms: 12_000,
            chain_identity: "0x78e0f2b4a0e4b7a3e3c9e8f2f0d1c5a49687e5d4c3b2a1908f7e6d5c4b3aa6db".to_owned(),
            data_providers: vec![Provider::numbered(0)],
            lifecycles: vec![Lifecycle::numbered(0)],
        }
    }
}

impl Peer {
    fn numbered(kind: &str, at: u16, port: u16) -> Self {
        Self {
            name: if at == 0 {
                kind.to_owned()
            } else {
                format!("{kind}_{}", at + 1)
            },
            peer_id: String::new(),
            address: IpAddr::from([127, 0, 0, 1]),
            port: port + 2 * at,
            bridge_identity: "default".to_owned(),
            listed: true,
            trouble: Trouble::Healthy,
            hangs: Vec::new(),
            work_ms: BTreeMap::new(),
        }
    }

    pub fn id(&self) -> String {
        if self.peer_id.is_empty() {
            identity::peer_id(&self.name)
        } else {
            self.peer_id.clone()
        }
    }
}

impl Provider {
    fn numbered(at: u16) -> Self {
        Self {
            peer: Peer::numbered("data_provider", at, 28_888),
            para_id: 2004,
            behind: 0,
        }
    }
}

impl Lifecycle {
    fn numbered(at: u16) -> Self {
        let fleet = Fleet {
            network: format!("10.{}", at + 1),
            ..Fleet::default()
        };
        Self {
            peer: Peer::numbered("lifecycle", at, 29_888),
            fleet,
        }
    }
}

fn providers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Provider>, D::Error> {
    over_numbered(deserializer, Provider::numbered)
}

fn lifecycles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Lifecycle>, D::Error> {
    over_numbered(deserializer, Lifecycle::numbered)
}

impl Settings {
    pub(super) fn peers(&self) -> impl Iterator<Item = &Peer> {
        let providers = self.data_providers.iter().map(|provider| &provider.peer);
        providers.chain(self.lifecycles.iter().map(|lifecycle| &lifecycle.peer))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.dials.check(self.incident.fault())?;
        for lifecycle in &self.lifecycles {
            lifecycle.fleet.check()?;
            let troubles = [Trouble::LostNode, Trouble::Stuck, Trouble::JustStarted];
            if troubles.contains(&lifecycle.peer.trouble) {
                return Err(format!(
                    "{}: only a data provider has this trouble",
                    lifecycle.peer.name
                ));
            }
        }
        let troubles = [Trouble::Starting, Trouble::NoRunners];
        let wrong = self
            .data_providers
            .iter()
            .find(|provider| troubles.contains(&provider.peer.trouble));
        match wrong {
            Some(provider) => Err(format!("{}: only a lifecycle has this trouble", provider.peer.name)),
            None => Ok(()),
        }
    }
}
