//! What was heard lately, so that nothing is counted twice.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};

/// What was heard lately: a farmer with two nodes, or a daemon that repeats itself, tells things twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

/// Signage points of half an hour with the answers of twenty harvesters.
const MOST_KNOWN: usize = 4_096;

impl Recent {
    pub(super) fn is_new(&mut self, what: &impl std::hash::Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let digest = hasher.finish();
        if !self.known.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > MOST_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_stays_within_its_bound() {
        let mut recent = Recent::default();
        assert!((0..20_000_u64).all(|number| recent.is_new(&number)));
        assert_eq!((recent.order.len(), recent.known.len()), (MOST_KNOWN, MOST_KNOWN));
        assert!(!recent.is_new(&19_999_u64) && recent.is_new(&0_u64));
    }
}
