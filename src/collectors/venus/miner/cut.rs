//! Which miners are shown and judged where there are more than the configuration allows: the cut is one for all services
//! of a target, so that of a miner that is kept everything is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{MinerSeen, Mining};
use crate::collectors::venus::address::Address;
use crate::collectors::venus::server::Said;

/// Who is kept first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Ill,
    /// Shall mine, and does.
    Expected,
    Other,
}

/// Leaves at most so many miners in what the services said, those of `named` all the same, and gives back the others:
/// of them nothing may be said. `expected` shall mine, although no service may list them any more.
pub(in crate::collectors::venus) fn cut(
    said: &mut [Said<MinerSeen>],
    named: &[Address],
    expected: impl Iterator<Item = Address>,
    most: usize,
) -> Arc<BTreeSet<Address>> {
    let mut ranks: BTreeMap<Address, Rank> = BTreeMap::new();
    let whole = said.iter().all(|one| one.outcome.is_ok());
    let services: Vec<&MinerSeen> = said.iter().filter_map(|one| one.outcome.as_ref().ok()).collect();
    for miner in services.iter().flat_map(|seen| seen.miners.keys()) {
        if !ranks.contains_key(miner) {
            let ill = is_ill(services.iter().filter_map(|seen| seen.miners.get(miner)));
            ranks.insert(miner.clone(), if ill { Rank::Ill } else { Rank::Other });
        }
    }
    for miner in expected {
        // What is in no list is missed, unless the service that is away may have it.
        let missed = if whole { Rank::Ill } else { Rank::Expected };
        let rank = ranks.entry(miner).or_insert(missed);
        *rank = (*rank).min(Rank::Expected);
    }
    for miner in named {
        ranks.remove(miner);
    }
    let mut rest: Vec<(Rank, Address)> = ranks.into_iter().map(|(miner, rank)| (rank, miner)).collect();
    rest.sort_unstable();
    let kept = most.saturating_sub(named.len()).min(rest.len());
    let left_out: BTreeSet<Address> = rest.split_off(kept).into_iter().map(|(_, miner)| miner).collect();
    let left_out = Arc::new(left_out);
    for seen in said.iter_mut().filter_map(|one| one.outcome.as_mut().ok()) {
        seen.miners.retain(|miner, _| !left_out.contains(miner));
        seen.left_out = Arc::clone(&left_out);
    }
    left_out
}

/// As several services have one miner: an error, mined for twice, or not mined for although it is open.
fn is_ill<'a>(of: impl Iterator<Item = &'a Mining>) -> bool {
    let (mut mined, mut shall, mut errors) = (0_usize, false, false);
    for mining in of {
        mined += usize::from(mining.mining == Some(true));
        shall |= mining.open == Some(true);
        errors |= !mining.errors.is_empty();
    }
    errors || mined > 1 || (shall && mined == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn miner(number: u32) -> Address {
        format!("f0{}", 1000 + number).parse().unwrap()
    }

    fn of(mining: bool, open: bool, errors: &[&str]) -> Mining {
        Mining {
            mining: Some(mining),
            open: Some(open),
            errors: errors.iter().map(ToString::to_string).collect(),
        }
    }

    fn said(miners: impl IntoIterator<Item = (u32, Mining)>) -> Said<MinerSeen> {
        let miners = miners.into_iter().map(|(number, mining)| (miner(number), mining));
        Said {
            label: "miner".into(),
            about: None,
            outcome: Ok(MinerSeen {
                miners: miners.collect(),
                says_open: true,
                ..MinerSeen::default()
            }),
            missed: Vec::new(),
        }
    }

    fn kept(said: &Said<MinerSeen>) -> Vec<Address> {
        said.outcome.as_ref().unwrap().miners.keys().cloned().collect()
    }

    #[test]
    fn the_ill_are_kept_before_the_expected_and_these_before_the_others() {
        let mut service = said([
            (1, of(true, true, &[])),
            (2, of(true, true, &[])),
            (3, of(true, true, &[])),
            (4, of(false, true, &[])),
            (5, of(true, true, &["mining timeout!"])),
        ]);
        let left_out = cut(std::slice::from_mut(&mut service), &[], [miner(3)].into_iter(), 3);
        assert_eq!(kept(&service), [miner(3), miner(4), miner(5)]);
        assert_eq!(*left_out, BTreeSet::from([miner(1), miner(2)]));
    }

    #[test]
    fn a_miner_that_is_mined_for_twice_is_kept_in_both() {
        let first = said((0..5).map(|number| (number, of(true, true, &[]))));
        let second = said([(4, of(true, true, &[])), (9, of(false, false, &[]))]);
        let mut services = [first, second];
        let left_out = cut(&mut services, &[], std::iter::empty(), 1);
        assert_eq!(services.each_ref().map(kept), [[miner(4)], [miner(4)]]);
        assert_eq!(left_out.len(), 5);
    }

    #[test]
    fn one_that_vanished_is_kept_before_those_that_are_well() {
        let mut service = said((0..3).map(|number| (number, of(true, true, &[]))));
        let expected = (0..4).map(miner);
        let left_out = cut(std::slice::from_mut(&mut service), &[], expected, 2);
        assert_eq!(*left_out, BTreeSet::from([miner(1), miner(2)]));
    }

    #[test]
    fn those_of_the_configuration_are_never_left_out() {
        let named: Vec<Address> = (10..14).map(miner).collect();
        let mut service = said((0..20).map(|number| (number, of(true, true, &["x"]))));
        let left_out = cut(std::slice::from_mut(&mut service), &named, named.iter().cloned(), 2);
        assert_eq!((kept(&service), left_out.len()), (named, 16));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_too_much(numbers in prop::collection::btree_set(0_u32..60, 0..40), most in 0_usize..50) {
            let mut service = said(numbers.iter().map(|number| (*number, of(number % 2 == 0, true, &[]))));
            let left_out = cut(std::slice::from_mut(&mut service), &[], std::iter::empty(), most);
            let kept = kept(&service);
            prop_assert_eq!(kept.len(), most.min(numbers.len()));
            prop_assert_eq!(kept.len() + left_out.len(), numbers.len());
            prop_assert!(kept.iter().all(|miner| !left_out.contains(miner)));
        }
    }
}
