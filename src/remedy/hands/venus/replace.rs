//! A higher fee for the message that holds up its sender, and only where the fee is what it waits for.
//!
//! It costs money and signs something, so everything that 8.5 of the contract asks for is asked here, in one order.

use std::time::Duration;

use super::message::Blocked;
use super::{Making, left_alone};
use crate::actions::venus::{Change, ReplaceForm};
use crate::collectors::venus::About;
use crate::collectors::venus::amount::AttoFil;
use crate::collectors::venus::messager::{State, Whole};
use crate::collectors::venus::node::Actor;
use crate::values;

/// A younger message may land by itself: 20 epochs.
const OLD_ENOUGH: Duration = Duration::from_secs(600);
/// What was changed since then may have been replaced by somebody else, and a replacement needs some epochs.
const UNTOUCHED_FOR: Duration = Duration::from_secs(300);

impl Making<'_> {
    pub(super) async fn replace(&self, max_fee: &AttoFil) -> Result<String, String> {
        let blocked = self.blocked().await?;
        let case = &blocked.case;
        let left = |words: String| left_alone(format!("{}: {words}", case.what()));
        let form = form(blocked.waits.about.as_ref()).map_err(left)?;
        let desk = &self.reach.desk;
        let actor = desk.actor(&case.before.from).await.map_err(left_alone)?;
        blocked.may_be_replaced(&actor, max_fee).map_err(left)?;
        match desk.signs_for(&case.before.from).await {
            Some(true) => {}
            Some(false) => return Err(left("no wallet that is connected to a gateway signs for it".to_owned())),
            None => return Err(left("no gateway tells whether a wallet signs for it".to_owned())),
        }
        let id = &case.before.id;
        let called = case.send("replacing", &Change::Replace { id, max_fee, form }).await?;
        let after = case.after().await;
        let fees = after
            .as_ref()
            .map(|after| blocked.fees(after, max_fee))
            .unwrap_or_default();
        let is_new = |after: &Whole| after.signed.is_some() && after.signed != case.before.signed;
        if called.is_ok()
            && after
                .as_ref()
                .is_ok_and(|after| !is_new(after) && after.state == State::Filled)
        {
            let words = "the messager took the order to replace it, but it was not signed anew";
            return Err(format!("{}: {words}", case.what()));
        }
        let told = case.told("replaced", called, &after, is_new)?;
        Ok(told + &fees)
    }
}

/// What the messager wants to be told for it.
fn form(about: Option<&About>) -> Result<ReplaceForm, String> {
    match about {
        Some(about) if about.says_version() => Ok(ReplaceForm::Object),
        Some(_) => Ok(ReplaceForm::Positions),
        None => Err("its messager does not tell its version, and versions differ in this call".to_owned()),
    }
}

impl Blocked<'_> {
    /// Why it may not be replaced now.
    fn may_be_replaced(&self, actor: &Actor, max_fee: &AttoFil) -> Result<(), String> {
        self.is_next(actor)?;
        self.is_old_enough()?;
        let message = &self.case.before;
        let unknown = |what: &str| format!("its {what} is not known");
        let base_fee = self.head.head.base_fee.as_ref();
        let base_fee = base_fee.ok_or_else(|| "the base fee is not known".to_owned())?;
        let cap = message.fee_cap.as_ref().ok_or_else(|| unknown("fee cap"))?;
        if cap >= base_fee {
            let (cap, fee) = (cap.attofil(), base_fee.attofil());
            return Err(format!(
                "it pays up to {cap} attoFIL and the base fee is {fee}: it does not wait for its fee"
            ));
        }
        let limit = message
            .gas_limit
            .filter(|limit| *limit > 0)
            .ok_or_else(|| unknown("gas limit"))?;
        let most = max_fee.to_u128().unwrap_or_default();
        let affords = most / u128::from(limit);
        if base_fee.to_u128().is_none_or(|fee| affords < fee) {
            let fee = base_fee.attofil();
            return Err(format!(
                "`max_fee` of {max_fee} is {affords} attoFIL for each unit of its gas, and the base fee is {fee}: a replacement would wait as well"
            ));
        }
        let value = message
            .value
            .as_ref()
            .and_then(AttoFil::to_u128)
            .ok_or_else(|| unknown("value"))?;
        let balance = actor
            .balance
            .as_ref()
            .ok_or_else(|| "the sender's balance is not known".to_owned())?;
        let needs = most.checked_add(value).map(AttoFil::of_u128);
        if needs.as_ref().is_none_or(|needs| balance < needs) {
            return Err(format!("the sender has {balance}, less than it may cost"));
        }
        Ok(())
    }

    /// Every other message of the sender waits for this one.
    fn is_next(&self, actor: &Actor) -> Result<(), String> {
        match (self.case.before.nonce, actor.nonce) {
            (Some(own), Some(chain)) if own == chain => Ok(()),
            (Some(own), Some(chain)) if own < chain => Err(format!(
                "the chain has its nonce already (it expects {chain}): it is to be updated, not replaced"
            )),
            (Some(_), Some(chain)) => Err(format!(
                "the chain expects nonce {chain}, which no message has: it waits for that"
            )),
            _ => Err("its nonce, or the one that the chain expects, is not known".to_owned()),
        }
    }

    fn is_old_enough(&self) -> Result<(), String> {
        let least = values::Duration::from(OLD_ENOUGH);
        let age = self.case.age().ok_or_else(|| "how old it is is not known".to_owned())?;
        if age < OLD_ENOUGH {
            return Err(format!("it is younger than {least} and may land by itself"));
        }
        let message = &self.case.before;
        let now = self.case.making.hands.clock.now().wall;
        // Attempts to push it that fail change it as well, and leave an error.
        let touched = message.updated.filter(|_| message.error.is_none());
        match touched.map(|updated| updated.age_at(now)) {
            Some(since) if since < UNTOUCHED_FOR => {
                let within = values::Duration::from(UNTOUCHED_FOR);
                Err(format!(
                    "it was changed within the last {within}, perhaps replaced: wait"
                ))
            }
            _ => Ok(()),
        }
    }

    /// What it pays now.
    fn fees(&self, after: &Whole, max_fee: &AttoFil) -> String {
        let (Some(cap), Some(limit)) = (&after.fee_cap, after.gas_limit) else {
            return String::new();
        };
        let all = cap.to_u128().and_then(|cap| cap.checked_mul(u128::from(limit)));
        let all = all.map(AttoFil::of_u128);
        let dear = all.as_ref().is_none_or(|all| all > max_fee);
        let was = self.case.before.fee_cap.as_ref().map(|cap| cap.attofil().to_string());
        let mut words = format!(
            "; its fee cap is {} attoFIL, was {}, {} in all",
            cap.attofil(),
            was.unwrap_or_default(),
            all.map(|all| all.to_string()).unwrap_or_default()
        );
        if dear {
            words.push_str(", MORE than `max_fee`: look at the messager");
        }
        if self.head.head.base_fee.as_ref().is_some_and(|fee| cap < fee) {
            words.push_str("; that is still below the base fee");
        }
        words
    }
}
