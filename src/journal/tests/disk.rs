//! Disks that are slow, full, read-only or gone.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::mpsc;

use super::super::queue::{MOST_BYTES, MOST_RECORDS};
use super::super::writer::Medium;
use super::*;

/// What happens to whatever is written.
#[derive(Default)]
struct Weather {
    /// Bytes that still fit.
    room: Option<usize>,
    sync_fails: bool,
    read_only: bool,
}

type Shared = Arc<Mutex<Weather>>;

struct Faulty {
    file: File,
    weather: Shared,
}

impl Medium for Faulty {
    fn file(&self) -> &File {
        &self.file
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut weather = self.weather.lock().unwrap();
        let Some(room) = &mut weather.room else {
            return self.file.write_all(bytes);
        };
        let fitting = bytes.len().min(*room);
        *room -= fitting;
        self.file.write_all(&bytes[..fitting])?;
        if fitting < bytes.len() {
            return Err(io::Error::from_raw_os_error(nix::libc::ENOSPC));
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.weather.lock().unwrap().sync_fails {
            return Err(io::Error::from_raw_os_error(nix::libc::EIO));
        }
        self.file.sync_data()
    }
}

fn open_under(place: &Place, weather: &Shared) -> Journal<Deed> {
    let weather = Arc::clone(weather);
    let opener: Opener = Box::new(move |path, create| {
        if weather.lock().unwrap().read_only {
            return Err(io::Error::from_raw_os_error(nix::libc::EROFS));
        }
        Ok(Box::new(Faulty {
            file: files::open(path, create)?,
            weather: Arc::clone(&weather),
        }))
    });
    Journal::open_with(place.settings.clone(), place.clock(), opener, |_| {})
        .unwrap()
        .0
}

#[tokio::test]
async fn a_full_disk_fails_the_step_and_the_chain_goes_on_when_there_is_room() {
    let place = Place::new();
    let weather = Shared::default();
    let journal = open_under(&place, &weather);
    journal.append(&began("before")).await.unwrap();
    let (head, text) = (journal.head(), place.text());
    for room in [0, 1, 100, 150] {
        weather.lock().unwrap().room = Some(room);
        let error = journal.append(&began("lost")).await.unwrap_err().to_string();
        assert!(
            error.ends_with("jsonl: it cannot be written: no space left on device"),
            "{error}"
        );
        assert_eq!(place.text(), text, "no half of it stays");
        assert_eq!(journal.head(), head);
    }
    let health = journal.health();
    assert!(
        health.failure.is_some() && health.refused == 4 && health.recorded == 1,
        "{health:?}"
    );
    weather.lock().unwrap().room = None;
    journal.append(&began("after")).await.unwrap();
    assert_eq!(journal.health().failure, None);
    journal.close();
    assert_eq!(place.deeds(), [began("before"), began("after")]);
}

#[tokio::test]
async fn what_could_not_be_flushed_counts_as_never_written() {
    let place = Place::new();
    let weather = Shared::default();
    let journal = open_under(&place, &weather);
    journal.append(&began("before")).await.unwrap();
    weather.lock().unwrap().sync_fails = true;
    let error = journal.append(&began("lost")).await.unwrap_err().to_string();
    assert!(
        error.contains("cannot be flushed to disk: input/output error"),
        "{error}"
    );
    weather.lock().unwrap().sync_fails = false;
    journal.append(&began("after")).await.unwrap();
    journal.close();
    assert_eq!(place.deeds(), [began("before"), began("after")]);
}

#[tokio::test]
async fn a_disk_that_became_read_only_is_tried_again_with_every_step() {
    let mut place = Place::new();
    place.settings.rotate_size = Size::from_bytes(1);
    let weather = Shared::default();
    let journal = open_under(&place, &weather);
    journal.append(&began("before")).await.unwrap();
    weather.lock().unwrap().read_only = true;
    for _ in 0..2 {
        let error = journal.append(&began("lost")).await.unwrap_err().to_string();
        assert!(error.contains("read-only file system"), "{error}");
    }
    weather.lock().unwrap().read_only = false;
    journal.append(&began("after")).await.unwrap();
    journal.close();
    assert_eq!(place.deeds(), [began("before"), began("after")]);
    assert_eq!(place.files().len(), 2);
}

#[tokio::test]
async fn a_new_file_that_found_no_room_is_used_later() {
    let mut place = Place::new();
    place.settings.rotate_size = Size::from_bytes(1);
    let weather = Shared::default();
    let journal = open_under(&place, &weather);
    journal.append(&began("before")).await.unwrap();
    weather.lock().unwrap().room = Some(20);
    journal.append(&began("lost")).await.unwrap_err();
    let (other, records, _) = {
        // As after a crash in this moment.
        journal.close();
        place.opened().unwrap()
    };
    assert_eq!((records.len(), place.files().len()), (1, 2));
    other.append(&began("after")).await.unwrap();
    other.close();
    assert_eq!((place.deeds().len(), place.files().len()), (2, 2));
}

#[tokio::test]
async fn a_directory_that_is_away_for_a_while_costs_only_the_steps_of_that_while() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&began("before")).await.unwrap();
    let away = place.parent.path().join("away");
    fs::rename(place.directory(), &away).unwrap();
    for _ in 0..2 {
        let error = journal.append(&began("lost")).await.unwrap_err().to_string();
        assert!(error.contains("no such file or directory"), "{error}");
    }
    // An empty directory, as under a mount that is missing, is not written into.
    fs::create_dir(place.directory()).unwrap();
    journal.append(&began("lost")).await.unwrap_err();
    assert_eq!(fs::read_dir(place.directory()).unwrap().count(), 0);
    fs::remove_dir(place.directory()).unwrap();
    fs::rename(&away, place.directory()).unwrap();
    journal.append(&began("after")).await.unwrap();
    journal.close();
    assert_eq!(place.deeds(), [began("before"), began("after")]);
}

#[tokio::test]
async fn a_file_that_was_deleted_or_changed_under_us_takes_no_more() {
    let place = Place::new();
    let journal = place.open();
    journal.append(&began("before")).await.unwrap();
    let path = place.files().remove(0);
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let error = journal.append(&began("lost")).await.unwrap_err().to_string();
    assert!(
        error.contains("the file is gone") && error.contains("restart"),
        "{error}"
    );
    // Another file at its place must end as the chain does.
    fs::write(&path, text.replace("before", "beforf")).unwrap();
    let error = journal.append(&began("lost")).await.unwrap_err().to_string();
    assert!(error.contains("expected a last line with the SHA-256"), "{error}");
    fs::write(&path, "").unwrap();
    let error = journal.append(&began("lost")).await.unwrap_err().to_string();
    assert!(error.contains("bytes that were written, found 0"), "{error}");
    fs::write(&path, text).unwrap();
    journal.append(&began("after")).await.unwrap();
    journal.close();
    assert_eq!(place.deeds(), [began("before"), began("after")]);
}

/// A disk that flushes when it is told to.
struct Slow {
    file: File,
    flushing: mpsc::Sender<()>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Medium for Slow {
    fn file(&self) -> &File {
        &self.file
    }

    fn sync(&mut self) -> io::Result<()> {
        self.flushing.send(()).unwrap();
        // The other end is gone when the test is over.
        self.go_on.lock().unwrap().recv().or(Ok(()))
    }
}

fn open_slow(place: &Place) -> (Journal<Deed>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (flushing, flushes) = mpsc::channel();
    let (go, go_on) = mpsc::channel();
    let go_on = Arc::new(Mutex::new(go_on));
    let opener: Opener = Box::new(move |path, create| {
        Ok(Box::new(Slow {
            file: files::open(path, create)?,
            flushing: flushing.clone(),
            go_on: Arc::clone(&go_on),
        }))
    });
    let (journal, _) = Journal::open_with(place.settings.clone(), place.clock(), opener, |_| {}).unwrap();
    (journal, flushes, go)
}

#[tokio::test]
async fn what_waits_for_the_disk_is_flushed_together() {
    let place = Place::new();
    let (journal, flushes, go) = open_slow(&place);
    let first = journal.append(&began("first"));
    flushes.recv().unwrap();
    let others: Vec<_> = (0..1000)
        .map(|number| journal.append(&began(&number.to_string())))
        .collect();
    assert_eq!(journal.health().waiting, 1000);
    assert_eq!(journal.head(), Head::EMPTY, "nothing is on the disk");
    go.send(()).unwrap();
    first.await.unwrap();
    flushes.recv().unwrap();
    go.send(()).unwrap();
    for (other, sequence) in others.into_iter().zip(2..) {
        assert_eq!(other.await.unwrap().head.sequence, sequence);
    }
    assert!(flushes.try_recv().is_err(), "two flushes in all");
}

#[tokio::test]
async fn a_disk_that_hangs_costs_a_bounded_number_of_steps_and_nobody_waits_for_a_place() {
    let place = Place::new();
    let (journal, flushes, go) = open_slow(&place);
    let first = journal.append(&Deed::Ended);
    flushes.recv().unwrap();
    let waiting: Vec<_> = (0..MOST_RECORDS).map(|_| journal.append(&Deed::Ended)).collect();
    let error = journal.append(&Deed::Ended).await.unwrap_err();
    assert_eq!(error, AppendError::Busy { records: MOST_RECORDS });
    drop(go);
    first.await.unwrap();
    for step in waiting {
        step.await.unwrap();
    }
    assert_eq!(journal.health().refused, 1);
}

#[tokio::test]
async fn large_steps_are_bounded_by_their_bytes() {
    let place = Place::new();
    let (journal, flushes, go) = open_slow(&place);
    let first = journal.append(&Deed::Ended);
    flushes.recv().unwrap();
    let large = began(&"x".repeat(MOST_BYTES / 16));
    let outcomes: Vec<_> = (0..20).map(|_| journal.append(&large)).collect();
    drop(go);
    first.await.unwrap();
    let mut refused = 0;
    for outcome in outcomes {
        refused += usize::from(outcome.await.is_err());
    }
    assert_eq!(refused, 4);
}
