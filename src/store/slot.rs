//! The place of one target: its rounds put, everybody else reads.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::time::Instant;

use super::locked;
use super::status::{self, PartRead, PartStatus};
use crate::collectors::{Part, TargetView};
use crate::exposition::Rendered;
use crate::values::Name;

/// One target's place in the store.
pub struct Slot {
    pub name: Name,
    pub collector: &'static str,
    state: Mutex<State>,
    /// How a round is asked for out of turn; set by the schedule.
    look: OnceLock<Look>,
}

/// Asks one part of a target, or every one, that has had no round begun since the given moment.
pub type Look = Box<dyn Fn(Instant, Option<&'static str>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

struct State {
    view: Option<TargetView>,
    data: Arc<Rendered>,
    status: Arc<Rendered>,
    parts: Vec<PartStatus>,
}

impl Slot {
    /// A place for a target; its counters exist at zero from now on. It is on the page once the store has it.
    pub fn new(name: Name, collector: &'static str, parts: &[Part]) -> Self {
        let parts: Vec<PartStatus> = parts.iter().copied().map(PartStatus::new).collect();
        let status = status::render(collector, &name, &parts);
        Self {
            name,
            collector,
            state: Mutex::new(State {
                view: None,
                data: Arc::default(),
                status: Arc::new(status),
                parts,
            }),
            look: OnceLock::new(),
        }
    }

    /// Tells how a round is asked for out of turn; the first one told stays.
    pub fn on_look(&self, look: Look) {
        // A slot has one schedule, which tells once.
        drop(self.look.set(look));
    }

    /// Looks again: returns when every part has had a round that began at `not_before` or later. A round that hangs
    /// is waited for until its deadline, so the caller brings a limit of its own.
    pub async fn look(&self, not_before: Instant) {
        self.look_at(None, not_before).await;
    }

    /// The same for one part alone; of one that the target does not have, nothing is asked.
    pub async fn look_at(&self, part: Option<&'static str>, not_before: Instant) {
        if let Some(look) = self.look.get() {
            look(not_before, part).await;
        }
    }

    /// The rounds' side: a new picture and the books of all parts.
    pub fn put(&self, view: TargetView, data: Rendered, parts: Vec<PartStatus>) {
        let status = status::render(self.collector, &self.name, &parts);
        let mut state = locked(&self.state);
        state.view = Some(view);
        state.data = Arc::new(data);
        state.status = Arc::new(status);
        state.parts = parts;
    }

    /// The last picture, if there is one.
    pub(super) fn view(&self) -> Option<TargetView> {
        locked(&self.state).view.clone()
    }

    /// The same, and how fresh it is.
    pub(super) fn picture(&self) -> Option<(TargetView, Vec<PartRead>)> {
        let state = locked(&self.state);
        Some((state.view.clone()?, state.parts.iter().map(PartStatus::read).collect()))
    }

    pub fn parts(&self) -> Vec<PartStatus> {
        locked(&self.state).parts.clone()
    }

    /// The rounds' side: when the next round of a part begins. Nothing on the page depends on it.
    pub fn due(&self, part: &Part, at: Option<Instant>) {
        let mut state = locked(&self.state);
        for status in state.parts.iter_mut().filter(|status| status.part == *part) {
            status.next_round = at;
        }
    }

    /// The target's own blocks of the page.
    pub fn pages(&self) -> [Arc<Rendered>; 2] {
        let state = locked(&self.state);
        [Arc::clone(&state.status), Arc::clone(&state.data)]
    }
}
