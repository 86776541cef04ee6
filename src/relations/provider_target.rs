//! Who no longer hears from his node, although the node goes on: data providers, and workers that have none.

use super::broken_links::NODE_ILL;
use crate::collectors::phala::{Chain, Node};
use crate::collectors::prb::{self, Prb, TARGET_STALE, WITHOUT_BLOCKS};
use crate::collectors::{Link, TargetView};

pub(super) fn judge(views: &mut [TargetView], links: &[Link]) {
    for index in 0..views.len() {
        let Some(finalized) = finalized(index, views, links) else {
            continue;
        };
        let Some(view) = views.get_mut(index) else { continue };
        let Some(snapshot) = view.snapshot::<Prb>() else {
            continue;
        };
        let told: Vec<(String, Option<String>)> = snapshot
            .peers()
            .filter(|peer| peer.provider.is_some() && peer.up() == Some(true))
            .filter_map(|peer| Some((peer.label.clone(), snapshot.stale_target(peer, finalized)?)))
            .collect();
        let [para, _] = finalized;
        let starved: Vec<(String, Option<String>)> = snapshot
            .lifecycles()
            .filter(|peer| peer.up() == Some(true))
            .filter_map(|peer| Some((peer.label.clone(), snapshot.without_blocks(peer, para)?)))
            .collect();
        for (symptom, part, told) in [
            (&TARGET_STALE, prb::PEERS, told),
            (&WITHOUT_BLOCKS, prb::WORKERS, starved),
        ] {
            for (label, words) in told {
                let ill = Some(words.is_some());
                view.diagnosis.judge(symptom, &label, ill, || words.unwrap_or_default());
            }
            view.diagnosis.belongs_to(part);
        }
    }
}

/// The furthest finalized blocks of the well nodes that a PRB hangs on: para and relay. `None` when none of them tells;
/// what an ill node has in store is no measure for a provider.
fn finalized(index: usize, views: &[TargetView], links: &[Link]) -> Option<[Option<u64>; 2]> {
    let view = views.get(index)?;
    view.snapshot::<Prb>()?;
    let before = &links.iter().find(|link| link.target == view.name)?.depends_on;
    let ill = |view: &&TargetView| {
        view.diagnosis
            .findings
            .iter()
            .any(|found| NODE_ILL.contains(&found.symptom))
    };
    let nodes = views.iter().filter(|view| before.contains(&view.name) && !ill(view));
    let nodes: Vec<_> = nodes.filter_map(TargetView::snapshot::<Node>).collect();
    let of = |chain: Chain| {
        let seen = nodes.iter().flat_map(|node| node.chains());
        let heads = seen.filter_map(|(other, seen)| seen.head.as_ref().filter(|_| other == chain)?.finalized);
        heads.max()
    };
    let both = [of(Chain::Para), of(Chain::Relay)];
    both.iter().any(Option::is_some).then_some(both)
}
