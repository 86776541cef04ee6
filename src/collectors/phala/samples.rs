//! The families of a node, and the pure map from its picture to samples.

use super::snapshot::{Chain, Snapshot, View};
use crate::exposition::{Desc, Family, Page};

static INFO: Desc<5> = Desc::info(
    "phala_node_info",
    "Which chain the endpoint serves and with which program (system_chain, system_name, system_version, state_getRuntimeVersion).",
    &["chain", "chain_name", "node_name", "version", "spec_name"],
);
static SPEC_VERSION: Desc<1> = Desc::gauge(
    "phala_node_runtime_spec_version",
    "Version of the chain's runtime (state_getRuntimeVersion).",
    &["chain"],
);
static BEST: Desc<1> = Desc::gauge(
    "phala_node_best_block_height",
    "Best block that the node has imported (chain_getHeader).",
    &["chain"],
);
static HIGHEST: Desc<1> = Desc::gauge(
    "phala_node_highest_block_height",
    "Median of the best blocks that the node's peers announce; equals its own best block when it has no peers (system_syncState).",
    &["chain"],
);
static FINALIZED: Desc<1> = Desc::gauge(
    "phala_node_finalized_block_height",
    "Last finalized block that the node knows (chain_getFinalizedHead).",
    &["chain"],
);
static HEAD_TIME: Desc<1> = Desc::gauge(
    "phala_node_best_block_timestamp_seconds",
    "When the best block was made, by the chain's own clock, since 1970 (storage Timestamp.Now).",
    &["chain"],
);
static PROGRESS: Desc<1> = Desc::gauge(
    "phala_node_last_progress_timestamp_seconds",
    "When farmwarden last saw the best block rise, since 1970; its first look at the node counts.",
    &["chain"],
);
static PEERS: Desc<1> = Desc::gauge(
    "phala_node_peers",
    "Peers that the node is connected to (system_health).",
    &["chain"],
);
static SYNCING: Desc<1> = Desc::gauge(
    "phala_node_syncing",
    "1 while the node says that it is more than 5 blocks behind its peers (system_health); a node without peers says 0.",
    &["chain"],
);
static RESTARTS: Desc<1> = Desc::counter(
    "phala_node_restarts_total",
    "Restarts of the node seen since farmwarden started, by a starting block that changed (system_syncState).",
    &["chain"],
);

pub(super) const FAMILIES: &[&Family] = &[
    INFO.family(),
    SPEC_VERSION.family(),
    BEST.family(),
    HIGHEST.family(),
    FINALIZED.family(),
    HEAD_TIME.family(),
    PROGRESS.family(),
    PEERS.family(),
    SYNCING.family(),
    RESTARTS.family(),
];

pub(super) fn samples(snapshot: &Snapshot, page: &mut Page) {
    for (chain, view) in snapshot.chains() {
        view_samples(chain, view, page);
    }
}

fn view_samples(chain: Chain, view: &View, page: &mut Page) {
    let chain = chain.name();
    let (Some(head), Some(watch)) = (&view.head, &view.watch) else {
        return;
    };
    let spec_name = head.version.as_ref().map_or("", |version| &version.spec_name);
    let shown = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    page.add(
        &INFO,
        [
            chain,
            &shown(&head.chain_name),
            &shown(&head.node_name),
            &shown(&head.node_version),
            spec_name,
        ],
        true,
    );
    page.add(
        &SPEC_VERSION,
        [chain],
        head.version.as_ref().map(|version| version.spec_version),
    );
    page.add(&BEST, [chain], head.best);
    page.add(&HIGHEST, [chain], head.highest);
    page.add(&FINALIZED, [chain], head.finalized);
    page.add(&HEAD_TIME, [chain], head.timestamp);
    page.add(&PROGRESS, [chain], watch.progress_wall);
    page.add(&PEERS, [chain], head.health.map(|health| health.peers));
    page.add(&SYNCING, [chain], head.health.map(|health| health.is_syncing));
    page.add(&RESTARTS, [chain], head.starting.map(|_| watch.restarts));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::super::snapshot::{Head, Health, RuntimeVersion};
    use super::*;
    use crate::clock::{Now, UnixTime};
    use crate::exposition::golden;

    const ROOM: &str = "src/collectors/phala/golden";

    fn page(snapshot: &Snapshot) -> String {
        let mut page = Page::new(&[("target", "node-1")]);
        samples(snapshot, &mut page);
        golden::rendered(FAMILIES, page)
    }

    fn head(best: u64) -> Head {
        Head {
            best,
            highest: Some(best + 25),
            starting: Some(2_905_102),
            finalized: Some(best - 3),
            timestamp: Some(UnixTime::from_millis(1_700_000_004_500)),
            health: Some(Health {
                peers: 37,
                is_syncing: false,
                should_have_peers: true,
            }),
            version: Some(RuntimeVersion {
                spec_name: "khala".to_owned(),
                spec_version: 1251,
            }),
            genesis: Some("0xd4".to_owned()),
            node_version: Some("0.1.27-2-abcdef12345".to_owned()),
            node_name: Some("Khala Node".to_owned()),
            chain_name: Some("Khala".to_owned()),
        }
    }

    fn now() -> Now {
        Now {
            wall: UnixTime::from_millis(1_700_000_010_000),
            monotonic: Instant::now() + Duration::from_secs(1),
        }
    }

    #[test]
    fn a_healthy_node_shows_both_chains() {
        let mut snapshot = Snapshot::default();
        snapshot.chain_mut(Chain::Para).absorb(head(2_905_240), now());
        snapshot.chain_mut(Chain::Relay).absorb(head(15_000_000), now());
        golden::check(&format!("{ROOM}/healthy.prom"), &page(&snapshot));
        golden::covers(ROOM, FAMILIES);
    }

    #[test]
    fn what_a_node_does_not_offer_is_absent_and_names_may_hold_anything() {
        let mut bare = head(7);
        (bare.highest, bare.starting, bare.finalized, bare.timestamp) = (None, None, None, None);
        (bare.health, bare.version) = (None, None);
        bare.chain_name = Some("a \"quoted\\ chain\nin two lines é".to_owned());
        let mut snapshot = Snapshot::default();
        snapshot.chain_mut(Chain::Para).absorb(bare, now());
        golden::check(&format!("{ROOM}/bare.prom"), &page(&snapshot));
    }

    #[test]
    fn an_expired_chain_shows_nothing() {
        let mut snapshot = Snapshot::default();
        snapshot.chain_mut(Chain::Para).absorb(head(2_905_240), now());
        snapshot.chain_mut(Chain::Para).expire();
        assert_eq!(page(&snapshot), "");
    }
}
