//! How many messages of one kind people get: many at once have a cause in common, and a chat that is full of them hides the one
//! that matters.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use super::kind::Notice;
use crate::clock::UnixTime;

/// Messages of one kind that are told one by one within so long.
pub(super) const MOST_ALIKE: u32 = 10;
const ALIKE_WITHIN: Duration = Duration::from_secs(600);

/// How many of a kind were told, and since when.
#[derive(Debug, Default)]
pub(super) struct Alike(BTreeMap<Notice, (u32, UnixTime)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    Yes,
    /// With the word that more follow untold.
    Last,
    No,
}

impl Alike {
    pub(super) fn admit(&mut self, notice: Notice, time: UnixTime) -> Admitted {
        if notice.is_always_told() {
            return Admitted::Yes;
        }
        let (count, since) = self.0.entry(notice).or_insert((0, time));
        if since.age_at(time) >= ALIKE_WITHIN {
            (*count, *since) = (0, time);
        }
        *count = count.saturating_add(1);
        match (*count).cmp(&MOST_ALIKE) {
            Ordering::Less => Admitted::Yes,
            Ordering::Equal => Admitted::Last,
            Ordering::Greater => Admitted::No,
        }
    }
}
