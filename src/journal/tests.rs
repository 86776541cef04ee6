//! The journal as its user sees it, on a real directory; what a disk can do is put between.

mod crash;
mod disk;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::clock::Now;
use crate::values::Size;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
enum Deed {
    Began { what: String },
    Ended,
}

impl Step for Deed {
    const SCHEMA: u32 = 1;
}

fn began(what: &str) -> Deed {
    Deed::Began { what: what.to_owned() }
}

type Opened = (Journal<Deed>, Vec<Record<Deed>>, Replayed);

/// A directory for a journal, and the time there.
struct Place {
    parent: TempDir,
    millis: Arc<AtomicU64>,
    settings: JournalSettings,
}

impl Place {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let settings = JournalSettings::in_directory(parent.path().join("journal"));
        Self {
            parent,
            millis: Arc::new(AtomicU64::new(1_700_000_000_000)),
            settings,
        }
    }

    fn directory(&self) -> &Path {
        &self.settings.directory
    }

    fn clock(&self) -> Clock {
        let millis = Arc::clone(&self.millis);
        let monotonic = Instant::now();
        Clock::from_fn(move || Now {
            wall: UnixTime::from_millis(millis.load(Ordering::Relaxed)),
            monotonic,
        })
    }

    fn pass(&self, days: u64) {
        self.millis.fetch_add(days * 86_400_000, Ordering::Relaxed);
    }

    fn opened(&self) -> Result<Opened, JournalError> {
        let mut records = Vec::new();
        let (journal, replayed) = Journal::open(self.settings.clone(), self.clock(), |record| records.push(record))?;
        Ok((journal, records, replayed))
    }

    fn open(&self) -> Journal<Deed> {
        self.opened().unwrap().0
    }

    fn deeds(&self) -> Vec<Deed> {
        let (journal, records, _) = self.opened().unwrap();
        journal.close();
        records.into_iter().map(|record| record.step).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = files::list(self.directory()).unwrap();
        files.into_iter().map(|named| named.path).collect()
    }

    fn text(&self) -> String {
        self.files()
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn what_was_recorded_comes_back_in_order_after_a_restart() {
    let place = Place::new();
    let journal = place.open();
    assert_eq!(journal.head(), Head::EMPTY);
    let deeds = [began("a"), began("with \"quotes\"\nand lines"), Deed::Ended];
    for (deed, sequence) in deeds.iter().zip(1..) {
        let appended = journal.append(deed).await.unwrap();
        assert_eq!(appended.head, journal.head());
        assert_eq!(appended.head.sequence, sequence);
    }
    let head = journal.head();
    journal.close();
    let (journal, records, replayed) = place.opened().unwrap();
    let steps: Vec<_> = records.iter().map(|record| record.step.clone()).collect();
    assert_eq!(steps, deeds);
    assert_eq!((replayed.records, replayed.files, replayed.torn), (3, 1, None));
    assert_eq!(journal.head(), head);
    assert_eq!(place.text().lines().count(), 3);
}

#[tokio::test]
async fn the_order_is_that_of_handing_in_not_of_waiting() {
    let place = Place::new();
    let journal = place.open();
    let (first, second) = (journal.append(&began("1")), journal.append(&began("2")));
    let (second, first) = (second.await.unwrap(), first.await.unwrap());
    assert_eq!((first.head.sequence, second.head.sequence), (1, 2));
    // Dropping the future takes nothing back.
    drop(journal.append(&began("3")));
    journal.close();
    assert_eq!(place.deeds(), [began("1"), began("2"), began("3")]);
}

#[tokio::test]
async fn files_and_directory_are_closed_to_others() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&Deed::Ended).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(place.directory()), 0o700);
    for entry in fs::read_dir(place.directory()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_second_writer_is_refused_and_readers_are_not() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&Deed::Ended).await.unwrap();
    let error = place.opened().unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert_eq!(verify(place.directory(), None).unwrap().head, journal.head());
}

#[tokio::test]
async fn a_full_file_is_followed_by_another_on_the_same_chain() {
    let mut place = Place::new();
    place.settings.rotate_size = Size::from_bytes(600);
    let journal = place.open();
    for number in 0..10 {
        journal.append(&began(&number.to_string())).await.unwrap();
    }
    let noted = journal.head().hash;
    journal.append(&Deed::Ended).await.unwrap();
    journal.close();
    let files = place.files();
    assert!(files.len() >= 4, "{files:?}");
    for file in &files {
        assert!(fs::metadata(file).unwrap().len() <= 600);
    }
    let verified = verify(place.directory(), Some(noted)).unwrap();
    assert_eq!((verified.records, verified.first, verified.found), (11, 1, Some(10)));
    assert_eq!(verify(place.directory(), Some(Hash::NONE)).unwrap().found, None);
    assert_eq!(place.deeds().len(), 11);
}

#[tokio::test]
async fn a_file_that_is_old_enough_is_followed_by_another() {
    let place = Place::new();
    let journal = place.open();
    for _ in 0..3 {
        journal.append(&Deed::Ended).await.unwrap();
        place.pass(4);
    }
    assert_eq!(place.files().len(), 2);
    journal.close();
    assert_eq!(place.deeds().len(), 3);
}

/// A journal with one record in each file, a day after the other.
async fn daily(place: &mut Place, days: u64) {
    place.settings.rotate_size = Size::from_bytes(1);
    let journal = place.open();
    for _ in 0..days {
        journal.append(&Deed::Ended).await.unwrap();
        place.pass(1);
    }
    journal.close();
}

fn numbers(place: &Place) -> Vec<u64> {
    let files = files::list(place.directory()).unwrap();
    files.into_iter().map(|named| named.first).collect()
}

#[tokio::test]
async fn old_files_go_by_number_and_by_age_and_the_rest_still_verifies() {
    let mut place = Place::new();
    place.settings.needed_for = std::time::Duration::from_secs(86_400);
    place.settings.keep_files = 4;
    daily(&mut place, 10).await;
    assert_eq!(numbers(&place), [7, 8, 9, 10]);
    let verified = verify(place.directory(), None).unwrap();
    assert_eq!((verified.first, verified.records), (7, 4));
    assert_eq!(place.deeds().len(), 4);

    let mut place = Place::new();
    place.settings.needed_for = std::time::Duration::from_secs(86_400);
    place.settings.keep_for = std::time::Duration::from_secs(2 * 86_400);
    daily(&mut place, 10).await;
    assert_eq!(numbers(&place), [8, 9, 10]);
}

#[tokio::test]
async fn what_the_replay_needs_is_kept_whatever_the_number() {
    let mut place = Place::new();
    place.settings.keep_files = 1;
    place.settings.needed_for = std::time::Duration::from_secs(5 * 86_400);
    daily(&mut place, 10).await;
    assert_eq!(numbers(&place), [5, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_does_not_wipe_the_journal() {
    let mut place = Place::new();
    daily(&mut place, 20).await;
    place.pass(3_650);
    daily(&mut place, 1).await;
    assert_eq!(numbers(&place).len(), 19);
}

#[tokio::test]
async fn a_time_range_is_read_by_the_time_of_each_record() {
    let mut place = Place::new();
    let start = place.clock().now().wall;
    daily(&mut place, 5).await;
    let day = |days: u64| Some(start.plus(std::time::Duration::from_secs(days * 86_400)));
    let read = |from, until| {
        let mut sequences = Vec::new();
        read_range(place.directory(), from, until, |record: Record<Deed>| {
            sequences.push(record.sequence);
            ControlFlow::Continue(())
        })
        .unwrap();
        sequences
    };
    assert_eq!(read(None, None), [1, 2, 3, 4, 5]);
    assert_eq!(read(day(1), day(3)), [2, 3]);
    assert_eq!(read(day(4), None), [5]);
    let mut seen = 0;
    read_range(place.directory(), None, None, |_: Record<Value>| {
        seen += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(seen, 1);
}

#[tokio::test]
async fn a_record_that_no_reader_would_take_is_not_written() {
    let place = Place::new();
    let journal = place.open();
    let error = journal.append(&began(&"x".repeat(1 << 20))).await.unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
    let largest = began(&"x".repeat((1 << 20) - 300));
    journal.append(&largest).await.unwrap();
    journal.close();
    assert_eq!(place.deeds(), [largest]);
}

#[tokio::test]
async fn nothing_is_taken_after_the_end() {
    let place = Place::new();
    let journal = place.open();
    let other = journal.clone();
    journal.close();
    assert_eq!(other.append(&Deed::Ended).await, Err(AppendError::Closed));
}
