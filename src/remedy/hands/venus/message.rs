//! What the actions on messages have in common: which message it is, that it is looked at right before and right after,
//! and that its id is in the journal before anything is sent.

use std::time::Duration;

use super::{Making, left_alone, undone};
use crate::actions::Failed;
use crate::actions::venus::{Change, Service};
use crate::collectors::venus::Waits;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::messager::{State, Whole};
use crate::collectors::venus::node::HeadSeen;
use crate::remedy::runner::Undone;
use crate::upstream::Fault;
use crate::values;

/// A message as it was right before something is done about it.
pub(super) struct Case<'a> {
    pub(super) making: &'a Making<'a>,
    pub(super) service: &'a Service,
    pub(super) messager: usize,
    pub(super) before: Whole,
}

/// What holds up a sender.
pub(super) struct Blocked<'a> {
    pub(super) case: Case<'a>,
    pub(super) waits: Waits,
    pub(super) head: HeadSeen,
}

impl Making<'_> {
    /// The sender that the symptom names.
    pub(super) fn sender(&self) -> Result<Address, Undone> {
        Address::read(&self.plan.entity).ok_or_else(|| {
            let shown = values::repeated(&self.plan.entity);
            left_alone(format!("{shown} is no sender of messages"))
        })
    }

    /// The filled message with the lowest nonce of the sender, if it is still filled and the nodes can be believed.
    pub(super) async fn blocked(&self) -> Result<Blocked<'_>, Undone> {
        let sender = self.sender()?;
        let desk = &self.reach.desk;
        let head = desk.head(self.hands.clock.now().wall).await.map_err(left_alone)?;
        let waits = desk.waits(&sender).await.map_err(left_alone)?;
        let Some(lowest) = &waits.lowest else {
            let brief = sender.brief();
            return Err(left_alone(format!("no message of {brief} is filled and waits")));
        };
        let case = self.case(&waits, &lowest.id).await?;
        if case.before.state != State::Filled {
            let words = format!("{} is {} by now", case.what(), case.before.state);
            return Err(left_alone(words));
        }
        Ok(Blocked { case, waits, head })
    }

    /// One message of the sender, as it is now.
    pub(super) async fn case(&self, waits: &Waits, id: &str) -> Result<Case<'_>, Undone> {
        let messager = waits.messager;
        Ok(Case {
            making: self,
            service: self.reach.messager(messager).map_err(left_alone)?,
            messager,
            before: self.reach.desk.message(messager, id).await.map_err(left_alone)?,
        })
    }
}

impl Case<'_> {
    /// `message 4b1c9e3a-… of f1pxc2…qodu5i (nonce 42, SubmitWindowedPoSt to f01000)`
    pub(super) fn what(&self) -> String {
        let message = &self.before;
        let nonce = match message.state {
            State::Unfilled => String::new(),
            _ => message
                .nonce
                .map(|nonce| format!("nonce {nonce}, "))
                .unwrap_or_default(),
        };
        format!(
            "message {} of {} ({nonce}{})",
            values::clean(&message.id),
            message.from.brief(),
            message.action()
        )
    }

    /// How old it is; `None` where it was created at no time.
    pub(super) fn age(&self) -> Option<Duration> {
        let now = self.making.hands.clock.now().wall;
        self.before.created.map(|created| created.age_at(now))
    }

    /// Notes what is about to be sent, and sends it.
    pub(super) async fn send(&self, does: &str, change: &Change<'_>) -> Result<Result<(), Failed>, Undone> {
        let words = format!("{does} {}", self.what());
        let noted = self.making.notes.note(words).await;
        noted.map_err(|e| left_alone(format!("it could not be noted: {e}")))?;
        // The looks and the note take their time, and a messager goes on meanwhile.
        let now = self.after().await.map_err(left_alone)?;
        if !self.is_as_it_was(&now) {
            let words = format!(
                "{}: it has changed since it was looked at and is {} now",
                self.what(),
                now.state
            );
            return Err(left_alone(words));
        }
        Ok(self.service.make(change).await)
    }

    fn is_as_it_was(&self, now: &Whole) -> bool {
        let before = &self.before;
        (before.state, before.nonce, &before.signed) == (now.state, now.nonce, &now.signed)
    }

    /// As it is right after.
    pub(super) async fn after(&self) -> Result<Whole, Fault> {
        let desk = &self.making.reach.desk;
        desk.message(self.messager, &self.before.id).await
    }

    /// What became of it, in words. `is_done` says whether the message itself shows it, also where no answer came.
    pub(super) fn told(
        &self,
        did: &str,
        called: Result<(), Failed>,
        after: &Result<Whole, Fault>,
        is_done: impl Fn(&Whole) -> bool,
    ) -> Result<String, Undone> {
        let what = self.what();
        let now = match after {
            Ok(after) => format!("it is {} now", after.state),
            Err(fault) => format!("how it is now is not known: {fault}"),
        };
        match called {
            Ok(()) => Ok(format!("{did} {what}; {now}")),
            Err(failed) if after.as_ref().is_ok_and(is_done) => Ok(format!(
                "{did} {what}; {now}, although the call failed: {}",
                failed.fault
            )),
            Err(failed) => Err(undone(failed.effect, format!("{what}: {failed}; {now}"))),
        }
    }
}
