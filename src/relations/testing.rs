//! For tests: targets as their collectors would show them.

use crate::clock::Now;
use crate::collectors::phala::{Chain, Node, Snapshot, Target};
use crate::collectors::{Collector as _, TargetView, Tools};
use crate::exposition::Own;
use crate::upstream::Upstream;

/// A node, with the heights at which each of its chains was seen, and when.
pub(super) fn node(name: &str, genesis: &str, chains: &[(Chain, &[(Now, u64)])]) -> TargetView {
    let endpoint = "http://127.0.0.1:1".parse().unwrap();
    let target = Target::single(name.parse().unwrap(), Chain::Para, endpoint);
    let tools = Tools {
        upstream: Upstream::from_system().unwrap(),
        own: Own::default(),
    };
    let node = Node::connect(&target, &tools, None).unwrap();
    let mut snapshot = Snapshot::default();
    for (chain, seen) in chains {
        for (now, height) in *seen {
            let genesis = format!("{genesis}-{}", chain.name());
            snapshot.see(*chain, *height, &genesis, *now);
        }
    }
    let last = chains.iter().filter_map(|(_, seen)| seen.last()).map(|(now, _)| *now);
    let now = last.max_by_key(|now| now.monotonic).unwrap();
    let diagnosis = node.diagnose(&snapshot, now);
    TargetView::new::<Node>(target.name, snapshot, diagnosis)
}
