//! The picture of a node, and the parsers of its answers: pure, from bytes.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::clock::{Now, UnixTime};

/// Which of the two chains that a Phala process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    Para,
    Relay,
}

impl Chain {
    /// The value of the labels `chain` and `part`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Para => "para",
            Self::Relay => "relay",
        }
    }
}

/// Both chains of a node, as far as they are configured.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    para: View,
    relay: View,
}

impl Snapshot {
    pub fn chains(&self) -> [(Chain, &View); 2] {
        [(Chain::Para, &self.para), (Chain::Relay, &self.relay)]
    }

    /// A round as a node would bring it; for tests of what compares nodes.
    #[cfg(test)]
    pub(crate) fn see(&mut self, chain: Chain, best: u64, genesis: &str, now: Now) {
        let head = Head {
            genesis: Some(genesis.to_owned()),
            finalized: Some(best),
            ..Head::bare(best)
        };
        self.chain_mut(chain).absorb(head, now);
    }

    /// The same with what a node says of its health and of the time of its best block.
    #[cfg(test)]
    pub(crate) fn see_health(&mut self, chain: Chain, best: u64, health: (u64, bool), made: UnixTime, now: Now) {
        let (peers, is_syncing) = health;
        let head = Head {
            timestamp: Some(made),
            health: Some(Health {
                peers,
                is_syncing,
                should_have_peers: true,
            }),
            ..Head::bare(best)
        };
        self.chain_mut(chain).absorb(head, now);
    }

    pub(super) fn chain_mut(&mut self, chain: Chain) -> &mut View {
        match chain {
            Chain::Para => &mut self.para,
            Chain::Relay => &mut self.relay,
        }
    }
}

/// One chain as this node sees it, with what is remembered of it.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// `None` while the endpoint has not answered for too long.
    pub head: Option<Head>,
    /// `None` before the first answer.
    pub watch: Option<Watch>,
}

/// What is remembered from round to round.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The best height of the last round.
    best: u64,
    starting: Option<u64>,
    /// When the best height last rose, or was first seen.
    pub progress_wall: UnixTime,
    progress: Instant,
    /// Since when rounds have come without a gap.
    watched_since: Instant,
    /// It has risen since.
    rose: bool,
    /// Process starts seen, by a starting block that changed.
    pub restarts: u64,
}

impl Watch {
    /// How long the height is known not to have risen. Time without a view of the node does not count.
    pub fn still_for(&self, now: Now) -> std::time::Duration {
        now.monotonic.duration_since(self.progress.max(self.watched_since))
    }

    /// Whether it has stood for so long; nothing where that cannot be told yet: it was not seen to rise, and was not looked
    /// at for so long either.
    pub fn has_stood_for(&self, limit: std::time::Duration, now: Now) -> Option<bool> {
        match self.still_for(now) >= limit {
            false if !self.rose => None,
            stands => Some(stands),
        }
    }
}

impl View {
    pub(super) fn absorb(&mut self, head: Head, now: Now) {
        let watch = match (self.watch, &self.head) {
            (None, _) => Watch {
                best: head.best,
                starting: head.starting,
                progress_wall: now.wall,
                progress: now.monotonic,
                watched_since: now.monotonic,
                rose: false,
                restarts: 0,
            },
            (Some(before), seen) => {
                let rose = head.best > before.best;
                let restarted =
                    head.starting.is_some() && before.starting.is_some() && head.starting != before.starting;
                Watch {
                    best: head.best,
                    starting: head.starting.or(before.starting),
                    progress_wall: if rose { now.wall } else { before.progress_wall },
                    progress: if rose { now.monotonic } else { before.progress },
                    watched_since: if seen.is_some() {
                        before.watched_since
                    } else {
                        now.monotonic
                    },
                    rose: rose || (before.rose && seen.is_some()),
                    restarts: before.restarts + u64::from(restarted),
                }
            }
        };
        self.watch = Some(watch);
        self.head = Some(head);
    }

    pub(super) fn expire(&mut self) {
        self.head = None;
    }
}

/// What one round brought. `None` is what the node does not offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Best imported block.
    pub best: u64,
    /// Median of the peers' best blocks; older nodes leave it out.
    pub highest: Option<u64>,
    /// Best block when the process started.
    pub starting: Option<u64>,
    pub finalized: Option<u64>,
    /// `Timestamp.Now` of the best block.
    pub timestamp: Option<UnixTime>,
    pub health: Option<Health>,
    pub version: Option<RuntimeVersion>,
    /// Tells chains apart that share a name.
    pub genesis: Option<String>,
    pub node_version: Option<String>,
    pub node_name: Option<String>,
    pub chain_name: Option<String>,
}

#[cfg(test)]
impl Head {
    /// A head of which nothing but the height is known.
    pub(super) fn bare(best: u64) -> Self {
        Self {
            best,
            highest: None,
            starting: None,
            finalized: None,
            timestamp: None,
            health: None,
            version: None,
            genesis: None,
            node_version: None,
            node_name: None,
            chain_name: None,
        }
    }
}

/// `system_health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    pub peers: u64,
    pub is_syncing: bool,
    /// False for a node that is meant to be alone; few peers are then no fault.
    pub should_have_peers: bool,
}

/// `system_syncState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SyncState {
    #[serde(rename = "startingBlock")]
    pub(super) starting: u64,
    #[serde(rename = "currentBlock")]
    pub(super) current: u64,
    #[serde(rename = "highestBlock", default)]
    pub(super) highest: Option<u64>,
}

/// `state_getRuntimeVersion`, the two fields that are shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeVersion {
    pub spec_name: String,
    pub spec_version: u64,
}

pub(super) fn health(json: &[u8]) -> Result<Health, String> {
    from_json(json)
}

pub(super) fn sync_state(json: &[u8]) -> Result<SyncState, String> {
    from_json(json)
}

pub(super) fn runtime_version(json: &[u8]) -> Result<RuntimeVersion, String> {
    from_json(json)
}

/// Versions and names; cut, since they become labels.
pub(super) fn text(json: &[u8]) -> Result<String, String> {
    let text: String = from_json(json)?;
    Ok(text.chars().take(LONGEST_TEXT).collect())
}

/// Real ones have about 30 characters.
const LONGEST_TEXT: usize = 128;

/// A header's `number` is hexadecimal text with `0x`.
pub(super) fn header(json: &[u8]) -> Result<u64, String> {
    #[derive(Deserialize)]
    struct Header {
        number: String,
    }
    let header: Header = from_json(json)?;
    let digits = header.number.strip_prefix("0x");
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| format!("number `{}` is no hexadecimal height", header.number))
}

pub(super) fn hash(json: &[u8]) -> Result<String, String> {
    let hash: String = from_json(json)?;
    let hex = hash
        .strip_prefix("0x")
        .is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    // 32 bytes on every chain known; more only to be lenient.
    if hex && hash.len() <= 130 {
        Ok(hash)
    } else {
        Err("a block hash that is no hexadecimal number".to_owned())
    }
}

/// Eight bytes, little-endian, milliseconds since 1970; null where the chain keeps no time.
pub(super) fn timestamp(json: &[u8]) -> Result<Option<UnixTime>, String> {
    let Some(text) = from_json::<Option<String>>(json)? else {
        return Ok(None);
    };
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 16);
    let bytes = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match bytes {
        Some(reversed) => Ok(Some(UnixTime::from_millis(reversed.swap_bytes()))),
        None => Err("Timestamp.Now is not eight bytes".to_owned()),
    }
}

fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn answers_of_a_node_are_read_as_documented() {
        let health = health(br#"{"peers":37,"isSyncing":false,"shouldHavePeers":true}"#).unwrap();
        assert_eq!((health.peers, health.is_syncing), (37, false));
        let sync = sync_state(br#"{"startingBlock":2905102,"currentBlock":2905240,"highestBlock":2905265}"#).unwrap();
        assert_eq!(
            (sync.starting, sync.current, sync.highest),
            (2_905_102, 2_905_240, Some(2_905_265))
        );
        assert_eq!(
            sync_state(br#"{"startingBlock":1,"currentBlock":2}"#).unwrap().highest,
            None
        );
        assert_eq!(header(br#"{"parentHash":"0x00","number":"0x1a2b3c"}"#), Ok(0x1a_2b3c));
        assert_eq!(
            timestamp(b"\"0x90a2c7d48f010000\"").unwrap(),
            Some(UnixTime::from_millis(0x018f_d4c7_a290))
        );
        assert_eq!(timestamp(b"null"), Ok(None));
    }

    #[test]
    fn wrong_types_and_impossible_values_are_errors() {
        for wrong in [
            r#"{"number":"12"}"#,
            r#"{"number":12}"#,
            r#"{"number":"0x-1"}"#,
            r#"{"number":"0x"}"#,
            "null",
            "[]",
        ] {
            assert!(header(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(health(br#"{"peers":"37","isSyncing":false,"shouldHavePeers":true}"#).is_err());
        assert!(health(br#"{"peers":-1,"isSyncing":false,"shouldHavePeers":true}"#).is_err());
        assert!(timestamp(b"\"0x00\"").is_err());
        assert!(hash(b"\"0xzz\"").is_err());
    }

    fn head(best: u64, starting: u64) -> Head {
        Head {
            starting: Some(starting),
            ..Head::bare(best)
        }
    }

    fn at(start: Instant, seconds: u64) -> Now {
        Now {
            wall: UnixTime::from_millis(1_700_000_000_000 + seconds * 1000),
            monotonic: start + Duration::from_secs(seconds),
        }
    }

    #[test]
    fn progress_is_a_height_that_rose_and_unseen_time_does_not_count_as_standing_still() {
        let start = Instant::now();
        let mut view = View::default();
        view.absorb(head(100, 90), at(start, 0));
        view.absorb(head(101, 90), at(start, 15));
        view.absorb(head(101, 90), at(start, 30));
        let watch = view.watch.unwrap();
        assert_eq!(watch.still_for(at(start, 30)), Duration::from_secs(15));
        assert_eq!(watch.progress_wall, at(start, 15).wall);
        view.expire();
        view.absorb(head(101, 90), at(start, 1000));
        assert_eq!(view.watch.unwrap().still_for(at(start, 1010)), Duration::from_secs(10));
    }

    #[test]
    fn a_changed_starting_block_is_a_restart_and_a_fallen_height_is_no_progress() {
        let start = Instant::now();
        let mut view = View::default();
        view.absorb(head(100, 90), at(start, 0));
        view.absorb(head(99, 99), at(start, 15));
        let watch = view.watch.unwrap();
        assert_eq!(watch.restarts, 1);
        assert_eq!(watch.still_for(at(start, 15)), Duration::from_secs(15));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            drop((health(&bytes), sync_state(&bytes), runtime_version(&bytes), text(&bytes)));
            drop((header(&bytes), hash(&bytes), timestamp(&bytes)));
        }

        #[test]
        fn every_height_is_read_back(height in any::<u64>()) {
            let json = format!(r#"{{"number":"{height:#x}"}}"#);
            prop_assert_eq!(header(json.as_bytes()), Ok(height));
        }
    }
}
