//! Places for answers that are large: how many are on their way at once, and who gives way when all are taken.
//!
//! An answer holds its place until its last byte was handed to the kernel. Clients that ask and do not read must not keep
//! others out, so a newcomer may take the place of one that is slow; that one's connection is cut.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// What every reader gets before others of the same address may take its place; a page is usually read within a tenth of
/// it. Without it a crowd of honest readers would cut one another and none would get its page.
const UNDISTURBED: Duration = Duration::from_secs(2);

/// Who reads an answer.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// Nothing on the control socket.
    pub(super) peer: Option<IpAddr>,
    /// Told when the connection is to be cut.
    pub(super) cut: Arc<Notify>,
}

/// All places of a kind.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Oldest first.
    places: Vec<(u64, Reader, Instant)>,
    next: u64,
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
        })
    }

    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// A place, and whose was taken for it; nothing while all are taken by readers who may keep theirs.
    pub(super) fn take(self: &Arc<Self>, reader: Reader, now: Instant) -> Option<(Place, Option<Reader>)> {
        let mut taken = self.taken();
        let mut slow = None;
        if taken.places.len() >= self.most {
            let index = taken.gives_way_to(&reader, now)?;
            let (_, reader, _) = taken.places.remove(index);
            reader.cut.notify_one();
            slow = Some(reader);
        }
        let number = taken.next;
        taken.next += 1;
        taken.places.push((number, reader, now));
        drop(taken);
        let places = Arc::clone(self);
        Some((Place { places, number }, slow))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Of the addresses with the most places the oldest: at once where the newcomer's address would still have fewer
    /// places, else after a while.
    fn gives_way_to(&self, newcomer: &Reader, now: Instant) -> Option<usize> {
        let mut counts: HashMap<Option<IpAddr>, usize> = HashMap::new();
        for (_, reader, _) in &self.places {
            *counts.entry(reader.peer).or_default() += 1;
        }
        let most = counts.values().copied().max().unwrap_or_default();
        let own = counts.get(&newcomer.peer).copied().unwrap_or_default();
        let has_most = |reader: &Reader| counts.get(&reader.peer) == Some(&most);
        let oldest = self.places.iter().position(|(_, reader, _)| has_most(reader))?;
        let (_, _, since) = self.places.get(oldest)?;
        let disturbed = own + 1 < most || now.saturating_duration_since(*since) >= UNDISTURBED;
        disturbed.then_some(oldest)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let number = self.number;
        self.places.taken().places.retain(|(other, _, _)| *other != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(last: u8) -> Reader {
        Reader {
            peer: Some(IpAddr::from([10, 0, 0, last])),
            cut: Arc::default(),
        }
    }

    fn cut(slow: Option<&Reader>, reader: &Reader) -> bool {
        slow.is_some_and(|slow| Arc::ptr_eq(&slow.cut, &reader.cut))
    }

    #[test]
    fn a_place_is_free_again_when_its_answer_is_sent() {
        let places = Places::new(1);
        let now = Instant::now();
        let (first, _) = places.take(reader(1), now).unwrap();
        assert!(places.take(reader(1), now).is_none());
        drop(first);
        let (_second, slow) = places.take(reader(1), now).unwrap();
        assert!(slow.is_none());
    }

    #[test]
    fn who_has_the_most_places_gives_the_oldest_to_another_at_once() {
        let places = Places::new(4);
        let now = Instant::now();
        let (other, greedy) = (reader(2), reader(1));
        let mut held = vec![
            places.take(other, now).unwrap().0,
            places.take(greedy.clone(), now).unwrap().0,
        ];
        for _ in 0..2 {
            held.push(places.take(reader(1), now).unwrap().0);
        }
        let (_place, slow) = places.take(reader(3), now).unwrap();
        assert!(cut(slow.as_ref(), &greedy), "{slow:?}");
        // Nobody has three any more, and one more would make the newcomer the greedy one.
        assert!(places.take(reader(2), now).is_none());
        assert!(places.take(reader(1), now).is_none());
        assert_eq!(places.taken().places.len(), 4);
    }

    #[test]
    fn among_equals_only_a_slow_reader_gives_way() {
        let places = Places::new(2);
        let start = Instant::now();
        let slow_one = reader(1);
        let _first = places.take(slow_one.clone(), start).unwrap();
        let _second = places.take(reader(2), start + UNDISTURBED / 2).unwrap();
        assert!(places.take(reader(3), start + UNDISTURBED / 2).is_none());
        let (_third, slow) = places.take(reader(3), start + UNDISTURBED).unwrap();
        assert!(cut(slow.as_ref(), &slow_one), "{slow:?}");
    }

    #[tokio::test]
    async fn who_gives_way_is_told() {
        let places = Places::new(1);
        let start = Instant::now();
        let slow = reader(1);
        let _first = places.take(slow.clone(), start).unwrap();
        let _second = places.take(reader(1), start + UNDISTURBED).unwrap();
        slow.cut.notified().await;
    }
}
