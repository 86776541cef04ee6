//! The senders of a messager with what waits of each, as one round found them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::answers::{Sender, SenderState, Shared, Waiting};
use super::tally::Queue;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::known::KnownSender;

/// What a messager said in a round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessagerSeen {
    pub shared: Option<Shared>,
    /// Only of the one that was asked for messages: several share a database.
    pub book: Option<Book>,
}

/// Every sender, and what is not known about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    /// By address.
    pub senders: Vec<SenderView>,
    /// Senders beyond the configured number, all of them with less to say.
    pub left_out: usize,
    /// What the token and the version let us see of active senders.
    pub sees: Sights,
    /// How the list of errors was read, if it could be asked for.
    pub sees_errors: Option<Sight>,
    /// Lists without which messages go unseen, and which were not read: of senders, of what waits, of what is unfilled.
    pub lacks: usize,
    /// Rows that could not be read.
    pub malformed: u64,
    /// Whether the base fee was known, so that messages could be compared with it.
    pub base_fee_known: bool,
}

/// How a list was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Whole,
    /// There are more: counts are at least what is said, and what was not seen may be there all the same.
    Cut {
        /// What has waited for longer than this was read to the last one.
        beyond: Option<Duration>,
    },
}

impl Sight {
    pub(super) const fn of(cut: bool) -> Self {
        if cut { Self::Cut { beyond: None } } else { Self::Whole }
    }

    /// What was counted; that nothing was seen of a list that was cut does not mean that nothing is there.
    pub fn counted(self, count: u64) -> Option<u64> {
        (self == Self::Whole || count > 0).then_some(count)
    }

    /// Whether every message that has waited for so long was seen.
    pub fn holds_all_from(self, age: Duration) -> bool {
        match self {
            Self::Whole => true,
            Self::Cut { beyond } => beyond.is_some_and(|beyond| beyond <= age),
        }
    }
}

/// How the lists of both states were read; `None` for one that was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sights {
    pub unfilled: Option<Sight>,
    pub filled: Option<Sight>,
}

impl Sights {
    pub const fn of(self, state: Waiting) -> Option<Sight> {
        match state {
            Waiting::Unfilled => self.unfilled,
            Waiting::Filled => self.filled,
        }
    }

    /// How both together were read: as badly as the worse of them.
    pub fn both(self) -> Option<Sight> {
        match (self.unfilled?, self.filled?) {
            (Sight::Whole, other) | (other, Sight::Whole) => Some(other),
            (Sight::Cut { beyond: one }, Sight::Cut { beyond: other }) => Some(Sight::Cut {
                beyond: one.zip(other).map(|(one, other)| one.max(other)),
            }),
        }
    }
}

/// Which lists were read: not every one holds every sender.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Messages of all active senders.
    pub(super) active: Option<Sight>,
    /// The same of senders that are not active, asked for one by one.
    pub(super) single: BTreeMap<Address, Sight>,
    /// Whether those hold unfilled messages as well.
    pub(super) hold_unfilled: bool,
    /// Unfilled messages of everybody.
    pub(super) unfilled: Option<Sight>,
}

impl Lists {
    fn of(&self, sight: Option<Sight>) -> Sights {
        Sights {
            unfilled: if self.hold_unfilled { sight } else { self.unfilled },
            filled: sight,
        }
    }
}

/// A sender with its queue.
#[derive(Clone, Debug, PartialEq)]
pub struct SenderView {
    pub address: Address,
    /// `None` where the messager does not list it (any more), or not to this token.
    pub listed: Option<Sender>,
    pub queue: Queue,
    /// What of the queue was read.
    pub sees: Sights,
}

impl SenderView {
    /// Whether the messager selects messages of it; `None` in a state that is not known.
    pub fn is_active(&self) -> Option<bool> {
        match self.listed.as_ref()?.state {
            SenderState::Active => Some(true),
            SenderState::Removing | SenderState::Removed | SenderState::Forbidden => Some(false),
            SenderState::Unknown => None,
        }
    }

    /// Filled messages at which nothing more is selected.
    pub fn selection_limit(&self, shared: Option<&Shared>) -> Option<u64> {
        let own = self.listed.as_ref().and_then(|sender| sender.selection_limit);
        own.filter(|limit| *limit > 0)
            .or_else(|| shared.and_then(|shared| shared.selection_limit))
    }

    /// The lowest nonce of its filled messages. A list that was cut may lack a lower one.
    pub fn lowest_filled(&self) -> Option<u64> {
        let lowest = self.queue.lowest.as_ref()?;
        lowest.nonce.filter(|_| self.sees.filled == Some(Sight::Whole))
    }

    fn waiting(&self) -> u64 {
        self.queue.unfilled.count + self.queue.filled.count
    }
}

impl Book {
    /// Filled messages of a sender that pay less than the base fee.
    pub fn underpriced(&self, view: &SenderView) -> Option<u64> {
        let sight = view.sees.filled.filter(|_| self.base_fee_known)?;
        sight.counted(view.queue.underpriced.count)
    }

    /// Puts the list of senders and the queues together; beyond `most`, those with the least to say are left out.
    pub(super) fn put_together(
        &mut self,
        listed: Vec<Sender>,
        mut queues: BTreeMap<Address, Queue>,
        lists: &Lists,
        most: usize,
    ) {
        self.sees = lists.of(lists.active);
        let mut all: BTreeMap<Address, SenderView> = BTreeMap::new();
        for sender in listed.into_iter().filter(|sender| sender.state != SenderState::Removed) {
            let sight = match sender.state {
                SenderState::Active => lists.active,
                _ => lists.single.get(&sender.address).copied(),
            };
            let view = SenderView {
                address: sender.address.clone(),
                queue: queues.remove(&sender.address).unwrap_or_default(),
                listed: Some(sender),
                sees: lists.of(sight),
            };
            all.insert(view.address.clone(), view);
        }
        for (address, queue) in queues {
            let view = SenderView {
                address: address.clone(),
                listed: None,
                sees: lists.of(lists.active.filter(|_| queue.is_active)),
                queue,
            };
            all.insert(address, view);
        }
        let mut senders: Vec<SenderView> = all.into_values().collect();
        if senders.len() > most {
            senders.sort_by_key(|view| {
                let queue = &view.queue;
                let worst = (queue.window_posts.count, queue.with_error(), view.waiting());
                (Reverse(worst), view.is_active() != Some(true))
            });
            self.left_out += senders.len() - most;
            senders.truncate(most);
            senders.sort_by(|one, other| one.address.cmp(&other.address));
        }
        self.senders = senders;
    }

    /// For the part that asks the chain about them.
    pub(in crate::collectors::venus) fn known(&self, at: Instant) -> Vec<KnownSender> {
        let known = self.senders.iter().map(|view| KnownSender {
            address: view.address.clone(),
            nonce: view.listed.as_ref().and_then(|sender| sender.nonce),
            lowest_filled: view.lowest_filled(),
            at,
        });
        known.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(id: u64, state: SenderState) -> Sender {
        Sender {
            address: format!("f0{id}").parse().unwrap(),
            nonce: Some(id),
            state,
            selection_limit: Some(0),
        }
    }

    fn queue(unfilled: u64) -> Queue {
        let mut queue = Queue::default();
        queue.unfilled.count = unfilled;
        queue
    }

    #[test]
    fn senders_with_messages_are_kept_and_the_rest_is_counted() {
        let mut book = Book::default();
        let listed: Vec<Sender> = (1000..1100).map(|id| sender(id, SenderState::Active)).collect();
        let queues = [("f01099", 3), ("f01042", 1), ("f05555", 2)];
        let queues = queues.map(|(address, count)| (address.parse().unwrap(), queue(count)));
        book.put_together(listed, queues.into(), &Lists::default(), 4);
        let shown: Vec<&str> = book.senders.iter().map(|view| view.address.as_str()).collect();
        assert_eq!(shown, ["f01000", "f01042", "f01099", "f05555"]);
        assert_eq!((book.left_out, book.senders[3].listed.is_none()), (97, true));
    }

    #[test]
    fn a_sender_in_a_state_that_is_not_known_is_neither_active_nor_not() {
        let active = |state| {
            let mut book = Book::default();
            book.put_together(vec![sender(1000, state)], BTreeMap::new(), &Lists::default(), 10);
            book.senders[0].is_active()
        };
        assert_eq!(active(SenderState::Active), Some(true));
        assert_eq!(active(SenderState::Forbidden), Some(false));
        assert_eq!(active(SenderState::Unknown), None);
    }

    #[test]
    fn a_sender_without_a_limit_of_its_own_has_the_shared_one() {
        let shared = Shared {
            selection_limit: Some(20),
            ..Shared::default()
        };
        let mut book = Book::default();
        let own = Sender {
            selection_limit: Some(5),
            ..sender(1001, SenderState::Active)
        };
        let listed = vec![
            sender(1000, SenderState::Active),
            own,
            sender(1002, SenderState::Removed),
        ];
        book.put_together(listed, BTreeMap::new(), &Lists::default(), 10);
        let limits: Vec<_> = book
            .senders
            .iter()
            .map(|view| view.selection_limit(Some(&shared)))
            .collect();
        assert_eq!(limits, [Some(20), Some(5)]);
        assert_eq!(book.senders[0].selection_limit(None), None);
    }

    #[test]
    fn of_whom_nothing_was_asked_nothing_is_known() {
        let states = [
            SenderState::Active,
            SenderState::Forbidden,
            SenderState::Removing,
            SenderState::Unknown,
        ];
        let listed: Vec<Sender> = (1000..).zip(states).map(|(id, state)| sender(id, state)).collect();
        let mut lists = Lists {
            active: Some(Sight::Whole),
            hold_unfilled: true,
            ..Lists::default()
        };
        lists.single.insert(listed[1].address.clone(), Sight::of(true));
        let stranger = |is_active: bool| Queue { is_active, ..queue(1) };
        let queues = [("f02000", stranger(true)), ("f02001", stranger(false))];
        let queues = queues.map(|(address, queue)| (address.parse().unwrap(), queue));
        let mut book = Book::default();
        book.put_together(listed, queues.into(), &lists, 10);
        let filled: Vec<_> = book.senders.iter().map(|view| view.sees.filled).collect();
        let (whole, cut) = (Some(Sight::Whole), Some(Sight::of(true)));
        assert_eq!(filled, [whole, cut, None, None, whole, None]);
        assert_eq!(book.senders[3].is_active(), None);
        // Up to 1.10 unfilled messages are in another list, of everybody.
        (lists.hold_unfilled, lists.unfilled) = (false, whole);
        assert_eq!(lists.of(None).unfilled, whole);
    }

    #[test]
    fn a_list_that_was_cut_tells_what_is_there_and_not_what_is_missing() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let cut = |beyond: u64| Sight::Cut {
            beyond: Some(minutes(beyond)),
        };
        let endless = Sight::Cut { beyond: None };
        assert_eq!(
            (Sight::Whole.counted(0), cut(10).counted(0), endless.counted(3)),
            (Some(0), None, Some(3))
        );
        assert!(cut(10).holds_all_from(minutes(10)) && !cut(10).holds_all_from(minutes(5)));
        assert!(Sight::Whole.holds_all_from(minutes(0)) && !endless.holds_all_from(minutes(1000)));
        let both = |unfilled: Sight, filled: Sight| {
            let sights = Sights {
                unfilled: Some(unfilled),
                filled: Some(filled),
            };
            sights.both()
        };
        assert_eq!(both(Sight::Whole, cut(10)), Some(cut(10)));
        assert_eq!(both(cut(30), cut(10)), Some(cut(30)));
        assert_eq!(both(cut(30), endless), Some(endless));
        assert_eq!(Sights::default().both(), None);
    }
}
