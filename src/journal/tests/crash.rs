//! What a start finds after a crash, and after somebody changed what was written.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// The bytes of a journal of some files, with a record of every kind of text.
fn written(records: usize) -> Vec<(String, Vec<u8>)> {
    let mut place = Place::new();
    place.settings.rotate_size = Size::from_bytes(900);
    let journal = place.open();
    for number in 0..records {
        drop(journal.append(&began(&format!("step {number} 矿工 \"quoted\""))));
        // One batch would be one file.
        drop(block_on(journal.append(&Deed::Ended)));
    }
    journal.close();
    let files = place.files().into_iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(&path).unwrap())
    });
    files.collect()
}

static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| written(4));

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

fn laid_out(files: &[(String, Vec<u8>)]) -> Place {
    let place = Place::new();
    fs::create_dir(place.directory()).unwrap();
    for (name, bytes) in files {
        fs::write(place.directory().join(name), bytes).unwrap();
    }
    place
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// Opens a journal whose newest file ends at this byte, goes on with it, and looks at all of it again.
fn cut_at(files: &[(String, Vec<u8>)], length: usize) {
    let mut files = files.to_vec();
    files.last_mut().unwrap().1.truncate(length);
    let newest = files.last().unwrap().1.clone();
    let whole: usize = files.iter().map(|(_, bytes)| lines(bytes)).sum();
    let torn = newest.len() - newest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let place = laid_out(&files);
    assert_eq!(verify(place.directory(), None).unwrap().torn, torn > 0);
    let (journal, records, replayed) = place.opened().unwrap();
    assert_eq!(records.len(), whole, "every whole line counts, and nothing else");
    assert_eq!(
        replayed.torn.as_ref().map(|torn| torn.bytes),
        (torn > 0).then_some(torn)
    );
    if let Some(aside) = replayed.torn {
        assert_eq!(fs::read(aside.moved_to).unwrap(), newest[newest.len() - torn..]);
    }
    block_on(journal.append(&began("after"))).unwrap();
    journal.close();
    let verified = verify(place.directory(), None).unwrap();
    assert_eq!(
        (verified.records, verified.torn),
        (u64::try_from(whole).unwrap() + 1, false)
    );
}

#[test]
fn the_last_line_may_be_cut_at_every_byte() {
    let files = &*FILES;
    let newest = &files.last().unwrap().1;
    let last = newest[..newest.len() - 1].iter().rposition(|byte| *byte == b'\n');
    for length in last.map_or(0, |at| at + 1)..=newest.len() {
        cut_at(files, length);
    }
}

/// Nothing holds the last line but a head that somebody noted; all before it is held by the chain.
#[test]
fn a_changed_byte_of_the_tail_is_refused_or_missed_by_whoever_noted_the_head() {
    let sound = laid_out(&FILES);
    let noted = verify(sound.directory(), None).unwrap().head.hash;
    let (journal, before, _) = sound.opened().unwrap();
    journal.close();
    let newest = &FILES.last().unwrap().1;
    let breaks: Vec<usize> = (0..newest.len()).filter(|at| newest[*at] == b'\n').collect();
    let [.., before_last, _] = breaks[..] else {
        panic!("{breaks:?}");
    };
    for (at, flip) in (0..newest.len()).flat_map(|at| [(at, 0x01), (at, 0x80)]) {
        let mut files = FILES.clone();
        files.last_mut().unwrap().1[at] ^= flip;
        let place = laid_out(&files);
        let verified = verify(place.directory(), Some(noted));
        assert_eq!(verified.ok().and_then(|verified| verified.found), None, "byte {at}");
        match place.opened() {
            Ok((journal, records, replayed)) => {
                journal.close();
                assert!(at > before_last, "byte {at}");
                let (last, kept) = before.split_last().unwrap();
                assert_eq!(records[..kept.len()], *kept, "byte {at}");
                let is_told = replayed.torn.is_some() && records.len() == kept.len();
                assert!(is_told || records[kept.len()].hash != last.hash, "byte {at}");
            }
            Err(error) => assert!(matches!(error, JournalError::Broken { .. }), "byte {at}: {error}"),
        }
    }
}

#[test]
fn a_torn_line_is_told_with_its_file() {
    let mut files = written(2);
    files.last_mut().unwrap().1.extend_from_slice(b"{\"v\":1,\"seq");
    let place = laid_out(&files);
    let torn = place.opened().unwrap().2.torn.unwrap().to_string();
    assert!(
        torn.contains("the 11 bytes were moved to") && torn.contains(".torn-"),
        "{torn}"
    );
}

#[test]
fn a_crash_while_the_torn_line_was_moved_changes_nothing() {
    let files = written(2);
    let mut torn = files.clone();
    torn.last_mut().unwrap().1.extend_from_slice(b"{\"v\":1");
    let place = laid_out(&torn);
    let named = files::list(place.directory()).unwrap().pop().unwrap();
    let offset = files.last().unwrap().1.len();
    fs::write(named.path.with_extension(format!("torn-{offset}")), "{\"v").unwrap();
    let moved = place.opened().unwrap().2.torn.unwrap().moved_to;
    assert_eq!(fs::read(moved).unwrap(), b"{\"v\":1");
}

#[test]
fn an_old_file_may_not_be_torn_empty_or_missing() {
    let files = written(6);
    assert!(files.len() >= 3);
    let refused = |files: &[(String, Vec<u8>)]| laid_out(files).opened().unwrap_err().to_string();
    let mut torn = files.clone();
    torn[0].1.pop();
    assert!(
        refused(&torn).contains("expected a line break at its end"),
        "{}",
        refused(&torn)
    );
    let mut empty = files.clone();
    empty[1].1.clear();
    assert!(refused(&empty).contains("expected records, because a newer file follows"));
    let mut missing = files.clone();
    missing.remove(1);
    let words = refused(&missing);
    assert!(words.contains("expected the file that begins with record"), "{words}");
    // Without the oldest it is a journal that was kept for a while.
    let kept = laid_out(&files[1..]);
    assert!(verify(kept.directory(), None).unwrap().first > 1);
    kept.opened().unwrap();
}

#[test]
fn an_empty_journal_is_no_mistake() {
    let place = Place::new();
    assert!(verify(place.directory(), None).is_err(), "no directory is one");
    place.open().close();
    assert_eq!(verify(place.directory(), None).unwrap().head, Head::EMPTY);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_file_may_be_cut_anywhere(files in 1..=FILES.len(), cut: proptest::sample::Index) {
        let files = &FILES[..files];
        let length = files.last().unwrap().1.len();
        cut_at(files, cut.index(length + 1));
    }

    #[test]
    fn a_changed_byte_is_found_no_later_than_on_the_next_line(which: proptest::sample::Index, to: u8) {
        let mut files = FILES.clone();
        let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let newest = &files.last().unwrap().1;
        let last_line = newest.len() - newest[..newest.len() - 1].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        // Nothing holds the last line but a head that somebody noted.
        let mut at = which.index(total - last_line);
        let file = files.iter().position(|(_, bytes)| {
            let here = at < bytes.len();
            if !here {
                at -= bytes.len();
            }
            here
        }).unwrap();
        let bytes = &mut files[file].1;
        prop_assume!(bytes[at] != to);
        let line = lines(&bytes[..at]) + 1;
        bytes[at] = to;
        let place = laid_out(&files);
        let next = files.get(file + 1).map(|(name, _)| name.as_str());
        for refused in [place.opened().unwrap_err(), verify(place.directory(), None).unwrap_err()] {
            let JournalError::Broken { file: told, line: told_line, .. } = &refused else {
                return Err(TestCaseError::fail(refused.to_string()));
            };
            let told = told.file_name().unwrap().to_str().unwrap();
            let here = told == files[file].0 && *told_line <= u64::try_from(line).unwrap() + 1;
            let there = Some(told) == next && *told_line <= 1;
            prop_assert!(here || there, "changed in {} line {line}, but {refused}", files[file].0);
        }
    }

    #[test]
    fn any_bytes_as_a_file_are_a_journal_or_an_error(bytes: Vec<u8>) {
        let place = laid_out(&[("journal-00000000000000000001.jsonl".to_owned(), bytes.clone())]);
        let whole = bytes.contains(&b'\n');
        prop_assert_eq!(place.opened().is_err(), whole);
    }
}
