//! A node that stands still, or a chain that stands still for everyone.

use std::collections::HashMap;

use crate::collectors::phala::{Chain, NODE_STUCK, Node};
use crate::collectors::{Diagnosis, Finding, Symptom, TargetView};

/// All nodes of one chain stand still.
pub static CHAIN_HALTED: Symptom = Symptom {
    name: "chain_halted",
    meaning: "Of the configured nodes of this chain two or more answer, and none of those has a new block: the chain itself \
              stands still, and restarting nodes cannot help.",
    advice: "Restart nothing: wait, and read what the network's own channels say.",
    thresholds: &["phala.thresholds.stuck_after"],
    takes_time: true,
    hint: false,
};

/// One node's view of one chain.
struct Seat {
    /// Index of the target.
    target: usize,
    chain: Chain,
    best: u64,
    stuck: bool,
}

pub(super) fn judge(views: &mut [TargetView]) {
    for seats in chains(views).into_values().filter(|seats| seats.len() >= 2) {
        let halted = seats.iter().all(|seat| seat.stuck);
        let highest = seats.iter().map(|seat| seat.best).max().unwrap_or_default();
        for seat in &seats {
            let Some(view) = views.get_mut(seat.target) else {
                continue;
            };
            if halted {
                replace_stuck(&mut view.diagnosis, seat.chain, seats.len(), highest);
            } else if seat.stuck {
                add_comparison(&mut view.diagnosis, seat.chain.name(), highest);
            }
            if halted {
                view.diagnosis.look_at(&CHAIN_HALTED);
            } else {
                view.diagnosis.seen_well(&CHAIN_HALTED, seat.chain.name());
            }
        }
    }
}

/// Nodes that answer, by chain: the genesis block where it is known, else the chain's name.
fn chains(views: &[TargetView]) -> HashMap<String, Vec<Seat>> {
    let mut chains: HashMap<String, Vec<Seat>> = HashMap::new();
    for (target, view) in views.iter().enumerate() {
        let Some(snapshot) = view.snapshot::<Node>() else {
            continue;
        };
        for (chain, seen) in snapshot.chains() {
            let Some(head) = &seen.head else { continue };
            let Some(identity) = head.genesis.as_ref().or(head.chain_name.as_ref()) else {
                continue;
            };
            chains.entry(identity.clone()).or_default().push(Seat {
                target,
                chain,
                best: head.best,
                stuck: view
                    .diagnosis
                    .findings
                    .iter()
                    .any(|finding| is_stuck(finding, chain.name())),
            });
        }
    }
    chains
}

fn is_stuck(finding: &Finding, entity: &str) -> bool {
    finding.symptom == &NODE_STUCK && finding.entity == entity
}

fn replace_stuck(diagnosis: &mut Diagnosis, chain: Chain, nodes: usize, highest: u64) {
    let entity = chain.name();
    diagnosis.findings.retain(|finding| !is_stuck(finding, entity));
    diagnosis.findings.push(Finding {
        symptom: &CHAIN_HALTED,
        entity: entity.to_owned(),
        part: Some(chain.name()),
        evidence: format!("{entity}: none of {nodes} nodes has a block after {highest}; the chain itself stands still"),
    });
}

fn add_comparison(diagnosis: &mut Diagnosis, entity: &str, highest: u64) {
    for finding in &mut diagnosis.findings {
        if is_stuck(finding, entity) {
            finding.evidence += "; another node of this chain is at ";
            finding.evidence += &highest.to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::testing;
    use super::*;
    use crate::clock::Now;
    use crate::collectors::prb::testing::at;

    /// A node of one chain, seen at `heights` one minute apart.
    fn node(name: &str, genesis: &str, heights: &[u64]) -> TargetView {
        let start = Instant::now();
        let times = (0..).map(|minute| at(start, minute * 60));
        let seen: Vec<(Now, u64)> = times.zip(heights.iter().copied()).collect();
        testing::node(name, genesis, &[(Chain::Para, &seen)])
    }

    fn found(mut views: Vec<TargetView>) -> Vec<Vec<&'static str>> {
        judge(&mut views);
        let names = |view: &TargetView| view.diagnosis.findings.iter().map(|found| found.symptom.name).collect();
        views.iter().map(names).collect()
    }

    const STILL: &[u64] = &[100, 100, 100, 100, 100, 100, 100];
    const MOVES: &[u64] = &[100, 110, 120, 130, 140, 150, 160];

    #[test]
    fn one_still_node_beside_a_moving_one_is_stuck() {
        assert_eq!(
            found(vec![node("a", "0x1", STILL), node("b", "0x1", MOVES)]),
            [vec!["node_stuck"], vec![]]
        );
    }

    #[test]
    fn when_all_stand_still_it_is_the_chain() {
        assert_eq!(
            found(vec![node("a", "0x1", STILL), node("b", "0x1", STILL)]),
            [vec!["chain_halted"], vec!["chain_halted"]]
        );
    }

    #[test]
    fn nodes_of_other_chains_and_a_node_alone_prove_nothing() {
        assert_eq!(
            found(vec![node("a", "0x1", STILL), node("b", "0x2", STILL)]),
            [vec!["node_stuck"], vec!["node_stuck"]]
        );
    }
}
