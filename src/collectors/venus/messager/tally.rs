//! Messages that wait, counted by sender while their lists come: no message is kept but the one of each kind that says
//! most.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use super::answers::{Message, Odd, Waiting, message};
use crate::collectors::venus::address::Address;
use crate::collectors::venus::amount::AttoFil;
use crate::collectors::venus::error_class::ErrorClass;

/// What waits of one sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    pub unfilled: Pile,
    pub filled: Pile,
    /// Proofs for a window, in either state.
    pub window_posts: Pile,
    /// Messages with an error text, by class.
    pub errors: BTreeMap<ErrorClass, u64>,
    /// The oldest of them that is unfilled: it takes a place with every selection.
    pub failing: Option<Message>,
    /// Filled ones that pay less than the base fee.
    pub underpriced: Pile,
    /// The filled one with the lowest nonce: those behind it wait for it.
    pub lowest: Option<Message>,
    /// Whether the list of active senders holds any of it.
    pub is_active: bool,
}

/// Messages of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pile {
    pub count: u64,
    pub oldest: Option<Message>,
    /// Messages of which the messager does not say when they were created.
    pub undated: u64,
}

impl Pile {
    fn add(&mut self, message: &Message) {
        self.count += 1;
        self.undated += u64::from(message.created.is_none());
        let older = |known: &Message| match (message.created, known.created) {
            (Some(new), Some(known)) => new < known,
            (new, known) => new.is_some() && known.is_none(),
        };
        if self.oldest.as_ref().is_none_or(older) {
            self.oldest = Some(message.clone());
        }
    }
}

impl Queue {
    pub fn pile(&self, state: Waiting) -> &Pile {
        match state {
            Waiting::Unfilled => &self.unfilled,
            Waiting::Filled => &self.filled,
        }
    }

    pub fn with_error(&self) -> u64 {
        self.errors.values().sum()
    }

    fn add(&mut self, message: &Message, base_fee: Option<&AttoFil>) {
        if message.is_window_post() {
            self.window_posts.add(message);
        }
        if let Some(error) = &message.error {
            *self.errors.entry(ErrorClass::of(error)).or_default() += 1;
        }
        if message.error.is_some() && message.state == Waiting::Unfilled {
            let mut pile = Pile {
                oldest: self.failing.take(),
                ..Pile::default()
            };
            pile.add(message);
            self.failing = pile.oldest;
        }
        match message.state {
            Waiting::Unfilled => self.unfilled.add(message),
            Waiting::Filled => self.add_filled(message, base_fee),
        }
    }

    fn add_filled(&mut self, message: &Message, base_fee: Option<&AttoFil>) {
        self.filled.add(message);
        if let (Some(fee), Some(cap)) = (base_fee, &message.fee_cap)
            && cap < fee
        {
            self.underpriced.add(message);
        }
        let lower = |known: &Message| message.nonce.is_some() && (known.nonce.is_none() || message.nonce < known.nonce);
        if self.lowest.as_ref().is_none_or(lower) {
            self.lowest = Some(message.clone());
        }
    }
}

/// Counts what comes from several lists, each message once.
pub(super) struct Tally {
    queues: BTreeMap<Address, Queue>,
    base_fee: Option<AttoFil>,
    /// Hashes of ids: the lists overlap, and pages shift while they are read.
    seen: HashSet<u64>,
    hasher: RandomState,
    most: usize,
    /// Messages in all at which this list ends.
    until: usize,
    malformed: u64,
    of_active: bool,
}

impl Tally {
    /// At most so many messages are taken of each list.
    pub(super) fn new(base_fee: Option<AttoFil>, most: usize) -> Self {
        Self {
            queues: BTreeMap::new(),
            base_fee,
            seen: HashSet::new(),
            hasher: RandomState::new(),
            most,
            until: most,
            malformed: 0,
            of_active: false,
        }
    }

    /// A list begins: that of active senders, or another one. What a list before it held does not use up its room.
    pub(super) fn begin(&mut self, of_active: bool) {
        self.until = self.seen.len().saturating_add(self.most);
        self.of_active = of_active;
    }

    /// One element of a list; false when no more is taken.
    pub(super) fn take(&mut self, element: &[u8]) -> bool {
        match message(element) {
            Ok(message) => {
                let queue = self.queues.entry(message.from.clone()).or_default();
                queue.is_active |= self.of_active;
                if self.seen.insert(self.hasher.hash_one(&message.id)) {
                    queue.add(&message, self.base_fee.as_ref());
                }
            }
            Err(Odd::Malformed) => self.malformed += 1,
            Err(Odd::NotWaiting) => {}
        }
        self.seen.len() < self.until
    }

    /// The queues, and how many rows could not be read.
    pub(super) fn finish(self) -> (BTreeMap<Address, Queue>, u64) {
        (self.queues, self.malformed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::collectors::venus::address::samples::{BLS, SECP};

    fn row(id: &str, from: &str, state: u64, nonce: u64, minute: u64) -> Vec<u8> {
        let row = json!({"ID": id, "From": from, "To": "f01000", "Nonce": nonce, "GasFeeCap": format!("{nonce}00"), "Method": 6,
            "State": state, "ErrorMsg": "", "CreatedAt": format!("2024-06-13T19:{minute:02}:00Z")});
        row.to_string().into_bytes()
    }

    #[test]
    fn messages_are_counted_once_whatever_list_they_come_from() {
        let mut tally = Tally::new(None, 100);
        for minute in [5, 3, 9] {
            let id = minute.to_string();
            tally.take(&row(&id, BLS, 1, 0, minute));
            tally.take(&row(&id, BLS, 1, 0, minute));
        }
        tally.take(&row("x", SECP, 2, 7, 1));
        tally.take(b"{}");
        tally.take(br#"{"State":1,"From":"<empty>"}"#);
        tally.take(&row("done", SECP, 3, 8, 1));
        let (queues, malformed) = tally.finish();
        assert_eq!((queues.len(), malformed), (2, 1));
        let queue = &queues[&BLS.parse().unwrap()];
        assert_eq!((queue.unfilled.count, queue.filled.count), (3, 0));
        assert_eq!(queue.unfilled.oldest.as_ref().unwrap().id, "3");
        assert_eq!(queue.underpriced.count, 0);
    }

    #[test]
    fn the_lowest_nonce_and_what_pays_too_little_are_found() {
        let mut tally = Tally::new(AttoFil::read("750"), 100);
        for nonce in [9, 7, 8] {
            tally.take(&row(&nonce.to_string(), BLS, 2, nonce, nonce));
        }
        let (queues, _) = tally.finish();
        let queue = &queues[&BLS.parse().unwrap()];
        assert_eq!(queue.lowest.as_ref().unwrap().nonce, Some(7));
        assert_eq!(queue.underpriced.count, 1);
    }

    #[test]
    fn errors_are_counted_by_class_and_proofs_apart() {
        let mut tally = Tally::new(None, 100);
        for (id, minute, words) in [("1", 9, "exit 16"), ("2", 2, "exit 16"), ("3", 5, "exit 18")] {
            let row = json!({"ID": id, "From": BLS, "To": "f01000", "Method": 5, "State": 1,
                "ErrorMsg": format!("gas estimate: {words}"), "CreatedAt": format!("2024-06-13T19:{minute:02}:00Z")});
            tally.take(row.to_string().as_bytes());
        }
        let (queues, _) = tally.finish();
        let queue = &queues[&BLS.parse().unwrap()];
        assert_eq!(queue.errors.values().copied().collect::<Vec<_>>(), [2, 1]);
        assert_eq!((queue.with_error(), queue.window_posts.count), (3, 3));
        assert_eq!(queue.failing.as_ref().unwrap().id, "2");
    }

    #[test]
    fn a_filled_message_with_an_error_does_not_hide_an_unfilled_one() {
        let mut tally = Tally::new(None, 100);
        for (id, state, minute) in [("pushed", 2, 1), ("failing", 1, 9)] {
            let row = json!({"ID": id, "From": BLS, "To": "f01000", "Nonce": 7, "State": state, "ErrorMsg": "push: x",
                "CreatedAt": format!("2024-06-13T19:{minute:02}:00Z")});
            tally.take(row.to_string().as_bytes());
        }
        let (queues, _) = tally.finish();
        let queue = &queues[&BLS.parse().unwrap()];
        assert_eq!(
            (queue.failing.as_ref().unwrap().id.as_str(), queue.with_error()),
            ("failing", 2)
        );
    }

    #[test]
    fn no_more_than_the_limit_is_taken() {
        let mut tally = Tally::new(None, 10);
        let taken = (0..100)
            .take_while(|id| tally.take(&row(&id.to_string(), BLS, 1, 0, 1)))
            .count();
        let (queues, _) = tally.finish();
        assert_eq!((taken, queues[&BLS.parse().unwrap()].unfilled.count), (9, 10));
    }

    #[test]
    fn a_list_has_its_room_whatever_came_before_it() {
        let mut tally = Tally::new(None, 10);
        for id in 0..10 {
            tally.take(&row(&id.to_string(), BLS, 1, 0, 1));
        }
        tally.begin(true);
        assert!(tally.take(&row("old", SECP, 2, 7, 1)));
        let (queues, _) = tally.finish();
        assert!(queues[&SECP.parse().unwrap()].is_active && !queues[&BLS.parse().unwrap()].is_active);
    }
}
