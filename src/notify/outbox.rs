//! The queue of one notifier: whoever tells something never waits. What waits goes out together, no more often than the
//! notifier allows, and again after what passes by itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::message::{Batch, Message};
use super::pace::Gate;
use super::{Again, Failure, Notifier};
use crate::upstream::Fault;
use crate::values;

/// Messages that wait: a storm while the chat is down. Without it they would take memory for as long as it is.
const MOST_WAITING: usize = 1000;
/// And their bytes, together.
const MOST_BYTES: usize = 4 << 20;

/// Messages of one request: nobody reads more.
const MOST_TOGETHER: usize = 50;

/// Pauses between tries grow from the first to the second.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// After that the next messages say more about the farm than these.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3600);

/// A queue and the task that empties it.
#[derive(Debug)]
pub struct Outbox {
    name: String,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What became of a message when it was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Queued,
    /// There was no place and nothing less severe to drop, or the outbox is closed.
    Dropped,
}

/// How the notifier does, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxHealth {
    pub waiting: usize,
    /// Messages that arrived, and the requests that took.
    pub sent: u64,
    pub requests: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Messages that nobody will get: no place in the queue, refused, or given up.
    pub lost: u64,
    /// Why the last try failed; nothing while all is well.
    pub fault: Option<Fault>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts hand-ins, so that none is overlooked.
    signal: watch::Sender<Signal>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Signal {
    waits: bool,
    closing: bool,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Message>,
    bytes: usize,
    /// Messages lost since the receiver was told of some.
    untold: u64,
    /// Nobody empties the queue any more.
    closed: bool,
    health: OutboxHealth,
}

impl Outbox {
    /// Starts the task; must be called within the runtime.
    pub fn start(notifier: impl Notifier) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            signal: watch::Sender::new(Signal::default()),
        });
        let name = notifier.name().to_owned();
        let task = Courier {
            shared: Arc::clone(&shared),
            closing: shared.signal.subscribe(),
            gate: Gate::new(notifier.pace()),
            notifier,
        };
        Self {
            name,
            shared,
            task: Mutex::new(Some(tokio::spawn(task.run()))),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hands in a message; never waits. Where there is no place, an older and less severe one makes room.
    pub fn tell(&self, message: Message) -> Told {
        let message = message.bounded();
        let mut state = self.shared.state();
        if state.closed {
            state.lose(1);
            return Told::Dropped;
        }
        let told = state.take(message);
        drop(state);
        self.shared.signal.send_modify(|signal| signal.waits = true);
        told
    }

    pub fn health(&self) -> OutboxHealth {
        let state = self.shared.state();
        OutboxHealth {
            waiting: state.waiting.len(),
            ..state.health.clone()
        }
    }

    /// Sends what waits, without a second try, and ends; what is not sent within this time is lost.
    pub async fn close(&self, within: Duration) {
        self.shared.signal.send_modify(|signal| signal.closing = true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        if tokio::time::timeout(within, &mut task).await.is_err() {
            task.abort();
        }
        let left = self.shared.state().close();
        if left > 0 {
            tracing::warn!(
                "notifier {}: {left} messages could not be sent before the end",
                self.name
            );
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.shared.signal.send_modify(|signal| signal.closing = true);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, message: Message) -> Told {
        while self.waiting.len() >= MOST_WAITING || self.bytes + message.len() > MOST_BYTES {
            let lesser = self.waiting.iter().position(|other| other.severity < message.severity);
            self.lose(1);
            match lesser.and_then(|at| self.waiting.remove(at)) {
                Some(dropped) => self.bytes -= dropped.len(),
                // The oldest stay: they say how the trouble began.
                None => return Told::Dropped,
            }
        }
        self.bytes += message.len();
        self.waiting.push_back(message);
        Told::Queued
    }

    fn lose(&mut self, messages: u64) {
        self.untold += messages;
        self.health.lost += messages;
    }

    fn close(&mut self) -> usize {
        self.closed = true;
        let left = self.waiting.len();
        self.lose(u64::try_from(left).unwrap_or(u64::MAX));
        self.waiting.clear();
        self.bytes = 0;
        left
    }

    /// What goes out next: from the oldest on, as much as there is room for, those of one thread together.
    fn batch(&mut self, room: usize) -> Option<Batch> {
        let mut left = room;
        let mut messages: Vec<Message> = Vec::new();
        while messages.len() < MOST_TOGETHER {
            let fits = |next: &Message| messages.is_empty() || next.len() <= left;
            if !self.waiting.front().is_some_and(fits) {
                break;
            }
            let Some(next) = self.waiting.pop_front() else { break };
            self.bytes -= next.len();
            left = left.saturating_sub(next.len());
            messages.push(next);
        }
        let threads: Vec<String> = messages.iter().map(|message| message.thread.clone()).collect();
        messages.sort_by_key(|message| threads.iter().position(|thread| *thread == message.thread));
        (!messages.is_empty()).then(|| Batch {
            messages,
            lost: std::mem::take(&mut self.untold),
        })
    }
}

/// Carries messages from the queue to the notifier.
struct Courier<N> {
    notifier: N,
    shared: Arc<Shared>,
    closing: watch::Receiver<Signal>,
    gate: Gate,
}

impl<N: Notifier> Courier<N> {
    async fn run(mut self) {
        let (gather, room) = (self.notifier.pace().gather, self.notifier.room());
        loop {
            // The other end is in `shared`, so it is not gone.
            let woken = self.closing.wait_for(|signal| signal.waits || signal.closing).await;
            let closing = woken.map_or(true, |signal| signal.closing);
            self.pause(gather).await;
            self.shared.signal.send_modify(|signal| signal.waits = false);
            loop {
                let batch = self.shared.state().batch(room);
                let Some(batch) = batch else { break };
                self.deliver(&batch).await;
            }
            if closing {
                return;
            }
        }
    }

    async fn deliver(&mut self, batch: &Batch) {
        let messages = u64::try_from(batch.messages.len()).unwrap_or(u64::MAX);
        let begun = Instant::now();
        for piece in self.notifier.pieces(batch) {
            let mut pause = FIRST_PAUSE;
            loop {
                self.gate.pass().await;
                let outcome = self.notifier.send(&piece).await;
                self.gate.passed();
                let Err(failure) = outcome else {
                    self.well();
                    break;
                };
                let wait = match failure.again {
                    Again::Never => None,
                    Again::Later => Some(pause),
                    Again::After(wait) => Some(wait),
                };
                let wait = wait.filter(|wait| begun.elapsed() + *wait <= GIVE_UP_AFTER && !self.is_closing());
                self.ill(failure, wait, messages);
                let Some(wait) = wait else {
                    // What was lost before was not told either.
                    let mut state = self.shared.state();
                    state.lose(messages);
                    state.untold += batch.lost;
                    return;
                };
                self.pause(wait).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        self.shared.state().health.sent += messages;
    }

    /// Waits, but not while everything ends.
    async fn pause(&mut self, length: Duration) {
        let ending = self.closing.wait_for(|signal| signal.closing);
        // Either way it is time to go on.
        drop(tokio::time::timeout(length, ending).await);
    }

    fn is_closing(&self) -> bool {
        self.closing.borrow().closing
    }

    fn well(&self) {
        let mut state = self.shared.state();
        state.health.requests += 1;
        if state.health.fault.take().is_some() {
            tracing::info!("notifier {}: messages arrive again", self.notifier.name());
        }
    }

    /// Told when it begins, and whenever messages are lost.
    fn ill(&self, failure: Failure, wait: Option<Duration>, messages: u64) {
        let mut state = self.shared.state();
        state.health.requests += 1;
        state.health.failures += 1;
        let (name, fault) = (self.notifier.name(), &failure.fault);
        match wait {
            Some(wait) if state.health.fault.is_none() => {
                let wait = values::Duration::from(wait);
                tracing::warn!("notifier {name}: {fault}; tried again in {wait}, and messages wait until then");
            }
            Some(_) => {}
            None => tracing::error!("notifier {name}: {fault}; messages lost with it: {messages}"),
        }
        state.health.fault = Some(failure.fault);
    }
}

#[cfg(test)]
mod tests;
