//! What other farmwardens ask for: taken like an alert, once for each request however often it comes, and answered with how it
//! stands. Whether anything is done is decided here, with our own eyes and guards.

use thiserror::Error;

use super::{Open, Repairs, SILENT_DISK, Woken, locked};
use crate::actions::remote::{Answer, Course, Request, RequestId, Unsealed, Wants};
use crate::clock::UnixTime;
use crate::remedy::callers::Callers;
use crate::remedy::incident::Phase;
use crate::remedy::requests::{Asked, LASTS_AT_MOST, MOST_OF_A_CALLER, REMEMBERED_FOR, Stage};
use crate::remedy::settings::{Mode, REMOTE, Rung};
use crate::remedy::state::State;
use crate::remedy::step::{Outcome, Step};
use crate::values::{self, Duration, Name};

/// Clocks that differ by so much are told of before it is too much.
const APART: std::time::Duration = std::time::Duration::from_secs(10);

/// Nothing of what was sent was taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotTaken {
    /// There is nobody who may ask.
    #[error("no callers are configured")]
    NoCallers,
    #[error(transparent)]
    Unsealed(#[from] Unsealed),
    /// It cannot be recorded now.
    #[error("{0}")]
    Unrecorded(String),
}

impl Repairs {
    /// From now on these may ask. What others asked for before goes on until it lapses.
    pub fn let_ask(&self, callers: Callers) {
        *locked(&self.0.callers) = callers;
    }

    /// Whether anybody may ask.
    pub fn has_callers(&self) -> bool {
        !locked(&self.0.callers).is_empty()
    }

    /// Takes a request in, or says how it stands. Returns when what is new is on the disk; what follows from it is done
    /// later.
    pub async fn asked(&self, body: &[u8]) -> Result<Answer, NotTaken> {
        let callers = locked(&self.0.callers).clone();
        if callers.is_empty() {
            return Err(NotTaken::NoCallers);
        }
        let now = self.0.clock.now().wall;
        let request = callers.open(body, now)?;
        let open = self.open().map_err(NotTaken::Unrecorded)?;
        let (id, ledger) = (request.id(), open.runner.ledger());
        let (known, since) = ledger.with(|state| (state.requests.get(&id).cloned(), state.requests.since()));
        match (known, request.wants) {
            (_, Wants::ToKnow) => {
                let room = ledger.with(|state| state.requests.has_room(&request.caller, now));
                return Ok(self.would_take(&request, &callers, room, now));
            }
            (Some(asked), wants) if asked.stage == Stage::Waits => {
                if wants == Wants::Nothing || asked.until <= now {
                    self.withdraw_request(&open, &id).await?;
                }
            }
            (Some(_), _) => {}
            (None, Wants::Nothing) => {
                // It may come yet, so it is no answer that it is not there: whoever asks must not believe that all is well.
                if !ledger.with(|state| state.requests.has_room_for_unheard(&request.caller, now)) {
                    return Err(NotTaken::Unrecorded(no_room(&request.caller)));
                }
                // It may also be on its way to the disk, and count before this.
                self.withdraw_request(&open, &id).await?;
            }
            (None, Wants::Repair) => {
                let room = ledger.with(|state| state.requests.has_room(&request.caller, now));
                if let Some(words) = self.decline(&request, &callers, room, now) {
                    return Ok(declined(words, since));
                }
                let target = request.target.clone();
                tracing::info!(caller = %request.caller, target = %target, "repairs: farmwarden {} asks for {} on {target}, for its incident {}", request.caller, request.policy, values::clean(&request.incident));
                self.write(Step::Asked(request), Woken::these([target])).await?;
            }
        }
        let answer = ledger.with(|state| answer(state, &id));
        answer.ok_or_else(|| NotTaken::Unrecorded("the request is not in the books".to_owned()))
    }

    /// Whether such a request would be taken, and what follows on it here.
    fn would_take(&self, request: &Request, callers: &Callers, has_room: bool, now: UnixTime) -> Answer {
        if let Some(words) = self.decline(request, callers, has_room, now) {
            return declined(words, None);
        }
        let remedies = self.remedies();
        let policy = remedies.policy(&request.policy);
        let rungs = policy.map_or(&[][..], |policy| &policy.rungs);
        let rungs: Vec<&str> = rungs.iter().map(|rung| rung.action.as_str()).collect();
        let follows = match policy {
            Some(policy) if remedies.enabled && policy.enabled && policy.mode == Mode::Act => "it acts there",
            Some(policy) if remedies.enabled && policy.enabled => "it only rehearses there (`mode: dry_run`)",
            _ => "it is switched off there, so it would be held",
        };
        let apart = request.time.age_at(now).max(now.age_at(request.time));
        let clocks =
            (apart >= APART).then(|| format!("; the two clocks are {}s apart, of 60s that may be", apart.as_secs()));
        Answer {
            course: Course::Welcome,
            words: format!("{}: {follows}{}", rungs.join(", "), clocks.unwrap_or_default()),
            ..declined(String::new(), None)
        }
    }

    /// Between two beginnings: what is answered after it holds.
    async fn withdraw_request(&self, open: &Open, id: &RequestId) -> Result<(), NotTaken> {
        let withdrawing = self.write(Step::Withdrawn(id.clone()), Woken::default());
        let withdrawn = open.runner.between_beginnings(super::RECORD_WITHIN, withdrawing).await;
        withdrawn.unwrap_or_else(|| Err(NotTaken::Unrecorded(SILENT_DISK.to_owned())))
    }

    async fn write(&self, step: Step, whom: Woken) -> Result<(), NotTaken> {
        let written = self.put(step, whom).await;
        written.map_or_else(|why| Err(NotTaken::Unrecorded(why.to_string())), |_| Ok(()))
    }

    /// Why it is not taken at all; nothing if it is.
    fn decline(&self, request: &Request, callers: &Callers, has_room: bool, now: UnixTime) -> Option<String> {
        let Request {
            caller, policy, target, ..
        } = request;
        if request.until <= now {
            return Some(format!(
                "it has lapsed: it was good until {}, and here it is {now}",
                request.until
            ));
        }
        if now.age_at(request.until) > LASTS_AT_MOST {
            let most = Duration::from(LASTS_AT_MOST);
            return Some(format!(
                "it would be good until {}; at most {most} are taken",
                request.until
            ));
        }
        if let Some(words) = callers.forbid(caller, policy) {
            return Some(words);
        }
        let remedies = self.remedies();
        let Some(known) = remedies.policy(policy) else {
            return Some(format!("no policy is called {policy} here"));
        };
        if known.rungs.iter().any(Rung::is_remote) {
            return Some(format!(
                "{policy} has a rung `{REMOTE}` here: a request goes one hop and is not handed on"
            ));
        }
        if !known.targets.contains(target) {
            return Some(format!(
                "policy {policy} is not allowed for {target} here: see its `targets`"
            ));
        }
        let symptom = known.symptom.get().name;
        if request.symptom != symptom {
            let asked = values::repeated(&request.symptom);
            return Some(format!(
                "{policy} cures {symptom} here, and is asked for because of {asked}"
            ));
        }
        (!has_room).then(|| no_room(caller))
    }
}

const fn declined(words: String, remembers_since: Option<UnixTime>) -> Answer {
    Answer {
        course: Course::Declined,
        incident: None,
        guard: None,
        until: None,
        remembers_since,
        words,
    }
}

fn no_room(caller: &Name) -> String {
    let (most, days) = (MOST_OF_A_CALLER, Duration::from(REMEMBERED_FOR));
    format!(
        "caller {caller} has asked {most} times within {days}, and no more are remembered: what asks there so often? It is taken \
         again when the oldest are forgotten"
    )
}

/// Nothing for a request that is not known.
fn answer(state: &State, id: &RequestId) -> Option<Answer> {
    let asked = state.requests.get(id)?;
    let simple = |course, words: &str| Answer {
        course,
        incident: asked.incident.map(|incident| incident.to_string()),
        guard: None,
        until: None,
        remembers_since: state.requests.since(),
        words: words.to_owned(),
    };
    Some(match &asked.stage {
        Stage::Waits => waiting(state, asked, simple),
        Stage::Runs => simple(Course::Runs, "its action runs"),
        Stage::Ended(Outcome::Done, words) => simple(Course::Done, words),
        Stage::Ended(Outcome::Refused, words) => simple(Course::Refused, words),
        Stage::Ended(Outcome::Failed, words) => simple(Course::Failed, words),
        Stage::Ended(Outcome::TimedOut | Outcome::Unknown, words) => simple(Course::Unknown, words),
        Stage::Interrupted => simple(Course::Unknown, "farmwarden ended there in the middle of it"),
        Stage::Rehearsed(words) => simple(Course::Rehearsed, words),
        Stage::Over(words) => simple(Course::Over, words),
        Stage::Withdrawn => simple(Course::Withdrawn, "nothing was begun for it, and nothing will be"),
    })
}

fn waiting(state: &State, asked: &Asked, simple: impl Fn(Course, &str) -> Answer) -> Answer {
    let incident = asked.incident.and_then(|id| state.incident(id));
    let held = incident.and_then(|incident| incident.held.as_ref());
    if let Some(held) = held {
        return Answer {
            guard: Some(held.guard.label().to_owned()),
            until: held.until,
            ..simple(Course::Held, &held.words)
        };
    }
    let words = match incident.map(|incident| incident.phase) {
        Some(Phase::Running { .. }) => "another action on it runs there",
        Some(Phase::Proving { .. }) => "what was done there before is being watched",
        _ => "it is being looked at",
    };
    simple(Course::Waits, words)
}
