//! Messages that the chain refuses each time take places from others. Only what was never given a nonce is given up: of
//! anything else a gap would remain, behind which everything hangs.

use std::str::FromStr;
use std::time::Duration;

use super::message::Case;
use super::{Making, left_alone};
use crate::actions::venus::Change;
use crate::collectors::venus::error_class::{ErrorClass, ExitCode, Stage};
use crate::collectors::venus::messager::State;
use crate::collectors::venus::node::HeadSeen;
use crate::remedy::runner::Undone;
use crate::values;

/// Until then a fault that passes may have caused it: a node that was behind, a parent that had not landed.
const OLD_ENOUGH: Duration = Duration::from_secs(1800);
/// One selection takes 20.
const MOST: u32 = 20;

/// The chain's reasons for which a message is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::remedy::hands) struct ExitCodes(Vec<ExitCode>);

impl FromStr for ExitCodes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split([',', ' ']).filter(|name| !name.is_empty());
        let codes = names.map(|name| {
            let shown = values::repeated(name);
            ExitCode::named(name)
                .ok_or_else(|| format!("{shown} is no reason of the chain; it is like illegal_argument"))
        });
        let codes: Vec<ExitCode> = codes.collect::<Result<_, _>>()?;
        if codes.is_empty() {
            return Err("name at least one reason, like illegal_argument".to_owned());
        }
        Ok(Self(codes))
    }
}

/// Messages at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::remedy::hands) struct Most(u32);

impl Default for Most {
    fn default() -> Self {
        Self(1)
    }
}

impl FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
        number
            .map(Self)
            .ok_or_else(|| format!("a number from 1 to {MOST} is expected here"))
    }
}

impl Making<'_> {
    pub(super) async fn mark_bad(&self, exit_codes: &ExitCodes, most: Most) -> Result<String, Undone> {
        let sender = self.sender()?;
        let desk = &self.reach.desk;
        let head = desk.head(self.hands.clock.now().wall).await.map_err(left_alone)?;
        let waits = desk.waits(&sender).await.map_err(left_alone)?;
        let (mut done, mut barred) = (Vec::new(), None);
        for message in &waits.failing {
            if done.len() >= usize::try_from(most.0).unwrap_or(usize::MAX) {
                break;
            }
            let case = match self.case(&waits, &message.id).await {
                Ok(case) => case,
                Err(undone) => return Err(so_far(&done, undone)),
            };
            if let Err(words) = case.may_be_given_up(exit_codes, &head).await {
                barred.get_or_insert(format!("{}: {words}", case.what()));
                continue;
            }
            match case.give_up().await {
                Ok(words) => done.push(words),
                Err(undone) => return Err(so_far(&done, undone)),
            }
        }
        if done.is_empty() {
            let none = || format!("no unfilled message of {} has an error", sender.brief());
            return Err(left_alone(barred.unwrap_or_else(none)));
        }
        Ok(format!("{}; whoever sent it must decide again", done.join("; ")))
    }
}

/// What was done before something failed.
fn so_far(done: &[String], undone: Undone) -> Undone {
    if done.is_empty() {
        return undone;
    }
    Undone::Failed(format!("{}; {undone}", done.join("; ")))
}

impl Case<'_> {
    /// Why it may not be given up now.
    async fn may_be_given_up(&self, exit_codes: &ExitCodes, head: &HeadSeen) -> Result<(), String> {
        let message = &self.before;
        if message.state != State::Unfilled {
            return Err(format!("it is {} by now", message.state));
        }
        if message.signed.is_some() || message.nonce.is_some_and(|nonce| nonce > 0) {
            return Err("it was given a nonce or a signature: giving it up would leave a gap".to_owned());
        }
        let error = message.error.as_deref().ok_or("it has no error")?;
        let class = ErrorClass::of(error);
        if class.stage != Stage::GasEstimate || !exit_codes.0.contains(&class.exit_code) {
            return Err(format!("its error ({}) is not one of `exit_codes`", class.words()));
        }
        let least = values::Duration::from(OLD_ENOUGH);
        match self.age() {
            Some(age) if age > OLD_ENOUGH => {}
            Some(_) => return Err(format!("it is not older than {least}")),
            None => return Err("how old it is is not known".to_owned()),
        }
        if message.is_window_post() {
            self.window_is_closed(head).await?;
        }
        Ok(())
    }

    /// A proof for a window is given up only when another window has opened since it was made.
    async fn window_is_closed(&self, head: &HeadSeen) -> Result<(), String> {
        let unknown = || "it proves a window, and whether that has closed is not known".to_owned();
        let miner = self.before.to.as_ref().ok_or_else(unknown)?;
        let made = self
            .before
            .created
            .and_then(|made| head.chain.expected(made))
            .ok_or_else(unknown)?;
        let window = self.making.reach.desk.window(miner).await;
        let opened = window
            .map_err(|fault| format!("{}: {fault}", unknown()))?
            .open
            .ok_or_else(unknown)?;
        if made < opened {
            return Ok(());
        }
        Err("it proves a window that may still be open".to_owned())
    }

    async fn give_up(&self) -> Result<String, Undone> {
        let called = self.send("giving up", &Change::MarkBad { id: &self.before.id }).await?;
        let after = self.after().await;
        let is_given_up = after.as_ref().map(|after| after.state == State::Failed);
        if called.is_ok() && is_given_up == Ok(false) {
            let words = "the messager took the order to give it up, and it is not marked bad";
            return Err(Undone::Failed(format!("{}: {words}", self.what())));
        }
        if let Ok(now) = &after
            && (now.signed.is_some() || now.nonce.is_some_and(|nonce| nonce > 0))
        {
            let words = "it was given a nonce in the same moment: where that is missing, its sender waits for it; a person must look";
            return Err(Undone::Failed(format!("{}: {words}", self.what())));
        }
        let told = self.told("gave up", called, &after, |after| after.state == State::Failed)?;
        let error = self.before.error.as_deref().unwrap_or_default();
        Ok(format!("{told} (its error: {})", values::clean(error)))
    }
}
