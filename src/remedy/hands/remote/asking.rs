//! One request while it is asked: what each answer comes to, and what is known when none comes.

use std::time::Duration;

use tokio::time::Instant;

use crate::actions::remote::{Answer, Course, Remote, Request, Said, WINDOW, Wants};
use crate::actions::{Effect, Failed};
use crate::clock::{Clock, UnixTime};
use crate::remedy::guards::label_is_settled;
use crate::remedy::requests::REMEMBERED_FOR;
use crate::remedy::runner::Notes;
use crate::values::{self, Name};

/// How often it is noted in the journal that something changed over there; a guard that comes and goes must not fill it.
const MOST_NOTES: usize = 20;

/// One request while it is asked.
pub(super) struct Asking<'a> {
    pub(super) name: &'a Name,
    pub(super) remote: &'a Remote,
    pub(super) notes: &'a dyn Notes,
    pub(super) clock: &'a Clock,
    /// What is held then is taken back.
    pub(super) begins_by: Instant,
    pub(super) ends: Instant,
    pub(super) every: Duration,
    pub(super) request: Request,
    pub(super) began: UnixTime,
    /// It was asked there, under this name and with this key, from the beginning.
    pub(super) is_same_place: bool,
    pub(super) may_have_arrived: bool,
    /// It was told how the request stands.
    pub(super) was_known: bool,
    /// What was last noted, and how often something was.
    pub(super) noted: (String, usize),
    /// What it last said.
    pub(super) last: Option<Answer>,
    /// Why it could last not be asked.
    pub(super) trouble: Option<String>,
}

/// What came of it.
pub(super) enum Came {
    Done(String),
    NotDone(String),
    /// It was begun there, and did not come to its end.
    Failed(String),
    Unknown(String),
}

impl Asking<'_> {
    pub(super) async fn run(self) -> Came {
        let Request { policy, nonce, .. } = &self.request;
        let words = format!("asks farmwarden {} for {policy} (request {nonce})", self.name);
        // Before anything is sent: after a crash it is known what was asked for.
        if let Err(words) = self.notes.asks(words, *nonce).await {
            return Came::NotDone(format!("it cannot be recorded: {words}"));
        }
        self.notes.lose_sight();
        self.until_it_is_known().await
    }

    pub(super) async fn take_back(mut self) -> Came {
        let nonce = self.request.nonce;
        self.request.wants = Wants::Nothing;
        self.may_have_arrived = true;
        let words = format!(
            "farmwarden was restarted: takes back what it asked {} for (request {nonce})",
            self.name
        );
        self.note(words).await;
        self.until_it_is_known().await
    }

    async fn until_it_is_known(mut self) -> Came {
        loop {
            if let Some(came) = self.ask().await {
                return came;
            }
            if self.is_held_too_long() || Instant::now() + self.every >= self.ends {
                return self.last_word().await;
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// Asks once. Nothing while it goes on.
    async fn ask(&mut self) -> Option<Came> {
        self.request.time = self.clock.now().wall;
        let trouble = match self.remote.ask(&self.request).await {
            Ok(Said::Told(answer)) => {
                self.trouble = None;
                let came = self.came(&answer);
                self.may_have_arrived = true;
                self.was_known |= answer.incident.is_some();
                if came.is_none() {
                    self.note(self.in_words(&answer)).await;
                    self.last = Some(answer);
                }
                return came;
            }
            Ok(Said::Refused { words, passes }) => {
                if !passes && !self.may_have_arrived {
                    return Some(Came::NotDone(format!("{}: {words}", self.remote.who())));
                }
                words
            }
            Ok(Said::Unclear(words)) => {
                self.may_have_arrived = true;
                words
            }
            Err(Failed { fault, effect }) => {
                self.may_have_arrived |= effect == Effect::Unknown;
                fault.to_string()
            }
        };
        if self.trouble.is_none() {
            let words = format!("{} cannot be asked: {trouble}; it is tried again", self.name);
            self.note(words).await;
        }
        self.trouble = Some(trouble);
        None
    }

    /// What it came to, if it has.
    fn came(&self, answer: &Answer) -> Option<Came> {
        let (name, there, words) = (self.name, there(answer), values::clean(&answer.words));
        Some(match answer.course {
            Course::Waits | Course::Held | Course::Runs => return None,
            Course::Done => Came::Done(format!("{name} did it{there}: {words}")),
            Course::Failed => Came::Failed(format!("{name} tried it and failed{there}: {words}")),
            Course::Refused => Came::NotDone(format!("{name} does not touch it{there}: {words}")),
            Course::Over => Came::NotDone(format!("{name} is done with it{there}: {words}")),
            Course::Rehearsed => Came::NotDone(format!("{name} only rehearses{there}: {words}")),
            Course::Declined | Course::Withdrawn => match (self.forgotten(answer), answer.course) {
                (Some(why), _) => Came::Unknown(format!("{}: it knows nothing of it, and {why}", self.is_not_known())),
                (None, Course::Declined) => Came::NotDone(format!("{name} declines: {words}")),
                (None, _) => Came::NotDone(format!("{}{words}", self.why_not())),
            },
            Course::Welcome => Came::Unknown(format!("{name} answers another question: {words}")),
            Course::Unknown => Came::Unknown(format!("what {name} did is not known{there}: {words}")),
        })
    }

    /// Why one of whom nothing is known there may have been begun all the same; nothing where that is out of the question.
    fn forgotten(&self, answer: &Answer) -> Option<String> {
        if answer.incident.is_some() || !self.may_have_arrived {
            return None;
        }
        if self.was_known {
            return Some("it did before: was its journal put away?".to_owned());
        }
        if !self.is_same_place {
            return Some("how it is asked (address, socket, caller or key) has changed here since".to_owned());
        }
        let began = self.began;
        if began.age_at(self.clock.now().wall) + WINDOW.get() >= REMEMBERED_FOR {
            let most = values::Duration::from(REMEMBERED_FOR);
            return Some(format!(
                "it was asked for at {began}; after {most} such things are forgotten"
            ));
        }
        let is_older = answer
            .remembers_since
            .is_some_and(|since| since.plus(WINDOW.get()) <= began);
        (!is_older).then(|| match answer.remembers_since {
            Some(since) => format!("its journal goes back to {since} only, and it was asked for at {began}"),
            None => "its journal is empty".to_owned(),
        })
    }

    fn is_not_known(&self) -> String {
        let nonce = self.request.nonce;
        format!(
            "whether {} did it is not known (look at request {nonce} in its journal)",
            self.name
        )
    }

    /// Whether it was not begun in time, or will not be. Where nobody answers now, nobody knows.
    fn is_held_too_long(&self) -> bool {
        let is_late = Instant::now() >= self.begins_by;
        if self.trouble.is_some() {
            return is_late && !self.may_have_arrived;
        }
        let Some(answer) = self.last.as_ref().filter(|answer| answer.course != Course::Runs) else {
            return false;
        };
        let is_too_long = answer.until.is_some_and(|until| until > self.request.until);
        is_late || is_too_long || answer.guard.as_deref().is_some_and(label_is_settled)
    }

    /// The time is over: whatever has not begun must not begin.
    async fn last_word(mut self) -> Came {
        if !self.may_have_arrived {
            let trouble = self.trouble.unwrap_or_default();
            return Came::NotDone(format!("{} could not be asked: {trouble}", self.name));
        }
        self.request.wants = Wants::Nothing;
        self.request.time = self.clock.now().wall;
        let trouble = match self.remote.ask(&self.request).await {
            Ok(Said::Told(answer)) => match self.came(&answer) {
                Some(came) => return came,
                None => self.in_words(&answer),
            },
            Ok(Said::Refused { words, .. } | Said::Unclear(words)) => words,
            Err(failed) => failed.fault.to_string(),
        };
        Came::Unknown(format!("{}: {trouble}", self.is_not_known()))
    }

    /// What last kept it from beginning.
    fn why_not(&self) -> String {
        let last = self.last.as_ref().filter(|answer| answer.course.is_open());
        last.map_or_else(String::new, |answer| format!("{}: ", self.in_words(answer)))
    }

    fn in_words(&self, answer: &Answer) -> String {
        let (name, there, words) = (self.name, there(answer), values::clean(&answer.words));
        match (answer.course, &answer.guard) {
            (Course::Held, Some(guard)) => {
                let until = answer.until.map_or_else(String::new, |until| format!(" until {until}"));
                format!(
                    "{name} holds it back by {}{until}{there}: {words}",
                    values::clean(guard)
                )
            }
            (Course::Runs, _) => format!("{name} has begun it{there}"),
            _ => format!("{name} has it{there}: {words}"),
        }
    }

    /// Once for each change. That it cannot be noted ends nothing: what was asked for is on the disk.
    async fn note(&mut self, words: String) {
        let (last, count) = &mut self.noted;
        if *last == words || *count >= MOST_NOTES {
            return;
        }
        last.clone_from(&words);
        *count += 1;
        drop(self.notes.note(words).await);
    }
}

/// ` (incident 412.0 there)`
fn there(answer: &Answer) -> String {
    let there = answer.incident.as_deref().map(values::clean);
    there.map_or_else(String::new, |incident| format!(" (incident {incident} there)"))
}
