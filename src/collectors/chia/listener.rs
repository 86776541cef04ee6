//! The task that listens to a daemon, and what it has added up so far. A round only looks.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::events::{Tally, Teller};
use crate::upstream::Fault;
use crate::upstream::chia::{Certificates, DaemonEvents, Heard};
use crate::values::HostPort;

/// What makes it the same listener after the configuration changed: then it goes on, and its counters with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) place: HostPort,
    pub(super) certificates: Certificates,
    /// Of what was in those files.
    pub(super) digest: Option<u64>,
    pub(super) teller: Teller,
}

pub(super) struct Listener {
    pub(super) key: Key,
    events: DaemonEvents,
    heard: Arc<Mutex<Tally>>,
    state: watch::Sender<State>,
    task: OnceLock<JoinHandle<()>>,
}

#[derive(Clone, Debug)]
enum State {
    /// The first connection is being made.
    Waiting,
    Connected,
    Lost(Fault),
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Listener {
    pub(super) fn new(key: Key, events: DaemonEvents) -> Self {
        Self {
            heard: Arc::new(Mutex::new(Tally::new(key.teller))),
            key,
            events,
            state: watch::Sender::new(State::Waiting),
            task: OnceLock::new(),
        }
    }

    /// What was heard so far; a fault while there is no connection. The first call begins to listen.
    pub(super) async fn look(&self) -> Result<Tally, Fault> {
        self.task.get_or_init(|| self.begin());
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Waiting)).await;
        // It ends only with a state: the sender is held by `self`.
        if let Ok(State::Lost(fault)) = settled.as_deref() {
            return Err(fault.clone());
        }
        drop(settled);
        Ok(self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn begin(&self) -> JoinHandle<()> {
        let (events, heard, state) = (self.events.clone(), Arc::clone(&self.heard), self.state.clone());
        tokio::spawn(async move {
            let hear = |what: Heard<'_>| {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .hear(&what, Instant::now());
                match what {
                    Heard::Connected => drop(state.send_replace(State::Connected)),
                    Heard::Lost(fault) => drop(state.send_replace(State::Lost(fault))),
                    Heard::Pushed(_) | Heard::Unreadable | Heard::Dropped => {}
                }
            };
            events.listen(hear).await;
        })
    }
}
