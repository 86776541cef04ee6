//! Lines on their way to standard error, whose reader may have stopped (Ctrl-S, a pipe that nobody empties): whoever logs
//! never waits for it.
//!
//! A thread of its own writes. What finds the queue full is dropped and counted; the newest go, because the oldest say how
//! the trouble began.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::values;

/// Lines that wait, together: what a farm of some thousand targets says at once when its network goes. Without it a
/// stalled reader would cost memory for as long as it stalls. As much again may be under way to the reader.
const MAX_BYTES: usize = 1 << 20;

/// The queue; cloning gives another end of the same one.
#[derive(Clone, Debug)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    lost: Counter,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Vec<u8>>,
    bytes: usize,
    /// Lines lost since the reader was told of some.
    untold: u64,
    /// Nothing more is to come.
    closing: bool,
    /// Everything is written.
    closed: bool,
}

impl Queue {
    /// Starts the thread that writes to `sink`. Every lost line is counted in `lost`; when the reader has gone on, `tell`
    /// is called with their number, to say it in a line like the others.
    pub(super) fn start(
        sink: impl Write + Send + 'static,
        lost: Counter,
        tell: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            lost,
        }));
        let writer = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_to(sink, tell))?;
        Ok(queue)
    }

    /// Takes a line, which ends itself. Never waits for the reader.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.state();
        // A line longer than all of it passes while nothing waits.
        if state.bytes >= MAX_BYTES {
            state.untold += 1;
            self.0.lost.inc();
        } else {
            state.bytes += line.len();
            state.lines.push(line);
            self.0.changed.notify_all();
        }
    }

    /// Waits until everything is written, but no longer than `within`. Nothing may be pushed afterwards.
    pub(super) fn close(&self, within: Duration) {
        let mut state = self.state();
        state.closing = true;
        self.0.changed.notify_all();
        // Written or given up: either way the process ends.
        drop(self.0.changed.wait_timeout_while(state, within, |state| !state.closed));
    }

    fn write_to(&self, mut sink: impl Write, tell: impl Fn(u64)) {
        let mut reader_takes = true;
        while let Some((lines, untold)) = self.take(reader_takes) {
            if untold > 0 {
                // The queue is empty in this moment, so the line finds its place: behind the last one before the gap.
                tell(untold);
            }
            for line in lines {
                reader_takes = sink.write_all(&line).is_ok();
                if !reader_takes {
                    self.state().untold += 1;
                    self.0.lost.inc();
                }
            }
        }
    }

    /// All that waits, as soon as something does, and how many lines were lost behind it; nothing at the end. A reader
    /// that takes nothing is not told: what it is told would be lost, too, and would have to be told.
    fn take(&self, reader_takes: bool) -> Option<(Vec<Vec<u8>>, u64)> {
        let waits = |state: &mut State| state.lines.is_empty() && !state.closing;
        let mut state = self
            .0
            .changed
            .wait_while(self.state(), waits)
            .unwrap_or_else(PoisonError::into_inner);
        if state.lines.is_empty() {
            state.closed = true;
            self.0.changed.notify_all();
            return None;
        }
        state.bytes = 0;
        let untold = if reader_takes {
            std::mem::take(&mut state.untold)
        } else {
            0
        };
        Some((std::mem::take(&mut state.lines), untold))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every write is a line: what formats them writes each in one piece. It never fails, because there is nobody to tell.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        // It may quote an upstream, and is read in a terminal.
        let clean = values::clean(text.trim_end_matches('\n'));
        self.push([clean.as_bytes(), b"\n"].concat());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

    use super::*;

    /// Longer than anything here takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A reader that takes a line when it is asked for, and refuses while the other end is gone.
    struct Slow {
        reader: SyncSender<String>,
        /// Told before each line that waits to be taken.
        begun: Sender<()>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // Most tests do not listen.
            self.begun.send(()).unwrap_or_default();
            let text = String::from_utf8_lossy(line).into_owned();
            let sent = self.reader.send(text);
            sent.map(|()| line.len()).map_err(|_| io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Ends {
        queue: Queue,
        reader: Receiver<String>,
        lost: Counter,
        telling: Receiver<u64>,
        begun: Receiver<()>,
    }

    fn slow() -> Ends {
        let (sink, reader) = sync_channel(0);
        let (begins, begun) = channel();
        let (told, telling) = channel();
        let lost = Counter::default();
        let sink = Slow {
            reader: sink,
            begun: begins,
        };
        let queue = Queue::start(sink, lost.clone(), move |lines| told.send(lines).unwrap()).unwrap();
        Ends {
            queue,
            reader,
            lost,
            telling,
            begun,
        }
    }

    fn line(number: usize) -> Vec<u8> {
        format!("{number}{}\n", " ".repeat(MAX_BYTES / 4)).into_bytes()
    }

    #[test]
    fn lines_come_out_in_order_and_all_of_them_before_the_end() {
        let Ends {
            queue, reader, lost, ..
        } = slow();
        for number in 0..3 {
            queue.push(format!("{number}\n").into_bytes());
        }
        let reading = thread::spawn(move || reader.iter().collect::<Vec<_>>());
        queue.close(PATIENCE);
        drop(queue);
        assert_eq!(reading.join().unwrap(), ["0\n", "1\n", "2\n"]);
        assert_eq!(lost.get(), 0);
    }

    #[test]
    fn a_reader_that_stopped_costs_lines_and_is_told_how_many_when_it_goes_on() {
        let Ends {
            queue,
            reader,
            lost,
            telling,
            begun,
        } = slow();
        queue.push(line(0));
        begun.recv_timeout(PATIENCE).unwrap();
        for number in 1..20 {
            queue.push(line(number));
        }
        // One is in the hand of the writer, and four fill the queue.
        assert_eq!(lost.get(), 15);
        for number in 0..5 {
            let got = reader.recv_timeout(PATIENCE).unwrap();
            assert_eq!(got.trim(), number.to_string(), "the oldest stay");
        }
        queue.push(line(20));
        assert_eq!(reader.recv_timeout(PATIENCE).unwrap().trim(), "20");
        assert_eq!(telling.recv_timeout(PATIENCE).unwrap(), 15);
        assert!(telling.try_recv().is_err(), "told once");
    }

    #[test]
    fn what_an_upstream_wrote_cannot_play_with_the_terminal() {
        let Ends { mut queue, reader, .. } = slow();
        queue
            .write_all("a\u{1b}[31m\u{202e}b\nlevel=error\n".as_bytes())
            .unwrap();
        assert_eq!(
            reader.recv_timeout(PATIENCE).unwrap(),
            "a\\u001b[31m\\u202eb\\nlevel=error\n"
        );
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_stopped() {
        let Ends { queue, reader, .. } = slow();
        queue.push(line(0));
        queue.close(Duration::ZERO);
        drop(reader);
    }

    #[test]
    fn lines_that_cannot_be_written_are_lost_and_not_told_to_nobody() {
        let Ends {
            queue,
            reader,
            lost,
            telling,
            ..
        } = slow();
        drop(reader);
        for number in 0..3 {
            queue.push(line(number));
        }
        queue.close(PATIENCE);
        assert_eq!(lost.get(), 3);
        assert!(telling.try_recv().is_err());
    }
}
