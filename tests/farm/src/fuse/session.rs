//! Serves one mount: reads requests, answers, delays or holds them. One task and no thread per mount.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::{self, Read as _, Write as _},
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::errno::Errno;
use serde::Serialize;
use tokio::{
    io::unix::AsyncFd,
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use super::{
    protocol::{Operation, Request},
    settings::{Incident, Settings},
};
use crate::standin::locked;

/// The kernel refuses to fill less than 8 KiB; names and headers need no more.
const BUFFER: usize = 16 * 1024;

/// What the kernel asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Requests by operation, such as `statfs`.
    pub methods: BTreeMap<&'static str, u64>,
    /// Requests that wait for the end of `hang` now.
    pub held: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) calls: Calls,
}

pub(super) struct Session {
    device: AsyncFd<File>,
    state: Arc<Mutex<State>>,
    greeted: Option<oneshot::Sender<()>>,
    held: Vec<Request>,
    late: VecDeque<(Instant, Vec<u8>)>,
}

impl Session {
    pub(super) fn new(device: File, state: Arc<Mutex<State>>, greeted: oneshot::Sender<()>) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "its successor is unsafe to call; a File keeps the descriptor it has, as that asks"
        )]
        let device = AsyncFd::new(device)?;
        Ok(Self {
            device,
            state,
            greeted: Some(greeted),
            held: Vec::new(),
            late: VecDeque::new(),
        })
    }

    /// Serves until unmounted. What comes in through `changed` is told when the new settings are in force.
    pub(super) async fn run(mut self, mut changed: mpsc::Receiver<oneshot::Sender<()>>) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let first = self.late.front().map_or_else(Instant::now, |(due, _)| *due);
            tokio::select! {
                // First, so that a hang that is over does not take in what comes next.
                biased;
                done = changed.recv() => {
                    let Some(done) = done else { return };
                    self.release();
                    // Whoever changed it may have given up waiting.
                    done.send(()).ok();
                }
                () = sleep_until(first), if !self.late.is_empty() => {
                    if let Some((_, answer)) = self.late.pop_front() {
                        self.write(&answer);
                    }
                }
                count = read(&self.device, &mut buffer) => match count {
                    Ok(count) => {
                        if let Some(request) = buffer.get(..count).and_then(Request::parse) {
                            self.take(request);
                        }
                    }
                    // Unmounted.
                    Err(_) => return,
                },
            }
        }
    }

    fn take(&mut self, request: Request) {
        let operation = request.operation;
        let incident = {
            let mut state = locked(&self.state);
            *state.calls.methods.entry(operation.name()).or_default() += 1;
            state.settings.incident
        };
        match (operation, incident) {
            (Operation::Unanswered, _) => (),
            (Operation::Init, _) => {
                self.answer(&request);
                if let Some(greeted) = self.greeted.take() {
                    greeted.send(()).ok();
                }
            }
            (_, Incident::Hang) => {
                self.held.push(request);
                locked(&self.state).calls.held = self.held.len();
            }
            (_, Incident::Slow) => {
                let state = locked(&self.state);
                let due = Instant::now() + Duration::from_millis(state.settings.delay_ms);
                self.late.push_back((due, request.answer(&state.settings)));
            }
            _ => self.answer(&request),
        }
    }

    fn release(&mut self) {
        if locked(&self.state).settings.incident == Incident::Hang {
            return;
        }
        for request in std::mem::take(&mut self.held) {
            self.answer(&request);
        }
        locked(&self.state).calls.held = 0;
    }

    fn answer(&self, request: &Request) {
        let answer = {
            let settings = &locked(&self.state).settings;
            match (request.operation, settings.incident) {
                (Operation::Init | Operation::Releasedir | Operation::Destroy, _) => request.answer(settings),
                (_, Incident::Errno(errno)) => request.refusal(errno),
                _ => request.answer(settings),
            }
        };
        self.write(&answer);
    }

    fn write(&self, answer: &[u8]) {
        // Fails when the caller was killed in the meantime; nobody is left to be told. One message is one write.
        drop(self.device.get_ref().write_all(answer));
    }
}

async fn read(device: &AsyncFd<File>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut ready = device.readable().await?;
        match ready.try_io(|device| device.get_ref().read(buffer)) {
            // ENOENT: the request was taken back while being read.
            Ok(Err(error))
                if matches!(
                    error.raw_os_error().map(Errno::from_raw),
                    Some(Errno::ENOENT | Errno::EINTR)
                ) => {}
            Ok(outcome) => return outcome,
            Err(_would_block) => {}
        }
    }
}
