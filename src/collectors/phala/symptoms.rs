//! When a node is ill: pure, its picture against thresholds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::snapshot::{Chain, Snapshot, View};
use crate::clock::Now;
use crate::collectors::{Diagnosis, Symptom};
use crate::values::Duration;

/// From where on a node counts as ill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// No new best block for this long. Default 5m: 25 Khala or 50 Kusama blocks, the window of the operators' cron scripts.
    pub stuck_after: Duration,
    /// The best block is older than this. Default 2m: 10 parachain blocks, after which workers miss their heartbeat.
    pub head_age: Duration,
    /// Blocks behind what the peers announce. Default 200, as in the official solo scripts.
    pub behind_blocks: u64,
    /// Fewer peers than this. Default 3: with fewer the median of their heights means nothing.
    pub min_peers: u64,
    /// Blocks of the parachain between best and finalized. Default 15, three minutes.
    pub para_finality_lag_blocks: u64,
    /// Blocks of the relay chain between best and finalized. Default 30, three minutes; 2 to 4 are normal.
    pub relay_finality_lag_blocks: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            stuck_after: Duration::from_secs(300),
            head_age: Duration::from_secs(120),
            behind_blocks: 200,
            min_peers: 3,
            para_finality_lag_blocks: 15,
            relay_finality_lag_blocks: 30,
        }
    }
}

pub static NODE_STUCK: Symptom = Symptom {
    name: "node_stuck",
    meaning: "The node answers, but its best block has not risen for `stuck_after` (5m: 25 Khala or 50 Kusama blocks), \
              and no other configured node shows that the chain stands still for everyone.",
    advice: "Does the node find peers, is its disk full, does its log say why? If neither, restart the node; \
             PRB shows height -1 until its data provider is restarted after it.",
    thresholds: &["phala.thresholds.stuck_after"],
    takes_time: true,
    hint: false,
};
pub static HEAD_OLD: Symptom = Symptom {
    name: "node_head_old",
    meaning: "The node's best block was made more than `head_age` ago (2m: 10 parachain blocks, after which workers miss \
              their heartbeat). A node without peers can look healthy by every other figure.",
    advice: "If node_behind or node_few_peers is there too, look at those first. If the height rises, the \
             node is catching up: wait. Otherwise see node_stuck; and compare the clock of the machine with another \
             one.",
    thresholds: &["phala.thresholds.head_age"],
    takes_time: false,
    hint: false,
};
static BEHIND: Symptom = Symptom {
    name: "node_behind",
    meaning: "The node is more than `behind_blocks` (200, as in the official solo scripts) behind what its peers announce.",
    advice: "If the height rises, it is catching up: wait. If it does not, see node_stuck. A node that loses \
             ground all the time has too slow a disk or too few peers.",
    thresholds: &["phala.thresholds.behind_blocks"],
    takes_time: false,
    hint: false,
};
static FEW_PEERS: Symptom = Symptom {
    name: "node_few_peers",
    meaning: "The node has fewer than `min_peers` (3) peers although it is meant to have some.",
    advice: "Is the node's p2p port (30333, relay 30334) open through firewall and router, and does the \
             machine reach the internet? After a start it takes some minutes to find peers.",
    thresholds: &["phala.thresholds.min_peers"],
    takes_time: false,
    hint: false,
};
pub static FINALITY_LAG: Symptom = Symptom {
    name: "node_finality_lag",
    meaning: "Finalized blocks trail the best block by more than `para_finality_lag_blocks` (15) or \
              `relay_finality_lag_blocks` (30), three minutes each; PRB follows finalized blocks only.",
    advice: "Mostly it is the chain's own affair: compare with a public explorer. If only this node trails, \
             look at its peers and its log; PRB sends nothing new until it is over.",
    thresholds: &[
        "phala.thresholds.para_finality_lag_blocks",
        "phala.thresholds.relay_finality_lag_blocks",
    ],
    takes_time: false,
    hint: false,
};

pub(super) const SYMPTOMS: &[&Symptom] = &[&NODE_STUCK, &HEAD_OLD, &BEHIND, &FEW_PEERS, &FINALITY_LAG];

pub(super) fn diagnose(snapshot: &Snapshot, thresholds: &Thresholds, now: Now) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for (chain, view) in snapshot.chains() {
        diagnose_chain(chain, view, thresholds, now, &mut diagnosis);
        diagnosis.belongs_to(chain.name());
    }
    diagnosis
}

fn diagnose_chain(chain: Chain, view: &View, thresholds: &Thresholds, now: Now, diagnosis: &mut Diagnosis) {
    let (Some(head), Some(watch)) = (&view.head, &view.watch) else {
        return;
    };
    let entity = chain.name();
    let best = head.best;

    let still = watch.still_for(now);
    let stands = watch.has_stood_for(thresholds.stuck_after.get(), now);
    diagnosis.judge(&NODE_STUCK, entity, stands, || {
        format!(
            "{entity}: best block is {best} and has not risen for {} (limit {})",
            whole_seconds(still),
            thresholds.stuck_after
        )
    });

    let age = head.timestamp.map(|made| made.age_at(now.wall));
    diagnosis.judge(
        &HEAD_OLD,
        entity,
        age.map(|age| age > thresholds.head_age.get()),
        || {
            format!(
                "{entity}: best block {best} was made {} ago (limit {})",
                whole_seconds(age.unwrap_or_default()),
                thresholds.head_age
            )
        },
    );

    let behind = head.highest.map(|highest| highest.saturating_sub(best));
    diagnosis.judge(
        &BEHIND,
        entity,
        behind.map(|behind| behind > thresholds.behind_blocks),
        || {
            format!(
                "{entity}: best block {best} is {} behind the peers (limit {})",
                behind.unwrap_or_default(),
                thresholds.behind_blocks
            )
        },
    );

    let peers = head
        .health
        .filter(|health| health.should_have_peers)
        .map(|health| health.peers);
    diagnosis.judge(
        &FEW_PEERS,
        entity,
        peers.map(|peers| peers < thresholds.min_peers),
        || {
            format!(
                "{entity}: {} peers (at least {})",
                peers.unwrap_or_default(),
                thresholds.min_peers
            )
        },
    );

    let limit = match chain {
        Chain::Para => thresholds.para_finality_lag_blocks,
        Chain::Relay => thresholds.relay_finality_lag_blocks,
    };
    let lag = head.finalized.map(|finalized| best.saturating_sub(finalized));
    diagnosis.judge(&FINALITY_LAG, entity, lag.map(|lag| lag > limit), || {
        format!(
            "{entity}: finalized trails best by {} blocks (limit {limit})",
            lag.unwrap_or_default()
        )
    });
}

/// For people: milliseconds are noise here.
fn whole_seconds(duration: std::time::Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration as Std;

    use tokio::time::Instant;

    use super::super::snapshot::{Head, Health};
    use super::*;
    use crate::clock::UnixTime;

    fn healthy() -> Head {
        Head {
            highest: Some(1_001),
            starting: Some(1),
            finalized: Some(998),
            timestamp: Some(UnixTime::from_millis(1_700_000_000_000)),
            health: Some(Health {
                peers: 20,
                is_syncing: false,
                should_have_peers: true,
            }),
            ..Head::bare(1_000)
        }
    }

    /// What is found `seconds` after the head was first seen (it was made 10 s before that).
    fn found(head: Head, seconds: u64) -> Vec<&'static str> {
        let start = Instant::now();
        let at = |seconds: u64| Now {
            wall: UnixTime::from_millis(1_700_000_010_000 + seconds * 1000),
            monotonic: start + Std::from_secs(seconds),
        };
        let mut snapshot = Snapshot::default();
        snapshot.chain_mut(Chain::Para).absorb(head, at(0));
        let diagnosis = diagnose(&snapshot, &Thresholds::default(), at(seconds));
        diagnosis.findings.iter().map(|finding| finding.symptom.name).collect()
    }

    #[test]
    fn a_healthy_node_has_no_symptom() {
        assert!(found(healthy(), 15).is_empty());
    }

    #[test]
    fn each_threshold_has_its_symptom() {
        assert_eq!(found(healthy(), 111), ["node_head_old"]);
        assert_eq!(found(healthy(), 300), ["node_stuck", "node_head_old"]);
        let mut head = healthy();
        (head.highest, head.finalized) = (Some(1_201), Some(984));
        assert_eq!(found(head, 0), ["node_behind", "node_finality_lag"]);
        let mut alone = healthy();
        alone.health = alone.health.map(|health| Health { peers: 2, ..health });
        assert_eq!(found(alone.clone(), 0), ["node_few_peers"]);
        alone.health = alone.health.map(|health| Health {
            should_have_peers: false,
            ..health
        });
        assert!(found(alone, 0).is_empty());
    }

    #[test]
    fn what_the_node_does_not_say_is_not_judged() {
        let mut head = healthy();
        (head.highest, head.finalized, head.timestamp, head.health) = (None, None, None, None);
        let mut snapshot = Snapshot::default();
        let now = Now {
            wall: UnixTime::default(),
            monotonic: Instant::now(),
        };
        snapshot.chain_mut(Chain::Relay).absorb(head, now);
        let diagnosis = diagnose(&snapshot, &Thresholds::default(), now);
        assert_eq!(diagnosis.looked_at, [&NODE_STUCK; 0]);
    }

    #[test]
    fn right_after_the_first_look_nobody_knows_whether_a_node_stands() {
        let start = Instant::now();
        let at = |seconds: u64| Now {
            wall: UnixTime::from_millis(1_700_000_010_000 + seconds * 1000),
            monotonic: start + Std::from_secs(seconds),
        };
        let mut snapshot = Snapshot::default();
        let mut stands = |best: u64, seconds: u64| {
            snapshot.chain_mut(Chain::Para).absorb(Head::bare(best), at(seconds));
            let diagnosis = diagnose(&snapshot, &Thresholds::default(), at(seconds));
            let looked = diagnosis.looked_at.contains(&&NODE_STUCK);
            looked.then(|| diagnosis.findings.iter().any(|finding| *finding.symptom == NODE_STUCK))
        };
        assert_eq!((stands(5, 0), stands(5, 200)), (None, None));
        assert_eq!(
            (stands(5, 300), stands(6, 310), stands(6, 320)),
            (Some(true), Some(false), Some(false))
        );
    }

    #[test]
    fn a_head_from_the_future_is_not_old() {
        let mut head = healthy();
        head.timestamp = Some(UnixTime::from_millis(1_800_000_000_000));
        assert!(found(head, 0).is_empty());
    }
}
