//! The loop: who is visited when. One visit of a target at a time, some targets side by side; a visit comes when an alert
//! was heard, when its time has come, when a verdict turned, when somebody ordered something, and when an action is over. An
//! action goes on for itself, beside the visits of its target.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::desk::{Desk, Open};
use super::{Inner, Repairs, Woken, locked};
use crate::clock::UnixTime;
use crate::remedy::freeze;
use crate::remedy::runner::Visited;
use crate::remedy::step::Step;
use crate::remedy::view::{Runs, Stands};
use crate::values::Name;

/// Targets that are visited side by side; without it a storm would look at the whole farm at once.
const MOST_VISITS: usize = 32;
/// A journal that cannot be opened, or written, is tried again.
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// What an action that runs gets to end when farmwarden stops; then it counts as interrupted.
const REST_WITHIN: Duration = Duration::from_secs(5);
/// What waits for the disk gets to be written.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// After a defect the target is left alone for so long.
const AFTER_DEFECT: Duration = Duration::from_secs(60);

impl Repairs {
    /// Works until `stop` turns true; then nothing more is begun, and what runs is waited for a little.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut visits = Visits::default();
        tokio::select! {
            () = self.keep(&mut visits) => {}
            () = self.keep_looking_for_freeze() => {}
            () = self.keep_trying_the_journal() => {}
            // It fails when whoever could stop us is gone.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        if let Ok(open) = self.open()
            && tokio::time::timeout(REST_WITHIN, open.runner.rest()).await.is_err()
        {
            let running: Vec<String> = open.runner.ledger().with(|state| {
                let running = state.incidents().filter_map(Runs::of);
                let running = running.filter(|runs| runs.stands == Stands::Runs);
                running.map(|runs| runs.words).collect()
            });
            tracing::warn!(
                "stopping while an action runs: {}; it counts as interrupted and is looked at after the start, and what another \
                 farmwarden was asked for is taken back then",
                running.join(", ")
            );
        }
        visits.running.shutdown().await;
    }

    /// Gives the journal's directory back. Nothing is heard any more.
    pub async fn close(&self) {
        let before = std::mem::replace(
            &mut *locked(&self.0.desk),
            Desk::Closed("farmwarden is stopping".to_owned()),
        );
        if let Desk::Open(open) = before {
            let closing = tokio::task::spawn_blocking(move || open.journal.clone().close());
            // A disk that hangs is not waited for; what was not flushed was never said to be recorded.
            drop(tokio::time::timeout(CLOSE_WITHIN, closing).await);
        }
    }

    async fn keep(&self, visits: &mut Visits) {
        let open = self.0.opened().await;
        let mut judged = self.0.store.judged();
        for target in open.runner.targets() {
            visits.soon(target);
        }
        loop {
            visits.begin(&open);
            let next = visits.next();
            tokio::select! {
                () = self.0.wake.notified() => self.wake_up(&open, visits),
                turned = judged.changed() => {
                    if turned.is_err() {
                        return;
                    }
                    let now = self.0.clock.now().wall;
                    for target in self.0.eyes.changed(now) {
                        visits.soon(target);
                    }
                }
                Some((target, again)) = visits.over.recv() => visits.ended(target, again, self.0.clock.now().wall),
                Some(ended) = visits.running.join_next(), if !visits.running.is_empty() => {
                    if let Ok(Some(acted_on)) = ended {
                        visits.soon(acted_on);
                    }
                }
                () = wait_until(next) => {}
            }
        }
    }

    fn wake_up(&self, open: &Open, visits: &mut Visits) {
        let Woken { all, mut targets } = std::mem::take(&mut *locked(&self.0.woken));
        if all {
            targets.extend(open.runner.targets());
        }
        for target in targets {
            visits.soon(target);
        }
    }

    async fn keep_trying_the_journal(&self) {
        loop {
            tokio::time::sleep(OPEN_AGAIN_AFTER).await;
            self.try_the_journal().await;
        }
    }

    /// A journal that could not be written is tried with a record of nothing: otherwise nobody would know that its disk is
    /// back before something happens.
    pub(super) async fn try_the_journal(&self) {
        let Ok(open) = self.open() else { return };
        if open.journal.health().failure.is_none() {
            return;
        }
        let nothing = Step::Received {
            from: "farmwarden itself, to see whether the journal can be written".to_owned(),
            alerts: Vec::new(),
        };
        let recording = tokio::time::timeout(super::RECORD_WITHIN, open.runner.ledger().record(nothing));
        if matches!(recording.await, Ok(Ok(_))) {
            tracing::info!("repairs: the journal can be written again");
            self.wake_all();
        }
    }

    async fn keep_looking_for_freeze(&self) {
        let mut look = tokio::time::interval(freeze::LOOK_EVERY);
        loop {
            look.tick().await;
            if self.0.eyes.freeze.look().await {
                self.wake_all();
            }
        }
    }
}

impl Inner {
    /// The journal, as soon as it can be opened.
    async fn opened(&self) -> Arc<Open> {
        let Some(settings) = self.journal.clone() else {
            return std::future::pending().await;
        };
        let mut told = String::new();
        loop {
            match self.read_journal(settings.clone()).await {
                Ok(open) => {
                    let open = Arc::new(open);
                    // What was changed while it was read.
                    open.runner.change_to(Arc::clone(&locked(&self.remedies)));
                    *locked(&self.desk) = Desk::Open(Arc::clone(&open));
                    return open;
                }
                Err(words) => {
                    if told != words {
                        tracing::error!(
                            "alerts are not taken and nothing is repaired: {words}; tried again every {OPEN_AGAIN_AFTER:?}"
                        );
                        told.clone_from(&words);
                    }
                    *locked(&self.desk) = Desk::Closed(words);
                }
            }
            tokio::time::sleep(OPEN_AGAIN_AFTER).await;
        }
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A visit that is over, and when to come again.
type Over = (Name, Option<UnixTime>);

/// Who is visited, and who is when.
struct Visits {
    /// Visits, each with the action that it began; they give the target where there was one. There are no more than places for
    /// visits and actions that may run together.
    running: JoinSet<Option<Name>>,
    visited: HashSet<Name>,
    due: HashMap<Name, Instant>,
    over: mpsc::Receiver<Over>,
    tell_over: mpsc::Sender<Over>,
}

impl Default for Visits {
    fn default() -> Self {
        let (tell_over, over) = mpsc::channel(MOST_VISITS);
        Self {
            running: JoinSet::new(),
            visited: HashSet::new(),
            due: HashMap::new(),
            over,
            tell_over,
        }
    }
}

impl Visits {
    fn soon(&mut self, target: Name) {
        self.at(target, Instant::now());
    }

    fn at(&mut self, target: Name, at: Instant) {
        let due = self.due.entry(target).or_insert(at);
        *due = at.min(*due);
    }

    /// When somebody is due who could be visited.
    fn next(&self) -> Option<Instant> {
        if self.visited.len() >= MOST_VISITS {
            return None;
        }
        let free = self.due.iter().filter(|(target, _)| !self.visited.contains(*target));
        free.map(|(_, at)| *at).min()
    }

    /// Visits whom it is time for, those who wait longest first.
    fn begin(&mut self, open: &Arc<Open>) {
        let now = Instant::now();
        let ready = self
            .due
            .iter()
            .filter(|(target, at)| **at <= now && !self.visited.contains(*target));
        let mut ready: Vec<(Instant, Name)> = ready.map(|(target, at)| (*at, target.clone())).collect();
        ready.sort();
        let places = MOST_VISITS.saturating_sub(self.visited.len());
        for (_, target) in ready.into_iter().take(places) {
            self.due.remove(&target);
            self.visited.insert(target.clone());
            self.running
                .spawn(visit(Arc::clone(open), target, self.tell_over.clone()));
        }
    }

    fn ended(&mut self, target: Name, again: Option<UnixTime>, now: UnixTime) {
        self.visited.remove(&target);
        if let Some(again) = again {
            self.at(target, Instant::now() + now.age_at(again));
        }
    }
}

/// Visits a target, and goes on with what was begun. A defect costs the visit or the action of one target, and is told.
async fn visit(open: Arc<Open>, target: Name, over: mpsc::Sender<Over>) -> Option<Name> {
    let runner = &open.runner;
    let visiting = AssertUnwindSafe(runner.visit(&target)).catch_unwind().await;
    let Visited { again, begun } = visiting.unwrap_or_else(|_| {
        tracing::error!(%target, "repairs of {target}: a defect of farmwarden, please report it; its repairs wait for {AFTER_DEFECT:?}");
        Visited {
            again: Some(runner.now().plus(AFTER_DEFECT)),
            begun: None,
        }
    });
    // It fails when nobody visits any more.
    drop(over.send((target.clone(), again)).await);
    if AssertUnwindSafe(runner.act(begun?)).catch_unwind().await.is_err() {
        tracing::error!(%target, "an action on {target}: a defect of farmwarden, please report it; it counts as interrupted");
    }
    Some(target)
}
