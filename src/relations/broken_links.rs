//! For every worker of a PRB: which link of relay → para → data provider → lifecycle → worker is broken first.
//!
//! What a worker suffers from a link before it is taken back from the worker, and counted in the evidence of that link:
//! restarting workers cannot help then, and one broken node is one message.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::collectors::phala::{self, Chain, Node};
use crate::collectors::prb::{self, PeerView, Prb};
use crate::collectors::{Diagnosis, Finding, Link, Symptom, TargetView};
use crate::exposition::{Desc, Page};

pub(super) static WORKER: Desc<5> = Desc::info(
    "phala_worker_broken_link_info",
    "The first broken link of relay, para, data_provider, lifecycle, worker before an ill worker, or one that is cut off. Absent for a worker that is well.",
    &["target", "lifecycle", "pool", "worker", "link"],
);
pub(super) static WORKERS: Desc<3> = Desc::gauge(
    "phala_prb_workers_by_broken_link",
    "Workers by the first broken link before them; none counts those that are well.",
    &["target", "lifecycle", "link"],
);

/// A link of the way from the relay chain to a worker, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Relay,
    Para,
    DataProvider,
    Lifecycle,
    Worker,
}

impl Stage {
    const ALL: [Self; 5] = [
        Self::Relay,
        Self::Para,
        Self::DataProvider,
        Self::Lifecycle,
        Self::Worker,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Para => "para",
            Self::DataProvider => "data_provider",
            Self::Lifecycle => "lifecycle",
            Self::Worker => "worker",
        }
    }
}

/// What breaks the link that a node is for one chain.
pub(super) const NODE_ILL: [&Symptom; 4] = [
    &phala::NODE_STUCK,
    &phala::HEAD_OLD,
    &phala::FINALITY_LAG,
    &super::CHAIN_HALTED,
];
const PROVIDER_ILL: [&Symptom; 3] = [&prb::PEER_DOWN, &prb::PROVIDER_LAG, &prb::TARGET_STALE];
const LIFECYCLE_ILL: [&Symptom; 4] = [
    &prb::PEER_DOWN,
    &prb::WITHOUT_BLOCKS,
    &prb::WORKERS_CORRELATED,
    // With the lifecycle for an entity it is what many of its workers share.
    &prb::PRUNTIME_DOWN,
];

/// What a worker suffers while a link before it is broken, and would not otherwise.
const SUFFERED: [&Symptom; 5] = [
    &prb::WORKER_LAGGING,
    &prb::WORKER_STALLED,
    &prb::WORKER_STUCK_SYNCING,
    &prb::WORKER_UNRESPONSIVE,
    &prb::WORKER_SETTLED_LONG_AGO,
];

/// What waits for a node by itself: what is sent to the chain is sent through it.
const SENT_THROUGH_IT: [&Symptom; 2] = [&prb::QUEUE_STUCK, &prb::PENDING_MESSAGES];

pub(super) fn judge(views: &mut [TargetView], links: &[Link], page: &mut Page) {
    let nodes: HashMap<&str, NodeLinks> = views
        .iter()
        .filter_map(|view| Some((view.name.as_str(), node_links(view)?)))
        .collect();
    let mut ruled: Vec<(usize, Ruling)> = Vec::new();
    for (index, view) in views.iter().enumerate() {
        let Some(snapshot) = view.snapshot::<Prb>() else {
            continue;
        };
        let own = links.iter().find(|link| link.target == view.name);
        let before = own.map_or(&[][..], |link| link.depends_on.as_slice());
        let before: Vec<NodeLinks> = before
            .iter()
            .filter_map(|name| nodes.get(name.as_str()).copied())
            .collect();
        ruled.push((index, rule(view, snapshot, &before, page)));
    }
    for (index, ruling) in ruled {
        let Some(view) = views.get_mut(index) else { continue };
        let prb = view.name.clone();
        apply(&mut view.diagnosis, &ruling);
        for (stage, waiting) in &ruling.waiting {
            let (Stage::Relay | Stage::Para) = stage else { continue };
            let own = links.iter().find(|link| link.target == prb);
            let before = own.map_or(&[][..], |link| link.depends_on.as_slice());
            for node in views.iter_mut().filter(|view| before.contains(&view.name)) {
                let words = format!("; {waiting} workers of {prb} wait behind it");
                note(
                    &mut node.diagnosis,
                    &NODE_ILL,
                    |finding| finding.entity == stage.label(),
                    &words,
                );
            }
        }
    }
}

/// Whether the node is a broken link for each chain; `None` where it has none or nothing was ever heard of it.
#[derive(Clone, Copy, Debug)]
struct NodeLinks {
    relay: Option<bool>,
    para: Option<bool>,
}

fn node_links(view: &TargetView) -> Option<NodeLinks> {
    let snapshot = view.snapshot::<Node>()?;
    let broken = |chain: Chain| {
        let (_, seen) = snapshot.chains().into_iter().find(|(other, _)| *other == chain)?;
        // Never heard of: it may not be configured.
        seen.watch?;
        let ill = |finding: &Finding| NODE_ILL.contains(&finding.symptom) && finding.entity == chain.name();
        Some(seen.head.is_none() || view.diagnosis.findings.iter().any(ill))
    };
    Some(NodeLinks {
        relay: broken(Chain::Relay),
        para: broken(Chain::Para),
    })
}

/// Where several nodes could serve, the link is broken when all of them are.
fn all_broken(nodes: &[NodeLinks], chain: impl Fn(&NodeLinks) -> Option<bool>) -> bool {
    let told: Vec<bool> = nodes.iter().filter_map(chain).collect();
    !told.is_empty() && told.iter().all(|broken| *broken)
}

/// What is to be taken back and noted in one PRB.
#[derive(Default)]
struct Ruling {
    node_is_broken: bool,
    /// Findings that belong to a link before: symptom and entity.
    taken_back: HashSet<(&'static str, String)>,
    /// Workers behind each link that is broken.
    waiting: BTreeMap<Stage, usize>,
    /// The same by the label of the data provider, for its evidence.
    behind_provider: BTreeMap<String, usize>,
}

fn rule(view: &TargetView, snapshot: &prb::Snapshot, nodes: &[NodeLinks], page: &mut Page) -> Ruling {
    let findings = &view.diagnosis.findings;
    let has = |symptoms: &[&Symptom], entity: &str| {
        let mut those = findings.iter().filter(|finding| finding.entity == entity);
        those.any(|finding| symptoms.contains(&finding.symptom))
    };
    let of_node = if all_broken(nodes, |node| node.relay) {
        Some(Stage::Relay)
    } else {
        all_broken(nodes, |node| node.para).then_some(Stage::Para)
    };
    let ill: HashSet<&str> = findings.iter().map(|finding| finding.entity.as_str()).collect();
    let mut ruling = Ruling {
        node_is_broken: of_node.is_some(),
        ..Ruling::default()
    };
    for lifecycle in snapshot.lifecycles() {
        let providers: Vec<&PeerView> = snapshot.providers_of(&lifecycle.peer).collect();
        let starved = if providers.is_empty() {
            lifecycle.peer.role.has_providers() && has(&[&prb::PEER_DOWN], prb::NO_PROVIDERS)
        } else {
            providers.iter().all(|provider| has(&PROVIDER_ILL, &provider.label))
        };
        let before = of_node.or(starved.then_some(Stage::DataProvider));
        if before.is_some() {
            ruling.take_back(lifecycle, snapshot);
        }
        let first = before.or(has(&LIFECYCLE_ILL, &lifecycle.label).then_some(Stage::Lifecycle));
        let counts = lay_out(view, lifecycle, first, &ill, snapshot.shows_each_worker(), page);
        if let (Some(stage), Some(number)) = (before, before.and_then(|stage| counts.get(&Some(stage)))) {
            *ruling.waiting.entry(stage).or_default() += number;
            for provider in providers.iter().filter(|_| stage == Stage::DataProvider) {
                *ruling.behind_provider.entry(provider.label.clone()).or_default() += number;
            }
        }
    }
    ruling
}

impl Ruling {
    /// A group that fails in a way of its own stays what it is.
    fn take_back(&mut self, lifecycle: &PeerView, snapshot: &prb::Snapshot) {
        let Some(seen) = &lifecycle.workers else { return };
        for row in &seen.value.rows {
            let entity = format!("{}/{}", lifecycle.label, row.label);
            self.taken_back
                .extend(SUFFERED.map(|symptom| (symptom.name, entity.clone())));
        }
        if !snapshot.fails_by_itself(lifecycle) {
            self.taken_back
                .insert((prb::WORKERS_CORRELATED.name, lifecycle.label.clone()));
        }
    }
}

/// Writes the first broken link of each worker, and counts them.
fn lay_out(
    view: &TargetView,
    lifecycle: &PeerView,
    first: Option<Stage>,
    ill: &HashSet<&str>,
    each: bool,
    page: &mut Page,
) -> BTreeMap<Option<Stage>, usize> {
    let mut counts: BTreeMap<Option<Stage>, usize> = BTreeMap::new();
    let target = view.name.as_str();
    let Some(seen) = &lifecycle.workers else {
        return counts;
    };
    for row in &seen.value.rows {
        let own = || {
            let entity = format!("{}/{}", lifecycle.label, row.label);
            ill.contains(entity.as_str()).then_some(Stage::Worker)
        };
        let stage = first.or_else(own);
        *counts.entry(stage).or_default() += 1;
        if let Some(stage) = stage.filter(|_| each) {
            let pool = prb::pool_label(row.worker.identity.pool);
            let labels = [target, &lifecycle.label, &pool, &row.label, stage.label()];
            page.add(&WORKER, labels, true);
        }
    }
    for stage in Stage::ALL {
        let number = counts.get(&Some(stage)).copied().unwrap_or_default();
        page.add(&WORKERS, [target, &lifecycle.label, stage.label()], number);
    }
    let well = counts.get(&None).copied().unwrap_or_default();
    page.add(&WORKERS, [target, &lifecycle.label, "none"], well);
    counts
}

fn apply(diagnosis: &mut Diagnosis, ruling: &Ruling) {
    diagnosis.findings.retain(|finding| {
        let waits = ruling.node_is_broken && SENT_THROUGH_IT.contains(&finding.symptom);
        let key = (finding.symptom.name, finding.entity.clone());
        !waits && !ruling.taken_back.contains(&key)
    });
    for (label, waiting) in &ruling.behind_provider {
        let words = format!("; {waiting} workers wait behind it");
        note(diagnosis, &PROVIDER_ILL, |finding| finding.entity == *label, &words);
    }
}

/// Adds words to the evidence of those findings.
fn note(diagnosis: &mut Diagnosis, symptoms: &[&Symptom], of: impl Fn(&Finding) -> bool, words: &str) {
    let those = diagnosis.findings.iter_mut();
    for finding in those.filter(|finding| symptoms.contains(&finding.symptom) && of(finding)) {
        finding.evidence += words;
    }
}

#[cfg(test)]
mod tests;
