//! Through the files from the oldest line to the newest, each line held against the one before. It changes nothing and
//! takes no lock, so it may look at a journal that is being written.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::ops::ControlFlow;
use std::path::Path;

use super::error::JournalError;
use super::files::{self, Named};
use super::record::{self, Hash, Head, Record, Step, Unfit};
use crate::clock::UnixTime;

/// A line with its line break. The writer keeps below it; without it a file without line breaks would be read into memory.
pub(super) const LONGEST_LINE: u64 = 1 << 20;

/// What was found on the way.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) files: Vec<Seen>,
    pub(super) head: Head,
    pub(super) records: u64,
    pub(super) torn: Option<Torn>,
}

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) named: Named,
    /// Of its whole lines.
    pub(super) bytes: u64,
    /// Of its first record; nothing while it has none.
    pub(super) began: Option<UnixTime>,
    /// The latest time in it.
    pub(super) latest: Option<UnixTime>,
}

/// A last line that ends in the middle: the process or the machine stopped while it was written. Whoever handed it in
/// was never told that it is recorded.
#[derive(Debug)]
pub(super) struct Torn {
    pub(super) named: Named,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

enum Line {
    Whole,
    Torn,
    TooLong,
    End,
}

/// Hands every record to `each` in order, until it has enough.
pub(super) fn walk<S: Step>(
    directory: &Path,
    mut each: impl FnMut(Record<S>) -> ControlFlow<()>,
) -> Result<Walked, JournalError> {
    let named = files::list(directory)?;
    let newest = named.last().map(|named| named.first);
    let mut walked = Walked {
        files: Vec::new(),
        head: Head::EMPTY,
        records: 0,
        torn: None,
    };
    for named in named {
        let is_newest = newest == Some(named.first);
        if walked.file(&named, is_newest, &mut each)?.is_break() {
            break;
        }
    }
    Ok(walked)
}

impl Walked {
    fn file<S: Step>(
        &mut self,
        named: &Named,
        is_newest: bool,
        each: &mut impl FnMut(Record<S>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, JournalError> {
        let broken = |line, unfit| JournalError::broken(&named.path, line, unfit);
        let unreadable = |e: io::Error| JournalError::io("the file cannot be read", &named.path, &e);
        let mut prev = self.enter(named)?;
        let mut reader = BufReader::new(File::open(&named.path).map_err(unreadable)?);
        let mut line = Vec::new();
        let mut number = 0;
        let mut seen = Seen {
            named: named.clone(),
            bytes: 0,
            began: None,
            latest: None,
        };
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue() {
            number += 1;
            match next_line(&mut reader, &mut line).map_err(unreadable)? {
                Line::End => break,
                Line::Whole => {}
                Line::Torn if is_newest => {
                    self.torn = Some(Torn {
                        named: named.clone(),
                        offset: seen.bytes,
                        bytes: line,
                    });
                    break;
                }
                Line::Torn => {
                    return Err(broken(
                        number,
                        Unfit::new("a line break at its end", "the end of the file"),
                    ));
                }
                Line::TooLong => {
                    let expected = format!("a line of at most {LONGEST_LINE} bytes");
                    return Err(broken(number, Unfit::new(expected, "a longer one")));
                }
            }
            let record =
                record::read::<S>(&line, self.head.sequence + 1, prev).map_err(|unfit| broken(number, unfit))?;
            self.head = self.head.after(&line);
            self.records += 1;
            prev = Some(self.head.hash);
            // With its line break.
            seen.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX) + 1;
            seen.began = seen.began.or(Some(record.time));
            seen.latest = seen.latest.max(Some(record.time));
            flow = each(record);
        }
        let is_empty = seen.began.is_none();
        self.files.push(seen);
        if is_empty && !is_newest {
            return Err(broken(0, Unfit::new("records, because a newer file follows", "none")));
        }
        Ok(flow)
    }

    /// What the first line of the file must hang on, if that is known.
    fn enter(&mut self, named: &Named) -> Result<Option<Hash>, JournalError> {
        if self.files.is_empty() {
            if named.first == 0 {
                let unfit = Unfit::new("a name with the number of its first record, from 1 on", 0);
                return Err(JournalError::broken(&named.path, 0, unfit));
            }
            // Older files were deleted when their time had come, or this is the very first.
            self.head.sequence = named.first - 1;
            return Ok((named.first == 1).then_some(Hash::NONE));
        }
        let expected = self.head.sequence + 1;
        if named.first != expected {
            let expected = format!("the file that begins with record {expected}");
            let unfit = Unfit::new(expected, format!("one that begins with {}", named.first));
            return Err(JournalError::broken(&named.path, 0, unfit));
        }
        Ok(Some(self.head.hash))
    }
}

/// Puts the next line into `line`, without its line break.
fn next_line(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    reader.take(LONGEST_LINE).read_until(b'\n', line)?;
    Ok(match line.pop() {
        None => Line::End,
        Some(b'\n') => Line::Whole,
        Some(last) => {
            line.push(last);
            let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
            if length < LONGEST_LINE {
                Line::Torn
            } else {
                Line::TooLong
            }
        }
    })
}
