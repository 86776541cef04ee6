//! An action from its record to its end. It holds no lock: while it runs its target is visited, and what else is there goes on
//! as far as it may.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{About, Eyes, Hands, Notes, Runner, Undone};
use crate::actions::remote::Nonce;
use crate::clock::UnixTime;
use crate::remedy::incident::Phase;
use crate::remedy::ledger::{Ledger, Record};
use crate::remedy::step::{IncidentId, Outcome, Plan, Step};
use crate::values;

/// How often it is tried again to record what an action came to; it holds up other actions until then.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// What an action says is cut at so many bytes.
const LONGEST_WORDS: usize = 2000;

/// The incidents whose actions run, or are about to. One that is recorded as running and is not here was interrupted.
#[derive(Clone, Default)]
pub(super) struct Acting(Arc<watch::Sender<BTreeSet<IncidentId>>>);

impl Acting {
    pub(super) fn has(&self, id: IncidentId) -> bool {
        self.0.borrow().contains(&id)
    }

    pub(super) fn begins(&self, id: IncidentId) -> Busy {
        self.0.send_modify(|acting| {
            acting.insert(id);
        });
        Busy {
            acting: self.clone(),
            id,
        }
    }

    /// Comes back when nothing runs.
    pub(super) async fn ended(&self) {
        let mut acting = self.0.subscribe();
        // It fails when the sender is gone, and it is ours.
        drop(acting.wait_for(BTreeSet::is_empty).await);
    }
}

/// As long as it is there, the action of the incident runs.
pub(super) struct Busy {
    acting: Acting,
    id: IncidentId,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.acting.0.send_modify(|acting| {
            acting.remove(&self.id);
        });
    }
}

/// An action that is recorded as begun, for [`Runner::act`]. Whoever drops it has interrupted it.
#[must_use = "it is recorded as begun"]
pub struct Begun {
    pub(super) id: IncidentId,
    pub(super) plan: Plan,
    /// What it asked another farmwarden for before we last ended, to be taken back; nothing is begun.
    pub(super) request: Option<Nonce>,
    pub(super) busy: Busy,
}

/// Into the journal, for the incident.
struct Noting<'a, R> {
    ledger: &'a Ledger<R>,
    incident: IncidentId,
    rung: usize,
    symptom: Option<&'static str>,
    began: UnixTime,
    out_of_sight: AtomicBool,
}

impl<R: Record> Noting<'_, R> {
    fn record(&self, words: &str, request: Option<Nonce>) -> BoxFuture<'_, Result<(), String>> {
        let step = Step::Noted {
            incident: self.incident,
            rung: self.rung,
            words: shortened(words),
            request,
        };
        async move { self.ledger.record(step).await.map(drop).map_err(|e| e.to_string()) }.boxed()
    }
}

impl<R: Record> Notes for Noting<'_, R> {
    fn note(&self, words: String) -> BoxFuture<'_, Result<(), String>> {
        self.record(&words, None)
    }

    fn asks(&self, words: String, request: Nonce) -> BoxFuture<'_, Result<(), String>> {
        self.record(&words, Some(request))
    }

    fn about(&self) -> Option<About> {
        Some(About {
            incident: self.incident,
            symptom: self.symptom,
            began: self.began,
        })
    }

    fn lose_sight(&self) {
        self.out_of_sight.store(true, Ordering::Relaxed);
    }

    fn regain_sight(&self) {
        self.out_of_sight.store(false, Ordering::Relaxed);
    }
}

impl<R: Record, E: Eyes, H: Hands> Runner<R, E, H> {
    /// When the action of an incident was recorded as begun.
    fn began(&self, id: IncidentId) -> UnixTime {
        let phase = self
            .ledger
            .with(|state| state.incident(id).map(|incident| incident.phase));
        match phase {
            Some(Phase::Running { since }) => since,
            _ => self.now(),
        }
    }

    /// Carries out what a visit has begun, and records what it came to; then its target is to be visited again. It may be
    /// dropped at any time: then it counts as interrupted.
    pub async fn act(&self, begun: Begun) {
        let Begun {
            id,
            plan,
            request,
            busy,
        } = begun;
        let policy = self.remedies();
        let notes = Noting {
            ledger: &self.ledger,
            incident: id,
            rung: plan.rung,
            symptom: policy.policy(&plan.policy).map(|policy| policy.symptom.get().name),
            began: self.began(id),
            out_of_sight: AtomicBool::new(false),
        };
        let acting = async {
            match request {
                None => self.hands.run(&plan, &notes).await,
                Some(request) => self.hands.take_back(&plan, request, &notes).await,
            }
        };
        let acting = AssertUnwindSafe(tokio::time::timeout(plan.within.get(), acting)).catch_unwind();
        let ended = acting.await.unwrap_or_else(|panic| {
            // What was not asked elsewhere counts as interrupted; that would be taken back again and again.
            if !self.has_asked(id) {
                std::panic::resume_unwind(panic);
            }
            notes.lose_sight();
            let words = "a defect of farmwarden ended it, please report that; look at it there";
            Ok(Err(Undone::Failed(words.to_owned())))
        });
        let (outcome, words) = match ended {
            Ok(Ok(words)) => (Outcome::Done, words),
            Ok(Err(Undone::Refused(words))) => (Outcome::Refused, words),
            Ok(Err(Undone::Failed(words))) => (Outcome::Failed, words),
            Err(_) => (Outcome::TimedOut, format!("not done within {}", plan.within)),
        };
        let outcome = if notes.out_of_sight.into_inner() {
            Outcome::Unknown
        } else {
            outcome
        };
        let step = Step::Finished {
            incident: id,
            rung: plan.rung,
            outcome,
            words: shortened(&words),
        };
        // Without an end it would count as running, and after a restart as interrupted: nothing is repeated either way.
        while let Err(error) = self.ledger.record(step.clone()).await {
            let (action, target) = (&plan.action, &plan.target);
            tracing::error!(%action, %target, %error, "{action} on {target} is over, and that cannot be recorded yet: {error}");
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        drop(busy);
    }
}

/// As it is recorded.
fn shortened(words: &str) -> String {
    let words = values::clean(words);
    let end = words.floor_char_boundary(LONGEST_WORDS);
    words.get(..end).unwrap_or_default().to_owned()
}
