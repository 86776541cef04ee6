//! What `/tx/status` says of transactions, counted while it is read: pure.
//!
//! The list of those that are over is never trimmed, so none is kept, and of a long list only the beginning is there.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::collectors::prb::wire::{Number, unreadable};
use crate::upstream::Why;

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Running,
    Success,
    Error,
    /// A state that this version of farmwarden does not know.
    Unknown,
}

impl State {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Success, Self::Error, Self::Unknown];

    /// The value of the label `state`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    /// `"Running"`, `{"Success": {..}}`.
    fn of(written: &Value) -> Self {
        let name = match written {
            Value::String(name) => Some(name),
            Value::Object(members) => members.keys().next(),
            _ => None,
        };
        match name.map(String::as_str) {
            Some("Pending") => Self::Pending,
            Some("Running") => Self::Running,
            Some("Success") => Self::Success,
            Some("Error") => Self::Error,
            _ => Self::Unknown,
        }
    }
}

/// How many transactions there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transactions {
    /// Made since the worker manager started.
    pub made: Option<u64>,
    /// The list is longer than what was read of it: those that are over are counted among the newest only.
    pub cut: bool,
    counts: [u64; State::ALL.len()],
    pending_told: bool,
    past_told: bool,
}

impl Transactions {
    /// `cut`: the end of the answer is missing.
    pub fn read(json: &[u8], cut: bool) -> Result<Self, Why> {
        let mut counted = Self::default();
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let outcome = Whole(&mut counted).deserialize(&mut deserializer);
        match outcome.and_then(|()| deserializer.end()) {
            Ok(()) if counted.pending_told && counted.past_told => Ok(counted),
            Ok(()) => Err(Why::malformed("transactions without their lists")),
            Err(e) if cut && e.is_eof() => Ok(Self { cut, ..counted }),
            Err(e) => Err(unreadable(&e)),
        }
    }

    /// How many are in a state; `None` where the list was not reached. Running ones stand among those that are over.
    pub fn count(&self, state: State) -> Option<u64> {
        let told = match state {
            State::Pending => self.pending_told,
            _ => self.past_told,
        };
        let mut counts = State::ALL.iter().zip(self.counts);
        let count = counts.find_map(|(other, count)| (*other == state).then_some(count));
        count.filter(|_| told)
    }

    fn add(&mut self, state: State) {
        for (_, count) in State::ALL
            .iter()
            .zip(&mut self.counts)
            .filter(|(other, _)| **other == state)
        {
            *count += 1;
        }
    }
}

/// The whole answer.
struct Whole<'a>(&'a mut Transactions);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("lists of transactions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "tx_count" => self.0.made = map.next_value::<Number>()?.0.and_then(|made| u64::try_from(made).ok()),
                "running_txs" => map.next_value_seed(List(self.0))?,
                "pending_txs" => {
                    map.next_value_seed(List(self.0))?;
                    self.0.pending_told = true;
                }
                "past_txs" => {
                    // Newest first: what was counted before the end is of use.
                    self.0.past_told = true;
                    map.next_value_seed(List(self.0))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// One list.
struct List<'a>(&'a mut Transactions);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of transactions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        #[derive(Deserialize)]
        struct One {
            #[serde(default)]
            state: Value,
        }
        while let Some(One { state }) = list.next_element()? {
            self.0.add(State::of(&state));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LISTS: &str = r#"{"tx_count":7,"running_txs":[],"pending_txs":[{"id":6,"state":"Pending","desc":"a"}],
        "past_txs":[{"id":5,"state":"Running","pid":88},
        {"id":4,"state":{"Error":{"updated_at":"2024-03-09T16:00:00Z","message":"Tx timed out!"}}},
        {"id":3,"state":{"Success":{"updated_at":"2024-03-09T16:00:00Z"}}},
        {"id":2,"state":{"Success":{}}},{"id":1,"state":"Dropped"},{"id":0}]}"#;

    fn counts(transactions: &Transactions) -> [Option<u64>; 5] {
        State::ALL.map(|state| transactions.count(state))
    }

    #[test]
    fn transactions_are_counted_by_state_and_not_by_list() {
        let read = Transactions::read(LISTS.as_bytes(), false).unwrap();
        assert_eq!((read.made, read.cut), (Some(7), false));
        assert_eq!(counts(&read), [Some(1), Some(1), Some(2), Some(1), Some(2)]);
    }

    #[test]
    fn of_a_list_that_was_cut_off_the_beginning_counts() {
        let (beginning, _) = LISTS.split_at(LISTS.find("{\"id\":2").unwrap());
        let read = Transactions::read(beginning.as_bytes(), true).unwrap();
        assert_eq!((read.made, read.cut), (Some(7), true));
        assert_eq!(counts(&read), [Some(1), Some(1), Some(1), Some(1), Some(0)]);
        assert!(Transactions::read(beginning.as_bytes(), false).is_err());
    }

    #[test]
    fn what_lies_behind_the_cut_is_unknown_and_not_zero() {
        let (beginning, _) = LISTS.split_at(LISTS.find("{\"id\":6").unwrap());
        let read = Transactions::read(beginning.as_bytes(), true).unwrap();
        assert_eq!(counts(&read), [None; 5]);
    }

    #[test]
    fn an_answer_without_lists_is_an_error() {
        for bad in [
            "",
            "{}",
            "[]",
            "null",
            "<html>",
            r#"{"tx_count":1}"#,
            r#"{"past_txs":7}"#,
        ] {
            assert!(Transactions::read(bad.as_bytes(), false).is_err(), "{bad}");
        }
        assert!(Transactions::read(b"<html>", true).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in any::<bool>()) {
            drop(Transactions::read(&bytes, cut));
        }

        #[test]
        fn cut_off_anywhere_it_is_read(end in 1_usize..LISTS.len()) {
            let beginning = LISTS.as_bytes().get(..end).unwrap();
            prop_assert!(Transactions::read(beginning, true).is_ok());
        }
    }
}
