//! Another farmwarden is asked, again and again with the same number until it is known what became of it: over there the same
//! number is the same request, so nothing is done twice, whatever is lost on the way.

use std::time::Duration;

use tokio::time::Instant;

use super::catalogue::{self, Action, Key};
use super::check::Checked;
use super::tools::Tools;
use super::{Hands, left_alone};
use crate::actions::remote::{Answer, Course, Nonce, Remote, Request, Said, WINDOW, Wants};
use crate::actions::{Effect, Failed};
use crate::clock::{Clock, UnixTime};
use crate::remedy::guards::label_is_settled;
use crate::remedy::requests::{LASTS_AT_MOST, REMEMBERED_FOR};
use crate::remedy::runner::{About, Notes, Undone};
use crate::remedy::settings::{REMOTE, Rung};
use crate::remedy::step::Plan;
use crate::values::{self, Name};

/// What is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    remote: Name,
    policy: Name,
    begin_within: Duration,
}

impl Order {
    pub(super) fn is_of(&self, remote: &Name) -> bool {
        self.remote == *remote
    }

    /// What is asked for there.
    pub(super) const fn policy(&self) -> &Name {
        &self.policy
    }
}

const NAME: Key = Key {
    name: "remote",
    is: "the other farmwarden, by its name in `remotes`",
};
const POLICY: Key = Key {
    name: "policy",
    is: "a policy of the other farmwarden, for the same target and symptom",
};
const BEGIN_WITHIN: Key = Key {
    name: "begin_within",
    is: "what the other farmwarden is given until it begins; what it holds back for longer is not asked for any more; 10m",
};

pub(super) static ACTIONS: [Action; 1] = [Action {
    name: REMOTE,
    does: "asks another farmwarden for one of its repairs, and waits for what becomes of it",
    keys: &[NAME, POLICY, BEGIN_WITHIN],
    read: |with| {
        let (remote, policy) = (with.remote(&NAME), with.required(&POLICY));
        let begin_within = with.optional::<values::Duration>(BEGIN_WITHIN.name);
        Some(catalogue::Order::Remote(Order {
            remote: remote?,
            policy: policy?,
            begin_within: begin_within?.map_or(BEGINS_WITHIN, values::Duration::get),
        }))
    },
}];

/// It is asked and answers, its action is short, and there is time for the last word.
pub(super) const NEEDS: Duration = Duration::from_secs(60);
/// A guard that is a matter of minutes lets it pass by then; a rung that waits longer holds up its target here.
const BEGINS_WITHIN: Duration = Duration::from_secs(600);
/// Kept of the time of a rung for the last word: that nothing is to be begun any more, or how it ended.
/// Two messages, each of which may take some seconds.
const LAST_WORD: Duration = Duration::from_secs(20);
/// How often it is noted in the journal that something changed over there; a guard that comes and goes must not fill it.
const MOST_NOTES: usize = 20;

impl Checked<'_> {
    pub(super) fn remote(&mut self, rung: &Rung, place: &str) {
        let most = values::Duration::from(LASTS_AT_MOST);
        if rung.within > most {
            let words = format!("another farmwarden is asked for at most {most}");
            self.say(format!("{place}.within"), words);
        }
    }
}

impl Hands {
    pub(super) async fn remote(
        &self,
        tools: &Tools,
        order: &Order,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let Order { remote: name, .. } = order;
        let remote = tools.remote(name).map_err(left_alone)?;
        let nonce = Nonce::random().map_err(left_alone)?;
        let about = notes.about().filter(|about| about.symptom.is_some());
        let about = about.ok_or_else(|| left_alone("nobody knows on whose behalf"))?;
        let asking = self.asking(&remote, order, plan, nonce, (&about, notes));
        told(asking.run().await, notes)
    }

    /// What farmwarden asked for before it last ended: nothing must come of it any more that nobody here knows of, so it is
    /// taken back, and what has begun is waited for.
    pub(super) async fn take_back(
        &self,
        tools: &Tools,
        order: &Order,
        plan: &Plan,
        nonce: Nonce,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        notes.lose_sight();
        let unknown = |words: String| {
            let name = &order.remote;
            Undone::Failed(format!(
                "whether {name} did it is not known (look at request {nonce} in its journal): {words}"
            ))
        };
        let remote = tools.remote(&order.remote).map_err(unknown)?;
        // Its policy may be gone, also to stop it.
        let about = notes
            .about()
            .ok_or_else(|| unknown("nobody knows on whose behalf".to_owned()))?;
        let mut asking = self.asking(&remote, order, plan, nonce, (&about, notes));
        asking.is_same_place = tools
            .settings
            .meaning(&catalogue::Order::Remote(order.clone()), &plan.target)
            .is_of(plan);
        told(asking.take_back().await, notes)
    }

    fn asking<'a>(
        &'a self,
        remote: &'a Remote,
        order: &'a Order,
        plan: &Plan,
        nonce: Nonce,
        (about, notes): (&About, &'a dyn Notes),
    ) -> Asking<'a> {
        let within = plan.within.get().saturating_sub(LAST_WORD);
        let begin_within = order.begin_within.min(within);
        let (started, now) = (Instant::now(), self.clock.now().wall);
        let request = Request {
            caller: remote.caller().clone(),
            nonce,
            time: now,
            wants: Wants::Repair,
            policy: order.policy.clone(),
            target: plan.target.clone(),
            entity: plan.entity.clone(),
            symptom: about.symptom.unwrap_or_default().to_owned(),
            incident: about.incident.to_string(),
            rung: plan.rung.saturating_add(1),
            until: now.plus(begin_within),
        };
        Asking {
            name: &order.remote,
            remote,
            notes,
            clock: &self.clock,
            begins_by: started + begin_within,
            ends: started + within,
            every: self.look_every,
            request,
            began: about.began,
            is_same_place: true,
            may_have_arrived: false,
            was_known: false,
            noted: (String::new(), 0),
            last: None,
            trouble: None,
        }
    }
}

fn told(came: Came, notes: &dyn Notes) -> Result<String, Undone> {
    if !matches!(came, Came::Unknown(_)) {
        notes.regain_sight();
    }
    match came {
        Came::Done(words) => Ok(words),
        Came::NotDone(words) => Err(left_alone(words)),
        Came::Failed(words) | Came::Unknown(words) => Err(Undone::Failed(words)),
    }
}

/// One request while it is asked.
struct Asking<'a> {
    name: &'a Name,
    remote: &'a Remote,
    notes: &'a dyn Notes,
    clock: &'a Clock,
    /// What is held then is taken back.
    begins_by: Instant,
    ends: Instant,
    every: Duration,
    request: Request,
    began: UnixTime,
    /// It was asked there, under this name and with this key, from the beginning.
    is_same_place: bool,
    may_have_arrived: bool,
    /// It was told how the request stands.
    was_known: bool,
    /// What was last noted, and how often something was.
    noted: (String, usize),
    /// What it last said.
    last: Option<Answer>,
    /// Why it could last not be asked.
    trouble: Option<String>,
}

/// What came of it.
enum Came {
    Done(String),
    NotDone(String),
    /// It was begun there, and did not come to its end.
    Failed(String),
    Unknown(String),
}

impl Asking<'_> {
    async fn run(self) -> Came {
        let Request { policy, nonce, .. } = &self.request;
        let words = format!("asks farmwarden {} for {policy} (request {nonce})", self.name);
        // Before anything is sent: after a crash it is known what was asked for.
        if let Err(words) = self.notes.asks(words, *nonce).await {
            return Came::NotDone(format!("it cannot be recorded: {words}"));
        }
        self.notes.lose_sight();
        self.until_it_is_known().await
    }

    async fn take_back(mut self) -> Came {
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
